import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayAfter, dayAt, dayStart, epochDay, isoDate, weekday } from '../../policies/days.ts'

describe('days', () => {
  const days = fc.integer({ min: 0, max: 130 * 365 })

  it('are counted as calendars count them', () => {
    fc.assert(
      fc.property(days, (count) => {
        const date = dayAfter('1970-01-01', count)
        const iso = new Date(count * 86_400_000)
        expect(date).toBe(iso.toISOString().slice(0, 10))
        expect(epochDay(date)).toBe(count)
        expect(weekday(date) % 7).toBe(iso.getUTCDay())
        const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
        expect(isoDate(year, month, day)).toBe(date)
      }),
    )
    expect([isoDate(2027, 2, 29), isoDate(2028, 2, 29), isoDate(2100, 2, 29)]).toEqual([
      null,
      '2028-02-29',
      null,
    ])
  })

  it('begin when the clocks of their zone say so, whenever clocks change', () => {
    const zones = [
      'Europe/Paris',
      'America/Miquelon',
      'Pacific/Noumea',
      'America/Cayenne',
      'Asia/Beirut',
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 11_000, max: 25_000 }),
        (zone, n) => {
          const date = dayAfter('1970-01-01', n)
          const start = dayStart(date, 0, zone)
          expect(dayAt(zone, start).date).toBe(date)
          expect(dayAt(zone, start - 1).date).toBe(dayAfter(date, -1))
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
