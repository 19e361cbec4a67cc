import { epochDay } from '../policies/days.ts'

/** A holiday as a file gives it: what is kept of it, and what it is called there. */
export interface NamedHoliday {
  /** ISO dates. */
  readonly first: string
  readonly last: string
  readonly name: string | null
}

/** What is wrong with a file of holidays; line `null`: the file as a whole. */
export interface HolidayProblem {
  readonly line: number | null
  readonly message: string
}

export type HolidaysRead =
  | {
      readonly ok: true
      /** In order, each once. */
      readonly holidays: readonly NamedHoliday[]
      /** Events that were called off, or leave every day its school. */
      readonly skipped: number
    }
  | { readonly ok: false; readonly problems: readonly HolidayProblem[] }

/** Far more than a school year has; a file with more is not a calendar of holidays. */
export const HOLIDAYS_MAX = 500
/** The summer of any school is shorter; more is two dates that do not belong together. */
const HOLIDAY_DAYS_MAX = 120
const HOLIDAY_YEAR_MIN = 2000
const HOLIDAY_YEAR_MAX = 2100

const yearOf = (date: string): number => Number(date.slice(0, 4))

const isOutOfYears = (date: string): boolean =>
  yearOf(date) < HOLIDAY_YEAR_MIN || yearOf(date) > HOLIDAY_YEAR_MAX

/** What is wrong with a holiday of these days, in words; null: nothing. */
export const holidayFault = (first: string, last: string): string | null => {
  if (isOutOfYears(first) || isOutOfYears(last)) {
    return `${isOutOfYears(first) ? first : last} is not between ${HOLIDAY_YEAR_MIN} and ${HOLIDAY_YEAR_MAX}`
  }
  const days = epochDay(last) - epochDay(first) + 1
  if (days < 1) {
    return `ends on ${last}, before it begins on ${first}`
  }
  return days > HOLIDAY_DAYS_MAX
    ? `${first} to ${last} is ${days} days: at most ${HOLIDAY_DAYS_MAX}`
    : null
}

const tooMany: HolidayProblem = {
  line: null,
  message: `has more than ${HOLIDAYS_MAX} holidays`,
}

/** What was read, in order; refused as a whole where anything is wrong, or there is nothing. */
export const holidaysRead = (
  found: readonly NamedHoliday[],
  problems: readonly HolidayProblem[],
  skipped = 0,
): HolidaysRead => {
  if (problems.length > 0) {
    return { ok: false, problems }
  }
  const distinct = new Map(found.map((one) => [`${one.first} ${one.last} ${one.name}`, one]))
  const holidays = [...distinct.values()].sort((a, b) =>
    `${a.first} ${a.last}` < `${b.first} ${b.last}` ? -1 : 1,
  )
  if (holidays.length > HOLIDAYS_MAX) {
    return { ok: false, problems: [tooMany] }
  }
  return holidays.length === 0
    ? { ok: false, problems: [{ line: null, message: 'holds no holiday' }] }
    : { ok: true, holidays, skipped }
}
