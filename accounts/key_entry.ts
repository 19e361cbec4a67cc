import type { OtpAlgorithm } from '../policies/otp_window.ts'
import { OTP_DIGITS_MAX, OTP_DIGITS_MIN, OTP_PERIODS } from '../policies/otp_window.ts'
import { serialKey } from './otp_key.ts'

/** Of one file, whatever its kind: a school orders a few hundred. */
export const KEYS_MAX = 20_000
/** RFC 4226 §4, R6: a shared secret has at least 128 bits. */
export const SEED_BYTES_MIN = 16
/** The block of SHA-512: HMAC hashes a longer key down (RFC 2104 §2), so none is made. */
export const SEED_BYTES_MAX = 128
/** More presses than a key survives, and far below where numbers lose their last digit. */
const COUNTER_MAX = 1_000_000_000
/** Where a HOTP key has no period, this stands in the place; it means nothing. */
const NO_PERIOD_SECONDS = 30

/** A key as its maker's file describes it, fit to be stored. */
export interface FileKey {
  /** One spelling, as `serialKey` gives it. */
  readonly serial: string
  readonly kind: 'totp' | 'hotp'
  readonly algorithm: OtpAlgorithm
  readonly digits: number
  readonly periodSeconds: number
  /** HOTP: the first counter that the key will show. */
  readonly counter: number
  readonly seed: Uint8Array
}

/** One key of a file, or why it cannot be one. `line`: where it begins, the first being 1. */
export type KeyEntry =
  | { readonly ok: true; readonly line: number; readonly key: FileKey }
  | {
      readonly ok: false
      readonly line: number
      /** Null where nothing fit to be repeated stands in its place. */
      readonly serial: string | null
      readonly reason: string
    }

/** What is wrong with a file as a whole: nothing of it is imported. */
export interface KeyFileProblem {
  /** Null: not at a line. */
  readonly line: number | null
  readonly message: string
}

/** A secret that opens a file: what was typed, or the bytes agreed upon with the maker. */
export type FileSecret =
  | { readonly kind: 'passphrase'; readonly text: string }
  | { readonly kind: 'key'; readonly bytes: Uint8Array }

/** A file of keys whose form was read, and whose seeds were not. */
export interface KeyFile {
  readonly format: 'pskc' | 'csv'
  /** What `keys` has to be given, and what the maker calls it; null: nothing. */
  readonly needs: { readonly secret: FileSecret['kind']; readonly name: string | null } | null
  /** Keys in it, good or bad. */
  readonly count: number
  /** Reads them all. `notes`: what whoever imports should know; no reason to refuse. */
  keys(secret: FileSecret | null): Promise<ReadKeys>
}

export type ReadKeys =
  | { readonly ok: true; readonly entries: readonly KeyEntry[]; readonly notes: readonly string[] }
  | { readonly ok: false; readonly problem: KeyFileProblem }

export type OpenedKeyFile =
  | { readonly ok: true; readonly file: KeyFile }
  | { readonly ok: false; readonly problem: KeyFileProblem }

/** Something in a file that cannot be taken. The message never holds what stands there. */
export class KeyFileRefusal extends Error {
  readonly line: number | null

  constructor(message: string, line: number | null = null, options?: ErrorOptions) {
    super(message, options)
    this.line = line
  }
}

/** `work`, its refusal being a value. */
export const orProblem = <T>(work: () => T): T | { ok: false; problem: KeyFileProblem } => {
  try {
    return work()
  } catch (error) {
    if (error instanceof KeyFileRefusal) {
      return { ok: false, problem: { line: error.line, message: error.message } }
    }
    throw error
  }
}

export const IN_CLEAR =
  'the seeds stand in this file in clear: whoever has a copy can make the codes of these keys; ' +
  'delete it once it is imported'

/** A whole number written with digits alone, else null. */
export const wholeNumber = (text: string | null): number | null =>
  text !== null && /^\d{1,15}$/.test(text.trim()) ? Number(text) : null

const ALGORITHM_NAMES: { readonly [name: string]: OtpAlgorithm } = {
  '': 'SHA1', // RFC 4226 §5.2; RFC 6238 §1.2 has it as the default.
  SHA1: 'SHA1',
  HMACSHA1: 'SHA1',
  SHA256: 'SHA256',
  HMACSHA256: 'SHA256',
  SHA512: 'SHA512',
  HMACSHA512: 'SHA512',
}

/** What a file says of a key, before it is judged. */
export interface SaidKey {
  readonly serial: string
  readonly kind: FileKey['kind'] | null
  /** As written; empty: the default. */
  readonly algorithm: string
  readonly digits: number | null
  /** TOTP. */
  readonly periodSeconds: number | null
  /** HOTP. */
  readonly counter: number | null
  /** Null: not written as seeds are. */
  readonly seed: Uint8Array | null
}

const SERIAL = /^[A-Z0-9._-]{1,64}$/
/** Serials that we give to authenticator apps. */
const APP_SERIAL = /^APP-/
/** 128 bits in hex or base32: columns in the wrong order, and nothing to print. */
const LIKE_A_SEED = /^(?:[0-9A-F]{32,}|[A-Z2-7]{26,})$/

const refusedSerial = (serial: string): string | null => {
  if (LIKE_A_SEED.test(serial)) {
    return 'a seed seems to stand in the place of the serial'
  }
  if (APP_SERIAL.test(serial)) {
    return 'serials that begin with APP- are those of authenticator apps'
  }
  return SERIAL.test(serial) ? null : 'a serial is 1 to 64 letters, digits, dots, "_" or "-"'
}

const between = (value: number | null, least: number, most: number): boolean =>
  value !== null && value >= least && value <= most

const algorithmOf = (written: string): OtpAlgorithm | null => {
  const name = written.toUpperCase().replaceAll(/[\s_-]/g, '')
  return Object.hasOwn(ALGORITHM_NAMES, name) ? (ALGORITHM_NAMES[name] ?? null) : null
}

/** The first rule that is broken is the reason. */
const RULES: readonly (readonly [kept: (said: SaidKey) => boolean, reason: string])[] = [
  [({ kind }) => kind !== null, 'the kind is neither totp nor hotp'],
  [({ algorithm }) => algorithmOf(algorithm) !== null, 'the hash is not SHA1, SHA256 or SHA512'],
  [
    ({ digits }) => between(digits, OTP_DIGITS_MIN, OTP_DIGITS_MAX),
    `a code has ${OTP_DIGITS_MIN} to ${OTP_DIGITS_MAX} digits`,
  ],
  [
    ({ kind, periodSeconds }) =>
      kind !== 'totp' || OTP_PERIODS.some((period) => period === periodSeconds),
    `a code lasts ${OTP_PERIODS.join(' or ')} seconds`,
  ],
  [
    ({ kind, counter }) => kind !== 'hotp' || between(counter, 0, COUNTER_MAX),
    `a counter is a whole number from 0 to ${COUNTER_MAX}`,
  ],
  [({ seed }) => seed !== null, 'the seed is not written as it should be'],
  [
    ({ seed }) => (seed?.byteLength ?? 0) >= SEED_BYTES_MIN,
    `the seed has fewer than ${SEED_BYTES_MIN * 8} bits`,
  ],
  [
    ({ seed }) => (seed?.byteLength ?? 0) <= SEED_BYTES_MAX,
    `the seed has more than ${SEED_BYTES_MAX * 8} bits`,
  ],
]

/** A serial fit to be shown, or null. */
export const shownSerial = (written: string): string | null => {
  const serial = serialKey(written)
  return refusedSerial(serial) === null ? serial : null
}

/** Judges what a file says of the key on one line. */
export const readKey = (line: number, said: SaidKey): KeyEntry => {
  const serial = serialKey(said.serial)
  const wrongSerial = refusedSerial(serial)
  if (wrongSerial !== null) {
    return { ok: false, line, serial: null, reason: wrongSerial }
  }
  const { kind, digits, periodSeconds, counter, seed } = said
  const algorithm = algorithmOf(said.algorithm)
  const broken = RULES.find(([kept]) => !kept(said))
  if (broken !== undefined || kind === null || algorithm === null || seed === null) {
    return { ok: false, line, serial, reason: broken?.[1] ?? 'cannot be read' }
  }
  const turning = {
    periodSeconds: kind === 'totp' ? (periodSeconds ?? 0) : NO_PERIOD_SECONDS,
    counter: kind === 'hotp' ? (counter ?? 0) : 0,
  }
  return {
    ok: true,
    line,
    key: { serial, kind, algorithm, digits: digits ?? 0, ...turning, seed },
  }
}
