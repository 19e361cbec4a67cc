import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { disable } from '../../accounts/administer.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  CALLBACK,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  type School,
  SECRET,
  startSchool,
} from '../support/school.ts'
import { answer, application, ENT, errorAt, signIn, silently } from './steps.ts'

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicJwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'bank-1', use: 'sig' }

describe('an application exchanges codes and tokens', () => {
  let school: School
  let ent: RelyingParty
  beforeAll(async () => {
    school = await startSchool({
      tokens: { refresh_idle_hours: 24, refresh_absolute_hours: 72 },
      applications: [
        ENT,
        application('old', { pkce: 'optional' }),
        application('other'),
        application('pushed', { require_pushed_authorization_requests: true }),
        application('bound', { dpop_bound_access_tokens: true }),
        application('staffroom', { user_types: ['teacher', 'staff'] }),
        {
          ...application('bank', { token_endpoint_auth_method: 'private_key_jwt' }),
          client_secret: undefined,
          jwks: { keys: [publicJwk] },
        },
      ],
    })
    ent = await school.application()
  })
  afterAll(() => school.stop())

  const somebody = () => school.person({ protection: 'none' })

  const post = (path: string, fields: Record<string, string>, headers = {}): Promise<Response> =>
    fetch(`${school.issuer}${path}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers,
    })

  const basic = (clientId: string) => ({ authorization: `Basic ${btoa(`${clientId}:${SECRET}`)}` })

  const audited = async (act: string, sub: string) =>
    (await school.gateway.core.deps.store.audit.list({ act }, 200)).filter(
      (entry) => entry.sub === sub || entry.sub === null,
    )

  /** A browser that has come back with a code, and the fields that redeem it. */
  const withCode = async (parameters: Record<string, string> = {}) => {
    const who = await somebody()
    const browser = school.browser()
    const verifier = client.randomPKCECodeVerifier()
    const url = client.buildAuthorizationUrl(ent.config, {
      redirect_uri: CALLBACK,
      scope: 'openid profile email school',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...parameters,
    })
    await browser.open(url)
    await answer(browser, who.identifier)
    const code = browser.view.url.searchParams.get('code') ?? ''
    const fields = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    }
    return { who, browser, fields }
  }

  const introspect = async (token: string, clientId = 'ent') =>
    (await post('/token/introspection', { token }, basic(clientId))).json() as Promise<
      Record<string, unknown>
    >

  const userinfoStatus = async (token: string): Promise<number> =>
    (await fetch(`${school.issuer}/me`, { headers: { authorization: `Bearer ${token}` } })).status

  const refreshStatus = async (token: string | undefined, clientId = 'ent'): Promise<number> =>
    (
      await post(
        '/token',
        { grant_type: 'refresh_token', refresh_token: token ?? '' },
        basic(clientId),
      )
    ).status

  describe('PKCE', () => {
    it('is asked of every application, confidential ones included', async () => {
      const browser = school.browser()
      const query = new URLSearchParams({
        client_id: 'ent',
        response_type: 'code',
        scope: 'openid',
        redirect_uri: CALLBACK,
        state: 'st',
      })
      await browser.open(`/auth?${query}`)
      expect(errorAt(browser)).toBe('invalid_request')
      expect(Object.fromEntries(browser.view.url.searchParams)).toMatchObject({
        state: 'st',
        iss: school.issuer,
      })
    })

    it('is S256, never plain', async () => {
      const browser = school.browser()
      await ent.start(browser, { code_challenge_method: 'plain' })
      expect(errorAt(browser)).toBe('invalid_request')
    })

    it('is spared an old application that is registered so', async () => {
      const who = await somebody()
      const browser = school.browser()
      const query = new URLSearchParams({
        client_id: 'old',
        response_type: 'code',
        scope: 'openid',
        redirect_uri: CALLBACK,
      })
      await browser.open(`/auth?${query}`)
      await answer(browser, who.identifier)
      const code = browser.view.url.searchParams.get('code') ?? ''
      const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK }
      expect((await post('/token', fields, basic('old'))).status).toBe(200)
    })

    it('binds the code of the old application too, once it sends a challenge', async () => {
      const old = await school.application('old')
      const browser = school.browser()
      await old.start(browser)
      await answer(browser, (await somebody()).identifier)
      const code = browser.view.url.searchParams.get('code') ?? ''
      const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK }
      expect((await post('/token', fields, basic('old'))).status).toBe(400)
    })
  })

  describe('a request', () => {
    it.each([
      ['response_type', 'token'],
      ['response_type', 'id_token'],
      ['response_type', 'code id_token'],
      ['scope', 'openid admin'],
      ['request', 'e30.e30.'],
    ])('with %s %s is refused', async (name, value) => {
      const browser = school.browser()
      await ent.start(browser, { [name]: value })
      if (name === 'scope') {
        // Scopes that do not exist are left out, RFC 6749 §3.3.
        expect(browser.view.step).toBe('login')
      } else {
        const params = new URLSearchParams(browser.view.url.hash.slice(1))
        expect(params.get('error') ?? errorAt(browser)).toMatch(
          /^(unsupported_response_type|unauthorized_client|request_not_supported)$/,
        )
      }
    })

    it.each([
      'http://127.0.0.1:9/callback/',
      'http://127.0.0.1:9/callback?x=1',
      'http://127.0.0.1:10/callback',
      'https://127.0.0.1:9/callback',
      'http://127.0.0.1:9@thief.example/callback',
    ])('to another redirect_uri ends on a page of ours: %s', async (redirect_uri) => {
      const browser = school.browser()
      await ent.start(browser, { redirect_uri })
      expect(browser.view).toMatchObject({ step: 'error', status: 400 })
      expect(browser.view.url.origin).toBe(school.issuer)
    })

    it('of an unknown application ends on a page of ours', async () => {
      const browser = school.browser()
      await ent.start(browser, { client_id: 'nobody' })
      expect(browser.view).toMatchObject({ step: 'error', status: 400 })
    })

    it('that was pushed is signed in to, once', async () => {
      const pushed = await school.application('pushed')
      const browser = school.browser()
      await pushed.start(browser)
      expect(errorAt(browser)).toBe('invalid_request')
      const url = await client.buildAuthorizationUrlWithPAR(
        pushed.config,
        new URLSearchParams((await pushed.request(browser)).search),
      )
      expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
      await browser.open(url)
      await answer(browser, (await somebody()).identifier)
      expect((await pushed.finish(browser)).claims.sub).toMatch(/^sub-/)
      await browser.open(url)
      expect(browser.view.step).not.toBe('login')
      expect(browser.view.url.searchParams.get('code')).toBeNull()
    })
  })

  describe('a code', () => {
    it('brings the issuer along (RFC 9207)', async () => {
      const { browser } = await withCode()
      expect(browser.view.url.searchParams.get('iss')).toBe(school.issuer)
    })

    it('gives tokens to exactly one of eight who redeem it in parallel', async () => {
      const { fields } = await withCode()
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => post('/token', fields, basic('ent'))),
      )
      const statuses = answers.map(({ status }) => status).sort()
      expect(statuses).toEqual([200, 400, 400, 400, 400, 400, 400, 400])
    })

    it('that comes back revokes what it gave, and is audited', async () => {
      const { who, fields } = await withCode()
      const first = await post('/token', fields, basic('ent'))
      const tokens = (await first.json()) as { access_token: string; refresh_token: string }
      expect(await userinfoStatus(tokens.access_token)).toBe(200)
      const again = await post('/token', fields, basic('ent'))
      expect(await again.json()).toMatchObject({ error: 'invalid_grant' })
      expect(await userinfoStatus(tokens.access_token)).toBe(401)
      expect(await refreshStatus(tokens.refresh_token)).toBe(400)
      expect(await audited('code_reused', who.sub)).not.toHaveLength(0)
    })

    it('lets the person sign in again after it was stolen', async () => {
      const { browser, fields } = await withCode()
      await post('/token', fields, basic('ent'))
      await post('/token', fields, basic('ent'))
      await ent.start(browser)
      const { response } = await ent.finish(browser)
      expect(await userinfoStatus(response.access_token)).toBe(200)
    })

    it('is worth nothing after a minute', async () => {
      const { fields } = await withCode()
      school.later(MINUTE_MS + 16_000)
      expect((await post('/token', fields, basic('ent'))).status).toBe(400)
    })

    it('is worth nothing to another application, with another address or verifier', async () => {
      const { fields } = await withCode()
      expect((await post('/token', fields, basic('other'))).status).toBe(400)
      const elsewhere = { ...fields, redirect_uri: `${CALLBACK}/` }
      expect((await post('/token', elsewhere, basic('ent'))).status).toBe(400)
      const unproved = { ...fields, code_verifier: client.randomPKCECodeVerifier() }
      expect((await post('/token', unproved, basic('ent'))).status).toBe(400)
    })
  })

  describe('a refresh token', () => {
    it('is replaced at each use; the one replaced revokes the family, and is audited', async () => {
      const who = await somebody()
      const first = await signIn(ent, school.browser(), who.identifier)
      const second = await ent.refresh(first)
      expect(second.refresh_token).not.toBe(first.response.refresh_token)
      expect(await userinfoStatus(second.access_token)).toBe(200)
      expect(await refreshStatus(first.response.refresh_token)).toBe(400)
      expect(await refreshStatus(second.refresh_token)).toBe(400)
      expect(await userinfoStatus(second.access_token)).toBe(401)
      expect(await audited('refresh_reused', who.sub)).not.toHaveLength(0)
    })

    it('gives tokens to one of four who use it in parallel', async () => {
      const { response } = await signIn(ent, school.browser(), (await somebody()).identifier)
      const statuses = await Promise.all(
        Array.from({ length: 4 }, () => refreshStatus(response.refresh_token)),
      )
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    })

    it('is worth nothing to another application', async () => {
      const { response } = await signIn(ent, school.browser(), (await somebody()).identifier)
      expect(await refreshStatus(response.refresh_token, 'other')).toBe(400)
    })

    it('outlives the session only with offline_access, and ends for good after its time', async () => {
      const who = await somebody()
      const online = await signIn(ent, school.browser(), who.identifier)
      const browser = school.browser()
      let offline = await signIn(ent, browser, who.identifier, {
        scope: 'openid offline_access',
        prompt: 'consent', // Core §11: else the scope is left out.
      })
      school.later(20 * HOUR_MS)
      expect(await refreshStatus(online.response.refresh_token)).toBe(400)
      for (const _ of [1, 2]) {
        const response = await ent.refresh(offline)
        offline = { ...offline, response }
        school.later(20 * HOUR_MS)
      }
      expect((await ent.refresh(offline)).access_token).toBeDefined() // 60 hours
      const last = await school.application()
      expect(await silently(last, browser)).toBe('login_required')
      school.later(13 * HOUR_MS)
      expect(await refreshStatus(offline.response.refresh_token)).toBe(400)
    })

    it('ends when it is not used for long', async () => {
      const who = await somebody()
      const offline = { scope: 'openid offline_access', prompt: 'consent' }
      const { response } = await signIn(ent, school.browser(), who.identifier, offline)
      school.later(DAY_MS + MINUTE_MS)
      expect(await refreshStatus(response.refresh_token)).toBe(400)
    })

    it('waits while its owner must change the password, and so does what it would renew', async () => {
      const who = await somebody()
      const tokens = await signIn(ent, school.browser(), who.identifier)
      const { accounts } = school.gateway.core.deps.store
      const { password } = await school.account(who.identifier)
      if (password === null) throw new Error('no password')
      for (const due of [
        { ...password, mustChange: true },
        { ...password, origin: 'temporary' as const },
      ]) {
        await accounts.setPassword(who.sub, due)
        await expect(ent.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
        const token = tokens.response.refresh_token ?? ''
        expect(await introspect(token)).toEqual({ active: false })
      }
      await accounts.setPassword(who.sub, password)
      expect((await ent.refresh(tokens)).access_token).toBeDefined()
    })

    it('waits once the password has expired', async () => {
      await school.policies({
        staff: { passwords: { force_change_at_expiration: true, max_lifetime_days: 90 } },
      })
      const who = await school.person({ userType: 'staff', protection: 'none' })
      const tokens = await signIn(ent, school.browser(), who.identifier)
      const { accounts } = school.gateway.core.deps.store
      const { password } = await school.account(who.identifier)
      if (password === null) throw new Error('no password')
      await accounts.setPassword(who.sub, { ...password, setAt: Date.now() - 90 * DAY_MS })
      await expect(ent.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
    })

    it('and access tokens are worth nothing once the application is not for the person’s type', async () => {
      const staffroom = await school.application('staffroom')
      const who = await somebody()
      const tokens = await signIn(staffroom, school.browser(), who.identifier)
      expect((await staffroom.userinfo(tokens)).sub).toBe(who.sub)
      const { accounts } = school.gateway.core.deps.store
      await accounts.update(who.sub, { ...who, userType: 'guardian' }, Date.now())
      await expect(staffroom.userinfo(tokens)).rejects.toMatchObject({ status: 401 })
      await expect(staffroom.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
      const elsewhere = await signIn(ent, school.browser(), who.identifier)
      expect((await ent.userinfo(elsewhere)).sub).toBe(who.sub)
    })

    it('keeps what was proved, and when', async () => {
      const tokens = await signIn(ent, school.browser(), (await somebody()).identifier)
      school.later(10 * MINUTE_MS)
      const refreshed = (await ent.refresh(tokens)).claims()
      expect(refreshed).toMatchObject({
        acr: tokens.claims['acr'],
        auth_time: tokens.claims.auth_time,
      })
    })

    it('keeps an idle session alive: nobody is thrown out in the middle of a lesson', async () => {
      const browser = school.browser()
      let tokens = await signIn(ent, browser, (await somebody()).identifier)
      for (let lesson = 0; lesson < 4; lesson += 1) {
        school.later(HOUR_MS)
        tokens = { ...tokens, response: await ent.refresh(tokens) }
      }
      expect(await silently(ent, browser)).toBeNull()
    })
  })

  describe('introspection and revocation', () => {
    it('tells who, for whom and until when; nothing once it is revoked', async () => {
      const who = await somebody()
      const { response } = await signIn(ent, school.browser(), who.identifier)
      expect(await introspect(response.access_token)).toMatchObject({
        active: true,
        sub: who.sub,
        client_id: 'ent',
        iss: school.issuer,
        scope: 'openid profile email school',
      })
      await client.tokenRevocation(ent.config, response.access_token)
      expect(await introspect(response.access_token)).toEqual({ active: false })
      expect(await userinfoStatus(response.access_token)).toBe(401)
    })

    it('takes the whole family with the refresh token', async () => {
      const { response } = await signIn(ent, school.browser(), (await somebody()).identifier)
      await client.tokenRevocation(ent.config, response.refresh_token ?? '')
      expect(await refreshStatus(response.refresh_token)).toBe(400)
      expect(await introspect(response.access_token)).toEqual({ active: false })
    })

    it('lets no application revoke what is not its own', async () => {
      const { response } = await signIn(ent, school.browser(), (await somebody()).identifier)
      await post('/token/revocation', { token: response.access_token }, basic('other'))
      expect(await userinfoStatus(response.access_token)).toBe(200)
    })

    it('answers nobody who is no application', async () => {
      const { response } = await signIn(ent, school.browser(), (await somebody()).identifier)
      const asked = await post('/token/introspection', { token: response.access_token })
      expect(asked.status).toBe(400)
      const wrong = { authorization: `Basic ${btoa('ent:wrong-secret-of-some-length')}` }
      const guessed = await post('/token/introspection', { token: 'x' }, wrong)
      expect(guessed.status).toBe(401)
    })
  })

  describe('DPoP', () => {
    it('binds tokens to a key: a stolen copy is worth nothing', async () => {
      const bound = await school.application('bound')
      const browser = school.browser()
      const handle = client.getDPoPHandle(
        bound.config,
        await client.randomDPoPKeyPair('ES256', { extractable: true }),
      )
      const verifier = client.randomPKCECodeVerifier()
      const url = client.buildAuthorizationUrl(bound.config, {
        redirect_uri: CALLBACK,
        scope: 'openid profile',
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      await browser.open(url)
      await answer(browser, (await somebody()).identifier)
      const tokens = await client.authorizationCodeGrant(
        bound.config,
        browser.view.url,
        { pkceCodeVerifier: verifier },
        undefined,
        { DPoP: handle },
      )
      expect(tokens.token_type).toBe('dpop')
      const info = await client.fetchUserInfo(
        bound.config,
        tokens.access_token,
        tokens.claims()?.sub ?? '',
        { DPoP: handle },
      )
      expect(info.sub).toBe(tokens.claims()?.sub)
      expect(await userinfoStatus(tokens.access_token)).toBe(401)
      expect(await introspect(tokens.access_token, 'bound')).toMatchObject({
        active: true,
        token_type: 'DPoP',
        cnf: { jkt: expect.any(String) },
      })
    })

    it('is owed by an application that is registered so', async () => {
      const bound = await school.application('bound')
      const browser = school.browser()
      await bound.start(browser)
      await answer(browser, (await somebody()).identifier)
      await expect(bound.finish(browser)).rejects.toMatchObject({ error: 'invalid_grant' })
    })
  })

  describe('private_key_jwt', () => {
    const assertion = (jti: string): Promise<string> =>
      new SignJWT({ jti })
        .setProtectedHeader({ alg: 'ES256', kid: 'bank-1' })
        .setIssuer('bank')
        .setSubject('bank')
        .setAudience(school.issuer)
        .setIssuedAt(Math.floor(Date.now() / 1000))
        .setExpirationTime(Math.floor(Date.now() / 1000) + 60)
        .sign(keys.privateKey)

    const push = async (jwt: string): Promise<number> =>
      (
        await post('/request', {
          client_id: 'bank',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: jwt,
          response_type: 'code',
          scope: 'openid',
          redirect_uri: CALLBACK,
          code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
          code_challenge_method: 'S256',
        })
      ).status

    it('is good once: of eight copies in parallel one is accepted, later ones never', async () => {
      const jwt = await assertion(randomUUID())
      const statuses = await Promise.all(Array.from({ length: 8 }, () => push(jwt)))
      expect(statuses.filter((status) => status === 201)).toHaveLength(1)
      expect(statuses.filter((status) => status === 401)).toHaveLength(7)
      expect(await push(jwt)).toBe(401)
      expect(await push(await assertion(randomUUID()))).toBe(201)
    })
  })

  describe('of somebody who is disabled while signed in', () => {
    const signedIn = async () => {
      const who = await somebody()
      const browser: Browser = school.browser()
      const { response } = await signIn(ent, browser, who.identifier)
      return { who, browser, response }
    }

    const allRefuse = async ({ browser, response }: Awaited<ReturnType<typeof signedIn>>) => {
      expect(await introspect(response.access_token)).toEqual({ active: false })
      expect(await introspect(response.refresh_token ?? '')).toEqual({ active: false })
      expect(await userinfoStatus(response.access_token)).toBe(401)
      expect(await refreshStatus(response.refresh_token)).toBe(400)
      expect(await silently(ent, browser)).toBe('login_required')
      await ent.start(browser)
      expect(browser.view).toMatchObject({ step: 'login', status: 200 })
      await browser.open('/')
      expect(browser.view).toMatchObject({ step: 'login', status: 200 })
    }

    it('authorize, token, userinfo and introspection refuse', async () => {
      const held = await signedIn()
      const { deps, endEverything } = school.gateway.core
      await disable(deps, endEverything, held.who.sub, 'test')
      await allRefuse(held)
    })

    it('they refuse even while the expiring store still holds all of it', async () => {
      const held = await signedIn()
      await school.gateway.core.deps.store.accounts.setDisabled(held.who.sub, Date.now())
      await allRefuse(held)
      await held.browser.open('/session/end')
      expect(held.browser.view.status).toBe(200)
    })

    it('a code that is on its way gives nothing', async () => {
      const { who, fields } = await withCode()
      await school.gateway.core.deps.store.accounts.setDisabled(who.sub, Date.now())
      expect((await post('/token', fields, basic('ent'))).status).toBe(400)
    })

    it('what was proved and issued before stays void once the account is enabled again', async () => {
      const held = await signedIn()
      const { accounts } = school.gateway.core.deps.store
      school.later(1)
      await accounts.voidBefore(held.who.sub, Date.now())
      await allRefuse(held)
      await answer(held.browser, held.who.identifier)
      expect(await silently(ent, held.browser)).toBeNull()
    })

    it('a token of the very second of the voiding is void too', async () => {
      school.later(1000 - (Date.now() % 1000))
      const held = await signedIn()
      await school.gateway.core.deps.store.accounts.voidBefore(held.who.sub, Date.now())
      expect(await userinfoStatus(held.response.access_token)).toBe(401)
    })
  })
})
