import { describe, expect, it } from 'vitest'
import type { Person } from '../../accounts/account.ts'
import type { HolidayDays, Store } from '../../accounts/ports.ts'
import type { OpenedStore } from '../../adapters/open.ts'
import { NOW, person } from './record.ts'
import { temporaryStore } from './temporary.ts'

const own = {
  sealed: 'x',
  origin: 'personal',
  setAt: NOW,
  rulesVersion: 1,
  mustChange: false,
  voidedAt: null,
  batchId: null,
} as const

/** Adds people who have a password of their own. */
const add = async (
  { store }: OpenedStore,
  sub: string,
  more: Partial<Person> & { password?: object | null } = {},
): Promise<void> => {
  const { password = {}, ...about } = more
  await store.accounts.insert(sub, person(sub, about), NOW)
  if (password !== null) {
    await store.accounts.setPassword(sub, { ...own, ...password })
  }
}

const stateOf = async (store: Store, sub: string) =>
  (await store.accounts.bySub(sub))?.password?.mustChange

describe('a change that is asked for', () => {
  it('concerns passwords that are their owners’ own and serve, each once', async () => {
    const opened = await temporaryStore()
    await add(opened, 'own')
    await add(opened, 'other')
    await add(opened, 'none', { password: null })
    await add(opened, 'initial', { password: { origin: 'initial' } })
    await add(opened, 'temporary', { password: { origin: 'temporary' } })
    await add(opened, 'void', { password: { voidedAt: NOW } })
    await add(opened, 'asked', { password: { mustChange: true } })
    const all = ['own', 'none', 'initial', 'temporary', 'void', 'asked', 'nobody']
    const { passwordLists } = opened.store
    expect(await passwordLists.forceChange(all)).toEqual(['own'])
    expect(await passwordLists.forceChange(all)).toEqual([])
    expect(await stateOf(opened.store, 'own')).toBe(true)
    expect(await stateOf(opened.store, 'other')).toBe(false)
    expect(await stateOf(opened.store, 'initial')).toBe(false)
  })
})

describe('reminders of an expiry', () => {
  const query = { userType: 'student', setBeforeMs: NOW, sent: 1 } as const

  const subsOf = async (
    { store }: OpenedStore,
    more: Partial<{ setBeforeMs: number; sent: number }> = {},
    after: string | null = null,
    limit = 10,
  ) =>
    (await store.passwordLists.toRemind({ ...query, ...more }, after, limit)).map(({ sub }) => sub)

  it('are for people of that type whose own password is old enough, and serves', async () => {
    const opened = await temporaryStore()
    await add(opened, 'a')
    await add(opened, 'b', { password: { setAt: NOW - 1 } })
    await add(opened, 'young', { password: { setAt: NOW + 1 } })
    await add(opened, 'teacher', { userType: 'teacher' })
    await add(opened, 'none', { password: null })
    await add(opened, 'initial', { password: { origin: 'initial' } })
    await add(opened, 'void', { password: { voidedAt: NOW } })
    await add(opened, 'asked', { password: { mustChange: true } })
    await add(opened, 'gone')
    await opened.store.accounts.setDisabled('gone', NOW)
    expect(await subsOf(opened)).toEqual(['a', 'b'])
    expect(await subsOf(opened, { setBeforeMs: NOW - 2 })).toEqual([])
  })

  it('come page by page, past any number of people who are not to be reminded', async () => {
    const opened = await temporaryStore()
    const many = Array.from({ length: 2_300 }, (_, index) => String(10_000 + index))
    await opened.store.transact(async (tables) => {
      for (const sub of many) {
        await tables.accounts.insert(sub, person(sub), NOW)
      }
      for (const sub of ['10005', '11500', '12299']) {
        await tables.accounts.setPassword(sub, own)
      }
    })
    expect(await subsOf(opened)).toEqual(['10005', '11500', '12299'])
    expect(await subsOf(opened, {}, null, 2)).toEqual(['10005', '11500'])
    expect(await subsOf(opened, {}, '11500', 2)).toEqual(['12299'])
    expect(await subsOf(opened, {}, '12299', 2)).toEqual([])
  })

  it('are claimed by exactly one caller, a later one too, and never an earlier one after it', async () => {
    const opened = await temporaryStore()
    await add(opened, 'a')
    const { passwordLists } = opened.store
    const claimed = await Promise.all([1, 2, 3].map(() => passwordLists.remind('a', NOW, 1)))
    expect(claimed.filter(Boolean)).toHaveLength(1)
    expect(await subsOf(opened)).toEqual([])
    expect(await subsOf(opened, { sent: 2 })).toEqual(['a'])
    expect(await passwordLists.remind('a', NOW, 2)).toBe(true)
    expect(await passwordLists.remind('a', NOW, 2)).toBe(false)
    expect(await passwordLists.remind('a', NOW, 1)).toBe(false)
    expect(await subsOf(opened, { sent: 2 })).toEqual([])
  })

  it('begin again with a new password', async () => {
    const opened = await temporaryStore()
    await add(opened, 'a')
    const { passwordLists, accounts } = opened.store
    await passwordLists.remind('a', NOW, 2)
    await accounts.setPassword('a', { ...own, setAt: NOW + 5 })
    expect(await subsOf(opened, { setBeforeMs: NOW + 5 })).toEqual(['a'])
    expect(await passwordLists.remind('a', NOW + 5, 1)).toBe(true)
    expect(await subsOf(opened, { setBeforeMs: NOW + 5 })).toEqual([])
  })
})

describe('calendars', () => {
  const calendar = (establishment: string, days: readonly HolidayDays[], by = 'cli:a') => ({
    establishment,
    atMs: NOW,
    by,
    days,
  })

  it('come back as they went in; an establishment has one', async () => {
    const { calendars } = (await temporaryStore()).store
    const first = calendar('0750002B', [['2026-12-19', '2027-01-03']])
    const second = calendar('0750001A', [])
    await calendars.save(first)
    await calendars.save(second)
    expect(await calendars.list()).toEqual([second, first])
    expect(await calendars.find(['0750002B', '0750009Z'])).toEqual([first])
    const replaced = calendar('0750002B', [['2027-02-01', '2027-02-02']], 'cli:b')
    await calendars.save(replaced)
    expect(await calendars.list()).toEqual([second, replaced])
  })

  it('go once', async () => {
    const { calendars } = (await temporaryStore()).store
    await calendars.save(calendar('0750001A', []))
    expect(await calendars.remove('0750001A')).toBe(true)
    expect(await calendars.remove('0750001A')).toBe(false)
    expect(await calendars.list()).toEqual([])
    expect(await calendars.find([])).toEqual([])
  })
})
