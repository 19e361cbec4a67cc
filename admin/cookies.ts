import type { Context } from 'koa'
import type { Console } from './console.ts'

const TOKEN = /^[\w-]{43}$/
const TOKEN_BYTES = 32

/** `session`: who is signed in; `begun`: the sign-in that this browser began. */
const NAMES = { session: 'vestibule_console', begun: 'vestibule_console_begun' } as const
type Cookie = keyof typeof NAMES

const nameOf = (console: Console, cookie: Cookie): string =>
  console.secureCookies ? `__Host-${NAMES[cookie]}` : NAMES[cookie]

/** What a cookie of ours says, as it is stored: a leak of the store opens nothing. */
export const hashIn = (ctx: Context, console: Console, cookie: Cookie): string | null => {
  const token = ctx.cookies.get(nameOf(console, cookie), { signed: false })
  return token !== undefined && TOKEN.test(token)
    ? console.site.deps.digest(`console ${cookie}`, token)
    : null
}

const options = (console: Console) => ({
  signed: false,
  httpOnly: true,
  // Strict would be left out when the gateway sends the browser back from its own host.
  sameSite: 'lax' as const,
  secure: console.secureCookies,
  overwrite: true,
  path: '/',
})

/** Gives the browser a new value; returns its hash. It ends with the browser. */
export const giveCookie = (ctx: Context, console: Console, cookie: Cookie): string => {
  const { deps } = console.site
  const token = Buffer.from(deps.random.bytes(TOKEN_BYTES)).toString('base64url')
  ctx.cookies.set(nameOf(console, cookie), token, options(console))
  return deps.digest(`console ${cookie}`, token)
}

export const takeCookie = (ctx: Context, console: Console, cookie: Cookie): void => {
  ctx.cookies.set(nameOf(console, cookie), null, options(console))
}
