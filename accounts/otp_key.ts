import { type KeyFace, newClock } from '../policies/otp_window.ts'

export const OTP_KEY_STATES = [
  'in_stock',
  /** Given to somebody, who has not used it yet. */
  'assigned',
  /** The first use failed too often, or came too late: an administrator reopens it. */
  'activation_closed',
  'in_service',
  /** Too many wrong PINs beside a right code. */
  'blocked',
  'lost',
  'withdrawn',
] as const
export type OtpKeyState = (typeof OTP_KEY_STATES)[number]

/** Right codes beside a wrong PIN that block a key (RFC 4226 §7.3). */
export const OTP_PIN_TRIES = 10
/** Wrong first uses of somebody whose password was proved, and of anybody where none is asked. */
export const FIRST_USE_TRIES_AFTER_PASSWORD = 5
export const FIRST_USE_TRIES = 25

const DAY_MS = 24 * 3_600_000
export const LOAN_MS = DAY_MS

/** Times are ms since 1970. */
export interface OtpKey extends KeyFace {
  /** Printed on the key; `APP-…` for an authenticator app. */
  readonly serial: string
  readonly source: 'hardware' | 'app'
  /** Sealed, and bound to the serial. */
  readonly sealedSeed: string
  readonly state: OtpKeyState
  readonly sub: string | null
  readonly pin: OtpKeyPin | null
  /** Right codes beside a wrong PIN since the last success. */
  readonly wrongPins: number
  /** Wrong first uses where no password is asked, and of those who had proved theirs. */
  readonly firstUseTries: number
  readonly firstUseTriesProved: number
  readonly assignedAt: number | null
  readonly firstUseBy: number | null
  /** Lent: until when. */
  readonly loanUntil: number | null
  readonly inServiceAt: number | null
  /** By its present holder. */
  readonly lastUsedAt: number | null
  readonly addedAt: number
}

export interface OtpKeyPin {
  /** argon2id, sealed under the pepper. */
  readonly sealed: string
  readonly length: number
  readonly setAt: number
}

/** What is hashed of the key's PIN, and what is sealed of its seed, is bound to these. */
export const otpPinOwner = (serial: string): string => `otp_pin:${serial}`
export const otpSeedOwner = (serial: string): string => `otp_seed:${serial}`

/** One spelling of a serial, as printed or typed. */
export const serialKey = (typed: string): string =>
  typed.normalize('NFKC').replaceAll(/\s/g, '').toUpperCase()

/**
 * The state that holds now: a deadline and the end of a loan count from their moment on, whenever
 * they are written down.
 */
export const stateNow = (key: OtpKey, nowMs: number): OtpKeyState => {
  if (key.loanUntil !== null && key.loanUntil <= nowMs && BOUND.includes(key.state)) {
    return 'in_stock'
  }
  if (key.state === 'in_service' && key.wrongPins >= OTP_PIN_TRIES) {
    return 'blocked' // The process that counted the last one may not have come to write it down.
  }
  const late = key.state === 'assigned' && key.firstUseBy !== null && key.firstUseBy <= nowMs
  return late ? 'activation_closed' : key.state
}

const BOUND: readonly OtpKeyState[] = ['assigned', 'activation_closed', 'in_service', 'blocked']
const ALL = OTP_KEY_STATES

/** Everything that may happen to a key, and from where. */
const CHANGES = {
  assign: { from: ['in_stock', 'withdrawn'], to: 'assigned' },
  put_in_service: { from: ['assigned'], to: 'in_service' },
  close_activation: { from: ['assigned'], to: 'activation_closed' },
  reopen_activation: { from: ['activation_closed'], to: 'assigned' },
  block: { from: ['in_service'], to: 'blocked' },
  unblock: { from: ['blocked'], to: 'in_service' },
  reset_pin: { from: ['in_service', 'blocked'], to: 'assigned' },
  report_lost: { from: ['in_stock', ...BOUND, 'withdrawn'], to: 'lost' },
  withdraw: { from: ALL.filter((state) => state !== 'withdrawn'), to: 'withdrawn' },
  end_loan: { from: BOUND, to: 'in_stock' },
} as const satisfies Record<string, { from: readonly OtpKeyState[]; to: OtpKeyState }>
export type OtpKeyChange = keyof typeof CHANGES

/** What `stateNow` says already: judged by the state that is stored until then. */
const WRITTEN_DOWN: readonly OtpKeyChange[] = ['end_loan', 'close_activation', 'block']

export type Changed =
  | { readonly ok: true; readonly key: OtpKey }
  /** What is asked cannot be done with a key in this state. */
  | { readonly ok: false; readonly reason: 'illegal'; readonly state: OtpKeyState }

const change = (
  key: OtpKey,
  what: OtpKeyChange,
  nowMs: number,
  fields: Partial<OtpKey>,
): Changed => {
  const { from, to } = CHANGES[what]
  const state = WRITTEN_DOWN.includes(what) ? key.state : stateNow(key, nowMs)
  return (from as readonly OtpKeyState[]).includes(state)
    ? { ok: true, key: { ...key, ...fields, state: to } }
    : { ok: false, reason: 'illegal', state }
}

/** Nobody's any more. Counters and clock stay: no code of the past ever serves again. */
const UNBOUND = {
  sub: null,
  pin: null,
  wrongPins: 0,
  firstUseTries: 0,
  firstUseTriesProved: 0,
  assignedAt: null,
  firstUseBy: null,
  loanUntil: null,
  inServiceAt: null,
  lastUsedAt: null,
  firstOfTwo: null,
} satisfies Partial<OtpKey>

/** Gives a key to a person; `loanUntil`: only for so long. */
export const assign = (
  key: OtpKey,
  nowMs: number,
  to: { readonly sub: string; readonly firstUseBy: number; readonly loanUntil: number | null },
): Changed =>
  key.source === 'app'
    ? { ok: false, reason: 'illegal', state: key.state } // Whoever enrolled it keeps the seed.
    : change(key, 'assign', nowMs, { ...UNBOUND, assignedAt: nowMs, ...to })

/** The first use has come to its end. */
export const putInService = (key: OtpKey, nowMs: number, pin: OtpKeyPin): Changed =>
  change(key, 'put_in_service', nowMs, {
    pin,
    wrongPins: 0,
    firstUseTries: 0,
    firstUseTriesProved: 0,
    firstUseBy: null,
    inServiceAt: nowMs,
    lastUsedAt: nowMs,
  })

export const closeActivation = (key: OtpKey, nowMs: number): Changed =>
  change(key, 'close_activation', nowMs, { firstUseBy: null })

export const reopenActivation = (key: OtpKey, nowMs: number, firstUseBy: number): Changed =>
  change(key, 'reopen_activation', nowMs, {
    firstUseTries: 0,
    firstUseTriesProved: 0,
    firstUseBy,
    assignedAt: nowMs,
  })

export const block = (key: OtpKey, nowMs: number): Changed => change(key, 'block', nowMs, {})

export const unblock = (key: OtpKey, nowMs: number): Changed =>
  change(key, 'unblock', nowMs, { wrongPins: 0 })

/** The PIN is forgotten: first use again, by the same person. */
export const resetPin = (key: OtpKey, nowMs: number, firstUseBy: number): Changed =>
  change(key, 'reset_pin', nowMs, {
    pin: null,
    wrongPins: 0,
    firstUseTries: 0,
    firstUseTriesProved: 0,
    inServiceAt: null,
    firstUseBy,
    assignedAt: nowMs, // Another activation: a first use begun before has nothing to finish.
  })

/** Remains its holder's, so that the audit and the lists tell whose it was. */
export const reportLost = (key: OtpKey, nowMs: number): Changed =>
  change(key, 'report_lost', nowMs, { pin: null, inServiceAt: null, loanUntil: null })

/** Taken back: it may be given to somebody else, except an authenticator app. */
export const withdraw = (key: OtpKey, nowMs: number): Changed =>
  change(key, 'withdraw', nowMs, UNBOUND)

/**
 * Its holder is erased: nobody's any more, as after a return; one that was lost stays lost. Null: an
 * app goes with whoever enrolled it.
 */
export const withoutHolder = (key: OtpKey): OtpKey | null =>
  key.source === 'app'
    ? null
    : { ...key, ...UNBOUND, state: key.state === 'lost' ? 'lost' : 'in_stock' }

/** Back in stock after the loan. */
export const endLoan = (key: OtpKey, nowMs: number): Changed =>
  change(key, 'end_loan', nowMs, UNBOUND)

/** A key nobody has used yet, as it comes from its maker's file. */
export const keyInStock = (
  made: Pick<
    OtpKey,
    'serial' | 'kind' | 'algorithm' | 'digits' | 'periodSeconds' | 'sealedSeed'
  > & {
    /** HOTP: the first counter that it will show. */
    readonly counter: number
  },
  nowMs: number,
): OtpKey => {
  const { counter, ...face } = made
  return {
    ...face,
    ...UNBOUND,
    source: 'hardware',
    state: 'in_stock',
    next: counter,
    clock: newClock(face.periodSeconds, nowMs),
    addedAt: nowMs,
  }
}

/** An authenticator app that has shown its first code, at once in service under its PIN. */
export const enrolledApp = (
  made: Pick<
    OtpKey,
    'serial' | 'algorithm' | 'digits' | 'periodSeconds' | 'sealedSeed' | 'clock' | 'next'
  > & { readonly sub: string; readonly pin: OtpKeyPin },
  nowMs: number,
): OtpKey => ({
  ...UNBOUND,
  ...made,
  source: 'app',
  kind: 'totp',
  state: 'in_service',
  assignedAt: nowMs,
  inServiceAt: nowMs,
  lastUsedAt: nowMs,
  addedAt: nowMs,
})
