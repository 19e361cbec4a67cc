import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { type HTMLElement, parse } from 'node-html-parser'
import { createTransport } from 'nodemailer'
import { type Configuration, Provider } from 'oidc-provider'
import { CookieJar } from 'tough-cookie'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { prepareDemo } from '../demo/demo_settings.ts'
import { freePort } from '../demo/free_port.ts'
import { meets } from '../demo/relying_party.ts'
import { sampleKeys } from '../demo/sample_keys.ts'
import { samplePeople } from '../demo/sample_people.ts'
import { startWorkspace } from '../demo/workspace.ts'
import { listen } from '../demo/workspace_http.ts'
import { judgePassword, rulesOf } from '../policies/password_rules.ts'
import { loadStrength } from '../policies/password_strength.ts'
import { policySchema } from '../policies/policy.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import { loadSettings } from '../provider/settings.ts'

const ACR_PIN = 'urn:vestibule:acr:pin'
const ACR_OTP = 'urn:vestibule:acr:otp'
const CLIENT_ID = 'demo-workspace'
const CLIENT_SECRET = 'a-secret-for-tests-only'
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** A workspace with the seed of RFC 6238 Appendix B on two keys. */
const SEED = Buffer.from('12345678901234567890').toString('hex')
const PLAYED = { seed: SEED, digits: 8, periodSeconds: 30 }
const PLAYER = {
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  keys: [
    { ...PLAYED, serial: 'RFC-1', identifier: 'helene', holder: 'Hélène Lefèvre', pin: '4826' },
    { ...PLAYED, serial: 'RFC-2', identifier: 'theo', holder: 'Théo Nguyễn', pin: null },
  ],
}

/** A plain OpenID provider that signs everybody in as `person`, as `says` tells it. */
interface Gateway {
  issuer: string
  key: CryptoKey
  server: Server
  /** Query parameters of each authorization request. */
  asked: URLSearchParams[]
  /** Grant types of each token request. */
  tokenRequests: string[]
  says: { person: string; acr: string; refusal: string | undefined }
}

let gateway: Gateway
let workspace: { url: string; close(): Promise<void> }

beforeAll(async () => {
  const port = await freePort(0)
  gateway = await startGateway(`http://127.0.0.1:${port}`)
  workspace = await startWorkspace({
    issuer: gateway.issuer,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    host: '127.0.0.1',
    port,
  })
})

afterAll(async () => {
  await workspace.close()
  gateway.server.closeAllConnections()
  gateway.server.close()
})

beforeEach(() => {
  gateway.asked.length = 0
  gateway.tokenRequests.length = 0
  gateway.says = { person: 'helene', acr: 'urn:vestibule:acr:password', refusal: undefined }
})

describe('Signing in to the demonstration workspace', () => {
  it('shows a teacher the claims that the gateway sent', async () => {
    const page = await signedInBrowser().then((browser) => browser.get('/'))
    expect(pageName(page)).toBe('signed_in')
    expect(page.querySelector('h1')?.text).toBe('Hello, Hélène Lefèvre')
    expect(claim(page, 'sub')).toBe('helene')
    expect(claim(page, 'acr')).toBe('urn:vestibule:acr:password')
    expect(claim(page, 'amr')).toBe('["pwd"]')
    expect(claim(page, 'user_type')).toBe('teacher')
    expect(claim(page, 'classes')).toBe('["3A","6B"]')
    expect(claim(page, 'auth_time')).toMatch(/^\d+$/)
  })

  it('asks for a code with PKCE, state, nonce and refresh tokens', async () => {
    await signedInBrowser()
    const [asked] = gateway.asked
    expect(asked?.get('response_type')).toBe('code')
    expect(asked?.get('code_challenge_method')).toBe('S256')
    expect(asked?.get('state')).toMatch(/.{20}/)
    expect(asked?.get('nonce')).toMatch(/.{20}/)
    expect(asked?.get('scope')).toBe('openid profile school offline_access')
  })

  it('gives the browser a new session id when somebody signs in', async () => {
    const browser = new Browser()
    await browser.hop('/sign-in', { intent: 'sign_in' })
    const before = browser.cookie('workspace_session')
    await signIn(browser)
    expect(before).toMatch(/^.{40,}$/)
    expect(browser.cookie('workspace_session')).not.toBe(before)
  })

  it('speaks French to a French browser and tells the gateway', async () => {
    const browser = new Browser('fr-FR,fr;q=0.9,en;q=0.8')
    const page = await browser.get('/')
    expect(page.querySelector('html')?.getAttribute('lang')).toBe('fr')
    expect(page.querySelector('button')?.text).toBe('Se connecter')
    await signIn(browser)
    expect(gateway.asked[0]?.get('ui_locales')).toBe('fr')
  })

  it('keeps the language that was chosen by a link', async () => {
    const browser = new Browser('en')
    await browser.get('/?lang=fr')
    const page = await browser.get('/')
    expect(page.querySelector('h1')?.text).toBe('Bienvenue')
  })

  it('starts from a tile of the gateway’s portal, but not of another gateway’s', async () => {
    const browser = new Browser()
    const page = await browser.get(`/sign-in?iss=${encodeURIComponent(gateway.issuer)}`)
    expect(pageName(page)).toBe('signed_in')
    const refused = await new Browser().get('/sign-in?iss=https://elsewhere.example')
    expect(errorOf(refused)).toBe('other_issuer')
  })
})

describe('Asking for more than a password', () => {
  it('asks for the PIN voluntarily to open the grade book, and opens it when it was proved', async () => {
    const browser = await signedInBrowser()
    gateway.says.acr = ACR_PIN
    // The raw provider never prompts for acr_values by itself, so a fresh session proves it here.
    await browser.forget(gateway.issuer)
    const page = await browser.post('/sign-in', { intent: 'grade_book' })
    expect(gateway.asked.at(-1)?.get('acr_values')).toBe(ACR_PIN)
    expect(claim(page, 'acr')).toBe(ACR_PIN)
    expect(notice(page)).toBe('grade_book_open')
  })

  it('keeps the grade book closed when the PIN was not proved', async () => {
    const browser = await signedInBrowser()
    const page = await browser.post('/sign-in', { intent: 'grade_book' })
    expect(pageName(page)).toBe('signed_in')
    expect(notice(page)).toBe('grade_book_closed')
  })

  it('insists on the PIN for the confidential file', async () => {
    const browser = await signedInBrowser()
    gateway.says.acr = ACR_PIN
    const page = await browser.post('/sign-in', { intent: 'confidential' })
    const claims = JSON.parse(gateway.asked.at(-1)?.get('claims') ?? '{}')
    expect(claims).toEqual({ id_token: { acr: { essential: true, value: ACR_PIN } } })
    expect(notice(page)).toBe('confidential_open')
  })

  it('insists on the OTP key for the exam papers', async () => {
    const browser = await signedInBrowser()
    gateway.says.acr = ACR_OTP
    const page = await browser.post('/sign-in', { intent: 'exam_papers' })
    const claims = JSON.parse(gateway.asked.at(-1)?.get('claims') ?? '{}')
    expect(claims).toEqual({ id_token: { acr: { essential: true, value: ACR_OTP } } })
    expect(notice(page)).toBe('exam_papers_open')
  })

  it.each([
    ['confidential', 'urn:vestibule:acr:password', false],
    ['confidential', ACR_PIN, true],
    ['confidential', ACR_OTP, true],
    ['exam_papers', ACR_PIN, false],
    ['exam_papers', ACR_OTP, true],
    ['exam_papers', 'https://refeds.org/profile/mfa', true],
    ['grade_book', 'urn:vestibule:acr:password', true],
  ] as const)('takes an answer to %s with %s: %s', (intent, acr, taken) => {
    const proved = { sub: 'helene', sid: undefined, idToken: '', refreshToken: undefined }
    expect(meets(intent, { ...proved, idTokenClaims: { acr }, userinfo: {} })).toBe(taken)
  })

  it('asks for the password again on request', async () => {
    const browser = await signedInBrowser()
    await browser.post('/sign-in', { intent: 'again' })
    expect(gateway.asked.at(-1)?.get('prompt')).toBe('login')
  })
})

describe('Refreshing', () => {
  it('reads the person’s data again and rotates the refresh token', async () => {
    const browser = await signedInBrowser()
    expect(notice(await browser.post('/refresh', {}))).toBe('refreshed')
    const page = await browser.post('/refresh', {})
    expect(notice(page)).toBe('refreshed')
    expect(claim(page, 'sub')).toBe('helene')
    expect(gateway.tokenRequests).toEqual(['authorization_code', 'refresh_token', 'refresh_token'])
  })

  it('uses one refresh token once when the button is clicked many times at once', async () => {
    const browser = await signedInBrowser()
    const clicks = Array.from({ length: 8 }, () => browser.hop('/refresh', {}))
    const answers = await Promise.all(clicks)
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(303))
    expect(pageName(await browser.post('/refresh', {}))).toBe('signed_in')
  })
})

describe('Signing out', () => {
  it('signs out here and at the gateway, and comes back', async () => {
    const browser = await signedInBrowser()
    const signedIn = browser.cookie('workspace_session')
    const confirmation = await browser.post('/sign-out', {})
    // Already before the gateway's own page is answered.
    const thief = new Browser()
    await thief.plant(`workspace_session=${signedIn}`)
    expect(pageName(await thief.get('/'))).toBe('home')
    const page = await browser.submit(confirmation.querySelector('form'), { logout: 'yes' })
    expect(browser.visited.at(-1)).toMatch(`${workspace.url}/signed-out`)
    expect(notice(page)).toBe('signed_out')
    await signIn(browser)
    expect(gateway.asked).toHaveLength(2)
  })

  it('ends the session when somebody signs out at the gateway only', async () => {
    const browser = await signedInBrowser()
    const other = await signedInBrowser()
    const confirmation = await browser.get(`${gateway.issuer}/session/end`)
    await browser.submit(confirmation.querySelector('form'), { logout: 'yes' })
    const page = await browser.get('/')
    expect(pageName(page)).toBe('home')
    expect(notice(page)).toBe('ended')
    expect(pageName(await other.get('/'))).toBe('signed_in')
  })

  it('ends every session of a person when the logout token names the person alone', async () => {
    const browsers = [await signedInBrowser(), await signedInBrowser()]
    gateway.says.person = 'theo'
    const classmate = await signedInBrowser()
    expect((await sendLogout({ sub: 'helene' })).status).toBe(200)
    const pages = await Promise.all([...browsers, classmate].map((browser) => browser.get('/')))
    expect(pages.map(pageName)).toEqual(['home', 'home', 'signed_in'])
  })

  it.each([
    ['carries a nonce', { nonce: 'n' }, {}],
    ['is meant for another application', { aud: 'another' }, {}],
    ['comes from another issuer', { iss: 'https://elsewhere.example' }, {}],
    ['is no logout event', { events: {} }, {}],
    ['is old', { iat: 1_000_000_000 }, {}],
    ['is an ID token', {}, { typ: 'JWT' }],
    ['is signed by a stranger', {}, { stranger: true }],
    ['names nobody', { sub: undefined }, {}],
  ])('refuses a logout token that %s', async (_why, claims, how) => {
    const browser = await signedInBrowser()
    const response = await sendLogout({ sub: 'helene', ...claims }, how)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    expect(pageName(await browser.get('/'))).toBe('signed_in')
  })

  it('accepts a logout token once', async () => {
    const token = await logoutToken({ sub: 'helene' })
    expect((await postLogout(token)).status).toBe(200)
    expect((await postLogout(token)).status).toBe(400)
  })
})

describe('When something goes wrong', () => {
  it('says on a readable page that the gateway refused, and escapes what it said', async () => {
    gateway.says.refusal = 'Not <b>today</b> & not "here"'
    const browser = new Browser()
    const page = await browser.post('/sign-in', { intent: 'sign_in' })
    expect(pageName(page)).toBe('error')
    expect(browser.status).toBe(400)
    expect(errorOf(page)).toBe('access_denied')
    expect(page.querySelector('[data-error="error_description"] b')).toBeNull()
    expect(page.querySelector('[data-error="error_description"]')?.text).toContain('<b>today</b>')
    expect(page.toString()).not.toContain('at async')
  })

  it('keeps somebody signed in whose step-up was refused', async () => {
    const browser = await signedInBrowser()
    gateway.says.refusal = 'no PIN'
    const refused = await browser.post('/sign-in', { intent: 'confidential' })
    expect(errorOf(refused)).toBe('access_denied')
    expect(pageName(await browser.get('/'))).toBe('signed_in')
  })

  it('refuses an answer whose state is not this browser’s', async () => {
    const victim = new Browser()
    await victim.hop('/sign-in', { intent: 'sign_in' })
    const attacker = new Browser()
    const stolen = await attacker.stopAt('/callback', '/sign-in', { intent: 'sign_in' })
    const page = await victim.get(stolen)
    expect(errorOf(page)).toBe('unknown_state')
    expect(pageName(await victim.get('/'))).toBe('home')
    expect(gateway.tokenRequests).toEqual([])
  })

  it('refuses the same answer a second time', async () => {
    const browser = new Browser()
    const callback = await browser.stopAt('/callback', '/sign-in', { intent: 'sign_in' })
    expect(pageName(await browser.get(callback))).toBe('signed_in')
    expect(errorOf(await browser.get(callback))).toBe('unknown_state')
  })

  it.each([
    ['names another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['names no issuer', (url: URL) => url.searchParams.delete('iss')],
  ])('refuses an answer that %s', async (_what, change) => {
    const browser = new Browser()
    const callback = await browser.stopAt('/callback', '/sign-in', { intent: 'sign_in' })
    const url = new URL(callback)
    change(url)
    const page = await browser.get(url.href)
    expect(pageName(page)).toBe('error')
    expect(gateway.tokenRequests).toEqual([])
  })

  it('refuses a form from another site', async () => {
    const browser = await signedInBrowser()
    const response = await browser.hop('/sign-out', {}, { origin: 'https://evil.example' })
    expect(response.status).toBe(403)
    expect(pageName(await browser.get('/'))).toBe('signed_in')
  })

  it('answers unknown addresses and oversized forms with a page', async () => {
    const browser = new Browser()
    expect(errorOf(await browser.get('/nowhere'))).toBe('not_found')
    const large = await browser.hop('/sign-in', { intent: 'x'.repeat(20_000) })
    expect(large.status).toBe(413)
  })

  it('allows no inline script or style and no framing', async () => {
    const response = await fetch(workspace.url)
    const policy = response.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    const page = parse(await response.text())
    expect(page.querySelectorAll('script, style, [style], [onclick]')).toEqual([])
  })
})

describe('The OTP keys that the workspace plays', () => {
  let nowMs = 0
  let playing: { url: string; close(): Promise<void> }

  beforeAll(async () => {
    const options = { ...PLAYER, issuer: gateway.issuer, host: '127.0.0.1', port: 0 }
    playing = await startWorkspace(options, () => nowMs)
  })
  afterAll(() => playing.close())

  const page = async (path: string, language = 'en'): Promise<HTMLElement> => {
    const headers = { 'accept-language': language }
    return parse(await (await fetch(`${playing.url}${path}`, { headers })).text())
  }
  const shown = (keys: HTMLElement, what: string): string | undefined =>
    keys.querySelector('[data-key="RFC-1"]')?.querySelector(`[data-${what}]`)?.text

  it.each([
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [20_000_000_000, '65353130'],
  ])('shows the code of RFC 6238 at second %i', async (second, code) => {
    nowMs = second * 1000
    const keys = await page('/keys')
    expect(shown(keys, 'code')).toBe(code)
    expect(shown(keys, 'spoken')).toBe([...code].join(' '))
    const windows = await (await fetch(`${playing.url}/keys.json`)).json()
    expect(windows).toMatchObject({ 'RFC-1': { code, periodMs: 30_000 } })
  })

  it.each([
    [0, '30', 6],
    [4999, '26', 6],
    [5000, '25', 5],
    [29_999, '1', 1],
  ])('lets the gauge fall with the time left, at %i ms', async (intoMs, seconds, bars) => {
    nowMs = 1_200_000_000 + intoMs
    const keys = await page('/keys')
    expect(shown(keys, 'left')).toBe(`Next code in ${seconds} s`)
    expect(keys.querySelectorAll('[data-key="RFC-1"] .on')).toHaveLength(bars)
  })

  it('loads itself again at the next code where no script runs', async () => {
    nowMs = 1_200_000_000 + 22_500
    const withoutScript = (await page('/keys')).querySelector('head noscript')?.innerHTML
    expect(withoutScript).toBe('<meta http-equiv="refresh" content="8">')
  })

  it('leads there from the start page, beside whose key it is and three steps for each', async () => {
    const home = await page('/')
    expect(home.querySelector('a[href="/keys"]')).not.toBeNull()
    const [used, unused] = home.querySelectorAll('[data-try]')
    expect(used?.text).toContain('Hélène Lefèvre')
    expect(used?.text).toContain('4826')
    expect(used?.querySelectorAll('li')).toHaveLength(3)
    expect(unused?.text).toContain('never used')
    expect(unused?.querySelectorAll('li')).toHaveLength(3)
  })

  it('speaks French, there too, and its languages lead back to the keys', async () => {
    const keys = await page('/keys', 'fr')
    expect(keys.querySelector('h1')?.text).toBe('Les clés OTP')
    expect(keys.querySelector('footer a')?.getAttribute('href')).toBe('/keys?lang=en')
  })

  it('runs scripts of its own address only, and on no other page', async () => {
    const policyOf = async (path: string) =>
      (await fetch(`${playing.url}${path}`)).headers.get('content-security-policy')
    expect(await policyOf('/keys')).toContain("script-src 'self'")
    expect(await policyOf('/')).not.toContain('script-src')
    expect((await page('/keys')).querySelectorAll('script:not([src]), [style]')).toEqual([])
  })

  it('has no such page where there are no keys', async () => {
    expect((await fetch(`${workspace.url}/keys`)).status).toBe(404)
    expect(parse(await (await fetch(workspace.url)).text()).querySelector('[data-try]')).toBeNull()
  })
})

describe('What the demonstration starts with', () => {
  const data = mkdtempSync(join(tmpdir(), 'vestibule-demo-'))
  afterAll(() => rmSync(data, { recursive: true }))

  it('has settings that the gateway accepts, and secrets that stay the same', async () => {
    const env = { VESTIBULE_DATA: data }
    const { config, secrets } = await prepareDemo(env)
    const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config, ...secrets }, cwd: data })
    expect(loaded.ok ? [] : loaded.problems).toEqual([])
    expect((await prepareDemo(env)).secrets).toEqual(secrets)
    expect(statSync(join(data, 'demo_secrets.json')).mode & 0o777).toBe(0o600)
  })

  it('keeps its public passwords on this machine', async () => {
    const env = { VESTIBULE_DATA: data, VESTIBULE_LISTEN: '0.0.0.0:3000' }
    await expect(prepareDemo(env)).rejects.toThrow('this machine only')
  })

  it('has somebody of every user type', () => {
    const types = new Set(samplePeople().map(({ user_type }) => user_type))
    expect([...types].sort()).toEqual([...USER_TYPES].sort())
  })

  it('gives a key in service and one never used to staff who are there', () => {
    const holders = sampleKeys().map(({ identifier }) =>
      samplePeople().find((person) => person.identifier === identifier),
    )
    expect(holders.map((person) => person?.user_type)).toEqual(['staff', 'staff'])
    expect(sampleKeys().map(({ pin }) => pin !== null)).toEqual([true, false])
  })

  const withPassword = samplePeople().filter(({ password }) => password !== '')
  it.each(withPassword)('gives $name a password that the rules allow', async (person) => {
    const [givenName = '', ...rest] = person.name.split(' ')
    const about = { identifier: person.identifier, givenName, familyName: rest.join(' ') }
    const rules = rulesOf(policySchema.parse({}))
    const judgement = judgePassword(person.password, rules, about, await loadStrength())
    expect(judgement).toEqual({ ok: true })
  })
})

// --- reading pages ---------------------------------------------------------------------------

function pageName(page: HTMLElement): string | undefined {
  return page.querySelector('main')?.getAttribute('data-page')
}

function claim(page: HTMLElement, name: string): string | undefined {
  return page.querySelector(`[data-claim="${name}"]`)?.text
}

function notice(page: HTMLElement): string | undefined {
  return page.querySelector('[data-notice]')?.getAttribute('data-notice')
}

function errorOf(page: HTMLElement): string | undefined {
  return page.querySelector('[data-error="error"]')?.text
}

// --- a browser -------------------------------------------------------------------------------

/** Cookies, redirects and forms, as a browser without scripts has them. */
class Browser {
  readonly #language: string
  #jar = new CookieJar()
  readonly visited: string[] = []
  status = 0

  constructor(language = 'en') {
    this.#language = language
  }

  cookie(name: string): string | undefined {
    const cookies = this.#jar.getCookiesSync(workspace.url)
    return cookies.find(({ key }) => key === name)?.value
  }

  async plant(cookie: string): Promise<void> {
    await this.#jar.setCookie(cookie, workspace.url)
  }

  /** Loses the gateway's cookies; hosts share one jar, so only by name. */
  async forget(issuer: string): Promise<void> {
    const kept = this.cookie('workspace_session')
    this.#jar = new CookieJar()
    if (kept) await this.plant(`workspace_session=${kept}`)
    expect(await this.#jar.getCookieString(issuer)).not.toContain('_session.')
  }

  /** One request, redirects not followed. */
  async hop(
    address: string,
    form?: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const url = new URL(address, workspace.url).href
    this.visited.push(url)
    const response = await fetch(url, {
      redirect: 'manual',
      headers: {
        'accept-language': this.#language,
        cookie: await this.#jar.getCookieString(url),
        ...headers,
      },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    })
    for (const cookie of response.headers.getSetCookie()) await this.#jar.setCookie(cookie, url)
    this.status = response.status
    return response
  }

  get(address: string): Promise<HTMLElement> {
    return this.#follow(address)
  }

  post(address: string, form: Readonly<Record<string, string>>): Promise<HTMLElement> {
    return this.#follow(address, form)
  }

  /** Submits a form of a page with its hidden fields and `more`. */
  submit(
    form: HTMLElement | null,
    more: Readonly<Record<string, string>> = {},
  ): Promise<HTMLElement> {
    const hidden = (form?.querySelectorAll('input[type="hidden"]') ?? []).map((input) => [
      input.getAttribute('name') ?? '',
      input.getAttribute('value') ?? '',
    ])
    return this.#follow(form?.getAttribute('action') ?? '', {
      ...Object.fromEntries(hidden),
      ...more,
    })
  }

  /** Follows redirects until one leads to `path`, and returns that address unvisited. */
  async stopAt(
    path: string,
    address: string,
    form: Readonly<Record<string, string>>,
  ): Promise<string> {
    let response = await this.hop(address, form)
    for (let hops = 0; hops < 15; hops += 1) {
      const next = new URL(response.headers.get('location') ?? '', this.visited.at(-1))
      if (next.pathname === path) return next.href
      response = await this.hop(next.href)
    }
    throw new Error(`never led to ${path}: ${this.visited.join(' ')}`)
  }

  async #follow(address: string, form?: Readonly<Record<string, string>>): Promise<HTMLElement> {
    let response = await this.hop(address, form)
    for (let hops = 0; hops < 15; hops += 1) {
      const location = response.headers.get('location')
      if (location === null) return parse(await response.text())
      response = await this.hop(new URL(location, this.visited.at(-1)).href)
    }
    throw new Error(`redirected without end: ${this.visited.join(' ')}`)
  }
}

async function signIn(browser: Browser): Promise<HTMLElement> {
  const home = await browser.get('/')
  const button = home.querySelector('main button')
  return browser.submit(home.querySelector('main form'), {
    [button?.getAttribute('name') ?? '']: button?.getAttribute('value') ?? '',
  })
}

async function signedInBrowser(): Promise<Browser> {
  const browser = new Browser()
  expect(pageName(await signIn(browser))).toBe('signed_in')
  return browser
}

// --- logout tokens ---------------------------------------------------------------------------

interface HowSigned {
  readonly typ?: string
  readonly stranger?: boolean
}

async function logoutToken(claims: Record<string, unknown>, how: HowSigned = {}) {
  const key = how.stranger ? (await generateKeyPair('ES256')).privateKey : gateway.key
  const nowS = Math.floor(Date.now() / 1000)
  return new SignJWT({
    iss: gateway.issuer,
    aud: CLIENT_ID,
    iat: nowS,
    exp: nowS + 120,
    jti: crypto.randomUUID(),
    events: { [LOGOUT_EVENT]: {} },
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'test', typ: how.typ ?? 'logout+jwt' })
    .sign(key)
}

function postLogout(token: string): Promise<Response> {
  return fetch(`${workspace.url}/backchannel-logout`, {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }),
  })
}

async function sendLogout(claims: Record<string, unknown>, how?: HowSigned): Promise<Response> {
  return postLogout(await logoutToken(claims, how))
}

// --- the provider ----------------------------------------------------------------------------

const PEOPLE: Readonly<Record<string, Record<string, unknown>>> = {
  helene: { name: 'Hélène Lefèvre', user_type: 'teacher', classes: ['3A', '6B'] },
  theo: { name: 'Théo Nguyễn', user_type: 'student', classes: ['3A'] },
}

async function startGateway(workspaceUrl: string): Promise<Gateway> {
  const issuer = `http://127.0.0.1:${await freePort(0)}`
  const keys = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(keys.privateKey)), kid: 'test', use: 'sig', alg: 'ES256' }
  const provider = new Provider(issuer, providerConfiguration(jwk, workspaceUrl))
  const started: Gateway = {
    issuer,
    key: keys.privateKey,
    server: createServer(),
    asked: [],
    tokenRequests: [],
    says: { person: 'helene', acr: '', refusal: undefined },
  }
  provider.on('grant.success', (ctx) => {
    started.tokenRequests.push(String(ctx.oidc.params?.['grant_type']))
  })
  const protocol = provider.callback()
  started.server.on('request', (request, response) => {
    const url = new URL(request.url ?? '', issuer)
    if (url.pathname === '/auth') started.asked.push(url.searchParams)
    if (url.pathname.startsWith('/interaction/')) {
      void interact(provider, started, request, response)
    } else {
      void protocol(request, response)
    }
  })
  await listen(started.server, '127.0.0.1', Number(new URL(issuer).port))
  return started
}

function providerConfiguration(jwk: JWK, workspaceUrl: string): Configuration {
  const ttlS = 600
  return {
    jwks: { keys: [jwk] },
    cookies: { keys: ['a-cookie-key-for-tests'] },
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [`${workspaceUrl}/callback`],
        post_logout_redirect_uris: [`${workspaceUrl}/signed-out`],
        backchannel_logout_uri: `${workspaceUrl}/backchannel-logout`,
        backchannel_logout_session_required: true,
        grant_types: ['authorization_code', 'refresh_token'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      profile: ['name'],
      school: ['user_type', 'classes'],
    },
    acrValues: ['urn:vestibule:acr:password', ACR_PIN, ACR_OTP],
    features: {
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    ttl: {
      AccessToken: ttlS,
      AuthorizationCode: ttlS,
      Grant: ttlS,
      IdToken: ttlS,
      Interaction: ttlS,
      RefreshToken: ttlS,
      Session: ttlS,
    },
    pkce: { required: () => true },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    // The library's own dispatcher refuses loopback addresses; here everything is on this machine.
    fetch: (url, init) => {
      const options: RequestInit & { dispatcher?: unknown } = { ...init }
      delete options.dispatcher
      return fetch(url, options)
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, ...PEOPLE[sub] }),
    }),
  }
}

/** No page: the person proves at once what the test says. */
async function interact(
  provider: Provider,
  { says }: Gateway,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, session, params } = await provider.interactionDetails(request, response)
  if (says.refusal !== undefined) {
    const refusal = { error: 'access_denied', error_description: says.refusal }
    await provider.interactionFinished(request, response, refusal)
    return
  }
  if (prompt.name === 'login') {
    const amr = says.acr === ACR_PIN ? ['pwd', 'pin'] : ['pwd']
    const login = { accountId: says.person, acr: says.acr, amr, remember: false }
    await provider.interactionFinished(request, response, { login })
    return
  }
  const accountId = session?.accountId ?? says.person
  const grant = new provider.Grant({ accountId, clientId: String(params['client_id']) })
  grant.addOIDCScope(String(params['scope']))
  grant.addOIDCClaims(['acr', 'amr', 'auth_time'])
  const consent = { grantId: await grant.save() }
  await provider.interactionFinished(request, response, { consent })
}

describe('the mailbox of the demonstration', () => {
  it('shows every mail that was sent to it, as its reader would see it', async () => {
    const port = await freePort(0)
    const mailPort = await freePort(0)
    const mailed = await startWorkspace({
      issuer: gateway.issuer,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      host: '127.0.0.1',
      port,
      mailPort,
    })
    try {
      expect(await (await fetch(`${mailed.url}/mailbox`)).text()).toContain('No mail so far')
      const transport = createTransport({ host: '127.0.0.1', port: mailPort, ignoreTLS: true })
      await transport.sendMail({
        from: 'ecole@example.org',
        to: 'helene@example.org',
        subject: 'Code à six chiffres <b>',
        text: 'Voici : 123456\nhttp://127.0.0.1:9/account',
        html: '<p>Voici</p>',
      })
      const page = parse(await (await fetch(`${mailed.url}/mailbox?lang=fr`)).text())
      expect(page.querySelector('h1')?.text).toBe('La boîte aux lettres')
      expect(page.querySelector('.mail h2')?.text).toBe('Code à six chiffres <b>')
      // The parser leaves the inside of <pre> as it is written.
      const written = page.querySelector('.mail pre')?.innerHTML
      expect(written).toContain('Voici : 123456')
      expect(written).toContain('<a href="http://127.0.0.1:9/account">')
      expect(page.querySelector('.mail')?.text).toContain('helene@example.org')
    } finally {
      await mailed.close()
    }
  })

  it('is there only where a port is given for it', async () => {
    expect((await fetch(`${workspace.url}/mailbox`)).status).toBe(404)
  })
})
