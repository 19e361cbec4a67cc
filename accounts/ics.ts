import ICAL from 'ical.js'
import { dayAfter, dayAt, isoDate } from '../policies/days.ts'
import { type DayRule, daysOfRule, type Frequency } from './day_rule.ts'
import {
  HOLIDAYS_MAX,
  type HolidayProblem,
  type HolidaysRead,
  holidayFault,
  holidaysRead,
  type NamedHoliday,
} from './holiday.ts'
import { shown } from './person_row.ts'

/** How the times of a file are understood. */
export interface IcsOptions {
  /** Days are those of this zone; times with another zone are taken as they are written. */
  readonly timeZone: string
  readonly nowMs: number
}

/** An event, and the line that it begins on. */
interface Found {
  readonly event: ICAL.Event
  readonly line: number
}

/** What repeats is written down for so long from now. */
const REPEATS_DAYS = 3 * 366
/** No school goes by an event that began before; each day since then is looked at. */
const REPEATS_FIRST = '1950-01-01'
const FREQUENCIES: readonly string[] = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY']
/** What a rule may say. */
const RULE_WORDS: ReadonlySet<string> = new Set(
  'FREQ INTERVAL COUNT UNTIL WKST BYDAY BYMONTH BYMONTHDAY'.split(' '),
)
/** From 1: Monday, to 7: Sunday. */
const WEEKDAYS: readonly string[] = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']
const NOON_MINUTES = 12 * 60

/** RFC 7265 §3.3: one calendar, or a list of them. */
const calendarsIn = (text: string): ICAL.Component[] => {
  const parsed: unknown[] = ICAL.parse(text)
  const all = typeof parsed[0] === 'string' ? [parsed] : (parsed as unknown[][])
  return all.map((one) => new ICAL.Component(one))
}

const eventsIn = (text: string): Found[] => {
  const lines = text.split(/\r\n?|\n/)
  const begins = lines.flatMap((line, index) =>
    /^BEGIN:VEVENT\s*$/i.test(line) ? [index + 1] : [],
  )
  return calendarsIn(text)
    .flatMap((calendar) => calendar.getAllSubcomponents('vevent'))
    .map((component, index) => ({
      event: new ICAL.Event(component, { exceptions: [] }),
      line: begins[index] ?? 0,
    }))
}

const propertyText = (event: ICAL.Event, name: string): string =>
  String(event.component.getFirstPropertyValue(name) ?? '').trim()

const isCancelled = (event: ICAL.Event): boolean =>
  propertyText(event, 'status').toUpperCase() === 'CANCELLED'

/** As it is written. */
const isoDay = (time: ICAL.Time): string => time.toString().slice(0, 10)

/** What is wrong with the dates of an event: the library would count on from a 13th month. */
const dateFault = ({ component }: ICAL.Event): string | null => {
  if (component.getFirstProperty('dtstart') === null) {
    return 'has no DTSTART'
  }
  const wrong = ['dtstart', 'dtend'].flatMap((name) => {
    const written = component.getFirstProperty(name)?.jCal[3] as unknown
    const [year, month, day] = String(written).slice(0, 10).split('-').map(Number)
    return written === undefined || isoDate(year ?? 0, month ?? 0, day ?? 0) !== null
      ? []
      : [`${name.toUpperCase()} ${shown(String(written))} is not a date`]
  })
  return wrong[0] ?? null
}

/** What a rule says that is not taken; null: nothing. */
const notTaken = (property: ICAL.Property, { freq, parts }: ICAL.Recur): string | null => {
  const words = Object.keys(property.jCal[3] as object).map((word) => word.toUpperCase())
  const other = words.find((word) => !RULE_WORDS.has(word))
  if (other !== undefined || freq === 'MONTHLY' || freq === 'YEARLY') {
    return other ?? null
  }
  // RFC 5545 §3.3.10: a fifth Monday is one of a month or of a year.
  const nth = (parts['BYDAY'] ?? []).find((day) => /\d/.test(String(day)))
  if (nth !== undefined) {
    return `BYDAY=${nth}`
  }
  return freq === 'WEEKLY' && parts['BYMONTHDAY'] !== undefined ? 'BYMONTHDAY' : null
}

const ruleFault = ({ component, startDate }: ICAL.Event): string | null => {
  const [property, other] = component.getAllProperties('rrule')
  if (property === undefined) {
    return null
  }
  if (other !== undefined) {
    return 'repeats by two rules'
  }
  const rule = property.getFirstValue() as ICAL.Recur
  if (!FREQUENCIES.includes(rule.freq)) {
    return `repeats ${shown(rule.freq.toLowerCase())}: at most daily`
  }
  const word = notTaken(property, rule)
  if (word !== null) {
    return `repeats ${rule.freq.toLowerCase()} by ${shown(word)}, which is not taken`
  }
  if (rule.count !== null && rule.count < 1) {
    return `repeats ${rule.count} times`
  }
  const first = isoDay(startDate)
  return first < REPEATS_FIRST ? `repeats from ${first}: at most from ${REPEATS_FIRST}` : null
}

const numbers = (values: readonly unknown[] = []): number[] => values.map(Number)

const dayRuleOf = ({ freq, interval, wkst, parts }: ICAL.Recur): DayRule => ({
  frequency: freq as Frequency,
  interval,
  // The library counts from Sunday.
  weekStart: wkst === 1 ? 7 : wkst - 1,
  months: numbers(parts['BYMONTH']),
  monthDays: numbers(parts['BYMONTHDAY']),
  weekdays: (parts['BYDAY'] ?? []).map((day) => ({
    nth: Number(String(day).slice(0, -2)),
    weekday: WEEKDAYS.indexOf(String(day).slice(-2)) + 1,
  })),
})

interface Days {
  readonly first: string
  readonly last: string
}

/** The day, and the minutes since its beginning, that a time is at in the school. */
const dayOf = (time: ICAL.Time, timeZone: string): { date: string; minutes: number } => {
  if (time.zone?.tzid === 'UTC' && !time.isDate) {
    return dayAt(timeZone, time.toUnixTime() * 1000)
  }
  const date = isoDay(time)
  return { date, minutes: time.isDate ? 0 : time.hour * 60 + time.minute }
}

/**
 * The days without school of one occurrence. RFC 5545 §3.6.1: a DTEND of dates is not part of it.
 * With times, an afternoon that a holiday begins with, and a morning that it ends with, leave
 * their day its school.
 */
const daysOf = (start: ICAL.Time, end: ICAL.Time, timeZone: string): Days => {
  const [from, to] = [dayOf(start, timeZone), dayOf(end, timeZone)]
  if (from.date === to.date) {
    return { first: from.date, last: to.date }
  }
  return {
    first: from.minutes >= NOON_MINUTES ? dayAfter(from.date, 1) : from.date,
    last: to.minutes <= NOON_MINUTES ? dayAfter(to.date, -1) : to.date,
  }
}

/** `start` on another day. */
const onDay = (start: ICAL.Time, date: string): ICAL.Time => {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
  const time = start.clone()
  time.year = year
  time.month = month
  time.day = day
  return time
}

const isAfter = (time: ICAL.Time, until: ICAL.Time): boolean =>
  until.isDate ? isoDay(time) > isoDay(until) : time.compare(until) > 0

/** Days that count: what began before is over, as it would be too long for a holiday. */
interface Span {
  readonly since: string
  readonly end: string
}

/** The beginnings that a rule gives in a span; a text: what is wrong. */
const ruleTimes = (
  start: ICAL.Time,
  rule: ICAL.Recur,
  { since, end }: Span,
): ICAL.Time[] | string => {
  const first = isoDay(start)
  const times: ICAL.Time[] = []
  let count = 0
  for (const date of daysOfRule(dayRuleOf(rule), first, end)) {
    if (count === rule.count) {
      return times
    }
    count += 1
    // Times are made of few days only: there may be decades of them.
    const time = date < since ? null : onDay(start, date)
    if (time !== null && rule.until !== null && isAfter(time, rule.until)) {
      return times
    }
    times.push(...(time === null ? [] : [time]))
  }
  return count > 0 || first > end ? times : `repeats on no day before ${end}`
}

const valuesOf = ({ component }: ICAL.Event, name: string): unknown[] =>
  component.getAllProperties(name).flatMap((property): unknown[] => property.getValues())

/** All beginnings of what repeats. */
const timesOf = (event: ICAL.Event, span: Span): ICAL.Time[] | string => {
  const [rule] = valuesOf(event, 'rrule') as ICAL.Recur[]
  const added = valuesOf(event, 'rdate')
  const times = added.filter((one) => one instanceof ICAL.Time)
  if (times.length < added.length) {
    return 'has an RDATE that is no date'
  }
  const byRule = rule === undefined ? [event.startDate] : ruleTimes(event.startDate, rule, span)
  return typeof byRule === 'string' ? byRule : [...byRule, ...times]
}

/** What an EXDATE leaves out: a moment or a day. */
const leftOutOf = (event: ICAL.Event): ((time: ICAL.Time) => boolean) => {
  const key = (time: ICAL.Time) => (time.isDate ? isoDay(time) : time.toUnixTime())
  const keys = new Set(
    valuesOf(event, 'exdate').flatMap((one) => (one instanceof ICAL.Time ? [key(one)] : [])),
  )
  return (time) => keys.has(key(time)) || keys.has(isoDay(time))
}

interface Occurrence {
  readonly start: ICAL.Time
  readonly end: ICAL.Time
  readonly item: ICAL.Event
}

/** The occurrences that are not over yet, some years from now. */
const repeated = (event: ICAL.Event, { timeZone, nowMs }: IcsOptions): Occurrence[] | string => {
  const today = dayAt(timeZone, nowMs).date
  const span = { since: dayAfter(today, -366), end: dayAfter(today, REPEATS_DAYS) }
  const times = timesOf(event, span)
  if (typeof times === 'string') {
    return times
  }
  const isLeftOut = leftOutOf(event)
  return times
    .filter((time) => !isLeftOut(time))
    .map((time) => event.getOccurrenceDetails(time))
    .filter(({ endDate }) => dayOf(endDate, timeZone).date >= today)
    .map(({ startDate, endDate, item }) => ({ start: startDate, end: endDate, item }))
}

const occurrencesOf = (event: ICAL.Event, options: IcsOptions): Occurrence[] | string =>
  ruleFault(event) ??
  (event.isRecurring()
    ? repeated(event, options)
    : [{ start: event.startDate, end: event.endDate, item: event }])

const nameOf = (event: ICAL.Event): string | null => propertyText(event, 'summary') || null

/** Null: it was called off, or leaves every day its school. A text: what is wrong. */
const holidayOf = (
  { start, end, item }: Occurrence,
  { timeZone }: IcsOptions,
): NamedHoliday | null | string => {
  if (isCancelled(item)) {
    return null
  }
  if (end.compare(start) < 0) {
    return 'ends before it begins'
  }
  const days = daysOf(start, end, timeZone)
  if (days.last < days.first) {
    return null
  }
  return holidayFault(days.first, days.last) ?? { ...days, name: nameOf(item) }
}

/** What an event comes to; a text: why it cannot be taken. */
const holidaysOf = (event: ICAL.Event, options: IcsOptions): (NamedHoliday | null)[] | string => {
  if (isCancelled(event)) {
    return [null]
  }
  const occurrences = occurrencesOf(event, options)
  if (typeof occurrences === 'string') {
    return occurrences
  }
  const holidays: (NamedHoliday | null)[] = []
  for (const one of occurrences) {
    const holiday = holidayOf(one, options)
    if (typeof holiday === 'string') {
      return holiday
    }
    holidays.push(holiday)
  }
  return holidays
}

const problemOf = ({ event, line }: Found, fault: string): HolidayProblem => ({
  line,
  message: `the event ${shown(nameOf(event) ?? '')} ${fault}`,
})

/** As `holidaysOf`; the library throws at some events that it parsed. */
const readEvent = (
  found: Found,
  options: IcsOptions,
): readonly (NamedHoliday | null)[] | HolidayProblem => {
  try {
    const read = holidaysOf(found.event, options)
    return typeof read === 'string' ? problemOf(found, read) : read
  } catch (error) {
    return problemOf(found, `cannot be read: ${messageOf(error)}`)
  }
}

const messageOf = (error: unknown): string =>
  shown(error instanceof Error ? error.message : String(error))

const checked = (found: Found): HolidayProblem[] => {
  const fault = dateFault(found.event)
  return fault === null ? [] : [problemOf(found, fault)]
}

/** Events by themselves, those that change single occurrences of others put where they belong. */
const related = (found: readonly Found[]): Found[] => {
  const isException = ({ event }: Found): boolean => event.isRecurrenceException()
  const exceptions = found.filter(isException)
  const masters = found.filter((one) => !isException(one))
  const alone = exceptions.filter(({ event }) => {
    const owners = masters.filter((master) => master.event.uid === event.uid)
    for (const owner of owners) {
      owner.event.relateException(event)
    }
    return owners.length === 0
  })
  return [...masters, ...alone]
}

const parse = (text: string): Found[] | HolidayProblem => {
  try {
    const found = eventsIn(text)
    return found.length > HOLIDAYS_MAX
      ? { line: null, message: `has more than ${HOLIDAYS_MAX} events` }
      : found
  } catch (error) {
    return { line: null, message: `is not a calendar that can be read: ${messageOf(error)}` }
  }
}

/**
 * Reads the holidays of an iCalendar file (RFC 5545): each event is one, whatever it is called.
 * What repeats is written down for three years.
 */
export const readIcs = (text: string, options: IcsOptions): HolidaysRead => {
  const found = parse(text)
  if (!Array.isArray(found)) {
    return holidaysRead([], [found])
  }
  const wrong = found.flatMap(checked)
  if (wrong.length > 0) {
    return holidaysRead([], wrong)
  }
  const read = related(found).map((one) => readEvent(one, options))
  const problems = read.flatMap((one) => ('message' in one ? [one] : []))
  const holidays = read.flatMap((one) => ('message' in one ? [] : one))
  const kept = holidays.filter((one) => one !== null)
  return holidaysRead(kept, problems, holidays.length - kept.length)
}
