import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { notMeToken, readNotMeToken } from '../../accounts/not_me.ts'
import { tell } from '../../accounts/notices.ts'
import type { NoticeCode } from '../../accounts/ports.ts'
import type { Browser } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
import type { RelyingParty, Tokens } from '../support/relying_party.ts'
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
import { acts, devicesOf, enter, errorsOf, formIn, noticesOf } from './acts.ts'
import { lettersTo, mailedTo, noticeLettersTo, notMeLink, WRITES_MAILS } from './letters.ts'

const NEW_PASSWORD = 'Marronnier-Encre-58'
const BY_CODE = 'With a code sent to the e-mail address that you confirmed'
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool(WRITES_MAILS)
  application = await school.application()
})
afterAll(() => school.stop())

const stored = (sub: string): Promise<Account | null> =>
  school.gateway.core.deps.store.accounts.bySub(sub)

/** Signs in with the password, past the offer to add the device. */
const signIn = async (identifier: string, browser: Browser): Promise<Tokens> => {
  await enter(application, browser, identifier, { parameters: OFFLINE })
  if (browser.view.step === 'device') {
    await browser.submit({})
  }
  return application.finish(browser)
}

interface Told {
  readonly person: Account
  /** In the mail that told the person. */
  readonly link: string
  readonly thief: Browser
  readonly stolen: Tokens
}

/** Somebody whose password is known to a thief, who has just signed in with it. */
const robbed = async (wishes: Partial<PersonWishes> & { identifier: string }): Promise<Told> => {
  const person = await school.person({
    protection: 'notification',
    email: `${wishes.identifier}@tilleuls.example`,
    ...wishes,
  })
  const thief = school.browser({ address: '203.0.113.9' })
  const stolen = await signIn(wishes.identifier, thief)
  const link = notMeLink(school, person.sub, 'new_connection')
  school.later(MINUTE_MS)
  return { person, link, thief, stolen }
}

/** Opens the link and presses the button. */
const saysNo = async (link: string, browser = school.browser()): Promise<Browser> => {
  await browser.open(link)
  await browser.submit({})
  school.later(MINUTE_MS)
  return browser
}

const isOut = async (browser: Browser): Promise<boolean> =>
  (await application.start(browser)).step === 'login'

describe('the link "This wasn’t me"', () => {
  it('shows what was told, and changes nothing however often a scanner follows it', async () => {
    const { person, link, thief } = await robbed({ identifier: 'scanned' })
    const before = [await stored(person.sub), await acts(school, person.sub)]
    const scanner = school.browser({ cookies: false })
    for (let visit = 0; visit < 3; visit += 1) {
      expect((await scanner.open(link)).step).toBe('not_me')
      await scanner.open(link.replace('/not-me?', '/not-me/done?'))
      expect(scanner.view.step).toBe('not_me')
    }
    expect(scanner.view.text).toContain('203.0.113.0/24')
    expect(scanner.view.html.querySelectorAll('main button')).toHaveLength(1)
    expect([await stored(person.sub), await acts(school, person.sub)]).toEqual(before)
    expect(await isOut(thief)).toBe(false)
  })

  it('is kept by no cache and told to no other site', async () => {
    const { link } = await robbed({ identifier: 'headers' })
    const { headers } = await school.browser().open(link)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('is good for seven days', async () => {
    const { person, link } = await robbed({ identifier: 'seven.days' })
    const browser = school.browser()
    school.later(7 * DAY_MS - MINUTE_MS - 1)
    expect((await browser.open(link)).step).toBe('not_me')
    const late = formIn(browser.view)
    school.later(1)
    await browser.post(late.action, { csrf: late.csrf, token: link.split('token=')[1] ?? '' })
    expect([browser.view.step, browser.view.status]).toEqual(['not_me_over', 410])
    expect((await browser.open(link)).step).toBe('not_me_over')
    expect((await stored(person.sub))?.password?.voidedAt).toBeNull()
  })

  it('is worth nothing when it was changed, made up or is another seal of ours', async () => {
    const { person, link } = await robbed({ identifier: 'tampered' })
    const { letters, random } = school.gateway.core.deps
    const token = link.split('token=')[1] ?? ''
    const changed = `${token.slice(0, -6)}${token.at(-6) === 'A' ? 'B' : 'A'}${token.slice(-5)}`
    const ours = letters.seal(JSON.stringify({ sub: person.sub }), 'outbox:x', random)
    for (const bad of ['', 'x', 'v1.k1.AAAA', token.slice(0, -3), `${token}AAAA`, changed, ours]) {
      const browser = school.browser()
      await browser.open(`/not-me?token=${encodeURIComponent(bad)}`)
      expect(browser.view.step).toBe('not_me_over')
      await browser.open(`/not-me/done?token=${encodeURIComponent(bad)}`)
      expect(browser.view.step).toBe('not_me_over')
    }
    expect((await school.browser().open('/not-me')).step).toBe('not_me_over')
    expect((await school.browser().open(`${link}&token=${token}`)).step).toBe('not_me_over')
  })

  it('holds characters that every address may, and names its notice', () => {
    const { deps } = school.gateway.core
    const named = { sub: 'sub-x', noticeId: 'n', atMs: deps.clock() }
    const token = notMeToken(deps, named)
    expect(token).toMatch(/^[\w.-]+$/)
    expect(readNotMeToken(deps, token)).toEqual(named)
  })

  it('is in the language of its person, and in the one they click', async () => {
    const { link } = await robbed({ identifier: 'en.francais', locale: 'fr' })
    const browser = school.browser({ language: 'de' })
    await browser.open(link)
    expect(browser.view.html.querySelector('html')?.getAttribute('lang')).toBe('fr')
    const english = browser.view.html
      .querySelectorAll('a[href]')
      .map((each) => each.getAttribute('href') ?? '')
      .find((href) => href.includes('lang=en'))
    await browser.open((english ?? '').replaceAll('&amp;', '&'))
    expect([
      browser.view.step,
      browser.view.html.querySelector('html')?.getAttribute('lang'),
    ]).toEqual(['not_me', 'en'])
  })
})

/** Links *This wasn't me* of a page, by its order. */
const linksOn = ({ view }: Browser): string[] =>
  view.html
    .querySelectorAll('main a[href^="/not-me?"]')
    .map((link) => link.getAttribute('href') ?? '')

describe('notices on pages', () => {
  const signedIn = async (identifier: string): Promise<Browser> => {
    const browser = school.browser()
    await signIn(identifier, browser)
    return browser
  }

  it('let whoever has no address say no, on the portal and in the history', async () => {
    for (const [page, identifier] of [
      ['/', 'no.address.portal'],
      ['/account/history', 'no.address.history'],
    ] as const) {
      const person = await school.person({ identifier, protection: 'notification', email: null })
      const thief = school.browser({ address: '203.0.113.9' })
      await signIn(identifier, thief)
      school.later(MINUTE_MS)
      expect(mailedTo(school, person.sub)).toEqual([])
      const owner = await signedIn(identifier)
      await owner.open(page)
      const links = linksOn(owner)
      expect(links).toHaveLength(2)
      await owner.open(links[1] ?? '')
      expect(owner.view.step).toBe('not_me')
      expect(owner.view.text).toContain('203.0.113.0/24')
      school.later(1)
      await owner.submit({})
      expect(owner.view.step).toBe('not_me_done')
      expect(await isOut(thief)).toBe(true)
      expect((await stored(person.sub))?.password?.voidedAt).not.toBeNull()
    }
  })

  it('offer it for seven days, once, and not where the school has acted', async () => {
    const { deps } = school.gateway.core
    const { sub } = await school.person({ identifier: 'on.pages', protection: 'none' })
    const ours = ['key_assigned', 'password_replaced', 'password_given_back', 'password_expires']
    const codes = ['pin_blocked', 'key_blocked', 'password_reset_by_mail', ...ours] as NoticeCode[]
    for (const code of codes) {
      await deps.store.transact((tables) => tell(deps, tables, sub, code))
    }
    const linked = async (): Promise<number> => {
      const browser = await openHistory(await signedIn('on.pages'))
      return linksOn(browser).length
    }
    expect(await linked()).toBe(3)
    const [newest] = (await deps.store.notices.list(sub, 9)).filter(
      ({ code }) => code === 'pin_blocked',
    )
    expect(await deps.store.notices.answer(newest?.id ?? '', sub, deps.clock())).toBe(true)
    expect(await linked()).toBe(2)
    school.later(7 * DAY_MS - 1)
    expect(await linked()).toBe(2)
    school.later(1)
    expect(await linked()).toBe(0)
  })

  it('offer it no more for what its person has come back from', async () => {
    const { person, link } = await robbed({ identifier: 'back.on.pages' })
    const { deps } = school.gateway.core
    await deps.store.transact((tables) => tell(deps, tables, person.sub, 'protection_changed'))
    await saysNo(link)
    const password = (await stored(person.sub))?.password
    if (password === undefined || password === null) {
      throw new Error('there is a password')
    }
    await deps.store.accounts.setPassword(person.sub, { ...password, voidedAt: null })
    const owner = await openHistory(await signedIn('back.on.pages'))
    const rows = owner.view.html.querySelectorAll('main li.row')
    expect(rows.map((row) => row.querySelector('a[href^="/not-me?"]') !== null)).toEqual([
      true, // Their own sign-in of now.
      false, // What they said.
      false, // What the thief did before: to which nothing was said,
      false, // and to which it was.
    ])
  })

  const openHistory = async (browser: Browser): Promise<Browser> => {
    await browser.open('/account/history')
    expect(browser.view.step).toBe('account_history')
    return browser
  }
})

describe('the button "This wasn’t me"', () => {
  it('signs everybody out, forgets devices, voids the password and blocks the PIN', async () => {
    const { person, link, thief, stolen } = await robbed({ identifier: 'robbed', pin: PIN })
    const { sub } = person
    const { devices } = school.gateway.core.deps.store
    const own = school.browser()
    await enter(application, own, 'robbed')
    await own.submit({ remember_device: 'yes', device_name: 'Room 201' })
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
    const browser = await saysNo(link)
    expect([browser.view.step, browser.view.status]).toEqual(['not_me_done', 200])
    expect(await stored(sub)).toMatchObject({
      password: { voidedAt: expect.any(Number) },
      pin: { blockedAt: expect.any(Number) },
    })
    expect(await devices.list(sub)).toEqual([])
    expect([await isOut(thief), await isOut(own)]).toEqual([true, true])
    await expect(application.refresh(stolen)).rejects.toThrow()
    await expect(application.userinfo(stolen)).rejects.toThrow()
    expect(await acts(school, sub)).toContain('not_me')
    expect((await noticesOf(school, sub)).at(-1)).toBe('account_secured')
    expect(mailedTo(school, sub).at(-1)).toBe('account_secured')
  })

  it('needs no cookie, and no session', async () => {
    const { person, link } = await robbed({ identifier: 'no.cookie' })
    const browser = await saysNo(link, school.browser({ cookies: false }))
    expect(browser.view.step).toBe('not_me_done')
    expect((await stored(person.sub))?.password?.voidedAt).not.toBeNull()
  })

  it('counts only on our own page', async () => {
    const { person, link } = await robbed({ identifier: 'forged' })
    const browser = school.browser()
    await browser.open(link)
    const { csrf } = formIn(browser.view)
    const token = link.split('token=')[1] ?? ''
    const forged: [Record<string, string>, Record<string, string>][] = [
      [{ token }, {}],
      [{ token, csrf: 'x' }, {}],
      [{ token, csrf }, { 'sec-fetch-site': 'cross-site' }],
      [{ token, csrf }, { origin: 'https://elsewhere.example' }],
      [{ token: `${token}x`, csrf }, {}],
    ]
    for (const [fields, headers] of forged) {
      await browser.post('/not-me', fields, headers)
      expect([browser.view.step, browser.view.status]).toEqual(['error', 403])
    }
    expect((await stored(person.sub))?.password?.voidedAt).toBeNull()
    await browser.post('/not-me', { token, csrf }, { 'sec-fetch-site': 'same-origin' })
    expect(browser.view.step).toBe('not_me_done')
  })

  it('pressed many times at once acts once, and every answer says that it is done', async () => {
    const { person, link } = await robbed({ identifier: 'many.clicks', pin: PIN })
    const browsers = Array.from({ length: 8 }, () => school.browser())
    await Promise.all(browsers.map((browser) => browser.open(link)))
    await Promise.all(browsers.map((browser) => browser.submit({})))
    expect(new Set(browsers.map(({ view }) => view.step))).toEqual(new Set(['not_me_done']))
    expect((await acts(school, person.sub)).filter((act) => act === 'not_me')).toHaveLength(1)
    expect(mailedTo(school, person.sub)).toEqual(['new_connection', 'account_secured'])
  })

  it('shows the ways back again to whoever follows the link again', async () => {
    const { link } = await robbed({ identifier: 'ways.again' })
    await saysNo(link)
    expect((await school.browser().open(link)).step).toBe('not_me_done')
  })

  it('names a key, and a mailed code, as ways back only to whoever has them', async () => {
    const without = await robbed({ identifier: 'ways.few' })
    const few = (await saysNo(without.link)).view.text
    expect(few).toContain('temporary password from your school')
    expect(few).not.toContain('With your OTP key')
    expect(few).not.toContain(BY_CODE)
    const more = await robbed({ identifier: 'ways.many', userType: 'staff' })
    await school.gateway.core.deps.store.accounts.setVerifiedEmail(more.person.sub, 'me@x.example')
    const held = await giveKey(school, more.person.sub)
    const { otpKeys } = school.gateway.core.deps.store
    await otpKeys.save({
      ...(await held.stored()),
      inServiceAt: more.person.createdAt - 8 * DAY_MS,
    })
    const many = (await saysNo(more.link)).view.text
    expect(many).toContain('With your OTP key')
    expect(many).toContain(BY_CODE)
    const forbidden = await robbed({ identifier: 'ways.forbidden', userType: 'inspector' })
    await school.gateway.core.deps.store.accounts.setVerifiedEmail(
      forbidden.person.sub,
      'i@x.example',
    )
    await school.policies({ inspector: { passwords: { self_service_reset: false } } })
    expect((await saysNo(forbidden.link)).view.text).not.toContain(BY_CODE)
    await school.policies({ inspector: {} })
  })

  it('ends a sign-in that is half way: at the PIN, at a new password', async () => {
    const { person, link } = await robbed({ identifier: 'half.way', pin: PIN })
    const { accounts } = school.gateway.core.deps.store
    await accounts.setProtection(person.sub, 'pin')
    const atPin = school.browser()
    expect((await enter(application, atPin, 'half.way')).step).toBe('pin')
    await accounts.setProtection(person.sub, 'notification')
    const password = (await stored(person.sub))?.password
    if (password === undefined || password === null) {
      throw new Error('there is a password')
    }
    await accounts.setPassword(person.sub, { ...password, mustChange: true })
    const atChange = school.browser()
    expect((await enter(application, atChange, 'half.way')).step).toBe('change_password')
    school.later(1)
    await saysNo(link)
    await atPin.submit({ pin: PIN })
    expect(atPin.view.step).not.toBe('callback')
    await atChange.submit({ new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD })
    expect(atChange.view.step).not.toBe('callback')
    expect((await stored(person.sub))?.password?.voidedAt).not.toBeNull()
    expect(await acts(school, person.sub)).not.toContain('password_changed')
  })

  it('takes from a thief the key and the address that came to the account since', async () => {
    const { person, link } = await robbed({ identifier: 'dug.in', userType: 'staff' })
    const { sub } = person
    const { deps } = school.gateway.core
    const key = await giveKey(school, sub)
    await deps.store.transact(async (tables) => {
      const changed = { atMs: deps.clock(), previous: null }
      await tables.accounts.setVerifiedEmail(sub, 'thief@elsewhere.example', changed)
      await tell(deps, tables, sub, 'address_changed')
    })
    school.later(MINUTE_MS)
    const browser = await saysNo(link)
    expect(browser.view.text).not.toContain('With your OTP key')
    expect((await key.stored()).state).toBe('lost')
    expect((await stored(sub))?.verifiedEmail).toBeNull()
    const view = await enter(application, school.browser(), 'dug.in', { password: key.passcode() })
    expect(view.step).toBe('login')
    const secured = noticeLettersTo(school, sub).filter(({ code }) => code === 'account_secured')
    expect(secured.map(({ to }) => to)).toEqual(['dug.in@tilleuls.example'])
  })

  it('is told to the school’s address too, where another one was confirmed before', async () => {
    const { person, link } = await robbed({ identifier: 'two.addresses' })
    const { accounts } = school.gateway.core.deps.store
    await accounts.setVerifiedEmail(person.sub, 'private@elsewhere.example')
    await saysNo(link)
    const secured = noticeLettersTo(school, person.sub).filter(
      ({ code }) => code === 'account_secured',
    )
    expect(secured.map(({ to }) => to)).toEqual([
      'private@elsewhere.example',
      'two.addresses@tilleuls.example',
    ])
  })
})

describe('after "This wasn’t me"', () => {
  it('the old password is refused like a wrong one', async () => {
    const { person, link } = await robbed({ identifier: 'old.password' })
    await saysNo(link)
    const answers = []
    for (const password of ['Nobody-Has-This-99', PASSWORD]) {
      const view = await enter(application, school.browser(), 'old.password', { password })
      answers.push([view.step, view.status, errorsOf(view)])
    }
    expect(answers[1]).toEqual(answers[0])
    const [newest] = await school.gateway.core.deps.store.audit.list(
      { sub: person.sub, act: 'login_refused' },
      1,
    )
    expect(newest?.detail['why']).toBe('password_void')
  })

  it('a passcode signs in and leads to a new password, which is not the old one', async () => {
    const person = await school.person({
      identifier: 'back.by.key',
      userType: 'staff',
      pin: PIN,
      email: 'back@tilleuls.example',
    })
    const key = await giveKey(school, person.sub)
    const { otpKeys } = school.gateway.core.deps.store
    await otpKeys.save({ ...(await key.stored()), inServiceAt: person.createdAt - 8 * DAY_MS })
    school.later(MINUTE_MS)
    const thief = school.browser()
    await enter(application, thief, 'back.by.key')
    await thief.submit({ pin: '5062' })
    const link = notMeLink(school, person.sub, 'pin_wrong')
    await saysNo(link)

    const browser = school.browser()
    await enter(application, browser, 'back.by.key', { password: key.passcode() })
    expect(browser.view.step).toBe('change_password')
    await browser.submit({ new_password: PASSWORD, confirm_password: PASSWORD })
    expect(browser.view.step).toBe('change_password')
    expect(errorsOf(browser.view)[0]).toContain('This is the password you are replacing.')
    await browser.submit({ new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD })
    expect(browser.view.step).toBe('callback')
    expect((await stored(person.sub))?.password).toMatchObject({
      voidedAt: null,
      mustChange: false,
      origin: 'personal',
    })

    // An old mail, now that its person is back in.
    const again = await school.browser().open(link)
    expect([again.step, again.status]).toEqual(['not_me_over', 410])
    expect((await application.start(browser)).step).toBe('callback')

    // On a new device the PIN is asked for, and stays blocked until it is reset.
    school.later(HOUR_MS)
    const other = school.browser()
    await enter(application, other, 'back.by.key', { password: NEW_PASSWORD })
    expect(other.view.step).toBe('pin')
    expect(other.view.html.querySelector('input[name=pin]')).toBeNull()
  })

  it('a mailed code leads to a new password; the PIN stays blocked', async () => {
    const { person, link } = await robbed({ identifier: 'back.by.mail', pin: PIN })
    const { accounts } = school.gateway.core.deps.store
    await accounts.setVerifiedEmail(person.sub, 'mine@home.example')
    expect((await saysNo(link)).view.text).toContain(BY_CODE)
    const browser = school.browser()
    await application.start(browser)
    await browser.submit({}, { form: 'form[action$="/forgotten_password"]' })
    await browser.submit({ identifier: 'back.by.mail' })
    const [letter] = lettersTo(school, person.sub).filter(
      ({ template }) => template === 'password_reset_code',
    )
    await browser.submit({ code: letter?.template === 'password_reset_code' ? letter.code : '' })
    await browser.submit({ new_password: PASSWORD, confirm_password: PASSWORD })
    expect(errorsOf(browser.view)[0]).toContain('This is the password you are replacing.')
    await browser.submit({ new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD })
    expect(browser.view.step).toBe('login')
    school.later(MINUTE_MS)
    await accounts.setProtection(person.sub, 'pin')
    await browser.submit({ password: NEW_PASSWORD })
    expect(browser.view.step).toBe('pin')
    expect(browser.view.text).toContain('Your PIN code is blocked')
    expect(await stored(person.sub)).toMatchObject({
      password: { voidedAt: null },
      pin: { blockedAt: expect.any(Number) },
    })
    // An old mail, now that its person is back in.
    expect((await school.browser().open(link)).step).toBe('not_me_over')
  })

  it('a second click on a page that was left open changes nothing for whoever is back', async () => {
    const { person, link } = await robbed({ identifier: 'left.open', userType: 'staff' })
    const key = await giveKey(school, person.sub)
    const { otpKeys } = school.gateway.core.deps.store
    await otpKeys.save({ ...(await key.stored()), inServiceAt: person.createdAt - 8 * DAY_MS })
    const leftOpen = school.browser()
    await leftOpen.open(link)
    await saysNo(link)
    const browser = school.browser()
    await enter(application, browser, 'left.open', { password: key.passcode() })
    await browser.submit({ new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD })
    await browser.submit({})
    expect(browser.view.step).toBe('callback')
    const before = await stored(person.sub)
    await leftOpen.submit({})
    expect(leftOpen.view.step).toBe('not_me_over')
    expect(await stored(person.sub)).toEqual(before)
    expect(await isOut(browser)).toBe(false)
  })

  it('another notice can still be answered, and whoever came in since is out', async () => {
    const { person, link } = await robbed({ identifier: 'twice.robbed' })
    await saysNo(link)
    const { deps } = school.gateway.core
    const password = (await stored(person.sub))?.password
    if (password === undefined || password === null) {
      throw new Error('there is a password')
    }
    await deps.store.accounts.setPassword(person.sub, { ...password, voidedAt: null })
    const thief = school.browser({ address: '203.0.113.9' })
    await signIn('twice.robbed', thief)
    expect(mailedTo(school, person.sub)).toEqual([
      'new_connection',
      'account_secured',
      'new_connection', // From the same place, within the hour: but after it was answered.
    ])
    school.later(MINUTE_MS)
    await saysNo(notMeLink(school, person.sub, 'new_connection'))
    expect(await isOut(thief)).toBe(true)
  })

  it('an account with a key alone loses its sessions', async () => {
    const person = await school.person({
      identifier: 'key.alone',
      userType: 'staff',
      password: null,
      email: 'key@tilleuls.example',
    })
    const key = await giveKey(school, person.sub)
    school.later(MINUTE_MS)
    await school.gateway.core.deps.store.accounts.setProtection(person.sub, 'notification')
    const thief = school.browser()
    await enter(application, thief, 'key.alone', { password: key.passcode() })
    await thief.submit({})
    const link = notMeLink(school, person.sub, 'new_connection')
    const asked = await school.browser().open(link)
    const browser = await saysNo(link)
    expect(browser.view.step).toBe('not_me_done')
    // Nobody is told that what they do not have is shut.
    for (const { html } of [asked, browser.view]) {
      expect(html.querySelector('main')?.text).not.toMatch(/PIN code|password/)
    }
    expect(await isOut(thief)).toBe(true)
    expect(await stored(person.sub)).toMatchObject({ password: null, pin: null })
  })
})
