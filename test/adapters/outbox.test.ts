import { expect, it } from 'vitest'
import type { OutboxItem } from '../../accounts/ports.ts'
import { NOW } from './record.ts'
import { startChild } from './second_process.ts'
import { temporaryFolder, temporaryStore } from './temporary.ts'

const MINUTE_MS = 60_000
const LEASE_MS = 2 * MINUTE_MS

const item = (id: string, more: Partial<OutboxItem> = {}): Omit<OutboxItem, 'attempts'> => ({
  id,
  kind: 'mail',
  sealed: `v1.k1.${id}`,
  createdAt: NOW,
  ...more,
})

const idsOf = (items: readonly OutboxItem[]): string[] => items.map(({ id }) => id)

it('what is queued comes out as it went in, oldest first, and not before its time', async () => {
  const { store } = await temporaryStore()
  const { outbox } = store
  await outbox.add(item('b'), 1)
  await outbox.add(item('a', { createdAt: NOW + 1 }), 1)
  expect(await outbox.take('mail', NOW - 1, LEASE_MS, 10)).toEqual([])
  expect(await outbox.take('mail', NOW + 1, LEASE_MS, 10)).toEqual([
    { ...item('b'), attempts: 1 },
    { ...item('a', { createdAt: NOW + 1 }), attempts: 1 },
  ])
})

it('what is urgent comes first, however much was queued before it, and oldest first as well', async () => {
  const { store } = await temporaryStore()
  const { outbox } = store
  await outbox.add(item('c'), 1)
  await outbox.add(item('b', { createdAt: NOW + 2 }), 0)
  await outbox.add(item('a', { createdAt: NOW + 1 }), 0)
  // Not yet due: it does not keep others waiting.
  await outbox.add(item('d', { createdAt: NOW + LEASE_MS }), 0)
  expect(idsOf(await outbox.take('mail', NOW + 2, LEASE_MS, 1))).toEqual(['b'])
  expect(idsOf(await outbox.take('mail', NOW + 2, LEASE_MS, 10))).toEqual(['a', 'c'])
})

it('mails and logout calls are taken each for themselves', async () => {
  const { store } = await temporaryStore()
  const { outbox } = store
  await outbox.add(item('call', { kind: 'logout' }), 0)
  await outbox.add(item('letter'), 1)
  expect(idsOf(await outbox.take('mail', NOW, LEASE_MS, 10))).toEqual(['letter'])
  expect(await outbox.take('logout', NOW, LEASE_MS, 10)).toEqual([
    { ...item('call', { kind: 'logout' }), attempts: 1 },
  ])
})

it('no more is taken than was asked for', async () => {
  const { store } = await temporaryStore()
  for (const id of ['a', 'b', 'c']) {
    await store.outbox.add(item(id), 1)
  }
  expect(idsOf(await store.outbox.take('mail', NOW, LEASE_MS, 2))).toEqual(['a', 'b'])
  expect(idsOf(await store.outbox.take('mail', NOW, LEASE_MS, 2))).toEqual(['c'])
})

it('what was taken is nobody else’s until the lease ends, and then everybody’s', async () => {
  const { store } = await temporaryStore()
  await store.outbox.add(item('a'), 1)
  await store.outbox.take('mail', NOW, LEASE_MS, 1)
  expect(await store.outbox.take('mail', NOW + LEASE_MS - 1, LEASE_MS, 1)).toEqual([])
  expect(await store.outbox.take('mail', NOW + LEASE_MS, LEASE_MS, 1)).toEqual([
    { ...item('a'), attempts: 2 },
  ])
})

it('what is postponed comes back at that time, and what is removed never', async () => {
  const { store } = await temporaryStore()
  const { outbox } = store
  const dueAt = NOW + 8 * MINUTE_MS
  await outbox.add(item('later'), 1)
  await outbox.add(item('sent'), 1)
  await outbox.take('mail', NOW, LEASE_MS, 2)
  expect(await outbox.postpone({ id: 'later', attempts: 1 }, dueAt)).toBe(true)
  expect(await outbox.remove({ id: 'sent', attempts: 1 })).toBe(true)
  expect(await outbox.take('mail', dueAt - 1, LEASE_MS, 10)).toEqual([])
  expect(idsOf(await outbox.take('mail', dueAt, LEASE_MS, 10))).toEqual(['later'])
})

it('whoever was slower than their lease changes nothing of what somebody else has taken', async () => {
  const { store } = await temporaryStore()
  const { outbox } = store
  await outbox.add(item('a'), 1)
  const [slow = expect.fail()] = await outbox.take('mail', NOW, LEASE_MS, 1)
  const [next = expect.fail()] = await outbox.take('mail', NOW + LEASE_MS, LEASE_MS, 1)
  expect(await outbox.postpone(slow, NOW)).toBe(false)
  expect(await outbox.remove(slow)).toBe(false)
  // Still theirs: neither gone nor due before their lease ends.
  expect(await outbox.take('mail', NOW + 2 * LEASE_MS - 1, LEASE_MS, 1)).toEqual([])
  expect(await outbox.remove(next)).toBe(true)
  expect(await outbox.remove(next)).toBe(false)
  expect(await outbox.take('mail', NOW + 2 * LEASE_MS, LEASE_MS, 1)).toEqual([])
})

it('an act that is taken back has told nothing', async () => {
  const { store } = await temporaryStore()
  const act = store.transact(async (tables) => {
    await tables.outbox.add(item('a'), 1)
    throw new Error('taken back')
  })
  await expect(act).rejects.toThrow('taken back')
  expect(await store.outbox.take('mail', NOW, LEASE_MS, 1)).toEqual([])
})

it('of two processes that take at the same time each item is one’s', async () => {
  const COUNT = 60
  const dataFolder = temporaryFolder()
  const { store } = await temporaryStore({ dataFolder })
  await store.transact(async ({ outbox }) => {
    for (let index = 0; index < COUNT; index += 1) {
      await outbox.add(item(String(index)), 1)
    }
  })
  const child = await startChild(dataFolder, 'take', COUNT)
  child.go()
  const mine: string[] = []
  for (let index = 0; index < COUNT; index += 1) {
    mine.push(...idsOf(await store.outbox.take('mail', NOW, LEASE_MS, 1)))
  }
  await child.ended
  const theirs = child.said.filter((line) => line !== 'nothing')
  const all = [...mine, ...theirs]
  expect(all).toHaveLength(COUNT)
  expect(new Set(all).size).toBe(COUNT)
})
