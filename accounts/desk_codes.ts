import { aheadMs, FIRST_NEAR_STEPS, NEAR_STEPS, readCode } from '../policies/otp_window.ts'
import { type AuditAct, auditEntry } from './audit.ts'
import { type KeyRefusal, keyAtDesk, type Refused } from './desk_keys.ts'
import { type DeskLimits, noLimits } from './desk_limits.ts'
import type { OtpKey, OtpKeyState } from './otp_key.ts'
import { openSeed } from './otp_seed.ts'
import type { AuditEntry, CodeClaim, Deps, Tables } from './ports.ts'

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

/** Uses up a code at the desk, as a sign-in would; false where it was used up before. */
const burn = (
  { otpKeys }: Pick<Tables, 'otpKeys'>,
  key: OtpKey,
  step: number,
  as: CodeClaim['as'],
  clock: OtpKey['clock'],
  nowMs: number,
): Promise<boolean> => {
  const { serial, sub, state } = key
  return otpKeys.claim({ serial, sub: sub ?? '', state, step, as, clock, countsPin: false }, nowMs)
}

const positionOf = ({ kind, clock, next }: OtpKey): KeyPosition =>
  kind === 'totp'
    ? { kind, aheadMs: aheadMs(clock) }
    : // The code that was accepted last is the one before `next`.
      { kind, counter: next - 1 }

const detailOf = (position: KeyPosition): AuditEntry['detail'] =>
  position.kind === 'totp'
    ? { ahead_seconds: Math.round(position.aheadMs / 1000) }
    : { counter: position.counter }

/** What codes of a key come to; null: all is well. */
type Judge<R extends string> = (
  tables: Tables,
  key: OtpKey,
  seed: Uint8Array,
  nowMs: number,
) => Promise<R | null>

/** Reads codes of a key on the desk; burns what it recognises and writes down what it came to. */
const atDesk = <R extends string>(
  deps: Deps,
  { serial, by, act, limits }: { serial: string; by: string; act: AuditAct; limits: DeskLimits },
  judge: Judge<R>,
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
    const why = await limits(tables, sub, sub)
    if (why !== null) {
      return { ok: false, reason: 'forbidden', why }
    }
    const refusal = await judge(tables, key, openSeed(deps, key), deps.clock())
    const entry = { act, actor: by, sub }
    if (refusal !== null) {
      const detail = { key: serial, why: refusal }
      await tables.audit.append(auditEntry(deps, { ...entry, outcome: 'refused', detail }))
      return { ok: false, reason: refusal }
    }
    const position = positionOf((await tables.otpKeys.find(serial)) ?? key)
    const detail = { key: serial, ...detailOf(position) }
    await tables.audit.append(auditEntry(deps, { ...entry, detail }))
    return { ok: true, position }
  })

/**
 * Whether a key shows the code that it should, and how far out it is. Uses the code up, and follows
 * the key's clock or counter, as a sign-in would. `code`: digits only.
 */
export const testKey = (
  deps: Deps,
  serial: string,
  code: string,
  by: string,
  limits: DeskLimits = noLimits,
): Promise<TestedKey> =>
  atDesk(deps, { serial, by, act: 'key_tested', limits }, async (tables, key, seed, nowMs) => {
    const near = key.inServiceAt === null ? FIRST_NEAR_STEPS : NEAR_STEPS
    const reading = readCode(key, seed, code, nowMs, near)
    if (reading.kind === 'none') {
      return 'wrong_code'
    }
    const clock = reading.kind === 'good' ? reading.clock : key.clock
    const burnt = await burn(tables, key, reading.step, reading.kind, clock, nowMs)
    if (!burnt) {
      return 'wrong_code'
    }
    return reading.kind === 'good' ? null : 'needs_two_codes'
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
  limits: DeskLimits = noLimits,
): Promise<ResyncedKey> =>
  atDesk(
    deps,
    { serial, by, act: 'key_resynchronised', limits },
    async (tables, key, seed, nowMs) => {
      const first = readCode(key, seed, codes.first, nowMs)
      const isFirst =
        first.kind !== 'none' &&
        // The first code is a whole period old by now: only the second tells of the clock.
        (await burn(tables, key, first.step, 'first_of_two', key.clock, nowMs))
      if (!isFirst) {
        return 'wrong_code'
      }
      return followsOn(tables, key, { seed, code: codes.second, after: first.step }, nowMs)
    },
  )

/** The second of two codes: none but the next one puts the key right. */
const followsOn = async (
  tables: Tables,
  key: OtpKey,
  { seed, code, after }: { seed: Uint8Array; code: string; after: number },
  nowMs: number,
): Promise<'not_in_a_row' | null> => {
  const due = after + 1
  const afterFirst = { ...key, next: due, firstOfTwo: { step: after, atMs: nowMs } }
  const second = readCode(afterFirst, seed, code, nowMs)
  if (second.kind === 'good' && second.step === due) {
    const burnt = await burn(tables, key, due, 'good', second.clock, nowMs)
    return burnt ? null : 'not_in_a_row'
  }
  if (second.kind !== 'none') {
    await burn(tables, key, second.step, 'first_of_two', key.clock, nowMs)
  }
  return 'not_in_a_row'
}
