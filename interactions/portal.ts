import type { Context } from 'koa'
import { type Account, fullName, localeOfAccount } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { rememberLocale } from './locale.ts'
import { noticeRows } from './notice_row.ts'
import { seeOther, sendPage } from './page.ts'
import type { Site } from './site.ts'
import { nobody, sessionHolder } from './visitor.ts'

export const PORTAL_RETURN_PATH = '/portal/signed-in'
const NOTICES_SHOWN = 5
const NOTICES_SHOWN_MS = 7 * 24 * 3_600_000

/** The account signed in on this browser, when nothing more is due for a page of ours. */
const signedInAccount = async (ctx: Context, site: Site): Promise<Account | null> => {
  const holder = await sessionHolder(ctx, site)
  const decision = holder === null ? null : await site.decide(holder.request)
  return decision?.next.step === 'done' ? (holder?.account ?? null) : null
}

/** The language that the address asks for, for the pages of a sign-in of ours. */
export const uiLocales = (ctx: Context): Record<string, string> => {
  const { lang } = ctx.query
  return typeof lang === 'string' ? { ui_locales: lang } : {}
}

/** `GET /`: the applications this person may use, and what they should know. */
export const showPortal = async (ctx: Context, site: Site): Promise<void> => {
  rememberLocale(ctx)
  const account = await signedInAccount(ctx, site)
  if (account === null) {
    seeOther(ctx, await site.ownClient.begin(PORTAL_RETURN_PATH, '', uiLocales(ctx)))
    return
  }
  const all = await site.deps.store.notices.list(account.sub, NOTICES_SHOWN)
  const notices = all.filter(({ atMs }) => atMs > site.deps.clock() - NOTICES_SHOWN_MS)
  const applications = [...site.applications.values()].flatMap(
    ({ name, href, logoUrl, userTypes }) =>
      href !== null && userTypes.has(account.userType) ? [{ name, href, logoUrl }] : [],
  )
  sendPage(
    ctx,
    site,
    'portal',
    {
      personName: fullName(account),
      accountHref: '/account',
      applications,
      consoleHref: account.role === null ? null : site.consoleHref,
      signOutHref: '/session/end',
      notices: await noticeRows(site, account.sub, notices),
    },
    { account: localeOfAccount(account) },
  )
}

/** Where the portal's own sign-in comes back to. Never leads to another sign-in: no loop. */
export const returnToPortal = async (ctx: Context, site: Site): Promise<void> => {
  if (typeof ctx.query['error'] === 'string') {
    throw new AppError('access_denied', `the portal's own sign-in ended with ${ctx.query['error']}`)
  }
  const account = await signedInAccount(ctx, site)
  const answer = account === null ? null : await site.ownClient.finish(ctx.url)
  if (account === null || answer?.sub !== account.sub) {
    throw nobody(ctx)
  }
  seeOther(ctx, '/')
}
