import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { atAccount, doneOn, formTo, isKept, tokenFor } from './account_visit.ts'
import { acts, devicesOf, enter, noticesOf, postByHand, reopen } from './acts.ts'

const DEVICES = '/account/devices'
const FORGET_ALL = formTo('devices/forget_all')
const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

type Who = Awaited<ReturnType<School['person']>>

/** Signed in on a device that is added. */
const recognised = async (
  who: Who,
  name = 'Room 201',
  browser: Browser = school.browser(),
): Promise<Browser> => {
  await enter(application, browser, who.identifier)
  const added = { remember_device: 'yes', device_name: name }
  await browser.submit(who.pin === null ? added : { pin: PIN, ...added })
  expect(browser.view.step).toBe('callback')
  return browser
}

/** Closes the browser and signs in again: the step met after the password. */
const stepAgain = async (browser: Browser, { identifier }: Who): Promise<string> => {
  await reopen(browser)
  return (await enter(application, browser, identifier)).step
}

const namesOn = ({ html }: View): string[] =>
  html.querySelectorAll('.row-name').map(({ text }) => text.replaceAll(/\s+/g, ' ').trim())

const idOf = async (who: Who, name: string): Promise<string> => {
  const devices = await school.gateway.core.deps.store.devices.list(who.sub)
  return devices.find((device) => device.name === name)?.id ?? 'none'
}

const deleteOn = (browser: Browser, id: string): Promise<View> =>
  browser.submit({ device: id }, formTo('devices/forget'))

describe('the page of devices', () => {
  it('lists those of the person, and marks the one in front of them', async () => {
    const who = await school.person({ pin: PIN })
    await recognised(who, 'Staff room', school.browser({ userAgent: CHROME }))
    await recognised(await school.person({ pin: PIN }), 'Of somebody else')
    const browser = await recognised(who)
    await atAccount(school, who, 'devices', browser)
    expect(namesOn(browser.view).sort()).toEqual(['Room 201 This device', 'Staff room'])
    expect(browser.view.text).toContain('Firefox – Windows')
    expect(browser.view.text).toContain('Chrome – Linux')
    expect(browser.view.text).toContain('14 September 2026')
    const other = await atAccount(school, who, 'devices')
    expect(namesOn(other.view).sort()).toEqual(['Room 201', 'Staff room'])
  })

  it('lists none that is past its end', async () => {
    const who = await school.person({ pin: PIN })
    await recognised(who, 'Room 12')
    school.later(20 * DAY_MS)
    await recognised(who, 'Room 13')
    school.later(11 * DAY_MS)
    const browser = await atAccount(school, who, 'devices')
    expect(namesOn(browser.view)).toEqual(['Room 13'])
  })

  it('says in French that there is none', async () => {
    const who = await school.person({ protection: 'none' })
    const browser = await atAccount(school, who, 'devices', school.browser({ language: 'fr' }))
    expect(namesOn(browser.view)).toEqual([])
    expect(browser.view.text).toContain('aucun appareil reconnu')
  })

  it('shows a name as it was typed, and nothing of it as markup', async () => {
    const who = await school.person({ pin: PIN })
    const name = '<b>"Room" & \'201\'</b>'
    const browser = await recognised(who, name)
    await atAccount(school, who, 'devices', browser)
    expect(browser.view.html.querySelector('.row-name b')).toBeNull()
    expect(browser.view.text).toContain('&lt;b&gt;')
    await deleteOn(browser, await idOf(who, name))
    expect(namesOn(browser.view)).toEqual([])
  })
})

describe('a device that its owner deletes', () => {
  it('asks for the PIN at its next sign-in; the others do not', async () => {
    const who = await school.person({ pin: PIN })
    const lost = await recognised(who, 'Lost phone', school.browser({ userAgent: CHROME }))
    const browser = await recognised(who)
    await atAccount(school, who, 'devices', browser)
    await deleteOn(browser, await idOf(who, 'Lost phone'))
    expect(doneOn(browser.view)).toBe('The device is deleted.')
    expect(namesOn(browser.view)).toEqual(['Room 201 This device'])
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    expect(await stepAgain(lost, who)).toBe('pin')
    expect(await stepAgain(browser, who)).toBe('callback')
    const [notice] = await school.gateway.core.deps.store.notices.list(who.sub, 1)
    expect(notice).toMatchObject({
      code: 'devices_forgotten',
      params: { device: 'Lost phone', browser: 'Firefox', system: 'Windows' },
    })
    const [entry] = await school.gateway.core.deps.store.audit.list(
      { sub: who.sub, act: 'device_forgotten' },
      1,
    )
    expect(entry).toMatchObject({ actor: who.sub, detail: { why: 'owner' } })
  })

  it('may be the one in use, which is then not offered again before the next sign-in', async () => {
    const who = await school.person({ protection: 'notification' })
    const browser = await recognised(who)
    await reopen(browser)
    await atAccount(school, who, 'devices', browser)
    await deleteOn(browser, await idOf(who, 'Room 201'))
    expect(browser.view.step).toBe('account_devices')
    expect(doneOn(browser.view)).toBe('The device is deleted.')
    expect(await stepAgain(browser, who)).toBe('device')
  })

  it('keeps a family’s other account on the same browser', async () => {
    const [parent, child] = [await school.person({ pin: PIN }), await school.person({ pin: PIN })]
    const browser = await recognised(parent, 'Kitchen laptop')
    await reopen(browser)
    await recognised(child, 'Kitchen laptop', browser)
    await reopen(browser)
    await atAccount(school, parent, 'devices', browser)
    await browser.submit({}, FORGET_ALL)
    await browser.submit({ pin: PIN })
    await browser.submit({ kept: 'yes' })
    expect(await devicesOf(school, parent.sub)).toEqual([])
    expect(await devicesOf(school, child.sub)).toEqual(['Kitchen laptop'])
    expect(await stepAgain(browser, child)).toBe('callback')
    expect(await stepAgain(browser, parent)).toBe('pin')
  })

  it('is no other person’s, and the answer does not tell whose it is', async () => {
    const owner = await school.person({ pin: PIN })
    await recognised(owner)
    const who = await school.person({ pin: PIN })
    const browser = await recognised(who, 'My own')
    await atAccount(school, who, 'devices', browser)
    const before = await acts(school, who.sub)
    const answers: string[] = []
    for (const id of [await idOf(owner, 'Room 201'), 'f'.repeat(32), '']) {
      await deleteOn(browser, id)
      answers.push(browser.view.text)
    }
    expect(new Set(answers).size).toBe(1)
    expect(await devicesOf(school, owner.sub)).toEqual(['Room 201'])
    expect(await devicesOf(school, who.sub)).toEqual(['My own'])
    expect(await acts(school, who.sub)).toEqual(before)
    expect(await noticesOf(school, owner.sub)).not.toContain('devices_forgotten')
  })

  it('in two tabs, or by a double click, is told of once', async () => {
    const who = await school.person({ pin: PIN })
    const browser = await recognised(who)
    await atAccount(school, who, 'devices', browser)
    const device = await idOf(who, 'Room 201')
    const answers = await Promise.all([1, 2, 3].map(() => postByHand(browser, { device })))
    for (const { status, headers } of answers) {
      expect([status, headers.get('location')]).toEqual([303, DEVICES])
    }
    await browser.open(DEVICES)
    expect(doneOn(browser.view)).toBe('The device is deleted.')
    const told = (await noticesOf(school, who.sub)).filter((code) => code === 'devices_forgotten')
    expect(told).toHaveLength(1)
  })
})

describe('all devices', () => {
  it('are deleted at once, and told once', async () => {
    const who = await school.person({ pin: PIN })
    const other = await recognised(who, 'Staff room', school.browser({ userAgent: CHROME }))
    const browser = await recognised(who)
    await atAccount(school, who, 'devices', browser)
    await browser.submit({}, FORGET_ALL)
    expect(doneOn(browser.view)).toBe('All devices are deleted.')
    expect(namesOn(browser.view)).toEqual([])
    expect(await stepAgain(other, who)).toBe('pin')
    expect(await stepAgain(browser, who)).toBe('pin')
    const told = (await noticesOf(school, who.sub)).filter((code) => code === 'devices_forgotten')
    expect(told).toHaveLength(1)
    const [entry] = await school.gateway.core.deps.store.audit.list(
      { sub: who.sub, act: 'device_forgotten' },
      1,
    )
    expect(entry?.detail).toEqual({ why: 'owner', devices: 2 })
  })
})

describe('a stranger with the session cookie', () => {
  it('deletes nothing without a fresh proof; the owner is asked, and confirms once', async () => {
    const who = await school.person({ pin: PIN })
    const browser = await recognised(who)
    await reopen(browser)
    await browser.open(DEVICES)
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('account_devices')
    await deleteOn(browser, await idOf(who, 'Room 201'))
    expect(browser.view.step).toBe('pin')
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    await browser.submit({ pin: PIN })
    expect(isKept(browser.view)).toBe(true)
    expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
    await browser.submit({ kept: 'yes' })
    expect(doneOn(browser.view)).toBe('The device is deleted.')
    expect(await devicesOf(school, who.sub)).toEqual([])
  })

  it.each(['forget', 'forget_all'])(
    'is refused %s with a token that is not the form’s',
    async (form) => {
      const who = await school.person({ pin: PIN })
      const browser = await recognised(who)
      await atAccount(school, who, 'devices', browser)
      const device = await idOf(who, 'Room 201')
      const [session] = await school.gateway.core.opened.op.listSessions(who.sub)
      const uid = String(session?.uid)
      const right = tokenFor(school, uid, `devices/${form}`)
      const tries: [string, Record<string, string>][] = [
        ['', {}],
        [tokenFor(school, uid, 'pin/save'), {}],
        [tokenFor(school, 'another-session', `devices/${form}`), {}],
        [right, { 'sec-fetch-site': 'same-site' }],
      ]
      for (const [csrf, headers] of tries) {
        await browser.post(`${DEVICES}/${form}`, { csrf, device }, headers)
        expect(browser.view).toMatchObject({ step: 'error', status: 403 })
      }
      expect(await devicesOf(school, who.sub)).toEqual(['Room 201'])
      school.later(MINUTE_MS)
      await browser.post(`${DEVICES}/${form}`, { csrf: right, device })
      expect(await devicesOf(school, who.sub)).toEqual([])
    },
  )
})
