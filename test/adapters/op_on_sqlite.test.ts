import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryStore } from './temporary.ts'

const CLIENTS = ['a', 'b', 'c', 'd']
const SIGNING_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  format: 'jwk',
})
const REDIRECT_URI = 'https://app.example/cb'

/** The OP itself on our store; its only page signs everybody in as Léa. */
const startOp = async () => {
  const { op } = await temporaryStore({ clock: Date.now })
  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    adapter: op.Adapter,
    clients: CLIENTS.map((id) => ({
      client_id: id,
      client_secret: 'secret',
      redirect_uris: [REDIRECT_URI],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    })),
    jwks: { keys: [SIGNING_KEY] },
    ttl: { AccessToken: 60, Grant: 600, IdToken: 60, Interaction: 600, Session: 600 },
    pkce: { required: () => false },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/page/${uid}` },
    cookies: { keys: ['key'] },
    findAccount: (_, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    loadExistingGrant: async (ctx) => {
      const { client, session } = ctx.oidc
      if (client === undefined || session?.accountId === undefined) {
        return undefined
      }
      const grant = new ctx.oidc.provider.Grant({
        clientId: client.clientId,
        accountId: session.accountId,
      })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
  })
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/page/')) {
      return next()
    }
    ctx.respond = false
    await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'lea' } })
  })
  const handle = provider.callback()
  return { op, issuer, provider, ...createBrowser(issuer) }
}

/** A browser that keeps cookies by name, and an application's back end. */
const createBrowser = (issuer: string) => {
  const jar = new Map<string, string>()
  const get = async (url: string): Promise<string> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=')
      jar.set(name, value)
    }
    return response.headers.get('location') ?? ''
  }
  return {
    cookie: () => jar.get('_session') ?? '',
    /** From an application to the code that it gets. */
    signIn: async (client: string, more = ''): Promise<string> => {
      const query = `client_id=${client}&response_type=code&scope=openid&redirect_uri=${REDIRECT_URI}`
      let url = `${issuer}/auth?${query}${more}`
      while (url !== '' && !url.startsWith(REDIRECT_URI)) {
        url = await get(new URL(url, issuer).href)
      }
      return new URL(url).searchParams.get('code') ?? ''
    },
    exchange: async (client: string, code: string): Promise<number> => {
      const body = new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        redirect_uri: REDIRECT_URI,
      })
      const authorization = `Basic ${btoa(`${client}:secret`)}`
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        body,
        headers: { authorization },
      })
      return response.status
    },
  }
}

describe('the OP on this store', () => {
  it('gives a session a new cookie at the next sign-in, and loses nothing of it', async () => {
    const { op, provider, signIn, exchange, cookie } = await startOp()
    const code = await signIn('a')
    const before = cookie()
    await signIn('b', '&prompt=login')
    expect(cookie()).not.toBe(before)
    expect(await provider.Session.find(before)).toBeUndefined()
    expect(await op.wasReplaced(before)).toBe(true)
    const session = await provider.Session.find(cookie())
    expect(Object.keys(session?.authorizations ?? {}).sort()).toEqual(['a', 'b'])
    expect(await op.listSessions('lea')).toHaveLength(1)
    expect(await exchange('a', code)).toBe(200)
  })

  it('ends a session that is destroyed, for good', async () => {
    const { op, provider, signIn, cookie } = await startOp()
    await signIn('a')
    const [session, late] = [
      await provider.Session.find(cookie()),
      await provider.Session.find(cookie()),
    ]
    await session?.destroy()
    await late?.persist()
    expect(await op.listSessions('lea')).toEqual([])
    expect(await provider.Session.find(cookie())).toBeUndefined()
  })

  it('lets four applications be opened at once, twenty times over', async () => {
    const { signIn, exchange } = await startOp()
    await signIn('a')
    for (let round = 0; round < 20; round += 1) {
      const codes = await Promise.all(CLIENTS.map(async (client) => signIn(client)))
      const statuses = await Promise.all(
        codes.map((code, index) => exchange(CLIENTS[index] ?? '', code)),
      )
      expect(statuses).toEqual([200, 200, 200, 200])
    }
  })

  it('gives tokens to one of eight who redeem one code', async () => {
    const { signIn, exchange } = await startOp()
    const code = await signIn('a')
    const statuses = await Promise.all(Array.from({ length: 8 }, () => exchange('a', code)))
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 400)).toHaveLength(7)
  })
})
