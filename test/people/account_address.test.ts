import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from '../support/browser.ts'
import { MINUTE_MS, type School, startSchool } from '../support/school.ts'
import { acts, errorsOf, formIn, noticesOf, postByHand } from './acts.ts'
import { doneOn, formOf, isKept, muchLater, openAccount, prove } from './at_account.ts'
import { lettersTo, noticeLettersTo, WRITES_MAILS } from './letters.ts'

const GIVEN = 'camille@school.example'
const OWN = 'camille.moreau@home.example'
const CHANGE = formOf('address', 'change')
const REMOVE = formOf('address', 'remove')
const REFUSED = /^Not accepted/

let school: School
let mute: School
beforeAll(async () => {
  school = await startSchool(WRITES_MAILS)
  mute = await startSchool()
})
afterAll(async () => {
  await school.stop()
  await mute.stop()
})

const somebody = (identifier: string, more: Parameters<School['person']>[0] = {}) =>
  school.person({ identifier, protection: 'none', email: GIVEN, ...more })

const atAddress = (identifier: string, browser: Browser = school.browser()) =>
  openAccount(browser, 'address', identifier)

/** Beside the code's form, with the same address and token. */
const ask = (browser: Browser, email: string) =>
  browser.post('/account/address/change', { csrf: formIn(browser.view).csrf, email })
/** The first form of the page is the code's, once one was sent. */
const type = (browser: Browser, code: string) => browser.submit({ code }, { form: CHANGE })

const codesTo = (sub: string) =>
  lettersTo(school, sub).flatMap((letter) =>
    letter.template === 'address_code' ? [{ to: letter.to, code: letter.code }] : [],
  )

const newestTo = (sub: string): string => codesTo(sub).at(-1)?.code ?? ''

const wrongFor = (code: string, nth = 1): string =>
  String((Number(code) + nth) % 1_000_000).padStart(6, '0')

const verifiedOf = async (identifier: string) => (await school.account(identifier)).verifiedEmail

describe('somebody has their mail sent elsewhere', () => {
  it('by a code that is mailed there; both addresses are told', async () => {
    const { sub } = await somebody('aa.changes')
    const browser = await atAddress('aa.changes')
    expect(browser.view.text).toContain('camille@<wbr>school.example')
    await ask(browser, ` ${OWN} `)
    expect(browser.view.text).toContain(OWN)
    expect(codesTo(sub)).toEqual([{ to: OWN, code: expect.stringMatching(/^\d{6}$/) }])
    expect(await verifiedOf('aa.changes')).toBeNull()
    const code = newestTo(sub)
    await type(browser, `${code.slice(0, 3)} ${code.slice(3)}`)
    expect(doneOn(browser.view)).toContain('confirmed')
    expect(await verifiedOf('aa.changes')).toBe(OWN)
    // To the new one, as the account's own, and to the one before.
    expect(noticeLettersTo(school, sub)).toMatchObject([
      { code: 'address_changed', to: OWN, params: { address: 'c•••@home.example' } },
      { code: 'address_changed', to: GIVEN },
    ])
    expect(await acts(school, sub)).toContain('address_changed')
    expect(browser.view.html.querySelector('[name=code]')).toBeNull()
    expect(browser.view.url.search).toBe('')
  })

  it('and back again: the proved address is removed, and both are told', async () => {
    const { sub } = await somebody('aa.removes')
    await school.gateway.core.deps.store.accounts.setVerifiedEmail(sub, OWN)
    const browser = await atAddress('aa.removes')
    await browser.submit({}, { form: REMOVE })
    expect(doneOn(browser.view)).toBe('Your address is removed.')
    expect(await verifiedOf('aa.removes')).toBeNull()
    expect(noticeLettersTo(school, sub).map(({ to }) => to)).toEqual([GIVEN, OWN])
    expect(browser.view.html.querySelector(REMOVE)).toBeNull()
  })

  it('but a wrong code is refused, five times, and then the right one too', async () => {
    const { sub } = await somebody('aa.guesses')
    const browser = await atAddress('aa.guesses')
    await ask(browser, OWN)
    const code = newestTo(sub)
    for (let nth = 1; nth <= 5; nth += 1) {
      await type(browser, wrongFor(code, nth))
      expect(errorsOf(browser.view)[0]).toMatch(REFUSED)
    }
    await type(browser, code)
    expect(errorsOf(browser.view)[0]).toMatch(REFUSED)
    expect(await verifiedOf('aa.guesses')).toBeNull()
    // Another code goes on.
    school.later(MINUTE_MS)
    await ask(browser, OWN)
    await type(browser, newestTo(sub))
    expect(await verifiedOf('aa.guesses')).toBe(OWN)
  })

  it('the code of another session, or an old one, is refused', async () => {
    const { sub } = await somebody('aa.bound')
    const [first, second] = [await atAddress('aa.bound'), await atAddress('aa.bound')]
    await ask(first, OWN)
    const code = newestTo(sub)
    await ask(second, 'other@home.example')
    await type(second, code)
    expect(errorsOf(second.view)[0]).toMatch(REFUSED)
    school.later(9 * MINUTE_MS + 50_000)
    await first.open('/account/address')
    expect(first.view.html.querySelector('[name=code]')).not.toBeNull()
    const { csrf } = formIn(first.view)
    school.later(11_000)
    await first.post('/account/address/change', { csrf, code })
    await prove(first, 'aa.bound')
    await first.submit({ kept: 'yes' }, { form: CHANGE })
    expect(errorsOf(first.view)[0]).toMatch(REFUSED)
    expect(first.view.html.querySelector('[name=code]')).toBeNull()
    expect(await verifiedOf('aa.bound')).toBeNull()
  })

  it('the newest of two tabs wins, with its own address', async () => {
    const { sub } = await somebody('aa.tabs')
    const first = await atAddress('aa.tabs')
    const second = school.browser({ jar: first.jar })
    await second.open('/account/address')
    await ask(first, OWN)
    const old = newestTo(sub)
    await second.post('/account/address/change', {
      csrf: formIn(second.view).csrf,
      email: 'other@home.example',
    })
    await type(first, old)
    expect(errorsOf(first.view)[0]).toMatch(REFUSED)
    await type(first, newestTo(sub))
    expect(await verifiedOf('aa.tabs')).toBe('other@home.example')
  })

  it('once, by a form sent twice at one moment: one mail, whose code is right', async () => {
    const { sub } = await somebody('aa.twice')
    const browser = await atAddress('aa.twice')
    const { csrf } = formIn(browser.view)
    const twin = school.browser({ jar: browser.jar })
    const form = { csrf, email: OWN }
    await Promise.all([
      browser.post('/account/address/change', form),
      twin.post('/account/address/change', form),
    ])
    expect(codesTo(sub)).toHaveLength(1)
    await type(twin, newestTo(sub))
    expect(await verifiedOf('aa.twice')).toBe(OWN)
  })

  it('not by more than three mails in a quarter of an hour', async () => {
    const { sub } = await somebody('aa.flood')
    const browser = await atAddress('aa.flood')
    const { csrf } = formIn(browser.view)
    for (const nth of [1, 2, 3, 4]) {
      const email = `n${nth}@home.example`
      await browser.post('/account/address/change', { csrf, email })
    }
    expect(errorsOf(browser.view)[0]).toMatch(/^Several codes/)
    expect(codesTo(sub)).toHaveLength(3)
    school.later(16 * MINUTE_MS)
    await browser.post('/account/address/change', { csrf, email: 'n5@home.example' })
    await prove(browser, 'aa.flood')
    await browser.submit({ kept: 'yes' }, { form: CHANGE })
    expect(codesTo(sub)).toHaveLength(4)
  })

  it('in French', async () => {
    const { sub } = await somebody('aa.french', { locale: 'fr' })
    const browser = await atAddress('aa.french')
    await ask(browser, 'nowhere')
    expect(errorsOf(browser.view)[0]).toContain('adresse')
    await ask(browser, OWN)
    await type(browser, newestTo(sub))
    expect(doneOn(browser.view)).toContain('adresse')
  })
})

describe('an address', () => {
  let odd = 0
  it.each([
    ['that is none', 'camille'],
    ['without a domain', 'camille@home'],
    ['with a second header in it', 'a@home.example\r\nBcc: all@home.example'],
    ['with a line of its own', 'a@home.example\nX: y'],
    ['for two', 'a@home.example, b@home.example'],
    ['with a name', 'Camille <a@home.example>'],
    ['with a quoted part', '"a b"@home.example'],
    ['with a null byte', 'a\u0000@home.example'],
    ['that is too long', `${'a'.repeat(243)}@home.example`],
    ['that is empty', '  '],
  ])('%s is refused, and nothing is sent', async (_, email) => {
    odd += 1
    const { sub } = await somebody(`aa.odd.${odd}`)
    const browser = await atAddress(`aa.odd.${odd}`)
    await ask(browser, email)
    expect(browser.view.step).toBe('account_address')
    expect(errorsOf(browser.view)).toHaveLength(1)
    expect(lettersTo(school, sub)).toEqual([])
    expect(browser.view.html.querySelector('[name=code]')).toBeNull()
  })

  it('that is somebody else’s is answered as any other', async () => {
    await somebody('aa.holder', { email: 'taken@home.example' })
    await somebody('aa.asks.taken')
    await somebody('aa.asks.free')
    const pages = []
    for (const [identifier, email] of [
      ['aa.asks.taken', 'taken@home.example'],
      ['aa.asks.free', 'fresh@home.example'],
    ] as const) {
      const browser = await atAddress(identifier)
      await ask(browser, email)
      pages.push(
        browser.view.text.replaceAll(/name="csrf" value="[^"]*"/g, '').replaceAll(email, ''),
      )
    }
    expect(pages[0]).toBe(pages[1])
  })

  it('that was typed before an error stands in its field again', async () => {
    await somebody('aa.typo')
    const browser = await atAddress('aa.typo')
    await ask(browser, 'camille@home')
    expect(browser.view.html.querySelector('[name=email]')?.getAttribute('value')).toBe(
      'camille@home',
    )
  })

  it('cannot be changed where no mail is sent, and the page says so', async () => {
    await mute.person({ identifier: 'aa.mute', protection: 'none', email: GIVEN })
    const browser = await openAccount(mute.browser(), 'address', 'aa.mute')
    expect(browser.view.html.querySelector('[name=email]')).toBeNull()
    expect(browser.view.html.querySelector(CHANGE)).toBeNull()
  })
})

describe('a fresh proof', () => {
  it('is asked before the mail is sent; the address is kept across it', async () => {
    const { sub } = await somebody('aa.kept')
    const browser = await atAddress('aa.kept')
    muchLater(school)
    await ask(browser, OWN)
    expect(browser.view.step).toBe('login')
    expect(codesTo(sub)).toEqual([])
    await prove(browser, 'aa.kept')
    expect(isKept(browser.view)).toBe(true)
    await browser.submit({ kept: 'yes' }, { form: CHANGE })
    expect(codesTo(sub)).toHaveLength(1)
    // So is the code, within its own ten minutes.
    muchLater(school)
    await type(browser, newestTo(sub))
    expect(browser.view.step).toBe('login')
    await prove(browser, 'aa.kept')
    await browser.submit({ kept: 'yes' }, { form: CHANGE })
    expect(await verifiedOf('aa.kept')).toBe(OWN)
  })

  it('is what a stranger with the session cookie cannot give', async () => {
    const { sub } = await somebody('aa.stranger')
    const owner = await atAddress('aa.stranger')
    await ask(owner, OWN)
    const code = newestTo(sub)
    await school.gateway.core.deps.store.accounts.setVerifiedEmail(sub, 'mine@home.example')
    muchLater(school)
    const stranger = await owner.copy()
    await stranger.open('/account/address')
    const tokens = [CHANGE, REMOVE].map((form) =>
      stranger.view.html.querySelector(`${form} [name=csrf]`)?.getAttribute('value'),
    )
    for (const [form, fields] of [
      ['change', { code, csrf: tokens[0] ?? '' }],
      ['change', { email: 'thief@home.example', csrf: tokens[0] ?? '' }],
      ['remove', { csrf: tokens[1] ?? '' }],
    ] as const) {
      await stranger.post(`/account/address/${form}`, fields)
      expect(stranger.view.step).toBe('login')
    }
    await stranger.post('/account/address/remove', { csrf: tokens[1] ?? '', kept: 'yes' })
    expect(stranger.view.status).toBe(403)
    expect(await verifiedOf('aa.stranger')).toBe('mine@home.example')
    expect(codesTo(sub)).toHaveLength(1)
    expect(await noticesOf(school, sub)).toEqual([])
  })
})

describe('the forms', () => {
  it('are refused without their own token, from elsewhere, and from somebody else’s session', async () => {
    const { sub } = await somebody('aa.csrf')
    await somebody('aa.other')
    const browser = await atAddress('aa.csrf')
    const other = await atAddress('aa.other')
    for (const answer of [
      await postByHand(browser, { email: OWN, csrf: '' }),
      await postByHand(browser, { email: OWN, csrf: formIn(other.view).csrf }),
      await postByHand(browser, { email: OWN }, { 'sec-fetch-site': 'same-site' }),
    ]) {
      expect(answer.status).toBe(403)
    }
    expect(codesTo(sub)).toEqual([])
  })
})
