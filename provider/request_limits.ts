import type { Context } from 'koa'
import { errors } from 'oidc-provider'
import { AppError } from '../accounts/errors.ts'
import { presentedBrowser } from '../accounts/lane.ts'
import { originOf } from '../interactions/origin.ts'
import { isOfTheOp } from '../interactions/routes.ts'
import type { Site } from '../interactions/site.ts'
import { truncateNetwork } from '../policies/network.ts'
import { createRate } from './rate.ts'

/** The OP keeps what an authorization request says until the sign-in is over: a limit per row. */
const QUERY_BYTES_MAX = 8 * 1024
/** Signed requests (RFC 9101) and client assertions stay well below. */
export const BODY_BYTES_MAX = 16 * 1024

/**
 * Requests that make the OP write a row, by whom they are counted for. A stranger who sends them
 * all day long adds rows that the purge takes away after the quarter of an hour that a sign-in may
 * last.
 */
const RATES = {
  /**
   * Sized for a whole school behind one address that arrives within a minute: 2,000 people, each
   * with a request or two, where a minute admits 4,000.
   */
  network: { perSecond: 50, burst: 1_000 },
  /**
   * One session cookie: a portal that opens every application at once, again and again. It is
   * counted, for our signature on it outlives the session.
   */
  session: { perSecond: 5, burst: 200 },
  /** One known browser whose network is used up: a few sign-ins of the people who share it. */
  browser: { perSecond: 1, burst: 20 },
}

/** Of each kind; about 2 MB of memory. A flood from more networks is not one that this can end. */
const REMEMBERED_MAX = 10_000

/** As the OP's own router reads it: whatever the capitals, with a slash at the end or without. */
const pathOf = (ctx: Context): string => ctx.path.toLowerCase().replace(/\/$/, '')

/** Where applications push what they will ask (RFC 9126): not for browsers. */
const PUSHED = '/request'

/** Addresses whose query ends in a row. */
const KEEPS_QUERY: ReadonlySet<string> = new Set(['/auth', '/session/end'])

const tooLarge = (description: string, status: number): Error =>
  new errors.InvalidRequest(description, status)

/**
 * Programs may send a body without saying how long it is, and the OP then counts what arrives (its
 * own limit is 56 KiB). A pushed request is kept, so that there it counts as too much.
 */
const bodyBytes = (ctx: Context): number => {
  if (ctx.get('transfer-encoding') === '') {
    return Number(ctx.get('content-length'))
  }
  const path = pathOf(ctx)
  return path === PUSHED || KEEPS_QUERY.has(path) ? Number.POSITIVE_INFINITY : 0
}

const assertSizes = (ctx: Context): void => {
  if (KEEPS_QUERY.has(pathOf(ctx)) && ctx.querystring.length > QUERY_BYTES_MAX) {
    throw tooLarge(`the query is larger than ${QUERY_BYTES_MAX} bytes`, 400)
  }
  if (ctx.method === 'POST' && isOfTheOp(ctx.path) && !(bodyBytes(ctx) <= BODY_BYTES_MAX)) {
    throw tooLarge(`the body is larger than ${BODY_BYTES_MAX} bytes, or of no stated length`, 413)
  }
}

/** Keeps strangers from filling the disk: how much one request may say, and how many may come. */
export const requestLimits = ({ provider, deps }: Pick<Site, 'provider' | 'deps'>) => {
  const sessionCookie = provider.cookieName('session')
  const rateOf = (limits: { perSecond: number; burst: number }) =>
    createRate({ ...limits, keysMax: REMEMBERED_MAX, clock: deps.clock })
  const networks = rateOf(RATES.network)
  const sessions = rateOf(RATES.session)
  const browsers = rateOf(RATES.browser)

  /** None is signed before somebody signed in. */
  const hasPlaceOfItsSession = (ctx: Context): boolean => {
    const session = ctx.cookies.get(sessionCookie, { signed: true })
    return session !== undefined && sessions.take(session) === 0
  }

  /** The people on known browsers are served whatever strangers in their network do. */
  const waitOfBrowser = async (ctx: Context, networkSeconds: number): Promise<number> => {
    const presented = await presentedBrowser(deps, originOf(ctx))
    return presented.kind === 'known' ? browsers.take(presented.browserId) : networkSeconds
  }

  /** Seconds until there is a place for this request; 0: it has one. */
  const waitSeconds = async (ctx: Context, network: string): Promise<number> => {
    const path = pathOf(ctx)
    if (path === PUSHED) {
      return ctx.method === 'POST' ? networks.take(network) : 0
    }
    if (!KEEPS_QUERY.has(path) || hasPlaceOfItsSession(ctx)) {
      return 0
    }
    const seconds = networks.take(network)
    return seconds === 0 ? 0 : waitOfBrowser(ctx, seconds)
  }

  return async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    assertSizes(ctx)
    const network = truncateNetwork(originOf(ctx).address)
    const retryAfterSeconds = await waitSeconds(ctx, network)
    if (retryAfterSeconds > 0) {
      throw new AppError('busy', `too many requests from ${network}`, { retryAfterSeconds })
    }
    await next()
  }
}
