import ICAL from 'ical.js'
import { dayAfter, dayAt, isoDate } from '../policies/days.ts'
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
/** Each day for some 80 years; more is no calendar. */
const OCCURRENCES_MAX = 30_000
const FREQUENCIES: readonly string[] = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY']
const NOON_MINUTES = 12 * 60

/** What is wrong with an event: thrown inside this file only. */
class Fault extends Error {}

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

/** The library would count on from a 13th month. */
const checkDates = ({ component }: ICAL.Event): void => {
  if (component.getFirstProperty('dtstart') === null) {
    throw new Fault('has no DTSTART')
  }
  for (const name of ['dtstart', 'dtend']) {
    const written = component.getFirstProperty(name)?.jCal[3] as unknown
    const [year, month, day] = String(written).slice(0, 10).split('-').map(Number)
    if (written !== undefined && isoDate(year ?? 0, month ?? 0, day ?? 0) === null) {
      throw new Fault(`${name.toUpperCase()} ${shown(String(written))} is not a date`)
    }
  }
}

const checkRule = ({ component }: ICAL.Event): void => {
  for (const rule of component.getAllProperties('rrule')) {
    const { freq } = rule.getFirstValue() as ICAL.Recur
    if (!FREQUENCIES.includes(freq)) {
      throw new Fault(`repeats ${shown(freq.toLowerCase())}: at most daily`)
    }
  }
}

interface Days {
  readonly first: string
  readonly last: string
}

/** The day, and the minutes since its beginning, that a time is at in the school. */
const dayOf = (time: ICAL.Time, timeZone: string): { date: string; minutes: number } => {
  if (time.zone?.tzid === 'UTC' && !time.isDate) {
    return dayAt(timeZone, time.toUnixTime() * 1000)
  }
  const date = time.toString().slice(0, 10)
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

/** The occurrences that are not over yet, some years from now. */
const repeated = (event: ICAL.Event, { timeZone, nowMs }: IcsOptions) => {
  const today = dayAt(timeZone, nowMs).date
  const end = dayAfter(today, REPEATS_DAYS)
  const kept: { start: ICAL.Time; end: ICAL.Time; item: ICAL.Event }[] = []
  const iterator = event.iterator()
  for (let count = 0; ; count += 1) {
    // Typed as if there were always a next one.
    const next = iterator.next() as ICAL.Time | null | undefined
    if (next === null || next === undefined || dayOf(next, timeZone).date > end) {
      return kept
    }
    if (count >= OCCURRENCES_MAX) {
      throw new Fault(`repeats more than ${OCCURRENCES_MAX} times`)
    }
    const occurrence = event.getOccurrenceDetails(next)
    if (dayOf(occurrence.endDate, timeZone).date >= today) {
      kept.push({ start: occurrence.startDate, end: occurrence.endDate, item: occurrence.item })
    }
  }
}

const occurrencesOf = (event: ICAL.Event, options: IcsOptions) => {
  checkRule(event)
  return event.isRecurring()
    ? repeated(event, options)
    : [{ start: event.startDate, end: event.endDate, item: event }]
}

const nameOf = (event: ICAL.Event): string | null => propertyText(event, 'summary') || null

/** Null: it was called off, or leaves every day its school. */
const holidayOf = (
  { start, end, item }: ReturnType<typeof occurrencesOf>[number],
  { timeZone }: IcsOptions,
): NamedHoliday | null => {
  if (isCancelled(item)) {
    return null
  }
  if (end.compare(start) < 0) {
    throw new Fault('ends before it begins')
  }
  const days = daysOf(start, end, timeZone)
  if (days.last < days.first) {
    return null
  }
  const fault = holidayFault(days.first, days.last)
  if (fault !== null) {
    throw new Fault(fault)
  }
  return { ...days, name: nameOf(item) }
}

/** What an event comes to, or why it cannot be taken. */
const readEvent = (
  { event, line }: Found,
  options: IcsOptions,
): readonly (NamedHoliday | null)[] | HolidayProblem => {
  try {
    const called = isCancelled(event)
    return called ? [null] : occurrencesOf(event, options).map((one) => holidayOf(one, options))
  } catch (error) {
    const message = error instanceof Fault ? error.message : `cannot be read: ${messageOf(error)}`
    return { line, message: `the event ${shown(nameOf(event) ?? '')} ${message}` }
  }
}

const messageOf = (error: unknown): string =>
  shown(error instanceof Error ? error.message : String(error))

const checked = ({ event, line }: Found): HolidayProblem[] => {
  try {
    checkDates(event)
    return []
  } catch (error) {
    return [
      { line, message: `the event ${shown(nameOf(event) ?? '')} ${(error as Error).message}` },
    ]
  }
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
