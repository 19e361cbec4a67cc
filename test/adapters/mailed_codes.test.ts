import { describe, expect, it } from 'vitest'
import type { MailedCodes } from '../../accounts/ports.ts'
import { NOW } from './record.ts'
import { temporaryStore } from './temporary.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LIMITS = [
  { most: 3, withinMs: 15 * MINUTE },
  { most: 10, withinMs: 24 * HOUR },
]
const TRIES = 5

type Code = Parameters<MailedCodes['add']>[0]

const code = (id: string, more: Partial<Code> = {}): Code => ({
  id,
  sub: 'lea',
  purpose: 'pin_reset',
  boundTo: `flow of ${id}`,
  codeHash: `hash of ${id}`,
  atMs: NOW,
  expiresAt: NOW + 10 * MINUTE,
  ...more,
})

const opened = async () => {
  const { store, purge } = await temporaryStore()
  const { mailedCodes } = store
  return {
    store,
    purge,
    mailedCodes,
    add: (id: string, more: Partial<Code> = {}) => mailedCodes.add(code(id, more), LIMITS),
    tryOnce: (id: string, atMs = NOW, boundTo = `flow of ${id}`) =>
      mailedCodes.tryOnce(id, boundTo, TRIES, atMs),
  }
}

describe('a mailed code', () => {
  it('is given out to be compared with five times, however many try at once', async () => {
    const { add, tryOnce } = await opened()
    await add('a')
    const given = await Promise.all(Array.from({ length: 20 }, () => tryOnce('a')))
    expect(given.filter((hash) => hash === 'hash of a')).toHaveLength(TRIES)
    expect(given.filter((hash) => hash === null)).toHaveLength(15)
  })

  it('is given out to its own flow only, and costs no try elsewhere', async () => {
    const { add, tryOnce } = await opened()
    await add('a')
    for (let tried = 0; tried < 10; tried += 1) {
      expect(await tryOnce('a', NOW, 'flow of b')).toBe(null)
    }
    expect(await tryOnce('a')).toBe('hash of a')
    expect(await tryOnce('unknown')).toBe(null)
  })

  it('is over after its time', async () => {
    const { add, tryOnce } = await opened()
    await add('a')
    expect(await tryOnce('a', NOW + 10 * MINUTE - 1)).toBe('hash of a')
    expect(await tryOnce('a', NOW + 10 * MINUTE)).toBe(null)
  })

  it('is ended by exactly one of twenty, and then by nobody', async () => {
    const { add, tryOnce, mailedCodes } = await opened()
    await add('a')
    const ended = await Promise.all(Array.from({ length: 20 }, () => mailedCodes.end('a')))
    expect(ended.filter(Boolean)).toHaveLength(1)
    expect(await mailedCodes.end('a')).toBe(false)
    expect(await tryOnce('a')).toBe(null)
  })

  it('gives way to a newer one of its flow, and to no other', async () => {
    const { add, tryOnce } = await opened()
    await add('old', { boundTo: 'flow' })
    await add('elsewhere', { boundTo: 'other flow' })
    await add('new', { boundTo: 'flow' })
    expect(await tryOnce('old', NOW, 'flow')).toBe(null)
    expect(await tryOnce('new', NOW, 'flow')).toBe('hash of new')
    expect(await tryOnce('elsewhere', NOW, 'other flow')).toBe('hash of elsewhere')
  })

  it('is known as the live one of its flow until it is over, used up or right', async () => {
    const { add, tryOnce, mailedCodes } = await opened()
    const flow = { sub: 'lea', purpose: 'pin_reset', boundTo: 'flow' } as const
    const live = (nowMs = NOW) => mailedCodes.live(flow, TRIES, nowMs)
    expect(await live()).toBe(null)
    await add('old', { boundTo: 'flow' })
    await add('new', { boundTo: 'flow', atMs: NOW + 1 })
    expect(await live()).toEqual({ id: 'new', atMs: NOW + 1 })
    expect(await live(NOW + 10 * MINUTE)).toBe(null)
    for (let tried = 0; tried < TRIES; tried += 1) {
      await tryOnce('new', NOW, 'flow')
    }
    expect(await live()).toBe(null)
    await add('third', { boundTo: 'flow' })
    await mailedCodes.end('third')
    expect(await live()).toBe(null)
  })
})

describe('mailed codes of one account', () => {
  it('are at most three in a quarter of an hour', async () => {
    const { add, mailedCodes, tryOnce } = await opened()
    for (const id of ['a', 'b', 'c']) {
      expect(await mailedCodes.isFull('lea', 'pin_reset', LIMITS, NOW)).toBe(false)
      expect(await add(id)).toBe(true)
    }
    expect(await mailedCodes.isFull('lea', 'pin_reset', LIMITS, NOW)).toBe(true)
    expect(await add('d', { boundTo: 'flow of c' })).toBe(false)
    expect(await tryOnce('d', NOW, 'flow of c')).toBe(null)
    expect(await tryOnce('c')).toBe('hash of c') // What could not be replaced stays good.
    const later = NOW + 15 * MINUTE
    expect(await add('d', { atMs: later - 1 })).toBe(false)
    expect(await add('d', { atMs: later })).toBe(true)
  })

  it('are at most three of twenty that are asked for at once', async () => {
    const { store } = await opened()
    const added = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.transact(({ mailedCodes }) => mailedCodes.add(code(`code ${index}`), LIMITS)),
      ),
    )
    expect(added.filter(Boolean)).toHaveLength(3)
  })

  it('are at most ten in a day', async () => {
    const { add } = await opened()
    for (let hour = 0; hour < 10; hour += 1) {
      expect(await add(`code ${hour}`, { atMs: NOW + hour * HOUR })).toBe(true)
    }
    expect(await add('one more', { atMs: NOW + 24 * HOUR - 1 })).toBe(false)
    expect(await add('one more', { atMs: NOW + 24 * HOUR })).toBe(true)
  })

  it('are counted apart for each purpose and each person', async () => {
    const { add } = await opened()
    for (const id of ['a', 'b', 'c']) {
      await add(id)
    }
    expect(await add('for the address', { purpose: 'address' })).toBe(true)
    expect(await add('for noe', { sub: 'noe' })).toBe(true)
  })

  it('are forgotten after two days', async () => {
    const { add, purge, tryOnce } = await opened()
    await add('a', { expiresAt: NOW + 99 * HOUR })
    expect(await purge(NOW + 48 * HOUR - 1)).toBe(0)
    expect(await tryOnce('a')).toBe('hash of a')
    expect(await purge(NOW + 48 * HOUR)).toBe(1)
    expect(await tryOnce('a')).toBe(null)
  })
})
