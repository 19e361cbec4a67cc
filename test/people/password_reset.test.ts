import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { disable } from '../../accounts/administer.ts'
import {
  requestPasswordReset,
  resetPasswordByMail,
  whoseReset,
} from '../../accounts/password_reset.ts'
import { secureAccount } from '../../accounts/secure_account.ts'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { ACR_PASSWORD, ACR_PIN, ENT, silently } from '../protocol/steps.ts'
import type { Browser, BrowserOptions, View } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
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
import { acts, devicesOf, enter, errorsOf, formIn, noticesOf, postByHand, reopen } from './acts.ts'
import { lettersTo, mailedTo, noticeLettersTo, notMeLink, WRITES_MAILS } from './letters.ts'

const FORGOTTEN = 'form[action$="/forgotten_password"]'
const AGAIN = 'form[action$="/password_reset_again"]'
const BACK = 'form[action$="/password_reset_back"]'
const NEW_PASSWORD = 'Marronnier-Encre-58'
const OTHER_PASSWORD = 'Girouette-Lavande-93'
/** More than the moment in which a button pressed twice sends one mail. */
const A_MOMENT_MS = 11_000
const REFUSED =
  'Not accepted: wrong, too old or already used. Check the newest mail, or ask for another code.'
const TOO_MANY = 'Several codes were mailed already.'

let school: School
let application: RelyingParty
const log: string[] = []
beforeAll(async () => {
  const sink = { write: (line: string) => log.push(line) }
  const settings = {
    ...WRITES_MAILS,
    applications: [{ ...ENT, scope: 'openid profile email school offline_access' }],
  }
  school = await startSchool(settings, {
    log: pino({ level: 'trace', base: null }, sink),
    seals: false,
  })
  application = await school.application()
})
afterAll(() => school.stop())

const deps = () => school.gateway.core.deps

/** Each in a network of its own: requests are counted by network too. */
let networks = 0
const somewhere = (options: BrowserOptions = {}): Browser => {
  networks += 1
  const address = `198.${18 + Math.floor(networks / 250)}.${networks % 250}.1`
  return school.browser({ address, ...options })
}

/** Somebody who has confirmed an address, beside the one that the school gave. */
const somebody = async (
  identifier: string,
  {
    verified = `${identifier}@home.example`,
    ...more
  }: Partial<PersonWishes> & {
    verified?: string | null
  } = {},
): Promise<Account> => {
  const { sub } = await school.person({
    identifier,
    protection: 'none',
    email: `${identifier}@tilleuls.example`,
    ...more,
  })
  await deps().store.accounts.setVerifiedEmail(sub, verified)
  return school.account(identifier)
}

const offersReset = ({ html }: View): boolean => html.querySelector(FORGOTTEN) !== null

const typedIn = ({ view }: Browser): string | undefined =>
  view.html.querySelector('input[name=identifier]')?.getAttribute('value')

/** Before the question whose password it is. */
const atWhose = async (browser: Browser = somewhere()): Promise<Browser> => {
  await application.start(browser)
  await browser.submit({}, { form: FORGOTTEN })
  expect(browser.view.step).toBe('password_reset')
  return browser
}

const atTheCode = async (identifier: string, browser?: Browser): Promise<Browser> => {
  const at = await atWhose(browser)
  await at.submit({ identifier })
  expect(at.view.step).toBe('password_reset_code')
  return at
}

/** The codes that were mailed to somebody, oldest first. */
const codesTo = (sub: string): string[] =>
  lettersTo(school, sub).flatMap((letter) =>
    letter.template === 'password_reset_code' ? [letter.code] : [],
  )
const newestTo = (sub: string): string => codesTo(sub).at(-1) ?? ''

const wrongFor = (code: string, nth = 1): string =>
  String((Number(code) + nth) % 1_000_000).padStart(6, '0')

const atDefine = async ({ sub, identifier }: Account, browser?: Browser): Promise<Browser> => {
  const at = await atTheCode(identifier, browser)
  await at.submit({ code: newestTo(sub) })
  expect(at.view.step).toBe('password_reset_define')
  return at
}

const define = (browser: Browser, password = NEW_PASSWORD, confirmation = password) =>
  browser.submit({ new_password: password, confirm_password: confirmation })

/** From the login page back to it, with a new password. */
const reset = async (person: Account, browser?: Browser, password = NEW_PASSWORD) => {
  const at = await atDefine(person, browser)
  await define(at, password)
  expect(at.view.step).toBe('login')
  expect(errorsOf(at.view)).toEqual([])
  return at
}

const askAgain = (browser: Browser) => {
  school.later(A_MOMENT_MS)
  return browser.submit({}, { form: AGAIN })
}

const opens = async (identifier: string, password: string): Promise<boolean> =>
  (await enter(application, somewhere(), identifier, { password })).step !== 'login'

const count = async (sub: string, act: string): Promise<number> =>
  (await acts(school, sub)).filter((each) => each === act).length

const whyRefused = async (sub: string | null): Promise<unknown[]> => {
  const act = 'password_reset_requested'
  const entries = await deps().store.audit.list(sub === null ? { act } : { sub, act }, 1_000)
  return entries
    .filter((entry) => entry.sub === sub && entry.outcome === 'refused')
    .map(({ detail }) => detail['why'])
    .reverse()
}

const ADDED = { remember_device: 'yes', device_name: 'Room 201' }

describe('whoever forgot their password', () => {
  it('types the mailed code, chooses another and signs in with it, into the application', async () => {
    const person = await somebody('forgot')
    const { sub } = person
    const browser = somewhere()
    await application.start(browser)
    expect(browser.view.text).toContain('Forgotten password?')
    await browser.submit({}, { form: FORGOTTEN })
    await browser.submit({ identifier: 'Forgot' })
    expect(browser.view.text).not.toContain('@')
    await browser.submit({ code: newestTo(sub) })
    await define(browser)
    expect(browser.view.step).toBe('login')
    expect(browser.view.text).toContain('Your password was replaced. Sign in with the new one.')
    expect(typedIn(browser)).toBe('Forgot')
    expect(await acts(school, sub)).toEqual([
      'password_reset_requested',
      'password_reset_code_right',
      'password_reset_done',
    ])
    school.later(MINUTE_MS)
    await browser.submit({ password: NEW_PASSWORD })
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ sub, acr: ACR_PASSWORD, amr: ['pwd'] })
    expect(await opens('forgot', PASSWORD)).toBe(false)
    expect((await school.account('forgot')).password).toMatchObject({
      origin: 'personal',
      rulesVersion: 1,
      mustChange: false,
      voidedAt: null,
      batchId: null,
    })
  })

  it('is told of it, also where the school writes to, and in the account', async () => {
    const person = await somebody('told')
    await reset(person)
    expect(await noticesOf(school, person.sub)).toEqual(['password_reset_by_mail'])
    expect(noticeLettersTo(school, person.sub).map(({ to, params }) => [to, params])).toEqual(
      ['told@home.example', 'told@tilleuls.example'].map((to) => [
        to,
        expect.objectContaining({ browser: 'Firefox', system: 'Windows' }),
      ]),
    )
  })

  it('finds what they had typed, there and on the way back', async () => {
    await somebody('typed.before')
    const browser = somewhere()
    await enter(application, browser, 'typed.before', { password: 'Wrong-Wrong-99' })
    expect(errorsOf(browser.view)).toHaveLength(1)
    await browser.submit({}, { form: FORGOTTEN })
    expect(typedIn(browser)).toBe('typed.before')
    await browser.submit({ identifier: '' })
    expect(errorsOf(browser.view)).toHaveLength(1)
    await browser.submit({ identifier: 'typed.before' })
    await browser.submit({}, { form: BACK })
    expect(browser.view.step).toBe('login')
    expect(errorsOf(browser.view)).toEqual([])
    expect(typedIn(browser)).toBe('typed.before')
    await browser.submit({ password: PASSWORD })
    expect(browser.view.step).toBe('callback')
  })

  it('finds what they were typing, where a script takes it along, and no more of it than fits', async () => {
    const browser = somewhere()
    await application.start(browser, { login_hint: 'hinted' })
    await browser.submit({ identifier: ` ${'t'.repeat(300)}` }, { form: FORGOTTEN })
    expect(browser.view.step).toBe('password_reset')
    expect(typedIn(browser)).toBe('t'.repeat(256))
  })

  it('may be named by the application', async () => {
    const browser = somewhere()
    await application.start(browser, { login_hint: 'hinted' })
    await browser.submit({}, { form: FORGOTTEN })
    expect(typedIn(browser)).toBe('hinted')
  })

  it('may go back at each page', async () => {
    const person = await somebody('goes.back')
    const browser = await atWhose()
    await browser.submit({}, { form: BACK })
    expect(browser.view.step).toBe('login')
    await browser.submit({}, { form: FORGOTTEN })
    await browser.submit({ identifier: 'goes.back' })
    await browser.submit({}, { form: BACK })
    expect(browser.view.step).toBe('login')
    await browser.submit({}, { form: FORGOTTEN })
    await browser.submit({ identifier: 'goes.back' })
    expect(codesTo(person.sub)).toHaveLength(1) // Within the moment.
    await browser.submit({ code: newestTo(person.sub) })
    await browser.submit({}, { form: BACK })
    expect(browser.view.step).toBe('login')
    await browser.submit({ password: PASSWORD })
    expect(browser.view.step).toBe('callback')
  })

  it('chooses one that keeps the rules, twice, and not the old one', async () => {
    const person = await somebody('rules')
    const browser = await atDefine(person)
    for (const [password, confirmation] of [
      ['', ''],
      [NEW_PASSWORD, OTHER_PASSWORD],
      ['short', 'short'],
      ['123456789012', '123456789012'],
      [PASSWORD, PASSWORD],
    ] as const) {
      await define(browser, password, confirmation)
      expect(browser.view.step).toBe('password_reset_define')
      expect(errorsOf(browser.view).length).toBeGreaterThan(0)
      expect(browser.view.text).not.toContain(OTHER_PASSWORD)
    }
    expect(await count(person.sub, 'password_reset_done')).toBe(0)
    await define(browser)
    expect(browser.view.step).toBe('login')
  })

  it('meets it all in French', async () => {
    const person = await somebody('en.francais', { locale: 'fr' })
    const browser = somewhere({ language: 'fr' })
    await application.start(browser)
    expect(browser.view.text).toContain('Mot de passe oublié')
    await browser.submit({}, { form: FORGOTTEN })
    await browser.submit({ identifier: 'en.francais' })
    const [letter] = lettersTo(school, person.sub)
    expect(letter).toMatchObject({ locale: 'fr' })
    await browser.submit({ code: wrongFor(newestTo(person.sub)) })
    expect(errorsOf(browser.view)[0]).toMatch(/^Non accepté/)
    await browser.submit({ code: newestTo(person.sub) })
    expect(browser.view.headers.get('content-language')).toBe('fr')
    await define(browser)
    expect(browser.view.text).toContain('Votre mot de passe a été remplacé.')
  })

  it('gets a mail of six digits to the address they confirmed; they stand nowhere else', async () => {
    const person = await somebody('secret.code')
    const { sub } = person
    const browser = await atTheCode('secret.code')
    const code = newestTo(sub)
    expect(code).toMatch(/^\d{6}$/)
    expect(lettersTo(school, sub)).toEqual([
      {
        template: 'password_reset_code',
        sub,
        to: 'secret.code@home.example',
        locale: 'en',
        code,
        minutes: 10,
      },
    ])
    const addresses = [String(browser.view.url)]
    await browser.submit({ code })
    addresses.push(String(browser.view.url))
    await define(browser)
    const { audit, notices } = deps().store
    const written = [await audit.list({ sub }, 100), await notices.list(sub, 100)]
    for (const text of [JSON.stringify(written), ...addresses, ...log]) {
      expect(text).not.toMatch(new RegExp(`(?<![\\w.-])${code}(?![\\w.-])`))
      expect(text).not.toContain(NEW_PASSWORD)
    }
    expect(log.length).toBeGreaterThan(0)
  })

  it('goes on after the gateway was started anew', async () => {
    const person = await somebody('restarted')
    const browser = await atTheCode('restarted')
    await school.restart()
    await browser.submit({ code: newestTo(person.sub) })
    expect(browser.view.step).toBe('password_reset_define')
    await school.restart()
    await define(browser)
    await school.restart()
    await browser.open(browser.view.url)
    expect(browser.view.text).toContain('Your password was replaced.')
  })

  it('has to begin again where the sign-in took too long', async () => {
    const person = await somebody('too.long')
    const browser = await atDefine(person)
    school.later(DAY_MS)
    await define(browser)
    expect(browser.view.status).toBe(400)
    expect(browser.view.step).toBe('error')
    expect(await count(person.sub, 'password_reset_done')).toBe(0)
  })

  it.each([
    ['a temporary one', { passwordOrigin: 'temporary' }],
    ['an initial one', { passwordOrigin: 'initial' }],
    ['one that must be changed', { mustChange: true }],
    ['a temporary one that has ended', { passwordOrigin: 'temporary' }, 40 * DAY_MS],
  ] as const)('may do so with %s', async (what, wishes, laterMs = 0) => {
    const person = await somebody(`has.${what.replaceAll(' ', '.')}`, wishes)
    school.later(laterMs)
    await reset(person)
    school.later(MINUTE_MS)
    const browser = somewhere()
    await enter(application, browser, person.identifier, { password: NEW_PASSWORD })
    expect(browser.view.step).toBe('callback')
  })

  it('may do so with one that the school has voided, and is back in', async () => {
    const person = await somebody('voided', { pin: PIN, protection: 'pin' })
    await secureAccount(
      deps(),
      school.gateway.core.endEverything,
      person.sub,
      'password_voided',
      'x',
    )
    school.later(MINUTE_MS)
    await reset(person)
    school.later(MINUTE_MS)
    const browser = somewhere()
    await enter(application, browser, 'voided', { password: NEW_PASSWORD })
    expect(browser.view.step).toBe('pin')
    expect(browser.view.text).toContain('Your PIN code is blocked')
  })
})

describe('after it', () => {
  it('whoever tried in vain before signs in at once; elsewhere a guesser still waits', async () => {
    const person = await somebody('tried.before')
    const fail = async (browser: Browser) => {
      await application.start(browser)
      for (let time = 0; time < 5; time += 1) {
        await browser.submit({ identifier: 'tried.before', password: 'Wrong-Wrong-99' })
      }
    }
    const [owner, guesser] = [somewhere(), somewhere()]
    await fail(owner)
    await fail(guesser)
    await owner.submit({}, { form: FORGOTTEN })
    await owner.submit({ identifier: 'tried.before' })
    await owner.submit({ code: newestTo(person.sub) })
    await define(owner)
    await guesser.submit({ identifier: 'tried.before', password: NEW_PASSWORD })
    expect(guesser.view.step).toBe('login')
    await owner.submit({ password: NEW_PASSWORD })
    expect(owner.view.step).toBe('callback')
  })

  it('sessions are over with their tokens, also half-open ones, and devices are forgotten', async () => {
    const person = await somebody('ends.all', { pin: PIN, protection: 'pin' })
    const { sub } = person
    const elsewhere = somewhere()
    await enter(application, elsewhere, 'ends.all')
    await elsewhere.submit({ pin: PIN, ...ADDED })
    const theirs = await application.finish(elsewhere)
    const halfOpen = somewhere()
    await enter(application, halfOpen, 'ends.all')
    expect(halfOpen.view.step).toBe('pin')
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
    school.later(MINUTE_MS)
    await reset(person)
    expect(await devicesOf(school, sub)).toEqual([])
    expect(await silently(application, elsewhere)).toBe('login_required')
    await expect(application.userinfo(theirs)).rejects.toThrow()
    await halfOpen.submit({ pin: PIN })
    expect(halfOpen.view.status).toBe(400)
    // The PIN is the one that it was, and is asked for.
    school.later(MINUTE_MS)
    await reopen(elsewhere)
    await enter(application, elsewhere, 'ends.all', { password: NEW_PASSWORD })
    expect(elsewhere.view.step).toBe('pin')
    await elsewhere.submit({ pin: PIN })
    expect((await application.finish(elsewhere)).claims).toMatchObject({ acr: ACR_PIN })
  })

  it('whatever was issued before is void, should the gateway die before it ends the sessions', async () => {
    const { sub } = await somebody('dies.between')
    const elsewhere = somewhere()
    await enter(application, elsewhere, 'dies.between')
    const theirs = await application.finish(elsewhere)
    school.later(MINUTE_MS)
    const asking = { boundTo: 'flow', locale: 'en' } as const
    const origin = { address: '192.0.8.8', userAgent: '', deviceToken: null, clientId: null }
    const { codeId } = await requestPasswordReset(deps(), 'dies.between', asking, origin)
    const whose = (await whoseReset(deps(), sub, codeId ?? '')) ?? expect.fail('nobody')
    const typed = { password: NEW_PASSWORD, confirmation: NEW_PASSWORD }
    const proved = { ...whose, codeId: codeId ?? '' }
    const done = await resetPasswordByMail(deps(), async () => {}, proved, typed, origin)
    expect(done).toEqual({ ok: true })
    await expect(application.userinfo(theirs)).rejects.toThrow()
    expect(await silently(application, elsewhere)).toBe('login_required')
  })

  it('PIN, protection and OTP keys are what they were', async () => {
    const person = await somebody('keeps', { userType: 'staff', pin: PIN, protection: 'pin' })
    const key = await giveKey(school, person.sub)
    await reset(person)
    const now = await school.account('keeps')
    expect([now.pin, now.protection]).toEqual([person.pin, 'pin'])
    expect(await key.stored()).toMatchObject({ state: 'in_service', sub: person.sub })
    school.later(MINUTE_MS)
    const browser = somewhere()
    await enter(application, browser, 'keeps', { password: key.passcode() })
    expect(browser.view.step).toBe('callback')
  })

  it('a sign-in asked for again in an open session goes on, with the new one', async () => {
    const person = await somebody('within.session')
    const browser = somewhere()
    await enter(application, browser, 'within.session')
    await application.finish(browser)
    school.later(MINUTE_MS)
    await application.start(browser, { prompt: 'login' })
    await browser.submit({}, { form: FORGOTTEN })
    await browser.submit({ identifier: 'within.session' })
    await browser.submit({ code: newestTo(person.sub) })
    await define(browser)
    expect(browser.view.step).toBe('login')
    school.later(MINUTE_MS)
    await browser.submit({ password: NEW_PASSWORD })
    expect((await application.finish(browser)).claims).toMatchObject({ sub: person.sub })
  })

  it('others in that browser stay signed in', async () => {
    const person = await somebody('family.one')
    await somebody('family.two')
    const browser = somewhere()
    await enter(application, browser, 'family.two')
    await application.finish(browser)
    await application.start(browser, { prompt: 'login' })
    await browser.submit({}, { form: FORGOTTEN })
    await browser.submit({ identifier: 'family.one' })
    await browser.submit({ code: newestTo(person.sub) })
    await define(browser)
    expect(await silently(application, browser)).toBe(null)
  })
})

describe('the mailed code', () => {
  it('is refused at the sixth try, even the right one', async () => {
    const { sub } = await somebody('sixth.try')
    const browser = await atTheCode('sixth.try')
    const code = newestTo(sub)
    for (let nth = 1; nth <= 5; nth += 1) {
      await browser.submit({ code: wrongFor(code, nth) })
      expect(errorsOf(browser.view)).toEqual([REFUSED])
    }
    await browser.submit({ code })
    expect(browser.view.step).toBe('password_reset_code')
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    expect(await count(sub, 'password_reset_code_wrong')).toBe(6)
    await browser.submit({}, { form: AGAIN }) // Used up: another one, at once.
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('password_reset_define')
  })

  it('is right at the fifth, typed with a blank; what cannot be one costs no try', async () => {
    const { sub } = await somebody('fifth.try')
    const browser = await atTheCode('fifth.try')
    const code = newestTo(sub)
    for (const typed of ['', '12345', 'abcdef', ...[1, 2, 3, 4].map((n) => wrongFor(code, n))]) {
      await browser.submit({ code: typed })
      expect(errorsOf(browser.view)).toHaveLength(1)
    }
    await browser.submit({ code: ` ${code.slice(0, 3)} ${code.slice(3)} ` })
    expect(browser.view.step).toBe('password_reset_define')
  })

  it('serves no other browser, nor another sign-in of the same one', async () => {
    const { sub } = await somebody('other.browser')
    const owner = await atTheCode('other.browser')
    const code = newestTo(sub)
    const thief = await atTheCode('other.browser')
    await thief.submit({ code })
    expect(errorsOf(thief.view)).toEqual([REFUSED])
    await atTheCode('other.browser', owner)
    await owner.submit({ code })
    expect(errorsOf(owner.view)).toEqual([REFUSED])
  })

  it('serves ten minutes', async () => {
    const { sub } = await somebody('expired')
    const browser = await atTheCode('expired')
    school.later(10 * MINUTE_MS)
    await browser.submit({ code: newestTo(sub) })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    const intime = await atTheCode('expired')
    school.later(10 * MINUTE_MS - 1_000)
    await intime.submit({ code: newestTo(sub) })
    expect(intime.view.step).toBe('password_reset_define')
  })

  it('gives way to a newer one', async () => {
    const { sub } = await somebody('newest.wins')
    const browser = await atTheCode('newest.wins')
    await askAgain(browser)
    const [old = '', newest = ''] = codesTo(sub)
    await browser.submit({ code: old })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    await browser.submit({ code: newest })
    expect(browser.view.step).toBe('password_reset_define')
  })

  it('is evaluated five times at most when twenty tries come at once, and right once', async () => {
    const { sub } = await somebody('twenty.tries')
    const browser = await atTheCode('twenty.tries')
    const code = newestTo(sub)
    await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        postByHand(browser, { code: nth % 3 === 2 ? code : wrongFor(code, nth + 1) }),
      ),
    )
    expect(await count(sub, 'password_reset_code_right')).toBe(1)
    expect(await count(sub, 'password_reset_code_wrong')).toBeLessThanOrEqual(4)
  })

  it('is not that of a PIN, and serves no PIN', async () => {
    const person = await somebody('two.purposes', { pin: PIN, protection: 'pin' })
    const atPin = somewhere()
    await enter(application, atPin, 'two.purposes')
    await atPin.submit({}, { form: 'form[action$="/pin_reset"]' })
    const forPin = lettersTo(school, person.sub).flatMap((letter) =>
      letter.template === 'pin_reset_code' ? [letter.code] : [],
    )
    const browser = await atTheCode('two.purposes')
    await browser.submit({ code: forPin[0] ?? '' })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    await atPin.submit({ code: newestTo(person.sub) })
    expect(atPin.view.step).toBe('pin_reset_code')
  })

  const LOST: readonly (readonly [string, (person: Account) => Promise<unknown>])[] = [
    [
      'the owner says that a sign-in was not theirs',
      ({ sub }) => secureAccount(deps(), school.gateway.core.endEverything, sub, 'not_me', sub),
    ],
    [
      'another address was confirmed',
      ({ sub }) =>
        deps().store.accounts.setVerifiedEmail(sub, 'new@home.example', {
          atMs: deps().clock(),
          previous: null,
        }),
    ],
    ['the address was removed', ({ sub }) => deps().store.accounts.setVerifiedEmail(sub, null)],
    ['the account is disabled', ({ sub }) => disable(deps(), async () => {}, sub, 'cli:test')],
  ]
  it.each(LOST)('serves no more once %s, nor does one that was proved', async (what, act) => {
    const person = await somebody(`lost.${what.slice(-12).replaceAll(' ', '.')}`)
    const proved = await atDefine(person)
    school.later(A_MOMENT_MS)
    const browser = await atTheCode(person.identifier)
    const code = newestTo(person.sub)
    school.later(1_000)
    await act(person)
    await browser.submit({ code })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    const reloaded = await proved.copy()
    await reloaded.open(proved.view.url)
    await define(proved)
    expect([reloaded.view.step, proved.view.step]).toEqual(['login', 'login'])
    expect(errorsOf(reloaded.view)).toEqual([REFUSED])
    expect(errorsOf(proved.view)).toEqual([REFUSED])
    expect(proved.view.text).not.toContain('Your password was replaced')
    expect(await count(person.sub, 'password_reset_done')).toBe(0)
  })
})

describe('a form that is sent twice', () => {
  it('mails one code, for each of its buttons', async () => {
    const { sub } = await somebody('double.click')
    const browser = await atWhose()
    const ask = () => postByHand(browser, { identifier: 'double.click' })
    const answers = await Promise.all([ask(), ask(), ask()])
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303])
    expect(codesTo(sub)).toHaveLength(1)
    await browser.open(browser.view.url)
    const second = await browser.copy()
    await second.open(browser.view.url)
    school.later(A_MOMENT_MS)
    await Promise.all([browser.submit({}, { form: AGAIN }), second.submit({}, { form: AGAIN })])
    expect(codesTo(sub)).toHaveLength(2)
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('password_reset_define')
  })

  it('proves the code once and replaces the password once; a tab behind is led on', async () => {
    const { sub } = await somebody('twice')
    const browser = await atTheCode('twice')
    const late = await browser.copy()
    await late.open(browser.view.url)
    const code = newestTo(sub)
    await Promise.all([postByHand(browser, { code }), postByHand(browser, { code })])
    await late.submit({ code })
    expect(late.view.step).toBe('password_reset_define')
    expect(await count(sub, 'password_reset_code_right')).toBe(1)
    await browser.open(browser.view.url)
    const fields = { new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD }
    await Promise.all([postByHand(browser, fields), postByHand(browser, fields)])
    await late.submit({ new_password: OTHER_PASSWORD, confirm_password: OTHER_PASSWORD })
    expect(late.view.text).toContain('Your password was replaced.')
    expect(await count(sub, 'password_reset_done')).toBe(1)
    expect(await noticesOf(school, sub)).toEqual(['password_reset_by_mail'])
    school.later(MINUTE_MS)
    await late.submit({ identifier: 'twice', password: NEW_PASSWORD })
    expect(late.view.step).toBe('callback')
  })

  it('lets in whoever signs in with the new one in that very second', async () => {
    const person = await somebody('in.a.hurry')
    const browser = await reset(person)
    await browser.submit({ identifier: person.identifier, password: NEW_PASSWORD })
    const tokens = await application.finish(browser)
    expect(tokens.claims.sub).toBe(person.sub)
    expect(await application.userinfo(tokens)).toMatchObject({ sub: person.sub })
  })

  it('from two sign-ins replaces it once; the other is told so', async () => {
    const person = await somebody('two.tabs')
    const first = await atDefine(person)
    school.later(A_MOMENT_MS)
    const second = await atDefine(person)
    school.later(1)
    await define(first)
    await define(second, OTHER_PASSWORD)
    expect(second.view.step).toBe('login')
    expect(errorsOf(second.view)).toEqual([REFUSED])
    expect(second.view.text).not.toContain('Your password was replaced')
    expect(await count(person.sub, 'password_reset_done')).toBe(1)
    school.later(MINUTE_MS)
    expect(await opens('two.tabs', NEW_PASSWORD)).toBe(true)
    expect(await opens('two.tabs', OTHER_PASSWORD)).toBe(false)
  })

  it('from two sign-ins at the same moment replaces it once', async () => {
    const person = await somebody('same.moment')
    const first = await atDefine(person)
    school.later(A_MOMENT_MS)
    const second = await atDefine(person)
    await Promise.all([define(first), define(second, OTHER_PASSWORD)])
    expect(await count(person.sub, 'password_reset_done')).toBe(1)
  })

  it('needs its own token', async () => {
    const { sub } = await somebody('forged')
    const browser = somewhere()
    await application.start(browser)
    const { action, csrf } = formIn(browser.view)
    for (const name of ['forgotten_password', 'password_reset_again', 'password_reset_back']) {
      await browser.post(new URL(name, action), { csrf })
      expect(browser.view.status).toBe(403)
    }
    await browser.open(action)
    await browser.submit({}, { form: FORGOTTEN })
    await browser.post(formIn(browser.view).action, { csrf, identifier: 'forged' })
    expect(browser.view.status).toBe(403)
    expect(codesTo(sub)).toEqual([])
  })
})

describe('codes', () => {
  it('are three in a quarter of an hour, not four; the last one stays good', async () => {
    const { sub } = await somebody('four.mails')
    const browser = await atTheCode('four.mails')
    await askAgain(browser)
    await askAgain(browser)
    await askAgain(browser)
    expect(browser.view.step).toBe('password_reset_code')
    expect(errorsOf(browser.view)[0]).toContain(TOO_MANY)
    expect(codesTo(sub)).toHaveLength(3)
    const elsewhere = await atWhose()
    await elsewhere.submit({ identifier: 'four.mails' })
    expect(elsewhere.view.step).toBe('password_reset')
    expect(errorsOf(elsewhere.view)[0]).toContain(TOO_MANY)
    expect(typedIn(elsewhere)).toBe('four.mails')
    expect(await whyRefused(sub)).toEqual(['too_many', 'too_many'])
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('password_reset_define')
    school.later(15 * MINUTE_MS)
    await atTheCode('four.mails')
    expect(codesTo(sub)).toHaveLength(4)
  })

  it('are three in a row for nobody too', async () => {
    const browser = await atTheCode('four.nobody')
    for (const _ of [2, 3, 4]) {
      await askAgain(browser)
    }
    expect(browser.view.step).toBe('password_reset_code')
    expect(errorsOf(browser.view)[0]).toContain(TOO_MANY)
    const elsewhere = await atWhose()
    await elsewhere.submit({ identifier: 'Four.Nobody' })
    expect(errorsOf(elsewhere.view)[0]).toContain(TOO_MANY)
  })

  it('are ten a day, not eleven', async () => {
    const { sub } = await somebody('eleven.mails')
    for (const mails of [3, 3, 3, 1]) {
      const browser = await atTheCode('eleven.mails')
      for (let more = 1; more < mails; more += 1) {
        await askAgain(browser)
      }
      school.later(16 * MINUTE_MS)
    }
    const browser = await atWhose()
    await browser.submit({ identifier: 'eleven.mails' })
    expect(errorsOf(browser.view)[0]).toContain(TOO_MANY)
    expect(codesTo(sub)).toHaveLength(10)
    expect(await whyRefused(sub)).toEqual(['too_many_today'])
    school.later(24 * HOUR_MS)
    await atTheCode('eleven.mails')
  })

  it('are counted apart from those of the PIN', async () => {
    const person = await somebody('apart', { pin: PIN, protection: 'pin' })
    const atPin = somewhere()
    await enter(application, atPin, 'apart')
    for (const _ of [1, 2, 3]) {
      await atPin.submit({}, { form: 'form[action$="/pin_reset"]' })
      school.later(A_MOMENT_MS)
      await atPin.submit({}, { form: 'form[action$="/pin_reset_back"]' })
    }
    const browser = await atTheCode('apart')
    await askAgain(browser)
    await askAgain(browser)
    expect(codesTo(person.sub)).toHaveLength(3)
  })

  it('are a hundred in a quarter of an hour from one network, whoever they are for', async () => {
    await somebody('crowd.known')
    const address = '192.0.2.77'
    const crowd = Array.from({ length: 10 }, () => school.browser({ address }))
    let asked = 0
    for (let round = 0; round < 10; round += 1) {
      school.later(1_000)
      await Promise.all(
        crowd.map(async (browser) => {
          asked += 1
          await atTheCode(`crowd.${asked}`, browser)
        }),
      )
    }
    for (const identifier of ['crowd.known', 'crowd.nobody']) {
      const browser = await atWhose(school.browser({ address: '192.0.2.200' }))
      await browser.submit({ identifier })
      expect(browser.view.step).toBe('password_reset')
      expect(errorsOf(browser.view)).toHaveLength(1)
      expect(errorsOf(browser.view)[0]).not.toContain(TOO_MANY)
      expect(typedIn(browser)).toBe(identifier)
    }
    await atTheCode('crowd.known') // From elsewhere.
    school.later(15 * MINUTE_MS)
    await atTheCode('crowd.known', school.browser({ address }))
  })

  it('are tried a hundred and fifty times from one network, whosever they are', async () => {
    const person = await somebody('tried.elsewhere')
    const address = '192.0.2.78'
    for (let asked = 0; asked < 30; asked += 1) {
      const browser = await atTheCode(`tried.${asked}`, school.browser({ address }))
      for (let time = 0; time < 5; time += 1) {
        await browser.submit({ code: '000000' })
        expect(errorsOf(browser.view)).toEqual([REFUSED])
      }
    }
    const browser = await atTheCode(person.identifier, school.browser({ address }))
    const code = newestTo(person.sub)
    await browser.submit({ code })
    expect(browser.view.step).toBe('password_reset_code')
    expect(errorsOf(browser.view)[0]).toContain('from your network')
    const elsewhere = await atDefine(person) // From another network.
    expect(elsewhere.view.step).toBe('password_reset_define')
    // It was not looked at: it is good as long as it lasts.
    school.later(9 * MINUTE_MS)
    await browser.submit({ code: '000000' })
    expect(errorsOf(browser.view)[0]).toContain('from your network')
  })

  it('are a hundred at the very same moment too', async () => {
    const browsers = await Promise.all(
      Array.from({ length: 104 }, () => atWhose(school.browser({ address: '192.0.3.77' }))),
    )
    await Promise.all(
      browsers.map((browser, nth) => browser.submit({ identifier: `at.once.${nth}` })),
    )
    const steps = browsers.map(({ view }) => view.step)
    expect(steps.filter((step) => step === 'password_reset_code')).toHaveLength(100)
    expect(steps.filter((step) => step === 'password_reset')).toHaveLength(4)
  })
})

describe('one answer, for the same work', () => {
  /** What differs between two sign-ins anyway. */
  const comparable = ({ text, url }: View, identifier: string): string =>
    text
      .replaceAll(url.pathname.split('/')[2] ?? '', 'UID')
      .replaceAll(/name="csrf" value="[^"]*"/g, 'CSRF')
      .replaceAll(identifier, 'IDENTIFIER')

  const CASES = [
    's.known',
    's.nobody',
    's.disabled',
    's.no.password',
    's.imported.only',
    's.not.allowed',
    's.with.pin',
  ]

  const work = () => {
    const spies = (['all', 'run', 'get', 'iterate'] as const).map((method) =>
      vi.spyOn(StatementSync.prototype, method),
    )
    const calls = () => spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
    const hashes = () => school.gateway.core.hasher.stats().runs
    const [callsBefore, hashesBefore] = [calls(), hashes()]
    return () => {
      const done = { statements: calls() - callsBefore, hashes: hashes() - hashesBefore }
      for (const spy of spies) {
        spy.mockRestore()
      }
      return done
    }
  }

  it('whoever is asked for: each page, each statement', async () => {
    await school.policies({ inspector: { passwords: { self_service_reset: false } } })
    await somebody('s.known')
    const { sub: disabled } = await somebody('s.disabled')
    await disable(deps(), async () => {}, disabled, 'cli:test')
    const others = [
      await somebody('s.no.password', { password: null }),
      await somebody('s.imported.only', { verified: null }),
      await somebody('s.not.allowed', { userType: 'inspector' }),
    ]
    await somebody('s.with.pin', { pin: PIN, protection: 'pin' })
    const seen: unknown[] = []
    for (const identifier of CASES) {
      const browser = await atWhose(somewhere({ address: '192.0.9.9' }))
      const pages: string[] = []
      const acts: (() => Promise<unknown>)[] = [
        () => browser.submit({ identifier }),
        () => browser.submit({ code: '000000' }),
        () => browser.submit({}, { form: AGAIN }), // Within the moment.
        () => askAgain(browser),
        () => askAgain(browser),
        () => askAgain(browser), // One too many.
        () => browser.submit({ code: '12345' }),
        () => browser.submit({}, { form: BACK }),
      ]
      const done: unknown[] = []
      for (const act of acts) {
        const measure = work()
        await act()
        done.push(measure())
        pages.push(`${browser.view.status} ${comparable(browser.view, identifier)}`)
      }
      seen.push({ pages, done })
    }
    await school.policies({ inspector: {} })
    const [first] = seen as [{ done: { statements: number; hashes: number }[] }]
    expect(first.done.every(({ hashes }) => hashes === 0)).toBe(true)
    expect(first.done[0]?.statements).toBeGreaterThan(10)
    for (const [index, one] of seen.entries()) {
      expect(one, CASES[index]).toEqual(first)
    }
    const why = ['account_disabled', 'no_password', 'no_verified_address', 'not_allowed']
    for (const [index, sub] of [disabled, ...others.map((each) => each.sub)].entries()) {
      expect(new Set(await whyRefused(sub)), why[index]).toEqual(new Set([why[index]]))
      expect(lettersTo(school, sub), why[index]).toEqual([])
    }
  })

  it('and what is queued and kept is alike', async () => {
    const { sub } = await somebody('q.known')
    const database = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
    const rows = () =>
      ['outbox', 'mailed_codes', 'audit_log', 'notices'].map(
        (table) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'] as number,
      )
    const added = async (identifier: string) => {
      const before = rows()
      await atTheCode(identifier)
      return rows().map((after, index) => after - (before[index] ?? 0))
    }
    const known = await added('q.known')
    expect(known).toEqual([1, 2, 1, 0])
    expect(await added('q.nobody')).toEqual(known)
    database.close()
    expect(codesTo(sub)).toHaveLength(1)
  })

  it('of nobody’s code five guesses are evaluated, and none is right, not even the right one', async () => {
    const browser = await atTheCode('guessed.nobody')
    const sub = deps().digest('password_reset_nobody', 'guessed.nobody')
    const code = newestTo(sub)
    expect(code).toMatch(/^\d{6}$/)
    for (const typed of [1, 2, 3, 4].map((nth) => wrongFor(code, nth))) {
      await browser.submit({ code: typed })
      expect(errorsOf(browser.view)).toEqual([REFUSED])
    }
    await browser.submit({ code })
    expect(browser.view.step).toBe('password_reset_code')
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    const { action } = formIn(browser.view)
    const csrf = deps().digest('csrf', `${action.pathname.split('/')[2]}:password_reset_define`)
    const fields = { csrf, new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD }
    await browser.post(new URL('password_reset_define', action), fields)
    expect(browser.view.step).toBe('password_reset_code')
  })
})

describe('it is not offered', () => {
  it('where no policy allows it, nor where no mail can be sent', async () => {
    const offline = await startSchool()
    try {
      const browser = offline.browser()
      await (await offline.application()).start(browser)
      expect(browser.view.step).toBe('login')
      expect(offersReset(browser.view)).toBe(false)
    } finally {
      await offline.stop()
      vi.useFakeTimers({ toFake: ['Date'] }) // The other school's clock goes on.
    }
  })

  it('any more once the policies forbid it: whoever is half way is at the login page', async () => {
    const person = await somebody('forbidden')
    const [open, atCode, proved] = [
      await atWhose(),
      await atTheCode('forbidden'),
      await atDefine(person),
    ]
    const never = { passwords: { self_service_reset: false } }
    const types = ['teacher', 'staff', 'student', 'guardian', 'inspector'] as const
    const all = [...types, 'internship_counsellor' as const]
    await school.policies(Object.fromEntries(all.map((type) => [type, never])))
    await open.submit({ identifier: 'forbidden' })
    await atCode.submit({ code: newestTo(person.sub) })
    await define(proved)
    for (const { view } of [open, atCode, proved]) {
      expect(view.step).toBe('login')
      expect(offersReset(view)).toBe(false)
    }
    expect(await count(person.sub, 'password_reset_done')).toBe(0)
    await school.policies(Object.fromEntries(all.map((type) => [type, {}])))
  })

  it('to one type: its people get no code, and none that was proved serves', async () => {
    const person = await somebody('type.forbidden', { userType: 'staff' })
    const proved = await atDefine(person)
    await school.policies({ staff: { passwords: { self_service_reset: false } } })
    const browser = await atTheCode('type.forbidden')
    expect(codesTo(person.sub)).toHaveLength(1)
    await browser.submit({}, { form: BACK })
    expect(offersReset(browser.view)).toBe(true)
    await define(proved)
    expect(proved.view.step).toBe('login')
    expect(await count(person.sub, 'password_reset_done')).toBe(0)
    await school.policies({ staff: {} })
  })
})

describe('one mailbox does not open both doors: within a day', () => {
  it('no PIN is reset by mail, nor by a code that was proved before', async () => {
    const person = await somebody('both.doors', { pin: PIN, protection: 'pin' })
    const before = somewhere()
    await enter(application, before, 'both.doors')
    await before.submit({}, { form: 'form[action$="/pin_reset"]' })
    school.later(A_MOMENT_MS)
    await reset(person)
    school.later(MINUTE_MS)
    await before.open(before.view.url)
    expect(before.view.status).toBe(400)

    const browser = somewhere()
    await enter(application, browser, 'both.doors', { password: NEW_PASSWORD })
    await browser.submit({}, { form: 'form[action$="/pin_reset"]' })
    expect(browser.view.step).toBe('pin_reset_refused')
    expect(browser.view.text).toContain('less than 24 hours ago')
    school.later(24 * HOUR_MS)
    const next = somewhere()
    await enter(application, next, 'both.doors', { password: NEW_PASSWORD })
    await next.submit({}, { form: 'form[action$="/pin_reset"]' })
    expect(next.view.step).toBe('pin_reset_code')
  })

  const definesPin = async (identifier: string): Promise<unknown> => {
    const browser = somewhere()
    const parameters = { acr_values: ACR_PIN }
    await enter(application, browser, identifier, { password: NEW_PASSWORD, parameters })
    if (browser.view.step === 'define_pin') {
      await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    }
    if (browser.view.step === 'device') {
      await browser.submit({})
    }
    return (await application.finish(browser)).claims['acr']
  }

  it('a first PIN does not count in the sign-in that defines it; a day later it does', async () => {
    for (const [identifier, laterMs, acr] of [
      ['first.pin.now', MINUTE_MS, ACR_PASSWORD],
      ['first.pin.later', 24 * HOUR_MS, ACR_PIN],
    ] as const) {
      const person = await somebody(identifier, { protection: 'pin' })
      await reset(person)
      school.later(laterMs)
      expect(await definesPin(identifier), identifier).toBe(acr)
    }
  })

  it('the first use of a key asks for the password too, and the key does not count', async () => {
    const person = await somebody('first.key', { userType: 'staff' })
    await school.policies({ staff: { otp_keys: { first_use: 'code' } } })
    const key = await giveKey(school, person.sub, { state: 'assigned' })
    await reset(person)
    school.later(MINUTE_MS)
    const browser = somewhere()
    await enter(application, browser, 'first.key', { password: key.code() })
    expect(browser.view.step).toBe('first_use_password')
    await browser.submit({ password: NEW_PASSWORD })
    await browser.submit({ new_pin: '4826', confirm_pin: '4826' })
    key.wait()
    await browser.submit({ passcode: `4826${key.code()}` })
    expect(browser.view.step).toBe('first_use_done')
    await browser.submit({})
    if (browser.view.step === 'device') {
      await browser.submit({})
    }
    expect((await application.finish(browser)).claims['acr']).toBe(ACR_PASSWORD)
    await school.policies({ staff: {} })
  })

  it('no app is enrolled by somebody with the password alone', async () => {
    const person = await somebody('no.app', { userType: 'staff' })
    await reset(person)
    school.later(MINUTE_MS)
    const offered = async () => {
      const browser = somewhere()
      await browser.open('/account/keys')
      await browser.submit({ identifier: 'no.app', password: NEW_PASSWORD })
      expect(browser.view.step).toBe('account_keys')
      return browser.view.html.querySelector('[aria-describedby="app-hint"]') !== null
    }
    expect(await offered()).toBe(false)
    school.later(24 * HOUR_MS)
    expect(await offered()).toBe(true)
  })
})

describe('“This wasn’t me”', () => {
  it('can be said to it, and shuts the account; that mailbox opens it no more', async () => {
    const person = await somebody('not.me', { pin: PIN, protection: 'pin' })
    await reset(person)
    expect(mailedTo(school, person.sub)).toContain('password_reset_by_mail')
    school.later(MINUTE_MS)
    const browser = somewhere()
    await browser.open(notMeLink(school, person.sub, 'password_reset_by_mail'))
    expect(browser.view.step).toBe('not_me')
    await browser.submit({})
    expect(browser.view.step).toBe('not_me_done')
    expect(browser.view.text).not.toContain('the address that you confirmed')
    const now = await school.account('not.me')
    expect(now.password?.voidedAt).not.toBeNull()
    expect(now.pin?.blockedAt).not.toBeNull()
    expect(now.verifiedEmail).toBeNull()
    school.later(MINUTE_MS)
    const sent = codesTo(person.sub).length
    await atTheCode('not.me')
    expect(codesTo(person.sub)).toHaveLength(sent)
  })
})

describe('a generation of temporary passwords', () => {
  it('that is taken back leaves the password alone that its owner has chosen since', async () => {
    const person = await somebody('generation')
    const other = await somebody('generation.other')
    const { passwordBatches, accounts } = deps().store
    await passwordBatches.begin({ id: 'b1', atMs: deps().clock(), by: 'test', selection: 'two' })
    const entry = ({ sub }: Account) => ({
      sub,
      sealed: deps().hasher.keep('ronde-vitre-47', passwordOwner(sub)),
    })
    await passwordBatches.prepare('b1', [entry(person), entry(other)])
    await passwordBatches.enter('b1', deps().clock())
    await passwordBatches.enterNext('b1', deps().clock(), 10)
    school.later(MINUTE_MS)
    await reset(person)
    const chosen = (await school.account('generation')).password
    // Nobody had a card: it can still be taken back.
    expect(await passwordBatches.leave('b1', deps().clock())).toBe('ok')
    await passwordBatches.leaveNext('b1', deps().clock(), 10)
    expect((await accounts.bySub(person.sub))?.password).toEqual(chosen)
    expect((await accounts.bySub(other.sub))?.password).toEqual(other.password)
    school.later(MINUTE_MS)
    expect(await opens('generation', NEW_PASSWORD)).toBe(true)
  })
})
