import { truncateNetwork } from '../policies/network.ts'
import type { Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { claimOf, type Match, matchCode, type Routed } from './code_match.ts'
import { tell, whence } from './notices.ts'
import {
  block,
  closeActivation,
  FIRST_USE_TRIES,
  FIRST_USE_TRIES_AFTER_PASSWORD,
  OTP_PIN_TRIES,
  type OtpKey,
} from './otp_key.ts'
import type { Admission, Deps, HashPlace, Origin, Place, Presented, Tables } from './ports.ts'

/** What a try is checked against: one argon2id, of `secret`, whatever it turns out to be. */
export interface Against {
  readonly secret: string
  /** Null: there is nothing to compare with. */
  readonly sealed: string | null
  readonly owner: string
}

/** One try of a password, a passcode or the first code of a key. */
export interface Try extends Routed {
  /** As typed, where it may be a code. */
  readonly typed: string
  readonly account: Account | null
  /** Under which its failures are counted. */
  readonly subject: string
  /** Why nothing can be right here, whatever was typed; for the audit. */
  readonly obstacle: string | null
  /**
   * Given the key whose code is right, else null: then it may still be a password that looks like
   * a code. Null: the code alone is the proof.
   */
  readonly against: (match: Match | null) => Against | null
}

export interface Judged {
  readonly right: boolean
  /** The secret's hash has older parameters. */
  readonly stale: boolean
  /** For the audit; null when it was right. */
  readonly why: string | null
  readonly place: Place
  readonly admitted: boolean
  /** The key whose code was right, good and used up by this try. */
  readonly match: Match | null
}

const whyRefused = (admission: Admission, { obstacle }: Try): string | null =>
  admission.admitted ? obstacle : admission.why

const whyWrong = ({ route }: Try, match: Match | null): string => {
  if (match !== null) {
    return 'wrong_pin'
  }
  return route === 'password' ? 'wrong_password' : 'wrong_code'
}

/**
 * Judges a try: counts it as a failure in advance and uses up the code, in one act; then one
 * argon2id, real or dummy. The store calls and the work are the same whatever was typed and
 * whoever is called so (OWASP ASVS 6.3.8). A right code is used up also beside a wrong PIN, and
 * before its PIN is hashed: whatever happens next, nobody uses it again.
 */
export const judgeTry = async (
  deps: Deps,
  tried: Try,
  origin: Origin,
  presented: Presented,
  place: HashPlace,
): Promise<Judged> => {
  const { subject } = tried
  const nowMs = deps.clock()
  const browser = presented.kind === 'known' ? presented.browserId : null
  const network = truncateNetwork(origin.address)
  const found = matchCode(deps, tried.typed, tried.candidates, nowMs)
  const { admission, claimed } = await deps.store.transact(async (tables) => {
    const begun = await tables.passwordTries.begin(subject, browser, network, nowMs)
    const counts = begun.admitted && tried.obstacle === null
    const claim = found === null ? null : claimOf(found, counts)
    return { admission: begun, claimed: await tables.otpKeys.claim(claim, nowMs) }
  })
  const match = claimed && found?.reading.kind === 'good' ? found : null
  const refused = whyRefused(admission, tried)
  const against = tried.against(match)
  const { secret, sealed, owner } = against ?? { secret: tried.typed, sealed: null, owner: '' }
  const checked = await deps.hasher
    .verify(secret, refused === null ? sealed : null, owner, place)
    .catch(async (error: unknown) => {
      await giveBack(deps, tried, admission, match)
      throw error
    })
  const proved = against === null ? match !== null : checked.right
  const right = refused === null && proved
  return {
    right,
    stale: checked.stale,
    why: right ? null : (refused ?? whyWrong(tried, match)),
    place: admission.place,
    admitted: admission.admitted,
    match,
  }
}

/** The hashing queue failed: nothing was judged. The code stays used up. */
const giveBack = async (
  deps: Deps,
  { subject, route, account, obstacle }: Try,
  admission: Admission,
  match: Match | null,
): Promise<void> => {
  if (!admission.admitted) {
    return
  }
  await deps.store.passwordTries.release(subject, admission.place)
  if (match !== null && route === 'passcode' && obstacle === null) {
    const { serial } = match.key
    await deps.store.otpKeys.settle(account?.sub ?? '', [serial], 'unjudged', deps.clock())
  }
}

/**
 * As what a wrong first use counts against the key. Null: it does not. Where the password is asked
 * and was not proved, a stranger closes nothing.
 */
export type FirstUseCount = 'wrong_first_use' | 'wrong_first_use_proved' | null

const CLOSED = {
  wrong_pin: { limit: OTP_PIN_TRIES, count: 'wrongPins', close: block, act: 'key_blocked' },
  wrong_first_use: {
    limit: FIRST_USE_TRIES,
    count: 'firstUseTries',
    close: closeActivation,
    act: 'key_activation_closed',
  },
  wrong_first_use_proved: {
    limit: FIRST_USE_TRIES_AFTER_PASSWORD,
    count: 'firstUseTriesProved',
    close: closeActivation,
    act: 'key_activation_closed',
  },
} as const

/**
 * Writes down what the try did to its keys, in the caller's transaction: with one statement, unless
 * a key is closed by it, which its holder is told. False: the key was right, and is not in service
 * any more.
 */
export const settleKeys = async (
  deps: Deps,
  tables: Tables,
  tried: Try,
  judged: Judged,
  origin: Origin,
  firstUse: FirstUseCount,
): Promise<boolean> => {
  const nowMs = deps.clock()
  const { serials, outcome } = outcomeOf(tried, judged, firstUse)
  const sub = tried.account?.sub ?? ''
  const keys = await tables.otpKeys.settle(sub, serials, outcome, nowMs)
  if (outcome === 'right') {
    return serials.length === 0 || keys.some(({ state }) => state === 'in_service')
  }
  const { count, close, act, limit } = CLOSED[outcome]
  for (const key of keys.filter((each) => each[count] >= limit)) {
    const closed = close(key, nowMs)
    if (closed.ok) {
      await tables.otpKeys.save(closed.key)
      await tellOfKey(deps, tables, closed.key, act, origin)
    }
  }
  return true
}

const outcomeOf = (
  { route, candidates }: Try,
  { right, match, admitted }: Judged,
  firstUse: FirstUseCount,
): { serials: readonly string[]; outcome: 'right' | keyof typeof CLOSED } => {
  if (route === 'first_use' && !right) {
    const serials = admitted && firstUse !== null ? candidates.map(({ key }) => key.serial) : []
    return { serials, outcome: firstUse ?? 'wrong_first_use' }
  }
  const serials = route === 'passcode' && match !== null ? [match.key.serial] : []
  return { serials, outcome: right ? 'right' : 'wrong_pin' }
}

/** Tells the holder, and the audit, that their own or somebody else's tries closed a key. */
const tellOfKey = async (
  deps: Deps,
  tables: Tables,
  { sub, serial }: OtpKey,
  act: 'key_blocked' | 'key_activation_closed',
  origin: Origin,
): Promise<void> => {
  if (sub !== null) {
    await tell(deps, tables, sub, act, { params: { key: serial, ...whence(origin) } })
  }
  await tables.audit.append(
    auditEntry(deps, { act, outcome: 'refused', sub, origin, detail: { key: serial } }),
  )
}
