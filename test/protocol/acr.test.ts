import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import {
  ACR_OTP,
  ACR_PASSWORD,
  ACR_PIN,
  answer,
  application,
  ENT,
  errorAt,
  REFEDS_MFA,
  signIn,
  silently,
} from './steps.ts'

const UNMET = 'unmet_authentication_requirements'
const NEW_PIN = '5928'
const essential = (...values: unknown[]): Record<string, string> => ({
  claims: JSON.stringify({ id_token: { acr: { essential: true, values } } }),
})

describe('an application asks how a person signed in', () => {
  let school: School
  let ent: RelyingParty
  let marks: RelyingParty
  beforeAll(async () => {
    school = await startSchool({
      applications: [ENT, application('marks', { least_acr: ACR_PIN })],
    })
    ent = await school.application()
    marks = await school.application('marks')
  })
  afterAll(() => school.stop())

  /** A teacher with a PIN on a recognised device, signed in with the password alone. */
  const withPasswordAlone = async (): Promise<{ browser: Browser; who: Account }> => {
    const who = await school.person({ pin: PIN })
    const browser = school.browser()
    await ent.start(browser)
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 12' })
    await browser.forget('vestibule_session')
    await ent.start(browser)
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect((await ent.finish(browser)).claims).toMatchObject({ acr: ACR_PASSWORD, amr: ['pwd'] })
    return { browser, who }
  }

  /** Somebody without a PIN who has chosen to have none, signed in. */
  const withoutPin = async (): Promise<{ browser: Browser; who: Account }> => {
    const who = await school.person({ protection: 'none' })
    const browser = school.browser()
    await signIn(ent, browser, who.identifier)
    return { browser, who }
  }

  describe('by acr_values', () => {
    it('asks for the PIN that is missing, and leaves the time of sign-in as it was', async () => {
      const { browser } = await withPasswordAlone()
      await ent.start(browser)
      const before = (await ent.finish(browser)).claims
      school.later(5 * MINUTE_MS)
      await ent.start(browser, { acr_values: ACR_PIN })
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      const { claims } = await ent.finish(browser)
      expect(claims).toMatchObject({ acr: ACR_PIN, amr: ['pwd', 'pin'] })
      expect(claims.auth_time).toBe(before.auth_time)
    })

    it('asks nothing again of somebody who has proved it already', async () => {
      const { browser } = await withPasswordAlone()
      await ent.start(browser, { acr_values: ACR_PIN })
      await browser.submit({ pin: PIN })
      await ent.start(browser, { acr_values: ACR_PIN })
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PIN)
    })

    it('gives the first value that holds, in the order asked and word for word', async () => {
      const { browser } = await withPasswordAlone()
      const acrFor = async (acr_values: string) => {
        await ent.start(browser, { acr_values })
        return (await ent.finish(browser)).claims['acr']
      }
      expect(await acrFor(`${ACR_PIN} ${ACR_PASSWORD}`)).toBe(ACR_PASSWORD)
      expect(await acrFor(`urn:other ${ACR_PASSWORD}`)).toBe(ACR_PASSWORD)
      await ent.start(browser, { acr_values: ACR_PIN })
      await browser.submit({ pin: PIN })
      expect(await acrFor(`${ACR_PASSWORD} ${ACR_PIN}`)).toBe(ACR_PASSWORD)
      expect(await acrFor(`${ACR_PIN} ${ACR_PASSWORD}`)).toBe(ACR_PIN)
      expect(await acrFor(`${REFEDS_MFA} ${ACR_PIN}`)).toBe(ACR_PIN)
    })

    it.each([
      ['an OTP key', REFEDS_MFA],
      ['an OTP key', ACR_OTP],
      ['something unknown', 'urn:other'],
    ])('goes on with what holds where the wish is %s that nobody can meet', async (_, wish) => {
      const { browser } = await withPasswordAlone()
      await ent.start(browser, { acr_values: wish })
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PASSWORD)
    })

    it('lets somebody without a PIN define the very first one, which counts at once', async () => {
      const { browser } = await withoutPin()
      await ent.start(browser, { acr_values: ACR_PIN })
      expect(browser.view.step).toBe('define_pin')
      await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
      if (browser.view.step === 'device') {
        await browser.submit({})
      }
      expect((await ent.finish(browser)).claims).toMatchObject({
        acr: ACR_PIN,
        amr: ['pwd', 'pin'],
      })
    })

    it('never calls a password with a PIN multi-factor', async () => {
      const who = await school.person({ pin: PIN })
      const { claims } = await signIn(ent, school.browser(), who.identifier)
      expect(claims['amr']).toEqual(['pwd', 'pin'])
      expect(claims['acr']).toBe(ACR_PIN)
    })
  })

  describe('by an essential claim', () => {
    it('asks for the PIN and returns the very value', async () => {
      const { browser } = await withPasswordAlone()
      await ent.start(browser, essential(ACR_PIN))
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PIN)
    })

    it('takes a single value too', async () => {
      const { browser } = await withPasswordAlone()
      const claims = JSON.stringify({ id_token: { acr: { essential: true, value: ACR_PIN } } })
      await ent.start(browser, { claims })
      expect(browser.view.step).toBe('pin')
    })

    it.each([
      ['an OTP key that nobody has given them', ACR_OTP],
      ['a value unknown here', 'urn:other'],
    ])('says why %s cannot be had, then tells the application', async (_, value) => {
      const { browser, who } = await withPasswordAlone()
      await ent.start(browser, essential(value))
      expect(browser.view.step).toBe('unmet')
      expect(browser.view.status).toBe(200)
      expect(browser.view.text).toContain('aide@tilleuls.example')
      await browser.submit({})
      expect(errorAt(browser)).toBe(UNMET)
      expect(browser.view.url.searchParams.get('iss')).toBe(school.issuer)
      expect(browser.view.url.searchParams.get('state')).not.toBeNull()
      // The session is as it was.
      await ent.start(browser)
      expect((await ent.finish(browser)).claims).toMatchObject({
        sub: who.sub,
        acr: ACR_PASSWORD,
      })
    })

    it('is met by another of its values', async () => {
      const { browser } = await withPasswordAlone()
      await ent.start(browser, essential(REFEDS_MFA, ACR_PASSWORD))
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PASSWORD)
    })

    it('is stronger than acr_values sent beside it', async () => {
      const { browser } = await withPasswordAlone()
      await ent.start(browser, { ...essential(ACR_PIN), acr_values: ACR_PASSWORD })
      expect(browser.view.step).toBe('pin')
    })

    it('cannot be met with a blocked PIN, and the page says so', async () => {
      const { browser, who } = await withPasswordAlone()
      await school.gateway.core.deps.store.accounts.setPinBlocked(who.sub, Date.now())
      await ent.start(browser, essential(ACR_PIN))
      expect(browser.view.step).toBe('unmet')
      await browser.submit({})
      expect(errorAt(browser)).toBe(UNMET)
    })
  })

  describe('by its registration', () => {
    it('asks for the PIN on a recognised device too', async () => {
      const { browser } = await withPasswordAlone()
      await marks.start(browser)
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect((await marks.finish(browser)).claims['acr']).toBe(ACR_PIN)
    })

    it('cannot be talked down by acr_values or an essential claim', async () => {
      const { browser } = await withPasswordAlone()
      await marks.start(browser, { acr_values: ACR_PASSWORD })
      expect(browser.view.step).toBe('pin')
      await marks.start(browser, essential(ACR_PASSWORD))
      expect(browser.view.step).toBe('pin')
    })

    it('turns away whoever cannot have a PIN, after a page that says why', async () => {
      await school.policies({ inspector: { protections: ['none'] } })
      const who = await school.person({ userType: 'inspector' })
      const browser = school.browser()
      await marks.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('unmet')
      await browser.submit({})
      expect(errorAt(browser)).toBe(UNMET)
    })
  })

  describe('with prompt=login or max_age', () => {
    it('asks for the password and for the PIN again where both must be fresh', async () => {
      const { browser, who } = await withPasswordAlone()
      await ent.start(browser, { acr_values: ACR_PIN })
      await browser.submit({ pin: PIN })
      const before = (await ent.finish(browser)).claims
      school.later(MINUTE_MS)
      await ent.start(browser, { prompt: 'login', acr_values: ACR_PIN })
      expect(browser.view.step).toBe('login')
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      const { claims } = await ent.finish(browser)
      expect(claims['acr']).toBe(ACR_PIN)
      expect(claims.auth_time).toBe((before.auth_time ?? 0) + 60)
    })

    it('counts no older PIN, though the session remembers it', async () => {
      const { browser, who } = await withPasswordAlone()
      await ent.start(browser, { acr_values: ACR_PIN })
      await browser.submit({ pin: PIN })
      school.later(MINUTE_MS)
      await ent.start(browser, { prompt: 'login' })
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect((await ent.finish(browser)).claims).toMatchObject({ acr: ACR_PASSWORD, amr: ['pwd'] })
      await ent.start(browser)
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PIN)
    })

    it.each(['0', '1'])('asks for the password again with max_age=%s, once', async (max_age) => {
      const { browser, who } = await withPasswordAlone()
      school.later(2000)
      await ent.start(browser, { max_age })
      expect(browser.view.step).toBe('login')
      school.later(MINUTE_MS) // Slow typing must not ask once more.
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      const { claims } = await ent.finish(browser)
      expect(claims.auth_time).toBe(Date.now() / 1000)
    })

    it('asks nothing within max_age', async () => {
      const { browser } = await withPasswordAlone()
      school.later(MINUTE_MS)
      await ent.start(browser, { max_age: '120' })
      expect(browser.view.step).toBe('callback')
    })

    it('lets slow people finish a fresh sign-in with a PIN', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser, { max_age: '1' })
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      school.later(5 * MINUTE_MS)
      await browser.submit({ pin: PIN })
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PIN)
    })
  })

  describe('without showing a page', () => {
    it('hears login_required where nobody is signed in', async () => {
      expect(await silently(ent, school.browser())).toBe('login_required')
    })

    it('hears login_required where a PIN is missing', async () => {
      const { browser } = await withPasswordAlone()
      expect(await silently(ent, browser)).toBeNull()
      expect(await silently(ent, browser, { acr_values: ACR_PIN })).toBe('login_required')
      expect(await silently(marks, browser)).toBe('login_required')
      const who = await school.person({ pin: PIN })
      const half = school.browser()
      await ent.start(half)
      await half.submit({ identifier: who.identifier, password: PASSWORD })
      expect(half.view.step).toBe('pin')
      expect(await silently(ent, half)).toBe('login_required')
    })

    it('hears interaction_required where a step is forced', async () => {
      for (const wishes of [{ mustChange: true, protection: 'none' as const }, {}]) {
        const who = await school.person(wishes)
        const browser = school.browser()
        await ent.start(browser)
        await browser.submit({ identifier: who.identifier, password: PASSWORD })
        expect(['change_password', 'define_pin']).toContain(browser.view.step)
        expect(await silently(ent, browser)).toBe('interaction_required')
      }
    })

    it('hears at once what cannot be met', async () => {
      const { browser } = await withPasswordAlone()
      expect(await silently(ent, browser, essential('urn:other'))).toBe(UNMET)
    })

    it('hears login_required where the sign-in is too old', async () => {
      const { browser } = await withPasswordAlone()
      school.later(MINUTE_MS)
      expect(await silently(ent, browser, { max_age: '10' })).toBe('login_required')
    })
  })

  it('leaves each outcome in the audit', async () => {
    const { browser, who } = await withPasswordAlone()
    await ent.start(browser, { acr_values: ACR_PIN })
    await browser.submit({ pin: PIN })
    await ent.start(browser, essential('urn:other'))
    await browser.submit({})
    const entries = await school.gateway.core.deps.store.audit.list({ sub: who.sub }, 50)
    expect(entries.find(({ act }) => act === 'step_up_completed')).toMatchObject({
      clientId: 'ent',
      detail: { acr: ACR_PIN, amr: 'pwd pin' },
    })
    expect(entries.find(({ act }) => act === 'sign_in_refused')).toMatchObject({
      outcome: 'refused',
      detail: { error: UNMET },
    })
    expect(entries.filter(({ act }) => act === 'sign_in_completed')).toHaveLength(2)
  })

  it('meets no consent page, even with prompt=consent', async () => {
    const { browser } = await withPasswordAlone()
    await ent.start(browser, { prompt: 'consent' })
    expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PASSWORD)
  })

  it('counts a generated PIN once typed, and then the one that replaces it only from the next sign-in', async () => {
    const who = await school.person({ pin: PIN, pinOrigin: 'generated' })
    const browser = school.browser()
    await marks.start(browser)
    await answer(browser, who.identifier)
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ new_pin: NEW_PIN, confirm_pin: NEW_PIN })
    if (browser.view.step === 'device') {
      await browser.submit({})
    }
    expect((await marks.finish(browser)).claims['acr']).toBe(ACR_PIN)
  })

  it.each([
    ['an array', { id_token: { acr: [ACR_PIN] } }],
    ['null', { id_token: { acr: null } }],
    ['a number', { id_token: { acr: 5 } }],
    ['text', { id_token: { acr: ACR_PIN } }],
    ['values that are text', { id_token: { acr: { essential: true, values: ACR_PIN } } }],
    ['values of every kind', { id_token: { acr: { values: [null, 5, {}, [], { toString: 1 }] } } }],
    ['a value that is a list', { id_token: { acr: { value: [[]] } } }],
    ['essential as text', { id_token: { acr: { essential: 'true', value: ACR_PIN } } }],
    ['sub as text', { id_token: { sub: 'someone' } }],
    ['sub as a number', { id_token: { sub: 5 } }],
    ['sub as a list', { id_token: { sub: [] } }],
    ['sub null', { id_token: { sub: null } }],
    ['auth_time as text', { id_token: { auth_time: 'now' } }],
    ['a list of claims', { userinfo: ['email'] }],
    ['claims of odd kinds', { userinfo: { email: 1, name: [], classes: 'x', locale: true } }],
    ['names of every object', { id_token: { constructor: null, toString: {}, hasOwnProperty: 1 } }],
    ['nothing', {}],
    ['a list', []],
    ['null itself', null],
    ['text itself', 'x'],
  ])('survives a claims parameter with %s', async (_, shape) => {
    const { browser } = await withoutPin()
    for (const prompt of ['none', 'login']) {
      await ent.start(browser, { claims: JSON.stringify(shape), prompt })
      expect(browser.view.status).toBeLessThan(500)
      expect(errorAt(browser)).not.toBe('server_error')
    }
  })

  it.each([
    { values: [null, 5, {}, []] },
    { value: [[]] },
    { value: { toString: 1 } },
    { values: 5 },
  ])('takes an essential value that is no text for one that cannot be met: %j', async (acr) => {
    const { browser } = await withoutPin()
    const claims = JSON.stringify({ id_token: { acr: { essential: true, ...acr } } })
    expect(await silently(ent, browser, { claims })).toBe(UNMET)
  })

  it('survives a claims parameter that is no JSON, or asks for another person', async () => {
    const { browser } = await withoutPin()
    await ent.start(browser, { claims: '{' })
    expect(errorAt(browser)).toBe('invalid_request')
    const claims = JSON.stringify({ id_token: { sub: { value: 'somebody-else' } } })
    expect(await silently(ent, browser, { claims })).toBe('login_required')
  })
})
