import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import { ACCOUNT_PAGES } from '../interactions/fresh_proof.ts'
import { setOrigin } from '../interactions/origin.ts'
import { routes } from '../interactions/routes.ts'
import type { Site } from '../interactions/site.ts'
import { clientAddress } from './client_address.ts'
import { continuePage } from './continue_page.ts'
import { errorPages, logStrayErrors } from './error_page.ts'
import { requestLimits } from './request_limits.ts'
import { guardSessionCookie } from './session_cookie.ts'
import type { Settings } from './settings.ts'

/**
 * No inline script or style, nothing from elsewhere but pictures. `form-action` is left out: in
 * Chromium it also forbids the redirects that follow a form, and those lead to every application.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' https:",
  // A new password is judged while it is typed.
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HSTS_SECONDS = 365 * 24 * 3600

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  'cache-control': 'no-store',
}

export const securityHeaders =
  (secure: boolean): Middleware =>
  (ctx, next) => {
    ctx.set(SECURITY_HEADERS)
    if (secure) {
      ctx.set('strict-transport-security', `max-age=${HSTS_SECONDS}; includeSubDomains`)
    }
    return next()
  }

/** What signing out takes from the browser (OWASP ASVS 7.4.1); "cookies" would take the device's. */
const CLEAR_SITE_DATA = '"cache", "storage"'

const clearOnLogout =
  (provider: Provider): Middleware =>
  async (ctx, next) => {
    await next()
    // The application may take the person back at once: then no page of ours is seen.
    const { session } = (ctx as unknown as Partial<KoaContextWithOIDC>).oidc ?? {}
    const ended = session !== undefined && 'destroyed' in session && session.destroyed === true
    if (ended || ctx.path === provider.pathFor('end_session_success')) {
      ctx.set('clear-site-data', CLEAR_SITE_DATA)
    }
  }

const SECURITY_TXT_MS = 180 * 24 * 3_600_000

/** RFC 9116 and the W3C's change-password address. */
const wellKnown =
  (settings: Settings, clock: () => number): Middleware =>
  (ctx, next) => {
    if (ctx.path === '/.well-known/change-password') {
      ctx.redirect(ACCOUNT_PAGES.password)
      return
    }
    if (ctx.path === '/.well-known/security.txt' && settings.security_contact !== undefined) {
      const expires = new Date(clock() + SECURITY_TXT_MS).toISOString()
      ctx.type = 'text/plain'
      ctx.body = `Contact: ${settings.security_contact}\nExpires: ${expires}\nPreferred-Languages: fr, en\n`
      return
    }
    return next()
  }

/** `/healthz`: the process lives. `/readyz`: it can also read its store. */
const health =
  (ping: () => Promise<void>, isStopping: () => boolean): Middleware =>
  async (ctx, next) => {
    if (ctx.path === '/healthz') {
      ctx.body = 'ok\n'
      return
    }
    if (ctx.path !== '/readyz') {
      return next()
    }
    const ready =
      !isStopping() &&
      (await ping().then(
        () => true,
        () => false,
      ))
    ctx.status = ready ? 200 : 503
    ctx.body = ready ? 'ready\n' : 'not ready\n'
  }

/** Server errors are matched to the log by this, the only thing a page shows of them. */
export const reference: Middleware = (ctx, next) => {
  ctx.state['reference'] = randomUUID().slice(0, 8)
  return next()
}

interface Parts {
  readonly settings: Settings
  readonly provider: Provider
  readonly site: Site
  readonly log: Logger
  readonly ping: () => Promise<void>
  readonly isStopping: () => boolean
}

/** From where each request comes, for whatever counts or keeps it. */
export const originOfRequest =
  (settings: Settings, { secureCookies }: Pick<Site, 'secureCookies'>): Middleware =>
  (ctx, next) => {
    const address = clientAddress(
      ctx.req.socket.remoteAddress ?? '',
      ctx.get('x-forwarded-for'),
      settings.trusted_proxies,
    )
    setOrigin(ctx as unknown as Context, address, secureCookies)
    return next()
  }

/** The order of everything in front of the OP. */
export const useMiddleware = (parts: Parts): void => {
  const { settings, provider, site, log } = parts
  logStrayErrors(provider, log)
  const order: Middleware[] = [
    reference,
    health(parts.ping, parts.isStopping),
    securityHeaders(site.secureCookies),
    originOfRequest(settings, site),
    guardSessionCookie(provider) as unknown as Middleware,
    errorPages(site, log) as unknown as Middleware,
    requestLimits(site) as unknown as Middleware,
    wellKnown(settings, site.deps.clock),
    clearOnLogout(provider),
    continuePage(site) as unknown as Middleware,
    ...routes(site),
  ]
  for (const middleware of order) {
    provider.use(middleware)
  }
}

/** A request line may name a host too: `GET http://host/path` (RFC 9112 §3.2.2). */
const HOST_OF_TARGET = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/** `//host/path` in a link would lead to that host; browsers read a backslash as a slash. */
const LEADING_SLASHES = /^[/\\]+/

/**
 * Every address that the gateway writes starts with the issuer, whatever the request line, `Host`
 * and `X-Forwarded-*` say: they are replaced before anything reads them.
 */
export const pinHost = (request: IncomingMessage, issuer: URL): void => {
  const target = (request.url ?? '').replace(HOST_OF_TARGET, '')
  request.url = `/${target.replace(LEADING_SLASHES, '')}`
  request.headers.host = issuer.host
  request.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1)
  delete request.headers['x-forwarded-host']
}
