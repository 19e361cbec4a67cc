import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { disable } from '../../accounts/administer.ts'
import { revokeRole } from '../../accounts/administrators.ts'
import type { Browser } from '../support/browser.ts'
import { administrator, enterConsole, signInToConsole } from '../support/console.ts'
import { giveKey } from '../support/otp_key.ts'
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  PASSWORD,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'

/** Longer than somebody may be away. */
const A_PAUSE_MS = 15 * MINUTE_MS + 1_000
const MENU = '.menu-list a'

let school: School

beforeAll(async () => {
  school = await startSchool()
})

afterAll(() => school.stop())

const sectionsOf = ({ view }: Browser): string[] =>
  view.html
    .querySelectorAll(MENU)
    .map((link) => link.getAttribute('href') ?? '')
    .filter((href) => href.startsWith('/admin'))

/** What stands there after a page of the console was asked for. */
const stepAt = async (browser: Browser, path = '/admin'): Promise<string> =>
  (await browser.open(path)).step

const subOf = async (identifier: string): Promise<string> => (await school.account(identifier)).sub

describe('an identity administrator', () => {
  it('signs in to the console with the PIN in the first week', async () => {
    const browser = await signInToConsole(school)
    expect(browser.view.status).toBe(200)
    expect(browser.view.step).toBe('console/home')
    const headers = browser.view.headers
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('looks at who administers', async () => {
    const browser = await signInToConsole(school)
    const view = await browser.open('/admin/roles')
    expect(view.status).toBe(200)
    expect(view.text).toContain('Alix')
  })

  it('comes to the page that was asked for, with its filters', async () => {
    const identifier = await administrator(school)
    const { view } = await enterConsole(school.browser(), identifier, '/admin/roles?page=2')
    expect(`${view.url.pathname}${view.url.search}`).toBe('/admin/roles?page=2')
  })

  it('was seen coming in by the audit', async () => {
    const identifier = await administrator(school)
    await enterConsole(school.browser(), identifier)
    const { audit } = school.gateway.core.deps.store
    const sub = await subOf(identifier)
    expect(await audit.list({ sub, act: 'console_opened' }, 10)).toMatchObject([
      { detail: { role: 'identity_admin' } },
    ])
  })
})

describe('somebody without a role', () => {
  it('is told that this is for administrators, and is not asked for more than a password', async () => {
    const { identifier } = await school.person({ protection: 'none' })
    const browser = await enterConsole(school.browser(), identifier)
    expect(browser.view.status).toBe(403)
    expect(browser.view.step).toBe('console/no_role')
    expect(sectionsOf(browser)).toEqual([])
  })

  it('is told so wherever they knock', async () => {
    const { identifier } = await school.person({ protection: 'none' })
    const browser = await enterConsole(school.browser(), identifier)
    for (const path of ['/admin/roles', '/admin/confirm']) {
      const view = await browser.open(path)
      expect([view.status, view.step]).toEqual([403, 'console/no_role'])
    }
  })
})

describe('a menu', () => {
  it('has what the role may look at', async () => {
    const all = sectionsOf(await signInToConsole(school))
    const helpdesk = sectionsOf(await signInToConsole(school, { role: 'helpdesk' }))
    const auditor = sectionsOf(await signInToConsole(school, { role: 'auditor' }))
    expect(all).toContain('/admin/policies')
    expect(helpdesk).toContain('/admin/people')
    expect(helpdesk).not.toContain('/admin/policies')
    expect(helpdesk).not.toContain('/admin/roles')
    expect(auditor).toContain('/admin/audit')
    expect(auditor).not.toContain('/admin/imports')
  })

  it('says which page stands there', async () => {
    const browser = await signInToConsole(school)
    const { html } = await browser.open('/admin/roles')
    expect(html.querySelectorAll('[aria-current="page"]').map(({ text }) => text)).toEqual([
      'Administrators',
    ])
  })
})

describe('the level that the console asks for', () => {
  it('is the passcode after a week, and says so to whoever has no key', async () => {
    const identifier = await administrator(school)
    school.later(7 * DAY_MS - MINUTE_MS)
    const browser = await enterConsole(school.browser(), identifier)
    expect(browser.view.step).toBe('console/home')
    school.later(MINUTE_MS)
    expect(await stepAt(browser, '/admin/roles')).toBe('unmet')
    const view = await browser.submit({})
    expect([view.status, view.step]).toEqual([403, 'console/unmet'])
    expect(view.text).toContain('/account/keys')
  })

  it('is the passcode at once for whoever has a key', async () => {
    const identifier = await administrator(school)
    const key = await giveKey(school, await subOf(identifier))
    school.later(8 * DAY_MS)
    const browser = school.browser()
    await browser.open('/admin')
    await browser.submit({ identifier, password: PASSWORD })
    while (browser.view.step !== 'otp') {
      await browser.submit(browser.view.step === 'pin' ? { pin: PIN } : {})
    }
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('console/home')
  })

  it('is met by a passcode typed in the place of the password', async () => {
    const identifier = await administrator(school)
    const key = await giveKey(school, await subOf(identifier))
    school.later(8 * DAY_MS)
    const browser = school.browser()
    await browser.open('/admin')
    await browser.submit({ identifier, password: key.passcode() })
    expect(browser.view.step).toBe('console/home')
  })

  it('is not given by a recognised device', async () => {
    const identifier = await administrator(school)
    const browser = school.browser()
    await browser.open('/')
    await browser.submit({ identifier, password: PASSWORD })
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    expect(browser.view.step).toBe('portal')
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    await browser.open('/admin')
    await browser.submit({ identifier, password: PASSWORD })
    expect(browser.view.step).toBe('pin')
  })

  it('lets a new administrator define the PIN, whatever the policy of the type', async () => {
    await school.policies({ inspector: { protections: ['none'] } })
    const identifier = await administrator(school, {
      person: { userType: 'inspector', pin: undefined as never },
    })
    const browser = school.browser()
    await browser.open('/admin')
    await browser.submit({ identifier, password: PASSWORD })
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ protection: 'pin', new_pin: '7391', confirm_pin: '7391' })
    while (browser.view.step === 'device') {
      await browser.submit({})
    }
    expect(browser.view.step).toBe('console/home')
  })
})

describe('a pause', () => {
  it('of less than a quarter of an hour asks for nothing', async () => {
    const browser = await signInToConsole(school)
    for (let round = 0; round < 4; round += 1) {
      school.later(13 * MINUTE_MS)
      expect(await stepAt(browser)).toBe('console/home')
    }
  })

  it('of a quarter of an hour asks for the proof again, then shows the page that was wanted', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    school.later(A_PAUSE_MS)
    expect(await stepAt(browser, '/admin/roles')).not.toMatch(/^console/)
    await enterConsole(browser, identifier, null)
    expect(browser.view.url.pathname).toBe('/admin/roles')
  })

  it('does not lose what was typed: it waits to be confirmed', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const somebody = await school.person({ givenName: 'Noé', familyName: 'Bernard' })
    await browser.open('/admin/roles')
    school.later(A_PAUSE_MS)
    await browser.submit(
      { identifier: somebody.identifier, role: 'auditor' },
      { form: 'form[action="/admin/roles/grant"]' },
    )
    await enterConsole(browser, identifier, null)
    expect(browser.view.step).toBe('console/confirm')
    await browser.submit({ answer: 'yes' })
    expect(browser.view.text).toContain('Noé Bernard is an auditor now.')
  })
})

describe('a day in the console', () => {
  it('ends after 8 hours, however busy it was', async () => {
    const browser = await signInToConsole(school)
    for (let quarter = 0; quarter < 8 * 6 - 1; quarter += 1) {
      school.later(10 * MINUTE_MS)
      expect(await stepAt(browser)).toBe('console/home')
    }
    school.later(10 * MINUTE_MS + 1_000)
    expect(await stepAt(browser)).not.toMatch(/^console/)
  })
})

describe('a session of the console is over at the next request', () => {
  it('when the session of the gateway has ended', async () => {
    const browser = await signInToConsole(school)
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    expect(await stepAt(browser)).toBe('login')
  })

  it('when somebody else signs in to the gateway in this browser', async () => {
    const browser = await signInToConsole(school)
    const { identifier } = await school.person({ protection: 'none' })
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    await browser.open('/')
    await browser.submit({ identifier, password: PASSWORD })
    expect(browser.view.step).toBe('portal')
    expect(await stepAt(browser)).toBe('console/no_role')
  })

  it('when every session of the person was ended', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    await school.gateway.core.endEverything(await subOf(identifier))
    expect(await stepAt(browser)).toBe('login')
  })

  it('when the account was disabled', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const { deps, endEverything } = school.gateway.core
    await disable(deps, endEverything, await subOf(identifier), 'test')
    expect(await stepAt(browser)).toBe('login')
    await browser.submit({ identifier, password: PASSWORD })
    expect(browser.view.step).toBe('login')
  })

  it('when the account is disabled, even where its sessions could not be ended yet', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const { store, clock } = school.gateway.core.deps
    await store.accounts.setDisabled(await subOf(identifier), clock())
    expect(await stepAt(browser)).not.toMatch(/^console/)
  })

  it('when what was proved before is void', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    school.later(1_000)
    const { store, clock } = school.gateway.core.deps
    await store.accounts.voidBefore(await subOf(identifier), clock())
    expect(await stepAt(browser)).not.toMatch(/^console/)
  })

  it('when the role was taken away', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const result = await revokeRole(school.gateway.core.deps, await subOf(identifier), 'test')
    expect(result).toEqual({ ok: true })
    const view = await browser.open('/admin/roles')
    expect([view.status, view.step]).toEqual([403, 'console/no_role'])
  })

  it('for what the role no longer reaches when it became a smaller one', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const { roles } = school.gateway.core.deps.store
    const grant = await roles.find(await subOf(identifier))
    if (grant === null) {
      throw new Error('no role')
    }
    await roles.grant({ ...grant, role: 'helpdesk' })
    const view = await browser.open('/admin/roles')
    expect([view.status, view.step]).toEqual([403, 'error'])
    expect(view.text).toContain('Your role in the administration does not allow it')
    expect(await stepAt(browser)).toBe('console/home')
  })

  it('after signing out of the console, and the gateway asks whether of everything', async () => {
    const browser = await signInToConsole(school)
    await browser.submit({}, { form: 'form[action="/admin/sign-out"]' })
    expect(browser.view.step).toBe('logout')
    await browser.submit({ logout: 'yes' })
    expect(await stepAt(browser)).toBe('login')
  })

  it('after signing out at the end of a long pause, which asks for nothing first', async () => {
    const browser = await signInToConsole(school)
    school.later(HOUR_MS)
    await browser.submit({}, { form: 'form[action="/admin/sign-out"]' })
    expect(browser.view.step).toBe('logout')
    expect(await browser.cookie('vestibule_console')).toBeUndefined()
  })
})

describe('a form of the console', () => {
  const grantForm = { form: 'form[action="/admin/roles/grant"]' }

  it('is refused without its token, and nothing is done', async () => {
    const browser = await signInToConsole(school)
    const { identifier, sub } = await school.person({})
    await browser.open('/admin/roles')
    const view = await browser.submit({ csrf: 'x', identifier, role: 'auditor' }, grantForm)
    expect([view.status, view.step]).toEqual([403, 'error'])
    expect(await school.gateway.core.deps.store.roles.find(sub)).toBeNull()
    expect(view.text).toContain('href="/admin"')
  })

  it('is refused with the token of another administrator', async () => {
    const [mine, theirs] = [await signInToConsole(school), await signInToConsole(school)]
    const { html } = await theirs.open('/admin/roles')
    const csrf = html.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    const view = await mine.post('/admin/roles/grant', { csrf, identifier: 'x', role: 'auditor' })
    expect(view.status).toBe(403)
  })

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another host of the same domain', { 'sec-fetch-site': 'same-site' }],
    ['another origin', { origin: 'https://evil.example' }],
  ])('is refused from %s', async (_name, headers: Record<string, string>) => {
    const browser = await signInToConsole(school)
    const { html } = await browser.open('/admin/roles')
    const csrf = html.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    const { identifier, sub } = await school.person({})
    const fields = { csrf, identifier, role: 'auditor' }
    expect((await browser.post('/admin/roles/grant', fields, headers)).status).toBe(403)
    expect(await school.gateway.core.deps.store.roles.find(sub)).toBeNull()
    const own = { 'sec-fetch-site': 'same-origin', origin: school.issuer }
    expect((await browser.post('/admin/roles/grant', fields, own)).status).toBe(200)
  })

  it('of somebody who is not signed in leads to the sign-in, and does nothing', async () => {
    const { identifier, sub } = await school.person({})
    const view = await school.browser().post('/admin/roles/grant', { identifier, role: 'auditor' })
    expect(view.step).toBe('login')
    expect(await school.gateway.core.deps.store.roles.find(sub)).toBeNull()
  })
})

describe('a sign-in to the console', () => {
  /** Where the gateway sends the browser after signing in; not followed. */
  const callbackOf = async (browser: Browser): Promise<string> => {
    const cookie = await browser.jar.getCookieString(school.issuer)
    const begun = await fetch(`${school.issuer}/admin`, { headers: { cookie }, redirect: 'manual' })
    const auth = await fetch(new URL(begun.headers.get('location') ?? '', school.issuer), {
      headers: { cookie },
      redirect: 'manual',
    })
    return auth.headers.get('location') ?? ''
  }

  it('is not finished in another browser', async () => {
    const identifier = await administrator(school)
    const theirs = await enterConsole(school.browser(), identifier)
    await theirs.forget('vestibule_console')
    const callback = await callbackOf(theirs)
    expect(callback).toContain('/admin/signed-in?code=')
    const victim = await signInToConsole(school)
    const before = await victim.cookie('vestibule_console')
    const view = await victim.open(callback)
    expect([view.status, view.step]).toEqual([400, 'error'])
    expect(await victim.cookie('vestibule_console')).toBe(before)
  })

  it('is finished once: its address opened again is a page that leads nowhere else', async () => {
    const browser = await signInToConsole(school)
    await browser.forget('vestibule_console')
    const callback = await callbackOf(browser)
    expect((await browser.open(callback)).step).toBe('console/home')
    expect((await browser.open(callback)).status).toBe(400)
  })

  it.each(['?error=access_denied', '?code=x', '', '?error=a&error=b', '?code=x&state=y'])(
    'that came to nothing (%s) ends on a page',
    async (query) => {
      const browser = await signInToConsole(school)
      const view = await browser.open(`/admin/signed-in${query}`)
      expect(view.step).toBe('error')
      expect(view.status).toBeLessThan(500)
    },
  )

  it('in two tabs at once is finished in both', async () => {
    const identifier = await administrator(school)
    const browser = school.browser()
    await browser.open('/admin/roles')
    const first = browser.view.html.querySelector('main form')?.getAttribute('action') ?? ''
    await browser.open('/admin')
    await browser.submit({ identifier, password: PASSWORD })
    await enterConsole(browser, identifier, null)
    expect(browser.view.url.pathname).toBe('/admin')
    await browser.open(first)
    await enterConsole(browser, identifier, null)
    expect(browser.view.url.pathname).toBe('/admin/roles')
  })

  it('without cookies ends on a page that says so', async () => {
    const view = await school.browser({ cookies: false }).open('/admin/signed-in?code=x&state=y')
    expect([view.status, view.step]).toEqual([400, 'error'])
  })

  it.each(['//evil.example', '/admin/../account', 'https://evil.example/admin'])(
    'never leads to %s',
    async (path) => {
      const browser = school.browser()
      const view = await browser.open(`/admin?next=${encodeURIComponent(path)}`)
      expect(view.url.host).toBe(new URL(school.issuer).host)
    },
  )
})

describe('pages of the console', () => {
  it('speak the language that was clicked, and remember it', async () => {
    const browser = await signInToConsole(school)
    const french = await browser.open('/admin/roles?lang=fr')
    expect(french.html.querySelector('html')?.getAttribute('lang')).toBe('fr')
    expect((await browser.open('/admin/roles')).text).toContain('Administrateurs')
  })

  it('speak the language of the account where nothing was clicked', async () => {
    const browser = await signInToConsole(school, { person: { locale: 'fr' } })
    expect(browser.view.html.querySelector('html')?.getAttribute('lang')).toBe('fr')
  })

  it('answer HEAD as GET, without the page', async () => {
    const browser = await signInToConsole(school)
    const cookie = await browser.jar.getCookieString(school.issuer)
    for (const path of ['/admin', '/admin/roles', '/admin/invite']) {
      const answer = await fetch(`${school.issuer}${path}`, { method: 'HEAD', headers: { cookie } })
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, ''])
    }
  })

  it('that do not exist are a page that says so', async () => {
    const browser = await signInToConsole(school)
    for (const path of ['/admin/nothing', '/admin/roles/x/y/z', '/admin/%00', '/admin/%zz']) {
      const view = await browser.open(path)
      expect([path, view.status, view.step]).toEqual([path, 404, 'error'])
    }
    expect((await browser.open('/administration')).status).toBe(404)
  })

  it('that are the address of a form lead to the page of it', async () => {
    const browser = await signInToConsole(school)
    const view = await browser.open('/admin/roles/grant')
    expect(view.url.pathname).toBe('/admin/roles')
  })

  it('know GET and POST', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await fetch(`${school.issuer}/admin`, { method, redirect: 'manual' })
      expect([method, answer.status]).toEqual([method, 404])
    }
  })

  it('refuse a form that is too large, and what is no form', async () => {
    const browser = await signInToConsole(school)
    await browser.open('/admin/roles')
    const large = await browser.submit(
      { identifier: 'x'.repeat(600_000) },
      { form: 'form[action="/admin/roles/grant"]' },
    )
    expect([large.status, large.step]).toEqual([400, 'error'])
    const cookie = await browser.jar.getCookieString(school.issuer)
    const json = await fetch(`${school.issuer}/admin/roles/grant`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', accept: 'text/html' },
      body: '{}',
    })
    expect(json.status).toBe(400)
  })
})
