import type { Context } from 'koa'
import { type Account, fullName, type Locale, localeOfAccount } from '../accounts/account.ts'
import type { ConsoleDone, ConsoleSession } from '../accounts/admin_ports.ts'
import type { Origin } from '../accounts/ports.ts'
import { assertToken } from '../interactions/csrf.ts'
import type { Fields } from '../interactions/form.ts'
import { languageLinks, localeOf } from '../interactions/locale.ts'
import { seeOther } from '../interactions/page.ts'
import {
  type Administrator,
  hasRight,
  RIGHTS,
  type Right,
  type Role,
} from '../policies/admin_rights.ts'
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

/** Throws `AppError('form_expired')` unless the form was ours. For bodies that the frame does not read. */
export const assertConsoleForm = (
  { ctx, console, session }: Pick<Visit, 'ctx' | 'console' | 'session'>,
  sent: string,
): void => assertToken(ctx, console.origin, csrfOf({ console, session }), sent)

export const localeOfVisit = (ctx: Context, console: Console, account: Account): Locale =>
  localeOf(ctx, { account: localeOfAccount(account), fallback: console.site.defaultLocale })

/** What a role may do, and what it sees of the menu. */
const framed = (role: Role): Pick<ConsoleFrame, 'role' | 'may' | 'sections'> => ({
  role,
  may: Object.fromEntries(
    (Object.keys(RIGHTS) as Right[]).map((right) => [right, hasRight(role, right)]),
  ),
  sections: SECTIONS.filter(({ right }) => hasRight(role, right)).map(({ name, href }) => ({
    name,
    href,
  })),
})

const FRAMES = {
  identity_admin: framed('identity_admin'),
  helpdesk: framed('helpdesk'),
  auditor: framed('auditor'),
} as const satisfies Record<Role, unknown>

const frameOf = (visit: Visit, done: ConsoleDone | null): ConsoleFrame => ({
  personName: fullName(visit.account),
  ...FRAMES[visit.who.role],
  section: visit.section,
  homeHref: CONSOLE_PATH,
  portalHref: `${visit.console.site.issuer}/`,
  signOut: `${CONSOLE_PATH}/sign-out`,
  csrf: csrfOf(visit),
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
