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
  await outbox.add(item('b'))
  await outbox.add(item('a', { kind: 'logout', createdAt: NOW + 1 }))
  expect(await outbox.take(NOW - 1, LEASE_MS, 10)).toEqual([])
  expect(await outbox.take(NOW + 1, LEASE_MS, 10)).toEqual([
    { ...item('b'), attempts: 1 },
    { ...item('a', { kind: 'logout', createdAt: NOW + 1 }), attempts: 1 },
  ])
})

it('no more is taken than was asked for', async () => {
  const { store } = await temporaryStore()
  for (const id of ['a', 'b', 'c']) {
    await store.outbox.add(item(id))
  }
  expect(idsOf(await store.outbox.take(NOW, LEASE_MS, 2))).toEqual(['a', 'b'])
  expect(idsOf(await store.outbox.take(NOW, LEASE_MS, 2))).toEqual(['c'])
})

it('what was taken is nobody else’s until the lease ends, and then everybody’s', async () => {
  const { store } = await temporaryStore()
  await store.outbox.add(item('a'))
  await store.outbox.take(NOW, LEASE_MS, 1)
  expect(await store.outbox.take(NOW + LEASE_MS - 1, LEASE_MS, 1)).toEqual([])
  expect(await store.outbox.take(NOW + LEASE_MS, LEASE_MS, 1)).toEqual([
    { ...item('a'), attempts: 2 },
  ])
})

it('what is postponed comes back at that time, and what is removed never', async () => {
  const { store } = await temporaryStore()
  await store.outbox.add(item('later'))
  await store.outbox.add(item('sent'))
  await store.outbox.take(NOW, LEASE_MS, 2)
  await store.outbox.postpone('later', NOW + 8 * MINUTE_MS)
  await store.outbox.remove('sent')
  expect(await store.outbox.take(NOW + 8 * MINUTE_MS - 1, LEASE_MS, 10)).toEqual([])
  expect(idsOf(await store.outbox.take(NOW + 8 * MINUTE_MS, LEASE_MS, 10))).toEqual(['later'])
})

it('an act that is taken back has told nothing', async () => {
  const { store } = await temporaryStore()
  const act = store.transact(async (tables) => {
    await tables.outbox.add(item('a'))
    throw new Error('taken back')
  })
  await expect(act).rejects.toThrow('taken back')
  expect(await store.outbox.take(NOW, LEASE_MS, 1)).toEqual([])
})

it('of two processes that take at the same time each item is one’s', async () => {
  const COUNT = 60
  const dataFolder = temporaryFolder()
  const { store } = await temporaryStore({ dataFolder })
  await store.transact(async ({ outbox }) => {
    for (let index = 0; index < COUNT; index += 1) {
      await outbox.add(item(String(index)))
    }
  })
  const child = await startChild(dataFolder, 'take', COUNT)
  child.go()
  const mine: string[] = []
  for (let index = 0; index < COUNT; index += 1) {
    mine.push(...idsOf(await store.outbox.take(NOW, LEASE_MS, 1)))
  }
  await child.ended
  const theirs = child.said.filter((line) => line !== 'nothing')
  const all = [...mine, ...theirs]
  expect(all).toHaveLength(COUNT)
  expect(new Set(all).size).toBe(COUNT)
})
