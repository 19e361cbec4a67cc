import { FADE_MS } from '../policies/lockout.ts'
import { truncateNetwork } from '../policies/network.ts'
import { type Policy, policyFor } from '../policies/policy.ts'
import { type Account, isBlockedPin, type PinRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { deviceHere } from './devices.ts'
import { keepPlace } from './keep_place.ts'
import { laneOfPerson, presentedBrowser } from './lane.ts'
import { tell, whence } from './notices.ts'
import type { Deps, HashPlace, Origin, PinTries, Presented, Tables } from './ports.ts'
import { renewPin } from './renew_hash.ts'

export const pinOwner = (sub: string): string => `pin:${sub}`

export type PinResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'format' | 'blocked' | 'busy' }
  | { readonly ok: false; readonly reason: 'wrong'; readonly left: number }

const PIN_FORMAT = /^\d{4,12}$/

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

const browserOf = (presented: Presented): string | null =>
  presented.kind === 'unknown' ? null : presented.browserId

type Begun = Awaited<ReturnType<PinTries['begin']>>

/** Reserves a try; what is refused leaves a trace, and a PIN that this blocks is told of. */
const beginTry = (
  deps: Deps,
  sub: string,
  limit: number,
  origin: Origin,
  presented: Presented,
): Promise<Begun> =>
  deps.store.transact(async (tables) => {
    const begun = await tables.pinTries.begin(
      sub,
      triedFrom(presented, origin),
      limit,
      deps.clock(),
    )
    if (begun.ok) {
      return begun
    }
    const refused = { outcome: 'refused', sub, origin, browserId: browserOf(presented) } as const
    await tables.audit.append(
      auditEntry(deps, { act: 'pin_wrong', ...refused, detail: { why: begun.reason } }),
    )
    if (begun.reason === 'blocked' && begun.blockedNow) {
      await tell(deps, tables, sub, 'pin_blocked', { params: whence(origin) })
      await tables.audit.append(auditEntry(deps, { act: 'pin_blocked', ...refused }))
    }
    return begun
  })

/**
 * Tells of the first wrong PIN of a day: whoever knows the password and guesses slowly enough
 * never blocks the PIN. On a recognised device it is its owner who mistypes.
 */
const tellOfWrongPin = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  policy: Policy,
  origin: Origin,
): Promise<void> => {
  const toldAt = await tables.notices.newest(account.sub, 'pin_wrong')
  if (toldAt !== null && deps.clock() - toldAt < FADE_MS) {
    return
  }
  if (!(await deviceHere(deps, account, policy, origin, tables)).recognised) {
    await tell(deps, tables, account.sub, 'pin_wrong', { params: whence(origin) })
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
  const presented = await presentedBrowser(deps, origin)
  if (pin === null || isBlockedPin(pin)) {
    await deps.store.audit.append(
      auditEntry(deps, {
        act: 'pin_wrong',
        outcome: 'refused',
        sub: account.sub,
        origin,
        browserId: browserOf(presented),
        detail: { why: pin === null ? 'no_pin' : 'blocked' },
      }),
    )
    return { ok: false, reason: 'blocked' }
  }
  const lane = await laneOfPerson(deps, account, origin, presented)
  return keepPlace(deps, lane, (place) =>
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
  const policy = policyFor(policies, account)
  const limit = policy.pin.tries
  const browserId = browserOf(presented)
  const begun = await beginTry(deps, sub, limit, origin, presented)
  if (!begun.ok) {
    return { ok: false, reason: begun.reason }
  }
  const { right, stale } = await deps.hasher
    .verify(typed, pin.sealed, pinOwner(sub), place)
    .catch(async (error: unknown) => {
      await deps.store.pinTries.release(begun.tryId)
      throw error
    })
  const result = await deps.store.transact(async (tables): Promise<PinResult> => {
    if (right) {
      await tables.pinTries.right(sub, begun.tryId, triedFrom(presented, origin))
      await tables.audit.append(auditEntry(deps, { act: 'pin_right', sub, origin, browserId }))
      return { ok: true }
    }
    const { blocked, left } = await tables.pinTries.wrong(sub, begun.tryId, limit, deps.clock())
    const refused = { outcome: 'refused', sub, origin, browserId } as const
    await tables.audit.append(auditEntry(deps, { act: 'pin_wrong', ...refused, detail: { left } }))
    await tellOfWrongPin(deps, tables, account, policy, origin)
    if (!blocked) {
      return { ok: false, reason: 'wrong', left }
    }
    await tell(deps, tables, sub, 'pin_blocked', { params: whence(origin) })
    await tables.audit.append(auditEntry(deps, { act: 'pin_blocked', ...refused }))
    return { ok: false, reason: 'blocked' }
  })
  if (result.ok && stale) {
    const proved = { secret: typed, owner: pinOwner(sub), stale: pin.sealed }
    await renewPin(deps, sub, place, proved)
  }
  return result
}
