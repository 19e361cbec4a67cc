import { describe, expect, it } from 'vitest'
import type { PasswordRecord } from '../../accounts/account.ts'
import type { PasswordBatches, Store } from '../../accounts/ports.ts'
import { NOW, person } from './record.ts'
import { temporaryStore } from './temporary.ts'

const HOUR_MS = 3_600_000
const LONG_AGO = NOW - 100 * 24 * HOUR_MS

const own = (sub: string, more: Partial<PasswordRecord> = {}): PasswordRecord => ({
  sealed: `own of ${sub}`,
  origin: 'personal',
  setAt: LONG_AGO,
  rulesVersion: 3,
  mustChange: true,
  voidedAt: null,
  batchId: null,
  ...more,
})

/** What the batch gives somebody. */
const given = (sub: string, batchId: string, setAt = NOW): PasswordRecord => ({
  sealed: `${batchId} for ${sub}`,
  origin: 'temporary',
  setAt,
  rulesVersion: 0,
  mustChange: false,
  voidedAt: null,
  batchId,
})

const SUBS = ['adam', 'basma', 'chloé', 'david', 'emma']

/** Five people; all but emma, who is new, have a password of their own. */
const open = async () => {
  const opened = await temporaryStore()
  const { store } = opened
  for (const sub of SUBS) {
    await store.accounts.insert(sub, person(sub), NOW)
    if (sub !== 'emma') {
      await store.accounts.setPassword(sub, own(sub))
    }
  }
  return { store, batches: store.passwordBatches }
}

const prepared = async (batches: PasswordBatches, id: string, subs = SUBS, atMs = NOW) => {
  await batches.begin({ id, atMs, by: 'cli:root', selection: 'all' })
  await batches.prepare(
    id,
    subs.map((sub) => ({ sub, sealed: `${id} for ${sub}` })),
  )
}

const inForce = async (batches: PasswordBatches, id: string, subs = SUBS, atMs = NOW) => {
  await prepared(batches, id, subs, atMs)
  expect(await batches.enter(id, atMs)).toBe('ok')
  await batches.enterNext(id, atMs, 100)
  expect(await stateOf(batches, id)).toBe('in_force')
}

const takenBack = async (batches: PasswordBatches, id: string) => {
  expect(await batches.leave(id, NOW)).toBe('ok')
  await batches.leaveNext(id, NOW, 100)
  expect(await stateOf(batches, id)).toBe('taken_back')
}

const batchOf = async (batches: PasswordBatches, id: string) =>
  (await batches.list(100)).find((one) => one.id === id)

const stateOf = async (batches: PasswordBatches, id: string) => (await batchOf(batches, id))?.state

const passwordOf = async (store: Store, sub: string) =>
  (await store.accounts.bySub(sub))?.password ?? null

describe('a generation of passwords', () => {
  it('changes nobody while it is prepared, and comes into force some at a time', async () => {
    const { store, batches } = await open()
    await prepared(batches, 'b1', SUBS.slice(0, 2))
    await batches.prepare('b1', [{ sub: 'emma', sealed: 'b1 for emma' }])
    expect(await batchOf(batches, 'b1')).toEqual({
      id: 'b1',
      atMs: NOW,
      by: 'cli:root',
      selection: 'all',
      state: 'prepared',
      firstUsedAt: null,
      size: 3,
    })
    expect(await batches.enterNext('b1', NOW, 100)).toEqual([])
    expect(await passwordOf(store, 'adam')).toEqual(own('adam'))
    expect(await batches.unfinished()).toEqual([])

    expect(await batches.enter('b1', NOW + 5)).toBe('ok')
    expect(await batches.enter('b1', NOW + 6)).toBe('dropped')
    expect((await batches.unfinished()).map(({ id }) => id)).toEqual(['b1'])
    expect(await batches.enterNext('b1', NOW + 10, 2)).toEqual([
      { sub: 'adam', was: own('adam') },
      { sub: 'basma', was: own('basma') },
    ])
    expect(await passwordOf(store, 'adam')).toEqual(given('adam', 'b1', NOW + 10))
    expect(await passwordOf(store, 'emma')).toBeNull()
    expect(await stateOf(batches, 'b1')).toBe('entering')
    expect(await batches.enterNext('b1', NOW + 20, 2)).toEqual([{ sub: 'emma', was: null }])
    expect(await passwordOf(store, 'emma')).toEqual(given('emma', 'b1', NOW + 20))
    expect(await stateOf(batches, 'b1')).toBe('in_force')
    expect(await batches.unfinished()).toEqual([])
    expect(await batches.enterNext('b1', NOW + 30, 2)).toEqual([])
    expect(await passwordOf(store, 'david')).toEqual(own('david'))
  })

  it('voids what was proved before, and never moves that back', async () => {
    const { store, batches } = await open()
    await store.accounts.voidBefore('basma', NOW + 99)
    await inForce(batches, 'b1')
    expect((await store.accounts.bySub('adam'))?.validAfter).toBe(NOW)
    expect((await store.accounts.bySub('basma'))?.validAfter).toBe(NOW + 99)
  })

  it('comes into force for nobody who is disabled or gone by then', async () => {
    const { store, batches } = await open()
    await prepared(batches, 'b1', [...SUBS, 'nobody'])
    await store.accounts.setDisabled('basma', NOW)
    await batches.enter('b1', NOW)
    const replaced = await batches.enterNext('b1', NOW, 100)
    expect(replaced.map(({ sub }) => sub).sort()).toEqual(['adam', 'chloé', 'david', 'emma'])
    expect(await passwordOf(store, 'basma')).toEqual(own('basma'))
    await takenBack(batches, 'b1')
    expect(await passwordOf(store, 'basma')).toEqual(own('basma'))
  })

  it('takes no more passwords once it is complete', async () => {
    const { batches } = await open()
    await prepared(batches, 'b1', ['adam'])
    await batches.enter('b1', NOW)
    const late = batches.prepare('b1', [{ sub: 'basma', sealed: 'late' }])
    await expect(late).rejects.toThrow('not being prepared')
    expect((await batchOf(batches, 'b1'))?.size).toBe(1)
  })

  it('is completed once by two processes that both do so', async () => {
    const { store, batches } = await open()
    await prepared(batches, 'b1')
    await batches.enter('b1', NOW)
    const parts = await Promise.all(SUBS.map(() => batches.enterNext('b1', NOW, 2)))
    expect(
      parts
        .flat()
        .map(({ sub }) => sub)
        .sort(),
    ).toEqual(SUBS)
    expect(await passwordOf(store, 'david')).toEqual(given('david', 'b1'))
  })
})

describe('a password of a generation', () => {
  it('is noted when it is first used, and once only', async () => {
    const { batches } = await open()
    await prepared(batches, 'b1')
    expect(await batches.use('b1', NOW)).toBe(false)
    await batches.enter('b1', NOW)
    expect(await batches.use('b1', NOW + 1)).toBe(true)
    await batches.enterNext('b1', NOW, 100)
    expect(await batches.use('b1', NOW + 2)).toBe(true)
    expect((await batchOf(batches, 'b1'))?.firstUsedAt).toBe(NOW + 1)
    expect(await batches.use('unknown', NOW)).toBe(false)
  })

  it('serves no more once its generation is being taken back', async () => {
    const { batches } = await open()
    await inForce(batches, 'b1')
    expect(await batches.leave('b1', NOW)).toBe('ok')
    expect(await batches.use('b1', NOW)).toBe(false)
    await batches.leaveNext('b1', NOW, 100)
    expect(await batches.use('b1', NOW)).toBe(false)
  })

  it('and a take-back at the same moment: one of the two is refused', async () => {
    for (let nth = 0; nth < 6; nth += 1) {
      const { batches } = await open()
      await inForce(batches, 'b1')
      const use = () => batches.use('b1', NOW)
      const leave = () => batches.leave('b1', NOW)
      const acts = nth % 2 === 0 ? [use(), leave()] : [leave(), use()]
      const ends = (await Promise.all(acts)).map(String).sort()
      expect([
        ['true', 'used'],
        ['false', 'ok'],
      ]).toContainEqual(ends)
    }
  })
})

describe('a generation that is taken back', () => {
  it('gives everybody exactly what they had, some at a time', async () => {
    const { store, batches } = await open()
    await store.accounts.setPassword('basma', own('basma', { origin: 'initial', voidedAt: 7 }))
    await inForce(batches, 'b1')
    expect(await batches.leave('b1', NOW)).toBe('ok')
    expect((await batches.unfinished()).map(({ state }) => state)).toEqual(['leaving'])
    const first = await batches.leaveNext('b1', NOW, 2)
    expect(first).toEqual([
      { sub: 'adam', was: own('adam') },
      { sub: 'basma', was: own('basma', { origin: 'initial', voidedAt: 7 }) },
    ])
    const rest = await batches.leaveNext('b1', NOW, 100)
    expect(rest.map(({ sub }) => sub).sort()).toEqual(['chloé', 'david', 'emma'])
    expect(await stateOf(batches, 'b1')).toBe('taken_back')
    for (const sub of ['adam', 'chloé', 'david']) {
      expect(await passwordOf(store, sub)).toEqual(own(sub))
    }
    expect(await passwordOf(store, 'emma')).toBeNull()
    // What was void before stays void.
    expect((await store.accounts.bySub('adam'))?.validAfter).toBe(NOW)
  })

  it('leaves alone what somebody, or another generation, has set since', async () => {
    const { store, batches } = await open()
    await inForce(batches, 'b1')
    await store.accounts.setPassword('adam', own('adam', { sealed: 'chosen since' }))
    await inForce(batches, 'b2', ['basma'])
    expect(await batches.leave('b1', NOW)).toBe('ok')
    const back = await batches.leaveNext('b1', NOW, 100)
    expect(back.map(({ sub }) => sub).sort()).toEqual(['chloé', 'david', 'emma'])
    expect((await passwordOf(store, 'adam'))?.sealed).toBe('chosen since')
    expect(await passwordOf(store, 'basma')).toEqual(given('basma', 'b2'))
  })

  it('leaves void what was voided since for suspected theft', async () => {
    const { store, batches } = await open()
    await inForce(batches, 'b1')
    await store.accounts.voidPassword('adam', NOW + 1)
    await takenBack(batches, 'b1')
    expect(await passwordOf(store, 'adam')).toEqual({
      ...given('adam', 'b1'),
      voidedAt: NOW + 1,
    })
  })

  it('is passed over by a later one that is taken back after it', async () => {
    const { store, batches } = await open()
    await inForce(batches, 'b1')
    await inForce(batches, 'b2')
    await takenBack(batches, 'b1')
    expect(await passwordOf(store, 'adam')).toEqual(given('adam', 'b2'))
    await takenBack(batches, 'b2')
    expect(await passwordOf(store, 'adam')).toEqual(own('adam'))
    expect(await passwordOf(store, 'emma')).toBeNull()
  })

  it('before the one that it replaced: each gives back one step', async () => {
    const { store, batches } = await open()
    await inForce(batches, 'b1', SUBS, NOW - HOUR_MS)
    await inForce(batches, 'b2')
    await takenBack(batches, 'b2')
    expect(await passwordOf(store, 'adam')).toEqual(given('adam', 'b1', NOW - HOUR_MS))
    expect(await batches.use('b1', NOW)).toBe(true)
  })

  it('says why it cannot be', async () => {
    const { batches } = await open()
    expect(await batches.leave('b1', NOW)).toBe('unknown')
    await prepared(batches, 'b1')
    expect(await batches.leave('b1', NOW)).toBe('not_in_force')
    await batches.enter('b1', NOW)
    expect(await batches.leave('b1', NOW)).toBe('not_in_force')
    await batches.enterNext('b1', NOW, 100)
    await takenBack(batches, 'b1')
    expect(await batches.leave('b1', NOW)).toBe('not_in_force')
    await inForce(batches, 'b2')
    await batches.use('b2', NOW)
    expect(await batches.leave('b2', NOW)).toBe('used')
  })
})

describe('the purge of generations', () => {
  const before = { preparedMs: NOW - HOUR_MS, oldMs: NOW - 90 * 24 * HOUR_MS }

  it('forgets what was never completed, and lets nobody complete it then', async () => {
    const { batches } = await open()
    await prepared(batches, 'old', ['adam', 'basma'], NOW - 2 * HOUR_MS)
    await prepared(batches, 'new', ['adam'])
    expect(await batches.purge(before)).toBe(2)
    expect((await batches.list(10)).map(({ id }) => id)).toEqual(['new'])
    expect(await batches.enter('old', NOW)).toBe('dropped')
    await expect(batches.prepare('old', [{ sub: 'emma', sealed: 'late' }])).rejects.toThrow()
    expect(await batches.enter('new', NOW)).toBe('ok')
  })

  it('forgets what was replaced once a password was used, after 90 days, or once it is given back', async () => {
    const { store, batches } = await open()
    await inForce(batches, 'old', ['adam'], LONG_AGO)
    await inForce(batches, 'used', ['basma'])
    await batches.use('used', NOW)
    await inForce(batches, 'back', ['chloé'])
    await takenBack(batches, 'back')
    await inForce(batches, 'kept', ['david'])
    expect(await batches.purge(before)).toBe(3)
    expect(await batches.purge(before)).toBe(0)
    expect(await batches.leave('old', NOW)).toBe('forgotten')
    expect(await batches.leave('used', NOW)).toBe('used')
    expect(await passwordOf(store, 'adam')).toEqual(given('adam', 'old', LONG_AGO))
    expect(await batches.use('old', NOW)).toBe(true)
    await takenBack(batches, 'kept')
    expect(await passwordOf(store, 'david')).toEqual(own('david'))
  })

  it('forgets nothing of one that is on its way', async () => {
    const { store, batches } = await open()
    await inForce(batches, 'leaving', ['adam'], LONG_AGO)
    expect(await batches.leave('leaving', LONG_AGO)).toBe('ok')
    await prepared(batches, 'entering', ['basma'], LONG_AGO)
    await batches.enter('entering', LONG_AGO)
    await batches.use('entering', LONG_AGO)
    expect(await batches.purge(before)).toBe(0)
    await batches.leaveNext('leaving', NOW, 100)
    await batches.enterNext('entering', NOW, 100)
    expect(await passwordOf(store, 'adam')).toEqual(own('adam'))
    expect(await passwordOf(store, 'basma')).toEqual(given('basma', 'entering'))
  })

  it('works through more than fits into one piece', async () => {
    const { store, batches } = await open()
    const subs = Array.from({ length: 1_100 }, (_, nth) => `pupil ${String(nth).padStart(4, '0')}`)
    for (const sub of subs.slice(0, 3)) {
      await store.accounts.insert(sub, person(sub), NOW)
    }
    await prepared(batches, 'b1', subs.slice(0, 1000), NOW - 2 * HOUR_MS)
    await batches.prepare(
      'b1',
      subs.slice(1000).map((sub) => ({ sub, sealed: sub })),
    )
    expect((await batchOf(batches, 'b1'))?.size).toBe(1_100)
    expect(await batches.purge(before)).toBe(1_100)
    expect(await batches.list(10)).toEqual([])
  })
})
