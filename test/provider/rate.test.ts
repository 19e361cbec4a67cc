import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRate } from '../../provider/rate.ts'

const HOME = '192.0.2.0/24'

const rateOf = (limits: { perSecond?: number; burst?: number; keysMax?: number } = {}) => {
  const time = { ms: 0 }
  const clock = () => time.ms
  const rate = createRate({ perSecond: 2, burst: 3, keysMax: 2, clock, ...limits })
  return { rate, time }
}

describe('requests of one network', () => {
  it('come all at once up to the burst, then as fast as it fills again', () => {
    const { rate, time } = rateOf()
    expect([1, 2, 3, 4].map(() => rate.take(HOME))).toEqual([0, 0, 0, 1])
    time.ms = 499
    expect(rate.take(HOME)).toBe(1)
    time.ms = 500
    expect([rate.take(HOME), rate.take(HOME)]).toEqual([0, 1])
  })

  it('take nothing from other networks', () => {
    const { rate } = rateOf({ burst: 1 })
    expect([rate.take(HOME), rate.take(HOME), rate.take('2001:db8::/48')]).toEqual([0, 1, 0])
  })

  it('gain nothing by a clock that is set back', () => {
    const { rate, time } = rateOf({ burst: 1 })
    rate.take(HOME)
    time.ms = -60_000
    expect(rate.take(HOME)).toBe(1)
  })

  it('are never more than the burst and what the time gives', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(700), { maxLength: 60 }), (pauses) => {
        const { rate, time } = rateOf()
        const admitted = pauses.filter((pause) => {
          time.ms += pause
          return rate.take(HOME) === 0
        })
        expect(admitted.length).toBeLessThanOrEqual(3 + (time.ms / 1000) * 2)
      }),
    )
  })

  it('find a place once they waited as long as they were told', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(900), { maxLength: 40 }), (pauses) => {
        const { rate, time } = rateOf({ perSecond: 0.3 })
        for (const pause of pauses) {
          time.ms += pause
          const seconds = rate.take(HOME)
          time.ms += seconds * 1000
          if (seconds > 0) expect(rate.take(HOME)).toBe(0)
        }
      }),
    )
  })

  it('are remembered for the networks last heard of, not for every one there ever was', () => {
    const { rate } = rateOf({ burst: 1, keysMax: 2 })
    for (const network of ['a', 'b', 'a', 'c']) rate.take(network)
    expect(rate.take('a')).toBe(1)
    expect(rate.take('b')).toBe(0) // Forgotten: it was the oldest.
  })
})
