import { isoDate } from '../policies/days.ts'
import {
  type HolidayProblem,
  type HolidaysRead,
  holidayFault,
  holidaysRead,
  type NamedHoliday,
} from './holiday.ts'
import { shown } from './person_row.ts'

const ISO = /^(\d{4})-(\d{1,2})-(\d{1,2})$/
/** Day, month, year, as French schools write it. */
const FRENCH = /^(\d{1,2})[/.](\d{1,2})[/.](\d{4})$/
const SEPARATOR = /\s*[;,\t]\s*|\s+/

const readDate = (word: string): string | null => {
  const [, year, month, day] = ISO.exec(word) ?? []
  const [, d = day, m = month, y = year] = FRENCH.exec(word) ?? []
  return isoDate(Number(y), Number(m), Number(d))
}

const unquoted = (word: string): string => word.replace(/^"(.*)"$/, '$1')

/** The words of a line, split where one is a date or may have been meant as one. */
const split = (line: string): { dates: string[]; name: string | null } => {
  const words = line
    .split(SEPARATOR)
    .map(unquoted)
    .filter((word) => word !== '')
  const begin = words.slice(0, 2).findIndex((word) => !/^\d/.test(word))
  const count = begin === -1 ? Math.min(2, words.length) : begin
  return { dates: words.slice(0, count), name: words.slice(count).join(' ') || null }
}

const readLine = (line: string): NamedHoliday | string => {
  const { dates, name } = split(line)
  if (name?.split(' ').some((word) => readDate(word) !== null)) {
    return 'has another date further on: write the first day and the last, then the name'
  }
  const read = dates.map(readDate)
  const wrong = dates.find((_, index) => read[index] === null)
  const [first, last = first] = read
  if (wrong !== undefined || typeof first !== 'string' || typeof last !== 'string') {
    return `${shown(wrong ?? line)} is not a date (YYYY-MM-DD or DD/MM/YYYY)`
  }
  return holidayFault(first, last) ?? { first, last, name }
}

/** A line that begins with a date, or with what was meant as one. */
const isDated = (line: string): boolean =>
  split(line).dates.some((word) => ISO.test(word) || FRENCH.test(word))

const NEITHER: HolidayProblem = {
  line: null,
  message: 'is neither a calendar (ICS) nor a list of dates',
}

/**
 * Reads a list of holidays: a line each, its first day and its last (one day: once), then maybe a
 * name. Blank lines, what follows `#`, and a first line without any digit count for nothing.
 */
export const readHolidayList = (text: string): HolidaysRead => {
  const holidays: NamedHoliday[] = []
  const problems: HolidayProblem[] = []
  let isList = false
  for (const [index, raw] of text.split(/\r\n?|\n/).entries()) {
    const line = raw.replace(/#.*$/, '').trim()
    const isHeader = index === 0 && !/\d/.test(line)
    const read = line === '' || isHeader ? null : readLine(line)
    isList ||= isDated(line)
    if (typeof read === 'string') {
      problems.push({ line: index + 1, message: read })
    } else if (read !== null) {
      holidays.push(read)
    }
  }
  const isOther = !isList && problems.length > 0
  return holidaysRead(holidays, isOther ? [NEITHER, ...problems] : problems)
}
