import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, PIN, type School, startSchool } from '../support/school.ts'
import { acts, enter, errorsOf, formIn, noticesOf, reopen } from './acts.ts'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

const ticked = (html: { querySelector(selector: string): unknown }, selector: string): boolean =>
  html.querySelector(`${selector}[checked]`) !== null

describe('at the first connection a person', () => {
  it('is proposed a PIN, ticked, and may choose otherwise', async () => {
    await school.person({ identifier: 'first.look' })
    const browser = school.browser()
    const { step, html } = await enter(application, browser, 'first.look')
    expect(step).toBe('define_pin')
    expect(ticked(html, 'input[name=define_pin]')).toBe(true)
    const choices = html.querySelectorAll('input[name=protection]')
    expect(choices.map((each) => each.getAttribute('value'))).toEqual(['notification', 'none'])
    expect(ticked(html, 'input[name=protection]')).toBe(false)
  })

  it('who chooses the notification is not asked for a PIN, then or later', async () => {
    const { sub } = await school.person({ identifier: 'first.notified' })
    const browser = school.browser()
    await enter(application, browser, 'first.notified')
    const { action, csrf } = formIn(browser.view)
    await browser.post(action, { csrf, protection: 'notification' })
    expect(browser.view.step).toBe('device')
    await browser.submit({})
    expect(browser.view.step).toBe('callback')
    expect((await application.finish(browser)).claims['acr']).toBe('urn:vestibule:acr:password')
    expect((await school.account('first.notified')).protection).toBe('notification')
    expect(await acts(school, sub)).toContain('protection_chosen')
    expect(await noticesOf(school, sub)).toEqual(['protection_chosen', 'new_connection'])

    const another = school.browser()
    await enter(application, another, 'first.notified')
    expect(another.view.step).toBe('device')
  })

  it('who chooses no additional security goes straight on, and is asked nothing later', async () => {
    const { sub } = await school.person({ identifier: 'first.none' })
    const browser = school.browser({ address: '203.0.113.9' })
    await enter(application, browser, 'first.none')
    const { action, csrf } = formIn(browser.view)
    await browser.post(action, { csrf, protection: 'none' })
    expect(browser.view.step).toBe('callback')
    // Whoever found the password first would otherwise choose in silence.
    expect(await school.gateway.core.deps.store.notices.list(sub, 10)).toMatchObject([
      {
        code: 'protection_chosen',
        params: { browser: 'Firefox', system: 'Windows', network: '203.0.113.0/24' },
      },
    ])
    await browser.open('/')
    expect(browser.view.text).toContain('A protection without a PIN code was chosen')
    expect((await enter(application, school.browser(), 'first.none')).step).toBe('callback')
  })

  it('who unticks the PIN and chooses nothing is asked to choose', async () => {
    await school.person({ identifier: 'first.undecided' })
    const browser = school.browser()
    await enter(application, browser, 'first.undecided')
    const { action, csrf } = formIn(browser.view)
    await browser.post(action, { csrf, new_pin: PIN, confirm_pin: PIN })
    expect(browser.view.step).toBe('define_pin')
    expect(errorsOf(browser.view)).toEqual(['Choose how to protect your account.'])
    await browser.post(action, { csrf, protection: 'everything' })
    expect(errorsOf(browser.view)).toEqual(['Choose how to protect your account.'])
    expect((await school.account('first.undecided')).protection).toBeNull()
  })

  it('who types two different codes is asked again, and nothing is kept', async () => {
    await school.person({ identifier: 'first.mismatch' })
    const browser = school.browser()
    await enter(application, browser, 'first.mismatch')
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: '8307' })
    expect(errorsOf(browser.view)).toEqual([
      'The two codes are not the same. Type your new PIN code twice.',
    ])
    expect(browser.view.text).not.toContain(PIN)
    expect((await school.account('first.mismatch')).pin).toBeNull()
    await browser.submit({ define_pin: 'yes', new_pin: '', confirm_pin: '' })
    expect(errorsOf(browser.view)).toEqual([
      'Type a new PIN code.',
      'Type your new PIN code a second time.',
    ])
  })

  it('who types spaces between the digits is understood', async () => {
    const { sub } = await school.person({ identifier: 'first.spaces' })
    const browser = school.browser()
    await enter(application, browser, 'first.spaces')
    await browser.submit({ define_pin: 'yes', new_pin: '83 06', confirm_pin: ' 8306' })
    expect(browser.view.step).toBe('device')
    expect(await noticesOf(school, sub)).toEqual(['pin_defined'])
    expect(await acts(school, sub)).toEqual(['login_right', 'pin_defined'])
  })

  it('who goes away before deciding is asked the same the next day', async () => {
    await school.person({ identifier: 'first.away' })
    const browser = school.browser()
    await enter(application, browser, 'first.away')
    await reopen(browser)
    expect((await enter(application, browser, 'first.away')).step).toBe('define_pin')
  })
})

describe('the policy', () => {
  it('that leaves only the PIN imposes it: no choice, no other answer', async () => {
    await school.policies({ inspector: { protections: ['pin'] } })
    await school.person({ identifier: 'imposed', userType: 'inspector' })
    const browser = school.browser()
    await enter(application, browser, 'imposed')
    expect(browser.view.step).toBe('define_pin')
    expect(browser.view.text).toContain('Your school asks everybody to define a PIN code.')
    expect(browser.view.html.querySelector('input[name=protection]')).toBeNull()
    await browser.submit({ protection: 'none' })
    expect(browser.view.step).toBe('define_pin')
    expect((await school.account('imposed')).protection).toBeNull()
    await browser.submit({ new_pin: PIN, confirm_pin: PIN })
    expect(browser.view.step).toBe('device')
  })

  it('without a PIN offers the rest alone, and takes no PIN', async () => {
    await school.policies({ inspector: { protections: ['notification', 'none'] } })
    await school.person({ identifier: 'without.pin', userType: 'inspector' })
    const browser = school.browser()
    await enter(application, browser, 'without.pin')
    expect(browser.view.html.querySelector('input[name=new_pin]')).toBeNull()
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    expect(errorsOf(browser.view)).toEqual(['Choose how to protect your account.'])
    await browser.submit({ protection: 'none' })
    expect(browser.view.step).toBe('callback')
    expect((await school.account('without.pin')).pin).toBeNull()
  })

  it('that withdraws a protection asks those who had chosen it, and only them, to choose anew', async () => {
    await school.policies({ guardian: { protections: ['pin', 'none'] } })
    await school.person({
      identifier: 'withdrawn',
      userType: 'guardian',
      protection: 'notification',
    })
    await school.person({ identifier: 'kept', userType: 'guardian', protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'withdrawn')
    expect(browser.view.step).toBe('define_pin')
    expect(browser.view.text).not.toContain('Notification only')
    expect((await enter(application, school.browser(), 'kept')).step).toBe('callback')
  })

  it('that withdraws another choice never lets a PIN be replaced with the password alone', async () => {
    await school.policies({ guardian: { protections: ['pin', 'none'] } })
    await school.person({
      identifier: 'withdrawn.with.pin',
      userType: 'guardian',
      protection: 'notification',
      pin: PIN,
    })
    const browser = school.browser()
    expect((await enter(application, browser, 'withdrawn.with.pin')).step).toBe('pin')
  })

  it('that abolishes the PIN keeps it, unasked, until it is offered again', async () => {
    await school.person({ identifier: 'abolished', userType: 'staff', pin: PIN })
    await school.policies({ staff: { protections: ['none', 'notification'] } })
    const browser = school.browser()
    expect((await enter(application, browser, 'abolished')).step).toBe('device')
    await school.policies({ staff: {} })
    expect((await enter(application, school.browser(), 'abolished')).step).toBe('pin')
  })
})

describe('a PIN defined by a form that was sent twice', () => {
  it('is defined once, and not asked for at once', async () => {
    await school.person({ identifier: 'defined.twice' })
    const browser = school.browser()
    await enter(application, browser, 'defined.twice')
    school.later(20_000)
    const twin = school.browser({ jar: browser.jar })
    const { action, csrf } = formIn(browser.view)
    const form = { csrf, define_pin: 'yes', new_pin: PIN, confirm_pin: PIN }
    await Promise.all([browser.post(action, form), twin.post(action, form)])
    await application.start(browser)
    expect(browser.view.step).toBe('device')
  })
})

describe('a PIN that can be guessed is refused, and the page says why', () => {
  const REASONS = [
    ['7777', 'the same digits come again and again', 'les mêmes chiffres se répètent'],
    ['3456', 'the digits follow each other', 'les chiffres se suivent'],
    ['4747', 'the digits go in pairs', 'les chiffres vont par paires'],
    ['1968', 'this is a year', 'c’est une année'],
    ['1407', 'this is a date', 'c’est une date'],
    ['2580', 'these keys make a line or a figure', 'ces touches forment une ligne ou une figure'],
    ['0904', 'this comes from your birth date', 'il vient de votre date de naissance'],
    ['090411', 'this comes from your birth date', 'il vient de votre date de naissance'],
    ['2719', 'this is part of your identifier', 'il fait partie de votre identifiant'],
    ['830', 'Type 4 to 12 digits', 'Saisissez de 4 à 12 chiffres'],
    ['83O6', 'Type 4 to 12 digits', 'Saisissez de 4 à 12 chiffres'],
    ['8306830683068', 'Type 4 to 12 digits', 'Saisissez de 4 à 12 chiffres'],
  ] as const

  for (const [index, language] of (['en', 'fr'] as const).entries()) {
    it(`in ${language === 'en' ? 'English' : 'French'}`, async () => {
      const identifier = `guess.${language}.2719`
      await school.person({ identifier, birthDate: '2011-04-09' })
      const browser = school.browser({ language })
      await enter(application, browser, identifier)
      for (const [pin, ...reasons] of REASONS) {
        await browser.submit({ define_pin: 'yes', new_pin: pin, confirm_pin: pin })
        expect(browser.view.step, pin).toBe('define_pin')
        expect(errorsOf(browser.view).join(' '), pin).toContain(reasons[index])
      }
      expect((await school.account(identifier)).pin).toBeNull()
    })
  }

  it('dates of anybody only where the policy says so', async () => {
    await school.policies({ internship_counsellor: { pin: { refuse_dates: true } } })
    await school.person({ identifier: 'dates.strict', userType: 'internship_counsellor' })
    const strict = school.browser()
    await enter(application, strict, 'dates.strict')
    await strict.submit({ define_pin: 'yes', new_pin: '2308', confirm_pin: '2308' })
    expect(errorsOf(strict.view).join(' ')).toContain('this is a date')
    await school.person({ identifier: 'dates.free', userType: 'teacher' })
    const free = school.browser()
    await enter(application, free, 'dates.free')
    await free.submit({ define_pin: 'yes', new_pin: '2308', confirm_pin: '2308' })
    expect(free.view.step).toBe('device')
  })

  it('lengths outside the policy', async () => {
    await school.policies({ internship_counsellor: { pin: { min_length: 6, max_length: 6 } } })
    await school.person({ identifier: 'six.digits', userType: 'internship_counsellor' })
    const browser = school.browser()
    await enter(application, browser, 'six.digits')
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ define_pin: 'yes', new_pin: '830657', confirm_pin: '830657' })
    expect(browser.view.step).toBe('device')
  })
})

describe('a PIN made by the school', () => {
  it('is asked, then replaced by one of the person’s own, never by itself', async () => {
    const { sub } = await school.person({
      identifier: 'generated',
      pin: '5092',
      pinOrigin: 'generated',
    })
    const browser = school.browser()
    await enter(application, browser, 'generated')
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: '5092' })
    expect(browser.view.step).toBe('define_pin')
    expect(browser.view.html.querySelector('input[name=protection]')).toBeNull()
    await browser.submit({ new_pin: '5092', confirm_pin: '5092' })
    expect(errorsOf(browser.view)).toEqual([
      'This is the code you are replacing. Choose another code.',
    ])
    await browser.submit({ protection: 'none' })
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ new_pin: PIN, confirm_pin: PIN })
    expect(browser.view.step).toBe('callback')
    // The generated one was typed: it counts. Its successor counts from the next sign-in.
    expect((await application.finish(browser)).claims['acr']).toBe('urn:vestibule:acr:pin')
    expect((await school.account('generated')).pin?.origin).toBe('chosen')
    expect(await acts(school, sub)).toEqual([
      'login_right',
      'pin_right',
      'pin_defined',
      'sign_in_completed',
      'application_opened',
    ])
    school.later(DAY_MS)
    const next = school.browser()
    await enter(application, next, 'generated')
    await next.submit({ pin: PIN })
    expect(next.view.step).toBe('callback')
  })
})
