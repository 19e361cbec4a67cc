import { timingSafeEqual } from 'node:crypto'
import { HOTP, Secret } from 'otpauth'

export const OTP_ALGORITHMS = ['SHA1', 'SHA256', 'SHA512'] as const
export type OtpAlgorithm = (typeof OTP_ALGORITHMS)[number]

export const OTP_DIGITS_MIN = 6
export const OTP_DIGITS_MAX = 8
/** Seconds that one code of a TOTP key lasts. */
export const OTP_PERIODS = [30, 60] as const

/** Steps around the measured clock in which a code is taken. RFC 6238 §5.2. */
export const NEAR_STEPS = 1
/** The same for the very first code, when nothing of the key's clock is known yet. */
export const FIRST_NEAR_STEPS = 2
/** How far out two codes in a row put a TOTP key back, and how long the first of them is good. */
export const RESYNC_MS = 10 * 60_000
/** Counters beyond the next one that a HOTP key may have run ahead. RFC 4226 §7.4. */
export const LOOK_AHEAD = 10
/** The same for two codes in a row. */
export const RESYNC_LOOK_AHEAD = 100
/** A fast or slow quartz, ms a ms: 2 s a day is more than hardware keys are sold with. */
const CLOCK_RATE = 2 / 86_400

/**
 * What is known of a key's clock: it is ahead of ours by `aheadMinMs` to `aheadMaxMs`, as of
 * `atMs`. Each code that was right narrows it: whoever shows the code of step s stands between the
 * beginning and the end of s.
 */
export interface KeyClock {
  readonly aheadMinMs: number
  readonly aheadMaxMs: number
  readonly atMs: number
}

/** A key as far as its codes go. */
export interface KeyFace {
  readonly kind: 'totp' | 'hotp'
  readonly algorithm: OtpAlgorithm
  /** Of a code: 6 to 8. */
  readonly digits: number
  /** TOTP: how long one code lasts. */
  readonly periodSeconds: number
  readonly clock: KeyClock
  /** The least step (TOTP) or counter (HOTP) that may still be accepted: never one twice. */
  readonly next: number
  /** The last right code too far out to be taken: one more in a row puts the key back. */
  readonly firstOfTwo: { readonly step: number; readonly atMs: number } | null
}

export type CodeReading =
  /** The code of this step or counter, to be claimed; for TOTP with what it tells of the clock. */
  | { readonly kind: 'good'; readonly step: number; readonly clock: KeyClock }
  /** The code of a step too far out. Not accepted, but the next one in a row will be. */
  | { readonly kind: 'first_of_two'; readonly step: number }
  | { readonly kind: 'none' }

const secretOf = (seed: Uint8Array): Secret => new Secret({ buffer: new Uint8Array(seed).buffer })

const codeOf = (
  { algorithm, digits }: Pick<KeyFace, 'algorithm' | 'digits'>,
  secret: Secret,
  counter: number,
): string => HOTP.generate({ secret, algorithm, digits, counter })

/** The code of one step or counter. RFC 4226 §5.3; RFC 6238 §4.2. */
export const codeAt = (
  face: Pick<KeyFace, 'algorithm' | 'digits'>,
  seed: Uint8Array,
  step: number,
): string => codeOf(face, secretOf(seed), step)

/** Of a new key, whose clock may be anything within half a code. */
export const newClock = (periodSeconds: number, nowMs: number): KeyClock => ({
  aheadMinMs: -periodSeconds * 500,
  aheadMaxMs: periodSeconds * 500,
  atMs: nowMs,
})

/** By how much the key's clock is ahead of ours (ms, negative: behind), as well as it is known. */
export const aheadMs = ({ aheadMinMs, aheadMaxMs }: KeyClock): number =>
  Math.round((aheadMinMs + aheadMaxMs) / 2)

/** The step that the key shows now, as far as its clock is known. */
export const stepNow = ({ periodSeconds, clock }: KeyFace, nowMs: number): number =>
  Math.floor((nowMs + aheadMs(clock)) / (periodSeconds * 1000))

/** Milliseconds until a TOTP key shows its next code, as far as its clock is known. */
export const timeLeftMs = ({ periodSeconds, clock }: KeyFace, nowMs: number): number => {
  const periodMs = periodSeconds * 1000
  const into = (nowMs + aheadMs(clock)) % periodMs
  return periodMs - (into < 0 ? into + periodMs : into)
}

/**
 * What a right code tells of the clock, beside what was known, widened by the time gone since.
 * Where the two contradict each other the code is believed. The middle is never further from the
 * truth than half a code, so that a key used weekly is followed wherever it drifts.
 */
const clockAfter = ({ clock, periodSeconds }: KeyFace, step: number, nowMs: number): KeyClock => {
  const periodMs = periodSeconds * 1000
  const seen = { min: step * periodMs - nowMs, max: (step + 1) * periodMs - nowMs }
  const widened = Math.max(0, nowMs - clock.atMs) * CLOCK_RATE
  const min = Math.round(Math.max(seen.min, clock.aheadMinMs - widened))
  const max = Math.round(Math.min(seen.max, clock.aheadMaxMs + widened))
  return min <= max
    ? { aheadMinMs: min, aheadMaxMs: max, atMs: nowMs }
    : { aheadMinMs: seen.min, aheadMaxMs: seen.max, atMs: nowMs }
}

interface Window {
  readonly first: number
  readonly last: number
  readonly isNear: (step: number) => boolean
  readonly isSecond: (step: number) => boolean
}

const totpWindow = (key: KeyFace, nowMs: number, nearSteps: number): Window => {
  const periodMs = key.periodSeconds * 1000
  const here = stepNow(key, nowMs)
  const reach = Math.ceil(RESYNC_MS / periodMs)
  const ahead = (step: number, atMs: number): number => step - Math.floor(atMs / periodMs)
  const { firstOfTwo } = key
  return {
    first: here - reach,
    last: here + reach,
    isNear: (step) => Math.abs(step - here) <= nearSteps,
    isSecond: (step) =>
      firstOfTwo !== null &&
      nowMs - firstOfTwo.atMs <= RESYNC_MS &&
      step > firstOfTwo.step &&
      Math.abs(ahead(step, nowMs) - ahead(firstOfTwo.step, firstOfTwo.atMs)) <= NEAR_STEPS,
  }
}

const hotpWindow = ({ next, firstOfTwo }: KeyFace): Window => ({
  first: next,
  // The second code may be the one after the last that may be the first.
  last: Math.max(next + RESYNC_LOOK_AHEAD, (firstOfTwo?.step ?? 0) + 1),
  isNear: (step) => step <= next + LOOK_AHEAD,
  isSecond: (step) => firstOfTwo !== null && step === firstOfTwo.step + 1,
})

const sameDigits = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)] // Anything may have been typed.
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Codes computed for one reading, of whatever kind of key: as many as the widest window has. */
const CODES_COMPUTED = RESYNC_LOOK_AHEAD + 2

/**
 * What a code is, right now. As many codes are computed whatever the key and the code, so that the
 * work tells nothing; those before `next` never count. The caller claims `step` before it acts.
 */
export const readCode = (
  key: KeyFace,
  seed: Uint8Array,
  code: string,
  nowMs: number,
  nearSteps: number = NEAR_STEPS,
): CodeReading => {
  const window = key.kind === 'totp' ? totpWindow(key, nowMs, nearSteps) : hotpWindow(key)
  const secret = secretOf(seed)
  const computed = Array.from({ length: CODES_COMPUTED }, (_, nth) => window.first + nth)
  const right = computed
    .filter((step) => sameDigits(codeOf(key, secret, step), code))
    .filter((step) => step <= window.last)
  const fresh = right.filter((step) => step >= key.next && step !== key.firstOfTwo?.step)
  const good = fresh.find(window.isNear) ?? fresh.find(window.isSecond)
  if (good !== undefined) {
    const clock = key.kind === 'totp' ? clockAfter(key, good, nowMs) : key.clock
    return { kind: 'good', step: good, clock }
  }
  const [far] = fresh
  return far === undefined ? { kind: 'none' } : { kind: 'first_of_two', step: far }
}
