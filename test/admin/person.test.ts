import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { openLetter } from '../../accounts/outbox.ts'
import { standsAs, temporaryPasswordFor } from '../../accounts/person_acts.ts'
import { EVERYBODY } from '../../policies/admin_rights.ts'
import type { Browser, View } from '../support/browser.ts'
import { type AdministratorWishes, administrator, enterConsole } from '../support/console.ts'
import { HOUR_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'

let school: School
let noe: Account

beforeEach(async () => {
  school = await startSchool({ smtp_url: 'smtp://127.0.0.1:9', mail_from: 'id@tilleuls.example' })
  noe = await school.person({
    identifier: 'noe.bernard',
    userType: 'teacher',
    givenName: 'Noé',
    familyName: 'Bernard',
    email: 'noe@mail.example',
    pin: PIN,
  })
})
afterEach(() => school.stop())

const path = (): string => `/admin/people/${noe.sub}`
const signIn = async (wishes: AdministratorWishes = {}): Promise<Browser> =>
  enterConsole(school.browser(), await administrator(school, wishes), '/admin/keys')
const now = (): Promise<Account> => school.account('noe.bernard')
const store = () => school.gateway.core.deps.store

/** Posts the form of an act on the page in front; from the page that asks first, where there is one. */
const act = async (
  browser: Browser,
  name: string,
  fields: Record<string, string> = {},
): Promise<View> => {
  const action = `${path()}/acts/${name}`
  await browser.open(path())
  const asks = browser.view.html.querySelector(`a[href="${action}"]`) !== null
  if (asks) {
    await browser.open(action)
  }
  return browser.submit(fields, { form: `form[action="${action}"]` })
}

const secretOn = (view: View): string => view.html.querySelector('.secret')?.text.trim() ?? ''

/** A sign-in of theirs in a browser of their own: the step that comes after the password. */
const signsIn = async (password = PASSWORD): Promise<Browser> => {
  const browser = school.browser()
  await browser.open('/')
  await browser.submit({ identifier: 'noe.bernard', password })
  return browser
}

const acts = (view: View): string[] =>
  view.html.querySelectorAll('.person-acts a, .person-acts button').map((one) => one.text.trim())

describe("a person's page", () => {
  it('says who they are, how they stand, and what can be done', async () => {
    const { view } = await signIn().then(async (browser) => {
      await browser.open(path())
      return browser
    })
    expect(view.step).toBe('console/people_person')
    expect(view.text).toContain('noe.bernard')
    expect(view.text).toContain('PIN code on new devices')
    expect(view.text).toContain('Can sign in.')
    expect(view.html.querySelector('a[href^="/admin/simulator"]')).not.toBeNull()
    expect(acts(view)).toEqual([
      'Generate a new PIN code',
      'Force password change',
      'Generate a temporary password',
      'Void the password',
      'Disable the account',
      'Erase this person',
    ])
    expect(view.headers.get('cache-control')).toContain('no-store')
  })

  it('is for a helpdesk outside its scope as if there were nobody', async () => {
    const browser = await signIn({ role: 'helpdesk', userTypes: ['student'] })
    const outside = await browser.open(path())
    const nobody = await browser.open('/admin/people/nobody')
    expect([outside.status, nobody.status]).toEqual([404, 404])
    const told = (view: View) => view.html.querySelector('main')?.text
    expect(told(outside)).toBe(told(nobody))
    expect(outside.text).not.toContain('Bernard')
  })

  it('offers an auditor nothing to do, and a helpdesk no erasure', async () => {
    const auditor = await signIn({ role: 'auditor' })
    expect(acts(await auditor.open(path()))).toEqual([])
    const helpdesk = await signIn({ role: 'helpdesk', userTypes: ['teacher'] })
    const offered = acts(await helpdesk.open(path()))
    expect(offered).toContain('Generate a new PIN code')
    expect(offered).not.toContain('Erase this person')
  })

  it('has a child name their guardians, and a guardian their children', async () => {
    const lea = await school.person({ identifier: 'lea', userType: 'student', givenName: 'Léa' })
    const parent = await school.person({
      identifier: 'parent',
      userType: 'guardian',
      givenName: 'Paul',
      establishments: [],
      children: [lea.externalId ?? ''],
    })
    const browser = await signIn()
    const child = await browser.open(`/admin/people/${lea.sub}`)
    expect(child.html.querySelector(`a[href="/admin/people/${parent.sub}"]`)?.text).toContain(
      'Paul',
    )
    const guardian = await browser.open(`/admin/people/${parent.sub}`)
    expect(guardian.html.querySelector(`a[href="/admin/people/${lea.sub}"]`)?.text).toContain('Léa')
  })

  it('says why somebody cannot sign in', async () => {
    await store().accounts.setPinBlocked(noe.sub, Date.now())
    await store().accounts.voidPassword(noe.sub, Date.now())
    const browser = await signIn()
    const view = await browser.open(path())
    expect(view.text).toContain('The password was voided')
    expect(view.text).toContain('The PIN code is blocked')
    expect(view.text).not.toContain('Can sign in.')
    expect(acts(view)).toContain('Unblock the PIN code')
  })
})

describe('generating a new PIN code', () => {
  it('shows it once; the person signs in with it and chooses another', async () => {
    const browser = await signIn()
    const shown = await act(browser, 'new_pin')
    const pin = secretOn(shown)
    expect(pin).toMatch(/^\d{4}$/)
    expect(shown.url.pathname).not.toContain(pin)
    const person = await signsIn()
    expect(person.view.step).toBe('pin')
    expect((await person.submit({ pin })).step).toBe('define_pin')
    const page = await browser.open(path())
    expect(page.text).not.toContain(pin)
    expect(page.text).toContain('Generated, to be changed at first use')
  })

  it('makes no other one when its answer is loaded again', async () => {
    const browser = await signIn()
    await browser.open(`${path()}/acts/new_pin`)
    const form = `form[action="${path()}/acts/new_pin"]`
    const sent = Object.fromEntries(
      browser.view.html
        .querySelectorAll(`${form} input[type=hidden]`)
        .map((one) => [one.getAttribute('name') ?? '', one.getAttribute('value') ?? '']),
    )
    const pin = secretOn(await browser.submit({}, { form }))
    const kept = (await now()).pin?.sealed
    const again = await browser.post(`${path()}/acts/new_pin`, { ...sent, deliver: 'show' })
    expect(again.status).toBe(409)
    expect(again.text).toContain('done already')
    expect(again.text).not.toContain(pin)
    expect((await now()).pin?.sealed).toBe(kept)
  })

  it('is in no row of the audit or the session, and the audit says who did it', async () => {
    const browser = await signIn({ person: { identifier: 'the.admin' } })
    const pin = secretOn(await act(browser, 'new_pin'))
    const entries = await store().audit.list({ act: 'pin_generated' }, 10)
    expect(entries[0]).toMatchObject({
      sub: noe.sub,
      actor: (await school.account('the.admin')).sub,
    })
    expect(JSON.stringify(await store().audit.list({ sub: noe.sub }, 100))).not.toContain(
      `"${pin}"`,
    )
  })

  it('mails it once, unless the password was reset by mail within a day', async () => {
    const browser = await signIn()
    const mailed = await act(browser, 'new_pin', { deliver: 'mail' })
    expect(mailed.text).toContain('on its way to Noé Bernard by mail')
    expect(secretOn(mailed)).toBe('')
    const { deps } = school.gateway.core
    const letters = (await store().outbox.take('mail', Date.now(), HOUR_MS, 100)).map((item) =>
      openLetter(deps, item),
    )
    expect(letters.filter(({ template }) => template === 'generated_pin')).toHaveLength(1)
    const account = await now()
    const { password } = account
    if (password === null) {
      expect.fail('has a password')
    }
    await store().accounts.resetPasswordByMail(noe.sub, password.sealed, {
      ...password,
      setAt: Date.now(),
    })
    const asked = await browser.open(`${path()}/acts/new_pin`)
    expect(asked.text).toContain('It cannot be mailed')
    const forced = await browser.submit(
      { deliver: 'mail' },
      { form: `form[action="${path()}/acts/new_pin"]` },
    )
    expect(forced.status).toBe(409)
    expect(forced.text).toContain('less than 24 hours ago')
  })

  it('is not done by a helpdesk that issued the password within a day', async () => {
    const helpdesk = await signIn({ role: 'helpdesk', userTypes: ['teacher'] })
    expect(secretOn(await act(helpdesk, 'temporary_password'))).not.toBe('')
    const refused = await act(helpdesk, 'new_pin')
    expect(refused.status).toBe(409)
    expect(refused.text).toContain('ask a colleague')
    const colleague = await signIn({ role: 'helpdesk', userTypes: ['teacher'] })
    expect(secretOn(await act(colleague, 'new_pin'))).toMatch(/^\d{4}$/)
  })
})

describe('a temporary password', () => {
  it('is shown once with its end; the person chooses another at the first sign-in', async () => {
    const browser = await signIn()
    const shown = await act(browser, 'temporary_password')
    const password = secretOn(shown)
    expect(shown.text).toContain('To be used by')
    const before = await signsIn()
    expect(before.view.step).toBe('login')
    const person = await signsIn(password)
    expect(person.view.step).toBe('pin')
    expect((await person.submit({ pin: PIN })).step).toBe('change_password')
    expect((await browser.open(path())).text).not.toContain(password)
  })

  it('is one: of two administrators who ask at once, one is told that it changed', async () => {
    const browsers = [await signIn(), await signIn()]
    const action = `${path()}/acts/temporary_password`
    for (const browser of browsers) {
      await browser.open(action)
    }
    const form = `form[action="${action}"]`
    const views = await Promise.all(browsers.map((browser) => browser.submit({}, { form })))
    expect(views.map(({ status }) => status).sort()).toEqual([200, 409])
    const [password = ''] = views.map(secretOn).filter(Boolean)
    expect((await signsIn(password)).view.step).toBe('pin')
  })

  it('is nobody’s when the person is given a role before it is in force', async () => {
    const { deps } = school.gateway.core
    const desk = await administrator(school, { role: 'helpdesk', userTypes: ['teacher'] })
    const { passwordBatches } = deps.store
    const promote: typeof passwordBatches.prepare = async (...batch) => {
      await passwordBatches.prepare(...batch)
      const grant = { sub: noe.sub, role: 'auditor', scope: EVERYBODY } as const
      await store().roles.grant({ ...grant, grantedAt: Date.now(), grantedBy: 'test' })
    }
    const slow = {
      ...deps,
      store: { ...deps.store, passwordBatches: { ...passwordBatches, prepare: promote } },
    }
    const asked = { by: (await school.account(desk)).sub, sub: noe.sub, asOf: standsAs(deps, noe) }
    const { endEverything } = school.gateway.core
    expect(await temporaryPasswordFor(slow, endEverything, asked)).toMatchObject({ ok: false })
    expect((await now()).password?.origin).toBe('personal')
  })
})

describe('the other acts', () => {
  it('force a change of the password, seen at the next sign-in and in red on the page', async () => {
    const browser = await signIn()
    const view = await act(browser, 'force_change')
    expect(view.text).toContain('will be asked for a new password')
    expect(view.html.querySelector('.to-change svg')).not.toBeNull()
    expect(view.html.querySelector('.to-change')?.text).toContain('next sign-in')
    expect(acts(view)).not.toContain('Force password change')
    const person = await signsIn()
    expect((await person.submit({ pin: PIN })).step).toBe('change_password')
  })

  it('shut everybody out and in again', async () => {
    const browser = await signIn()
    await act(browser, 'disable')
    expect((await now()).disabledAt).not.toBeNull()
    expect((await signsIn()).view.step).toBe('login')
    await act(browser, 'enable')
    expect((await signsIn()).view.step).toBe('pin')
    await act(browser, 'void_password')
    expect((await now()).password?.voidedAt).not.toBeNull()
    expect((await now()).pin?.blockedAt).not.toBeNull()
    await act(browser, 'unblock_pin')
    expect((await now()).pin?.blockedAt).toBeNull()
  })

  it('end one session, or all, and forget one device, or all', async () => {
    const person = await signsIn()
    await person.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 201' })
    const second = await signsIn()
    await second.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 202' })
    const browser = await signIn()
    let view = await browser.open(path())
    const ends = (one: View) => one.html.querySelectorAll('form[action$="/end"]')
    const forgets = (one: View) => one.html.querySelectorAll('form[action$="/forget"]')
    expect([ends(view).length, forgets(view).length]).toEqual([2, 2])
    view = await browser.submit({}, { form: 'form[action$="/end"]' })
    view = await browser.submit({}, { form: 'form[action$="/forget"]' })
    expect([ends(view).length, forgets(view).length]).toEqual([1, 1])
    await act(browser, 'end_sessions')
    view = await act(browser, 'forget_devices')
    expect([ends(view).length, forgets(view).length]).toEqual([0, 0])
  })

  it('are refused on whoever holds a role to a helpdesk, and on oneself to everybody', async () => {
    const helpdesk = await signIn({ role: 'helpdesk', userTypes: ['staff'] })
    const boss = await school.person({ identifier: 'boss', userType: 'staff', pin: PIN })
    const scope = { userTypes: null, establishments: null }
    const grant = {
      sub: boss.sub,
      role: 'auditor',
      scope,
      grantedAt: 0,
      grantedBy: 'test',
    } as const
    await store().roles.grant(grant)
    const page = await helpdesk.open(`/admin/people/${boss.sub}`)
    expect(page.text).toContain('This person administers too')
    const csrf = page.html.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''
    for (const name of ['new_pin', 'temporary_password', 'disable', 'force_change']) {
      const refused = await helpdesk.post(`/admin/people/${boss.sub}/acts/${name}`, { csrf })
      expect(refused.status).toBe(409)
    }
    expect((await school.account('boss')).pin?.origin).toBe('chosen')
    const admin = await signIn({ person: { identifier: 'self' } })
    const { sub } = await school.account('self')
    const own = await admin.open(`/admin/people/${sub}`)
    expect(own.text).toContain('This is you')
    expect((await admin.open(`/admin/people/${sub}/acts/disable`)).status).toBe(409)
  })
})

describe('erasing from the page', () => {
  it('wants the identifier typed, and leaves nobody', async () => {
    const browser = await signIn()
    await browser.open(`${path()}/erase`)
    const form = `form[action="${path()}/erase"]`
    const wrong = await browser.submit({ identifier: 'noe' }, { form })
    expect(wrong.status).toBe(422)
    expect(wrong.text).toContain('This is not the identifier')
    await browser.submit({ identifier: ' Noe.Bernard ' }, { form })
    await expect(now()).rejects.toThrow('nobody')
    expect((await browser.open(path())).status).toBe(404)
    expect((await signsIn()).view.step).toBe('login')
  })
})
