import { newPinCounts } from '../policies/next_step.ts'
import type { Policy } from '../policies/policy.ts'
import { type Account, isProtectedAlike } from './account.ts'
import { auditEntry } from './audit.ts'
import { makeNewPin, type NewPinRefusal, type TypedPin } from './new_pin.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin } from './ports.ts'

export type DefinePinResult =
  /** `counts`: the new PIN is a factor already in this sign-in. Only the account's very first one does. */
  | { readonly ok: true; readonly counts: boolean }
  | { readonly ok: false; readonly reason: NewPinRefusal | 'changed_meanwhile' }

/**
 * Defines a person's PIN and with it the protection `pin`. The caller has made sure that it is
 * theirs to define: they have none, or have just proved the one that the school generated.
 */
export const definePin = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: TypedPin,
  origin: Origin,
): Promise<DefinePinResult> => {
  const made = await makeNewPin(deps, account, policy, typed, origin)
  if (!made.ok) {
    return made
  }
  const { sub } = account
  const { pin } = made
  const counts = newPinCounts(account, pin.setAt)
  return deps.store.transact(async (tables): Promise<DefinePinResult> => {
    // Of two tabs that both define one, the second must not silently win.
    const alike = isProtectedAlike(account, await tables.accounts.bySub(sub))
    if (!alike || !(await tables.accounts.replacePin(sub, account.pin?.sealed ?? null, pin))) {
      return { ok: false, reason: 'changed_meanwhile' }
    }
    await tables.accounts.setProtection(sub, 'pin')
    await tables.devices.removeAll(sub, 'notification')
    await tell(deps, tables, sub, 'pin_defined', { params: whence(origin) })
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
