import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holidaysIn } from '../../accounts/calendars.ts'
import { dayAfter, dayAt, weekday } from '../../policies/days.ts'
import {
  type Holiday,
  isLapsed,
  lastMoment,
  passwordState,
  REMINDER_DAYS,
  remindersDue,
} from '../../policies/password_age.ts'
import { DEFAULT_POLICY, type Policy, policySchema } from '../../policies/policy.ts'

const DAY_MS = 24 * 3_600_000
const PARIS = 'Europe/Paris'
const SET_AT = Date.UTC(2026, 0, 10, 9, 30)

const expiring = (days = 365): Policy =>
  policySchema.parse({ passwords: { force_change_at_expiration: true, max_lifetime_days: days } })

const own = { origin: 'personal', setAt: SET_AT, mustChange: false, voidedAt: null } as const

const isIn = (moment: number, { fromMs, toMs }: Holiday): boolean =>
  moment >= fromMs && moment < toMs

/** Set so that it expires just then, but for holidays. */
const dueAt = (moment: number, days = 365) => ({ ...own, setAt: moment - days * DAY_MS })

const christmas = holidaysIn([['2026-12-19', '2027-01-03']], PARIS)
const paris = (iso: string): number => Date.parse(iso)

describe('the last moment of a password', () => {
  it('is none where the policy lets passwords live, or for one that was handed out', () => {
    expect(lastMoment(own, DEFAULT_POLICY, [])).toBeNull()
    for (const origin of ['initial', 'temporary'] as const) {
      expect(lastMoment({ ...own, origin }, expiring(), [])).toBeNull()
    }
  })

  it('is the lifetime after it was set, to the very ms', () => {
    const last = lastMoment(own, expiring(90), [])
    expect(last).toBe(SET_AT + 90 * DAY_MS)
    const at = (nowMs: number) => passwordState(own, expiring(90), [], nowMs)
    expect(at(SET_AT + 90 * DAY_MS - 1)).toBe('personal')
    expect(at(SET_AT + 90 * DAY_MS)).toBe('expired')
  })

  it('is put off from the first to the last ms of a holiday, and at no other', () => {
    const [{ fromMs, toMs } = { fromMs: 0, toMs: 0 }] = christmas
    expect(fromMs).toBe(paris('2026-12-19T00:00:00+01:00'))
    expect(toMs).toBe(paris('2027-01-04T00:00:00+01:00'))
    const last = (moment: number) => lastMoment(dueAt(moment), expiring(), christmas)
    const end = paris('2027-01-05T00:00:00+01:00') - 1
    expect(last(fromMs - 1)).toBe(fromMs - 1)
    expect(last(fromMs)).toBe(end)
    expect(last(toMs - 1)).toBe(end)
    expect(last(toMs)).toBe(toMs)
  })

  it('waits for the end of overlapping, adjoining and nested holidays, in whatever order', () => {
    const days = [
      ['2027-02-10', '2027-02-20'],
      ['2027-02-15', '2027-02-28'],
      ['2027-03-02', '2027-03-02'],
      ['2027-02-12', '2027-02-13'],
    ] as const
    // A Monday that is no holiday lies between the two weeks and the Tuesday.
    const end = paris('2027-03-02T00:00:00+01:00') - 1
    for (const order of [days, [...days].reverse()]) {
      const moment = paris('2027-02-11T12:00:00+01:00')
      expect(lastMoment(dueAt(moment), expiring(), holidaysIn(order, PARIS))).toBe(end)
    }
    const adjoining = holidaysIn([...days, ['2027-03-01', '2027-03-01']], PARIS)
    expect(lastMoment(dueAt(paris('2027-02-11T12:00:00+01:00')), expiring(), adjoining)).toBe(
      paris('2027-03-04T00:00:00+01:00') - 1,
    )
  })

  it('is in the evening of the first day of school, on the days when clocks change too', () => {
    // A Thursday off before the Friday of 24 hours; a Saturday of term does not count.
    const cases = [
      ['2026-10-22', '2026-10-22', '2026-10-23T23:59:59.999+02:00'],
      ['2026-10-17', '2026-10-23', '2026-10-26T23:59:59.999+01:00'],
      ['2027-03-24', '2027-03-28', '2027-03-29T23:59:59.999+02:00'],
    ] as const
    for (const [first, last, end] of cases) {
      const moment = paris(`${first}T12:00:00+01:00`)
      expect(lastMoment(dueAt(moment), expiring(), holidaysIn([[first, last]], PARIS))).toBe(
        paris(end),
      )
    }
    // Sundays with school exist where Friday ends the week; there a day has 23 or 25 hours.
    const long: Holiday = {
      fromMs: paris('2026-10-24T00:00:00+02:00'),
      toMs: paris('2026-10-25T00:00:00+02:00'),
      firstDayEndMs: paris('2026-10-26T00:00:00+01:00'),
    }
    expect(long.firstDayEndMs - long.toMs).toBe(25 * 3_600_000)
    expect(lastMoment(dueAt(long.fromMs), expiring(), [long])).toBe(long.firstDayEndMs - 1)
  })

  const ZONES = [
    'Europe/Paris',
    'America/Miquelon',
    'Pacific/Noumea',
    'Indian/Reunion',
    'Africa/Cairo',
  ]
  const dates = fc.integer({ min: 0, max: 20 * 365 }).map((days) => dayAfter('2020-01-01', days))
  const holidays = fc
    .array(fc.tuple(dates, fc.integer({ min: 0, max: 90 })), { maxLength: 30 })
    .map((all) => all.map(([first, days]) => [first, dayAfter(first, days)] as const))

  it('is never in a holiday, never earlier than without, and in the first days of school after it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        holidays,
        fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) }),
        fc.integer({ min: 90, max: 3650 }),
        (zone, days, moment, lifetime) => {
          const all = holidaysIn(days, zone)
          const last = lastMoment(dueAt(moment, lifetime), expiring(lifetime), all) ?? 0
          expect(all.filter((one) => isIn(last, one))).toEqual([])
          expect(last).toBeGreaterThanOrEqual(moment)
          if (!all.some((one) => isIn(moment, one))) {
            expect(last).toBe(moment)
          } else {
            expect(all.some(({ firstDayEndMs }) => firstDayEndMs - 1 === last)).toBe(true)
            const { date } = dayAt(zone, last)
            expect(weekday(date)).toBeLessThan(6)
            expect(dayAt(zone, last + 1).date).toBe(dayAfter(date, 1))
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('is the same whichever way the holidays are listed', () => {
    fc.assert(
      fc.property(holidays, fc.integer({ min: 0, max: 7_000 }), (days, daysOn) => {
        const password = dueAt(Date.UTC(2020, 0, 1) + daysOn * DAY_MS)
        const last = lastMoment(password, expiring(), holidaysIn(days, PARIS))
        expect(lastMoment(password, expiring(), holidaysIn([...days].reverse(), PARIS))).toBe(last)
      }),
    )
  })
})

describe('reminders', () => {
  const last = Date.UTC(2027, 0, 10)

  it('are due 14 and 3 days before the last moment, to the very ms, and never from it on', () => {
    const due = (before: number) => remindersDue(last, last - before)
    expect(REMINDER_DAYS).toEqual([14, 3])
    expect(due(14 * DAY_MS + 1)).toBe(0)
    expect(due(14 * DAY_MS)).toBe(1)
    expect(due(3 * DAY_MS + 1)).toBe(1)
    expect(due(3 * DAY_MS)).toBe(2)
    expect(due(1)).toBe(2)
    expect(due(0)).toBe(0)
    expect(due(-1)).toBe(0)
  })

  it('are due only while a change is not', () => {
    fc.assert(
      fc.property(fc.integer({ min: -20 * DAY_MS, max: 2 * DAY_MS }), (from) => {
        const password = dueAt(last)
        const state = passwordState(password, expiring(), [], last + from)
        expect(remindersDue(last, last + from) > 0).toBe(
          state === 'personal' && from >= -14 * DAY_MS,
        )
      }),
    )
  })
})

describe('what is due for a password', () => {
  const state = (more: Partial<Parameters<typeof passwordState>[0] & object>, nowMs = SET_AT) =>
    passwordState({ ...own, ...more }, expiring(), [], nowMs)

  it('is one thing, the gravest first', () => {
    expect(passwordState(null, expiring(), [], SET_AT)).toBe('none')
    expect(state({})).toBe('personal')
    expect(state({ mustChange: true })).toBe('must_change')
    expect(state({ mustChange: true }, SET_AT + 400 * DAY_MS)).toBe('must_change')
    expect(state({}, SET_AT + 400 * DAY_MS)).toBe('expired')
    expect(state({ origin: 'initial' }, SET_AT + 400 * DAY_MS)).toBe('temporary')
    expect(state({ origin: 'temporary' })).toBe('temporary')
    expect(state({ origin: 'temporary', voidedAt: SET_AT })).toBe('must_change')
  })

  it('is put off by a holiday, and comes in the evening of the first day of school', () => {
    const password = dueAt(paris('2026-12-24T12:00:00+01:00'))
    const at = (iso: string) => passwordState(password, expiring(), christmas, paris(iso))
    expect(at('2027-01-03T23:59:59+01:00')).toBe('personal')
    expect(at('2027-01-04T18:00:00+01:00')).toBe('personal')
    expect(at('2027-01-05T00:00:00+01:00')).toBe('expired')
  })

  it('lapses unused when its days are over, to the very ms', () => {
    const end = SET_AT + 30 * DAY_MS
    for (const origin of ['initial', 'temporary'] as const) {
      expect(isLapsed({ ...own, origin }, DEFAULT_POLICY, end - 1)).toBe(false)
      expect(isLapsed({ ...own, origin }, DEFAULT_POLICY, end)).toBe(true)
    }
    expect(isLapsed(own, DEFAULT_POLICY, end)).toBe(false)
  })
})
