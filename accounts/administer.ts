import { generatePin } from '../policies/pin_rules.ts'
import { policyFor } from '../policies/policy.ts'
import { type Account, isBlockedPin } from './account.ts'
import { administratorsLeft } from './administrators.ts'
import { auditEntry } from './audit.ts'
import { tell } from './notices.ts'
import type { Deps, HashLane, Tables } from './ports.ts'
import { pinOwner } from './verify_pin.ts'

/** What an administrator asked; `changed`: false when it was so already. */
export type AdministerResult =
  | { readonly ok: true; readonly changed: boolean }
  | { readonly ok: false; readonly reason: 'unknown_account' | 'no_pin' | 'last_administrator' }

export type ResetPinResult =
  /** `pin` is shown once and kept nowhere. */
  | { readonly ok: true; readonly pin: string; readonly devicesForgotten: number }
  | {
      readonly ok: false
      readonly reason: 'unknown_account' | 'pin_not_offered' | 'changed_meanwhile'
    }

/** Ends the sessions, grants and refresh tokens of one account. */
export type EndEverything = (sub: string) => Promise<void>

const LANE: HashLane = { known: true, key: 'administration' }

/** What an act does to one account, in the caller's transaction. */
type ActIn = (deps: Deps, tables: Tables, account: Account, by: string) => Promise<AdministerResult>

/** Runs an act in a transaction of its own. */
const alone = (act: ActIn, deps: Deps, sub: string, by: string): Promise<AdministerResult> =>
  deps.store.transact(async (tables): Promise<AdministerResult> => {
    const account = await tables.accounts.bySub(sub)
    return account === null
      ? { ok: false, reason: 'unknown_account' }
      : act(deps, tables, account, by)
  })

/** As `unblockPin`, in the caller's transaction. */
export const unblockPinIn: ActIn = async (deps, tables, { sub, pin }, by) => {
  if (pin === null) {
    return { ok: false, reason: 'no_pin' }
  }
  const blocked = isBlockedPin(pin)
  await tables.accounts.setPinBlocked(sub, null)
  await tables.pinTries.clear(sub)
  await tables.audit.append(
    auditEntry(deps, { act: 'pin_unblocked', actor: by, sub, detail: { blocked } }),
  )
  return { ok: true, changed: blocked }
}

/** Lets a blocked PIN be tried again: the PIN stays, the counts go. */
export const unblockPin = (deps: Deps, sub: string, by: string): Promise<AdministerResult> =>
  alone(unblockPinIn, deps, sub, by)

/** A generated PIN in clear, and as it is stored. */
export interface GeneratedPin {
  readonly pin: string
  readonly sealed: string
  readonly length: number
}

/** A PIN nobody would guess of this person, hashed for them. */
export const generatePinFor = async (
  deps: Deps,
  account: Account,
  length: number,
): Promise<GeneratedPin> => {
  const { identifier, birthDate } = account
  const pin = generatePin(length, deps.random.below, {
    identifier,
    birthDate: birthDate ?? undefined,
    refuseDates: true,
  })
  return { pin, length, sealed: await deps.hasher.hash(pin, pinOwner(account.sub), LANE) }
}

/**
 * Puts a generated PIN in the place of the one that `account` was read with; null: it has another
 * one since. Returns how many devices were forgotten. In the caller's transaction; the caller then
 * ends the sessions.
 */
export const givePinIn = async (
  deps: Deps,
  tables: Tables,
  { sub, pin: was }: Pick<Account, 'sub' | 'pin'>,
  { sealed, length }: Omit<GeneratedPin, 'pin'>,
  by: string,
): Promise<number | null> => {
  const nowMs = deps.clock()
  const stored = await tables.accounts.replacePin(sub, was?.sealed ?? null, {
    sealed,
    origin: 'generated',
    setAt: nowMs,
    length,
    blockedAt: null,
  })
  if (!stored) {
    return null
  }
  // Handed out to be asked for, whatever the person had chosen before.
  await tables.accounts.setProtection(sub, 'pin')
  await tables.pinTries.clear(sub)
  const devicesForgotten = await tables.devices.removeAll(sub)
  await tables.accounts.voidBefore(sub, nowMs)
  await tell(deps, tables, sub, 'pin_reset')
  await tables.audit.append(
    auditEntry(deps, {
      act: 'pin_generated',
      actor: by,
      sub,
      detail: { devices_forgotten: devicesForgotten },
    }),
  )
  return devicesForgotten
}

/**
 * Gives a person a generated PIN, to be changed at first use, and with it the protection `pin`.
 * Whoever held the old one is out: recognised devices are forgotten, and what was proved or issued
 * before is void.
 */
export const resetPin = async (
  deps: Deps,
  endEverything: EndEverything,
  sub: string,
  by: string,
): Promise<ResetPinResult> => {
  const account = await deps.store.accounts.bySub(sub)
  if (account === null) {
    return { ok: false, reason: 'unknown_account' }
  }
  const policy = policyFor(await deps.store.policies.current(), account)
  if (!policy.protections.includes('pin')) {
    return { ok: false, reason: 'pin_not_offered' }
  }
  const generated = await generatePinFor(deps, account, policy.pin.min_length)
  const result = await deps.store.transact(async (tables): Promise<ResetPinResult> => {
    const devicesForgotten = await givePinIn(deps, tables, account, generated, by)
    return devicesForgotten === null
      ? { ok: false, reason: 'changed_meanwhile' }
      : { ok: true, pin: generated.pin, devicesForgotten }
  })
  if (result.ok) {
    await endEverything(sub)
  }
  return result
}

/** As `disable`, in the caller's transaction; the caller then ends the sessions. */
export const disableIn = async (
  deps: Deps,
  tables: Tables,
  { sub, role, disabledAt }: Pick<Account, 'sub' | 'role' | 'disabledAt'>,
  by: string,
  evenTheLast = false,
): Promise<AdministerResult> => {
  if (disabledAt !== null) {
    return { ok: true, changed: false }
  }
  const isLast = role === 'identity_admin' && (await administratorsLeft(tables, sub)) === 0
  if (isLast && !evenTheLast) {
    return { ok: false, reason: 'last_administrator' }
  }
  const nowMs = deps.clock()
  await tables.accounts.setDisabled(sub, nowMs)
  await tables.accounts.voidBefore(sub, nowMs)
  await tables.audit.append(auditEntry(deps, { act: 'account_disabled', actor: by, sub }))
  return { ok: true, changed: true }
}

/**
 * Shuts an account out: durable first (`valid_after`), then its sessions end. The last identity
 * administrator only where that is said: `evenTheLast`.
 */
export const disable = async (
  deps: Deps,
  endEverything: EndEverything,
  sub: string,
  by: string,
  { evenTheLast = false }: { readonly evenTheLast?: boolean } = {},
): Promise<AdministerResult> => {
  const act: ActIn = (...args) => disableIn(...args, evenTheLast)
  const result = await alone(act, deps, sub, by)
  if (result.ok) {
    // Also when it was disabled already: an earlier try may have stopped half way.
    await endEverything(sub)
  }
  return result
}

/** As `enable`, in the caller's transaction. */
export const enableIn: ActIn = async (deps, tables, { sub, disabledAt }, by) => {
  if (disabledAt === null) {
    return { ok: true, changed: false }
  }
  await tables.accounts.setDisabled(sub, null)
  await tables.audit.append(auditEntry(deps, { act: 'account_enabled', actor: by, sub }))
  return { ok: true, changed: true }
}

/** Lets a disabled account in again. What was void stays void. */
export const enable = (deps: Deps, sub: string, by: string): Promise<AdministerResult> =>
  alone(enableIn, deps, sub, by)
