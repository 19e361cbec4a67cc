import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importPeople } from '../../accounts/import_people.ts'
import { acts, enter, errorsOf } from '../people/acts.ts'
import { FOREIGN_HASHES, MOVED } from '../support/foreign_hashes.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { type School, startSchool } from '../support/school.ts'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

const kinds = Object.entries(FOREIGN_HASHES)
const runs = () => school.gateway.core.hasher.stats().runs
const recordOf = async (identifier: string) => {
  const { password } = await school.account(identifier)
  if (password === null) throw new Error(`${identifier} has no password`)
  return password
}

/** What the directory says of somebody, as a line of its file. */
const bring = async (identifier: string, password_hash: string) => {
  const cells = {
    identifier,
    user_type: 'teacher',
    given_name: 'Camille',
    family_name: 'Moreau',
    password_hash,
  }
  const rows = async function* () {
    yield { line: 2, cells }
  }
  return importPeople(school.gateway.core.deps, rows(), {
    dryRun: false,
    leavers: null,
    by: 'cli:test',
    source: 'people.csv',
    on: () => {},
    endEverything: school.gateway.core.endEverything,
  })
}

const signIn = async (identifier: string, password: string) => {
  const browser = school.browser()
  await enter(application, browser, identifier, { password })
  return browser.view
}

/** Of `8306124975`. */
const DIGITS = '{SSHA}SE9bug7/fDzTP9NiqdqvGtQPopBzYWx0MDAwMQ=='

/** Where somebody is let in who has no PIN yet. */
const IN = 'define_pin'

describe('whoever comes with a hash of another system', () => {
  it.each(kinds)('keeps their password, which is then hashed as ours: %s', async (kind, text) => {
    const identifier = `moved.${kinds.findIndex(([name]) => name === kind)}`
    expect(await bring(identifier, text)).toMatchObject({ added: 1, rejected: 0 })
    const adopted = await recordOf(identifier)
    expect(adopted).toMatchObject({ origin: 'personal', rulesVersion: 0, mustChange: false })

    const refused = await signIn(identifier, `${MOVED}x`)
    expect(errorsOf(refused)[0]).toMatch(/We could not sign you in/)
    expect(await recordOf(identifier)).toEqual(adopted)

    expect((await signIn(identifier, MOVED)).step).toBe(IN)
    const ours = await recordOf(identifier)
    expect(ours).toEqual({ ...adopted, sealed: ours.sealed, rulesVersion: 1 })
    expect(ours.sealed).not.toBe(adopted.sealed)

    const before = runs()
    expect((await signIn(identifier, MOVED.normalize('NFD'))).step).toBe(IN)
    expect(runs() - before).toBe(1)
    expect(await recordOf(identifier)).toEqual(ours)
    const costs = school.gateway.core.hasher.stats().runsByCost
    expect(costs.get('m=1024,t=1,p=1')).toBeGreaterThan(0)
  })

  it('is unchanged when the same file comes again, before and after signing in', async () => {
    const text = FOREIGN_HASHES['bcrypt 2b']
    await bring('again', text)
    const adopted = await recordOf('again')
    expect(await bring('again', ` ${text} `)).toMatchObject({ unchanged: 1 })
    expect(await recordOf('again')).toEqual(adopted)
    await signIn('again', MOVED)
    const ours = await recordOf('again')
    expect(await bring('again', text)).toMatchObject({ unchanged: 1 })
    expect(await recordOf('again')).toEqual(ours)
  })

  it('gets the new one of the directory, which ends sessions, unless they chose their own', async () => {
    await bring('other', FOREIGN_HASHES['bcrypt 2b'])
    const { sub } = await school.account('other')
    expect(await bring('other', FOREIGN_HASHES.SSHA256)).toMatchObject({ changed: 1 })
    expect(await acts(school, sub)).toEqual(
      expect.arrayContaining(['password_imported', 'sessions_ended']),
    )
    expect((await signIn('other', MOVED)).step).toBe(IN)

    await school.person({ identifier: 'chose.own', externalId: null })
    const chosen = await recordOf('chose.own')
    expect(await bring('chose.own', FOREIGN_HASHES['bcrypt 2b'])).toMatchObject({ rejected: 0 })
    expect(await recordOf('chose.own')).toEqual(chosen)
  })

  it('keeps one that the rules of today refuse, and it stays older than any rules', async () => {
    await school.policies({ teacher: { passwords: { min_length: 24 } } })
    await bring('below.rules', FOREIGN_HASHES.SSHA256)
    expect((await signIn('below.rules', MOVED)).step).toBe(IN)
    expect(await recordOf('below.rules')).toMatchObject({ rulesVersion: 0, mustChange: false })
    await school.policies({ teacher: {} })
  })

  it('changes one of digits alone as soon as they have signed in', async () => {
    await bring('digits', DIGITS)
    expect((await signIn('digits', '8306124975')).step).toBe('change_password')
    expect(await recordOf('digits')).toMatchObject({ rulesVersion: 0, mustChange: true })
  })

  it('is rejected with a reason that shows nothing where the hash cannot be taken', async () => {
    expect(await bring('unsalted', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=')).toMatchObject({
      added: 0,
      rejected: 1,
    })
    await expect(school.account('unsalted')).rejects.toThrow('nobody')
  })
})
