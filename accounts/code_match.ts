import {
  type CodeReading,
  FIRST_NEAR_STEPS,
  type KeyFace,
  NEAR_STEPS,
  newClock,
  OTP_DIGITS_MIN,
  readCode,
} from '../policies/otp_window.ts'
import type { Policy } from '../policies/policy.ts'
import { type OtpKey, stateNow } from './otp_key.ts'
import { openSeed } from './otp_seed.ts'
import type { CodeClaim, Deps } from './ports.ts'

/** What was typed, as far as its shape tells. */
export type Route = 'password' | 'passcode' | 'first_use'

/** A key that the digits may be of, and how they divide. */
export interface Candidate {
  readonly key: OtpKey
  /** Empty at first use. */
  readonly pin: string
  readonly code: string
}

export interface Routed {
  readonly route: Route
  readonly candidates: readonly Candidate[]
}

/** A code that one of the candidates shows. */
export interface Match extends Candidate {
  readonly reading: Exclude<CodeReading, { kind: 'none' }>
}

const DIGITS = /^\d+$/

/** A code as people type it, `4826 123456`, without its spaces; anything else as it is. */
export const codeTyped = (typed: string): string =>
  /^[\d\s]+$/.test(typed) ? typed.replaceAll(/\s/g, '') : typed

const divided = (typed: string, key: OtpKey): Candidate => ({
  key,
  pin: typed.slice(0, -key.digits),
  code: typed.slice(-key.digits),
})

/** The keys in this state that as many digits may be of. */
const candidatesOf = (
  typed: string,
  keys: readonly OtpKey[],
  state: 'assigned' | 'in_service',
  nowMs: number,
): Candidate[] =>
  DIGITS.test(typed)
    ? keys
        .filter((key) => stateNow(key, nowMs) === state)
        .filter((key) => (key.pin?.length ?? 0) + key.digits === typed.length)
        .map((key) => divided(typed, key))
    : []

/** Keys awaiting their first use whose code has this length. */
export const firstUseCandidates = (typed: string, keys: readonly OtpKey[], nowMs: number) =>
  candidatesOf(typed, keys, 'assigned', nowMs)

/** Keys in service whose PIN and code together have this length. */
export const passcodeCandidates = (typed: string, keys: readonly OtpKey[], nowMs: number) =>
  candidatesOf(
    typed,
    keys.filter(({ pin }) => pin !== null),
    'in_service',
    nowMs,
  )

/**
 * What somebody typed into the one field for passwords and passcodes: digits only, of the length of
 * a key awaiting its first use, or of PIN and code of a key in service; all else is a password.
 * Personal passwords are never digits only.
 */
export const routeOf = (
  typed: string,
  keys: readonly OtpKey[],
  policy: Pick<Policy, 'otp'>,
  nowMs: number,
): Routed => {
  const usable = policy.otp === 'off' ? [] : keys
  const first = firstUseCandidates(typed, usable, nowMs)
  if (first.length > 0) {
    return { route: 'first_use', candidates: first }
  }
  const candidates = passcodeCandidates(typed, usable, nowMs)
  return { route: candidates.length > 0 ? 'passcode' : 'password', candidates }
}

/** Read where there is no key, so that the time taken does not tell who has one. */
const NOBODYS_KEY: KeyFace = {
  kind: 'totp',
  algorithm: 'SHA1',
  digits: OTP_DIGITS_MIN,
  periodSeconds: 30,
  clock: newClock(30, 0),
  next: 0,
  firstOfTwo: null,
}
const NOBODYS_SEED = new Uint8Array(20)

/** Which of the candidates shows this code: one that is good, else one that is too far out. */
export const matchCode = (
  deps: Pick<Deps, 'seeds'>,
  typed: string,
  candidates: readonly Candidate[],
  nowMs: number,
): Match | null => {
  if (candidates.length === 0 && DIGITS.test(typed)) {
    readCode(NOBODYS_KEY, NOBODYS_SEED, typed.slice(-OTP_DIGITS_MIN), nowMs)
  }
  const matches = candidates.flatMap((candidate): Match[] => {
    const { key, pin, code } = candidate
    // Nothing is known of the clock before the first code; the one with the PIN follows it.
    const near = pin === '' ? FIRST_NEAR_STEPS : NEAR_STEPS
    const reading = readCode(key, openSeed(deps, key), code, nowMs, near)
    return reading.kind === 'none' ? [] : [{ ...candidate, reading }]
  })
  return matches.find(({ reading }) => reading.kind === 'good') ?? matches[0] ?? null
}

/** What uses up a matched code. A right code has its PIN counted as wrong until it is judged. */
export const claimOf = ({ key, reading }: Match, countsPin: boolean): CodeClaim => ({
  serial: key.serial,
  sub: key.sub ?? '',
  state: key.state,
  step: reading.step,
  as: reading.kind,
  clock: reading.kind === 'good' ? reading.clock : key.clock,
  countsPin: countsPin && reading.kind === 'good' && key.state === 'in_service',
})
