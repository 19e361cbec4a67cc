import { truncateNetwork } from '../policies/network.ts'
import type { Account } from './account.ts'
import type { Match } from './code_match.ts'
import type { Against, Judged } from './judge_try.ts'
import { passcodeSubjectOf, subjectOf } from './lane.ts'
import { otpPinOwner } from './otp_key.ts'
import { renewSeal } from './otp_seed.ts'
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

/** A passcode was right: its failures here are forgotten, and the place is one of this person's. */
export const countRight = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  { place, match }: Judged,
  browserId: string,
  origin: Origin,
): Promise<void> => {
  const nowMs = deps.clock()
  const network = truncateNetwork(origin.address)
  const subject = passcodeSubjectOf(deps, account.identifier)
  await tables.passwordTries.succeed(subject, place, browserId, network, nowMs)
  // Who is known there by a passcode is for the password, too.
  const other = subjectOf(deps, account.identifier)
  await tables.passwordTries.remember(other, browserId, network, nowMs)
  if (match !== null) {
    await renewSeal(deps, tables, match.key)
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
