import { epochDay, isoDate, weekday } from '../policies/days.ts'

export type Frequency = 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY'

/** Days that repeat: what is taken of a recurrence rule (RFC 5545 §3.3.10). */
export interface DayRule {
  readonly frequency: Frequency
  readonly interval: number
  /** 1: Monday, to 7: Sunday; weeks begin on it. */
  readonly weekStart: number
  /** Empty lists: not given. */
  readonly months: readonly number[]
  /** Negative: from the end of the month. */
  readonly monthDays: readonly number[]
  /** `nth` 0: each; negative: from the end of the month or year. */
  readonly weekdays: readonly { readonly nth: number; readonly weekday: number }[]
}

const MONTHS = Array.from({ length: 12 }, (_, index) => index + 1)
const DAYS = Array.from({ length: 31 }, (_, index) => index + 1)

interface Day {
  readonly date: string
  readonly year: number
  readonly month: number
  readonly day: number
}

const dayOf = (date: string): Day => {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
  return { date, year, month, day }
}

/** The last day of a month, or of a year. */
const lastOf = ({ year, month }: Day, isYear: boolean): string => {
  const lengths = [31, 30, 29, 28].map((day) => isoDate(year, isYear ? 12 : month, day))
  return lengths.find((date) => date !== null) ?? ''
}

/** How many periods of its frequency a day is from another. */
const PERIODS: Readonly<Record<Frequency, (from: Day, to: Day, rule: DayRule) => number>> = {
  DAILY: (from, to) => epochDay(to.date) - epochDay(from.date),
  WEEKLY: (from, to, { weekStart }) => {
    // 1970 began on a Thursday.
    const week = ({ date }: Day) => Math.floor((epochDay(date) + 4 - weekStart) / 7)
    return week(to) - week(from)
  },
  MONTHLY: (from, to) => 12 * (to.year - from.year) + to.month - from.month,
  YEARLY: (from, to) => to.year - from.year,
}

const isOfMonthDays = (day: Day, { monthDays }: DayRule): boolean =>
  monthDays.includes(day.day) ||
  monthDays.includes(day.day - 1 - Number(lastOf(day, false).slice(-2)))

/** Of the month; of the year where no month is named. */
const isOfWeekdays = (day: Day, { frequency, months, weekdays }: DayRule): boolean => {
  const isYear = frequency === 'YEARLY' && months.length === 0
  const first = isoDate(day.year, isYear ? 1 : day.month, 1) ?? ''
  const at = epochDay(day.date)
  const nths = [
    0,
    Math.floor((at - epochDay(first)) / 7) + 1,
    -Math.floor((epochDay(lastOf(day, isYear)) - at) / 7) - 1,
  ]
  const ofWeek = weekday(day.date)
  return weekdays.some((one) => one.weekday === ofWeek && nths.includes(one.nth))
}

/** What a rule leaves open is as on its first day. */
const completed = (rule: DayRule, from: Day): DayRule => {
  const { frequency, months, monthDays, weekdays } = rule
  if (frequency === 'DAILY' || monthDays.length > 0 || weekdays.length > 0) {
    return rule
  }
  return frequency === 'WEEKLY'
    ? { ...rule, weekdays: [{ nth: 0, weekday: weekday(from.date) }] }
    : {
        ...rule,
        monthDays: [from.day],
        months: frequency === 'YEARLY' && months.length === 0 ? [from.month] : months,
      }
}

/**
 * The days of a rule, in order, from its first day (ISO) to a last one: each day between is looked
 * at once, so that there is an end whatever the rule says. Dates that there are not, such as 30
 * February, are passed over.
 */
export function* daysOfRule(asked: DayRule, first: string, last: string): Generator<string> {
  const from = dayOf(first)
  const rule = completed(asked, from)
  const { months, monthDays, weekdays, frequency, interval } = rule
  const isOfRule = (day: Day): boolean =>
    PERIODS[frequency](from, day, rule) % interval === 0 &&
    (monthDays.length === 0 || isOfMonthDays(day, rule)) &&
    (weekdays.length === 0 || isOfWeekdays(day, rule))
  for (let { year } = from; year <= Number(last.slice(0, 4)); year += 1) {
    for (const month of MONTHS.filter((one) => months.length === 0 || months.includes(one))) {
      const days = DAYS.map((day) => ({ date: isoDate(year, month, day) ?? '', year, month, day }))
      yield* days
        .filter((day) => day.date >= first && day.date <= last && isOfRule(day))
        .map(({ date }) => date)
    }
  }
}
