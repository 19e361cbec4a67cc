import type { Context } from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { sendPage } from '../interactions/page.ts'
import type { Site } from '../interactions/site.ts'
import type { Pages } from '../views/pages.ts'

/** Where the OP ends a session by a form that posts itself, and what that means to the person. */
const REASONS: Readonly<Record<string, Pages['continue']['reason']>> = {
  resume: 'other_account',
  end_session: 'signed_out',
}

/**
 * The OP's own page there is English, and blank but for a button where there is no JavaScript.
 * Ours does the same: the account that was signed in goes before another one's sign-in goes on,
 * and a sign-out by nobody is carried to its end.
 */
export const continuePage =
  (site: Site) =>
  async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    await next()
    const { oidc } = ctx as unknown as KoaContextWithOIDC
    const reason = REASONS[oidc?.route ?? '']
    const secret = (oidc?.session?.state as { secret?: string } | undefined)?.secret
    if (reason === undefined || secret === undefined || ctx.status !== 200 || isOurs(ctx)) {
      return
    }
    sendPage(
      ctx,
      site,
      'continue',
      { action: oidc.urlFor('end_session_confirm'), xsrf: secret, reason },
      { uiLocales: oidc.params?.['ui_locales'], path: '/' },
    )
  }

/** A page of ours says in which language it is. */
const isOurs = (ctx: Context): boolean => 'content-language' in ctx.response.headers
