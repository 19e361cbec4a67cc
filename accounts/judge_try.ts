import { truncateNetwork } from '../policies/network.ts'
import type { Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { claimOf, type Match, matchCode, type Routed } from './code_match.ts'
import { tell } from './notices.ts'
import {
  block,
  closeActivation,
  FIRST_USE_TRIES,
  type FIRST_USE_TRIES_AFTER_PASSWORD,
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
  /** Null: the code alone is the proof. */
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

const whyRefused = (
  admission: Admission,
  { obstacle, route }: Try,
  isGood: boolean,
): string | null => {
  if (!admission.admitted) {
    return admission.why
  }
  return obstacle ?? (route === 'password' || isGood ? null : 'wrong_code')
}

const WRONG: Record<Try['route'], string> = {
  password: 'wrong_password',
  passcode: 'wrong_pin',
  first_use: 'wrong_pin',
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
  const why = whyRefused(admission, tried, match !== null)
  const against = tried.against(match)
  const { secret, sealed, owner } = against ?? { secret: tried.typed, sealed: null, owner: '' }
  const checked = await deps.hasher
    .verify(secret, why === null ? sealed : null, owner, place)
    .catch(async (error: unknown) => {
      await giveBack(deps, tried, admission, match)
      throw error
    })
  const right = why === null && (against === null || checked.right)
  return {
    right,
    stale: checked.stale,
    why: right ? null : (why ?? WRONG[tried.route]),
    place: admission.place,
    admitted: admission.admitted,
    match,
  }
}

/** The hashing queue failed: nothing was judged. The code stays used up. */
const giveBack = async (
  deps: Deps,
  { subject, route, obstacle }: Try,
  admission: Admission,
  match: Match | null,
): Promise<void> => {
  if (!admission.admitted) {
    return
  }
  await deps.store.passwordTries.release(subject, admission.place)
  if (match !== null && route === 'passcode' && obstacle === null) {
    await deps.store.otpKeys.settle([match.key.serial], 'unjudged', deps.clock())
  }
}

/** Whether a wrong first use counts against the key, and how many do. */
export type FirstUseLimit =
  | typeof FIRST_USE_TRIES
  | typeof FIRST_USE_TRIES_AFTER_PASSWORD
  /** The password is asked, and was not proved: a stranger closes nothing. */
  | null

const CLOSED = {
  wrong_pin: { limit: OTP_PIN_TRIES, count: 'wrongPins', close: block, act: 'key_blocked' },
  wrong_first_use: {
    limit: FIRST_USE_TRIES,
    count: 'firstUseTries',
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
  firstUseLimit: FirstUseLimit,
): Promise<boolean> => {
  const nowMs = deps.clock()
  const { serials, outcome } = outcomeOf(tried, judged, firstUseLimit)
  const keys = await tables.otpKeys.settle(serials, outcome, nowMs)
  if (outcome === 'right') {
    return serials.length === 0 || keys.some(({ state }) => state === 'in_service')
  }
  const { count, close, act, limit } = CLOSED[outcome]
  const most = outcome === 'wrong_first_use' ? (firstUseLimit ?? limit) : limit
  for (const key of keys.filter((each) => each[count] >= most)) {
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
  firstUseLimit: FirstUseLimit,
): { serials: readonly string[]; outcome: 'right' | 'wrong_pin' | 'wrong_first_use' } => {
  if (route === 'first_use' && !right) {
    const counted = admitted && firstUseLimit !== null
    const serials = counted ? candidates.map(({ key }) => key.serial) : []
    return { serials, outcome: 'wrong_first_use' }
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
    await tell(deps, tables, sub, act, { params: { key: serial } })
  }
  await tables.audit.append(
    auditEntry(deps, { act, outcome: 'refused', sub, origin, detail: { key: serial } }),
  )
}
