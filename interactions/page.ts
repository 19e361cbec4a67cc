import type { Context } from 'koa'
import type { Locale } from '../accounts/account.ts'
import type { PageName, Pages } from '../views/pages.ts'
import { languageLinks, localeOf } from './locale.ts'
import type { Site } from './site.ts'

export const HELP_PATH = '/help'
export const COOKIE_HELP_PATH = '/help/cookies'
/** Where the link *This wasn't me* of a notice or mail leads, with its `token`. */
export const NOT_ME_PATH = '/not-me'

/** Sends the browser on by GET, whatever it came by (RFC 9110 §15.4.4). */
export const seeOther = (ctx: Context, to: string): void => {
  ctx.status = 303
  ctx.redirect(to)
}

interface Wishes {
  readonly uiLocales?: unknown
  readonly account?: Locale | null
  /** Where a click on a language leads; the page's own address unless it answers a form. */
  readonly path?: string
}

/** Answers with a page of ours, in the person's language. */
export const sendPage = <P extends PageName>(
  ctx: Context,
  site: Pick<Site, 'renderer' | 'defaultLocale'>,
  page: P,
  model: Pages[P],
  { path = ctx.path, ...wishes }: Wishes = {},
): void => {
  const locale = localeOf(ctx, { ...wishes, fallback: site.defaultLocale })
  ctx.type = 'html'
  ctx.set('content-language', locale)
  ctx.body = site.renderer.render(page, model, { locale, languages: languageLinks(path, locale) })
}
