import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { repeat } from '../../provider/repeat.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('what is repeated never overlaps itself, however long it takes', async () => {
  const ends: (() => void)[] = []
  const running = repeat(1_000, () => new Promise((resolve) => ends.push(resolve)))
  await vi.advanceTimersByTimeAsync(10_000)
  expect(ends).toHaveLength(1)
  ends[0]?.()
  await vi.advanceTimersByTimeAsync(999)
  expect(ends).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(ends).toHaveLength(2)
  running.stop()
})

it('what is stopped runs no more, in the middle of a run neither', async () => {
  const ends: (() => void)[] = []
  const running = repeat(1_000, () => new Promise((resolve) => ends.push(resolve)))
  await vi.advanceTimersByTimeAsync(1_000)
  running.stop()
  ends[0]?.()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(ends).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})
