import type { Context } from 'koa'
import { errors, type Provider } from 'oidc-provider'
import { AppError } from '../accounts/errors.ts'
import type { Clock } from '../accounts/ports.ts'
import { originOf } from '../interactions/origin.ts'
import { isOfTheOp } from '../interactions/routes.ts'
import { truncateNetwork } from '../policies/network.ts'
import { createNetworkRate } from './network_rate.ts'

/** The OP keeps what an authorization request says until the sign-in is over: a limit per row. */
const QUERY_BYTES_MAX = 8 * 1024
/** Signed requests (RFC 9101) and client assertions stay well below. */
export const BODY_BYTES_MAX = 16 * 1024

/**
 * Requests without a session that make the OP write a row, by network and second. Sized for a
 * whole school behind one address that arrives within a minute: 2,000 people, each with a request
 * or two, where a minute admits 4,000. A stranger who sends them all day long adds rows that the
 * purge takes away after the quarter of an hour that a sign-in may last.
 */
const REQUESTS_PER_SECOND = 50
const REQUESTS_BURST = 1_000
/** About 2 MB of memory. A flood from more networks than that is not one that this can end. */
const NETWORKS_MAX = 10_000

/** The OP's own router does not tell capitals either. */
const pathOf = (ctx: Context): string => ctx.path.toLowerCase()

/** Addresses whose query ends in a row. */
const KEEPS_QUERY: ReadonlySet<string> = new Set(['/auth', '/session/end'])

const tooLarge = (description: string, status: number): Error =>
  new errors.InvalidRequest(description, status)

/** Without `Content-Length` nobody knows before it is read, so that counts as too much. */
const bodyBytes = (ctx: Context): number =>
  ctx.get('transfer-encoding') === '' ? Number(ctx.get('content-length')) : Number.POSITIVE_INFINITY

const assertSizes = (ctx: Context): void => {
  if (KEEPS_QUERY.has(pathOf(ctx)) && ctx.querystring.length > QUERY_BYTES_MAX) {
    throw tooLarge(`the query is larger than ${QUERY_BYTES_MAX} bytes`, 400)
  }
  if (ctx.method === 'POST' && isOfTheOp(ctx.path) && !(bodyBytes(ctx) <= BODY_BYTES_MAX)) {
    throw tooLarge(`the body is larger than ${BODY_BYTES_MAX} bytes, or of no stated length`, 413)
  }
}

/**
 * Whether this request makes the OP write for somebody who has not signed in. A session cookie
 * counts only with our signature, and none is given before somebody signed in.
 */
const writesForStrangers = (ctx: Context, sessionCookie: string): boolean => {
  const path = pathOf(ctx)
  if (path === '/request') {
    return ctx.method === 'POST'
  }
  return KEEPS_QUERY.has(path) && ctx.cookies.get(sessionCookie, { signed: true }) === undefined
}

/** Keeps strangers from filling the disk: how much one request may say, and how many may come. */
export const requestLimits = (provider: Provider, clock: Clock) => {
  const sessionCookie = provider.cookieName('session')
  const rate = createNetworkRate({
    perSecond: REQUESTS_PER_SECOND,
    burst: REQUESTS_BURST,
    networksMax: NETWORKS_MAX,
    clock,
  })
  return (ctx: Context, next: () => Promise<unknown>): Promise<unknown> => {
    assertSizes(ctx)
    if (writesForStrangers(ctx, sessionCookie)) {
      const network = truncateNetwork(originOf(ctx).address)
      const retryAfterSeconds = rate.take(network)
      if (retryAfterSeconds > 0) {
        throw new AppError('busy', `too many requests from ${network}`, { retryAfterSeconds })
      }
    }
    return next()
  }
}
