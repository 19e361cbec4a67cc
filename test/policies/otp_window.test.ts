import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  aheadMs,
  type CodeReading,
  codeAt,
  FIRST_NEAR_STEPS,
  type KeyFace,
  LOOK_AHEAD,
  NEAR_STEPS,
  newClock,
  type OtpAlgorithm,
  RESYNC_LOOK_AHEAD,
  RESYNC_MS,
  readCode,
  stepNow,
  timeLeftMs,
} from '../../policies/otp_window.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const WEEK = 7 * DAY
const PERIOD_MS = 30_000
/** In the middle of a code, so that nothing hangs on its edges. */
const NOW = Date.UTC(2026, 8, 14, 7) + PERIOD_MS / 2
const FIRST = FIRST_NEAR_STEPS

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
/** The seeds of the RFCs are these digits, over and over. */
const rfcSeed = (bytes: number): Uint8Array => ascii('1234567890'.repeat(7).slice(0, bytes))
const SEED = rfcSeed(20)

const TOTP: KeyFace = {
  kind: 'totp',
  algorithm: 'SHA1',
  digits: 6,
  periodSeconds: PERIOD_MS / 1000,
  clock: newClock(PERIOD_MS / 1000, NOW),
  next: 0,
  firstOfTwo: null,
}
const HOTP: KeyFace = { ...TOTP, kind: 'hotp', next: 1000 }

/** What the store keeps of a reading that was claimed. */
const afterClaim = (key: KeyFace, reading: CodeReading, nowMs: number): KeyFace => {
  if (reading.kind === 'none') {
    return key
  }
  if (reading.kind === 'good') {
    return { ...key, next: reading.step + 1, clock: reading.clock, firstOfTwo: null }
  }
  const noted = { ...key, firstOfTwo: { step: reading.step, atMs: nowMs } }
  return key.kind === 'totp' ? { ...noted, next: reading.step + 1 } : noted
}

/** A gate that one person types codes into. */
const gateFor = (from: KeyFace, seed = SEED) => {
  let key = from
  return {
    key: () => key,
    /** The code of a step or counter, typed at `nowMs`. */
    type: (step: number, nowMs = NOW, nearSteps?: number): CodeReading => {
      const reading = readCode(key, seed, codeAt(key, seed, step), nowMs, nearSteps)
      key = afterClaim(key, reading, nowMs)
      return reading
    },
  }
}

/** The step that a key shows whose clock is ahead of ours by so much. */
const shown = (nowMs: number, ahead = 0, periodMs = PERIOD_MS): number =>
  Math.floor((nowMs + ahead) / periodMs)

/** Mulberry32: the same chances at every run. */
const chances = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// RFC 4226 appendix D: counters 0 to 9.
const RFC_4226 = [
  '755224',
  '287082',
  '359152',
  '969429',
  '338314',
  '254676',
  '287922',
  '162583',
  '399871',
  '520489',
]

// RFC 6238 appendix B: 8 digits, steps of 30 s; one seed for each hash, as long as its output.
const RFC_6238_SEED_BYTES: Record<OtpAlgorithm, number> = { SHA1: 20, SHA256: 32, SHA512: 64 }
const RFC_6238: readonly (readonly [seconds: number, Record<OtpAlgorithm, string>])[] = [
  [59, { SHA1: '94287082', SHA256: '46119246', SHA512: '90693936' }],
  [1_111_111_109, { SHA1: '07081804', SHA256: '68084774', SHA512: '25091201' }],
  [1_111_111_111, { SHA1: '14050471', SHA256: '67062674', SHA512: '99943326' }],
  [1_234_567_890, { SHA1: '89005924', SHA256: '91819424', SHA512: '93441116' }],
  [2_000_000_000, { SHA1: '69279037', SHA256: '90698825', SHA512: '38618901' }],
  [20_000_000_000, { SHA1: '65353130', SHA256: '77737706', SHA512: '47863826' }],
]

describe('codes', () => {
  it.each(RFC_4226.map((code, counter) => ({ counter, code })))(
    'are those of RFC 4226, appendix D: $counter gives $code',
    ({ counter, code }) => {
      expect(codeAt({ algorithm: 'SHA1', digits: 6 }, SEED, counter)).toBe(code)
    },
  )

  it.each(
    RFC_6238.flatMap(([seconds, codes]) =>
      Object.entries(codes).map(([algorithm, code]) => ({
        algorithm: algorithm as OtpAlgorithm,
        seconds,
        code,
      })),
    ),
  )('are those of RFC 6238, appendix B: $algorithm at $seconds s', (vector) => {
    const { algorithm, seconds, code } = vector
    const seed = rfcSeed(RFC_6238_SEED_BYTES[algorithm])
    expect(codeAt({ algorithm, digits: 8 }, seed, Math.floor(seconds / 30))).toBe(code)
    const key: KeyFace = { ...TOTP, algorithm, digits: 8 }
    expect(readCode(key, seed, code, seconds * 1000).kind).toBe('good')
  })

  it.each([6, 7, 8])('have the %i digits of their key, zeros in front included', (digits) => {
    const codes = Array.from({ length: 200 }, (_, step) =>
      codeAt({ algorithm: 'SHA1', digits }, SEED, step),
    )
    expect(codes.every((code) => code.length === digits)).toBe(true)
    expect(codes.some((code) => code.startsWith('0'))).toBe(true)
  })

  it.each([TOTP, HOTP])('that are none of a $kind key are not taken', (key) => {
    const step = key.kind === 'totp' ? shown(NOW) : key.next
    const code = codeAt(key, SEED, step)
    for (const typed of ['', code.slice(1), `${code}0`, ` ${code}`, '٠٠٠٠٠٠', 'abcdef']) {
      expect(readCode(key, SEED, typed, NOW)).toEqual({ kind: 'none' })
    }
    expect(readCode(key, rfcSeed(32), code, NOW)).toEqual({ kind: 'none' })
  })
})

describe('a TOTP key', () => {
  const here = shown(NOW)

  it('is taken one code around its clock, and no further', () => {
    for (let out = -NEAR_STEPS; out <= NEAR_STEPS; out += 1) {
      expect(gateFor(TOTP).type(here + out)).toMatchObject({ kind: 'good', step: here + out })
    }
    for (const out of [-2, 2]) {
      const far = { kind: 'first_of_two', step: here + out }
      expect(gateFor(TOTP).type(here + out)).toEqual(far)
    }
    expect(NEAR_STEPS).toBe(1)
  })

  it('is taken around its own clock where that is known to be ahead or behind', () => {
    for (const ahead of [-4, 3]) {
      const ms = ahead * PERIOD_MS
      const key = { ...TOTP, clock: { aheadMinMs: ms - 500, aheadMaxMs: ms + 500, atMs: NOW } }
      const kinds = [-2, -1, 0, 1, 2].map((out) => gateFor(key).type(here + ahead + out).kind)
      expect(kinds).toEqual(['first_of_two', 'good', 'good', 'good', 'first_of_two'])
      expect(gateFor(key).type(here).kind).not.toBe('good')
    }
  })

  it('is taken two codes around when used for the first time, and no further', () => {
    for (const out of [-2, -1, 0, 1, 2]) {
      const read = gateFor(TOTP).type(here + out, NOW, FIRST)
      expect(read).toMatchObject({ kind: 'good', step: here + out })
    }
    for (const out of [-3, 3]) {
      expect(gateFor(TOTP).type(here + out, NOW, FIRST).kind).toBe('first_of_two')
    }
    expect(FIRST_NEAR_STEPS).toBe(2)
  })

  it('is followed from its first code on: the second is measured by it', () => {
    const ahead = 2 * PERIOD_MS
    const gate = gateFor(TOTP)
    expect(gate.type(here + 2, NOW, FIRST).kind).toBe('good')
    expect(Math.abs(aheadMs(gate.key().clock) - ahead)).toBeLessThanOrEqual(PERIOD_MS / 2)
    const later = NOW + PERIOD_MS
    expect(gate.type(shown(later, ahead), later).kind).toBe('good')
  })

  it('does not follow a second code that does not fit the first', () => {
    const gate = gateFor(TOTP)
    expect(gate.type(here - 2, NOW, FIRST).kind).toBe('good')
    const later = NOW + PERIOD_MS
    expect(gate.type(shown(later, 2 * PERIOD_MS), later).kind).not.toBe('good')
  })

  it.each([30, 60])(
    'of %i s comes back by two codes in a row, up to ten minutes out',
    (seconds) => {
      const key = { ...TOTP, periodSeconds: seconds, clock: newClock(seconds, NOW) }
      const ms = seconds * 1000
      for (const ahead of [-RESYNC_MS, -3 * MINUTE, 3 * MINUTE, RESYNC_MS]) {
        const gate = gateFor(key)
        expect(gate.type(shown(NOW, ahead, ms)).kind).toBe('first_of_two')
        const later = NOW + ms
        const second = gate.type(shown(later, ahead, ms), later)
        expect(second).toMatchObject({ kind: 'good', step: shown(later, ahead, ms) })
        expect(Math.abs(aheadMs(gate.key().clock) - ahead)).toBeLessThanOrEqual(ms / 2)
      }
    },
  )

  it('does not come back from eleven minutes out', () => {
    for (const ahead of [-11 * MINUTE, 11 * MINUTE]) {
      const gate = gateFor(TOTP)
      for (const atMs of [NOW, NOW + PERIOD_MS, NOW + 2 * PERIOD_MS]) {
        expect(gate.type(shown(atMs, ahead), atMs)).toEqual({ kind: 'none' })
      }
    }
  })

  it('comes back although a code between the two was skipped', () => {
    const gate = gateFor(TOTP)
    gate.type(here + 6)
    const later = NOW + 3 * PERIOD_MS
    expect(gate.type(here + 9, later).kind).toBe('good')
  })

  it('does not come back by two codes in the wrong order', () => {
    const gate = gateFor(TOTP)
    expect(gate.type(here + 7).kind).toBe('first_of_two')
    expect(gate.type(here + 6, NOW + PERIOD_MS)).toEqual({ kind: 'none' })
    const unclaimed = { ...TOTP, firstOfTwo: { step: here + 7, atMs: NOW } }
    expect(gateFor(unclaimed).type(here + 6).kind).toBe('first_of_two')
  })

  it('does not come back by one code typed twice', () => {
    const gate = gateFor(TOTP)
    expect(gate.type(here + 6).kind).toBe('first_of_two')
    expect(gate.type(here + 6, NOW + PERIOD_MS)).toEqual({ kind: 'none' })
    expect(gate.key().firstOfTwo?.step).toBe(here + 6)
  })

  it('does not come back by two codes that lie apart as no clock does', () => {
    const gate = gateFor(TOTP)
    expect(gate.type(here - 6).kind).toBe('first_of_two')
    expect(gate.type(here + 6, NOW + PERIOD_MS).kind).toBe('first_of_two')
  })

  it('does not come back by a second code that is typed ten minutes too late', () => {
    const gate = gateFor(TOTP)
    gate.type(here - 6)
    const inTime = NOW + RESYNC_MS
    expect(gateFor(gate.key()).type(shown(inTime) - 6, inTime).kind).toBe('good')
    expect(gateFor(gate.key()).type(shown(inTime + 1) - 6, inTime + 1).kind).toBe('first_of_two')
  })

  it('never goes backwards, not even within the window', () => {
    const gate = gateFor(TOTP)
    expect(gate.type(here + 1).kind).toBe('good')
    for (const step of [here + 1, here, here - 1]) {
      expect(gate.type(step)).toEqual({ kind: 'none' })
    }
    expect(gate.type(here + 2, NOW + PERIOD_MS).kind).toBe('good')
  })
})

describe('a HOTP key', () => {
  const { next } = HOTP

  it('may have run ahead by ten codes', () => {
    expect(LOOK_AHEAD).toBe(10)
    for (let out = 0; out <= LOOK_AHEAD; out += 1) {
      const gate = gateFor(HOTP)
      expect(gate.type(next + out)).toMatchObject({ kind: 'good', step: next + out })
      expect(gate.key().next).toBe(next + out + 1)
    }
  })

  it.each([11, 50, 99, 100])('that ran ahead by %i comes back by two codes in a row', (out) => {
    const gate = gateFor(HOTP)
    expect(gate.type(next + out)).toEqual({ kind: 'first_of_two', step: next + out })
    expect(gate.key().next).toBe(next)
    expect(gate.type(next + out + 1)).toMatchObject({ kind: 'good', step: next + out + 1 })
    expect(gate.key()).toMatchObject({ next: next + out + 2, firstOfTwo: null })
  })

  it('that ran ahead by more than a hundred does not come back', () => {
    expect(RESYNC_LOOK_AHEAD).toBe(100)
    const gate = gateFor(HOTP)
    for (const out of [101, 102, 103]) {
      expect(gate.type(next + out)).toEqual({ kind: 'none' })
    }
  })

  it('that ran ahead by a hundred and one is not noted, not even beside another note', () => {
    const gate = gateFor(HOTP)
    gate.type(next + 50)
    expect(gate.type(next + 101)).toEqual({ kind: 'none' })
    expect(gate.type(next + 51).kind).toBe('good')
  })

  it('comes back by the very next code only', () => {
    for (const second of [next + 22, next + 19]) {
      const gate = gateFor(HOTP)
      gate.type(next + 20)
      expect(gate.type(second)).toEqual({ kind: 'first_of_two', step: second })
    }
  })

  it('does not come back by one code typed twice', () => {
    const gate = gateFor(HOTP)
    gate.type(next + 20)
    expect(gate.type(next + 20)).toEqual({ kind: 'none' })
    expect(gate.type(next + 21).kind).toBe('good')
  })

  it('never goes backwards', () => {
    const gate = gateFor(HOTP)
    gate.type(next + 5)
    for (const counter of [next + 5, next + 4, next, next - 1]) {
      expect(gate.type(counter)).toEqual({ kind: 'none' })
    }
    expect(gate.type(next + 6).kind).toBe('good')
  })

  it('is as good as before where a stray code was taken for a first of two', () => {
    const gate = gateFor(HOTP)
    gate.type(next + 60)
    expect(gate.type(next).kind).toBe('good')
  })
})

const SEEDS = [1, 2, 3]

/** A key whose quartz runs fast or slow by so many seconds a day. */
const quartz = (chance: () => number, secondsADay: number) => {
  const ahead = Math.floor((chance() - 0.5) * PERIOD_MS)
  return (nowMs: number): number => ahead + ((nowMs - NOW) / DAY) * secondsADay * 1000
}

describe.each([2, -2])('a key whose clock drifts %i s a day', (secondsADay) => {
  it.each(SEEDS)('is taken at the first try once a week for a year (chances %i)', (seed) => {
    const chance = chances(seed)
    const aheadAt = quartz(chance, secondsADay)
    const gate = gateFor(TOTP)
    const kinds: string[] = []
    for (let week = 0; week < 52; week += 1) {
      const nowMs = NOW + week * WEEK + Math.floor(chance() * DAY)
      const near = week === 0 ? FIRST : NEAR_STEPS
      kinds.push(gate.type(shown(nowMs, aheadAt(nowMs)), nowMs, near).kind)
    }
    expect(kinds).toEqual(Array.from({ length: 52 }, () => 'good'))
    expect(Math.abs(aheadMs(gate.key().clock))).toBeGreaterThan(10 * MINUTE)
  })

  it.each(SEEDS)('comes back after ten idle weeks by two codes (chances %i)', (seed) => {
    const chance = chances(seed)
    const aheadAt = quartz(chance, secondsADay)
    const gate = gateFor(TOTP)
    gate.type(shown(NOW, aheadAt(NOW)), NOW, FIRST)
    const back = NOW + 10 * WEEK + Math.floor(chance() * DAY)
    const [first, second, third] = [back, back + PERIOD_MS, back + 2 * DAY].map(
      (nowMs) => gate.type(shown(nowMs, aheadAt(nowMs)), nowMs).kind,
    )
    expect([first, second, third]).toEqual(['first_of_two', 'good', 'good'])
  })
})

/** How far apart two places of a gauge are that goes round. */
const around = (a: number, b: number): number => {
  const apart = Math.abs(a - b) % PERIOD_MS
  return Math.min(apart, PERIOD_MS - apart)
}

/** By how much the gauge of a key is wrong: as it is new, then after each of its uses. */
const gaugeErrors = (seed: number): number[] => {
  const chance = chances(seed)
  const aheadAt = quartz(chance, 0)
  const gate = gateFor(TOTP)
  const error = (nowMs: number): number =>
    around(timeLeftMs(gate.key(), nowMs), PERIOD_MS - ((nowMs + aheadAt(nowMs)) % PERIOD_MS))
  const errors = [error(NOW)]
  for (let use = 1; use <= 16; use += 1) {
    const nowMs = NOW + use * 10 * MINUTE + Math.floor(chance() * MINUTE)
    gate.type(shown(nowMs, aheadAt(nowMs)), nowMs, use === 1 ? FIRST : NEAR_STEPS)
    errors.push(error(nowMs))
  }
  return errors
}

describe('the gauge of a code', () => {
  it('shows what is left of it by the clock of the key', () => {
    const clock = { aheadMinMs: -7_000, aheadMaxMs: -5_000, atMs: NOW }
    // Half of the code is gone by our clock; the key is 6 s behind.
    expect(timeLeftMs({ ...TOTP, clock }, NOW)).toBe(PERIOD_MS / 2 + 6_000)
    expect(timeLeftMs(TOTP, NOW)).toBe(PERIOD_MS / 2)
    expect(stepNow({ ...TOTP, clock }, NOW)).toBe(shown(NOW))
  })

  it('is full when a code begins and never empty, whenever it is looked at', () => {
    const begins = NOW - PERIOD_MS / 2
    expect(timeLeftMs(TOTP, begins)).toBe(PERIOD_MS)
    expect(timeLeftMs(TOTP, begins - 1)).toBe(1)
    const clock = { aheadMinMs: -MINUTE, aheadMaxMs: -MINUTE, atMs: 0 }
    expect(timeLeftMs({ ...TOTP, clock }, 0)).toBe(PERIOD_MS)
    expect(timeLeftMs({ ...TOTP, clock }, 10)).toBe(PERIOD_MS - 10)
  })

  it('comes closer to that of the key with every use', () => {
    const all = Array.from({ length: 20 }, (_, seed) => gaugeErrors(seed + 1))
    const mean = (uses: number): number =>
      all.reduce((sum, errors) => sum + (errors[uses] ?? Number.NaN), 0) / all.length
    expect(mean(4)).toBeLessThan(mean(0) / 2)
    expect(mean(16)).toBeLessThan(mean(4) / 2)
    expect(mean(16)).toBeLessThan(2_000)
  })

  it('is never wrong by more than half a code after a use', () => {
    for (const seed of SEEDS) {
      const chance = chances(seed)
      const aheadAt = quartz(chance, 2)
      const gate = gateFor(TOTP)
      for (let use = 0; use < 30; use += 1) {
        const nowMs = NOW + use * 3 * DAY + Math.floor(chance() * DAY)
        gate.type(shown(nowMs, aheadAt(nowMs)), nowMs, use === 0 ? FIRST : NEAR_STEPS)
        expect(Math.abs(aheadMs(gate.key().clock) - aheadAt(nowMs))).toBeLessThanOrEqual(
          PERIOD_MS / 2 + 1,
        )
      }
    }
  })
})

/** What somebody may do at the gate, the owner of the key or not. */
type Deed =
  | { readonly do: 'wait'; readonly ms: number }
  /** The code that lies so many steps or counters from the one shown, typed within the window. */
  | { readonly do: 'type'; readonly out: number }
  /** The digits typed so many tries ago, once more. */
  | { readonly do: 'repeat'; readonly back: number }
  | { readonly do: 'guess'; readonly code: string }

const deeds: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    do: fc.constant('wait' as const),
    ms: fc.oneof(fc.integer({ min: 0, max: 2 * MINUTE }), fc.integer({ min: 0, max: 80 * DAY })),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('type' as const),
      out: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -30, max: 110 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat(5) }) },
  fc.record({
    do: fc.constant('guess' as const),
    code: fc.nat(999_999).map((digits) => String(digits).padStart(6, '0')),
  }),
)

interface Played {
  /** Steps that were accepted or burnt, in the order in which that happened. */
  readonly spent: readonly number[]
  readonly readings: readonly { readonly code: string; readonly reading: CodeReading }[]
}

/** Plays deeds at the gate; `aheadAt` is the clock of a TOTP key. */
const play = (from: KeyFace, aheadAt: (nowMs: number) => number, all: readonly Deed[]): Played => {
  let key = from
  let nowMs = NOW
  let counter = from.next
  const spent: number[] = []
  const readings: { code: string; reading: CodeReading }[] = []
  const codeOf = (deed: Exclude<Deed, { do: 'wait' }>): string => {
    if (deed.do === 'guess') {
      return deed.code
    }
    if (deed.do === 'repeat') {
      return readings.at(-1 - deed.back)?.code ?? ''
    }
    const step = (key.kind === 'totp' ? shown(nowMs, aheadAt(nowMs)) : counter) + deed.out
    counter = Math.max(counter, step + 1)
    return codeAt(key, SEED, Math.max(0, step))
  }
  for (const deed of all) {
    if (deed.do === 'wait') {
      nowMs += deed.ms
      continue
    }
    const code = codeOf(deed)
    const reading = readCode(key, SEED, code, nowMs)
    readings.push({ code, reading })
    if (reading.kind === 'good' || (reading.kind === 'first_of_two' && key.kind === 'totp')) {
      spent.push(reading.step)
    }
    key = afterClaim(key, reading, nowMs)
  }
  return { spent, readings }
}

describe('whatever is typed, in whatever order, however the key drifts', () => {
  const drifts = fc.integer({ min: -4_000, max: 4_000 })
  const offsets = fc.integer({ min: -12 * MINUTE, max: 12 * MINUTE })
  const sequences = fc.array(deeds, { minLength: 2, maxLength: 14 })

  it.each([
    { key: TOTP, numRuns: 60 },
    { key: HOTP, numRuns: 40 },
  ])('no step of a $key.kind key is spent that is not above all spent before', (given) => {
    const { key, numRuns } = given
    fc.assert(
      fc.property(drifts, offsets, sequences, (driftMs, offsetMs, all) => {
        const aheadAt = (nowMs: number): number => offsetMs + ((nowMs - NOW) / DAY) * driftMs
        const { spent, readings } = play(key, aheadAt, all)
        expect(spent).toEqual([...new Set(spent)].toSorted((a, b) => a - b))
        for (const { code, reading } of readings) {
          expect(reading.kind === 'none' || codeAt(key, SEED, reading.step) === code).toBe(true)
        }
      }),
      { numRuns },
    )
  })
})
