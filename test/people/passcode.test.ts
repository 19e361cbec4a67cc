import { StatementSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { disable } from '../../accounts/administer.ts'
import { unblock } from '../../accounts/otp_key.ts'
import type { Browser } from '../support/browser.ts'
import { giveKey, type HeldKey, KEY_PIN, type KeyWishes } from '../support/otp_key.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  PASSWORD,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'
import { acts, enter, errorsOf, isSentBack, noticesOf, postByHand, reopen } from './acts.ts'

const REFUSED =
  'We could not sign you in. Check your identifier and your password or passcode. After several tries, wait a few minutes, or ask your school.'
const NOT_ACCEPTED =
  'Not accepted, or already used: wait for the next code. After several tries, wait a few minutes.'
const ACR_OTP = 'urn:vestibule:acr:otp'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool({}, { seals: false })
  application = await school.application()
  await school.policies({ inspector: { otp: 'required' }, guardian: { otp: 'off' } })
})
afterAll(() => school.stop())

/** Somebody with a PIN on their account and a key in service. */
const holder = async (
  identifier: string,
  more: Partial<Parameters<School['person']>[0]> = {},
  wishes: Partial<KeyWishes> = {},
): Promise<{ person: Account; key: HeldKey }> => {
  const person = await school.person({ identifier, userType: 'staff', pin: PIN, ...more })
  return { person, key: await giveKey(school, person.sub, wishes) }
}

/** Types a passcode, or anything else, into the one field of the login page. */
const enterWith = async (identifier: string, secret: string, browser = school.browser()) => {
  await enter(application, browser, identifier, { password: secret })
  return browser
}

const signsIn = async (identifier: string, secret: string, browser?: Browser): Promise<boolean> =>
  (await enterWith(identifier, secret, browser)).view.step === 'callback'

const reasons = async (sub: string, act: string): Promise<unknown[]> =>
  (await school.gateway.core.deps.store.audit.list({ sub, act }, 1_000))
    .map(({ detail }) => detail['why'])
    .reverse()

describe('a passcode on the login page', () => {
  it('signs in from any computer, without the PIN of the device', async () => {
    const { person, key } = await holder('any.computer')
    const browser = await enterWith('any.computer', key.passcode())
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: ACR_OTP, amr: ['pin', 'otp', 'mfa'] })
    expect(await acts(school, person.sub)).toEqual([
      'login_right',
      'sign_in_completed',
      'application_opened',
    ])
  })

  it('is all that an account without a password needs, and asks for nothing more', async () => {
    const { key } = await holder('no.password', { password: null, pin: undefined as never })
    const browser = await enterWith('no.password', key.passcode())
    expect(browser.view.step).toBe('callback')
    expect((await browser.open('/')).step).toBe('portal')
  })

  it('serves once, even when the sign-in failed', async () => {
    const { person, key } = await holder('serves.once')
    expect(await signsIn('serves.once', key.passcode())).toBe(true)
    const other = await enterWith('serves.once', key.passcode())
    expect(errorsOf(other.view)).toEqual([REFUSED])
    key.wait()
    const typo = await enterWith('serves.once', `9999${key.code()}`)
    expect(errorsOf(typo.view)).toEqual([REFUSED])
    expect(await signsIn('serves.once', key.passcode())).toBe(false)
    key.wait()
    expect(await signsIn('serves.once', key.passcode())).toBe(true)
    expect(await reasons(person.sub, 'login_refused')).toEqual([
      'wrong_code',
      'wrong_pin',
      'wrong_code',
    ])
  })

  it('posted twenty times at once lets one in', async () => {
    const { key } = await holder('twenty.times')
    const browsers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const browser = school.browser()
        await application.start(browser)
        return browser
      }),
    )
    const password = key.passcode()
    const answers = await Promise.all(
      browsers.map((browser) => postByHand(browser, { identifier: 'twenty.times', password })),
    )
    const sentBack = answers.filter(isSentBack)
    expect(sentBack).toHaveLength(19)
    const on = answers.filter((answer) => !isSentBack(answer))
    expect(on.map(({ headers }) => headers.get('location'))).toEqual([
      expect.stringContaining('/auth/'),
    ])
  })

  it('of each of several keys is known by its code', async () => {
    const { person, key } = await holder('three.keys')
    const hotp = await giveKey(school, person.sub, { kind: 'hotp', counter: 7, pin: '7391' })
    const long = await giveKey(school, person.sub, { digits: 8, algorithm: 'SHA256' })
    for (const each of [key, hotp, long]) {
      expect(await signsIn('three.keys', each.passcode()), each.serial).toBe(true)
      expect(await signsIn('three.keys', each.passcode()), each.serial).toBe(false)
    }
    // The PIN of one key beside the code of another is a wrong PIN.
    hotp.wait()
    expect(await signsIn('three.keys', `${KEY_PIN}${hotp.code()}`)).toBe(false)
  })

  it('is a password where it has not the length of a passcode', async () => {
    await school.person({ identifier: 'digits.initial', password: '14032010' })
    expect((await enterWith('digits.initial', '14032010')).view.step).not.toBe('login')
    const { person } = await holder('digits.and.key', {
      password: '14032010',
      passwordOrigin: 'initial',
    })
    expect((await enterWith('digits.and.key', '14032010')).view.step).toBe('pin')
    expect((await enterWith('digits.and.key', '1403201012')).view.step).toBe('login')
    expect(await reasons(person.sub, 'login_refused')).toEqual(['wrong_code'])
  })

  it('is not accepted where the policy has no keys, or after the account was disabled', async () => {
    const { key } = await holder('policy.off', { userType: 'guardian' })
    expect(await signsIn('policy.off', key.passcode())).toBe(false)
    const { person, key: second } = await holder('is.disabled')
    await disable(school.gateway.core.deps, async () => undefined, person.sub, 'cli:test')
    expect(await signsIn('is.disabled', second.passcode())).toBe(false)
  })

  it('is refused with the same answer and the same work whatever was wrong', async () => {
    const blank = { identifier: '', password: '' }
    const { key } = await holder('same.work')
    const { person, key: used } = await holder('same.used')
    expect(await signsIn('same.used', used.passcode())).toBe(true)
    await giveKey(school, (await school.person({ identifier: 'same.first' })).sub, {
      state: 'assigned',
    })
    await giveKey(school, (await school.person({ identifier: 'same.code', password: null })).sub, {
      state: 'assigned',
    })
    await school.person({ identifier: 'same.none' })
    const right = key.code()
    const wrong = right === '000000' ? '000001' : '000000'
    const cases: [string, string, string][] = [
      ['nobody', 'same.nobody', `${KEY_PIN}${wrong}`],
      ['no key', 'same.none', `${KEY_PIN}${wrong}`],
      ['wrong code', 'same.work', `${KEY_PIN}${wrong}`],
      ['wrong PIN', 'same.work', `9182${right}`],
      ['repeated', 'same.used', used.passcode()],
      ['first use, wrong', 'same.first', wrong],
      ['first use without a password, wrong', 'same.code', wrong],
    ]
    const statements = [
      vi.spyOn(StatementSync.prototype, 'all'),
      vi.spyOn(StatementSync.prototype, 'run'),
      vi.spyOn(StatementSync.prototype, 'get'),
    ]
    const work = () => ({
      hashes: school.gateway.core.hasher.stats().runs,
      statements: statements.reduce((sum, spy) => sum + spy.mock.calls.length, 0),
    })
    const seen: Record<string, unknown> = {}
    for (const [name, identifier, password] of cases) {
      const browser = school.browser({ address: `203.0.113.${Object.keys(seen).length + 1}` })
      await application.start(browser)
      const before = work()
      await browser.submit({ identifier, password })
      const after = work()
      seen[name] = {
        ...blank,
        errors: errorsOf(browser.view),
        status: browser.view.status,
        hashes: after.hashes - before.hashes,
        statements: after.statements - before.statements,
      }
    }
    for (const spy of statements) {
      spy.mockRestore()
    }
    expect(seen['nobody']).toMatchObject({ errors: [REFUSED], status: 200, hashes: 1 })
    for (const [name] of cases) {
      expect(seen[name], name).toEqual(seen['nobody'])
    }
    expect(await reasons(person.sub, 'login_refused')).toEqual(['wrong_code'])
  })
})

describe('a passcode as a step after the password', () => {
  it('is asked where the policy requires it, in place of the PIN', async () => {
    const { person, key } = await holder('inspector.key', { userType: 'inspector' })
    const browser = await enterWith('inspector.key', PASSWORD)
    expect(browser.view.step).toBe('otp')
    expect(browser.view.text).toContain('Your school asks for your OTP key each time you sign in.')
    await browser.submit({ passcode: '' })
    expect(errorsOf(browser.view)).toHaveLength(1)
    await browser.submit({ passcode: `${KEY_PIN}000000` })
    expect(errorsOf(browser.view)).toEqual([NOT_ACCEPTED])
    await browser.submit({ passcode: `4826 ${key.code()}` })
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: ACR_OTP, amr: ['pwd', 'pin', 'otp', 'mfa'] })
    expect(await acts(school, person.sub)).toEqual([
      'login_right',
      'passcode_wrong',
      'passcode_right',
      'sign_in_completed',
      'application_opened',
    ])
  })

  it('is said in one way, whichever part was wrong, and was used up by it', async () => {
    const { person, key } = await holder('step.wrong', { userType: 'inspector' })
    const browser = await enterWith('step.wrong', PASSWORD)
    const wrong = [`4827${key.code()}`, key.passcode(), '12345', 'not digits', '4826000000']
    const said = []
    for (const passcode of wrong) {
      await browser.submit({ passcode })
      said.push([browser.view.status, ...errorsOf(browser.view)])
    }
    expect(new Set(said.map(String))).toEqual(new Set([`200,${NOT_ACCEPTED}`]))
    expect(await reasons(person.sub, 'passcode_wrong')).toEqual([
      'wrong_pin',
      'wrong_code',
      'wrong_code',
      'wrong_code',
      'wrong_code',
    ])
    // The fifth failure here makes wait, as with passwords.
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    expect(errorsOf(browser.view)).toEqual([NOT_ACCEPTED])
    school.later(2 * MINUTE_MS)
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('callback')
  })

  it('cannot be guessed for longer by whoever knows the password', async () => {
    const { person } = await holder('knows.password', { protection: 'none' })
    const wrong = `${KEY_PIN}000000`
    for (let round = 0; round < 3; round += 1) {
      for (let time = 0; time < 2; time += 1) {
        expect(await signsIn('knows.password', wrong)).toBe(false)
      }
      expect(await signsIn('knows.password', PASSWORD)).toBe(true)
    }
    expect(await reasons(person.sub, 'login_refused')).toEqual([
      'wrong_code',
      'wrong_code',
      'wrong_code',
      'wrong_code',
      'wrong_code',
      'delayed',
    ])
  })

  it('leads nowhere without a usable key, and the PIN never stands in', async () => {
    const person = await school.person({
      identifier: 'no.key',
      userType: 'inspector',
      pin: PIN,
    })
    const browser = await enterWith('no.key', PASSWORD)
    expect(browser.view.step).toBe('unmet')
    const key = await giveKey(school, person.sub)
    const { otpKeys } = school.gateway.core.deps.store
    await otpKeys.save({ ...(await key.stored()), state: 'lost' })
    expect((await enterWith('no.key', PASSWORD)).view.step).toBe('unmet')
    // The application has asked for nothing: it is the school that does.
    expect(browser.view.html.querySelector('h1')?.text).toBe('Your school asks for an OTP key')
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: ACR_OTP } } })
    const wanting = school.browser()
    await enter(application, wanting, 'no.key', { parameters: { claims } })
    expect(wanting.view.html.querySelector('h1')?.text).toContain('needs more than a password')
    const silent = await school.browser()
    await enter(application, silent, 'no.key', { parameters: { prompt: 'login' } })
    expect(silent.view.step).toBe('unmet')
  })

  it('is asked of somebody signed in once an application wants it, and returned word for word', async () => {
    const { key } = await holder('step.up')
    const browser = school.browser()
    await enter(application, browser, 'step.up')
    await browser.submit({ pin: PIN })
    const before = (await application.finish(browser)).claims
    expect(before).toMatchObject({ amr: ['pwd', 'pin'] })
    school.later(10 * MINUTE_MS)
    const refeds = 'https://refeds.org/profile/mfa'
    await application.start(browser, { acr_values: refeds })
    expect(browser.view.step).toBe('otp')
    expect(browser.view.text).toContain('ENT asks for your OTP key.')
    await browser.submit({ passcode: key.passcode() })
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: refeds, auth_time: before.auth_time })
    expect(claims['amr']).toEqual(['pwd', 'pin', 'otp', 'mfa'])
  })

  it('satisfies an application that asks for the PIN of somebody whose PIN is blocked', async () => {
    const { person, key } = await holder('pin.is.blocked', { protection: 'none' })
    await school.gateway.core.deps.store.accounts.setPinBlocked(person.sub, Date.now())
    const browser = school.browser()
    await enter(application, browser, 'pin.is.blocked', {
      parameters: { acr_values: 'urn:vestibule:acr:pin' },
    })
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: key.passcode() })
    const { claims } = await application.finish(browser)
    expect(claims['acr']).toBe('urn:vestibule:acr:pin')
  })

  it('shows how long the code of the key still lasts, by the clock of the key', async () => {
    const { key } = await holder('gauge', { userType: 'inspector' }, { aheadMs: 20_000 })
    const browser = await enterWith('gauge', PASSWORD)
    const leftSeconds = () =>
      Number(browser.view.html.querySelector('[data-gauge]')?.getAttribute('data-left'))
    await browser.submit({ passcode: key.passcode() })
    for (const afterMs of [3_000, 8_000, 11_000]) {
      school.later(DAY_MS + afterMs)
      await reopen(browser)
      await enterWith('gauge', PASSWORD, browser)
      await browser.submit({ passcode: key.passcode() })
      expect(browser.view.step).toBe('callback')
    }
    await reopen(browser)
    await enterWith('gauge', PASSWORD, browser)
    const left = 30 - (((Date.now() + 20_000) / 1000) % 30)
    expect(Math.abs(leftSeconds() - left)).toBeLessThan(8)
  })
})

describe('a key whose clock or counter went astray', () => {
  it('comes back by two codes in a row', async () => {
    const { key } = await holder('summer.key', {}, { aheadMs: -5 * MINUTE_MS })
    expect(await signsIn('summer.key', key.passcode())).toBe(false)
    key.wait()
    expect(await signsIn('summer.key', key.passcode())).toBe(true)
    school.later(7 * DAY_MS)
    expect(await signsIn('summer.key', key.passcode())).toBe(true)
  })

  it('does not come back by one code typed twice, nor by one that shows a wrong PIN second', async () => {
    const { key } = await holder('twice.typed', {}, { aheadMs: 5 * MINUTE_MS })
    expect(await signsIn('twice.typed', key.passcode())).toBe(false)
    expect(await signsIn('twice.typed', key.passcode())).toBe(false)
    key.wait()
    expect(await signsIn('twice.typed', `1739${key.code()}`)).toBe(false)
    key.wait()
    expect(await signsIn('twice.typed', key.passcode())).toBe(true)
  })

  it('of counters may run ten ahead, and a hundred with two codes in a row', async () => {
    const { key } = await holder('hotp.ahead', {}, { kind: 'hotp', counter: 5 })
    expect(await signsIn('hotp.ahead', key.passcode(10))).toBe(true)
    // Never backwards: what was skipped is gone.
    expect(await signsIn('hotp.ahead', key.passcode(9))).toBe(false)
    expect(await signsIn('hotp.ahead', key.passcode(60))).toBe(false)
    expect(await signsIn('hotp.ahead', key.passcode(61))).toBe(true)
    expect((await key.stored()).next).toBe(67)
  })

  it('never accepts a counter later that was typed too early', async () => {
    const { key } = await holder('hotp.early', {}, { kind: 'hotp' })
    const early = key.passcode(12)
    expect(await signsIn('hotp.early', early)).toBe(false)
    expect(await signsIn('hotp.early', key.passcode(14))).toBe(false)
    expect(await signsIn('hotp.early', key.passcode(5))).toBe(true)
    expect(await signsIn('hotp.early', early)).toBe(false)
    expect(await signsIn('hotp.early', key.passcode(13))).toBe(true)
  })
})

describe('a right code beside a wrong PIN', () => {
  it('blocks the key when it happens ten times, until an administrator acts', async () => {
    const { person, key } = await holder('ten.wrong', { protection: 'none' })
    for (let time = 0; time < 10; time += 1) {
      expect((await key.stored()).state).toBe('in_service')
      school.later(3 * HOUR_MS)
      expect(await signsIn('ten.wrong', `1739${key.code()}`)).toBe(false)
    }
    expect((await key.stored()).state).toBe('blocked')
    expect(await noticesOf(school, person.sub)).toEqual(['key_blocked'])
    expect((await acts(school, person.sub)).filter((act) => act === 'key_blocked')).toHaveLength(1)
    school.later(3 * HOUR_MS)
    expect(await signsIn('ten.wrong', key.passcode())).toBe(false)
    expect(await signsIn('ten.wrong', PASSWORD)).toBe(true)
    const unblocked = unblock(await key.stored(), Date.now())
    await school.gateway.core.deps.store.otpKeys.save(
      unblocked.ok ? unblocked.key : await key.stored(),
    )
    school.later(3 * HOUR_MS)
    expect(await signsIn('ten.wrong', key.passcode())).toBe(true)
  })

  it('in parallel gives no more than ten guesses', async () => {
    const { key } = await holder('parallel.pins', {}, { kind: 'hotp' })
    const { otpKeys } = school.gateway.core.deps.store
    const stored = await key.stored()
    await otpKeys.save({ ...stored, wrongPins: 8 })
    // Ten codes that are all within the look-ahead, the last with the right PIN.
    const browsers = await Promise.all(
      Array.from({ length: 10 }, async (_, nth) => {
        const browser = school.browser({ address: `198.51.100.${nth + 1}` })
        await application.start(browser)
        return browser
      }),
    )
    await Promise.all(
      browsers.map((browser, nth) =>
        postByHand(
          browser,
          { identifier: 'parallel.pins', password: `1739${key.code(nth)}` },
          { 'x-forwarded-for': `198.51.100.${nth + 1}` },
        ),
      ),
    )
    const after = await key.stored()
    expect(after.wrongPins).toBe(10)
    expect(after.state).toBe('blocked')
  })

  it('that was the tenth blocks the key even if the gateway died before it said so', async () => {
    const { key } = await holder('died.before')
    const { otpKeys } = school.gateway.core.deps.store
    await otpKeys.save({ ...(await key.stored()), wrongPins: 10 })
    expect(await signsIn('died.before', key.passcode())).toBe(false)
    const unblocked = unblock(await key.stored(), Date.now())
    await otpKeys.save(unblocked.ok ? unblocked.key : await key.stored())
    expect(await signsIn('died.before', key.passcode())).toBe(true)
  })

  it('is forgotten by a success', async () => {
    const { key } = await holder('then.right')
    expect(await signsIn('then.right', `1739${key.code()}`)).toBe(false)
    expect((await key.stored()).wrongPins).toBe(1)
    key.wait()
    expect(await signsIn('then.right', key.passcode())).toBe(true)
    expect((await key.stored()).wrongPins).toBe(0)
  })
})

describe('somebody who merely knows an identifier', () => {
  it('neither blocks a key nor keeps its holder out, with a thousand wrong passcodes', async () => {
    const { person, key } = await holder('is.attacked')
    const own = school.browser({ address: '192.0.2.77' })
    expect(await signsIn('is.attacked', key.passcode(), own)).toBe(true)
    const attackers = await Promise.all(
      Array.from({ length: 20 }, async (_, nth) => {
        const browser = school.browser({ address: `198.18.${nth}.1` })
        await application.start(browser)
        return browser
      }),
    )
    for (let round = 0; round < 50; round += 1) {
      await Promise.all(
        attackers.map((browser, nth) =>
          postByHand(
            browser,
            {
              identifier: 'is.attacked',
              password: `4826${String(round * 20 + nth).padStart(6, '0')}`,
            },
            { 'x-forwarded-for': `198.18.${nth}.1` },
          ),
        ),
      )
    }
    const { otpKeys } = school.gateway.core.deps.store
    expect((await otpKeys.find(key.serial))?.state).toBe('in_service')
    const refused = await reasons(person.sub, 'login_refused')
    expect(refused).toHaveLength(1_000)
    // The holder, on another browser of the network that they have used.
    key.wait()
    const again = school.browser({ address: '192.0.2.78' })
    expect(await signsIn('is.attacked', key.passcode(), again)).toBe(true)
  })
})
