import { truncateNetwork } from '../policies/network.ts'
import { type Account, isBlockedPin, type PinRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { keepPlace } from './keep_place.ts'
import { notice } from './notices.ts'
import type { Deps, HashPlace, Origin, Presented } from './ports.ts'
import { renewPin } from './renew_hash.ts'
import { laneOf, presentedBrowser } from './sign_in.ts'

export const pinOwner = (sub: string): string => `pin:${sub}`

export type PinResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'format' | 'blocked' | 'busy' }
  | { readonly ok: false; readonly reason: 'wrong'; readonly left: number }

export const PIN_FORMAT = /^\d{4,12}$/

/**
 * Whose tries these are: a success clears those of its own browser only. A stale copy of the
 * cookie is told from the browser it was copied from, or that one's success would clear its tries.
 */
const triedFrom = (presented: Presented, origin: Origin): string => {
  switch (presented.kind) {
    case 'known':
      return presented.browserId
    case 'stale':
      return `copy:${presented.browserId}`
    case 'unknown':
      return `network:${truncateNetwork(origin.address)}`
  }
}

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
  const { pin } = account
  if (!PIN_FORMAT.test(typed)) {
    return { ok: false, reason: 'format' }
  }
  if (pin === null || isBlockedPin(pin)) {
    return { ok: false, reason: 'blocked' }
  }
  const presented = await presentedBrowser(deps, origin)
  return keepPlace(deps, laneOf(presented, origin), (place) =>
    checkPin(deps, { account, pin, typed }, origin, presented, place),
  )
}

const checkPin = async (
  deps: Deps,
  { account, pin, typed }: { account: Account; pin: PinRecord; typed: string },
  origin: Origin,
  presented: Presented,
  place: HashPlace,
): Promise<PinResult> => {
  const { sub } = account
  const policies = await deps.store.policies.current()
  const limit = policies[account.userType].pin.tries
  const browserId = presented.kind === 'unknown' ? null : presented.browserId
  const browser = triedFrom(presented, origin)
  const begun = await deps.store.pinTries.begin(sub, browser, limit, deps.clock())
  if (!begun.ok) {
    return begun
  }
  const { right, stale } = await deps.hasher
    .verify(typed, pin.sealed, pinOwner(sub), place)
    .catch(async (error: unknown) => {
      await deps.store.pinTries.release(begun.tryId)
      throw error
    })
  const result = await deps.store.transact(async (tables): Promise<PinResult> => {
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
  if (result.ok && stale) {
    const proved = { secret: typed, owner: pinOwner(sub), stale: pin.sealed }
    await renewPin(deps, sub, place, proved)
  }
  return result
}
