import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, HOUR_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { acts, devicesOf, enter, errorsOf, noticesOf, postByHand, reopen } from './acts.ts'

const COOKIE = 'vestibule_device'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

/** Signs in with the PIN and adds the browser under a name. */
const recognise = async (
  identifier: string,
  browser: Browser = school.browser(),
  name = 'Room 201',
): Promise<Browser> => {
  await enter(application, browser, identifier)
  expect(browser.view.step).toBe('pin')
  await browser.submit({ pin: PIN, remember_device: 'yes', device_name: name })
  expect(browser.view.step).toBe('callback')
  return browser
}

/** Closes the browser, signs in again with the password: the step met next. */
const again = async (browser: Browser, identifier: string): Promise<string> => {
  await reopen(browser)
  return (await enter(application, browser, identifier)).step
}

describe('a device that is added', () => {
  it('spares the PIN from the next sign-in on, and proves nothing by itself', async () => {
    const { sub } = await school.person({ identifier: 'd.spared', pin: PIN })
    const browser = await recognise('d.spared')
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
    expect(await noticesOf(school, sub)).toEqual(['device_added'])
    expect(await acts(school, sub)).toContain('device_added')
    expect(await again(browser, 'd.spared')).toBe('callback')
    expect((await application.finish(browser)).claims).toMatchObject({
      acr: 'urn:vestibule:acr:password',
      amr: ['pwd'],
    })
  })

  it('still leads to the PIN where the application asks for it, without a new offer', async () => {
    await school.person({ identifier: 'd.step.up', pin: PIN })
    const browser = await recognise('d.step.up')
    await reopen(browser)
    const parameters = { acr_values: 'urn:vestibule:acr:pin' }
    const view = await enter(application, browser, 'd.step.up', { parameters })
    expect(view.step).toBe('pin')
    expect(view.html.querySelector('input[name=remember_device]')).toBeNull()
    await browser.submit({ pin: PIN })
    expect((await application.finish(browser)).claims['acr']).toBe('urn:vestibule:acr:pin')
  })

  it('is never ticked beforehand, and without the tick nothing is added', async () => {
    const { sub } = await school.person({ identifier: 'd.unticked', pin: PIN })
    const browser = school.browser()
    await enter(application, browser, 'd.unticked')
    const box = browser.view.html.querySelector('input[name=remember_device]')
    expect(box?.hasAttribute('checked')).toBe(false)
    expect(browser.view.html.querySelector('input[name=device_name]')?.getAttribute('value')).toBe(
      'Firefox on Windows',
    )
    await browser.submit({ pin: PIN, device_name: 'Room 201' })
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual([])
    expect(await again(browser, 'd.unticked')).toBe('pin')
  })

  it('is offered right after a PIN was defined', async () => {
    const { sub } = await school.person({ identifier: 'd.defined' })
    const browser = school.browser()
    await enter(application, browser, 'd.defined')
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    expect(browser.view.step).toBe('device')
    expect(browser.view.text).toContain('serves only to protect sign-in')
    await browser.submit({ remember_device: 'yes', device_name: 'Teachers’ lounge' })
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['Teachers’ lounge'])
    expect(await again(browser, 'd.defined')).toBe('callback')
  })

  it('is not recognised once its cookie is deleted', async () => {
    await school.person({ identifier: 'd.deleted', pin: PIN })
    const browser = await recognise('d.deleted')
    await browser.forget(COOKIE)
    expect(await again(browser, 'd.deleted')).toBe('pin')
  })

  it('needs a name, not too long', async () => {
    const { sub } = await school.person({ identifier: 'd.nameless', pin: PIN })
    const browser = school.browser()
    await enter(application, browser, 'd.nameless')
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: ' \u200b ' })
    expect(errorsOf(browser.view)).toEqual(['Give this device a name.'])
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'x'.repeat(61) })
    expect(errorsOf(browser.view)[0]).toContain('This name is too long.')
    expect(await devicesOf(school, sub)).toEqual([])
  })
})

describe('a vague name', () => {
  it('below the PIN asks once for a specific one', async () => {
    const { sub } = await school.person({ identifier: 'v.specific', pin: PIN })
    const browser = school.browser()
    await enter(application, browser, 'v.specific')
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'School' })
    expect(browser.view.step).toBe('device')
    expect(browser.view.text).toContain('This name could fit several devices.')
    expect(await devicesOf(school, sub)).toEqual([])
    await browser.submit({ device_name: 'Room 201' })
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
  })

  it('below the PIN is accepted when it is meant', async () => {
    const { sub } = await school.person({ identifier: 'v.meant', pin: PIN })
    const browser = school.browser()
    await enter(application, browser, 'v.meant')
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'School' })
    await browser.submit({})
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['School'])
    expect(await again(browser, 'v.meant')).toBe('callback')
  })

  it('after a PIN was defined asks once, then is accepted', async () => {
    const { sub } = await school.person({ identifier: 'v.defined' })
    const browser = school.browser()
    await enter(application, browser, 'v.defined')
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    await browser.submit({ remember_device: 'yes', device_name: 'PC' })
    expect(browser.view.step).toBe('device')
    expect(browser.view.text).toContain('This name could fit several devices.')
    await browser.submit({})
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['PC'])
  })

  it('can be given up: no device, and on to the application', async () => {
    const { sub } = await school.person({ identifier: 'v.given.up', pin: PIN })
    const browser = school.browser()
    await enter(application, browser, 'v.given.up')
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Home' })
    const csrf = browser.view.html.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''
    const action = browser.view.html.querySelector('main form')?.getAttribute('action') ?? ''
    await browser.post(action, { csrf })
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual([])
  })
})

describe('several people on one browser', () => {
  it('are each asked for their own PIN, and may each have it recognised on one cookie', async () => {
    const mother = await school.person({ identifier: 'f.mother', userType: 'guardian', pin: PIN })
    const child = await school.person({ identifier: 'f.child', userType: 'student', pin: PIN })
    const browser = await recognise('f.mother', school.browser(), 'Kitchen tablet')
    await reopen(browser)
    await recognise('f.child', browser, 'The tablet in the kitchen')
    expect(await again(browser, 'f.mother')).toBe('callback')
    expect(await again(browser, 'f.child')).toBe('callback')
    expect(await devicesOf(school, mother.sub)).toEqual(['Kitchen tablet'])
    expect(await devicesOf(school, child.sub)).toEqual(['The tablet in the kitchen'])
    const [one] = await school.gateway.core.deps.store.devices.list(mother.sub)
    const [other] = await school.gateway.core.deps.store.devices.list(child.sub)
    expect(one?.browserId).toBe(other?.browserId)
  })
})

describe('whoever copied the cookie before the device was added', () => {
  it('is asked for the PIN, password and all, while the owner’s own browser is recognised', async () => {
    await school.person({ identifier: 'y.pupil', userType: 'student', protection: 'none' })
    const { sub } = await school.person({ identifier: 'y.teacher', pin: PIN })
    const shared = school.browser()
    expect((await enter(application, shared, 'y.pupil')).step).toBe('callback')
    const planted = await shared.copy()
    await reopen(shared)
    await enter(application, shared, 'y.teacher')
    const halfWay = await shared.copy()
    await shared.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    expect(shared.view.step).toBe('callback')

    expect(await again(planted, 'y.teacher')).toBe('pin')
    expect(await again(shared, 'y.teacher')).toBe('callback')
    expect(await again(halfWay, 'y.teacher')).toBe('pin')
    // Both copies were used as if they were the owner's; it is the owner's that goes on.
    expect(await noticesOf(school, sub)).toContain('device_added')
  })

  it('nor is it worth anything that the pupil had gone on with it before', async () => {
    await school.person({ identifier: 'y.pupil.on', userType: 'student', protection: 'none' })
    await school.person({ identifier: 'y.teacher.on', pin: PIN })
    const shared = school.browser()
    await enter(application, shared, 'y.pupil.on')
    const planted = await shared.copy()
    await reopen(shared)
    await enter(application, shared, 'y.teacher.on')
    expect(await again(planted, 'y.pupil.on')).toBe('callback') // A value minted on the copy.
    await shared.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    expect(await again(planted, 'y.teacher.on')).toBe('pin')
    expect(await again(shared, 'y.teacher.on')).toBe('callback')
  })

  it('nor what they do with it afterwards, a device of their own included', async () => {
    await school.person({ identifier: 'y.pupil.own', userType: 'student', pin: PIN })
    await school.person({ identifier: 'y.teacher.own', pin: PIN })
    const shared = school.browser()
    await enter(application, shared, 'y.teacher.own')
    const halfWay = await shared.copy()
    await shared.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await reopen(halfWay)
    await recognise('y.pupil.own', halfWay, 'The child’s tablet')
    expect(await again(halfWay, 'y.pupil.own')).toBe('callback')
    expect(await again(halfWay, 'y.teacher.own')).toBe('pin')
    expect(await again(halfWay, 'y.teacher.own')).toBe('pin')
  })
})

describe('the form that adds a device', () => {
  const answer = { pin: PIN, remember_device: 'yes', device_name: 'Kitchen tablet' }
  const cookieOf = (sent: Response): string =>
    sent.headers.getSetCookie().find((each) => each.startsWith(`${COOKIE}=`)) ?? ''

  /** A family's computer on which the child is recognised, and a parent who has still to be. */
  const family = async (name: string) => {
    const child = `a.child.${name}`
    const parent = `a.parent.${name}`
    await school.person({ identifier: child, userType: 'student', pin: PIN })
    const { sub } = await school.person({ identifier: parent, userType: 'guardian', pin: PIN })
    const browser = await recognise(child, school.browser(), 'The child’s tablet')
    await reopen(browser)
    await enter(application, browser, parent)
    expect(browser.view.step).toBe('pin')
    return { child, parent, sub, browser }
  }

  it.each([0, 1])(
    'sent twice by a double click adds one device, whichever answer the browser keeps (%i)',
    async (kept) => {
      const { child, parent, sub, browser } = await family(`twice.${kept}`)
      const sent = await Promise.all([postByHand(browser, answer), postByHand(browser, answer)])
      await browser.jar.setCookie(cookieOf(sent[kept] as Response), school.issuer)
      expect(await devicesOf(school, sub)).toEqual(['Kitchen tablet'])
      expect(await noticesOf(school, sub)).toEqual(['device_added'])
      expect(await again(browser, parent)).toBe('callback')
      expect(await again(browser, child)).toBe('callback')
      expect(await again(browser, parent)).toBe('callback')
    },
  )

  it.each([0, 2 * HOUR_MS])(
    'may lose its answer: its person is asked once more, %i ms later, the family is not',
    async (later) => {
      const { child, parent, sub, browser } = await family(`lost.${later}`)
      await postByHand(browser, answer)
      school.later(later)
      expect(await again(browser, child)).toBe('callback')
      expect(await again(browser, parent)).toBe('pin')
      await browser.submit(answer)
      expect(browser.view.step).toBe('callback')
      expect(await devicesOf(school, sub)).toEqual(['Kitchen tablet'])
      expect(await again(browser, parent)).toBe('callback')
      expect(await again(browser, child)).toBe('callback')
    },
  )
})

describe('recognition ends', () => {
  it('30 days after it began, however often the device was used', async () => {
    await school.person({ identifier: 'e.thirty', pin: PIN })
    const browser = await recognise('e.thirty')
    for (let day = 0; day < 29; day += 7) {
      school.later(7 * DAY_MS)
      expect(await again(browser, 'e.thirty')).toBe(day < 28 ? 'callback' : 'pin')
    }
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    school.later(29 * DAY_MS)
    expect(await again(browser, 'e.thirty')).toBe('callback')
    school.later(DAY_MS)
    expect(await again(browser, 'e.thirty')).toBe('pin')
  })

  it('earlier once the policy says so', async () => {
    await school.person({ identifier: 'e.lowered', userType: 'inspector', pin: PIN })
    const browser = await recognise('e.lowered')
    school.later(8 * DAY_MS)
    expect(await again(browser, 'e.lowered')).toBe('callback')
    await school.policies({ inspector: { devices: { lifetime_days: 7 } } })
    expect(await again(browser, 'e.lowered')).toBe('pin')
    await school.policies({ inspector: { devices: { trust: false } } })
    expect(await again(browser, 'e.lowered')).toBe('pin')
    expect(browser.view.html.querySelector('input[name=remember_device]')).toBeNull()
    await school.policies({ inspector: {} })
    expect(await again(browser, 'e.lowered')).toBe('callback')
  })

  it('for the one unseen for longest, when there are too many', async () => {
    await school.policies({ internship_counsellor: { devices: { most_per_person: 2 } } })
    const { sub } = await school.person({
      identifier: 'e.many',
      userType: 'internship_counsellor',
      pin: PIN,
    })
    const lounge = await recognise('e.many', school.browser(), 'Lounge 1')
    school.later(HOUR_MS)
    const room = await recognise('e.many', school.browser(), 'Room 2')
    school.later(HOUR_MS)
    expect(await again(lounge, 'e.many')).toBe('callback')
    school.later(HOUR_MS)
    await recognise('e.many', school.browser(), 'Library 3')
    expect(await devicesOf(school, sub)).toEqual(['Library 3', 'Lounge 1'])
    expect(await noticesOf(school, sub)).toContain('device_dropped')
    expect(await acts(school, sub)).toContain('device_dropped')
    expect(await again(room, 'e.many')).toBe('pin')
    expect(await again(lounge, 'e.many')).toBe('callback')
  })
})

describe('on a network that is not trusted', () => {
  it('no device is recognised, and none offered', async () => {
    await school.policies({
      student: { devices: { untrusted_networks: ['198.51.100.0/24', '2001:db8:5::/48'] } },
    })
    await school.person({ identifier: 'n.open.room', userType: 'student', pin: PIN })
    const home = school.browser({ address: '203.0.113.9' })
    await recognise('n.open.room', home)
    expect(await again(home, 'n.open.room')).toBe('callback')
    for (const address of ['198.51.100.77', '2001:db8:5:1::9', '::ffff:198.51.100.3']) {
      const there = school.browser({ jar: home.jar, address })
      expect(await again(there, 'n.open.room'), address).toBe('pin')
      expect(there.view.html.querySelector('input[name=remember_device]')).toBeNull()
      await there.submit({ pin: PIN, remember_device: 'yes', device_name: 'Open room' })
      expect(there.view.step).toBe('callback')
    }
    expect(await devicesOf(school, (await school.account('n.open.room')).sub)).toEqual(['Room 201'])
    expect(await again(home, 'n.open.room')).toBe('callback')
  })
})

describe('the cookie', () => {
  it('changes at each sign-in and is marked as it should be', async () => {
    await school.person({ identifier: 'c.rotated', pin: PIN })
    const browser = await recognise('c.rotated')
    const before = await browser.cookie(COOKIE)
    expect(before).toMatch(/^[\w-]{43}$/)
    await again(browser, 'c.rotated')
    expect(await browser.cookie(COOKIE)).not.toBe(before)
    const cookie = (await browser.jar.getCookies(school.issuer)).find(({ key }) => key === COOKIE)
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'lax', path: '/' })
  })

  it('survives answers that are lost', async () => {
    await school.person({ identifier: 'c.lost', pin: PIN })
    const browser = await recognise('c.lost')
    for (let lost = 0; lost < 3; lost += 1) {
      await reopen(browser)
      await application.start(browser)
      const form = { identifier: 'c.lost', password: PASSWORD }
      const answer = await postByHand(browser, form)
      expect(answer.headers.getSetCookie().join()).toContain(COOKIE)
      // The answer with the next cookie never arrives; the person tries again.
      expect(await again(browser, 'c.lost')).toBe('callback')
    }
    expect(await noticesOf(school, (await school.account('c.lost')).sub)).toEqual(['device_added'])
  })

  it('survives parallel tabs', async () => {
    await school.person({ identifier: 'c.tabs', pin: PIN })
    const browser = await recognise('c.tabs')
    for (let round = 0; round < 3; round += 1) {
      await reopen(browser)
      const tabs = Array.from({ length: 4 }, () => school.browser({ jar: browser.jar }))
      await Promise.all(tabs.map((tab) => application.start(tab)))
      await Promise.all(tabs.map((tab) => tab.submit({ identifier: 'c.tabs', password: PASSWORD })))
      expect(tabs.map(({ view }) => view.step)).toEqual(tabs.map(() => 'callback'))
    }
    expect(await again(browser, 'c.tabs')).toBe('callback')
  })

  it('in an old copy leads to the PIN, and leaves the device to the browser that went on', async () => {
    const { sub } = await school.person({ identifier: 'c.old.copy', pin: PIN })
    const browser = await recognise('c.old.copy')
    const copy = await browser.copy()
    expect(await again(browser, 'c.old.copy')).toBe('callback')
    expect(await again(browser, 'c.old.copy')).toBe('callback')
    expect(await again(copy, 'c.old.copy')).toBe('pin')
    expect(await again(browser, 'c.old.copy')).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
  })

  it('in an old copy, restored for good, becomes a device of its own', async () => {
    const { sub } = await school.person({ identifier: 'c.restored', pin: PIN })
    const browser = await recognise('c.restored')
    const image = await browser.copy()
    await again(browser, 'c.restored')
    await again(browser, 'c.restored')
    expect(await again(image, 'c.restored')).toBe('pin')
    await image.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 202' })
    expect(image.view.step).toBe('callback')
    expect(await again(image, 'c.restored')).toBe('callback')
    expect(await again(browser, 'c.restored')).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['Room 201', 'Room 202'])
    expect(await noticesOf(school, sub)).not.toContain('device_forgotten_copied')
  })

  it('of which two copies stay in use forgets the device, and tells the person', async () => {
    const { sub } = await school.person({ identifier: 'c.stolen', pin: PIN })
    const owner = await recognise('c.stolen')
    const thief = await owner.copy()
    await again(owner, 'c.stolen')
    await again(owner, 'c.stolen')
    expect(await again(thief, 'c.stolen')).toBe('pin')
    expect(await again(owner, 'c.stolen')).toBe('callback')
    expect(await again(thief, 'c.stolen')).toBe('pin')
    expect(await devicesOf(school, sub)).toEqual([])
    expect(await noticesOf(school, sub)).toContain('device_forgotten_copied')
    expect(await acts(school, sub)).toContain('device_forgotten')
    expect(await again(owner, 'c.stolen')).toBe('pin')
  })

  it('that nobody knows is no device, whatever it says', async () => {
    await school.person({ identifier: 'c.invented', pin: PIN })
    for (const value of ['A'.repeat(43), '', 'x', '%00', 'A'.repeat(4000)]) {
      const browser = school.browser()
      await browser.jar.setCookie(`${COOKIE}=${value}; Path=/`, school.issuer)
      expect((await enter(application, browser, 'c.invented')).step).toBe('pin')
    }
  })
})

describe('with the protection "notification"', () => {
  const person = (identifier: string) => school.person({ identifier, protection: 'notification' })

  it('the person is not stopped, is told of a new device, and may add it', async () => {
    const { sub } = await person('t.told')
    const browser = school.browser({ address: '203.0.113.9' })
    expect((await enter(application, browser, 't.told')).step).toBe('device')
    expect(browser.view.text).toContain('signing in here will no longer leave you a notice')
    await browser.submit({})
    expect(browser.view.step).toBe('callback')
    const [told] = await school.gateway.core.deps.store.notices.list(sub, 10)
    expect(told).toMatchObject({
      code: 'new_connection',
      params: { browser: 'Firefox', system: 'Windows', network: '203.0.113.0/24' },
    })
    await again(browser, 't.told')
    await browser.submit({ remember_device: 'yes', device_name: 'Room 201' })
    expect(browser.view.step).toBe('callback')
    const before = await noticesOf(school, sub)
    expect(await again(browser, 't.told')).toBe('callback')
    expect(await noticesOf(school, sub)).toEqual(before)
  })

  it('a device added so is forgotten once a PIN is chosen, and never spares it', async () => {
    const { sub } = await person('t.then.pin')
    const browser = school.browser()
    await enter(application, browser, 't.then.pin')
    await browser.submit({ remember_device: 'yes', device_name: 'Room 201' })
    expect(await again(browser, 't.then.pin')).toBe('callback')
    await reopen(browser)
    const parameters = { acr_values: 'urn:vestibule:acr:pin' }
    await enter(application, browser, 't.then.pin', { parameters })
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    expect(await devicesOf(school, sub)).toEqual([])
    expect(browser.view.step).toBe('device')
    await browser.submit({})
    expect(await again(browser, 't.then.pin')).toBe('pin')
  })

  it('a device added so does not spare a PIN that the policy imposes later', async () => {
    await school.policies({ guardian: {} })
    await school.person({
      identifier: 't.imposed',
      userType: 'guardian',
      protection: 'notification',
      pin: PIN,
    })
    const browser = school.browser()
    await enter(application, browser, 't.imposed')
    await browser.submit({ remember_device: 'yes', device_name: 'Room 201' })
    expect(await again(browser, 't.imposed')).toBe('callback')
    await school.policies({ guardian: { protections: ['pin'] } })
    expect(await again(browser, 't.imposed')).toBe('pin')
    await school.policies({ guardian: {} })
  })

  it('a PIN that an application wants is asked all the same', async () => {
    await school.person({ identifier: 't.wanted', protection: 'notification', pin: PIN })
    const browser = school.browser()
    const parameters = { acr_values: 'urn:vestibule:acr:pin' }
    await enter(application, browser, 't.wanted', { parameters })
    expect(browser.view.step).toBe('pin')
  })
})
