import Koa, { type Context, type Middleware } from 'koa'
import type { Logger } from 'pino'
import { CONSOLE_CLIENT_ID } from '../admin/access.ts'
import type { Console } from '../admin/console.ts'
import { createOverviewCounts } from '../admin/overview.ts'
import { consoleRoutes } from '../admin/routes.ts'
import type { OwnClient, Site } from '../interactions/site.ts'
import { errorPages } from './error_page.ts'
import { originOfRequest, reference, securityHeaders } from './http.ts'
import type { createOwnClient } from './own_client.ts'
import { consoleOrigin, type Settings } from './settings.ts'

export interface ConsoleParts {
  readonly settings: Settings
  readonly site: Site
  readonly log: Logger
  readonly client: OwnClient
  readonly lists: Console['lists']
  readonly jobs: Console['jobs']
  readonly jobFiles: Console['jobFiles']
  readonly imports: Console['imports']
  readonly applications: Console['applications']
}

/** What the console is made of. */
export const consoleOf = ({ settings, log: _, ...parts }: ConsoleParts): Console => {
  const origin = consoleOrigin(settings)
  return {
    ...parts,
    overview: createOverviewCounts(
      parts.lists.overview,
      parts.site.deps.clock,
      parts.site.deps.timeZone,
    ),
    origin,
    secureCookies: origin.startsWith('https:'),
    policyFile: settings.policy_file ?? null,
  }
}

/** The parameters of the console's own client, where they are not those of the account pages. */
export const consoleClientOf = (
  settings: Settings,
): Pick<Parameters<typeof createOwnClient>[0], 'clientId' | 'origin'> => ({
  clientId: CONSOLE_CLIENT_ID,
  origin: consoleOrigin(settings),
})

/** The console as an application of its own: it has nothing of the OP's, whatever its host. */
export const createConsoleApp = (parts: ConsoleParts): ReturnType<Koa['callback']> => {
  const { settings, site, log } = parts
  const console = consoleOf(parts)
  const gateway = console.origin === site.issuer ? '' : site.issuer
  const app = new Koa()
  app.proxy = true // `pinHost` has replaced what a proxy may say.
  app.on('error', (error: unknown, ctx?: Context) => {
    log.error({ err: error, path: ctx?.path }, 'stray error of the console')
  })
  const order: Middleware[] = [
    reference,
    securityHeaders(console.secureCookies),
    originOfRequest(settings, site),
    errorPages(site, log, { home: '/admin', gateway }) as unknown as Middleware,
    consoleRoutes(console),
  ]
  for (const middleware of order) {
    app.use(middleware)
  }
  return app.callback()
}

/** A request line may name a host before the path (RFC 9112 §3.2.2). */
const CONSOLE_TARGET = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?\/admin(?:[/?]|$)/i

/** As an address has it: in small letters, without the port that goes without saying. */
const hostOf = (protocol: string, host: string | undefined): string => {
  const address = `${protocol}//${host}`
  return URL.canParse(address) ? new URL(address).host : ''
}

/** Whether a request is for the console: by its host where it has one, else by its path. */
export const isForConsole = (
  settings: Settings,
): ((request: {
  readonly url?: string | undefined
  readonly headers: { readonly host?: string | undefined }
}) => boolean) => {
  const { url, listen } = settings.admin
  if (url === undefined) {
    return (request) => CONSOLE_TARGET.test(request.url ?? '')
  }
  const { host, protocol } = new URL(url)
  // With a listener of its own it is served there alone.
  return ({ headers }) => listen === undefined && hostOf(protocol, headers.host) === host
}
