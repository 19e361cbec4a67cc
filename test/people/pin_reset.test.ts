import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { disable, resetPin, unblockPin } from '../../accounts/administer.ts'
import { checkCode, sendCode } from '../../accounts/mailed_code.ts'
import { maskAddress } from '../../accounts/pin_reset.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { ACR_PASSWORD, ACR_PIN, ENT, silently } from '../protocol/steps.ts'
import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  HOUR_MS,
  MINUTE_MS,
  type PersonWishes,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'
import { atAccount } from './account_visit.ts'
import { acts, devicesOf, enter, errorsOf, formIn, noticesOf, postByHand, reopen } from './acts.ts'
import { lettersTo, mailedTo, WRITES_MAILS } from './letters.ts'

const RESET = 'form[action$="/pin_reset"]'
const BACK = 'form[action$="/pin_reset_back"]'
const NEW_PIN = '4937'
/** More than the moment in which a button pressed twice sends one mail. */
const A_MOMENT_MS = 11_000
const REFUSED =
  'Not accepted: wrong, too old or already used. Check the newest mail, or ask for another code.'

let school: School
let application: RelyingParty
const log: string[] = []
beforeAll(async () => {
  const sink = { write: (line: string) => log.push(line) }
  const settings = {
    ...WRITES_MAILS,
    applications: [{ ...ENT, scope: 'openid profile email school offline_access' }],
  }
  school = await startSchool(settings, { log: pino({ level: 'trace', base: null }, sink) })
  application = await school.application()
})
afterAll(() => school.stop())

const somebody = (identifier: string, more: Partial<PersonWishes> = {}) =>
  school.person({ identifier, pin: PIN, email: 'camille.moreau@school.example', ...more })

/** A person whose password was proved, before their PIN. */
const atThePin = async (identifier: string, browser: Browser = school.browser()) => {
  await enter(application, browser, identifier)
  expect(browser.view.step).toBe('pin')
  return browser
}

const offersReset = ({ html }: View): boolean => html.querySelector(RESET) !== null

const askCode = (browser: Browser) => browser.submit({}, { form: RESET })
const askAnother = (browser: Browser) => {
  school.later(A_MOMENT_MS)
  return askCode(browser)
}

const atTheCode = async (identifier: string, browser: Browser = school.browser()) => {
  await atThePin(identifier, browser)
  await askCode(browser)
  expect(browser.view.step).toBe('pin_reset_code')
  return browser
}

/** The codes that were mailed to somebody, oldest first. */
const codesTo = (sub: string): string[] =>
  lettersTo(school, sub).flatMap((letter) =>
    letter.template === 'pin_reset_code' ? [letter.code] : [],
  )
const newestTo = (sub: string): string => codesTo(sub).at(-1) ?? ''

const wrongFor = (code: string, nth = 1): string =>
  String((Number(code) + nth) % 1_000_000).padStart(6, '0')

const define = (browser: Browser, pin = NEW_PIN, confirmation = pin) =>
  browser.submit({ new_pin: pin, confirm_pin: confirmation })

/** From the PIN page to the end of the sign-in, without adding the device. */
const reset = async (browser: Browser, sub: string, pin = NEW_PIN) => {
  await askCode(browser)
  await browser.submit({ code: newestTo(sub) })
  expect(browser.view.step).toBe('pin_reset_define')
  await define(browser, pin)
  return browser.view.step === 'device' ? browser.submit({}) : browser.view
}

const refusals = async (sub: string): Promise<unknown[]> =>
  (await school.gateway.core.deps.store.audit.list({ sub, act: 'pin_reset_refused' }, 100))
    .map(({ detail }) => detail['why'])
    .reverse()

const count = async (sub: string, act: string): Promise<number> =>
  (await acts(school, sub)).filter((each) => each === act).length

/** A password was reset by mail; nothing of ours does that yet. */
const passwordMailed = (sub: string, atMs: number): void => {
  const database = new DatabaseSync(join(school.dataFolder, DATABASE_FILE))
  database.prepare('UPDATE accounts SET password_reset_by_mail_at = ? WHERE sub = ?').run(atMs, sub)
  database.close()
}

describe('whoever forgot their PIN', () => {
  it('types the mailed code and defines another, which counts from the next sign-in', async () => {
    const { sub } = await somebody('forgot')
    const browser = await atThePin('forgot')
    expect(browser.view.text).toContain('Reset my PIN code')
    await askCode(browser)
    expect(browser.view.step).toBe('pin_reset_code')
    expect(browser.view.text).toContain('c•••@school.example')
    expect(browser.view.text).not.toContain('camille.moreau')
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('pin_reset_define')
    await define(browser)
    expect(browser.view.step).toBe('device')
    await browser.submit({})
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ acr: ACR_PASSWORD, amr: ['pwd'] })
    expect(await acts(school, sub)).toEqual([
      'login_right',
      'pin_reset_requested',
      'pin_reset_code_right',
      'pin_reset_done',
      'sign_in_completed',
      'application_opened',
    ])
    expect(await noticesOf(school, sub)).toEqual(['pin_reset_by_mail'])
    expect(mailedTo(school, sub)).toEqual(['pin_reset_by_mail'])

    const next = await atThePin('forgot')
    await next.submit({ pin: PIN })
    expect(errorsOf(next.view)).toHaveLength(1)
    await next.submit({ pin: NEW_PIN })
    expect((await application.finish(next)).claims).toMatchObject({
      acr: ACR_PIN,
      amr: ['pwd', 'pin'],
    })
  })

  it('is not asked for it again by an application that would like one, in this sign-in', async () => {
    const { sub } = await somebody('wishes')
    const browser = school.browser()
    await enter(application, browser, 'wishes', { parameters: { acr_values: ACR_PIN } })
    await reset(browser, sub)
    expect((await application.finish(browser)).claims).toMatchObject({ acr: ACR_PASSWORD })
  })

  it('gets a mail of six digits, which stand nowhere else', async () => {
    const { sub } = await somebody('secret.code')
    const browser = await atTheCode('secret.code')
    const [letter] = lettersTo(school, sub)
    const code = newestTo(sub)
    expect(code).toMatch(/^\d{6}$/)
    expect(letter).toEqual({
      template: 'pin_reset_code',
      sub,
      to: null,
      locale: 'en',
      code,
      minutes: 10,
    })
    const addresses = [String(browser.view.url)]
    await browser.submit({ code: wrongFor(code) })
    await browser.submit({ code })
    addresses.push(String(browser.view.url))
    await define(browser)
    const audit = await school.gateway.core.deps.store.audit.list({ sub }, 100)
    const { store } = school.gateway.core.deps
    const notices = await store.notices.list(sub, 100)
    for (const text of [JSON.stringify(audit), JSON.stringify(notices), ...addresses, ...log]) {
      expect(text).not.toMatch(new RegExp(`(?<![\\w.-])(${code}|${NEW_PIN})(?![\\w.-])`))
    }
    expect(log.length).toBeGreaterThan(0)
  })

  it('may type the code with a blank in it, and a typing error costs nothing but a try', async () => {
    const { sub } = await somebody('blanks')
    const browser = await atTheCode('blanks')
    const code = newestTo(sub)
    for (const typed of ['', '  ', '12345', 'abcdef', '١٢٣٤٥٦', '1234567', wrongFor(code)]) {
      await browser.submit({ code: typed })
      expect(browser.view.step).toBe('pin_reset_code')
      expect(errorsOf(browser.view)).toHaveLength(1)
      expect(browser.view.text).not.toContain(wrongFor(code))
    }
    await browser.submit({ code: ` ${code.slice(0, 3)} ${code.slice(3)} ` })
    expect(browser.view.step).toBe('pin_reset_define')
  })

  it('chooses one that is not easily guessed, nor the one before, and confirms it', async () => {
    const { sub } = await somebody('new.pin')
    const browser = await atTheCode('new.pin')
    await browser.submit({ code: newestTo(sub) })
    for (const [pin, confirmation] of [
      ['', ''],
      [NEW_PIN, '4938'],
      ['1234', '1234'],
      ['49', '49'],
      [PIN, PIN],
    ] as const) {
      await define(browser, pin, confirmation)
      expect(browser.view.step).toBe('pin_reset_define')
      expect(errorsOf(browser.view).length).toBeGreaterThan(0)
    }
    expect(await count(sub, 'pin_reset_done')).toBe(0)
    await define(browser)
    expect(browser.view.step).toBe('device')
  })

  it('may go back to the PIN at each page', async () => {
    const { sub } = await somebody('goes.back')
    const browser = await atTheCode('goes.back')
    await browser.submit({}, { form: BACK })
    expect(browser.view.step).toBe('pin')
    await askAnother(browser)
    await browser.submit({ code: newestTo(sub) })
    await browser.submit({}, { form: BACK })
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  })

  it('meets it all in French', async () => {
    const { sub } = await somebody('en.francais', { locale: 'fr' })
    const browser = await atThePin('en.francais', school.browser({ language: 'fr' }))
    expect(browser.view.text).toContain('Réinitialiser mon code PIN')
    await askCode(browser)
    expect(browser.view.text).toContain('c•••@school.example')
    expect(browser.view.text).toContain('Réinitialisez votre code PIN')
    await browser.submit({ code: wrongFor(newestTo(sub)) })
    expect(errorsOf(browser.view)[0]).toMatch(/^Non accepté/)
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.text).toContain('nouveau code PIN')
    await define(browser)
    expect(browser.view.headers.get('content-language')).toBe('fr')
  })
})

describe('a blocked PIN', () => {
  const blocked = async (identifier: string) => {
    const { sub } = await somebody(identifier)
    const browser = await atThePin(identifier)
    for (const pin of ['5061', '5062', '5063']) {
      await browser.submit({ pin })
    }
    expect(browser.view.text).toContain('Your PIN code is blocked')
    return { sub, browser }
  }

  it('comes back with the new one', async () => {
    const { sub, browser } = await blocked('blocked')
    await reset(browser, sub)
    expect(browser.view.step).toBe('callback')
    const next = await atThePin('blocked')
    await next.submit({ pin: '5061' })
    await next.submit({ pin: '5062' }) // The tries from before count no more.
    await next.submit({ pin: NEW_PIN })
    expect(next.view.step).toBe('callback')
  })

  it('that is unblocked meanwhile is asked for by whoever goes back, or still reset', async () => {
    const { sub, browser } = await blocked('unblocked')
    await askCode(browser)
    await unblockPin(school.gateway.core.deps, sub, 'cli:test')
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('pin_reset_define')
    await browser.submit({}, { form: BACK })
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
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
    expect(browser.view.step).toBe('pin_reset_code')
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    expect(await count(sub, 'pin_reset_code_wrong')).toBe(6)
    await askCode(browser) // Used up: another one, at once.
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('pin_reset_define')
  })

  it('is right at the fifth', async () => {
    const { sub } = await somebody('fifth.try')
    const browser = await atTheCode('fifth.try')
    for (let nth = 1; nth <= 4; nth += 1) {
      await browser.submit({ code: wrongFor(newestTo(sub), nth) })
    }
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('pin_reset_define')
  })

  it('serves no other browser, nor another sign-in of the same one', async () => {
    const { sub } = await somebody('other.browser')
    const owner = await atTheCode('other.browser')
    const code = newestTo(sub)
    const thief = await atTheCode('other.browser')
    await thief.submit({ code })
    expect(errorsOf(thief.view)).toEqual([REFUSED])
    const foreign = await postByHand(owner, { code }, { cookie: '' })
    expect(foreign.status).toBeGreaterThanOrEqual(400)
    await enter(application, owner, 'other.browser')
    await owner.open(owner.view.url)
    expect(owner.view.step).toBe('pin')
    await askAnother(owner)
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
    expect(intime.view.step).toBe('pin_reset_define')
  })

  it('serves once', async () => {
    const { sub } = await somebody('used.twice')
    const browser = await atTheCode('used.twice')
    const code = newestTo(sub)
    await browser.submit({ code })
    await browser.submit({}, { form: BACK })
    await askCode(browser) // The one before is used up.
    expect(codesTo(sub)).toHaveLength(2)
    await browser.submit({ code })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
  })

  it('gives way to a newer one', async () => {
    const { sub } = await somebody('newest.wins')
    const browser = await atTheCode('newest.wins')
    await askAnother(browser)
    const [old = '', newest = ''] = codesTo(sub)
    await browser.submit({ code: old })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    await browser.submit({ code: newest })
    expect(browser.view.step).toBe('pin_reset_define')
  })

  it('is evaluated five times at most when twenty tries come at once, and right once at most', async () => {
    const { sub } = await somebody('twenty.tries')
    const browser = await atTheCode('twenty.tries')
    const code = newestTo(sub)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        postByHand(browser, { code: nth % 3 === 2 ? code : wrongFor(code, nth + 1) }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 303))
    expect(await count(sub, 'pin_reset_code_right')).toBe(1)
    expect(await count(sub, 'pin_reset_code_wrong')).toBeLessThanOrEqual(4)
    await browser.open(browser.view.url)
    expect(browser.view.step).toBe('pin_reset_define')
  })

  it('is not guessed by twenty wrong tries at once, whatever the right one among the last is', async () => {
    const { sub } = await somebody('twenty.wrong')
    const browser = await atTheCode('twenty.wrong')
    const code = newestTo(sub)
    await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        postByHand(browser, { code: wrongFor(code, nth + 1) }),
      ),
    )
    await browser.submit({ code })
    expect(errorsOf(browser.view)).toEqual([REFUSED])
    expect(await count(sub, 'pin_reset_code_right')).toBe(0)
  })

  it('is right for one of twenty callers', async () => {
    const account = await somebody('callers')
    const { deps } = school.gateway.core
    const sent = await deps.store.transact((tables) =>
      sendCode(deps, tables, account, {
        purpose: 'pin_reset',
        boundTo: 'flow',
        to: null,
        template: 'pin_reset_code',
        locale: null,
      }),
    )
    const code = { id: sent.ok ? sent.id : '', boundTo: 'flow', typed: newestTo(account.sub) }
    const other = await checkCode(deps, { ...code, boundTo: 'another flow' })
    const checked = await Promise.all(Array.from({ length: 20 }, () => checkCode(deps, code)))
    expect(other).toBe(false)
    expect(checked.filter(Boolean)).toHaveLength(1)
    expect(await checkCode(deps, code)).toBe(false)
  })
})

describe('mails', () => {
  it('that are refused leave the last code good', async () => {
    const { sub } = await somebody('still.good')
    const browser = await atTheCode('still.good')
    for (let mails = 2; mails <= 4; mails += 1) {
      await browser.submit({}, { form: BACK })
      await askAnother(browser)
    }
    expect(codesTo(sub)).toHaveLength(3)
    expect(browser.view.step).toBe('pin_reset_code')
    expect(errorsOf(browser.view)).toHaveLength(1)
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('pin_reset_define')
    await define(browser)
    expect(await count(sub, 'pin_reset_done')).toBe(1)
  })

  it('are refused on a page of its own once no code is good any more', async () => {
    const { sub } = await somebody('none.good')
    const browser = await atTheCode('none.good')
    await askAnother(browser)
    await askAnother(browser)
    school.later(11 * MINUTE_MS)
    await browser.submit({}, { form: BACK })
    await askCode(browser)
    expect(browser.view.step).toBe('pin_reset_refused')
    expect(browser.view.text).toContain('too many codes were sent')
    expect(codesTo(sub)).toHaveLength(3)
  })

  it('are three in a quarter of an hour, not four', async () => {
    const { sub } = await somebody('four.mails')
    const browser = await atTheCode('four.mails')
    await askAnother(browser)
    expect(offersReset(browser.view)).toBe(true)
    const open = await browser.copy()
    await open.open(browser.view.url)
    await askAnother(browser)
    expect(browser.view.step).toBe('pin_reset_code')
    expect(offersReset(browser.view)).toBe(false)
    expect(browser.view.text).toContain('No further code can be sent for now.')
    await askAnother(open) // A page from before still has the button.
    expect(open.view.step).toBe('pin_reset_code')
    expect(errorsOf(open.view)[0]).toContain('Several codes were mailed already.')
    const elsewhere = await atThePin('four.mails')
    await askCode(elsewhere)
    expect(elsewhere.view.step).toBe('pin_reset_refused')
    expect(codesTo(sub)).toHaveLength(3)
    expect(await refusals(sub)).toEqual(['too_many', 'too_many'])
    expect(elsewhere.view.text).toContain('Wait 15 minutes')

    school.later(15 * MINUTE_MS)
    await atTheCode('four.mails')
    expect(codesTo(sub)).toHaveLength(4)
  })

  it('are ten a day, not eleven', async () => {
    const { sub } = await somebody('eleven.mails')
    for (const mails of [3, 3, 3, 1]) {
      const browser = await atTheCode('eleven.mails')
      for (let more = 1; more < mails; more += 1) {
        await askAnother(browser)
      }
      school.later(16 * MINUTE_MS)
    }
    expect(codesTo(sub)).toHaveLength(10)
    const browser = await atThePin('eleven.mails')
    await askCode(browser)
    expect(browser.view.step).toBe('pin_reset_refused')
    expect(browser.view.text).toContain('Try again tomorrow')
    expect(browser.view.text).not.toContain('15 minutes')
    expect(await refusals(sub)).toEqual(['too_many_today'])
    expect(codesTo(sub)).toHaveLength(10)
    school.later(23 * HOUR_MS)
    await atTheCode('eleven.mails')
  })

  it('are not sent twice for a button that was pressed twice', async () => {
    const { sub } = await somebody('double.click')
    const browser = await atThePin('double.click')
    const form = browser.view.html.querySelector(RESET)
    const action = new URL(form?.getAttribute('action') ?? '', browser.view.url)
    const csrf = form?.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''
    const cookie = await browser.jar.getCookieString(action.href)
    const post = () =>
      fetch(action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie },
        body: new URLSearchParams({ csrf }),
      })
    await Promise.all([post(), post(), post()])
    await post()
    await browser.open(browser.view.url)
    expect(codesTo(sub)).toHaveLength(1)
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.step).toBe('pin_reset_define')
  })
})

describe('a form that is sent twice', () => {
  it('proves the code once, and leads on', async () => {
    const { sub } = await somebody('code.twice')
    const browser = await atTheCode('code.twice')
    const code = newestTo(sub)
    const [late] = [await browser.copy()]
    await late.open(browser.view.url)
    await Promise.all([postByHand(browser, { code }), postByHand(browser, { code })])
    await late.submit({ code }) // A second tab that is behind.
    expect(late.view.step).toBe('pin_reset_define')
    expect(await count(sub, 'pin_reset_code_right')).toBe(1)
  })

  it('resets the PIN once, and leads on', async () => {
    const { sub } = await somebody('define.twice')
    const browser = await atTheCode('define.twice')
    await browser.submit({ code: newestTo(sub) })
    const fields = { new_pin: NEW_PIN, confirm_pin: NEW_PIN }
    const answers = await Promise.all([postByHand(browser, fields), postByHand(browser, fields)])
    expect(answers.map(({ status }) => status)).toEqual([303, 303])
    await browser.open(answers[0]?.headers.get('location') ?? '')
    expect(browser.view.step).toBe('device')
    expect(await count(sub, 'pin_reset_done')).toBe(1)
    expect(await noticesOf(school, sub)).toEqual(['pin_reset_by_mail'])
  })

  it('from two tabs resets the PIN once; the other tab goes on', async () => {
    const { sub } = await somebody('two.tabs')
    const first = await atThePin('two.tabs')
    const second = school.browser({ jar: first.jar })
    await application.start(second)
    await askCode(first)
    const code = newestTo(sub)
    await askAnother(second)
    await first.submit({ code })
    await define(first)
    expect(first.view.step).toBe('device')
    await second.submit({ code: newestTo(sub) })
    expect(second.view.step).toBe('device')
    expect(await count(sub, 'pin_reset_done')).toBe(1)
  })

  it('needs its own token', async () => {
    const { sub } = await somebody('forged')
    const browser = await atThePin('forged')
    const { action } = formIn(browser.view)
    for (const name of ['pin_reset', 'pin_reset_back']) {
      await browser.post(new URL(name, action), { csrf: formIn(browser.view).csrf })
      expect(browser.view.status).toBe(403)
      await browser.open(action)
    }
    await askCode(browser)
    const { csrf } = formIn(browser.view)
    await browser.post(formIn(browser.view).action, { csrf: `${csrf}x`, code: newestTo(sub) })
    expect(browser.view.status).toBe(403)
    expect(codesTo(sub)).toHaveLength(1)
  })
})

describe('no code is sent', () => {
  it('where the policy does not allow it: no button, and no way without it', async () => {
    const { sub } = await somebody('policy.off', { userType: 'staff' })
    const [open, halfway] = [await atThePin('policy.off'), await atTheCode('policy.off')]
    const proved = await atTheCode('policy.off')
    await proved.submit({ code: newestTo(sub) })
    await school.policies({ staff: { pin: { self_service_reset: false } } })
    const before = codesTo(sub).length
    await askCode(open)
    expect(open.view.step).toBe('pin')
    expect(offersReset(open.view)).toBe(false)
    expect(codesTo(sub)).toHaveLength(before)
    expect(await refusals(sub)).toEqual(['not_allowed'])

    await halfway.submit({ code: newestTo(sub) })
    expect(halfway.view.html.querySelector('input[name=pin]')).not.toBe(null)
    await define(proved)
    expect(proved.view.html.querySelector('input[name=pin]')).not.toBe(null)
    await halfway.submit({ pin: '5061' })
    expect(errorsOf(halfway.view)).toEqual(['This is not your PIN code. Try again.'])
    await halfway.submit({ pin: PIN })
    expect(halfway.view.step).toBe('callback')
    expect(await count(sub, 'pin_reset_done')).toBe(0)
    await school.policies({ staff: {} })
  })

  it('where there is no address: the page says so, and whom to ask', async () => {
    const { sub } = await somebody('no.address', { email: null })
    const browser = await atThePin('no.address')
    await askCode(browser)
    expect(browser.view.step).toBe('pin_reset_refused')
    expect(browser.view.text).toContain('no e-mail address')
    expect(browser.view.text).toContain('mailto:aide@tilleuls.example')
    expect(await refusals(sub)).toEqual(['no_address'])
    await browser.submit({}, { form: BACK })
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  })

  it('within a day of a mailed password reset, and none that was sent before serves', async () => {
    const { sub } = await somebody('mailed.password')
    const proved = await atTheCode('mailed.password')
    await proved.submit({ code: newestTo(sub) })
    passwordMailed(sub, Date.now())
    await define(proved)
    expect(proved.view.step).toBe('pin_reset_define')
    expect(errorsOf(proved.view)).toHaveLength(1)
    expect(await count(sub, 'pin_reset_done')).toBe(0)

    school.later(HOUR_MS)
    const browser = await atThePin('mailed.password')
    await askCode(browser)
    expect(browser.view.step).toBe('pin_reset_refused')
    expect(browser.view.text).toContain('less than 24 hours ago')
    expect(await refusals(sub)).toEqual(['mailed_password'])
    school.later(23 * HOUR_MS)
    await atTheCode('mailed.password')
  })

  it('where no mail can be sent: no button', async () => {
    const offline = await startSchool()
    try {
      await offline.person({ identifier: 'offline', pin: PIN, email: 'a@school.example' })
      const browser = offline.browser()
      await enter(await offline.application(), browser, 'offline')
      expect(browser.view.step).toBe('pin')
      expect(offersReset(browser.view)).toBe(false)
    } finally {
      await offline.stop()
    }
  })
})

describe('the account page of somebody whose PIN is blocked', () => {
  const HOW = 'sign in again on a device that is not recognised, and press “Reset my PIN code”'
  const advice = async (identifier: string, wishes: Partial<PersonWishes> = {}) => {
    const { sub } = await somebody(identifier, wishes)
    school.later(MINUTE_MS)
    const browser = await atAccount(school, { identifier }, 'protection')
    const { accounts } = school.gateway.core.deps.store
    await accounts.setPinBlocked(sub, school.gateway.core.deps.clock())
    return {
      sub,
      read: async () => (await browser.open('/account/protection')).text.replaceAll(/\s+/g, ' '),
    }
  }

  it('says how to reset it by mail, and it is so', async () => {
    const { sub, read } = await advice('account.blocked')
    expect(await read()).toContain(HOW)
    const browser = await atThePin('account.blocked')
    expect(await reset(browser, sub)).toMatchObject({ step: 'callback' })
  })

  it('sends nobody there who would be refused', async () => {
    const ask = 'Ask your school to unblock it.'
    const lonely = await advice('account.blocked.lonely', { email: null })
    expect(await lonely.read()).toContain(ask)
    const mailed = await advice('account.blocked.mailed')
    passwordMailed(mailed.sub, school.gateway.core.deps.clock())
    expect(await mailed.read()).toContain(ask)
    const told = await advice('account.blocked.told')
    await school.gateway.core.deps.store.accounts.setProtection(told.sub, 'notification')
    expect(await told.read()).toContain(ask)
    const forbidden = await advice('account.blocked.forbidden', { userType: 'inspector' })
    await school.policies({ inspector: { pin: { self_service_reset: false } } })
    expect(await forbidden.read()).toContain(ask)
  })
})

describe('a sign-in whose account changed meanwhile', () => {
  it('is over when the school gave another PIN', async () => {
    const { sub } = await somebody('given.another')
    const browser = await atTheCode('given.another')
    const { deps, endEverything } = school.gateway.core
    await resetPin(deps, endEverything, sub, 'cli:test')
    await browser.submit({ code: newestTo(sub) })
    expect(browser.view.status).toBe(400)
    expect(await count(sub, 'pin_reset_code_right')).toBe(0)
  })

  it('is over when the account was disabled', async () => {
    const { sub } = await somebody('disabled')
    const browser = await atTheCode('disabled')
    await browser.submit({ code: newestTo(sub) })
    const { deps } = school.gateway.core
    await disable(deps, async () => {}, sub, 'cli:test')
    await define(browser)
    expect(browser.view.status).toBe(400)
    expect(await count(sub, 'pin_reset_done')).toBe(0)
  })
})

describe('after a reset', () => {
  const added = async (identifier: string, name: string, browser: Browser = school.browser()) => {
    await atThePin(identifier, browser)
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: name })
    expect(browser.view.step).toBe('callback')
    await reopen(browser)
    return browser
  }

  it('every device of the account asks for the PIN; those of others in the family do not', async () => {
    const { sub } = await somebody('devices')
    const { sub: child } = await somebody('devices.child')
    const family = await added('devices', 'Laptop of the Moreaus')
    await added('devices.child', 'Laptop of the Moreaus', family)
    const phone = await added('devices', 'Phone of Camille')
    await enter(application, phone, 'devices')
    expect(phone.view.step).toBe('callback')
    await reopen(phone)

    await reset(await atThePin('devices'), sub)
    expect(await devicesOf(school, sub)).toEqual([])
    expect(await devicesOf(school, child)).toEqual(['Laptop of the Moreaus'])
    await atThePin('devices', phone)
    await atThePin('devices', family)
    await reopen(family)
    await enter(application, family, 'devices.child')
    expect(family.view.step).toBe('callback')
  })

  it('other sessions are over, with their tokens, and this one goes on', async () => {
    const { sub } = await somebody('sessions')
    const here = await atThePin('sessions')
    await here.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await application.finish(here)
    await reopen(here)
    await enter(application, here, 'sessions')
    const mine = await application.finish(here)
    const elsewhere = await atThePin('sessions')
    await elsewhere.submit({ pin: PIN })
    const theirs = await application.finish(elsewhere)
    const halfOpen = await atThePin('sessions')

    // Here the PIN was not proved yet: an application would like it.
    await application.start(here, { acr_values: ACR_PIN })
    expect(here.view.step).toBe('pin')
    await reset(here, sub)
    expect((await application.finish(here)).claims).toMatchObject({ acr: ACR_PASSWORD })

    expect(await silently(application, here)).toBe(null)
    expect((await application.userinfo(mine)).sub).toBe(sub)
    expect(await silently(application, elsewhere)).toBe('login_required')
    await expect(application.userinfo(theirs)).rejects.toThrow()
    await expect(application.refresh(theirs)).rejects.toThrow()
    await halfOpen.submit({ pin: NEW_PIN })
    expect(halfOpen.view.status).toBe(400)
  })

  it('the account is protected by the PIN, whatever was chosen before', async () => {
    const { sub } = await somebody('protected', { protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'protected', { parameters: { acr_values: ACR_PIN } })
    await reset(browser, sub)
    expect((await school.account('protected')).protection).toBe('pin')
  })
})

describe('a browser that loses its cookie', () => {
  const HELP = 'Asked again on a device you had added?'

  it('is told how to keep it at the second PIN in a row on a device that was added', async () => {
    await somebody('loses.cookies')
    const signIn = async (fields: Record<string, string> = {}) => {
      school.later(HOUR_MS)
      const browser = await atThePin('loses.cookies')
      const shown = browser.view.text.includes(HELP)
      await browser.submit({ pin: PIN, ...fields })
      return shown
    }
    const add = { remember_device: 'yes', device_name: 'Room 201' }
    expect([await signIn(add), await signIn(), await signIn(), await signIn()]).toEqual([
      false,
      false,
      true,
      true,
    ])
  })
})

describe('an address', () => {
  it.each([
    ['camille.moreau@school.fr', 'c•••@school.fr'],
    ['é@école.fr', 'é•••@école.fr'],
    ['"a@b"@school.fr', '"•••@school.fr'],
    ['@school.fr', '•••@school.fr'],
    ['nothing', '•••'],
  ])('%s is shown as %s', (address, masked) => {
    expect(maskAddress(address)).toBe(masked)
  })
})
