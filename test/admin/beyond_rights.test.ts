import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resetPin } from '../../accounts/administer.ts'
import type { Browser } from '../support/browser.ts'
import { signInToConsole } from '../support/console.ts'
import { MINUTE_MS, type School, startSchool } from '../support/school.ts'

let school: School

beforeAll(async () => {
  school = await startSchool()
})

afterAll(() => school.stop())

const csrfOf = (browser: Browser): string =>
  browser.view.html.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''

describe('erasing many people', () => {
  it('cannot be begun at the address of acts that ask for no fresh proof', async () => {
    const { sub } = await school.person({})
    const browser = await signInToConsole(school)
    const csrf = csrfOf(browser)
    school.later(7 * MINUTE_MS)
    const fields = { csrf, act: 'erase', [`sub_${sub}`]: 'yes', confirmed: '1', number: '1' }
    const { status } = await browser.post('/admin/jobs/start', fields)
    expect(status).toBe(400)
    const { store } = school.gateway.core.deps
    expect(await store.jobs.unfinished()).toEqual([])
    expect(await store.accounts.bySub(sub)).not.toBeNull()
  })

  it('is gone on with only after a fresh proof', async () => {
    const browser = await signInToConsole(school)
    const csrf = csrfOf(browser)
    const { store, clock } = school.gateway.core.deps
    const job = { id: 'an-erasure', kind: 'erase', by: 'somebody', params: {}, total: 1 }
    await store.jobs.add({ ...job, atMs: clock() })
    await store.jobs.finish(job.id, { state: 'cancelled' }, clock())
    school.later(7 * MINUTE_MS)
    const { url } = await browser.post(`/admin/jobs/${job.id}/resume`, { csrf })
    expect(url.pathname).toMatch(/^\/interaction\//)
    expect(await store.jobs.find(job.id)).toMatchObject({ state: 'cancelled' })
  })
})

describe('a role', () => {
  it('is for nobody whose PIN the school has just made: somebody else may know it', async () => {
    const browser = await signInToConsole(school)
    const { identifier, sub } = await school.person({ pin: '8306' })
    const { deps, endEverything } = school.gateway.core
    await resetPin(deps, endEverything, sub, 'sub-of-a-helpdesk')
    await browser.open('/admin/roles')
    const view = await browser.submit(
      { identifier, role: 'auditor' },
      { form: 'form[action="/admin/roles/grant"]' },
    )
    expect(view.status).toBe(422)
    expect(await deps.store.roles.find(sub)).toBeNull()
  })

  it('is for nobody to whom another administrator gave a secret today', async () => {
    const browser = await signInToConsole(school)
    const { identifier, sub } = await school.person({})
    const { store, clock } = school.gateway.core.deps
    await store.issuedSecrets.note(sub, 'password', 'sub-of-a-helpdesk', clock())
    await browser.open('/admin/roles')
    const grant = { form: 'form[action="/admin/roles/grant"]' }
    expect((await browser.submit({ identifier, role: 'auditor' }, grant)).status).toBe(422)
    const { sub: other } = await school.person({ identifier: 'nobody.helped' })
    await browser.open('/admin/roles')
    await browser.submit({ identifier: 'nobody.helped', role: 'auditor' }, grant)
    expect(await store.roles.find(other)).toMatchObject({ role: 'auditor' })
  })
})
