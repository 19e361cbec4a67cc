import type { Context } from 'koa'
import { rememberLocale } from './locale.ts'
import { sendPage } from './page.ts'
import type { Site } from './site.ts'

/** `GET /help`: lost identifier, password, PIN or key, and whom to ask. */
export const showHelp = (ctx: Context, site: Site): void => {
  rememberLocale(ctx)
  sendPage(ctx, site, 'help', {})
}

/** `GET /help/cookies`: keeping the device cookie, and the exact address to allow. */
export const showCookieHelp = (ctx: Context, site: Site): void => {
  rememberLocale(ctx)
  sendPage(ctx, site, 'help_cookies', { address: new URL(site.issuer).host })
}
