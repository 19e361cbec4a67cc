import { truncateNetwork } from '../policies/network.ts'
import type { Account } from './account.ts'
import type { Match } from './code_match.ts'
import type { Against, Judged } from './judge_try.ts'
import { passcodeSubjectOf, subjectOf } from './lane.ts'
import { otpPinOwner } from './otp_key.ts'
import type { Deps, HashPlace, Origin, Tables } from './ports.ts'
import { renewOtpPin } from './renew_hash.ts'

/** The PIN part of a passcode against that of the key whose code it shows; a dummy where none does. */
export const againstKeyPin =
  (typed: string) =>
  (match: Match | null): Against => ({
    secret: match?.pin ?? typed,
    sealed: match?.key.pin?.sealed ?? null,
    owner: otpPinOwner(match?.key.serial ?? ''),
  })

/** A place where a code was right is this person's, for passcodes and for the password, too. */
export const knownFor = async (
  deps: Deps,
  tables: Tables,
  { identifier }: Account,
  browserId: string,
  origin: Origin,
): Promise<void> => {
  const network = truncateNetwork(origin.address)
  for (const subjectIn of [passcodeSubjectOf, subjectOf]) {
    await tables.passwordTries.remember(
      subjectIn(deps, identifier),
      browserId,
      network,
      deps.clock(),
    )
  }
}

/** Hashes the key's PIN anew that was just proved right against older parameters. */
export const renewKeyPin = async (
  deps: Deps,
  { right, stale, match }: Judged,
  place: HashPlace,
): Promise<void> => {
  const sealed = match?.key.pin?.sealed
  if (right && stale && match !== null && sealed !== undefined) {
    const { serial } = match.key
    await renewOtpPin(deps, serial, place, {
      secret: match.pin,
      owner: otpPinOwner(serial),
      stale: sealed,
    })
  }
}
