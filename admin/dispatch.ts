import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import { type Fields, keptFields, readForm } from '../interactions/form.ts'
import { rememberLocale } from '../interactions/locale.ts'
import { originOf } from '../interactions/origin.ts'
import { seeOther } from '../interactions/page.ts'
import { hasRight, needsFreshProof, type Right, type Role } from '../policies/admin_rights.ts'
import {
  CONSOLE_CLIENT_ID,
  CONSOLE_PATH,
  type Entered,
  type Entry,
  enter,
  sendToSignIn,
} from './access.ts'
import type { Console } from './console.ts'
import { keepForm } from './kept_form.ts'
import { SECTIONS, type Section } from './sections.ts'
import { showNoRole } from './sign_in.ts'
import { assertConsoleForm, localeOfVisit, proveNow, type Visit } from './visit.ts'

export type ConsoleHandler = (visit: Visit) => Promise<void> | void

/** `upload`: a POST whose body its handler reads, and whose token it checks. */
export type ConsoleMethod = 'get' | 'post' | 'upload'

export type ConsoleRoute = readonly [
  method: ConsoleMethod,
  path: string,
  right: Right,
  section: Section,
  handler: ConsoleHandler,
]

/** A whole school may be named by ticks; what is longer is uploaded. */
const FORM_LIMITS = { bytes: 512 * 1024, field: 32 * 1024 }

interface Matched {
  readonly route: ConsoleRoute
  readonly params: Readonly<Record<string, string>>
}

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}/?$`)

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // No text that an address of ours would hold: nothing is found by it.
  }
}

/** Finds the route of an address; the first one that fits. */
export const matcher = (routes: readonly ConsoleRoute[]) => {
  const patterns = routes.map((route) => ({ route, pattern: patternOf(route[1]) }))
  return (isPost: boolean, path: string): Matched | null => {
    for (const { route, pattern } of patterns) {
      const found = (route[0] !== 'get') === isPost ? pattern.exec(path) : null
      if (found !== null) {
        const params = Object.entries(found.groups ?? {}).map(([name, value]) => [
          name,
          decoded(value),
        ])
        return { route, params: Object.fromEntries(params) as Matched['params'] }
      }
    }
    return null
  }
}

export type Match = ReturnType<typeof matcher>

const queryOf = (ctx: Context): Visit['query'] =>
  Object.fromEntries(new URLSearchParams(ctx.querystring))

const NO_FORM = keptFields({})

const assertRight = (role: Role, right: Right): void => {
  if (!hasRight(role, right)) {
    throw new AppError('not_allowed', `the role ${role} has no right ${right}`)
  }
}

/** A visit of somebody who holds a role; throws where it has not this right. */
const visitOf = (
  ctx: Context,
  console: Console,
  { account, session, grant, fresh, freshParams }: Administering,
  { route: [, , right, section], params }: Matched,
  form: Fields = NO_FORM,
): Visit => {
  assertRight(grant.role, right)
  return {
    ctx,
    console,
    params,
    query: queryOf(ctx),
    who: grant,
    account,
    by: account.sub,
    origin: originOf(ctx, CONSOLE_CLIENT_ID),
    session,
    fresh,
    freshParams,
    form,
    section,
    locale: localeOfVisit(ctx, console, account),
  }
}

type Administering = Entered & { readonly grant: NonNullable<Entered['grant']> }

/** With a role; null: the page that says so was sent. */
const withRole = (ctx: Context, console: Console, entered: Entered): Administering | null => {
  const { grant, account } = entered
  if (grant === null) {
    showNoRole(ctx, console, account)
    return null
  }
  return { ...entered, grant }
}

const show = async (ctx: Context, console: Console, matched: Matched): Promise<void> => {
  rememberLocale(ctx)
  const entry = await enter(ctx, console)
  if (!entry.ok) {
    await sendToSignIn(ctx, console, ctx.url, entry.params)
    return
  }
  const entered = withRole(ctx, console, entry.entered)
  if (entered !== null) {
    await matched.route[4](visitOf(ctx, console, entered, matched))
  }
}

interface Posted {
  readonly matched: Matched
  /** Where to go on when nothing can be kept: the form's own page where it has the same address. */
  readonly page: string
}

/** After a pause, what somebody typed is not lost: it waits to be confirmed. */
const refuseSubmit = async (
  ctx: Context,
  console: Console,
  { matched, page }: Posted,
  { params, stale }: Extract<Entry, { ok: false }>,
): Promise<void> => {
  const [method, , right] = matched.route
  if (stale === null || method !== 'post' || right === 'see_console') {
    await sendToSignIn(ctx, console, page, params)
    return
  }
  const form = await readForm(ctx, FORM_LIMITS)
  const sender = { ctx, console, query: queryOf(ctx), ...stale }
  assertConsoleForm(sender, form.text('csrf'))
  await keepForm(sender, right, form, params)
}

/** An upload that cannot be done now is not read: its page says why. */
const submit = async (ctx: Context, console: Console, posted: Posted): Promise<void> => {
  const { matched, page } = posted
  const [method, , right, , handler] = matched.route
  const entry = await enter(ctx, console)
  if (!entry.ok) {
    return refuseSubmit(ctx, console, posted, entry)
  }
  const entered = withRole(ctx, console, entry.entered)
  if (entered === null) {
    return
  }
  const form = method === 'post' ? await readForm(ctx, FORM_LIMITS) : NO_FORM
  const visit = visitOf(ctx, console, entered, matched, form)
  if (method === 'post') {
    assertConsoleForm(visit, form.text('csrf'))
  }
  if (!needsFreshProof(right) || visit.fresh) {
    return handler(visit)
  }
  await (method === 'post'
    ? keepForm(visit, right, form, visit.freshParams)
    : proveNow(visit, page))
}

/** What was kept, as its own route would have it: with its right. Throws without. */
export const visitAgain = (
  visit: Visit,
  { route: [, , right, section], params }: Matched,
  kept: Pick<Visit, 'query' | 'form'>,
): Visit => {
  assertRight(visit.who.role, right)
  return { ...visit, ...kept, params, section }
}

/** The address of a form, opened again: the part of the console that it belongs to. */
const toPageOfForm = (ctx: Context, match: Match): boolean => {
  const section = match(true, ctx.path)?.route[3]
  const { href } = SECTIONS.find(({ name }) => name === section) ?? {}
  if (href === undefined) {
    return false
  }
  seeOther(ctx, href)
  return true
}

/** Answers what the table names; false: nothing here. */
export const dispatch = async (ctx: Context, console: Console, match: Match): Promise<boolean> => {
  const isPost = ctx.method === 'POST'
  if (!(isPost || ctx.method === 'GET' || ctx.method === 'HEAD')) {
    return false
  }
  const matched = match(isPost, ctx.path)
  if (matched === null) {
    return !isPost && toPageOfForm(ctx, match)
  }
  if (!isPost) {
    await show(ctx, console, matched)
    return true
  }
  const page = match(false, ctx.path) === null ? CONSOLE_PATH : ctx.path
  await submit(ctx, console, { matched, page })
  return true
}
