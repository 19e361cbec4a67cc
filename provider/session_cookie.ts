import type { Context } from 'koa'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'

/** Name and value of one cookie in a `Set-Cookie` or `Cookie` header. */
const partsOf = (cookie: string): { name: string; value: string } => {
  const [name = '', ...rest] = cookie.split(';', 1)[0]?.split('=') ?? []
  return { name: name.trim(), value: rest.join('=').trim() }
}

const sentValue = (ctx: Context, name: string): string | undefined =>
  ctx
    .get('cookie')
    .split(';')
    .map(partsOf)
    .find((cookie) => cookie.name === name)?.value

/** What the response sets so far. Koa gives an empty text where it sets nothing. */
const cookiesSet = (ctx: Context): string[] => {
  const header = ctx.response.get('set-cookie') as unknown as string | string[]
  return [header].flat().filter(Boolean)
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

  const isNeedless = (ctx: Context, value: string): boolean => {
    const session = (ctx as unknown as KoaContextWithOIDC).oidc?.session
    const nobody = session?.accountId === undefined && session?.state === undefined
    const erases = value === ''
    return !erases && (nobody || sentValue(ctx, name) === value)
  }

  return async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    await next()
    const cookies = cookiesSet(ctx)
    const own = cookies.map(partsOf).find((cookie) => cookie.name === name)
    if (own === undefined || !isNeedless(ctx, own.value)) {
      return
    }
    const kept = cookies.filter((cookie) => !names.has(partsOf(cookie).name))
    if (kept.length === 0) {
      ctx.remove('set-cookie')
    } else {
      ctx.set('set-cookie', kept)
    }
  }
}
