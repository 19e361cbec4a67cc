import type { Context } from 'koa'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'

/** `name=value` of a Set-Cookie header, or of one cookie in a Cookie header. */
const nameOf = (cookie: string): string => cookie.slice(0, cookie.indexOf('=')).trim()
const valueOf = (cookie: string): string =>
  cookie
    .slice(cookie.indexOf('=') + 1)
    .split(';')[0]
    ?.trim() ?? ''

const sentValue = (ctx: Context, name: string): string | undefined => {
  const found = ctx
    .get('cookie')
    .split(';')
    .find((cookie) => nameOf(cookie) === name)
  return found === undefined ? undefined : valueOf(found)
}

/**
 * The OP sends the session cookie again with every response. A request that was on its way while
 * a sign-in in another tab renewed the session would so put the old cookie back, or an empty
 * session in its place: signed out. What the browser has already is therefore not sent again, and
 * a session without anybody never replaces one.
 */
export const guardSessionCookie = (provider: Provider) => {
  const name = provider.cookieName('session')
  const names = new Set([name, `${name}.sig`])
  return async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    await next()
    const header = ctx.response.get('set-cookie') as unknown as string | string[] | undefined
    const cookies = typeof header === 'string' ? [header].filter(Boolean) : (header ?? [])
    if (!cookies.some((cookie) => names.has(nameOf(cookie)))) {
      return
    }
    const session = (ctx as unknown as KoaContextWithOIDC).oidc?.session
    const own = cookies.find((cookie) => nameOf(cookie) === name) ?? ''
    const erases = valueOf(own) === ''
    const empty = session?.accountId === undefined && session?.state === undefined
    if (erases || !(empty || sentValue(ctx, name) === valueOf(own))) {
      return
    }
    const kept = cookies.filter((cookie) => !names.has(nameOf(cookie)))
    if (kept.length === 0) {
      ctx.remove('set-cookie')
    } else {
      ctx.set('set-cookie', kept)
    }
  }
}
