import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty, Tokens } from '../support/relying_party.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { application, ENT, signIn, silently } from './steps.ts'

const SIGNED_OUT = 'http://127.0.0.1:9/signed-out'

describe('a person signs out', () => {
  let school: School
  let ent: RelyingParty
  beforeAll(async () => {
    school = await startSchool({
      applications: [
        ENT,
        application('notes'),
        application('canteen', { subject_type: 'pairwise' }),
      ],
    })
    ent = await school.application()
  })
  afterAll(() => school.stop())

  const signedIn = async (party = ent): Promise<{ browser: Browser; tokens: Tokens }> => {
    const { identifier } = await school.person({ pin: PIN })
    const browser = school.browser()
    return { browser, tokens: await signIn(party, browser, identifier) }
  }

  const leave = (browser: Browser, parameters: Record<string, string> = {}) =>
    browser.open(`/session/end?${new URLSearchParams(parameters)}`)

  const hint = ({ response }: Tokens) => ({ id_token_hint: response.id_token ?? '' })

  const isAuto = ({ view }: Browser): boolean => view.html.querySelector('[data-auto]') !== null

  it('from an application that proves whom it means: no second click, and back to it', async () => {
    const { browser, tokens } = await signedIn()
    await leave(browser, {
      ...hint(tokens),
      post_logout_redirect_uri: SIGNED_OUT,
      state: 'st-1',
    })
    expect(browser.view.step).toBe('logout')
    expect(isAuto(browser)).toBe(true)
    await browser.submit({ logout: 'yes' })
    expect(browser.view.url.href).toBe(`${SIGNED_OUT}?state=st-1`)
    expect(await silently(ent, browser)).toBe('login_required')
  })

  it('from one that knows only a pairwise name', async () => {
    const canteen = await school.application('canteen')
    const { browser, tokens } = await signedIn(canteen)
    await leave(browser, hint(tokens))
    expect(isAuto(browser)).toBe(true)
  })

  it('after a question where nobody proves who asks', async () => {
    const { browser } = await signedIn()
    await leave(browser)
    expect(browser.view.step).toBe('logout')
    expect(isAuto(browser)).toBe(false)
    expect(await silently(ent, browser)).toBeNull()
    await leave(browser, { client_id: 'ent', post_logout_redirect_uri: SIGNED_OUT })
    expect(isAuto(browser)).toBe(false)
    await browser.submit({ logout: 'yes' })
    expect(browser.view.url.href).toBe(SIGNED_OUT)
    expect(await silently(ent, browser)).toBe('login_required')
  })

  it('after a question where the application means somebody else', async () => {
    const { browser } = await signedIn()
    const other = await signedIn()
    await leave(browser, hint(other.tokens))
    expect(browser.view.step).toBe('logout')
    expect(isAuto(browser)).toBe(false)
  })

  it('or changes their mind and stays', async () => {
    const { browser, tokens } = await signedIn()
    await leave(browser)
    await browser.submit({})
    expect(browser.view.status).toBe(200)
    expect(await silently(ent, browser)).toBeNull()
    await expect(ent.userinfo(tokens)).resolves.toBeDefined()
  })

  it('and what the applications hold of the session dies with it', async () => {
    const { browser, tokens } = await signedIn()
    const notes = await school.application('notes')
    await notes.start(browser)
    const held = await notes.finish(browser)
    await leave(browser)
    await browser.submit({ logout: 'yes' })
    for (const [party, each] of [
      [ent, tokens],
      [notes, held],
    ] as const) {
      await expect(party.userinfo(each)).rejects.toThrow()
      await expect(party.refresh(each)).rejects.toMatchObject({ error: 'invalid_grant' })
    }
  })

  it('in every copy of the browser', async () => {
    const { browser } = await signedIn()
    const copy = await browser.copy()
    await leave(browser)
    await browser.submit({ logout: 'yes' })
    expect(await silently(ent, copy)).toBe('login_required')
  })

  it('and the browser forgets what it stored of us, but stays recognised', async () => {
    const { identifier } = await school.person({ pin: PIN })
    const browser = school.browser()
    await ent.start(browser)
    await browser.submit({ identifier, password: PASSWORD })
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 12' })
    await leave(browser)
    const form = browser.view.html.querySelector('main form')
    const xsrf = form?.querySelector('[name=xsrf]')?.getAttribute('value') ?? ''
    const response = await fetch(form?.getAttribute('action') ?? '', {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: await browser.jar.getCookieString(school.issuer) },
      body: new URLSearchParams({ xsrf, logout: 'yes' }),
    })
    expect(response.status).toBe(303)
    // Also where the application takes the person back and no page of ours is seen.
    expect(response.headers.get('clear-site-data')).toBe('"cache", "storage"')
    expect(response.headers.getSetCookie().join()).not.toContain('vestibule_device')
    await browser.forget('vestibule_session')
    await ent.start(browser)
    await browser.submit({ identifier, password: PASSWORD })
    expect(browser.view.step).toBe('callback')
  })

  it('on a page of ours when no application takes them back', async () => {
    const { browser } = await signedIn()
    await leave(browser)
    await browser.submit({ logout: 'yes' })
    expect(browser.view).toMatchObject({ step: 'logged_out', status: 200 })
    expect(browser.view.headers.get('clear-site-data')).toBe('"cache", "storage"')
  })

  it('never to an address that is not registered', async () => {
    const { browser, tokens } = await signedIn()
    const post_logout_redirect_uri = 'https://thief.example/'
    await leave(browser, { ...hint(tokens), post_logout_redirect_uri })
    expect(browser.view).toMatchObject({ step: 'error', status: 400 })
    await leave(browser, { post_logout_redirect_uri })
    await browser.submit({ logout: 'yes' })
    expect(browser.view.url.origin).toBe(school.issuer)
  })

  it('not by a form that another site sends in their name', async () => {
    const { browser } = await signedIn()
    await leave(browser)
    await browser.post('/session/end/confirm', { logout: 'yes', xsrf: 'guessed' })
    expect(browser.view).toMatchObject({ step: 'error', status: 400 })
    expect(await silently(ent, browser)).toBeNull()
  })

  it.each(['x', 'e30.e30.e30', ''])('with a hint that is none (%j), to a page', async (text) => {
    const { browser } = await signedIn()
    await leave(browser, { id_token_hint: text })
    expect(browser.view.status).toBeLessThan(500)
    expect(['error', 'logout']).toContain(browser.view.step)
  })

  it('who was not signed in, without an error', async () => {
    const browser = school.browser()
    await leave(browser)
    expect(browser.view.status).toBe(200)
    await browser.submit({}, { form: 'form' })
    expect(browser.view).toMatchObject({ step: 'logged_out', status: 200 })
  })

  it('and the audit knows', async () => {
    const { browser, tokens } = await signedIn()
    await leave(browser)
    await browser.submit({ logout: 'yes' })
    const { audit } = school.gateway.core.deps.store
    expect(await audit.list({ act: 'logout', sub: tokens.claims.sub }, 5)).toHaveLength(1)
  })
})

describe('applications are told of a sign-out', () => {
  /** A little server of an application; what it was sent. */
  const listening = async (): Promise<{ uri: string; received: string[] }> => {
    const received: string[] = []
    const server: Server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        received.push(new URLSearchParams(body).get('logout_token') ?? '')
        response.end()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/out`, received }
  }

  const signOut = async (school: School) => {
    const ent = await school.application()
    const { identifier } = await school.person({ protection: 'none' })
    const browser = school.browser()
    const tokens = await signIn(ent, browser, identifier)
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    expect(browser.view).toMatchObject({ step: 'logged_out', status: 200 })
    return tokens
  }

  const schoolWith = async (uri: string, more: Record<string, unknown>): Promise<School> => {
    const school = await startSchool({
      applications: [
        application('ent', {
          backchannel_logout_uri: uri,
          backchannel_logout_session_required: true,
        }),
      ],
      ...more,
    })
    onTestFinished(() => school.stop())
    return school
  }

  const failures = async (school: School, sub: string) =>
    school.gateway.core.deps.store.audit.list({ act: 'back_channel_failed', sub }, 5)

  it.each([[['127.0.0.0/8']], [['localhost']]])(
    'inside the school where the settings allow it (%j)',
    async (internal_networks) => {
      const { uri, received } = await listening()
      const address =
        internal_networks[0] === 'localhost' ? uri.replace('127.0.0.1', 'localhost') : uri
      const school = await schoolWith(address, { internal_networks })
      const { claims } = await signOut(school)
      expect(received).toHaveLength(1)
      const [token = ''] = received
      expect(decodeProtectedHeader(token)).toMatchObject({ typ: 'logout+jwt', alg: 'ES256' })
      const keys = createRemoteJWKSet(new URL(`${school.issuer}/jwks`))
      const { payload } = await jwtVerify(token, keys, {
        issuer: school.issuer,
        audience: 'ent',
        typ: 'logout+jwt',
        currentDate: new Date(),
      })
      expect(payload).toMatchObject({
        sub: claims.sub,
        sid: claims['sid'],
        jti: expect.any(String),
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      })
      expect(payload).not.toHaveProperty('nonce')
      expect((payload.exp ?? Number.POSITIVE_INFINITY) - (payload.iat ?? 0)).toBeLessThanOrEqual(
        120,
      )
      expect(await failures(school, claims.sub)).toEqual([])
    },
  )

  it('not inside the school where they do not: the sign-out goes on, the failure is audited', async () => {
    const { uri, received } = await listening()
    const school = await schoolWith(uri, { internal_networks: [] })
    const { claims } = await signOut(school)
    expect(received).toEqual([])
    const [failed] = await failures(school, claims.sub)
    expect(failed).toMatchObject({ outcome: 'refused', detail: { application: 'ent' } })
  })

  it('who do not answer, without keeping the person from leaving', async () => {
    const { uri } = await listening()
    const school = await schoolWith(uri.replace(/:\d+/, ':1'), {
      internal_networks: ['127.0.0.0/8'],
    })
    const { claims } = await signOut(school)
    expect(await failures(school, claims.sub)).toHaveLength(1)
  })
})
