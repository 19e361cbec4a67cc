const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Wrong passwords at one place before the first delay (CNIL deliberation 2022-100, case 2). */
export const FREE_TRIES = 5
/** The same source asks for a first delay of more than one minute. */
export const FIRST_DELAY_MS = 61_000
/** The longest delay: with it, one place gets fewer than 25 tries a day. */
export const DELAY_MAX_MS = 2 * HOUR_MS
/** Failures of one account within `FADE_MS`, all places together (NIST SP 800-63B-4 §3.2.2). */
export const ACCOUNT_FAILURES_MAX = 100
/** Failures are forgotten when the last one is this old. */
export const FADE_MS = 24 * HOUR_MS
/**
 * Failures of one network within `NETWORK_WINDOW_MS`, all identifiers together, against one password
 * tried on everybody. Sized for a whole school behind one address: when 2,000 people sign in within
 * its busiest hour and 5 % of them mistype, that is a tenth of it. Beyond it, newcomers of the
 * network are paced.
 */
export const NETWORK_FAILURES_MAX = 1_000
export const NETWORK_WINDOW_MS = HOUR_MS
/**
 * Between two counted tries of a paced network. Refusing its newcomers for the rest of the hour
 * would stop a sprayer dead, but one classmate with a script could then keep everybody out who
 * signs in at school for the first time. The price of pacing is 1,800 guesses an hour beyond the
 * first 1,000, spread over many accounts, each of which keeps its own delays. What it does not
 * give is a turn for everybody: while the sprayer goes on, whoever posts first after a pause gets
 * it, and a newcomer may have to come back often. Once the sprayer stops, they get in.
 */
export const NETWORK_PACE_MS = 2_000

/** Wrong PINs that block a PIN, unless the policy says otherwise (CNIL, as above). */
export const PIN_TRIES_DEFAULT = 3
/** The most that a policy may allow: 4 digits leave 10,000 values. */
export const PIN_TRIES_CAP = 10

/**
 * What is known of one account at one place. A place is a network, or a browser known to the
 * account. The store keeps one row a place and account, shared by all processes.
 */
export interface PlaceTries {
  /** Failures in a row, as counted when the last of them happened. */
  failures: number
  /** Milliseconds since the epoch; null when nothing failed here yet. */
  lastFailedAt: number | null
  /** True once the account has signed in from this place. */
  everSucceeded: boolean
}

/** Failures beyond those of the account at the place. */
export interface FailuresAround {
  /** Of the account, at all places, within `FADE_MS`. */
  account: number
  /** On the network, of all accounts, within `NETWORK_WINDOW_MS`. */
  network: number
  /** When the last of those on the network was counted, ms since the epoch; null without any. */
  networkLastAt: number | null
}

export type RefusedTry = 'delayed' | 'account_refused' | 'network_refused'

export type Admission = { admitted: true } | { admitted: false; until: number; why: RefusedTry }

/**
 * The failures that still count at `nowMs`: none once the last is 24 hours old. A store adds one
 * to this number, not to the stored one, when a try fails.
 */
export function liveFailures(
  { failures, lastFailedAt }: Pick<PlaceTries, 'failures' | 'lastFailedAt'>,
  nowMs: number,
): number {
  return lastFailedAt === null || nowMs - lastFailedAt >= FADE_MS ? 0 : failures
}

/** How long a place waits after so many failures, in ms: 0 below `FREE_TRIES`, then doubling. */
export function delayAfter(failures: number): number {
  if (failures < FREE_TRIES) return 0
  return Math.min(FIRST_DELAY_MS * 2 ** (failures - FREE_TRIES), DELAY_MAX_MS)
}

/** When a network may try for a newcomer again, ms since the epoch; 0 for one that is not paced. */
function nextTurn({ network, networkLastAt }: FailuresAround): number {
  return network < NETWORK_FAILURES_MAX ? 0 : (networkLastAt ?? 0) + NETWORK_PACE_MS
}

/**
 * Whether a password may be tried now. The caller gives one answer, for the same work, to every
 * refusal and to a wrong password.
 *
 * A refused try must not be counted or dated by the store: knocking during a delay would
 * otherwise prolong it, and a stranger could keep a pupil out for ever.
 *
 * When the whole account, or the whole network, has failed too often, places where this account
 * signed in before go on: the person is not shut out by the guesses of others. Elsewhere the
 * account is closed, with the latest possible end as `until`, since only the store knows when the
 * oldest of those failures stops counting; on the network one try is let in every
 * `NETWORK_PACE_MS`, with the next turn as `until`, which somebody else may take.
 */
export function admit(tries: PlaceTries, around: FailuresAround, nowMs: number): Admission {
  if (around.account >= ACCOUNT_FAILURES_MAX && !tries.everSucceeded) {
    return { admitted: false, until: nowMs + FADE_MS, why: 'account_refused' }
  }
  const turn = nextTurn(around)
  if (turn > nowMs && !tries.everSucceeded) {
    return { admitted: false, until: turn, why: 'network_refused' }
  }
  const until = (tries.lastFailedAt ?? 0) + delayAfter(liveFailures(tries, nowMs))
  return until > nowMs ? { admitted: false, until, why: 'delayed' } : { admitted: true }
}

/**
 * Whether so many wrong PINs block it. A limit outside 1 to `PIN_TRIES_CAP` is brought inside:
 * whatever a policy says, ten wrong PINs always block.
 */
export function pinBlocked(failures: number, limit: number = PIN_TRIES_DEFAULT): boolean {
  return failures >= Math.min(Math.max(limit, 1), PIN_TRIES_CAP)
}
