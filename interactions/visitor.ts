import type { Context } from 'koa'
import type { Account } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import type { Origin } from '../accounts/ports.ts'
import { originOf } from './origin.ts'
import type { Request, Site } from './site.ts'

/** Whose open session a browser comes with, and what the pages of ours ask the deciding function. */
export interface SessionHolder {
  readonly account: Account
  readonly session: Awaited<ReturnType<Site['provider']['Session']['get']>>
  readonly request: Request
}

/** Whose a session is; null: nobody's, of a sign-in under way, or of an account gone or disabled. */
export const holderOf = async (
  site: Site,
  session: SessionHolder['session'],
  origin: Origin,
): Promise<SessionHolder | null> => {
  if (session.accountId === undefined || !site.isOpen(session)) {
    return null
  }
  const account = await site.deps.store.accounts.bySub(session.accountId)
  if (account === null || account.disabledAt !== null) {
    return null
  }
  const request: Request = {
    params: {},
    clientId: site.portalClientId,
    loginAtMs: undefined,
    account,
    ...site.provedIn(session),
    origin,
  }
  return { account, session, request }
}

/** Null: nobody is signed in, or an account that is gone or disabled. */
export const sessionHolder = async (ctx: Context, site: Site): Promise<SessionHolder | null> =>
  holderOf(site, await site.provider.Session.get(ctx as never), originOf(ctx, site.portalClientId))

/** A sign-in of ours came back, and nobody is signed in by it. */
export const nobody = (ctx: Context): AppError =>
  new AppError(ctx.get('cookie') === '' ? 'cookies_blocked' : 'session_not_found')
