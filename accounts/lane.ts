import { truncateNetwork } from '../policies/network.ts'
import { type Account, identifierKey } from './account.ts'
import { tokenHash } from './devices.ts'
import type { Deps, HashLane, Origin, Presented } from './ports.ts'

const UNKNOWN: Presented = { kind: 'unknown' }

/** What the cookie of this request says of its browser. */
export const presentedBrowser = async (deps: Deps, origin: Origin): Promise<Presented> =>
  origin.deviceToken === null ? UNKNOWN : deps.store.devices.present(tokenHash(origin.deviceToken))

/** Whose tries these are: a keyed hash of what was typed, whether or not anybody is called so. */
export const subjectOf = (deps: Deps, identifier: string): string =>
  deps.digest('password_tries', identifierKey(identifier))

/**
 * Passcodes are counted apart: whoever knows the password could otherwise wipe out the count of
 * their wrong passcodes with it.
 */
export const passcodeSubjectOf = (deps: Deps, identifier: string): string =>
  deps.digest('passcode_tries', identifierKey(identifier))

/**
 * First uses of somebody who has proved something already are counted apart once more: a stranger's
 * tries at the public page must not make them wait.
 */
export const firstUseSubjectOf = (deps: Deps, sub: string): string =>
  deps.digest('first_use_tries', sub)

/**
 * Which lane of the hashing queue a request waits in. The lane for known browsers is for the people
 * who signed in on them, each with a few places: anybody with an account can collect cookies, and
 * could otherwise fill it with tries for everybody else.
 */
export const laneOf = async (
  deps: Deps,
  presented: Presented,
  origin: Origin,
  { subject, key }: { subject: string; key: string },
): Promise<HashLane> =>
  presented.kind === 'known' &&
  (await deps.store.passwordTries.isKnown(subject, presented.browserId))
    ? { known: true, key }
    : { known: false, key: truncateNetwork(origin.address) }

/** The lane of somebody whose password was proved. */
export const laneOfPerson = async (
  deps: Deps,
  { identifier, sub }: Account,
  origin: Origin,
  presented?: Presented,
): Promise<HashLane> =>
  laneOf(deps, presented ?? (await presentedBrowser(deps, origin)), origin, {
    subject: subjectOf(deps, identifier),
    key: sub,
  })
