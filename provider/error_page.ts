import type { Context } from 'koa'
import { type ErrorOut, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import { AppError, type AppErrorCode } from '../accounts/errors.ts'
import { COOKIE_HELP_PATH, HELP_PATH, sendPage } from '../interactions/page.ts'
import { isOfTheOp } from '../interactions/routes.ts'
import type { Site } from '../interactions/site.ts'

/** Status of each error page. */
const STATUS: Record<AppErrorCode, number> = {
  session_not_found: 400,
  cookies_blocked: 400,
  foreign_interaction: 403,
  already_done: 409,
  form_expired: 403,
  bad_form: 400,
  bad_request: 400,
  not_found: 404,
  busy: 503,
  unavailable: 500,
  access_denied: 403,
  not_allowed: 403,
}

/** Errors that a click on "go on" cannot help. */
const WITHOUT_WAY_ON: ReadonlySet<AppErrorCode> = new Set(['bad_request'])

const INTERACTION = /^(\/interaction\/([\w-]+))/
/** Pages of a person's own account, with the forms below them. */
const ACCOUNT_PAGE = /^\/account\/(keys\/app|[a-z]+)(?=\/|$)/

/** Errors after which the sign-in itself can go on. */
const GOING_ON: ReadonlySet<AppErrorCode> = new Set([
  'form_expired',
  'bad_form',
  'already_done',
  'busy',
])

/** Where to go on: the step that is due while its sign-in lives, the form's page, else the portal. */
const actionOf = async (
  ctx: Context,
  site: Site,
  code: AppErrorCode,
  home: string,
): Promise<string | undefined> => {
  if (WITHOUT_WAY_ON.has(code)) {
    return undefined
  }
  if (code === 'busy' && ctx.method === 'GET') {
    return ctx.url
  }
  const [, path, uid] = INTERACTION.exec(ctx.path) ?? []
  if (!GOING_ON.has(code)) {
    return home
  }
  const alive = uid !== undefined && (await site.provider.Interaction.find(uid))
  return (alive ? path : ACCOUNT_PAGE.exec(ctx.path)?.[0]) ?? home
}

/** Where people go on from an error, and the host that has the help: nothing for this one. */
interface Place {
  readonly home: string
  readonly gateway: string
}

const OWN_PLACE: Place = { home: '/', gateway: '' }

interface Shown {
  readonly code: AppErrorCode
  /** When it is not that of `code`. */
  readonly status?: number
  readonly retryAfterSeconds?: number | undefined
  readonly reference?: string
  readonly technical?: string
}

const setHead = (ctx: Context, { code, status, retryAfterSeconds }: Shown): void => {
  ctx.status = status ?? STATUS[code]
  if (retryAfterSeconds !== undefined) {
    ctx.set('retry-after', String(retryAfterSeconds))
  }
}

const showError = async (
  ctx: Context,
  site: Site,
  shown: Shown,
  { home, gateway }: Place,
): Promise<void> => {
  const { code, retryAfterSeconds, reference, technical } = shown
  const actionHref = await actionOf(ctx, site, code, home)
  setHead(ctx, shown)
  const pageOfItsOwn = ctx.method === 'GET' && code !== 'not_found'
  sendPage(
    ctx,
    site,
    'error',
    {
      code,
      actionHref,
      retryAfterSeconds,
      reference,
      technical,
      helpHref: `${gateway}${HELP_PATH}`,
      cookieHelpHref: `${gateway}${COOKIE_HELP_PATH}`,
    },
    { path: pageOfItsOwn ? ctx.url : (actionHref ?? home) },
  )
}

/** Errors of the OP that mean something to the person; the others concern the application. */
const codeOf = (error: unknown): AppErrorCode => {
  if (error instanceof AppError) {
    return error.code
  }
  if (error instanceof errors.SessionNotFound) {
    return 'session_not_found'
  }
  return error instanceof errors.OIDCProviderError && error.statusCode < 500
    ? 'bad_request'
    : 'unavailable'
}

const shownOf = (error: unknown, reference: string): Shown => {
  const code = codeOf(error)
  const technical =
    code === 'bad_request' && error instanceof errors.OIDCProviderError
      ? [error.error, error.error_description].filter(Boolean).join(': ')
      : undefined
  return {
    code,
    ...(technical === undefined ? {} : { status: (error as errors.OIDCProviderError).statusCode }),
    ...(error instanceof AppError ? { retryAfterSeconds: error.retryAfterSeconds } : {}),
    ...(code === 'unavailable' ? { reference } : {}),
    ...(technical === undefined ? {} : { technical }),
  }
}

/** The OP's `renderError`: it reports its server errors by an event; what is expected is not logged. */
export const renderOpError = async (
  ctx: KoaContextWithOIDC,
  site: Site,
  _out: ErrorOut,
  error: Error,
): Promise<void> => {
  const shown = shownOf(error, String(ctx.state['reference']))
  // A form sent twice: the first one has done everything.
  const done = error instanceof errors.SessionNotFound && site.isOpen(ctx.oidc.session ?? {})
  await showError(
    ctx as unknown as Context,
    site,
    done ? { code: 'already_done' } : shown,
    OWN_PLACE,
  )
}

/** The connection broke, or ended in the middle of the request. */
const BROKEN: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])

/** The other side went away before all was said: no fault of ours, and nobody to tell. */
const isGone = ({ req }: Context, error: unknown): boolean =>
  BROKEN.has((error as NodeJS.ErrnoException).code) && (!req.complete || req.socket.destroyed)

/** Applications call the OP too, and read its errors: RFC 6749 §5.2. */
const isForProgram = (ctx: Context): boolean =>
  isOfTheOp(ctx.path) && ctx.accepts('json', 'html') === 'json'

const PROGRAM_ERRORS: Partial<Record<AppErrorCode, string>> = {
  bad_request: 'invalid_request',
  busy: 'temporarily_unavailable',
}

const tellProgram = (ctx: Context, shown: Shown, error: unknown): void => {
  setHead(ctx, shown)
  ctx.body = {
    error: PROGRAM_ERRORS[shown.code] ?? 'server_error',
    ...(error instanceof errors.OIDCProviderError
      ? { error_description: error.error_description }
      : {}),
  }
}

const answer = (
  ctx: Context,
  site: Site,
  shown: Shown,
  error: unknown,
  place: Place,
): Promise<void> | void =>
  isForProgram(ctx) ? tellProgram(ctx, shown, error) : showError(ctx, site, shown, place)

/**
 * Turns whatever our routes throw into a page. The log is precise, the page is not.
 */
export const errorPages =
  (site: Site, log: Logger, place = OWN_PLACE) =>
  async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    try {
      await next()
      assertAnswered(ctx)
    } catch (error) {
      const gone = isGone(ctx, error)
      const shown = shownOf(error, String(ctx.state['reference']))
      const level = shown.code === 'unavailable' && !gone ? 'error' : 'debug'
      log[level]({ err: error, path: ctx.path, reference: ctx.state['reference'] }, shown.code)
      if (!gone) {
        await answer(ctx, site, shown, error, place)
      }
    }
  }

/** A method or address that neither we nor the OP answer: people get a page for that too. */
const assertAnswered = (ctx: Context): void => {
  if (ctx.status === 404 && ctx.body == null && ctx.accepts('json', 'html') === 'html') {
    throw new AppError('not_found', `nothing answers ${ctx.method} ${ctx.path}`)
  }
}

/** What breaks outside our routes and the OP's. Koa itself would print it, whatever it is. */
export const logStrayErrors = (provider: Provider, log: Logger): void => {
  const app = provider as unknown as {
    on(event: 'error', listener: (error: Error, ctx?: Context) => void): void
  }
  app.on('error', (error, ctx) => {
    const gone = ctx !== undefined && isGone(ctx, error)
    log[gone ? 'debug' : 'error']({ err: error, path: ctx?.path }, 'stray error')
  })
}
