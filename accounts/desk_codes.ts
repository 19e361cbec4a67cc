import {
  aheadMs,
  type CodeReading,
  FIRST_NEAR_STEPS,
  NEAR_STEPS,
  readCode,
} from '../policies/otp_window.ts'
import { type AuditAct, auditEntry } from './audit.ts'
import { type KeyRefusal, keyAtDesk, type Refused } from './desk_keys.ts'
import type { OtpKey, OtpKeyState } from './otp_key.ts'
import { openSeed } from './otp_seed.ts'
import type { AuditEntry, Deps, Tables } from './ports.ts'

/** Where a key stands: how far its clock is ahead of ours, or the counter of the code it showed. */
export type KeyPosition =
  | { readonly kind: 'totp'; readonly aheadMs: number }
  | { readonly kind: 'hotp'; readonly counter: number }

type Judged<R extends string> = { readonly ok: true; readonly position: KeyPosition } | Refused<R>

/** `needs_two_codes`: right, but so far out that only the next code in a row will be accepted. */
export type TestedKey = Judged<'needs_two_codes' | 'wrong_code'> | KeyRefusal
/** `wrong_code`: the first one; `not_in_a_row`: the second does not follow it. */
export type ResyncedKey = Judged<'wrong_code' | 'not_in_a_row'> | KeyRefusal

/** In no hands, or in unknown ones: nobody is at the desk with it. */
const NOT_AT_DESK: readonly OtpKeyState[] = ['lost', 'withdrawn']

type Recognised = Exclude<CodeReading, { kind: 'none' }>

const accepted = (key: OtpKey, step: number, clock: OtpKey['clock']): OtpKey => ({
  ...key,
  next: step + 1,
  firstOfTwo: null,
  clock,
})

/**
 * A code that was recognised, but of which nothing more follows yet, is burnt. The counter of a
 * HOTP key that ran ahead moves only once two codes say so (RFC 4226 §7.4).
 */
const noted = (key: OtpKey, { kind, step }: Pick<Recognised, 'kind' | 'step'>, nowMs: number) => ({
  ...key,
  next: key.kind === 'hotp' && kind === 'first_of_two' ? key.next : step + 1,
  firstOfTwo: { step, atMs: nowMs },
})

const positionOf = ({ kind, clock, next }: OtpKey): KeyPosition =>
  kind === 'totp'
    ? { kind, aheadMs: aheadMs(clock) }
    : // The code that was accepted last is the one before `next`.
      { kind, counter: next - 1 }

const detailOf = (position: KeyPosition): AuditEntry['detail'] =>
  position.kind === 'totp'
    ? { ahead_seconds: Math.round(position.aheadMs / 1000) }
    : { counter: position.counter }

/** What codes make of a key; null: no code of it was recognised. */
interface Verdict<R extends string> {
  readonly key: OtpKey | null
  readonly refusal: R | null
}

/** Reads codes of a key on the desk; burns what it recognises and writes down what it came to. */
const atDesk = <R extends string>(
  deps: Deps,
  { serial, by, act }: { serial: string; by: string; act: AuditAct },
  judge: (key: OtpKey, seed: Uint8Array, nowMs: number) => Verdict<R>,
): Promise<Judged<R> | KeyRefusal> =>
  deps.store.transact(async (tables: Tables): Promise<Judged<R> | KeyRefusal> => {
    const key = await keyAtDesk(deps, tables, serial)
    if (key === null) {
      return { ok: false, reason: 'unknown_key' }
    }
    const { state, sub } = key
    if (NOT_AT_DESK.includes(state)) {
      return { ok: false, reason: 'illegal', state }
    }
    const seed = openSeed(deps, key)
    const { key: after, refusal } = judge(key, seed, deps.clock())
    if (after !== null) {
      await tables.otpKeys.save(after)
    }
    const entry = { act, actor: by, sub }
    if (refusal !== null) {
      const detail = { key: serial, why: refusal }
      await tables.audit.append(auditEntry(deps, { ...entry, outcome: 'refused', detail }))
      return { ok: false, reason: refusal }
    }
    const position = positionOf(after ?? key)
    const detail = { key: serial, ...detailOf(position) }
    await tables.audit.append(auditEntry(deps, { ...entry, detail }))
    return { ok: true, position }
  })

/**
 * Whether a key shows the code that it should, and how far out it is. Uses the code up, and follows
 * the key's clock or counter, as a sign-in would. `code`: digits only.
 */
export const testKey = (deps: Deps, serial: string, code: string, by: string): Promise<TestedKey> =>
  atDesk(deps, { serial, by, act: 'key_tested' }, (key, seed, nowMs) => {
    const near = key.inServiceAt === null ? FIRST_NEAR_STEPS : NEAR_STEPS
    const reading = readCode(key, seed, code, nowMs, near)
    if (reading.kind === 'none') {
      return { key: null, refusal: 'wrong_code' }
    }
    return reading.kind === 'good'
      ? { key: accepted(key, reading.step, reading.clock), refusal: null }
      : { key: noted(key, reading, nowMs), refusal: 'needs_two_codes' }
  })

/**
 * Puts the clock or counter of a key right by two codes that follow each other, up to 10 minutes or
 * 100 counters out. Both are used up; never does it go back behind a code that was.
 */
export const resyncKey = (
  deps: Deps,
  serial: string,
  codes: { readonly first: string; readonly second: string },
  by: string,
): Promise<ResyncedKey> =>
  atDesk(deps, { serial, by, act: 'key_resynchronised' }, (key, seed, nowMs) => {
    const first = readCode(key, seed, codes.first, nowMs)
    if (first.kind === 'none') {
      return { key: null, refusal: 'wrong_code' }
    }
    // The first code is a whole period old by now: only the second tells of the clock.
    const afterFirst = noted(key, first, nowMs)
    const due = first.step + 1
    const second = readCode({ ...afterFirst, next: due }, seed, codes.second, nowMs)
    if (second.kind === 'none') {
      return { key: afterFirst, refusal: 'not_in_a_row' }
    }
    return second.kind === 'good' && second.step === due
      ? { key: accepted(key, due, second.clock), refusal: null }
      : {
          key: noted(afterFirst, { kind: 'first_of_two', step: second.step }, nowMs),
          refusal: 'not_in_a_row',
        }
  })
