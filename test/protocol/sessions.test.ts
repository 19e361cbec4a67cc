import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { HOUR_MS, MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { ACR_PIN, answer, application, ENT, signIn, silently } from './steps.ts'

const SESSION = 'vestibule_session'

describe('a session', () => {
  let school: School
  let ent: RelyingParty
  beforeAll(async () => {
    school = await startSchool({ applications: [ENT, application('notes')] })
    ent = await school.application()
    await school.policies({
      teacher: { sessions: { shared_networks: ['192.0.2.0/24'] } },
      staff: { sessions: { absolute_hours: 1, idle_minutes: 60 } },
    })
  })
  afterAll(() => school.stop())

  const signedIn = async (
    wishes: Parameters<School['person']>[0] = {},
    address?: string,
  ): Promise<{ browser: Browser; identifier: string }> => {
    const { identifier } = await school.person({ protection: 'none', ...wishes })
    const browser = school.browser(address === undefined ? {} : { address })
    await signIn(ent, browser, identifier)
    return { browser, identifier }
  }

  it('spares the sign-in to other applications', async () => {
    const { browser } = await signedIn()
    expect(await silently(await school.application('notes'), browser)).toBeNull()
  })

  it('ends when nobody uses it for two hours, and each use puts that off', async () => {
    const { browser } = await signedIn()
    for (let time = 0; time < 3; time += 1) {
      school.later(HOUR_MS + 50 * MINUTE_MS)
      expect(await silently(ent, browser)).toBeNull()
    }
    school.later(2 * HOUR_MS + MINUTE_MS)
    expect(await silently(ent, browser)).toBe('login_required')
  })

  it('ends sooner on networks that are shared', async () => {
    const { browser } = await signedIn({}, '192.0.2.7')
    school.later(29 * MINUTE_MS)
    expect(await silently(ent, browser)).toBeNull()
    school.later(31 * MINUTE_MS)
    expect(await silently(ent, browser)).toBe('login_required')
  })

  it('ends for good twelve hours after the sign-in, however much it is used', async () => {
    const { browser, identifier } = await signedIn()
    for (let hour = 1; hour < 12; hour += 1) {
      school.later(HOUR_MS)
      expect(await silently(ent, browser)).toBeNull()
    }
    school.later(HOUR_MS + MINUTE_MS)
    expect(await silently(ent, browser)).toBe('login_required')
    await ent.start(browser)
    await answer(browser, identifier)
    expect((await ent.finish(browser)).claims.auth_time).toBe(Math.floor(Date.now() / 1000))
  })

  it('ends when the policy of the user type says', async () => {
    const { browser } = await signedIn({ userType: 'staff' })
    school.later(59 * MINUTE_MS)
    expect(await silently(ent, browser)).toBeNull()
    school.later(2 * MINUTE_MS)
    expect(await silently(ent, browser)).toBe('login_required')
  })

  it('cannot be kept beyond its end by refreshing', async () => {
    const { identifier } = await school.person({ userType: 'staff', protection: 'none' })
    const browser = school.browser()
    let tokens = await signIn(ent, browser, identifier)
    for (let time = 0; time < 2; time += 1) {
      school.later(25 * MINUTE_MS)
      tokens = { ...tokens, response: await ent.refresh(tokens) }
    }
    school.later(15 * MINUTE_MS)
    expect(await silently(ent, browser)).toBe('login_required')
  })

  it('survives a restart of the gateway', async () => {
    const { browser } = await signedIn()
    await school.restart()
    expect(await silently(ent, browser)).toBeNull()
  })

  it('has a new cookie after each sign-in and step-up, and the old one opens nothing', async () => {
    const { identifier } = await school.person({ pin: PIN })
    const browser = school.browser()
    await ent.start(browser)
    await browser.submit({ identifier, password: PASSWORD })
    const afterPassword = await browser.cookie(SESSION)
    const half = await browser.copy()
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 12' })
    const afterPin = await browser.cookie(SESSION)
    expect(afterPin).not.toBe(afterPassword)
    expect(await silently(ent, half)).toBe('login_required')
    await browser.forget(SESSION)
    await signIn(ent, browser, identifier)
    const signedInAgain = await browser.cookie(SESSION)
    const before = await browser.copy()
    await ent.start(browser, { acr_values: ACR_PIN })
    await browser.submit({ pin: PIN })
    expect(await browser.cookie(SESSION)).not.toBe(signedInAgain)
    school.later(2 * MINUTE_MS)
    expect(await silently(ent, before)).toBe('login_required')
    expect(await silently(ent, browser, { acr_values: ACR_PIN })).toBeNull()
  })

  it('does not change its cookie where nothing was proved', async () => {
    const { browser } = await signedIn()
    const cookie = await browser.cookie(SESSION)
    expect(await silently(ent, browser)).toBeNull()
    expect(await browser.cookie(SESSION)).toBe(cookie)
  })

  it('is not taken over by a cookie that a stranger planted before the sign-in', async () => {
    const stranger = school.browser()
    await ent.start(stranger)
    const { identifier } = await school.person({ protection: 'none' })
    const victim = await stranger.copy()
    await ent.start(victim)
    await answer(victim, identifier)
    expect(victim.view.step).toBe('callback')
    expect(await silently(ent, stranger)).toBe('login_required')
  })

  it('is nothing that can be made up', async () => {
    const { browser } = await signedIn()
    const value = await browser.cookie(SESSION)
    const forged = school.browser()
    await forged.jar.setCookie(`${SESSION}=${value}; path=/`, school.issuer)
    await forged.jar.setCookie(`${SESSION}.sig=AAAAAAAAAAAAAAAAAAAAAAAAAAA; path=/`, school.issuer)
    expect(await silently(ent, forged)).toBe('login_required')
  })
})

interface Kept {
  readonly name: string
  readonly attributes: readonly string[]
}

/** The cookies that a whole sign-in sets, with their attributes in small letters. */
const cookiesOfSignIn = async (school: School): Promise<Kept[]> => {
  const { identifier } = await school.person({ pin: PIN })
  const browser = school.browser()
  const kept: Kept[] = []
  const { jar } = browser
  const set = jar.setCookie.bind(jar) as (cookie: string, url: string) => Promise<unknown>
  const watch = (cookie: string, url: string) => {
    const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim())
    kept.push({
      name: pair.split('=')[0] ?? '',
      attributes: attributes.map((attribute) => attribute.toLowerCase()),
    })
    return set(cookie, url)
  }
  Object.assign(jar, { setCookie: watch })
  const query = new URLSearchParams({
    client_id: 'ent',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: 'http://127.0.0.1:9/callback',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  await browser.open(`/auth?${query}`)
  await browser.submit({ identifier, password: PASSWORD })
  await browser.submit({ pin: PIN })
  expect(browser.view.step).toBe('callback')
  expect(browser.view.url.searchParams.get('iss')).toBe(school.issuer)
  return kept
}

describe('cookies', () => {
  it('on plain http of one machine: names without a prefix, out of reach of scripts', async () => {
    const school = await startSchool()
    try {
      const kept = await cookiesOfSignIn(school)
      const names = new Set(kept.map(({ name }) => name.replace(/\.sig$/, '')))
      expect([...names].sort()).toEqual([
        'vestibule_device',
        'vestibule_interaction',
        'vestibule_resume',
        'vestibule_session',
      ])
      for (const { attributes } of kept) {
        expect(attributes).toEqual(expect.arrayContaining(['httponly', 'samesite=lax']))
        expect(attributes).not.toContain('secure')
      }
    } finally {
      await school.stop()
    }
  })

  it('on https: prefixed, secure; the session for the browser run only, steps on their own path', async () => {
    const school = await startSchool({ issuer: 'https://localhost:8443' })
    try {
      const kept = await cookiesOfSignIn(school)
      const names = new Set(kept.map(({ name }) => name.replace(/\.sig$/, '')))
      expect([...names].sort()).toEqual([
        '__Host-vestibule_device',
        '__Host-vestibule_session',
        '__Secure-vestibule_interaction',
        '__Secure-vestibule_resume',
      ])
      for (const { name, attributes } of kept) {
        expect(attributes).toEqual(expect.arrayContaining(['httponly', 'samesite=lax', 'secure']))
        expect(attributes.some((one) => one.startsWith('domain='))).toBe(false)
        const path = attributes.find((one) => one.startsWith('path='))
        if (name.startsWith('__Host-')) {
          expect(path).toBe('path=/')
        } else {
          expect(path).toMatch(/^path=\/(interaction|auth)\/[\w-]{20,}$/)
        }
        if (name.startsWith('__Host-vestibule_session')) {
          expect(attributes.some((one) => /^(expires|max-age)=/.test(one))).toBe(false)
        }
      }
    } finally {
      await school.stop()
    }
  })

  it('on https: every address is the public one, and browsers are told to stay on https', async () => {
    const school = await startSchool({ issuer: 'https://localhost:8443' })
    try {
      const response = await fetch(`${school.address}/.well-known/openid-configuration`)
      const document = (await response.json()) as Record<string, unknown>
      const addresses = Object.entries(document).filter(([name]) => /endpoint|_uri$/.test(name))
      const texts = addresses.filter(([, value]) => typeof value === 'string')
      expect(texts.length).toBeGreaterThan(6)
      for (const [name, value] of texts) {
        expect(value, name).toMatch(/^https:\/\/localhost:8443\//)
      }
      expect(response.headers.get('strict-transport-security')).toMatch(/max-age=\d{8}/)
    } finally {
      await school.stop()
    }
  })
})
