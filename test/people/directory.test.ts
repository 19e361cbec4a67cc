import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importPeople } from '../../accounts/import_people.ts'
import type { LeaversScope } from '../../accounts/leavers.ts'
import type { PeopleRow } from '../../accounts/person_row.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { MINUTE_MS, PASSWORD, type School, startSchool } from '../support/school.ts'
import { acts, enter } from './acts.ts'

const NEXT = 'Autre-Panier-Rouge-77'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

/** The directory's file of teachers, beside the running gateway. */
const importTeachers = async (
  teachers: readonly PeopleRow['cells'][],
  leavers: LeaversScope | null = null,
) => {
  async function* rows(): AsyncGenerator<PeopleRow> {
    for (const [index, cells] of teachers.entries()) {
      const names = { given_name: 'Camille', family_name: 'Moreau' }
      yield { line: index + 2, cells: { user_type: 'teacher', ...names, ...cells } }
    }
  }
  const { deps, endEverything } = school.gateway.core
  const options = { dryRun: false, leavers, by: 'cli:test', source: 'x.csv', on: () => {} }
  return importPeople(deps, rows(), { ...options, endEverything })
}

const signsIn = async (browser: Browser, identifier: string, password = PASSWORD) =>
  (await enter(application, browser, identifier, { password })).step === 'callback'

/** Opens the application again. */
const isSignedIn = async (browser: Browser): Promise<boolean> => {
  await application.start(browser)
  return browser.view.step === 'callback'
}

describe('a directory that replaces a password', () => {
  it('signs out whoever had signed in with the old one, and nobody else', async () => {
    const cells = (identifier: string, personal_password: string) => ({
      external_id: `D-${identifier}`,
      identifier,
      personal_password,
    })
    await importTeachers([cells('d.stolen', PASSWORD), cells('d.other', PASSWORD)])
    const { accounts } = school.gateway.core.deps.store
    const { sub } = await school.account('d.stolen')
    await accounts.setProtection(sub, 'none')
    await accounts.setProtection((await school.account('d.other')).sub, 'none')
    const [thief, other] = [school.browser(), school.browser()]
    expect(await signsIn(thief, 'd.stolen')).toBe(true)
    expect(await signsIn(other, 'd.other')).toBe(true)
    const stolen = await application.finish(thief)
    school.later(MINUTE_MS)
    await importTeachers([cells('d.stolen', NEXT), cells('d.other', PASSWORD)])
    expect(await isSignedIn(thief)).toBe(false)
    expect(thief.view.step).toBe('login')
    expect(await isSignedIn(other)).toBe(true)
    await expect(application.userinfo(stolen)).rejects.toThrow()
    expect(await acts(school, sub)).toContain('sessions_ended')
    expect(await signsIn(school.browser(), 'd.stolen', NEXT)).toBe(true)
  })
})

describe('somebody whom the file of one school no longer names', () => {
  const scope: LeaversScope = { establishment: '0440001A', userType: 'teacher' }
  const staying = { external_id: 'L1', identifier: 'l.one', establishments: '0440001A' }

  it('goes on, signed in, when they are in another school too', async () => {
    const two = { identifier: 'l.two', externalId: 'L2', protection: 'none' } as const
    await school.person({ ...two, establishments: ['0440001A', '0750002B'] })
    const browser = school.browser()
    expect(await signsIn(browser, 'l.two')).toBe(true)
    school.later(MINUTE_MS)
    expect(await importTeachers([staying], scope)).toMatchObject({ moved: 1, left: 0 })
    expect(await isSignedIn(browser)).toBe(true)
    expect((await school.account('l.two')).establishments).toEqual(['0750002B'])
  })

  it('is out when they are in none', async () => {
    await school.person({ identifier: 'l.gone', externalId: 'L3', protection: 'none' })
    const browser = school.browser()
    expect(await signsIn(browser, 'l.gone')).toBe(true)
    school.later(MINUTE_MS)
    expect(await importTeachers([staying], scope)).toMatchObject({ moved: 0, left: 1 })
    expect(await isSignedIn(browser)).toBe(false)
    expect(await signsIn(school.browser(), 'l.gone')).toBe(false)
  })
})
