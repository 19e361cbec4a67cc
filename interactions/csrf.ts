import { timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import type { Site } from './site.ts'

/** Bound to one interaction, whose cookie the browser must hold, and to one of its steps. */
export const csrfToken = (site: Site, uid: string, step: string): string =>
  site.deps.digest('csrf', `${uid}:${step}`)

const sameText = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/**
 * OWASP ASVS 3.5.1: besides the token, what the browser says of where the form was. Under
 * `Referrer-Policy: no-referrer` it sends `Origin: null` with our own forms (Fetch §3.1), so that
 * browsers too old for `Sec-Fetch-Site` can only be told from a named foreign origin.
 */
export const comesFromUs = (ctx: Context, address: string): boolean => {
  const site = ctx.get('sec-fetch-site')
  if (site !== '') {
    return site === 'same-origin' || site === 'none'
  }
  return ['', 'null', new URL(address).origin].includes(ctx.get('origin'))
}

/** Throws `AppError('form_expired')` unless a form came from our pages at `address`, with its token. */
export const assertToken = (ctx: Context, address: string, token: string, sent: string): void => {
  if (!comesFromUs(ctx, address) || !sameText(token, sent)) {
    throw new AppError('form_expired', 'CSRF token, Origin or Sec-Fetch-Site do not fit')
  }
}

/** Throws `AppError('form_expired')` unless the form was ours, for this step. */
export const assertOurForm = (
  ctx: Context,
  site: Site,
  uid: string,
  step: string,
  sent: string,
): void => assertToken(ctx, site.issuer, csrfToken(site, uid, step), sent)
