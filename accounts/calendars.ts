import type { Holiday } from '../policies/password_age.ts'
import type { HolidayDays } from './ports.ts'

const DAY_MS = 24 * 3_600_000

/** Days since 1970 of a date of the Gregorian calendar, years beginning in March. */
const epochDay = (year: number, month: number, day: number): number => {
  const y = month > 2 ? year : year - 1
  const daysBefore = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5)
  return (
    365 * y +
    Math.floor(y / 4) -
    Math.floor(y / 100) +
    Math.floor(y / 400) +
    daysBefore +
    day -
    719_469
  )
}

/** How far a zone's clocks are ahead of UTC at that time (ms). */
const aheadOf = (timeZone: string, atMs: number): number => {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  }).formatToParts(atMs)
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0)
  const there =
    epochDay(of('year'), of('month'), of('day')) * DAY_MS +
    (of('hour') * 60 + of('minute')) * 60_000
  return there - Math.floor(atMs / 60_000) * 60_000
}

/** The first moment (ms) of a day, `days` after an ISO date, where clocks show this zone. */
const dayStart = (date: string, days: number, timeZone: string): number => {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
  const there = (epochDay(year, month, day) + days) * DAY_MS
  const near = there - aheadOf(timeZone, there)
  return there - aheadOf(timeZone, near)
}

/** Times without school of a calendar's days, in the school's time zone. */
export const holidaysIn = (days: readonly HolidayDays[], timeZone: string): Holiday[] =>
  days.map(([first, last]) => ({
    fromMs: dayStart(first, 0, timeZone),
    toMs: dayStart(last, 1, timeZone),
  }))
