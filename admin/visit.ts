import { timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { type Account, fullName, type Locale, localeOfAccount } from '../accounts/account.ts'
import type { ConsoleDone, ConsoleSession } from '../accounts/admin_ports.ts'
import { AppError } from '../accounts/errors.ts'
import type { Origin } from '../accounts/ports.ts'
import type { Fields } from '../interactions/form.ts'
import { languageLinks, localeOf } from '../interactions/locale.ts'
import { seeOther } from '../interactions/page.ts'
import { type Administrator, hasRight, RIGHTS, type Right } from '../policies/admin_rights.ts'
import type { ConsoleFrame, ConsolePageName, ConsolePages } from '../views/console/pages.ts'
import { CONSOLE_PATH, sendToSignIn } from './access.ts'
import type { Console } from './console.ts'
import { SECTIONS, type Section } from './sections.ts'

/** One request of an administrator, who has the right that its route asks for. */
export interface Visit {
  readonly ctx: Context
  readonly console: Console
  readonly params: Readonly<Record<string, string>>
  /** The query of the address, each name once. */
  readonly query: Readonly<Record<string, string>>
  readonly who: Administrator
  readonly account: Account
  /** For the audit: their `sub`. */
  readonly by: string
  readonly origin: Origin
  readonly session: ConsoleSession
  readonly fresh: boolean
  readonly freshParams: Readonly<Record<string, string>>
  /** What was posted; nothing for a GET. */
  readonly form: Fields
  readonly section: Section
  readonly locale: Locale
}

/** Bound to the session: what it sends, nobody else can make. */
export const csrfOf = ({ console, session }: Pick<Visit, 'console' | 'session'>): string =>
  console.site.deps.digest('console csrf', session.idHash)

export const consoleForm = (visit: Visit): { readonly csrf: string } => ({ csrf: csrfOf(visit) })

const isSame = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** As in `interactions/csrf.ts`: what the browser says of where the form was (OWASP ASVS 3.5.1). */
export const comesFromUs = (ctx: Context, origin: string): boolean => {
  const site = ctx.get('sec-fetch-site')
  return site === ''
    ? ['', 'null', origin].includes(ctx.get('origin'))
    : site === 'same-origin' || site === 'none'
}

/** Throws `AppError('form_expired')` unless the form was ours. For bodies that the frame does not read. */
export const assertConsoleForm = (
  { ctx, console, session }: Pick<Visit, 'ctx' | 'console' | 'session'>,
  sent: string,
): void => {
  if (!comesFromUs(ctx, console.origin) || !isSame(csrfOf({ console, session }), sent)) {
    throw new AppError('form_expired', 'CSRF token, Origin or Sec-Fetch-Site do not fit')
  }
}

export const localeOfVisit = (ctx: Context, console: Console, account: Account): Locale =>
  localeOf(ctx, { account: localeOfAccount(account), fallback: console.site.defaultLocale })

const mayDo = ({ role }: Administrator): ConsoleFrame['may'] =>
  Object.fromEntries(
    (Object.keys(RIGHTS) as Right[]).map((right) => [right, hasRight(role, right)]),
  )

const frameOf = (visit: Visit, done: ConsoleDone | null): ConsoleFrame => ({
  personName: fullName(visit.account),
  role: visit.who.role,
  section: visit.section,
  sections: SECTIONS.filter(({ right }) => hasRight(visit.who.role, right)).map(
    ({ name, href }) => ({ name, href }),
  ),
  homeHref: CONSOLE_PATH,
  portalHref: `${visit.console.site.issuer}/`,
  signOut: `${CONSOLE_PATH}/sign-out`,
  csrf: csrfOf(visit),
  may: mayDo(visit.who),
  fresh: visit.fresh,
  done: done ?? undefined,
})

/** Answers with a page of the console. */
export const sendConsolePage = async <P extends ConsolePageName>(
  visit: Visit,
  page: P,
  model: ConsolePages[P],
  { status = 200 }: { readonly status?: number } = {},
): Promise<void> => {
  const { ctx, console, session, locale } = visit
  const { consoleSessions } = console.site.deps.store
  const done = session.done === null ? null : await consoleSessions.takeDone(session.idHash)
  ctx.status = status
  ctx.type = 'html'
  ctx.set('content-language', locale)
  const languages = ctx.method === 'GET' ? languageLinks(ctx.url, locale) : []
  ctx.body = console.site.renderer.render(page, model as never, {
    locale,
    languages,
    console: frameOf(visit, done),
  })
}

/** Sends the browser on by GET; `done` is told once on the page that comes. */
export const goTo = async (
  { ctx, console, session }: Visit,
  path: string,
  done?: ConsoleDone,
): Promise<void> => {
  if (done !== undefined) {
    await console.site.deps.store.consoleSessions.setDone(session.idHash, done)
  }
  seeOther(ctx, path)
}

/** Sends the browser to prove again who it is; it comes back to `path`. */
export const proveNow = ({ ctx, console, freshParams }: Visit, path: string): Promise<void> =>
  sendToSignIn(ctx, console, path, freshParams)
