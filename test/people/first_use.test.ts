import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assign, closeActivation, resetPin } from '../../accounts/otp_key.ts'
import type { Browser } from '../support/browser.ts'
import { giveKey, type HeldKey, KEY_PIN, type KeyWishes } from '../support/otp_key.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  PASSWORD,
  type PersonWishes,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'
import { acts, enter, errorsOf, formIn, noticesOf, reopen } from './acts.ts'

const ACR_OTP = 'urn:vestibule:acr:otp'
const CHANGED =
  'This key can no longer be put into service by what you began. Start again with the digits that it shows. If it fails again, ask your school.'
const START_AGAIN = 'form[action$="/first_use_again"]'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
  await school.policies({
    inspector: { otp: 'required' },
    internship_counsellor: { otp_keys: { first_use: 'code' } },
  })
})
afterAll(() => school.stop())

/** Somebody to whom a key was given; like those of the guides, with no password of their own. */
const assigned = async (
  identifier: string,
  more: Partial<PersonWishes> = {},
  wishes: Partial<KeyWishes> = {},
) => {
  const wanted = { identifier, userType: 'staff' as const, password: null, ...more }
  const person = await school.person(wanted)
  return { person, key: await giveKey(school, person.sub, { state: 'assigned', ...wishes }) }
}

const withPassword: Partial<PersonWishes> = { password: PASSWORD, protection: 'none' }

/** Types the digits of the key into the field for passwords. */
const typeDigits = async (
  identifier: string,
  code: string,
  browser: Browser = school.browser(),
): Promise<Browser> => {
  await enter(application, browser, identifier, { password: code })
  return browser
}

const definePin = (browser: Browser, pin = KEY_PIN, again = pin) =>
  browser.submit({ new_pin: pin, confirm_pin: again })

/** From the PIN to the last page. */
const finish = async (browser: Browser, key: HeldKey) => {
  await definePin(browser)
  expect(browser.view.step).toBe('first_use_passcode')
  key.wait()
  return browser.submit({ passcode: key.passcode() })
}

const reasons = async (sub: string): Promise<unknown[]> =>
  (await school.gateway.core.deps.store.audit.list({ sub, act: 'first_use_refused' }, 100))
    .map(({ detail }) => detail['why'])
    .reverse()

describe('the first use of a key', () => {
  it('says to wait for another code, and no more so once it is there', async () => {
    const { key } = await assigned('no.more.waiting')
    const browser = await typeDigits('no.more.waiting', key.code())
    await definePin(browser)
    const title = () => browser.view.html.querySelector('h1')?.text
    expect(title()).toBe('Wait until the code of your key changes')
    key.wait()
    await browser.open(browser.view.url)
    expect(title()).toBe('Type the new code of your key')
    expect(browser.view.text).not.toContain('Wait')
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('first_use_done')
  })

  it('says to wait for another press of the button, however long ago the first was', async () => {
    const { key } = await assigned('has.a.button', {}, { kind: 'hotp' })
    const browser = await typeDigits('has.a.button', key.code())
    await definePin(browser)
    school.later(MINUTE_MS)
    await browser.open(browser.view.url)
    expect(browser.view.text).toContain('Wait until the code of your key changes')
  })

  it('goes from the digits to the PIN, to the next code, into the application', async () => {
    const { person, key } = await assigned('first.use')
    const browser = await typeDigits('first.use', key.code())
    expect(browser.view.step).toBe('first_use_pin')
    await definePin(browser)
    expect(browser.view.step).toBe('first_use_passcode')
    expect((await key.stored()).state).toBe('assigned')
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('first_use_done')
    expect(browser.view.text).toContain('Your PIN code is defined')
    await browser.submit({})
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: ACR_OTP, amr: ['pin', 'otp', 'mfa'] })
    expect(await key.stored()).toMatchObject({ state: 'in_service', firstUseBy: null })
    expect(await noticesOf(school, person.sub)).toEqual(['key_in_service'])
    expect(await acts(school, person.sub)).toEqual([
      'first_use_begun',
      'key_in_service',
      'sign_in_completed',
      'application_opened',
    ])
    key.wait()
    expect((await typeDigits('first.use', key.passcode())).view.step).toBe('callback')
  })

  it('asks for the password too, where the person has one of their own', async () => {
    const { person, key } = await assigned('has.password', withPassword)
    const browser = await typeDigits('has.password', key.code())
    expect(browser.view.step).toBe('first_use_password')
    await browser.submit({ password: '' })
    await browser.submit({ password: 'Wrong-Wrong-99' })
    expect(errorsOf(browser.view)).toHaveLength(1)
    await browser.submit({ password: PASSWORD })
    expect(browser.view.step).toBe('first_use_pin')
    await finish(browser, key)
    await browser.submit({})
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: ACR_OTP, amr: ['pwd', 'pin', 'otp', 'mfa'] })
    expect(await acts(school, person.sub)).toEqual([
      'first_use_begun',
      'login_refused',
      'login_right',
      'key_in_service',
      'sign_in_completed',
      'application_opened',
    ])
  })

  it('asks the code alone where the policy says so', async () => {
    const { key } = await assigned('code.alone', {
      ...withPassword,
      userType: 'internship_counsellor',
    })
    expect((await typeDigits('code.alone', key.code())).view.step).toBe('first_use_pin')
  })

  it('asks for the password within a day of a mailed reset, whatever the policy, and counts later', async () => {
    const { person, key } = await assigned('mailed.reset', {
      ...withPassword,
      userType: 'internship_counsellor',
    })
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(`${school.dataFolder}/vestibule.sqlite`)
    database
      .prepare('UPDATE accounts SET password_reset_by_mail_at = ? WHERE sub = ?')
      .run(Date.now() - HOUR_MS, person.sub)
    database.close()
    const browser = await typeDigits('mailed.reset', key.code())
    expect(browser.view.step).toBe('first_use_password')
    await browser.submit({ password: PASSWORD })
    await finish(browser, key)
    expect(browser.view.text).toContain('your key counts from your next sign-in on')
    await browser.submit({})
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: 'urn:vestibule:acr:password', amr: ['pwd'] })
  })

  it('follows the password where the policy requires a key that was never used', async () => {
    const { key } = await assigned('required.first', { ...withPassword, userType: 'inspector' })
    const browser = await typeDigits('required.first', PASSWORD)
    expect(browser.view.step).toBe('first_use_code')
    await browser.submit({ code: '' })
    expect(browser.view.step).toBe('first_use_code')
    await browser.submit({ code: `${key.code().slice(0, 3)} ${key.code().slice(3)}` })
    await finish(browser, key)
    await browser.submit({})
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: ACR_OTP, amr: ['pwd', 'pin', 'otp', 'mfa'] })
  })

  it('works for keys that count and for longer codes', async () => {
    const { key } = await assigned('hotp.first', {}, { kind: 'hotp', counter: 3, digits: 8 })
    const browser = await typeDigits('hotp.first', key.code(4))
    expect(browser.view.step).toBe('first_use_pin')
    await definePin(browser)
    await browser.submit({ passcode: key.passcode(4) })
    expect(errorsOf(browser.view)).toHaveLength(1)
    await browser.submit({ passcode: key.passcode(5) })
    expect(browser.view.step).toBe('first_use_done')
  })

  it('is in French for whoever reads French', async () => {
    const { key } = await assigned('en.francais')
    const browser = await typeDigits('en.francais', key.code(), school.browser({ language: 'fr' }))
    expect(browser.view.text).toContain('code PIN de votre clé OTP')
    await finish(browser, key)
    expect(browser.view.text).toContain('Votre code PIN est défini')
  })
})

describe('the PIN of a key', () => {
  it('is typed twice, has four digits, and is none that others would guess', async () => {
    const { key } = await assigned('guessable')
    const browser = await typeDigits('guessable', key.code())
    for (const [pin, again] of [
      ['', ''],
      ['1234', '1234'],
      ['2580', '2580'],
      ['48265', '48265'],
      ['4826', '4862'],
    ] as const) {
      await definePin(browser, pin, again)
      expect(browser.view.step).toBe('first_use_pin')
      expect(errorsOf(browser.view).length).toBeGreaterThan(0)
    }
    await finish(browser, key)
    expect(browser.view.step).toBe('first_use_done')
  })
})

describe('the second code', () => {
  it('is another than the first, comes after it, and has the PIN before it', async () => {
    const { person, key } = await assigned('second.code')
    const first = key.code()
    const earlier = key.code(-1)
    const browser = await typeDigits('second.code', first)
    await definePin(browser)
    for (const passcode of [`${KEY_PIN}${first}`, `${KEY_PIN}${earlier}`, key.code(1), '']) {
      await browser.submit({ passcode })
      expect(browser.view.step).toBe('first_use_passcode')
      expect(errorsOf(browser.view)).toHaveLength(1)
    }
    key.wait()
    await browser.submit({ passcode: `9182${key.code()}` })
    expect(browser.view.step).toBe('first_use_passcode')
    await browser.submit({ passcode: key.passcode() })
    expect(errorsOf(browser.view)).toHaveLength(1) // Burnt beside the wrong PIN.
    expect(await reasons(person.sub)).toEqual([
      'wrong_code',
      'wrong_code',
      'wrong_code',
      'wrong_pin',
      'wrong_code',
    ])
    school.later(2 * MINUTE_MS) // Five failures make wait.
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('first_use_done')
  })

  it('fits the clock that the first has shown', async () => {
    const { key } = await assigned('other.clock', {}, { aheadMs: 60_000 })
    const browser = await typeDigits('other.clock', key.code())
    expect(browser.view.step).toBe('first_use_pin')
    await definePin(browser)
    key.wait()
    const slow = key.code(-3) // Right for a clock that is not ahead.
    await browser.submit({ passcode: `${KEY_PIN}${slow}` })
    expect(browser.view.step).toBe('first_use_passcode')
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('first_use_done')
  })
})

describe('a first use that is interrupted', () => {
  it('starts again with the digits, and leaves nothing half made', async () => {
    const { key } = await assigned('interrupted')
    const left = await typeDigits('interrupted', key.code())
    await definePin(left)
    const { state, pin } = await key.stored()
    expect({ state, pin }).toEqual({ state: 'assigned', pin: null })
    key.wait()
    // Another browser knows nothing of the PIN that was chosen.
    expect((await typeDigits('interrupted', key.passcode())).view.step).toBe('login')
    key.wait()
    const browser = await typeDigits('interrupted', key.code())
    await definePin(browser, '7391')
    key.wait()
    await browser.submit({ passcode: `7391${key.code()}` })
    expect(browser.view.step).toBe('first_use_done')
    // What was left open has nothing to finish any more.
    key.wait()
    await left.submit({ passcode: key.passcode() })
    expect(left.view.step).toBe('login')
    expect(errorsOf(left.view)).toEqual([CHANGED])
    expect((await key.stored()).pin?.length).toBe(4)
    key.wait()
    expect((await typeDigits('interrupted', `7391${key.code()}`)).view.step).toBe('callback')
  })

  it('is what a restart of the gateway makes of nobody', async () => {
    const { key } = await assigned('restarted')
    const browser = await typeDigits('restarted', key.code())
    await definePin(browser)
    await school.restart()
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('first_use_done')
    await school.restart()
    await browser.submit({})
    expect(browser.view.step).toBe('callback')
  })

  it('goes back to the digits at the press of a button', async () => {
    const { key } = await assigned('back.to.digits')
    const browser = await typeDigits('back.to.digits', key.code())
    await definePin(browser)
    await browser.submit({}, { form: START_AGAIN })
    expect(browser.view.step).toBe('login')
    key.wait()
    await browser.submit({ identifier: 'back.to.digits', password: key.code() })
    expect(browser.view.step).toBe('first_use_pin')
  })

  it('by another tab of the same sign-in goes on where that one is', async () => {
    const { key } = await assigned('two.tabs')
    const browser = await typeDigits('two.tabs', key.code())
    const atPin = browser.view
    await definePin(browser)
    expect(browser.view.step).toBe('first_use_passcode')
    const { action, csrf } = formIn(atPin)
    await browser.post(action, { csrf, new_pin: '7391', confirm_pin: '7391' })
    expect(browser.view.step).toBe('error')
    await browser.open(atPin.url)
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('first_use_done')
  })

  it('is void once the key was given to somebody else or reset meanwhile', async () => {
    const { person, key } = await assigned('meanwhile')
    const browser = await typeDigits('meanwhile', key.code())
    await definePin(browser)
    const { otpKeys } = school.gateway.core.deps.store
    const stored = await key.stored()
    const soon = Date.now() + DAY_MS
    const served = { ...stored, state: 'in_service' as const }
    const reset = resetPin(served, Date.now(), soon)
    await otpKeys.save(reset.ok ? reset.key : served)
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('login')
    const other = await school.person({ identifier: 'somebody.else', password: null })
    const given = assign({ ...stored, state: 'in_stock' }, Date.now(), {
      sub: other.sub,
      firstUseBy: soon,
      loanUntil: null,
    })
    await otpKeys.save(given.ok ? given.key : stored)
    key.wait()
    expect((await typeDigits('meanwhile', key.code())).view.step).toBe('login')
    expect((await typeDigits('somebody.else', key.code())).view.step).toBe('first_use_pin')
    expect(await reasons(person.sub)).toEqual([])
  })
})

describe('the activation of a key', () => {
  it('closes after 25 wrong first uses where no password is asked, and tells its holder', async () => {
    const { person, key } = await assigned('closes.at.25')
    for (let time = 0; time < 25; time += 1) {
      expect((await key.stored()).state).toBe('assigned')
      school.later(3 * HOUR_MS)
      expect((await typeDigits('closes.at.25', key.code(50))).view.step).toBe('login')
    }
    expect((await key.stored()).state).toBe('activation_closed')
    expect(await noticesOf(school, person.sub)).toEqual(['key_activation_closed'])
    school.later(3 * HOUR_MS)
    expect((await typeDigits('closes.at.25', key.code())).view.step).toBe('login')
  })

  it('closes after 5 of somebody who has proved the password, who is told whom to ask', async () => {
    const { person, key } = await assigned('closes.at.5', {
      ...withPassword,
      userType: 'inspector',
    })
    const browser = await typeDigits('closes.at.5', PASSWORD)
    for (let time = 0; time < 4; time += 1) {
      await browser.submit({ code: key.code(50) })
      expect(browser.view.step).toBe('first_use_code')
    }
    await browser.submit({ code: key.code(50) })
    expect(browser.view.step).toBe('unmet')
    expect(await noticesOf(school, person.sub)).toEqual(['key_activation_closed'])
    await reopen(browser)
    expect((await typeDigits('closes.at.5', PASSWORD, browser)).view.step).toBe('unmet')
  })

  it('is closed by no stranger where the password is asked', async () => {
    const { key } = await assigned('strangers.try', withPassword)
    for (let time = 0; time < 30; time += 1) {
      school.later(3 * HOUR_MS)
      await typeDigits('strangers.try', key.code(50))
    }
    expect(await key.stored()).toMatchObject({ state: 'assigned', firstUseTries: 0 })
  })

  it('ends at its deadline', async () => {
    const { key } = await assigned('too.late')
    school.later(14 * DAY_MS - MINUTE_MS)
    expect((await typeDigits('too.late', key.code())).view.step).toBe('first_use_pin')
    school.later(2 * MINUTE_MS)
    expect((await typeDigits('too.late', key.code())).view.step).toBe('login')
  })

  it('that was closed in the middle of a first use ends it', async () => {
    const { key } = await assigned('closed.meanwhile')
    const browser = await typeDigits('closed.meanwhile', key.code())
    await definePin(browser)
    const closed = closeActivation(await key.stored(), Date.now())
    await school.gateway.core.deps.store.otpKeys.save(closed.ok ? closed.key : await key.stored())
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('login')
    expect((await key.stored()).pin).toBeNull()
  })
})

describe('what changes in the middle of a first use', () => {
  it('ends it: the policy takes keys away, or asks for longer PINs', async () => {
    const person = { userType: 'student' as const }
    const { key } = await assigned('policy.changes', person)
    const browser = await typeDigits('policy.changes', key.code())
    await definePin(browser)
    await school.policies({ student: { otp: 'off' } })
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('login')
    expect(errorsOf(browser.view)).toEqual([CHANGED])
    await school.policies({ student: {} })
    key.wait()
    await browser.submit({ identifier: 'policy.changes', password: key.code() })
    await definePin(browser)
    await school.policies({ student: { otp_keys: { pin_length: 6 } } })
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(errorsOf(browser.view)).toEqual([CHANGED])
    await school.policies({ student: {} })
    expect(await key.stored()).toMatchObject({ state: 'assigned', pin: null })
  })

  it('ends it: the person has a password of their own by now, which was not asked', async () => {
    const { person, key } = await assigned('password.came', {
      password: PASSWORD,
      passwordOrigin: 'initial',
    })
    const browser = await typeDigits('password.came', key.code())
    await definePin(browser)
    const { accounts } = school.gateway.core.deps.store
    const password = (await accounts.bySub(person.sub))?.password
    if (password !== undefined && password !== null) {
      await accounts.setPassword(person.sub, { ...password, origin: 'personal' })
    }
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(errorsOf(browser.view)).toEqual([CHANGED])
    expect((await key.stored()).state).toBe('assigned')
  })

  it('does not let a stranger use up the holder’s tries, nor make them wait', async () => {
    const { key } = await assigned('two.counts', { ...withPassword, userType: 'inspector' })
    await school.policies({ inspector: { otp: 'required', otp_keys: { first_use: 'code' } } })
    for (let time = 0; time < 24; time += 1) {
      const stranger = await typeDigits('two.counts', key.code(50))
      expect(stranger.view.step).toBe('login')
      school.later(time < 4 ? 0 : 3 * HOUR_MS)
    }
    const browser = await typeDigits('two.counts', PASSWORD)
    for (let time = 0; time < 4; time += 1) {
      await browser.submit({ code: key.code(50) })
    }
    expect(browser.view.step).toBe('first_use_code')
    await browser.submit({ code: key.code() })
    expect(browser.view.step).toBe('first_use_pin')
    await school.policies({ inspector: { otp: 'required' } })
  })

  it('does not shut out whoever has a password of digits as long as the code', async () => {
    const { key } = await assigned('digits.alike', { password: '482913', protection: 'none' })
    expect((await typeDigits('digits.alike', '482913')).view.step).toBe('callback')
    const browser = await typeDigits('digits.alike', key.code())
    await browser.submit({ password: '482913' })
    expect(browser.view.step).toBe('first_use_pin')
  })
})

describe('somebody with a PIN for their devices', () => {
  it('is not asked for it in the sign-in that puts a key in service', async () => {
    const { key } = await assigned('pin.and.key', { password: PASSWORD, pin: PIN })
    const browser = await typeDigits('pin.and.key', key.code())
    await browser.submit({ password: PASSWORD })
    await finish(browser, key)
    expect((await browser.submit({})).step).toBe('callback')
  })
})
