import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ACCOUNT_FAILURES_MAX,
  admit,
  DELAY_MAX_MS,
  delayAfter,
  FADE_MS,
  type FailuresAround,
  FIRST_DELAY_MS,
  FREE_TRIES,
  liveFailures,
  NETWORK_FAILURES_MAX,
  NETWORK_PACE_MS,
  NETWORK_WINDOW_MS,
  PIN_TRIES_CAP,
  PIN_TRIES_DEFAULT,
  type PlaceTries,
  pinBlocked,
} from '../../policies/lockout.ts'

const NOW = 1_760_000_000_000
const quiet: FailuresAround = { account: 0, network: 0, networkLastAt: null }
const fresh: PlaceTries = { failures: 0, lastFailedAt: null, everSucceeded: false }
const failed = (failures: number, agoMs = 0): PlaceTries => ({
  failures,
  lastFailedAt: NOW - agoMs,
  everSucceeded: false,
})

/** What a store does: a try that is let in fails, is counted and dated; another leaves no trace. */
function tryWrongly(tries: PlaceTries, nowMs: number): PlaceTries | undefined {
  if (!admit(tries, quiet, nowMs).admitted) return undefined
  return { ...tries, failures: liveFailures(tries, nowMs) + 1, lastFailedAt: nowMs }
}

function timesLetIn(knocks: readonly number[]): number[] {
  let tries = fresh
  return knocks.filter((nowMs) => {
    const after = tryWrongly(tries, nowMs)
    tries = after ?? tries
    return after !== undefined
  })
}

const mostInOneDay = (times: readonly number[]) =>
  Math.max(
    0,
    ...times.map((start) => times.filter((t) => t >= start && t < start + FADE_MS).length),
  )

describe('the delay after wrong passwords', () => {
  it('does not trouble somebody who mistypes four times', () => {
    expect([0, 1, 2, 3, 4].map(delayAfter)).toEqual([0, 0, 0, 0, 0])
  })

  it('is more than a minute at the fifth, doubles, and stays at two hours', () => {
    expect(delayAfter(FREE_TRIES)).toBe(FIRST_DELAY_MS)
    expect(FIRST_DELAY_MS).toBeGreaterThan(60_000)
    expect([6, 7, 8, 9, 10, 11].map((n) => delayAfter(n) / FIRST_DELAY_MS)).toEqual([
      2, 4, 8, 16, 32, 64,
    ])
    expect([12, 13, 99, 5000].map(delayAfter)).toEqual(Array(4).fill(DELAY_MAX_MS))
    expect(DELAY_MAX_MS).toBe(2 * 60 * 60 * 1000)
  })

  it('never gets shorter as failures add up', () => {
    fc.assert(
      fc.property(fc.nat(3000), (failures) => {
        expect(delayAfter(failures + 1)).toBeGreaterThanOrEqual(delayAfter(failures))
      }),
    )
  })
})

describe('who may try', () => {
  it('lets a first try in', () => {
    expect(admit(fresh, quiet, NOW)).toEqual({ admitted: true })
  })

  it('says until when the fifth failure makes one wait, and lets in at that very moment', () => {
    const until = NOW + FIRST_DELAY_MS
    expect(admit(failed(5), { ...quiet, account: 5 }, NOW)).toEqual({
      admitted: false,
      until,
      why: 'delayed',
    })
    expect(admit(failed(5), { ...quiet, account: 5 }, until - 1)).toEqual({
      admitted: false,
      until,
      why: 'delayed',
    })
    expect(admit(failed(5), { ...quiet, account: 5 }, until)).toEqual({ admitted: true })
  })

  it('forgets failures when the last is a day old, not before', () => {
    expect(liveFailures(failed(40, FADE_MS - 1), NOW)).toBe(40)
    expect(liveFailures(failed(40, FADE_MS), NOW)).toBe(0)
    expect(liveFailures({ failures: 40, lastFailedAt: null }, NOW)).toBe(0)
  })

  it('refuses strangers after a hundred failures of the account, for a day at most', () => {
    expect(admit(fresh, { ...quiet, account: ACCOUNT_FAILURES_MAX - 1 }, NOW)).toEqual({
      admitted: true,
    })
    expect(admit(fresh, { ...quiet, account: ACCOUNT_FAILURES_MAX }, NOW)).toEqual({
      admitted: false,
      until: NOW + FADE_MS,
      why: 'account_refused',
    })
  })

  it('lets strangers on a network in one by one after a thousand failures there', () => {
    const below = { account: 0, network: NETWORK_FAILURES_MAX - 1, networkLastAt: NOW }
    expect(admit(fresh, below, NOW)).toEqual({ admitted: true })
    const paced = { ...below, network: NETWORK_FAILURES_MAX }
    const until = NOW + NETWORK_PACE_MS
    const refused = { admitted: false, until, why: 'network_refused' }
    expect(admit(fresh, paced, NOW)).toEqual(refused)
    expect(admit(fresh, paced, until - 1)).toEqual(refused)
    expect(admit(fresh, paced, until)).toEqual({ admitted: true })
  })

  it('delays a stranger who has the turn of the network like anybody else', () => {
    const paced = { account: 5, network: NETWORK_FAILURES_MAX, networkLastAt: NOW }
    expect(admit(failed(5), paced, NOW + NETWORK_PACE_MS)).toEqual({
      admitted: false,
      until: NOW + FIRST_DELAY_MS,
      why: 'delayed',
    })
  })

  it('never shuts a person out of where they signed in before because of what others do', () => {
    const home = { ...fresh, everSucceeded: true }
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), (account, network) => {
        expect(admit(home, { account, network, networkLastAt: NOW }, NOW)).toEqual({
          admitted: true,
        })
      }),
    )
  })

  it('still delays guesses made where the person signed in before', () => {
    const home = { ...failed(9), everSucceeded: true }
    expect(admit(home, { account: 500, network: 5000, networkLastAt: NOW }, NOW)).toMatchObject({
      admitted: false,
      why: 'delayed',
    })
  })
})

describe('a persistent attacker at one place', () => {
  it('gets 22 tries on the first day when knocking every second', () => {
    const everySecond = Array.from({ length: FADE_MS / 1000 }, (_, second) => NOW + second * 1000)
    const tries = timesLetIn(everySecond)
    expect(tries).toHaveLength(22)
    expect(tries.slice(0, FREE_TRIES)).toEqual(everySecond.slice(0, FREE_TRIES))
  })

  it('gets fewer than 25 in any 24 hours, whatever the pace', () => {
    const gap = fc.oneof(fc.nat(5_000), fc.nat(DELAY_MAX_MS), fc.nat(FADE_MS + 5_000))
    fc.assert(
      fc.property(fc.array(gap, { maxLength: 200, size: 'max' }), (gaps) => {
        let nowMs = NOW
        const knocks = gaps.map((ms) => {
          nowMs += ms
          return nowMs
        })
        expect(mostInOneDay(timesLetIn(knocks))).toBeLessThan(25)
      }),
    )
  })

  it('gets fewer than 25 in any 24 hours of a week of the quickest knocking', () => {
    const everyMinute = Array.from({ length: 7 * 24 * 60 }, (_, minute) => NOW + minute * 60_000)
    expect(mostInOneDay(timesLetIn(everyMinute))).toBeLessThan(25)
  })
})

describe('somebody who tries one password on everybody from one network', () => {
  it('gets a thousand at once and 1,800 an hour from then on, however often they post', () => {
    const counted: number[] = []
    const inLastHour = (nowMs: number) =>
      counted.slice(-3 * NETWORK_FAILURES_MAX).filter((at) => at > nowMs - NETWORK_WINDOW_MS).length
    const post = (nowMs: number) => {
      const networkLastAt = counted.at(-1) ?? null
      const around = { account: 0, network: inLastHour(nowMs), networkLastAt }
      if (admit(fresh, around, nowMs).admitted) counted.push(nowMs)
    }
    for (let time = 0; time < 2 * NETWORK_FAILURES_MAX; time += 1) post(NOW)
    expect(counted).toHaveLength(NETWORK_FAILURES_MAX)
    const hours = [1, 2, 3].map((hour) => {
      const before = counted.length
      const start = NOW + (hour - 1) * NETWORK_WINDOW_MS
      for (let ms = 1_000; ms <= NETWORK_WINDOW_MS; ms += 1_000) post(start + ms)
      return counted.length - before
    })
    expect(hours).toEqual([1_800, 1_800, 1_800])
  })
})

describe('wrong PINs', () => {
  it('block at the third unless the policy allows more', () => {
    expect([2, 3, 4].map((failures) => pinBlocked(failures))).toEqual([false, true, true])
    expect(PIN_TRIES_DEFAULT).toBe(3)
    expect([4, 5].map((failures) => pinBlocked(failures, 5))).toEqual([false, true])
  })

  it('block at the tenth whatever a policy says, and never before the first', () => {
    expect([9, 10].map((failures) => pinBlocked(failures, 1000))).toEqual([false, true])
    expect(PIN_TRIES_CAP).toBe(10)
    expect([0, 1].map((failures) => pinBlocked(failures, 0))).toEqual([false, true])
  })
})
