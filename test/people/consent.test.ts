import * as oidc from 'openid-client'
import { afterEach, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { changeApplication } from '../../accounts/applications.ts'
import type { Registration } from '../../accounts/registration.ts'
import type { Browser } from '../support/browser.ts'
import { register } from '../support/registered.ts'
import { type RelyingParty, registerRelyingParty } from '../support/relying_party.ts'
import { CALLBACK, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'

let school: School
afterEach(() => school.stop())

const ID = 'exercises'
const SCOPE = 'openid profile'

interface Place {
  readonly party: RelyingParty
  readonly browser: Browser
  readonly zoe: Account
}

/** Zoé opens an application that is not the school's own. */
const place = async (given: Readonly<Record<string, unknown>> = {}): Promise<Place> => {
  school = await startSchool()
  const secret = await register(school, { consent: true, ...given })
  const zoe = await school.person({ givenName: 'Zoé', protection: 'none' })
  const party = await registerRelyingParty(school.issuer, ID, secret, CALLBACK)
  return { party, browser: school.browser(), zoe }
}

const open = async (
  { party, browser, zoe }: Place,
  parameters: Record<string, string> = {},
): Promise<string> => {
  const view = await party.start(browser, { scope: SCOPE, ...parameters })
  return view.step === 'login'
    ? (await browser.submit({ identifier: zoe.identifier, password: PASSWORD })).step
    : view.step
}

const allow = ({ browser }: Place) => browser.submit({ answer: 'allow' })

const acts = async (sub: string): Promise<string[]> => {
  const entries = await school.gateway.core.deps.store.audit.list({ sub }, 100)
  return entries.map(({ act }) => act).filter((act) => act.startsWith('consent'))
}

describe('an application that is not the school’s own', () => {
  it('learns nothing before its person allows it, and is told what it would learn', async () => {
    const here = await place()
    expect(await open(here)).toBe('consent')
    const { text } = here.browser.view
    expect(text).toContain('Exercises')
    expect(text).toContain('Your first name and family name')
    expect(text).not.toContain('Your mail address')
    const view = await allow(here)
    expect(view.step).toBe('callback')
    const tokens = await here.party.finish(here.browser)
    expect(await here.party.userinfo(tokens)).toMatchObject({ given_name: 'Zoé' })
    expect(await acts(here.zoe.sub)).toEqual(['consent_given'])
  })

  it('says it in French too', async () => {
    const here = await place()
    await open(here, { ui_locales: 'fr' })
    expect(here.browser.view.text).toContain('Ne pas autoriser')
  })

  it('hears access_denied when its person does not allow it', async () => {
    const here = await place()
    await open(here)
    const view = await here.browser.submit({ answer: 'refuse' })
    expect(view.url.searchParams.get('error')).toBe('access_denied')
    expect(await acts(here.zoe.sub)).toEqual(['consent_refused'])
    expect(await open(here)).toBe('consent')
  })

  it('is not asked about again, in this session or the next', async () => {
    const here = await place()
    await open(here)
    await allow(here)
    expect(await open(here)).toBe('callback')
    expect(await open({ ...here, browser: school.browser() })).toBe('callback')
  })

  it('is asked about again by somebody else', async () => {
    const here = await place()
    await open(here)
    await allow(here)
    const leo = await school.person({ protection: 'none' })
    expect(await open({ ...here, zoe: leo, browser: school.browser() })).toBe('consent')
  })

  it('is asked about once more when it wants to learn more, by scope or by name', async () => {
    const here = await place()
    await open(here)
    await allow(here)
    expect(await open(here, { scope: 'openid profile email' })).toBe('consent')
    await allow(here)
    expect(await open(here, { scope: 'openid profile email' })).toBe('callback')
    const claims = JSON.stringify({ userinfo: { classes: null } })
    expect(await open(here, { claims })).toBe('consent')
    await allow(here)
    // Less than was allowed is no question.
    expect(await open(here, { scope: 'openid' })).toBe('callback')
  })

  it('is asked about again where it says prompt=consent, once', async () => {
    const here = await place()
    await open(here)
    await allow(here)
    expect(await open(here, { prompt: 'consent' })).toBe('consent')
    expect((await allow(here)).step).toBe('callback')
    await expect(here.party.finish(here.browser)).resolves.toBeDefined()
  })

  it('hears consent_required where nobody may be shown a page', async () => {
    const here = await place()
    await open(here)
    await allow(here)
    await open(here, { scope: 'openid email', prompt: 'none' })
    expect(here.browser.view.url.searchParams.get('error')).toBe('consent_required')
  })

  it('never counts what it may not learn anyway', async () => {
    const here = await place({ claims: ['given_name'] })
    await open(here, { scope: 'openid profile email school' })
    expect(here.browser.view.text).not.toContain('Your mail address')
    await allow(here)
    const tokens = await here.party.finish(here.browser)
    expect(Object.keys(await here.party.userinfo(tokens)).sort()).toEqual(['given_name', 'sub'])
  })

  it('comes last: after the PIN, and not where the application is for others', async () => {
    const here = await place()
    const leo = await school.person({ pin: PIN })
    expect(await open({ ...here, zoe: leo })).toBe('pin')
    expect((await here.browser.submit({ pin: PIN })).step).toBe('consent')
    await school.stop()
    const other = await place({ user_types: ['student'] })
    expect(await open(other)).toBe('refused')
  })

  it('is not allowed to learn what was registered after the question was shown', async () => {
    const here = await place({ claims: ['given_name'] })
    await open(here, { scope: 'openid profile email' })
    const { core } = school.gateway
    const { applications } = core.deps.store
    const now = (await applications.find(ID)) ?? expect.fail('not registered')
    const registration: Registration = { ...now.registration, claims: ['given_name', 'email'] }
    const next = { kind: now.kind, registration }
    await changeApplication(core.deps, { clientId: ID, version: now.version, by: 'test' }, next)
    expect((await allow(here)).step).toBe('consent')
    expect(here.browser.view.text).toContain('Your mail address')
    expect(await acts(here.zoe.sub)).toEqual([])
    expect((await allow(here)).step).toBe('callback')
  })

  it('stands in the copy of one’s data', async () => {
    const here = await place()
    await open(here)
    await allow(here)
    const { copyOfData } = await import('../../accounts/copy_of_data.ts')
    const origin = { address: '192.0.2.7', userAgent: '', deviceToken: null, clientId: null }
    const { deps } = school.gateway.core
    const copy = await copyOfData(deps, here.zoe, [], origin, String)
    expect(copy.allowed_applications).toMatchObject([{ application: ID }])
  })

  it('is not allowed by a post that no form of ours made', async () => {
    const here = await place()
    await open(here)
    const { url } = here.browser.view
    const view = await here.browser.post(`${url.pathname}/consent`, { answer: 'allow', csrf: 'x' })
    expect(view.status).toBeGreaterThanOrEqual(400)
    expect(await acts(here.zoe.sub)).toEqual([])
  })
})

describe('the school’s own application', () => {
  it('is opened without a question, whatever it says', async () => {
    const here = await place({ consent: false })
    expect(await open(here, { prompt: 'consent' })).toBe('callback')
  })
})

describe('taking it back in one’s account', () => {
  const taken = async () => {
    const here = await place({ grant_types: ['authorization_code', 'refresh_token'] })
    await open(here)
    expect(here.browser.view.text).toContain('also while you are away')
    await allow(here)
    const tokens = await here.party.finish(here.browser)
    const page = await here.browser.open('/account/sessions')
    expect(page.text).toContain('Exercises')
    await here.browser.submit({}, { form: 'form[action$="take_back"]' })
    return { here, tokens }
  }

  it('ends what the application was given, and it is asked about again', async () => {
    const { here, tokens } = await taken()
    expect(here.browser.view.text).toContain('This is taken back')
    const { party } = here
    await expect(party.userinfo(tokens)).rejects.toThrow()
    const refreshed = await party.refresh(tokens).catch((error: unknown) => error)
    expect(refreshed).toBeInstanceOf(oidc.ResponseBodyError)
    expect(await acts(here.zoe.sub)).toEqual(['consent_taken_back', 'consent_given'])
    expect(await open(here)).toBe('consent')
    await allow(here)
    await expect(party.finish(here.browser)).resolves.toBeDefined()
  })

  it('leaves other applications alone', async () => {
    const here = await place()
    const ent = await school.application()
    await open(here)
    await allow(here)
    await ent.start(here.browser)
    const tokens = await ent.finish(here.browser)
    await here.browser.open('/account/sessions')
    await here.browser.submit({}, { form: 'form[action$="take_back"]' })
    await expect(ent.userinfo(tokens)).resolves.toBeDefined()
  })

  it('shows nothing to whoever allowed nothing', async () => {
    const here = await place({ consent: false })
    await open(here)
    await here.browser.open('/account/sessions')
    expect(here.browser.view.text).not.toContain('Take back')
  })
})
