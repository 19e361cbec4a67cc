import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assign,
  block,
  type Changed,
  closeActivation,
  endLoan,
  keyInStock,
  OTP_KEY_STATES,
  type OtpKey,
  type OtpKeyState,
  putInService,
  reopenActivation,
  reportLost,
  resetPin,
  serialKey,
  stateNow,
  unblock,
  withdraw,
} from '../../accounts/otp_key.ts'

const NOW = 1_760_000_000_000
const HOUR_MS = 3_600_000
const PIN = { sealed: 'hash', length: 4, setAt: NOW }

const newKey = keyInStock(
  {
    serial: 'K1',
    kind: 'totp',
    algorithm: 'SHA1',
    digits: 6,
    periodSeconds: 30,
    sealedSeed: 'sealed',
    counter: 7,
  },
  NOW,
)

const given: Partial<OtpKey> = { sub: 'camille', assignedAt: NOW }
const used: Partial<OtpKey> = { ...given, pin: PIN, inServiceAt: NOW, lastUsedAt: NOW }

/** A key as it stands in each state. */
const IN: Readonly<Record<OtpKeyState, OtpKey>> = {
  in_stock: newKey,
  assigned: { ...newKey, ...given, state: 'assigned', firstUseBy: NOW + HOUR_MS },
  activation_closed: { ...newKey, ...given, state: 'activation_closed', firstUseTries: 5 },
  in_service: { ...newKey, ...used, state: 'in_service', wrongPins: 3 },
  blocked: { ...newKey, ...used, state: 'blocked', wrongPins: 10 },
  lost: { ...newKey, ...given, state: 'lost' },
  withdrawn: { ...newKey, state: 'withdrawn' },
}

const CHANGES = {
  assign: (key, nowMs) =>
    assign(key, nowMs, { sub: 'alex', firstUseBy: nowMs + HOUR_MS, loanUntil: null }),
  lend: (key, nowMs) =>
    assign(key, nowMs, { sub: 'alex', firstUseBy: nowMs + HOUR_MS, loanUntil: nowMs + HOUR_MS }),
  putInService: (key, nowMs) => putInService(key, nowMs, PIN),
  closeActivation,
  reopenActivation: (key, nowMs) => reopenActivation(key, nowMs, nowMs + HOUR_MS),
  block,
  unblock,
  resetPin: (key, nowMs) => resetPin(key, nowMs, nowMs + HOUR_MS),
  reportLost,
  withdraw,
  endLoan,
} as const satisfies Record<string, (key: OtpKey, nowMs: number) => Changed>
type Change = keyof typeof CHANGES
const NAMES = Object.keys(CHANGES) as Change[]

/** Every legal change, and where it leads. Whatever is not here is refused. */
const LEGAL: Readonly<Record<OtpKeyState, Partial<Record<Change, OtpKeyState>>>> = {
  in_stock: { assign: 'assigned', lend: 'assigned', reportLost: 'lost', withdraw: 'withdrawn' },
  assigned: {
    putInService: 'in_service',
    closeActivation: 'activation_closed',
    reportLost: 'lost',
    withdraw: 'withdrawn',
    endLoan: 'in_stock',
  },
  activation_closed: {
    reopenActivation: 'assigned',
    reportLost: 'lost',
    withdraw: 'withdrawn',
    endLoan: 'in_stock',
  },
  in_service: {
    block: 'blocked',
    resetPin: 'assigned',
    reportLost: 'lost',
    withdraw: 'withdrawn',
    endLoan: 'in_stock',
  },
  blocked: {
    unblock: 'in_service',
    resetPin: 'assigned',
    reportLost: 'lost',
    withdraw: 'withdrawn',
    endLoan: 'in_stock',
  },
  lost: { withdraw: 'withdrawn' },
  withdrawn: { assign: 'assigned', lend: 'assigned', reportLost: 'lost' },
}

const PAIRS = OTP_KEY_STATES.flatMap((state) => NAMES.map((change) => ({ state, change })))
const legalPairs = PAIRS.filter(({ state, change }) => LEGAL[state][change] !== undefined)
const illegalPairs = PAIRS.filter(({ state, change }) => LEGAL[state][change] === undefined)

describe('what may happen to a key', () => {
  it.each(legalPairs)('a key that is $state: $change', ({ state, change }) => {
    const changed = CHANGES[change](IN[state], NOW)
    expect(changed).toMatchObject({ ok: true, key: { state: LEGAL[state][change] } })
  })

  it.each(illegalPairs)('a key that is $state refuses $change', ({ state, change }) => {
    expect(CHANGES[change](IN[state], NOW)).toEqual({ ok: false, reason: 'illegal', state })
  })
})

describe('a change of a key', () => {
  const became = (state: OtpKeyState, change: Change): OtpKey => {
    const changed = CHANGES[change](IN[state], NOW)
    return changed.ok ? changed.key : expect.fail(`${change} is refused`)
  }

  it('gives whoever gets it next nothing of who had it before', () => {
    const back = became('blocked', 'withdraw')
    const again = CHANGES.assign(back, NOW)
    expect(again).toMatchObject({
      ok: true,
      key: { sub: 'alex', pin: null, wrongPins: 0, firstUseTries: 0, inServiceAt: null },
    })
  })

  it('lets a first use that was closed begin with no wrong tries', () => {
    expect(became('activation_closed', 'reopenActivation')).toMatchObject({
      sub: 'camille',
      firstUseTries: 0,
      firstUseBy: NOW + HOUR_MS,
    })
  })

  it('keeps the PIN of a key that is unblocked, and forgets it when it is reset', () => {
    expect(became('blocked', 'unblock')).toMatchObject({ pin: PIN, wrongPins: 0 })
    expect(became('blocked', 'resetPin')).toMatchObject({ pin: null, wrongPins: 0, sub: 'camille' })
  })

  it('leaves a lost key its holder, but neither PIN nor loan', () => {
    expect(became('in_service', 'reportLost')).toMatchObject({
      sub: 'camille',
      pin: null,
      loanUntil: null,
    })
  })

  it('never gives an authenticator app to somebody else', () => {
    const app: OtpKey = { ...IN.withdrawn, source: 'app' }
    expect(CHANGES.assign(app, NOW)).toEqual({ ok: false, reason: 'illegal', state: 'withdrawn' })
  })
})

describe('a deadline', () => {
  const lent: OtpKey = { ...IN.in_service, loanUntil: NOW + HOUR_MS }

  it('closes the activation from its moment on, written down or not', () => {
    expect(stateNow(IN.assigned, NOW + HOUR_MS - 1)).toBe('assigned')
    expect(stateNow(IN.assigned, NOW + HOUR_MS)).toBe('activation_closed')
    expect(putInService(IN.assigned, NOW + HOUR_MS, PIN)).toMatchObject({
      ok: false,
      state: 'activation_closed',
    })
    expect(reopenActivation(IN.assigned, NOW + HOUR_MS, NOW + 2 * HOUR_MS)).toMatchObject({
      ok: true,
    })
  })

  it('can be written down when it has passed, and once', () => {
    const closed = closeActivation(IN.assigned, NOW + HOUR_MS)
    expect(closed).toMatchObject({ ok: true, key: { state: 'activation_closed' } })
    expect(closed.ok && closeActivation(closed.key, NOW + HOUR_MS)).toMatchObject({ ok: false })
  })

  it('of a loan makes the key nobody’s: it can be given away, and its holder can do nothing', () => {
    expect(stateNow(lent, NOW + HOUR_MS - 1)).toBe('in_service')
    expect(stateNow(lent, NOW + HOUR_MS)).toBe('in_stock')
    expect(resetPin(lent, NOW + HOUR_MS, NOW + 2 * HOUR_MS)).toMatchObject({ ok: false })
    expect(CHANGES.assign(lent, NOW + HOUR_MS)).toMatchObject({
      ok: true,
      key: { sub: 'alex', pin: null, loanUntil: null },
    })
    expect(endLoan(lent, NOW + HOUR_MS)).toMatchObject({ ok: true, key: { sub: null, pin: null } })
  })
})

/** What has to be true of a key in each state, whatever happened to it. */
const TRUE_IN: Readonly<Record<OtpKeyState, Partial<Record<keyof OtpKey, 'set' | 'null'>>>> = {
  in_stock: { sub: 'null', pin: 'null', loanUntil: 'null', firstUseBy: 'null' },
  assigned: { sub: 'set', pin: 'null', assignedAt: 'set', firstUseBy: 'set' },
  activation_closed: { sub: 'set', pin: 'null', firstUseBy: 'null' },
  in_service: { sub: 'set', pin: 'set', inServiceAt: 'set', firstUseBy: 'null' },
  blocked: { sub: 'set', pin: 'set', firstUseBy: 'null' },
  lost: { pin: 'null', loanUntil: 'null' },
  withdrawn: { sub: 'null', pin: 'null', loanUntil: 'null', firstUseBy: 'null' },
}

const faultsOf = (key: OtpKey): string[] =>
  Object.entries(TRUE_IN[key.state])
    .filter(([field, want]) => (key[field as keyof OtpKey] === null ? 'null' : 'set') !== want)
    .map(([field, want]) => `${key.state}: ${field} is not ${want}`)

/** The key after a change, which may have been refused. */
const tried = (key: OtpKey, change: Change, nowMs: number): OtpKey => {
  const changed = CHANGES[change](key, nowMs)
  return changed.ok ? changed.key : key
}

describe('whatever happens to a key, in any order and at any time', () => {
  const happenings = fc.array(
    fc.record({
      change: fc.constantFrom(...NAMES),
      afterMs: fc.constantFrom(0, 1000, HOUR_MS),
      codes: fc.nat(3),
    }),
    { maxLength: 40 },
  )

  it('it is in a state that holds together, and nobody’s once it is taken back', () => {
    fc.assert(
      fc.property(happenings, (steps) => {
        let key = newKey
        let nowMs = NOW
        for (const { change, afterMs } of steps) {
          nowMs += afterMs
          key = tried(key, change, nowMs)
          expect(faultsOf(key)).toEqual([])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('no code that was used ever serves again, whoever has the key', () => {
    fc.assert(
      fc.property(happenings, (steps) => {
        let key = newKey
        for (const { change, codes } of steps) {
          key = { ...key, next: key.next + codes }
          const after = tried(key, change, NOW)
          expect(after.next).toBe(key.next)
          expect(after.clock).toEqual(key.clock)
          key = after
        }
      }),
    )
  })

  it('only who it was given to has it: holders change by being given it, never otherwise', () => {
    fc.assert(
      fc.property(happenings, (steps) => {
        let key: OtpKey = IN.in_service
        for (const { change } of steps) {
          const after = tried(key, change, NOW)
          const newHolder = change === 'assign' || change === 'lend' ? 'alex' : null
          expect([key.sub, newHolder]).toContain(after.sub)
          key = after
        }
      }),
    )
  })
})

describe('a serial', () => {
  it('is one however it is printed or typed', () => {
    expect(serialKey(' ab 12－3\t')).toBe('AB12-3')
  })
})
