import type { Context } from 'koa'
import type { Locale } from '../accounts/account.ts'

const LOCALES = ['fr', 'en'] as const satisfies readonly Locale[]
const COOKIE = 'vestibule_lang'
const YEAR_MS = 365 * 24 * 3_600_000

const known = (tag: string | undefined): Locale | null =>
  LOCALES.find((locale) => locale === tag?.toLowerCase().split('-')[0]) ?? null

const firstKnown = (tags: readonly string[]): Locale | null =>
  tags.map(known).find((locale) => locale !== null) ?? null

interface Wishes {
  /** `ui_locales` of the application's request, in order of preference. */
  readonly uiLocales?: unknown
  readonly account?: Locale | null
  readonly fallback: Locale
}

/** The language of a page: what the person clicked, then the application, the account, the browser. */
export const localeOf = (ctx: Context, { uiLocales, account, fallback }: Wishes): Locale =>
  known(ctx.query['lang']?.toString()) ??
  known(ctx.cookies.get(COOKIE, { signed: false })) ??
  (typeof uiLocales === 'string' ? firstKnown(uiLocales.split(' ')) : null) ??
  account ??
  // A browser without a preference is given the first.
  known(ctx.acceptsLanguages([fallback, ...LOCALES]) || undefined) ??
  fallback

/** Keeps a language on this browser; null: none, so that account and browser decide again. */
export const keepLocale = (ctx: Context, locale: Locale | null): void => {
  ctx.cookies.set(COOKIE, locale, {
    signed: false,
    httpOnly: true,
    sameSite: 'lax',
    maxAge: YEAR_MS,
    overwrite: true,
  })
}

/** Keeps a clicked language for the pages to come, those after a form included. */
export const rememberLocale = (ctx: Context): void => {
  const clicked = known(ctx.query['lang']?.toString())
  if (clicked !== null) {
    keepLocale(ctx, clicked)
  }
}

/** `//host` and `/\host` lead to other hosts. */
const OWN_PATH = /^\/(?![/\\])/

/** This very page, once a language. What is no path of ours gives way to the home page. */
export const languageLinks = (
  path: string,
  current: Locale,
): { locale: Locale; href: string; current: boolean }[] =>
  LOCALES.map((locale) => {
    const own = OWN_PATH.test(path) ? path : '/'
    const cut = own.includes('?') ? own.indexOf('?') : own.length
    const [address, query] = [own.slice(0, cut), own.slice(cut + 1)]
    const parameters = new URLSearchParams(query)
    parameters.set('lang', locale)
    return { locale, href: `${address}?${parameters}`, current: locale === current }
  })
