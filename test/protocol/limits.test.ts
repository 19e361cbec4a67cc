import { once } from 'node:events'
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { PORTAL_CLIENT_ID } from '../../provider/clients.ts'
import { type Browser, createBrowser } from '../support/browser.ts'
import { CALLBACK, type School, SECRET, startSchool } from '../support/school.ts'
import { answer, application, ENT, signIn } from './steps.ts'

const KIB = 1024

const lines: string[] = []
const log = pino(
  { level: 'debug' },
  new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  }),
)

let school: School
beforeAll(async () => {
  school = await startSchool(
    {
      applications: [
        ENT,
        application('page', { token_endpoint_auth_method: 'none', client_secret: undefined }),
      ],
    },
    { log },
  )
})
afterAll(() => school.stop())

const request = (more: Record<string, string> = {}): Record<string, string> => ({
  client_id: 'ent',
  response_type: 'code',
  scope: 'openid',
  redirect_uri: CALLBACK,
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
  ...more,
})

interface Sending {
  readonly method?: string
  readonly fields?: Record<string, string>
  readonly headers?: Record<string, string>
  /** Address behind the trusted proxy. */
  readonly from?: string
}

const send = (path: string, { method, fields, headers, from = '192.0.2.1' }: Sending = {}) =>
  fetch(`${school.address}${path}`, {
    method: method ?? (fields === undefined ? 'GET' : 'POST'),
    redirect: 'manual',
    headers: { 'x-forwarded-for': from, ...headers },
    ...(fields === undefined ? {} : { body: new URLSearchParams(fields) }),
  })

const PAGE = { accept: 'text/html' }
const BASIC = { authorization: `Basic ${btoa(`ent:${SECRET}`)}` }

const auth = (more: Record<string, string> = {}): string =>
  `/auth?${new URLSearchParams(request(more))}`

const push = (sending: Sending = {}) =>
  send('/request', { headers: BASIC, fields: request(), ...sending })

/** Sends a request as it is written here; what came back when the connection ended. */
const raw = async (text: string): Promise<string> => {
  const { hostname, port } = new URL(school.address)
  const socket = connect(Number(port), hostname)
  socket.write(text)
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk
  })
  await once(socket, 'close')
  return got
}

const isErrorPage = async (response: Response): Promise<boolean> =>
  (await response.text()).includes('data-step="error"')

describe('a request that says too much', () => {
  const state = 'x'.repeat(16 * KIB)

  it('in its query is refused before anything is kept of it', async () => {
    const long = await send(auth({ state: 'x'.repeat(8 * KIB) }), { headers: PAGE })
    expect([long.status, await isErrorPage(long)]).toEqual([400, true])
    expect((await send(auth({ state: 'x'.repeat(7 * KIB) }))).status).toBe(303)
    const slash = await send(auth({ state: 'x'.repeat(8 * KIB) }).replace('?', '/?'), {
      headers: PAGE,
    })
    expect(slash.status).toBe(400)
    const logout = await send(`/session/END?state=${'x'.repeat(9 * KIB)}`, { headers: PAGE })
    expect(logout.status).toBe(400)
  })

  it.each([
    '/auth',
    '/auth/',
    '/request',
    '/token',
    '/token/introspection',
    '/token/revocation',
    '/session/end',
    '/session/end/confirm',
    '/me',
  ])('in its body is refused: %s', async (path) => {
    const page = await send(path, { fields: request({ state }), headers: PAGE })
    expect([page.status, await isErrorPage(page)]).toEqual([413, true])
    const program = await send(path, { fields: request({ state }), headers: BASIC })
    expect(program.status).toBe(413)
    expect(await program.json()).toMatchObject({ error: 'invalid_request' })
  })

  const chunked = (path: string, body: string): Promise<string> =>
    raw(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
        `Authorization: ${BASIC.authorization}\r\n` +
        'Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    )

  it.each(['/request', '/request/'])(
    'in a pushed body of unknown length is refused, for it would be kept: %s',
    async (path) => {
      const pushed = await chunked(path, new URLSearchParams(request()).toString())
      expect(pushed).toMatch(/^HTTP\/1\.1 413 /)
    },
  )

  it('in any other body of unknown length is refused once it has said that much', async () => {
    const long = await chunked('/token', `grant_type=${'x'.repeat(60 * KIB)}`)
    expect(long).toMatch(/^HTTP\/1\.1 400 [\s\S]*failed to parse the request body/)
  })

  it('while an application may leave the length of its body open', async () => {
    const who = await school.person({ protection: 'none' })
    const browser = school.browser()
    const ent = await school.application()
    const { response } = await signIn(ent, browser, who.identifier, {
      scope: 'openid offline_access',
      prompt: 'consent',
    })
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: response.refresh_token ?? '',
    })
    const answered = await chunked('/token', body.toString())
    expect(answered).toMatch(/^HTTP\/1\.1 200 [\s\S]*"access_token"/)
  })

  it('while a usual one passes, and one without a body', async () => {
    expect((await push()).status).toBe(201)
    expect((await send('/token', { fields: request() })).status).toBe(401)
    expect((await send('/me', { method: 'POST' })).status).toBe(401)
  })
})

describe('requests of one network that has not signed in', () => {
  const burst = async (path: string, sending: Sending): Promise<Response[]> => {
    const answers: Response[] = []
    for (let nth = 0; nth < 1_001; nth += 1) {
      const one = await send(path, sending)
      if (one.status !== 503) await one.body?.cancel()
      answers.push(one)
    }
    return answers
  }

  it('are a thousand at once, then fifty a second, and the others are told to come back', async () => {
    const from = '198.51.100.7'
    const answers = await burst(auth(), { from, headers: PAGE })
    const busy = answers.filter(({ status }) => status === 503)
    expect(busy).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1_000)
    expect(Number(busy[0]?.headers.get('retry-after'))).toBe(1)
    const page = await busy[0]?.text()
    expect(page).toContain('data-step="error"')
    expect(page).toContain('href="/auth?client_id=ent')

    const neighbour = '198.51.100.200'
    expect((await send('/session/end', { from: neighbour })).status).toBe(503)
    expect((await send(auth().replace('?', '/?'), { from: neighbour })).status).toBe(503)
    const pushed = await push({ from: neighbour })
    expect([pushed.status, await pushed.json()]).toEqual([
      503,
      { error: 'temporarily_unavailable' },
    ])
    const forged = { ...PAGE, cookie: 'vestibule_session=made-up; vestibule_session.sig=made-up' }
    expect((await send(auth(), { from, headers: forged })).status).toBe(503)
    expect((await send(auth(), { from: '203.0.113.7' })).status).toBe(303)

    school.later(1_000)
    const later = await Promise.all(Array.from({ length: 60 }, () => send(auth(), { from })))
    expect(later.filter(({ status }) => status === 303)).toHaveLength(50)
  })

  describe('once strangers have used up its places', () => {
    const from = '198.18.0.7'
    beforeAll(async () => {
      await burst(auth(), { from })
    })

    /** A browser of that network on which somebody signed in, and its cookies. */
    const known = async (): Promise<{ browser: Browser; identifier: string }> => {
      const { identifier } = await school.person({ protection: 'none' })
      const elsewhere = school.browser()
      await signIn(await school.application(), elsewhere, identifier)
      return { browser: school.browser({ address: from, jar: elsewhere.jar }), identifier }
    }

    const cookieHeader = async ({ jar }: Browser, ...names: string[]): Promise<string> =>
      (await jar.getCookies(school.issuer))
        .filter(({ key }) => names.includes(key))
        .map(({ key, value }) => `${key}=${value}`)
        .join('; ')

    const statuses = async (cookie: string, times: number): Promise<Record<number, number>> => {
      const counts: Record<number, number> = {}
      for (let nth = 0; nth < times; nth += 1) {
        const { status, body } = await send(auth(), { from, headers: { ...PAGE, cookie } })
        await body?.cancel()
        counts[status] = (counts[status] ?? 0) + 1
      }
      return counts
    }

    it('the pages and applications of whoever is signed in go on', async () => {
      const { browser } = await known()
      const ent = await school.application()
      await ent.start(browser)
      expect(browser.view.step).toBe('callback')
      const stranger = createBrowser(school.issuer, { via: school.address, address: from })
      await ent.start(stranger)
      expect(stranger.view).toMatchObject({ step: 'error', status: 503 })
    })

    it('people on a known browser sign in, at the portal and from an application', async () => {
      const { browser, identifier } = await known()
      await browser.forget('vestibule_session')
      await browser.open('/')
      expect(browser.view.step).toBe('login')
      await answer(browser, identifier)
      expect(browser.view).toMatchObject({ step: 'portal', status: 200 })
      await browser.forget('vestibule_session')
      await signIn(await school.application(), browser, identifier)
    })

    it('a known browser has twenty more, then one a second, and takes none from another', async () => {
      const { browser } = await known()
      const cookie = await cookieHeader(browser, 'vestibule_device')
      expect(await statuses(cookie, 22)).toEqual({ 303: 20, 503: 2 })
      const neighbour = await known()
      await neighbour.browser.forget('vestibule_session')
      await neighbour.browser.open('/')
      expect(neighbour.browser.view.step).toBe('login')
    })

    it('a device cookie that is made up, or that was replaced since, gives none', async () => {
      const { browser, identifier } = await known()
      const old = await cookieHeader(browser, 'vestibule_device')
      const ent = await school.application()
      for (let times = 0; times < 2; times += 1) {
        await browser.forget('vestibule_session')
        await signIn(ent, browser, identifier)
      }
      const madeUp = `vestibule_device=${'x'.repeat(43)}`
      expect([await statuses(old, 1), await statuses(madeUp, 1)]).toEqual([{ 503: 1 }, { 503: 1 }])
      const good = await cookieHeader(browser, 'vestibule_device')
      expect(await statuses(good, 1)).toEqual({ 303: 1 })
    })

    it('the cookie of a session that is over is worth two hundred, not any number', async () => {
      const { browser } = await known()
      const kept = await cookieHeader(browser, 'vestibule_session', 'vestibule_session.sig')
      await browser.open('/session/end')
      await browser.submit({ logout: 'yes' })
      expect(await browser.cookie('vestibule_session')).not.toBe(/session=([^;]*)/.exec(kept)?.[1])
      expect(await statuses(kept, 203)).toEqual({ 303: 199, 503: 4 }) // One was signing out.
      // Five a second of its own, and then the fifty that its network has.
      school.later(1_000)
      expect(await statuses(kept, 60)).toEqual({ 303: 55, 503: 5 })
    })
  })
})

describe('a pushed request', () => {
  it.each([PORTAL_CLIENT_ID, 'page'])(
    'is not taken from an application that cannot authenticate: %s',
    async (client_id) => {
      const redirect_uri = client_id === 'page' ? CALLBACK : `${school.issuer}/portal/signed-in`
      const refused = await push({ fields: request({ client_id, redirect_uri }), headers: {} })
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({ error: 'unauthorized_client' })
      expect((await send(auth({ client_id, redirect_uri }))).status).toBe(303)
    },
  )

  it('opens one sign-in, of which the person sees the end', async () => {
    const { request_uri } = (await (await push()).json()) as { request_uri: string }
    const target = `/auth?${new URLSearchParams({ client_id: 'ent', request_uri })}`
    const browser = school.browser()
    await browser.open(target)
    expect(browser.view.step).toBe('login')
    const again = await Promise.all(
      Array.from({ length: 5 }, () => send(target, { headers: PAGE })),
    )
    for (const { headers } of again) {
      expect(headers.get('location')).toMatch(/^http:\/\/127.*[?&]error=invalid_request_uri/)
    }
    await answer(browser, (await school.person({ protection: 'none' })).identifier)
    expect(browser.view.url.searchParams.get('code')).not.toBeNull()
  })
})

describe('an address that begins like one of another host', () => {
  it.each([
    '//evil.example/login',
    '/\\evil.example/login',

    '///evil.example',
  ])('leads nowhere but home: %s', async (target) => {
    const page = await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const links = [...page.matchAll(/(?:href|action|location)[=:] ?"?([^"\r\n]*)/gi)].map(
      ([, link = '']) => link,
    )
    expect(page).toMatch(/^HTTP\/1\.1 404 /)
    expect(links).toContain('/?lang=en')
    for (const link of links) {
      expect(new URL(link, school.issuer).host).not.toContain('evil')
    }
  })

  it('is read with one slash', async () => {
    const found = await raw('GET //healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(found).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('a form whose sender goes away', () => {
  it('is no error of ours', async () => {
    lines.length = 0
    const printed = vi.spyOn(console, 'error')
    const { hostname, port } = new URL(school.address)
    const socket = connect(Number(port), hostname)
    const seen = once(school.gateway.server, 'request')
    socket.write(
      'POST /interaction/x/login HTTP/1.1\r\nHost: x\r\n' +
        'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nabc',
    )
    await seen
    socket.destroy()
    await vi.waitFor(() => expect(lines.join('')).toContain('ECONNRESET'))
    await vi.waitFor(() => expect(lines.join('')).toContain('stray error'))
    expect(lines.filter((line) => JSON.parse(line).level >= 30)).toEqual([])
    expect(printed).not.toHaveBeenCalled()
    printed.mockRestore()
  })
})
