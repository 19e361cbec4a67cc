import type { Policy, Protection } from '../policies/policy.ts'
import { type Account, isBlockedPin, isProtectedAlike } from './account.ts'
import { auditEntry } from './audit.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin, Tables } from './ports.ts'

/*
 * What a person changes about the protection of their own account. Callers have made sure of a
 * fresh proof of the account's strongest factor.
 */

/** The PIN that the policy lets the account have, and that it has. */
const pinInUse = ({ pin }: Account, { protections }: Policy): Account['pin'] =>
  protections.includes('pin') ? pin : null

export type ChangeProtectionResult =
  | { readonly ok: true; readonly pinRemoved: boolean }
  | {
      readonly ok: false
      /** `no_pin`: one has to be defined. `pin_blocked`: and nothing stands in for it. */
      readonly reason: 'not_offered' | 'no_pin' | 'pin_blocked' | 'changed_meanwhile'
    }

/** Devices that spared what is asked no more, or what does not do any more. */
const forgetAfterChoice = async (
  { devices }: Tables,
  sub: string,
  choice: Protection,
  removesPin: boolean,
): Promise<number> => {
  if (choice === 'pin') {
    return devices.removeAll(sub, 'notification') // They spare a notice, never a PIN.
  }
  return removesPin ? devices.removeAll(sub, 'pin') : 0
}

/**
 * Chooses among the protections that the policy offers. Any other than `pin` removes the PIN that
 * is in use, with the devices added under it; one that the policy has abolished stays, unseen. A
 * blocked PIN gives way to a passcode only: its proof may be older than the guesses.
 */
export const changeProtection = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  choice: Protection,
  { byPasscode }: { readonly byPasscode: boolean },
  origin: Origin,
): Promise<ChangeProtectionResult> => {
  const { sub } = account
  const inUse = pinInUse(account, policy)
  if (!policy.protections.includes(choice)) {
    return { ok: false, reason: 'not_offered' }
  }
  if (choice === 'pin' && inUse === null) {
    return { ok: false, reason: 'no_pin' }
  }
  if (inUse !== null && isBlockedPin(inUse) && !byPasscode) {
    return { ok: false, reason: 'pin_blocked' }
  }
  const removesPin = choice !== 'pin' && inUse !== null
  const done = { ok: true, pinRemoved: removesPin } as const
  if (account.protection === choice && !removesPin) {
    return done
  }
  return deps.store.transact(async (tables): Promise<ChangeProtectionResult> => {
    const now = await tables.accounts.bySub(sub)
    if (!isProtectedAlike(account, now)) {
      // Sent twice, or in two tabs: whoever comes later finds it done.
      const isDone = now?.protection === choice && !(removesPin && now.pin !== null)
      return isDone ? done : { ok: false, reason: 'changed_meanwhile' }
    }
    await tables.accounts.setProtection(sub, choice)
    if (removesPin) {
      await tables.accounts.removePin(sub)
      await tables.pinTries.clear(sub)
    }
    const forgotten = await forgetAfterChoice(tables, sub, choice, removesPin)
    await tell(deps, tables, sub, 'protection_changed', { params: whence(origin) })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'protection_changed',
        sub,
        origin,
        detail: {
          protection: choice,
          before: account.protection,
          pin_removed: removesPin,
          devices_forgotten: forgotten,
        },
      }),
    )
    return done
  })
}

/** Whatever is not, or no more, a device of this person is passed over, and nothing tells which. */
export const forgetDevice = (
  deps: Deps,
  { sub }: Account,
  id: string,
  origin: Origin,
): Promise<void> =>
  deps.store.transact(async (tables) => {
    const device = (await tables.devices.list(sub)).find((each) => each.id === id)
    if (device === undefined) {
      return
    }
    const { name, browserId } = device
    await tables.devices.remove(id)
    await tell(deps, tables, sub, 'devices_forgotten', {
      params: { device: name, ...whence(origin) },
    })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'device_forgotten',
        sub,
        origin,
        browserId,
        detail: { why: 'owner' },
      }),
    )
  })

export const forgetDevices = (deps: Deps, { sub }: Account, origin: Origin): Promise<void> =>
  deps.store.transact(async (tables) => {
    const devices = await tables.devices.removeAll(sub)
    if (devices === 0) {
      return
    }
    await tell(deps, tables, sub, 'devices_forgotten', { params: whence(origin) })
    await tables.audit.append(
      auditEntry(deps, { act: 'device_forgotten', sub, origin, detail: { why: 'owner', devices } }),
    )
  })
