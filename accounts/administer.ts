import { generatePin } from '../policies/pin_rules.ts'
import { type Account, isBlockedPin } from './account.ts'
import { auditEntry } from './audit.ts'
import { tell } from './notices.ts'
import type { Deps, HashLane } from './ports.ts'
import { pinOwner } from './verify_pin.ts'

/** What an administrator asked; `changed`: false when it was so already. */
export type AdministerResult =
  | { readonly ok: true; readonly changed: boolean }
  | { readonly ok: false; readonly reason: 'unknown_account' | 'no_pin' }

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

/** Lets a blocked PIN be tried again: the PIN stays, the counts go. */
export const unblockPin = (deps: Deps, sub: string, by: string): Promise<AdministerResult> =>
  deps.store.transact(async (tables): Promise<AdministerResult> => {
    const account = await tables.accounts.bySub(sub)
    if (account === null) {
      return { ok: false, reason: 'unknown_account' }
    }
    if (account.pin === null) {
      return { ok: false, reason: 'no_pin' }
    }
    const blocked = isBlockedPin(account.pin)
    await tables.accounts.setPinBlocked(sub, null)
    await tables.pinTries.clear(sub)
    await tables.audit.append(
      auditEntry(deps, { act: 'pin_unblocked', actor: by, sub, detail: { blocked } }),
    )
    return { ok: true, changed: blocked }
  })

/** A PIN nobody would guess of this person, hashed for them. */
const generate = async (
  deps: Deps,
  account: Account,
  length: number,
): Promise<{ pin: string; sealed: string }> => {
  const { identifier, birthDate } = account
  const pin = generatePin(length, deps.random.below, {
    identifier,
    birthDate: birthDate ?? undefined,
    refuseDates: true,
  })
  return { pin, sealed: await deps.hasher.hash(pin, pinOwner(account.sub), LANE) }
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
  const policy = (await deps.store.policies.current())[account.userType]
  if (!policy.protections.includes('pin')) {
    return { ok: false, reason: 'pin_not_offered' }
  }
  const length = policy.pin.min_length
  const { pin, sealed } = await generate(deps, account, length)
  const result = await deps.store.transact(async (tables): Promise<ResetPinResult> => {
    const nowMs = deps.clock()
    const stored = await tables.accounts.replacePin(sub, account.pin?.sealed ?? null, {
      sealed,
      origin: 'generated',
      setAt: nowMs,
      length,
      blockedAt: null,
    })
    if (!stored) {
      return { ok: false, reason: 'changed_meanwhile' }
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
    return { ok: true, pin, devicesForgotten }
  })
  if (result.ok) {
    await endEverything(sub)
  }
  return result
}

/** Shuts an account out: durable first (`valid_after`), then its sessions end. */
export const disable = async (
  deps: Deps,
  endEverything: EndEverything,
  sub: string,
  by: string,
): Promise<AdministerResult> => {
  const result = await deps.store.transact(async (tables): Promise<AdministerResult> => {
    const account = await tables.accounts.bySub(sub)
    if (account === null) {
      return { ok: false, reason: 'unknown_account' }
    }
    if (account.disabledAt !== null) {
      return { ok: true, changed: false }
    }
    const nowMs = deps.clock()
    await tables.accounts.setDisabled(sub, nowMs)
    await tables.accounts.voidBefore(sub, nowMs)
    await tables.audit.append(auditEntry(deps, { act: 'account_disabled', actor: by, sub }))
    return { ok: true, changed: true }
  })
  if (result.ok) {
    // Also when it was disabled already: an earlier try may have stopped half way.
    await endEverything(sub)
  }
  return result
}

/** Lets a disabled account in again. What was void stays void. */
export const enable = (deps: Deps, sub: string, by: string): Promise<AdministerResult> =>
  deps.store.transact(async (tables): Promise<AdministerResult> => {
    const account = await tables.accounts.bySub(sub)
    if (account === null) {
      return { ok: false, reason: 'unknown_account' }
    }
    if (account.disabledAt === null) {
      return { ok: true, changed: false }
    }
    await tables.accounts.setDisabled(sub, null)
    await tables.audit.append(auditEntry(deps, { act: 'account_enabled', actor: by, sub }))
    return { ok: true, changed: true }
  })
