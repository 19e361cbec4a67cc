import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeOwnPassword } from '../../accounts/change_own_password.ts'
import { ENT, silently } from '../protocol/steps.ts'
import type { Browser } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { acts, devicesOf, enter, errorsOf, formIn, noticesOf, postByHand, reopen } from './acts.ts'
import { doneOn, formOf, isKept, muchLater, openAccount, prove } from './at_account.ts'

const NEXT = 'Nuage-Boussole-31'
const CHANGE = formOf('password', 'change')
const NOT_YOURS = /This is not your password/

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool({ applications: [ENT] })
  application = await school.application()
})
afterAll(() => school.stop())

const somebody = (identifier: string, more: Parameters<School['person']>[0] = {}) =>
  school.person({ identifier, protection: 'none', ...more })

const filled = (current = PASSWORD, password = NEXT, confirmation = password) => ({
  current_password: current,
  new_password: password,
  confirm_password: confirmation,
})

const change = (browser: Browser, fields: Record<string, string>) =>
  browser.submit(fields, { form: CHANGE })

const sealedOf = async (identifier: string) => (await school.account(identifier)).password?.sealed

const signsIn = async (identifier: string, password: string): Promise<boolean> =>
  (await enter(application, school.browser(), identifier, { password })).step === 'callback'

describe('somebody changes their password', () => {
  it('by the present one and a new one, typed twice; this session goes on', async () => {
    const { sub } = await somebody('ap.changes')
    const browser = await openAccount(school.browser(), 'password', 'ap.changes')
    school.later(MINUTE_MS)
    await change(browser, filled())
    expect(browser.view.step).toBe('account_password')
    expect(doneOn(browser.view)).toBe('Your password is changed.')
    expect(await noticesOf(school, sub)).toEqual(['password_changed'])
    expect(await acts(school, sub)).toContain('password_changed')
    expect(await signsIn('ap.changes', PASSWORD)).toBe(false)
    expect(await signsIn('ap.changes', NEXT)).toBe(true)
    expect((await browser.open('/')).step).toBe('portal')
    expect(await silently(application, browser)).toBeNull()
    // Told once.
    await browser.open('/account/password')
    expect(doneOn(browser.view)).toBe('')
  })

  it('and is told every rule that the new one breaks, which costs no try', async () => {
    const { sub } = await somebody('ap.rules')
    const browser = await openAccount(school.browser(), 'password', 'ap.rules')
    const before = await sealedOf('ap.rules')
    for (const [fields, told] of [
      [filled('wrong', 'short'), /too short/],
      [filled('wrong', NEXT, `${NEXT}x`), /not the same/],
      [filled('wrong', ''), /^Type/],
      [{ ...filled(), current_password: '' }, /^Type/],
      [filled(PASSWORD, PASSWORD), /replacing/],
    ] as const) {
      await change(browser, fields)
      expect(errorsOf(browser.view).join()).toMatch(told)
    }
    expect(await sealedOf('ap.rules')).toBe(before)
    expect(await acts(school, sub)).not.toContain('password_change_refused')
    expect(browser.view.text).not.toContain(PASSWORD)
  })

  it('but not with a wrong one, whose tries are counted and delayed with those of the login', async () => {
    const { sub } = await somebody('ap.wrong')
    const browser = await openAccount(school.browser(), 'password', 'ap.wrong')
    for (let tried = 1; tried <= 5; tried += 1) {
      await change(browser, filled(`Wrong-Wrong-${tried}`))
      expect(errorsOf(browser.view)[0]).toMatch(NOT_YOURS)
    }
    await change(browser, filled())
    expect(errorsOf(browser.view)[0]).toMatch(NOT_YOURS)
    const audit = await school.gateway.core.deps.store.audit.list({ sub }, 10)
    const why = audit.flatMap(({ act, detail }) =>
      act === 'password_change_refused' ? [detail['why']] : [],
    )
    expect(why).toEqual(['delayed', ...Array.from({ length: 5 }, () => 'wrong_password')])
    // The login page of this browser waits, too.
    await reopen(browser)
    await enter(application, browser, 'ap.wrong')
    expect(browser.view.step).toBe('login')
    expect(await noticesOf(school, sub)).toEqual([])
  })

  it('while other sessions and recognised devices stay, and nothing is ticked beforehand', async () => {
    const { sub } = await somebody('ap.stay', { protection: 'pin', pin: PIN })
    const [other, browser] = [school.browser(), school.browser()]
    await enter(application, other, 'ap.stay')
    await other.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await openAccount(browser, 'password', 'ap.stay')
    expect(browser.view.html.querySelectorAll('input[type=checkbox]')).toHaveLength(2)
    expect(browser.view.html.querySelectorAll('input[checked]')).toEqual([])
    await change(browser, filled())
    expect(await silently(application, other)).toBeNull()
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
  })

  it('and ends the other sessions and forgets the other devices where they tick it', async () => {
    const { sub } = await somebody('ap.tick', { protection: 'pin', pin: PIN })
    const [other, browser] = [school.browser(), school.browser()]
    for (const [each, device_name] of [
      [other, 'Room 201'],
      [browser, 'Room 202'],
    ] as const) {
      await enter(application, each, 'ap.tick')
      await each.submit({ pin: PIN, remember_device: 'yes', device_name })
    }
    await openAccount(browser, 'password', 'ap.tick')
    const ticks = { end_sessions: 'yes', forget_devices: 'yes' }
    // A slip of the fingers leaves the ticks.
    await change(browser, { ...filled(PASSWORD, NEXT, 'Other'), ...ticks })
    expect(browser.view.html.querySelectorAll('input[checked]')).toHaveLength(2)
    expect(await silently(application, other)).toBeNull()
    await change(browser, filled())
    expect(doneOn(browser.view)).toBe('Your password is changed.')
    expect(await silently(application, other)).toBe('login_required')
    expect(await silently(application, browser)).toBeNull()
    expect(await devicesOf(school, sub)).toEqual(['Room 202'])
    expect(await noticesOf(school, sub)).toEqual([
      'device_added',
      'device_added',
      'password_changed',
      'devices_forgotten',
    ])
  })

  it('and whoever comes in by the old one while it is replaced is out, too', async () => {
    const { sub } = await somebody('ap.between')
    const { deps, endOtherSessions } = school.gateway.core
    const account = await school.account('ap.between')
    const policy = (await deps.store.policies.current())[account.userType]
    const thief = school.browser()
    let ended = 0
    const endOthers = async () => {
      ended += 1
      await endOtherSessions(sub, 'none')
      if (ended === 1) {
        expect((await enter(application, thief, 'ap.between')).step).toBe('callback')
      }
    }
    school.later(MINUTE_MS)
    const typed = { current: PASSWORD, password: NEXT, confirmation: NEXT }
    const beside = { endOthers, forgetOthers: false }
    const origin = { address: '203.0.113.9', userAgent: 'x', deviceToken: null, clientId: null }
    const changed = await changeOwnPassword(deps, account, policy, typed, beside, origin)
    expect(changed).toEqual({ ok: true })
    expect(await silently(application, thief)).toBe('login_required')
  })

  it('once, by a form sent twice at one moment: both are told that it is done', async () => {
    const { sub } = await somebody('ap.twice')
    const browser = await openAccount(school.browser(), 'password', 'ap.twice')
    const { action, csrf } = formIn(browser.view)
    const form = { csrf, ...filled() }
    const twin = school.browser({ jar: browser.jar })
    await Promise.all([browser.post(action, form), twin.post(action, form)])
    expect([browser, twin].flatMap(({ view }) => errorsOf(view))).toEqual([])
    expect((await acts(school, sub)).filter((act) => act === 'password_changed')).toHaveLength(1)
  })

  it('in one of two tabs; the other then asks for the password that is', async () => {
    await somebody('ap.tabs')
    const first = await openAccount(school.browser(), 'password', 'ap.tabs')
    const second = school.browser({ jar: first.jar })
    await second.open('/account/password')
    await change(first, filled())
    await change(second, filled(PASSWORD, 'Corbeau-Lanterne-58'))
    expect(errorsOf(second.view)[0]).toMatch(NOT_YOURS)
    await change(second, filled(NEXT, 'Corbeau-Lanterne-58'))
    expect(doneOn(second.view)).toBe('Your password is changed.')
  })

  it('in French', async () => {
    await somebody('ap.french', { locale: 'fr' })
    const browser = await openAccount(school.browser(), 'password', 'ap.french')
    expect(browser.view.html.querySelector('html')?.getAttribute('lang')).toBe('fr')
    await change(browser, filled('Faux-Faux-Faux-99'))
    expect(errorsOf(browser.view)[0]).toContain('mot de passe')
    await change(browser, filled())
    expect(doneOn(browser.view)).toContain('mot de passe')
  })

  it('where password managers lead them', async () => {
    await somebody('ap.manager')
    const browser = school.browser()
    await browser.open('/.well-known/change-password')
    await prove(browser, 'ap.manager')
    expect(browser.view.url.pathname).toBe('/account/password')
  })
})

describe('a fresh proof', () => {
  it('is asked before the change, and what was typed is kept across it', async () => {
    const { sub } = await somebody('ap.kept', { protection: 'pin', pin: PIN })
    const browser = await openAccount(school.browser(), 'password', 'ap.kept')
    const other = await openAccount(school.browser(), 'password', 'ap.kept')
    muchLater(school)
    await change(browser, { ...filled(), end_sessions: 'yes' })
    expect(browser.view.step).toBe('login')
    await prove(browser, 'ap.kept')
    expect(browser.view.step).toBe('account_password')
    expect(isKept(browser.view)).toBe(true)
    expect(browser.view.text).not.toContain(NEXT)
    expect(await noticesOf(school, sub)).toEqual([])
    await browser.submit({ kept: 'yes' }, { form: CHANGE })
    expect(doneOn(browser.view)).toBe('Your password is changed.')
    expect((await other.open('/')).step).toBe('login')
    expect(await signsIn('ap.kept', PASSWORD)).toBe(false)
  })

  it('is followed by nothing where the person drops what they typed', async () => {
    await somebody('ap.drop')
    const browser = await openAccount(school.browser(), 'password', 'ap.drop')
    const before = await sealedOf('ap.drop')
    muchLater(school)
    await change(browser, filled())
    await prove(browser, 'ap.drop')
    await browser.submit({ kept: 'no' }, { form: CHANGE })
    expect(isKept(browser.view)).toBe(false)
    await browser.submit({ kept: 'yes', ...filled() }, { form: CHANGE })
    expect(await sealedOf('ap.drop')).toBe(before)
  })

  it('is what a stranger with the session cookie cannot give', async () => {
    const { sub } = await somebody('ap.stranger', { protection: 'pin', pin: PIN })
    const owner = await openAccount(school.browser(), 'password', 'ap.stranger')
    const before = await sealedOf('ap.stranger')
    muchLater(school)
    const stranger = await owner.copy()
    await stranger.open('/account/password')
    await change(stranger, { ...filled() })
    expect(stranger.view.step).toBe('login')
    await stranger.open('/account/password')
    await change(stranger, { ...filled(), kept: 'yes' })
    expect(stranger.view.status).toBe(403)
    await stranger.open('/account/password')
    await change(stranger, { ...filled() })
    // Not by the password alone either, where there is a PIN.
    await stranger.submit({ identifier: 'ap.stranger', password: PASSWORD })
    expect(stranger.view.step).toBe('pin')
    expect(await sealedOf('ap.stranger')).toBe(before)
    expect(await noticesOf(school, sub)).toEqual([])
  })

  it('by passcode stands in for a password that was forgotten', async () => {
    const { sub } = await somebody('ap.key')
    const key = await giveKey(school, sub)
    const browser = school.browser()
    await openAccount(browser, 'password', 'ap.key', { password: key.passcode() })
    expect(browser.view.html.querySelector('[name=current_password]')).toBeNull()
    await change(browser, { new_password: NEXT, confirm_password: NEXT })
    expect(doneOn(browser.view)).toBe('Your password is changed.')
    expect(await signsIn('ap.key', NEXT)).toBe(true)
  })

  it('by passcode is asked of whoever came with the password, once a key is in service', async () => {
    const { sub } = await somebody('ap.key.later')
    const key = await giveKey(school, sub)
    const browser = await openAccount(school.browser(), 'password', 'ap.key.later')
    const before = await sealedOf('ap.key.later')
    await change(browser, { new_password: NEXT, confirm_password: NEXT })
    expect(browser.view.step).toBe('otp')
    expect(await sealedOf('ap.key.later')).toBe(before)
    await browser.submit({ passcode: key.passcode() })
    await browser.submit({ kept: 'yes' }, { form: CHANGE })
    expect(doneOn(browser.view)).toBe('Your password is changed.')
  })
})

describe('the form', () => {
  it('is refused without its own token, from elsewhere, and from somebody else’s session', async () => {
    await somebody('ap.csrf')
    await somebody('ap.other')
    const browser = await openAccount(school.browser(), 'password', 'ap.csrf')
    const other = await openAccount(school.browser(), 'password', 'ap.other')
    const before = await sealedOf('ap.csrf')
    const elsewhere = { 'sec-fetch-site': 'cross-site' }
    for (const answer of [
      await postByHand(browser, { ...filled(), csrf: '' }),
      await postByHand(browser, { ...filled(), csrf: formIn(other.view).csrf }),
      await postByHand(browser, filled(), elsewhere),
    ]) {
      expect(answer.status).toBe(403)
    }
    expect(await sealedOf('ap.csrf')).toBe(before)
  })

  it('is not there for an account without a password', async () => {
    const { sub } = await somebody('ap.none', { password: null })
    const key = await giveKey(school, sub)
    const browser = school.browser()
    await openAccount(browser, 'password', 'ap.none', { password: key.passcode() })
    expect(browser.view.html.querySelector(CHANGE)).toBeNull()
    expect(browser.view.html.querySelector('[name=new_password]')).toBeNull()
  })
})
