import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resetPin, unblockPin } from '../../accounts/administer.ts'
import { changePin } from '../../accounts/change_pin.ts'
import { changeProtection } from '../../accounts/protect_account.ts'
import type { Browser, View } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { atAccount, doneOn, formTo, isKept, prove, tokenFor } from './account_visit.ts'
import { acts, devicesOf, enter, errorsOf, noticesOf, postByHand, reopen } from './acts.ts'

const PROTECTION = '/account/protection'
const PIN_PAGE = '/account/pin'
const CHOOSE = formTo('protection/choose')
const SAVE = formTo('pin/save')
const NEW_PIN = '9160'
const ACR_PIN = 'urn:vestibule:acr:pin'
const ESSENTIAL_PIN = JSON.stringify({ id_token: { acr: { essential: true, value: ACR_PIN } } })
const BLOCKED = 'A wrong code was typed too many times. Ask your school to unblock it.'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

type Wishes = Parameters<School['person']>[0]
type Who = Awaited<ReturnType<School['person']>>

/** Somebody whose secrets were set a while ago. */
const someone = async (wishes: Wishes): Promise<Who> => {
  const who = await school.person(wishes)
  school.later(MINUTE_MS)
  return who
}

const now = ({ identifier }: Who) => school.account(identifier)

const pinOf = async (who: Who) => (await now(who)).pin

/** Signed in with the PIN on a device that is added. */
const recognised = async (who: Who, name = 'Room 201'): Promise<Browser> => {
  const browser = school.browser()
  await enter(application, browser, who.identifier)
  await browser.submit({ pin: PIN, remember_device: 'yes', device_name: name })
  expect(browser.view.step).toBe('callback')
  return browser
}

const choiceOn = ({ html }: View): string | null =>
  html.querySelector('input[name=protection][checked]')?.getAttribute('value') ?? null

const offered = ({ html }: View): (string | undefined)[] =>
  html.querySelectorAll('input[name=protection]').map((input) => input.getAttribute('value'))

const typed = (pin: string, current?: string): Record<string, string> => ({
  ...(current === undefined ? {} : { current_pin: current }),
  new_pin: pin,
  confirm_pin: pin,
})

const signsInWith = async (who: Who, pin: string): Promise<string> => {
  const browser = school.browser()
  await enter(application, browser, who.identifier)
  return (await browser.submit({ pin })).step
}

describe('what protects an account', () => {
  it('is chosen among what the policy offers, and told', async () => {
    const who = await someone({ protection: 'notification' })
    const browser = await atAccount(school, who, 'protection')
    expect(offered(browser.view)).toEqual(['pin', 'notification', 'none'])
    expect(choiceOn(browser.view)).toBe('notification')
    await browser.submit({ protection: 'none' }, CHOOSE)
    expect(doneOn(browser.view)).toBe('The protection of your account is changed.')
    expect(choiceOn(browser.view)).toBe('none')
    expect(await now(who)).toMatchObject({ protection: 'none' })
    expect((await noticesOf(school, who.sub)).at(-1)).toBe('protection_changed')
    expect((await acts(school, who.sub)).at(-1)).toBe('protection_changed')
    await browser.open(PROTECTION)
    expect(doneOn(browser.view)).toBeUndefined()
  })

  it('stays, and nobody is told, where the same is chosen again', async () => {
    const who = await someone({ protection: 'none' })
    const browser = await atAccount(school, who, 'protection')
    await browser.submit({ protection: 'none' }, CHOOSE)
    expect(browser.view.step).toBe('account_protection')
    expect(await noticesOf(school, who.sub)).toEqual([])
    expect(await acts(school, who.sub)).not.toContain('protection_changed')
  })

  it('is no other than what is offered', async () => {
    const who = await someone({ protection: 'none' })
    const browser = await atAccount(school, who, 'protection')
    for (const protection of ['', 'off', 'constructor']) {
      await browser.submit({ protection }, CHOOSE)
      expect(errorsOf(browser.view)).toEqual(['Choose how to protect your account.'])
    }
    expect(await now(who)).toMatchObject({ protection: 'none' })
  })

  it('was not chosen yet by whoever comes with a key alone', async () => {
    const who = await someone({ password: null })
    const key = await giveKey(school, who.sub)
    const browser = school.browser()
    await browser.open(PROTECTION)
    await browser.submit({ identifier: who.identifier, password: key.passcode() })
    expect(browser.view.text).toContain('You have not chosen a protection yet.')
    expect(choiceOn(browser.view)).toBeNull()
    await browser.submit({ protection: 'notification' }, CHOOSE)
    expect(await now(who)).toMatchObject({ protection: 'notification' })
  })

  it('leaves no choice where the school imposes the PIN', async () => {
    await school.policies({ staff: { protections: ['pin'] } })
    const who = await someone({ userType: 'staff', pin: PIN })
    const browser = await atAccount(school, who, 'protection')
    expect(offered(browser.view)).toEqual([])
    expect(browser.view.text).toContain('Your school decided')
    const [session] = await school.gateway.core.opened.op.listSessions(who.sub)
    const csrf = tokenFor(school, String(session?.uid), 'protection/choose')
    await browser.post(`${PROTECTION}/choose`, { csrf, protection: 'none' })
    expect(errorsOf(browser.view)).toEqual(['Choose how to protect your account.'])
    expect(await pinOf(who)).not.toBeNull()
  })

  it('hides the PIN where the school abolished it: kept, not asked, and back with it', async () => {
    await school.policies({ inspector: {} })
    const who = await someone({ userType: 'inspector', pin: PIN })
    await school.policies({ inspector: { protections: ['notification', 'none'] } })
    const browser = await atAccount(school, who, 'protection')
    expect(offered(browser.view)).toEqual(['notification', 'none'])
    expect(choiceOn(browser.view)).toBe('notification')
    expect(browser.view.html.querySelector(`a[href="${PIN_PAGE}"]`)).toBeNull()
    await browser.open(PIN_PAGE)
    expect(browser.view.step).toBe('account_protection')
    await browser.submit({ protection: 'none' }, CHOOSE)
    expect(doneOn(browser.view)).toBe('The protection of your account is changed.')
    expect(await pinOf(who)).not.toBeNull()
    await school.policies({ inspector: {} })
    await browser.open(PROTECTION)
    expect(choiceOn(browser.view)).toBe('none')
    // What was kept is asked for again before it is removed, or used.
    await browser.submit({ protection: 'pin' }, CHOOSE)
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: PIN })
    await browser.submit({ kept: 'yes' })
    expect(await now(who)).toMatchObject({ protection: 'pin' })
    expect(await signsInWith(who, PIN)).toBe('callback')
  })

  it('is shown in French to whoever reads French', async () => {
    const who = await someone({ protection: 'none', locale: 'fr' })
    const browser = await atAccount(school, who, 'protection')
    expect(browser.view.html.querySelector('html')?.getAttribute('lang')).toBe('fr')
    await browser.submit({ protection: 'notification' }, CHOOSE)
    await browser.submit({})
    expect(doneOn(browser.view)).toContain('La protection de votre compte')
    await browser.open(PIN_PAGE)
    await browser.submit(typed('1234'), SAVE)
    expect(errorsOf(browser.view)[0]).toMatch(/^Trop facile à deviner/)
  })
})

describe('disabling the PIN', () => {
  it.each(['notification', 'none'] as const)(
    'by choosing %s removes it, with the devices that it was spared on',
    async (protection) => {
      const who = await someone({ pin: PIN })
      const browser = await recognised(who)
      await atAccount(school, who, 'protection', browser)
      await browser.submit({ protection }, CHOOSE)
      expect(doneOn(browser.view)).toBe('Your PIN code is disabled.')
      expect(await now(who)).toMatchObject({ protection, pin: null, hadPin: true })
      expect(await devicesOf(school, who.sub)).toEqual([])
      expect((await noticesOf(school, who.sub)).at(-1)).toBe('protection_changed')
      const [entry] = await school.gateway.core.deps.store.audit.list({ sub: who.sub }, 1)
      expect(entry?.detail).toEqual({
        protection,
        before: 'pin',
        pin_removed: true,
        devices_forgotten: 1,
      })
      await reopen(browser)
      const { step } = await enter(application, browser, who.identifier)
      expect(step).toBe(protection === 'none' ? 'callback' : 'device')
    },
  )

  it('asks for it first on a recognised device, keeps the choice, and wants it confirmed', async () => {
    const who = await someone({ pin: PIN })
    const browser = await recognised(who)
    await reopen(browser)
    await browser.open(PROTECTION)
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('account_protection')
    await browser.submit({ protection: 'none' }, CHOOSE)
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('account_protection')
    expect(isKept(browser.view)).toBe(true)
    expect(await pinOf(who)).not.toBeNull()
    await browser.submit({ kept: 'yes' })
    expect(doneOn(browser.view)).toBe('Your PIN code is disabled.')
    expect(isKept(browser.view)).toBe(false)
    expect(await pinOf(who)).toBeNull()
  })

  it('is refused where the PIN is blocked by now, however fresh its proof', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'protection')
    await school.gateway.core.deps.store.accounts.setPinBlocked(who.sub, Date.now())
    await browser.submit({ protection: 'none' }, CHOOSE)
    expect(doneOn(browser.view)).toBeUndefined()
    expect(browser.view.text).toContain(BLOCKED)
    expect(await pinOf(who)).not.toBeNull()
  })

  it('is refused where the school reset the PIN at the same moment', async () => {
    const who = await someone({ pin: PIN })
    const { deps } = school.gateway.core
    const { teacher } = await deps.store.policies.current()
    const before = await now(who)
    await resetPin(deps, async () => {}, who.sub, 'cli:test')
    const origin = { address: '192.0.2.1', userAgent: '', deviceToken: null, clientId: null }
    const how = { byPasscode: false }
    const choose = () => changeProtection(deps, before, teacher, 'none', how, origin)
    expect(await choose()).toEqual({ ok: false, reason: 'changed_meanwhile' })
    expect(await now(who)).toMatchObject({ protection: 'pin', pin: { origin: 'generated' } })
    const change = { pin: NEW_PIN, confirmation: NEW_PIN, current: null }
    expect(await changePin(deps, before, teacher, change, origin)).toEqual({
      ok: false,
      reason: 'changed_meanwhile',
    })
    expect(await pinOf(who)).toMatchObject({ origin: 'generated' })
  })

  it('sent twice at once is done once', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'protection')
    const answers = await Promise.all(
      [1, 2, 3].map(() => postByHand(browser, { protection: 'none' })),
    )
    for (const { status, headers } of answers) {
      expect([status, headers.get('location')]).toEqual([303, PROTECTION])
    }
    await browser.open(PROTECTION)
    expect(errorsOf(browser.view)).toEqual([])
    const done = (await acts(school, who.sub)).filter((act) => act === 'protection_changed')
    expect(done).toHaveLength(1)
  })
})

describe('defining a PIN in the account', () => {
  it('is where choosing it leads; the first one counts at once, and the device is offered', async () => {
    const who = await someone({ protection: 'notification' })
    const browser = school.browser()
    await enter(application, browser, who.identifier)
    await browser.submit({ remember_device: 'yes', device_name: 'Room 201' })
    await atAccount(school, who, 'protection', browser)
    await browser.submit({ protection: 'pin' }, CHOOSE)
    expect(browser.view.step).toBe('account_pin')
    expect(browser.view.html.querySelector('input[name=current_pin]')).toBeNull()
    await browser.submit(typed('1234'), SAVE)
    expect(errorsOf(browser.view)).toEqual([
      'Too easy to guess: the digits follow each other. Choose another code.',
    ])
    expect(browser.view.text).not.toContain('1234')
    await browser.submit({ new_pin: NEW_PIN, confirm_pin: '9161' }, SAVE)
    expect(errorsOf(browser.view)[0]).toContain('The two codes are not the same.')
    await browser.submit({ new_pin: '', confirm_pin: '' }, SAVE)
    expect(errorsOf(browser.view)).toHaveLength(2)
    await browser.submit(typed('91 60'), SAVE)
    expect(browser.view.step).toBe('account_protection')
    expect(doneOn(browser.view)).toBe('Your PIN code is defined.')
    expect(await now(who)).toMatchObject({ protection: 'pin', pin: { origin: 'chosen' } })
    // Added after a sign-in by password alone: it spares a notice, and no PIN.
    expect(await devicesOf(school, who.sub)).toEqual([])
    expect((await noticesOf(school, who.sub)).at(-1)).toBe('pin_defined')
    await application.start(browser, { claims: ESSENTIAL_PIN })
    expect((await application.finish(browser)).claims['acr']).toBe(ACR_PIN)
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })

  it('offers to add the device right after, and then tells what was done', async () => {
    const who = await someone({ protection: 'none' })
    const browser = await atAccount(school, who, 'pin')
    await browser.submit(typed(NEW_PIN), SAVE)
    expect(browser.view.step).toBe('device')
    await browser.submit({ remember_device: 'yes', device_name: 'Room 201' })
    expect(browser.view.step).toBe('account_protection')
    expect(doneOn(browser.view)).toBe('Your PIN code is defined.')
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    await reopen(browser)
    expect((await enter(application, browser, who.identifier)).step).toBe('callback')
  })

  it('counts from the next sign-in where the account had one before', async () => {
    const who = await someone({ pin: PIN })
    const former = await atAccount(school, who, 'protection')
    await former.submit({ protection: 'none' }, CHOOSE)
    const browser = await atAccount(school, who, 'pin')
    await browser.submit(typed(NEW_PIN), SAVE)
    await browser.submit({}) // The device that is offered.
    expect(doneOn(browser.view)).toBe('Your PIN code is defined.')
    await application.start(browser, { claims: ESSENTIAL_PIN })
    expect(browser.view.step).toBe('unmet')
    await reopen(browser)
    await application.start(browser, { claims: ESSENTIAL_PIN })
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: NEW_PIN })
    expect((await application.finish(browser)).claims['acr']).toBe(ACR_PIN)
  })

  it('in two tabs: the second has to prove what the first defined', async () => {
    const who = await someone({ protection: 'none' })
    const browser = await atAccount(school, who, 'pin')
    const other = await browser.copy()
    await other.open(PIN_PAGE)
    school.later(MINUTE_MS)
    await browser.submit(typed(NEW_PIN), SAVE)
    const first = await pinOf(who)
    await other.submit(typed('7294'), SAVE)
    await other.submit({}) // The device that is offered.
    expect(await pinOf(who)).toEqual(first)
    await other.open(PIN_PAGE)
    expect(other.view.html.querySelector('input[name=current_pin]')).not.toBeNull()
    await other.submit(typed('7294'), SAVE)
    expect(errorsOf(other.view)).toEqual(['Type your current PIN code.'])
    expect(await pinOf(who)).toEqual(first)
  })
})

describe('changing the PIN', () => {
  it('asks for the current one; devices and other sessions stay', async () => {
    const who = await someone({ pin: PIN })
    const other = await recognised(who)
    const browser = await atAccount(school, who, 'pin')
    await browser.submit(typed(NEW_PIN, ' 83 06 '), SAVE)
    expect(browser.view.step).toBe('account_protection')
    expect(doneOn(browser.view)).toBe('Your PIN code is changed.')
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    expect((await noticesOf(school, who.sub)).at(-1)).toBe('pin_changed')
    const [entry] = await school.gateway.core.deps.store.audit.list({ sub: who.sub }, 1)
    expect(entry).toMatchObject({
      act: 'pin_changed',
      detail: { proved_by: 'pin', was_blocked: false, devices_forgotten: 0 },
    })
    await other.open('/')
    expect(other.view.step).toBe('portal')
    expect(await signsInWith(who, PIN)).toBe('pin')
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })

  it.each([
    [typed(NEW_PIN, '123'), 'Type 4 to 12 digits'],
    [typed(NEW_PIN, ''), 'Type your current PIN code.'],
    [typed('7777', PIN), 'the same digits come again and again'],
    [typed(PIN, PIN), 'This is the code you are replacing.'],
    [{ ...typed(NEW_PIN, PIN), confirm_pin: '9161' }, 'The two codes are not the same.'],
  ])('refuses %j and says why', async (fields, words) => {
    const who = await someone({ pin: PIN })
    const before = await pinOf(who)
    const browser = await atAccount(school, who, 'pin')
    await browser.submit(fields, SAVE)
    expect(browser.view.step).toBe('account_pin')
    expect(errorsOf(browser.view).join()).toContain(words)
    expect(browser.view.html.querySelectorAll(`input[value="${NEW_PIN}"]`)).toEqual([])
    expect(browser.view.html.querySelectorAll(`input[value="${PIN}"]`)).toEqual([])
    expect(await pinOf(who)).toEqual(before)
  })

  it('counts wrong tries of the current one, blocks it, and says how to go on', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'pin')
    for (const wrong of ['5061', '5062']) {
      await browser.submit(typed(NEW_PIN, wrong), SAVE)
      expect(errorsOf(browser.view)[0]).toContain('This is not your current PIN code.')
    }
    await browser.submit(typed(NEW_PIN, '5063'), SAVE)
    expect(browser.view.step).toBe('account_protection')
    expect(browser.view.text).toContain(BLOCKED)
    expect(browser.view.html.querySelector(`a[href="${PIN_PAGE}"]`)).toBeNull()
    expect(await pinOf(who)).toMatchObject({ blockedAt: Date.now() })
    expect(await noticesOf(school, who.sub)).toContain('pin_blocked')
    await browser.open(PIN_PAGE)
    expect(browser.view.step).toBe('account_protection')
    // Nor does a form that was open before help.
    const [session] = await school.gateway.core.opened.op.listSessions(who.sub)
    const csrf = tokenFor(school, String(session?.uid), 'pin/save')
    await browser.post(`${PIN_PAGE}/save`, { csrf, ...typed(NEW_PIN, PIN) })
    expect(await pinOf(who)).toMatchObject({ blockedAt: Date.now() })
    await unblockPin(school.gateway.core.deps, who.sub, 'cli:test')
    expect(await signsInWith(who, PIN)).toBe('callback')
  })

  it('tells nothing of the current one by way of the new one', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'pin')
    await browser.submit(typed(PIN, '5061'), SAVE)
    expect(errorsOf(browser.view)).toHaveLength(1)
    expect(errorsOf(browser.view)[0]).toContain('This is not your current PIN code.')
  })

  it('sent several times at once is done once, without an error', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'pin')
    await Promise.all([1, 2].map(() => postByHand(browser, typed(NEW_PIN, PIN))))
    await browser.open(PROTECTION)
    expect(doneOn(browser.view)).toBe('Your PIN code is changed.')
    const done = (await acts(school, who.sub)).filter((act) => act === 'pin_changed')
    expect(done).toHaveLength(1)
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })
})

describe('a passcode', () => {
  const atPin = async (who: Who, key: Awaited<ReturnType<typeof giveKey>>) => {
    const browser = school.browser()
    await browser.open(PIN_PAGE)
    await browser.submit({ identifier: who.identifier, password: key.passcode() })
    expect(browser.view.step).toBe('account_pin')
    return browser
  }

  it('stands in for a forgotten PIN: devices stay', async () => {
    const who = await someone({ pin: PIN })
    const device = await recognised(who)
    const key = await giveKey(school, who.sub)
    const browser = await atPin(who, key)
    expect(browser.view.html.querySelector('input[name=current_pin]')).toBeNull()
    await browser.submit(typed(NEW_PIN), SAVE)
    expect(browser.view.step).toBe('device') // As whenever a PIN is defined.
    await browser.submit({})
    expect(doneOn(browser.view)).toBe('Your PIN code is changed.')
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    await reopen(device)
    expect((await enter(application, device, who.identifier)).step).toBe('callback')
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })

  it('ends the block of a PIN, and then devices are asked for the new one', async () => {
    const who = await someone({ pin: PIN })
    await recognised(who)
    const key = await giveKey(school, who.sub)
    for (const wrong of ['5061', '5062', '5063']) {
      await signsInWith(who, wrong)
    }
    expect(await pinOf(who)).toMatchObject({ blockedAt: Date.now() })
    const browser = await atPin(who, key)
    await browser.submit(typed(NEW_PIN), SAVE)
    expect(browser.view.step).toBe('device') // As whenever a PIN is defined.
    await browser.submit({})
    expect(doneOn(browser.view)).toBe('Your PIN code is changed.')
    expect(await pinOf(who)).toMatchObject({ blockedAt: null })
    expect(await devicesOf(school, who.sub)).toEqual([])
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })

  it('is asked before the change where it was not given, and nothing typed does instead', async () => {
    const who = await someone({ pin: PIN })
    const before = await pinOf(who)
    const key = await giveKey(school, who.sub)
    const browser = await atAccount(school, who, 'pin')
    expect(browser.view.html.querySelector('input[name=current_pin]')).toBeNull()
    await browser.submit(typed(NEW_PIN, PIN), SAVE)
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: key.passcode() })
    expect(isKept(browser.view)).toBe(true)
    expect(await pinOf(who)).toEqual(before)
    await browser.submit({ kept: 'yes' })
    expect(doneOn(browser.view)).toBe('Your PIN code is changed.')
  })

  it('lets a blocked PIN be disabled', async () => {
    const who = await someone({ pin: PIN })
    const key = await giveKey(school, who.sub)
    await school.gateway.core.deps.store.accounts.setPinBlocked(who.sub, Date.now())
    const browser = await atPin(who, key)
    await browser.open(PROTECTION)
    await browser.submit({ protection: 'none' }, CHOOSE)
    expect(doneOn(browser.view)).toBe('Your PIN code is disabled.')
  })
})

describe('whoever has the session, and no fresh proof,', () => {
  const FORMS = [
    ['protection', 'choose', { protection: 'none' }],
    ['pin', 'save', typed(NEW_PIN, PIN)],
    ['devices', 'forget_all', {}],
    ['keys', 'app', {}],
  ] as const

  it.each(FORMS)('changes nothing with the form of %s', async (page, form, fields) => {
    const who = await someone({ pin: PIN })
    const owner = await recognised(who)
    await owner.open(`/account/${page}`)
    school.later(6 * MINUTE_MS)
    const stranger = await owner.copy()
    await stranger.open(`/account/${page}`)
    const before = await now(who)
    await stranger.submit(fields, formTo(`${page}/${form}`))
    expect(stranger.view.step).toBe('login')
    expect(await now(who)).toEqual(before)
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    // Nor does it help to say that it was confirmed.
    const [session] = await school.gateway.core.opened.op.listSessions(who.sub)
    const csrf = tokenFor(school, String(session?.uid), `${page}/${form}`)
    await stranger.post(`/account/${page}/${form}`, { csrf, kept: 'yes' })
    expect(stranger.view.status).toBe(403)
    expect(await now(who)).toEqual(before)
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    expect(await acts(school, who.sub)).not.toContain('device_forgotten')
  })

  it('cannot lead its owner to confirm what they never typed', async () => {
    const who = await someone({ pin: PIN })
    const owner = await atAccount(school, who, 'protection')
    school.later(6 * MINUTE_MS)
    const stranger = await owner.copy()
    await stranger.open('/account/protection')
    await stranger.submit({ protection: 'none' }, formTo('protection/choose'))
    expect(stranger.view.step).toBe('login')
    // The owner proves who they are, for a reason of their own, and looks around.
    await owner.open('/account/keys/app')
    await owner.open('/account/pin')
    await owner.submit(typed(NEW_PIN, PIN), SAVE)
    await prove(owner, who.identifier)
    await owner.submit({ kept: 'no' })
    await owner.open('/account/protection')
    expect(isKept(owner.view)).toBe(false)
    expect((await now(who)).protection).toBe('pin')
  })

  it('keeps what was typed also when the proof is too old once more', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'pin')
    school.later(6 * MINUTE_MS)
    await browser.submit(typed(NEW_PIN, PIN), SAVE)
    await prove(browser, who.identifier)
    expect(isKept(browser.view)).toBe(true)
    school.later(6 * MINUTE_MS)
    await browser.submit({ kept: 'yes' })
    expect(browser.view.step).toBe('login')
    await prove(browser, who.identifier)
    expect(isKept(browser.view)).toBe(true)
    await browser.submit({ kept: 'yes' })
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })

  it('has what was typed kept until it is proved, and may drop it', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'pin')
    school.later(6 * MINUTE_MS)
    await browser.submit(typed(NEW_PIN, PIN), SAVE)
    await prove(browser, who.identifier)
    expect(browser.view.step).toBe('account_pin')
    expect(isKept(browser.view)).toBe(true)
    expect(browser.view.text).not.toContain(NEW_PIN)
    const before = await pinOf(who)
    await browser.submit({ kept: 'no' })
    expect(browser.view.step).toBe('account_pin')
    expect(isKept(browser.view)).toBe(false)
    expect(await pinOf(who)).toEqual(before)
  })

  it('has it done with one confirmation', async () => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, 'pin')
    school.later(6 * MINUTE_MS)
    await browser.submit(typed(NEW_PIN, PIN), SAVE)
    await prove(browser, who.identifier)
    await browser.submit({ kept: 'yes' })
    expect(doneOn(browser.view)).toBe('Your PIN code is changed.')
    expect(await signsInWith(who, NEW_PIN)).toBe('callback')
  })
})

describe('a form', () => {
  it.each([
    ['protection', 'choose', { protection: 'none' }],
    ['pin', 'save', typed(NEW_PIN, PIN)],
  ])('of %s is refused from elsewhere, and leads back to its page', async (page, form, fields) => {
    const who = await someone({ pin: PIN })
    const browser = await atAccount(school, who, page as 'pin')
    const before = await now(who)
    const other = await atAccount(school, await someone({ pin: PIN }), page as 'pin')
    const tokenIn = ({ view }: Browser): string =>
      view.html
        .querySelector(`${formTo(`${page}/${form}`).form} input[name=csrf]`)
        ?.getAttribute('value') ?? ''
    const address = `/account/${page}/${form}`
    const tries: [string, Record<string, string>][] = [
      ['', {}],
      [tokenIn(other), {}],
      [tokenIn(browser), { 'sec-fetch-site': 'cross-site' }],
      [tokenIn(browser), { origin: 'https://thief.example' }],
    ]
    for (const [csrf, headers] of tries) {
      await browser.post(address, { csrf, ...fields }, headers)
      expect(browser.view).toMatchObject({ step: 'error', status: 403 })
      expect(browser.view.html.querySelector(`main a[href="/account/${page}"]`)).not.toBeNull()
    }
    expect(await now(who)).toEqual(before)
    await browser.open(address)
    expect(browser.view.url.pathname).toBe(`/account/${page}`)
  })

  it('that is none is not found', async () => {
    const who = await someone({ protection: 'none' })
    const browser = await atAccount(school, who, 'protection')
    for (const form of ['constructor', 'toString', 'x']) {
      await browser.post(`${PROTECTION}/${form}`, {})
      expect(browser.view).toMatchObject({ step: 'error', status: 404 })
    }
  })
})
