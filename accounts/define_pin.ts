import { newPinCounts } from '../policies/next_step.ts'
import { judgePin, type PinRefusal } from '../policies/pin_rules.ts'
import type { Policy } from '../policies/policy.ts'
import { type Account, isProtectedAlike, type PinRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { laneOfPerson } from './lane.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin } from './ports.ts'
import { pinOwner } from './verify_pin.ts'

export type DefinePinResult =
  /** `counts`: the new PIN is a factor already in this sign-in. Only the account's very first one does. */
  | { readonly ok: true; readonly counts: boolean }
  | { readonly ok: false; readonly reason: PinRefusal | 'mismatch' | 'same' | 'changed_meanwhile' }

/**
 * Defines a person's PIN and with it the protection `pin`. The caller has made sure that it is
 * theirs to define: they have none, or have just proved the one that the school generated.
 */
export const definePin = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: { pin: string; confirmation: string },
  origin: Origin,
): Promise<DefinePinResult> => {
  const { sub } = account
  if (typed.pin !== typed.confirmation) {
    return { ok: false, reason: 'mismatch' }
  }
  const verdict = judgePin(typed.pin, {
    identifier: account.identifier,
    ...(account.birthDate === null ? {} : { birthDate: account.birthDate }),
    minLength: policy.pin.min_length,
    maxLength: policy.pin.max_length,
    refuseDates: policy.pin.refuse_dates,
  })
  if (!verdict.ok) {
    return verdict
  }
  const lane = await laneOfPerson(deps, account, origin)
  if (account.pin !== null) {
    const { right: same } = await deps.hasher.verify(
      typed.pin,
      account.pin.sealed,
      pinOwner(sub),
      lane,
    )
    if (same) {
      return { ok: false, reason: 'same' }
    }
  }
  const sealed = await deps.hasher.hash(typed.pin, pinOwner(sub), lane)
  const nowMs = deps.clock()
  const pin: PinRecord = {
    sealed,
    origin: 'chosen',
    setAt: nowMs,
    length: typed.pin.length,
    blockedAt: null,
  }
  const counts = newPinCounts(account, nowMs)
  return deps.store.transact(async (tables): Promise<DefinePinResult> => {
    // Of two tabs that both define one, the second must not silently win.
    const alike = isProtectedAlike(account, await tables.accounts.bySub(sub))
    if (!alike || !(await tables.accounts.replacePin(sub, account.pin?.sealed ?? null, pin))) {
      return { ok: false, reason: 'changed_meanwhile' }
    }
    await tables.accounts.setProtection(sub, 'pin')
    await tables.devices.removeAll(sub, 'notification')
    await tell(deps, tables, sub, 'pin_defined')
    await tables.audit.append(
      auditEntry(deps, {
        act: 'pin_defined',
        sub,
        origin,
        detail: { replaced: account.pin !== null },
      }),
    )
    return { ok: true, counts }
  })
}

/**
 * The other choices of the first connection; false when the policy does not offer this one, or
 * when somebody has chosen, or defined a PIN, meanwhile.
 */
export const chooseProtection = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  protection: 'notification' | 'none',
  origin: Origin,
): Promise<boolean> => {
  if (!policy.protections.includes(protection)) {
    return false
  }
  return deps.store.transact(async (tables) => {
    if (!isProtectedAlike(account, await tables.accounts.bySub(account.sub))) {
      return false
    }
    await tables.accounts.setProtection(account.sub, protection)
    // Somebody who knows the password alone may have chosen it, and nothing else would tell.
    await tell(deps, tables, account.sub, 'protection_chosen', { params: whence(origin) })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'protection_chosen',
        sub: account.sub,
        origin,
        detail: { protection },
      }),
    )
    return true
  })
}
