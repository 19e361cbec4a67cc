import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { changePassword } from '../../accounts/change_password.ts'
import { chooseProtection, definePin } from '../../accounts/define_pin.ts'
import { addDevice } from '../../accounts/devices.ts'
import type { Origin } from '../../accounts/ports.ts'
import { DEFAULT_POLICY } from '../../policies/policy.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { devicesOf, enter, errorsOf, formIn, postByHand } from './acts.ts'

const THIEFS_PIN = '9153'
const THIEFS_PASSWORD = 'Corbeau-Lanterne-58'
const THEFT: readonly (readonly [step: string, fields: Record<string, string>])[] = [
  ['define_pin', { define_pin: 'yes', new_pin: THIEFS_PIN, confirm_pin: THIEFS_PIN }],
  ['define_pin', { protection: 'none' }],
  ['change_password', { new_password: THIEFS_PASSWORD, confirm_password: THIEFS_PASSWORD }],
  ['device', { remember_device: 'yes', device_name: 'Room 201' }],
]

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

/** What a thief would want to change. */
const worthOf = async (identifier: string) => {
  const { password, pin, protection, sub } = await school.account(identifier)
  return { password, pin, protection, devices: await devicesOf(school, sub) }
}

const definesPin = async (browser: Browser): Promise<void> => {
  await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
  expect(browser.view.step).toBe('device')
}

describe('a thief with the password alone', () => {
  it('posts to the addresses of later steps in vain', async () => {
    await school.person({ identifier: 'a.direct', pin: PIN, mustChange: true })
    const thief = school.browser()
    await enter(application, thief, 'a.direct')
    expect(thief.view.step).toBe('pin')
    const before = await worthOf('a.direct')
    const page = thief.view.url
    const { csrf } = formIn(thief.view)
    for (const [step, fields] of THEFT) {
      await thief.post(`${page.pathname}/${step}`, { csrf, ...fields })
      expect(thief.view.status).toBe(403)
      await thief.post(`${page.pathname}/pin`, { csrf, ...fields })
      expect(thief.view.step).toBe('pin')
    }
    expect(await worthOf('a.direct')).toEqual(before)
    expect((await thief.open(page)).step).toBe('pin')
  })

  it('never reaches the change of a flagged, temporary or expired password past a PIN', async () => {
    await school.policies({
      staff: { passwords: { force_change_at_expiration: true, max_lifetime_days: 90 } },
    })
    await school.person({ identifier: 'a.flagged', pin: PIN, mustChange: true })
    await school.person({ identifier: 'a.temporary', pin: PIN, passwordOrigin: 'temporary' })
    await school.person({ identifier: 'a.expired', pin: PIN, userType: 'staff' })
    for (const identifier of ['a.flagged', 'a.temporary', 'a.expired']) {
      if (identifier === 'a.expired') {
        school.later(91 * 24 * 3_600_000)
      }
      const browser = school.browser()
      await enter(application, browser, identifier)
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect(browser.view.step).toBe('change_password')
    }
  })

  it('who waits at an open page is asked for the PIN that the owner has defined meanwhile', async () => {
    for (const [index, [step, fields]] of THEFT.entries()) {
      const identifier = `a.waiting.${index}`
      const mustChange = step === 'change_password'
      const protection = step === 'device' ? { protection: 'notification' as const } : {}
      await school.person({ identifier, mustChange, ...protection })
      const thief = school.browser()
      await enter(application, thief, identifier)
      expect(thief.view.step).toBe(step)
      const owner = school.browser()
      const parameters = { acr_values: 'urn:vestibule:acr:pin' }
      await enter(application, owner, identifier, { parameters })
      if (mustChange) {
        const chosen = 'Nuage-Boussole-31'
        await owner.submit({ new_password: chosen, confirm_password: chosen })
      }
      await definesPin(owner)
      const before = await worthOf(identifier)
      await thief.post(formIn(thief.view).action, { csrf: formIn(thief.view).csrf, ...fields })
      expect(thief.view.step, step).toBe('pin')
      expect(await worthOf(identifier)).toEqual(before)
    }
  })

  it('who posts at the very moment at which the owner defines the PIN does not undo it', async () => {
    for (let round = 0; round < 6; round += 1) {
      const identifier = `a.race.${round}`
      await school.person({ identifier })
      const [thief, owner] = [school.browser(), school.browser()]
      await enter(application, thief, identifier)
      await enter(application, owner, identifier)
      const theft = { protection: round % 2 === 0 ? 'none' : 'notification' }
      const [stolen] = await Promise.all([
        postByHand(thief, theft),
        owner.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN }),
      ])
      expect(stolen.status).toBe(303)
      const { pin, protection } = await school.account(identifier)
      expect(pin === null || protection === 'pin').toBe(true)
    }
  })
})

describe('an act that rests on what was read before the owner defined a PIN', () => {
  const origin: Origin = {
    address: '203.0.113.9',
    userAgent: '',
    deviceToken: null,
    clientId: 'ent',
  }
  const password = { password: THIEFS_PASSWORD, confirmation: THIEFS_PASSWORD }
  const pin = { pin: THIEFS_PIN, confirmation: THIEFS_PIN }
  const deps = () => school.gateway.core.deps
  const ACTS: Record<string, (before: Account) => Promise<unknown>> = {
    'choosing no protection': (before) =>
      chooseProtection(deps(), before, DEFAULT_POLICY, 'none', origin),
    'defining another PIN': (before) => definePin(deps(), before, DEFAULT_POLICY, pin, origin),
    'changing the password': (before) =>
      changePassword(deps(), before, DEFAULT_POLICY, password, origin),
    'adding a device': (before) => addDevice(deps(), before, DEFAULT_POLICY, 'Room 201', origin),
  }

  for (const [name, act] of Object.entries(ACTS)) {
    it(`is refused: ${name}`, async () => {
      const identifier = `b.${name.replaceAll(' ', '.').toLowerCase()}`
      const before = await school.person({ identifier })
      const owner = school.browser()
      await enter(application, owner, identifier)
      await definesPin(owner)
      const worth = await worthOf(identifier)
      await act(before)
      expect(await worthOf(identifier)).toEqual(worth)
    })
  }
})

describe('a password that is voided while it is being checked', () => {
  it('opens nothing', async () => {
    const { sub } = await school.person({ identifier: 'd.voided', protection: 'none' })
    const { deps, hasher } = school.gateway.core
    const thief = school.browser()
    await application.start(thief)
    const before = hasher.stats().runs
    const answer = thief.submit({ identifier: 'd.voided', password: PASSWORD })
    while (hasher.stats().runs === before) {
      await setImmediate()
    }
    school.later(1_000)
    await deps.store.accounts.voidBefore(sub, Date.now())
    expect((await answer).step).toBe('login')
    expect((await application.start(thief)).step).toBe('login')
  })
})

describe('two tabs of one sign-in', () => {
  it('that both define a PIN: one is kept, the other is told or led on', async () => {
    await school.person({ identifier: 'c.two.tabs' })
    const [one, other] = [school.browser(), school.browser()]
    await enter(application, one, 'c.two.tabs')
    await enter(application, other, 'c.two.tabs')
    const typed = [PIN, THIEFS_PIN]
    await Promise.all(
      [one, other].map((tab, index) => {
        const pin = typed[index] ?? ''
        return tab.submit({ define_pin: 'yes', new_pin: pin, confirm_pin: pin })
      }),
    )
    const steps = [one.view.step, other.view.step]
    expect(steps.filter((step) => step === 'device')).toHaveLength(1)
    const winner = steps.indexOf('device')
    const check = school.browser()
    await enter(application, check, 'c.two.tabs')
    await check.submit({ pin: typed[1 - winner] ?? '' })
    expect(errorsOf(check.view)).toEqual(['This is not your PIN code. Try again.'])
    await check.submit({ pin: typed[winner] ?? '' })
    expect(check.view.step).toBe('callback')
  })

  it('that both change the password: one saves, the other starts again', async () => {
    await school.person({ identifier: 'c.change', mustChange: true, protection: 'none' })
    const [one, other] = [school.browser(), school.browser()]
    await enter(application, one, 'c.change')
    await enter(application, other, 'c.change')
    expect([one.view.step, other.view.step]).toEqual(['change_password', 'change_password'])
    const passwords = ['Nuage-Boussole-31', 'Rivage-Tambour-64']
    await Promise.all(
      [one, other].map((tab, index) => {
        const password = passwords[index] ?? ''
        return tab.submit({ new_password: password, confirm_password: password })
      }),
    )
    const opened: string[] = []
    for (const password of [...passwords, PASSWORD]) {
      const check = school.browser()
      if ((await enter(application, check, 'c.change', { password })).step === 'callback') {
        opened.push(password)
      }
    }
    expect(opened).toHaveLength(1)
    expect(passwords).toContain(opened[0])
  })
})
