import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import type { Role } from '../../policies/admin_rights.ts'
import type { Browser } from '../support/browser.ts'
import { administrator, enterConsole } from '../support/console.ts'
import { giveKey } from '../support/otp_key.ts'
import { DAY_MS, MINUTE_MS, PASSWORD, type School, startSchool } from '../support/school.ts'

/** Longer than a proof is fresh, shorter than a pause that ends the session. */
const A_WHILE_MS = 6 * MINUTE_MS

let school: School

beforeAll(async () => {
  school = await startSchool()
})

afterAll(() => school.stop())

const GRANT = { form: 'form[action="/admin/roles/grant"]' }

interface AtWork {
  readonly browser: Browser
  readonly identifier: string
  readonly somebody: Account
}

/** An administrator who signed in a while ago, at the page of roles. */
const atWork = async (role: Role = 'identity_admin'): Promise<AtWork> => {
  const identifier = await administrator(school, { role })
  const browser = await enterConsole(school.browser(), identifier)
  const somebody = await school.person({ givenName: 'Noé', familyName: 'Bernard' })
  school.later(A_WHILE_MS)
  await browser.open('/admin/roles')
  return { browser, identifier, somebody }
}

const roleOf = async ({ sub }: Account): Promise<string | undefined> =>
  (await school.gateway.core.deps.store.roles.find(sub))?.role

const grant = ({ browser, somebody }: AtWork, role: Role = 'auditor') =>
  browser.submit({ identifier: somebody.identifier, role }, GRANT)

const nonceOn = ({ view }: Browser): string =>
  view.html.querySelector('[name=nonce]')?.getAttribute('value') ?? ''

describe('a change that could open every account', () => {
  it('is done at once while the proof is a moment old', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const somebody = await school.person({})
    await browser.open('/admin/roles')
    await grant({ browser, identifier, somebody })
    expect(browser.view.step).toBe('console/roles')
    expect(await roleOf(somebody)).toBe('auditor')
  })

  it('asks for password and PIN again, then whether it is still wanted, then is done', async () => {
    const at = await atWork()
    await grant(at)
    expect(at.browser.view.step).toBe('login')
    await enterConsole(at.browser, at.identifier, null)
    expect(at.browser.view.step).toBe('console/confirm')
    expect(at.browser.view.text).toContain('Change who administers')
    expect(await roleOf(at.somebody)).toBeUndefined()
    await at.browser.submit({ answer: 'yes' })
    expect(at.browser.view.text).toContain('Noé Bernard is an auditor now.')
    expect(at.browser.view.url.pathname).toBe('/admin/roles')
    expect(await roleOf(at.somebody)).toBe('auditor')
  })

  it('asks for the passcode of whoever has a key', async () => {
    const identifier = await administrator(school)
    const { sub } = await school.account(identifier)
    const key = await giveKey(school, sub)
    school.later(8 * DAY_MS)
    const browser = school.browser()
    await browser.open('/admin')
    await browser.submit({ identifier, password: key.passcode() })
    school.later(A_WHILE_MS)
    const somebody = await school.person({})
    await browser.open('/admin/roles')
    await grant({ browser, identifier, somebody })
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier, password: PASSWORD })
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('console/confirm')
    await browser.submit({ answer: 'yes' })
    expect(await roleOf(somebody)).toBe('auditor')
  })

  it('is not done when it is no longer wanted, and nothing is left of it', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const nonce = nonceOn(at.browser)
    await at.browser.submit({ answer: 'no' })
    expect(at.browser.view.step).toBe('console/home')
    expect(at.browser.view.text).toContain('Nothing was done.')
    const csrf = at.browser.view.html.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    const again = await at.browser.post('/admin/confirm', { csrf, nonce, answer: 'yes' })
    expect(again.status).toBe(403)
    expect(await roleOf(at.somebody)).toBeUndefined()
  })

  it('is done once, however often the button is pressed', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const csrf = at.browser.view.html.querySelector('main [name=csrf]')?.getAttribute('value') ?? ''
    const fields = { csrf, nonce: nonceOn(at.browser), answer: 'yes' }
    const both = await Promise.all([
      (await at.browser.copy()).post('/admin/confirm', fields),
      (await at.browser.copy()).post('/admin/confirm', fields),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 403])
    const { audit } = school.gateway.core.deps.store
    const entries = await audit.list({ sub: at.somebody.sub, act: 'role_granted' }, 10)
    expect(entries).toHaveLength(1)
  })

  it('is confirmed with the nonce of its own page: that of an earlier form does nothing', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const earlier = nonceOn(at.browser)
    school.later(A_WHILE_MS)
    await at.browser.open('/admin/roles')
    await grant(at, 'helpdesk')
    await enterConsole(at.browser, at.identifier, null)
    const csrf = at.browser.view.html.querySelector('main [name=csrf]')?.getAttribute('value') ?? ''
    const stale = { csrf, nonce: earlier, answer: 'yes' }
    expect((await at.browser.post('/admin/confirm', stale)).status).toBe(403)
    expect(await roleOf(at.somebody)).toBeUndefined()
  })

  it('still waits for its own confirmation after an earlier one came to nothing', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const view = at.browser.view
    const csrf = view.html.querySelector('main [name=csrf]')?.getAttribute('value') ?? ''
    await at.browser.post('/admin/confirm', { csrf, nonce: 'another', answer: 'yes' })
    await at.browser.post('/admin/confirm', { csrf, nonce: nonceOf(view.text), answer: 'yes' })
    expect(await roleOf(at.somebody)).toBe('auditor')
  })

  it('is confirmed in another tab too, and there only by whoever comes with its nonce', async () => {
    const at = await atWork()
    await grant(at)
    const tab = await at.browser.copy()
    await tab.open('/admin/confirm')
    expect(tab.view.step).toBe('console/home')
    await enterConsole(at.browser, at.identifier, null)
    const { url } = at.browser.view
    const other = await at.browser.copy()
    await other.open(url)
    expect(other.view.step).toBe('console/confirm')
    await other.submit({ answer: 'yes' })
    expect(await roleOf(at.somebody)).toBe('auditor')
  })

  it('is not there in another browser of the same administrator', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const { url } = at.browser.view
    const elsewhere = await enterConsole(school.browser(), at.identifier)
    await elsewhere.open(url)
    expect(elsewhere.view.step).toBe('console/home')
    expect(await roleOf(at.somebody)).toBeUndefined()
  })

  it('is forgotten when somebody else proves who they are', async () => {
    const at = await atWork()
    const other = await administrator(school)
    await grant(at)
    await at.browser.open('/session/end')
    await at.browser.submit({ logout: 'yes' })
    await enterConsole(at.browser, other)
    const { kept } = await sessionOf(other)
    expect(kept).toBeNull()
    expect(await roleOf(at.somebody)).toBeUndefined()
  })

  it('asks for the proof once more when the confirmation came late, and then goes on', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    school.later(A_WHILE_MS)
    await at.browser.submit({ answer: 'yes' })
    expect(at.browser.view.step).toBe('login')
    expect(await roleOf(at.somebody)).toBeUndefined()
    await enterConsole(at.browser, at.identifier, null)
    expect(at.browser.view.step).toBe('console/confirm')
    await at.browser.submit({ answer: 'yes' })
    expect(await roleOf(at.somebody)).toBe('auditor')
  })

  it('is forgotten after a quarter of an hour', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const { url } = at.browser.view
    for (let round = 0; round < 4; round += 1) {
      school.later(4 * MINUTE_MS)
      await at.browser.open('/admin')
    }
    expect((await at.browser.open(url)).step).toBe('console/home')
  })

  it('is refused when the role was taken away between the form and its confirmation', async () => {
    const at = await atWork()
    await grant(at)
    await enterConsole(at.browser, at.identifier, null)
    const { sub } = await school.account(at.identifier)
    const { roles } = school.gateway.core.deps.store
    const held = await roles.find(sub)
    if (held === null) {
      throw new Error('no role')
    }
    await roles.grant({ ...held, role: 'auditor' })
    await at.browser.submit({ answer: 'yes' })
    expect([at.browser.view.status, at.browser.view.step]).toEqual([403, 'error'])
    expect(await roleOf(at.somebody)).toBeUndefined()
  })

  it('of a form that was not ours is not kept', async () => {
    const at = await atWork()
    const view = await at.browser.submit(
      { csrf: 'x', identifier: at.somebody.identifier, role: 'auditor' },
      GRANT,
    )
    expect(view.status).toBe(403)
    expect((await sessionOf(at.identifier)).kept).toBeNull()
  })

  it('is kept sealed: neither names nor secrets of a form can be read in the store', async () => {
    const at = await atWork()
    await grant(at)
    const { kept } = await sessionOf(at.identifier)
    expect(kept).toBeTypeOf('string')
    expect(kept).not.toContain(at.somebody.identifier)
  })
})

const nonceOf = (html: string): string => /name="nonce" value="(\w+)"/.exec(html)?.[1] ?? ''

/** The newest session of the console of somebody, as it is stored. */
const sessionOf = async (identifier: string): Promise<{ kept: string | null }> => {
  const { sub } = await school.account(identifier)
  const db = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
  const row = db
    .prepare('SELECT kept FROM console_sessions WHERE sub = ? ORDER BY began_at DESC')
    .get(sub)
  db.close()
  return { kept: (row?.['kept'] ?? null) as string | null }
}
