import type { Context } from 'koa'
import type { Origin } from '../accounts/ports.ts'
import { deviceCookieName } from './site.ts'

const TOKEN = /^[\w-]{43}$/

/** Puts where a request comes from on its context; `address` is behind the trusted proxies. */
export const setOrigin = (ctx: Context, address: string, secureCookies: boolean): void => {
  const token = ctx.cookies.get(deviceCookieName(secureCookies), { signed: false })
  const origin: Origin = {
    address,
    userAgent: ctx.get('user-agent'),
    deviceToken: token !== undefined && TOKEN.test(token) ? token : null,
    clientId: null,
  }
  ctx.state['origin'] = origin
}

export const originOf = (ctx: Pick<Context, 'state'>, clientId: string | null = null): Origin => ({
  ...(ctx.state['origin'] as Origin),
  clientId,
})
