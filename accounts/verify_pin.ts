import { truncateNetwork } from '../policies/network.ts'
import { isBlockedPin, type Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { notice } from './notices.ts'
import type { Deps, Origin } from './ports.ts'
import { laneOf, presentedBrowser } from './sign_in.ts'

export const pinOwner = (sub: string): string => `pin:${sub}`

export type PinResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'format' | 'blocked' | 'busy' }
  | { readonly ok: false; readonly reason: 'wrong'; readonly left: number }

export const PIN_FORMAT = /^\d{4,12}$/

/**
 * Checks the PIN of somebody whose password was proved. A try is reserved before anything is
 * hashed, so that parallel guesses share one limit; what is no PIN at all is not counted.
 */
export const verifyPin = async (
  deps: Deps,
  account: Account,
  typed: string,
  origin: Origin,
): Promise<PinResult> => {
  const { sub, pin } = account
  if (!PIN_FORMAT.test(typed)) {
    return { ok: false, reason: 'format' }
  }
  if (pin === null || isBlockedPin(pin)) {
    return { ok: false, reason: 'blocked' }
  }
  const presented = await presentedBrowser(deps, origin)
  const lane = laneOf(presented, origin)
  deps.hasher.assertRoom(lane)
  const policies = await deps.store.policies.current()
  const limit = policies[account.userType].pin.tries
  const browserId = presented.kind === 'unknown' ? null : presented.browserId
  const browser = browserId ?? `network:${truncateNetwork(origin.address)}`
  const begun = await deps.store.pinTries.begin(sub, browser, limit, deps.clock())
  if (!begun.ok) {
    return begun
  }
  const { right } = await deps.hasher
    .verify(typed, pin.sealed, pinOwner(sub), lane)
    .catch(async (error: unknown) => {
      await deps.store.pinTries.release(begun.tryId)
      throw error
    })
  return deps.store.transact(async (tables): Promise<PinResult> => {
    if (right) {
      await tables.pinTries.right(sub, begun.tryId, browser)
      await tables.audit.append(auditEntry(deps, { act: 'pin_right', sub, origin, browserId }))
      return { ok: true }
    }
    const { blocked, left } = await tables.pinTries.wrong(sub, begun.tryId, limit, deps.clock())
    const refused = { outcome: 'refused', sub, origin, browserId } as const
    await tables.audit.append(auditEntry(deps, { act: 'pin_wrong', ...refused, detail: { left } }))
    if (!blocked) {
      return { ok: false, reason: 'wrong', left }
    }
    await tables.notices.add(notice(deps, sub, 'pin_blocked'))
    await tables.audit.append(auditEntry(deps, { act: 'pin_blocked', ...refused }))
    return { ok: false, reason: 'blocked' }
  })
}
