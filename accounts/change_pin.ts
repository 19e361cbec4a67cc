import type { Policy } from '../policies/policy.ts'
import { type Account, isBlockedPin, isProtectedAlike, type PinRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { makeNewPin, type NewPinRefusal, type TypedPin } from './new_pin.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin } from './ports.ts'
import { type PinResult, verifyPin } from './verify_pin.ts'

/** `current_…`: what became of the PIN in use that was typed; `blocked`: by now, or before. */
export type ChangePinResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason:
        | NewPinRefusal
        | 'current_wrong'
        | 'current_format'
        | 'blocked'
        | 'busy'
        | 'changed_meanwhile'
    }

type Refusal = Extract<ChangePinResult, { ok: false }>['reason']

const OF_CURRENT: Record<Extract<PinResult, { ok: false }>['reason'], Refusal> = {
  wrong: 'current_wrong',
  format: 'current_format',
  blocked: 'blocked',
  busy: 'busy',
}

export interface TypedChange extends TypedPin {
  /** The PIN in use; null: a passcode stands in for it. */
  readonly current: string | null
}

/** The PIN is another by now. The same form, sent twice at one moment, is content with its own. */
const changedMeanwhile = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: TypedPin,
  origin: Origin,
): Promise<ChangePinResult> => {
  const now = await deps.store.accounts.bySub(account.sub)
  const again = now === null ? null : await makeNewPin(deps, now, policy, typed, origin)
  const isThere = again?.ok === false && again.reason === 'same'
  return isThere ? { ok: true } : { ok: false, reason: 'changed_meanwhile' }
}

/** False: the account is protected otherwise by now. */
const storeChange = (
  deps: Deps,
  account: Account,
  { former, pin, provedBy }: { former: PinRecord; pin: PinRecord; provedBy: 'pin' | 'passcode' },
  origin: Origin,
): Promise<boolean> =>
  deps.store.transact(async (tables) => {
    const { sub } = account
    const alike = isProtectedAlike(account, await tables.accounts.bySub(sub))
    if (!alike || !(await tables.accounts.replacePin(sub, former.sealed, pin))) {
      return false
    }
    const blocked = isBlockedPin(former)
    await tables.accounts.setProtection(sub, 'pin')
    await tables.pinTries.clear(sub)
    const forgotten = await tables.devices.removeAll(sub, blocked ? undefined : 'notification')
    await tell(deps, tables, sub, 'pin_changed', { params: whence(origin) })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'pin_changed',
        sub,
        origin,
        detail: { proved_by: provedBy, was_blocked: blocked, devices_forgotten: forgotten },
      }),
    )
    return true
  })

/**
 * Replaces a PIN by its owner, who types the one in use: its tries count, and may block it. Where a
 * passcode stands in for one that was forgotten or is blocked, the block ends. Recognised devices
 * stay, unless the PIN was blocked: somebody was guessing it.
 */
export const changePin = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: TypedChange,
  origin: Origin,
): Promise<ChangePinResult> => {
  if (typed.current !== null) {
    const proved = await verifyPin(deps, account, typed.current, origin)
    if (!proved.ok) {
      return { ok: false, reason: OF_CURRENT[proved.reason] }
    }
  }
  // Read again: an old hash that was right has just been made anew.
  const now = await deps.store.accounts.bySub(account.sub)
  if (now === null || now.pin === null || !isProtectedAlike(account, now)) {
    return changedMeanwhile(deps, account, policy, typed, origin)
  }
  const made = await makeNewPin(deps, now, policy, typed, origin)
  if (!made.ok) {
    return made
  }
  const provedBy = typed.current === null ? 'passcode' : 'pin'
  const change = { former: now.pin, pin: made.pin, provedBy } as const
  return (await storeChange(deps, account, change, origin))
    ? { ok: true }
    : changedMeanwhile(deps, account, policy, typed, origin)
}
