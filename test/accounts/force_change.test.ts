import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PasswordRecord } from '../../accounts/account.ts'
import { forceChange } from '../../accounts/force_change.ts'
import {
  passwordStanding,
  passwordStates,
  type StandingOf,
} from '../../accounts/password_states.ts'
import type { Deps, Selection } from '../../accounts/ports.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { type Office, openOffice } from '../cli/office.ts'

const BY = 'cli:office'
const DAY_MS = 24 * 3_600_000
const HEADER = 'external_id,identifier,user_type,given_name,family_name,establishments,classes'

let office: Office
let deps: Deps

const setPassword = (identifier: string, more: Partial<PasswordRecord> = {}) =>
  office.setPassword(identifier, null, more)

const setPolicies = async (student: unknown, teacher: unknown = {}) =>
  deps.store.policies.save(
    {
      id: crypto.randomUUID(),
      atMs: office.now(),
      by: BY,
      why: 'test',
      policies: {
        ...DEFAULT_POLICIES,
        student: policySchema.parse(student),
        teacher: policySchema.parse(teacher),
      },
    },
    (await deps.store.policies.newest())?.id ?? null,
  )

beforeEach(async () => {
  office = await openOffice()
  deps = office.core.deps
  await office.import(
    [
      HEADER,
      ...['own', 'old', 'asked', 'initial', 'temporary', 'void', 'none', 'gone'].map(
        (name) => `E-${name},${name},student,Léa,${name},0440001A,6e A`,
      ),
      'E-prof,prof,teacher,Ali,Prof,0440001A,',
      '',
    ].join('\n'),
  )
  await setPassword('own', { rulesVersion: 2 })
  await setPassword('old')
  await setPassword('asked', { mustChange: true })
  await setPassword('initial', { origin: 'initial' })
  await setPassword('temporary', { origin: 'temporary' })
  await setPassword('void', { voidedAt: office.now() })
  await setPassword('gone')
  await setPassword('prof')
  await deps.store.accounts.setDisabled((await office.person('gone')).sub, office.now())
  await setPolicies({ passwords: { rules_version: 2 } })
})
afterEach(() => office.close())

const force = (selection: Selection, more: { olderThanRules?: boolean; dryRun?: boolean } = {}) =>
  forceChange(deps, selection, { olderThanRules: false, dryRun: false, by: BY, ...more })

const isAsked = async (identifier: string) => (await office.person(identifier)).password?.mustChange

const forcedInAudit = async () =>
  (await office.audit()).filter(({ act }) => act === 'password_change_forced')

describe('a change at the next connection', () => {
  it('is asked of everybody selected whose password is their own; the others are counted', async () => {
    const counts = { forced: 2, alreadyDue: 3, withoutPassword: 1, void: 1, upToDate: 0 }
    expect(await force({ userType: 'student' })).toEqual(counts)
    expect([await isAsked('own'), await isAsked('old')]).toEqual([true, true])
    for (const identifier of ['initial', 'temporary', 'void', 'gone', 'prof']) {
      expect(await isAsked(identifier)).toBe(false)
    }
    const entries = await forcedInAudit()
    const subs = await Promise.all(
      ['own', 'old'].map(async (who) => (await office.person(who)).sub),
    )
    expect(entries.map(({ sub }) => sub).sort()).toEqual(subs.sort())
    expect(entries.every(({ actor, outcome }) => actor === BY && outcome === 'done')).toBe(true)
  })

  it('changes nothing the second time', async () => {
    await force({})
    const entries = await forcedInAudit()
    expect(await force({})).toMatchObject({ forced: 0, alreadyDue: 6 })
    expect(await forcedInAudit()).toEqual(entries)
  })

  it('is asked of those alone whose password is older than the rules of their type', async () => {
    expect(await force({}, { olderThanRules: true })).toEqual({
      forced: 1,
      alreadyDue: 3,
      withoutPassword: 1,
      void: 1,
      upToDate: 2,
    })
    expect([await isAsked('old'), await isAsked('own'), await isAsked('prof')]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('is counted, and asked of nobody, in a dry run', async () => {
    const dry = await force({}, { dryRun: true })
    expect(dry).toMatchObject({ forced: 3 })
    expect([await isAsked('own'), await isAsked('prof')]).toEqual([false, false])
    expect(await forcedInAudit()).toEqual([])
    expect(await force({})).toEqual(dry)
  })

  it('ends no session, and voids nothing', async () => {
    const before = await office.person('own')
    await force({})
    const after = await office.person('own')
    expect(after).toEqual({
      ...before,
      password: { ...before.password, mustChange: true },
    })
  })

  it('spares a password that its owner chooses while the list is read', async () => {
    const { people } = deps.store
    const own = await office.person('old')
    const raced: Deps = {
      ...deps,
      store: {
        ...deps.store,
        people: {
          ...people,
          page: async (...asked) => {
            const page = await people.page(...asked)
            await setPassword('old', { setAt: office.now() + 1, rulesVersion: 2 })
            return page
          },
        },
      },
    }
    const counts = await forceChange(
      raced,
      { identifiers: [own.identifier] },
      { olderThanRules: true, dryRun: false, by: BY },
    )
    expect(counts).toMatchObject({ forced: 0, upToDate: 1 })
    expect(await isAsked('old')).toBe(false)
  })

  it('reaches more people than one transaction takes', async () => {
    const names = Array.from({ length: 450 }, (_, index) => `p${index}`)
    const own = await office.person('own')
    await deps.store.transact(async (tables) => {
      for (const identifier of names) {
        const person = { ...own, identifier, externalId: null }
        await tables.accounts.insert(identifier, person, office.now())
      }
    })
    for (const identifier of names) {
      await setPassword(identifier)
    }
    expect(await force({ className: '6e A' })).toMatchObject({ forced: 452 })
    expect(await forcedInAudit()).toHaveLength(452)
  })
})

describe('the state of passwords', () => {
  const statesOf = async (selection: Selection = {}) => {
    const found = new Map<string, StandingOf>()
    const counts = await passwordStates(deps, selection, (one) => {
      found.set(one.account.identifier, one)
    })
    return { counts, found }
  }

  it('is counted by user type, each person in one state', async () => {
    const { counts } = await statesOf()
    expect(counts.student).toEqual({
      none: 1,
      initial: 1,
      temporary: 1,
      lapsed: 0,
      personal: 2,
      must_change: 1,
      expired: 0,
      void: 1,
      older: 3,
      all: 7,
    })
    expect(counts.teacher).toMatchObject({ personal: 1, older: 0, all: 1 })
    expect(counts.guardian.all).toBe(0)
  })

  it('is told of each, with since when, where that is known', async () => {
    const at = office.now()
    await setPolicies({
      passwords: { force_change_at_expiration: true, max_lifetime_days: 90, rules_version: 2 },
    })
    office.later(100 * DAY_MS)
    const { found } = await statesOf({ userType: 'student' })
    const facts = [...found].map(([who, { state, since, older }]) => [who, state, since, older])
    expect(facts.sort()).toEqual([
      ['asked', 'must_change', null, true],
      ['initial', 'lapsed', at + 30 * DAY_MS, false],
      ['none', 'none', null, false],
      ['old', 'expired', at + 90 * DAY_MS, true],
      ['own', 'expired', at + 90 * DAY_MS, false],
      ['temporary', 'lapsed', at + 30 * DAY_MS, false],
      ['void', 'void', at, true],
    ])
    const own = await office.person('own')
    const { student } = await deps.store.policies.current()
    expect(await passwordStanding(deps, own, student)).toEqual({
      state: 'expired',
      since: at + 90 * DAY_MS,
    })
  })

  it('minds the holidays of the establishment', async () => {
    const at = office.now()
    await setPolicies({ passwords: { force_change_at_expiration: true, max_lifetime_days: 90 } })
    const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
    const end = at + 90 * DAY_MS
    await deps.store.calendars.save({
      establishment: '0440001A',
      atMs: at,
      by: BY,
      days: [[day(end - DAY_MS), day(end + 5 * DAY_MS)]],
    })
    office.later(93 * DAY_MS)
    const { student } = await deps.store.policies.current()
    const own = await office.person('own')
    expect((await statesOf()).found.get('own')?.state).toBe('personal')
    expect(await passwordStanding(deps, own, student)).toMatchObject({ state: 'personal' })
    office.later(7 * DAY_MS)
    expect((await statesOf()).found.get('own')?.state).toBe('expired')
    expect((await passwordStanding(deps, own, student)).since).toBe(
      (await statesOf()).found.get('own')?.since,
    )
  })
})
