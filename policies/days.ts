const DAY_MS = 24 * 3_600_000

/** Days since 1970 of a date of the Gregorian calendar, years beginning in March. */
const epochDayOf = (year: number, month: number, day: number): number => {
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

/** Days since 1970 of an ISO date. */
export const epochDay = (date: string): number => {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
  return epochDayOf(year, month, day)
}

/** How many days a month has. */
const lengthOf = (year: number, month: number): number =>
  month === 12 ? 31 : epochDayOf(year, month + 1, 1) - epochDayOf(year, month, 1)

const padded = (value: number, size: number): string => String(value).padStart(size, '0')

/** The ISO date of a day, `null` where there is none such as 31 June. */
export const isoDate = (year: number, month: number, day: number): string | null =>
  month >= 1 && month <= 12 && day >= 1 && day <= lengthOf(year, month)
    ? `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`
    : null

/** 1: Monday, to 7: Sunday. 1970 began on a Thursday. */
export const weekday = (date: string): number => ((((epochDay(date) + 3) % 7) + 7) % 7) + 1

const formatters = new Map<string, Intl.DateTimeFormat>()

const formatterOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formatters.get(timeZone)
  if (known !== undefined) {
    return known
  }
  const made = new Intl.DateTimeFormat('en', {
    timeZone,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  formatters.set(timeZone, made)
  return made
}

/** What the clocks of a zone show at a time (ms). */
const clockAt = (timeZone: string, atMs: number) => {
  const parts = formatterOf(timeZone).formatToParts(atMs)
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0)
  return {
    year: of('year'),
    month: of('month'),
    day: of('day'),
    minutes: of('hour') * 60 + of('minute'),
  }
}

/** The day (ISO) and the minutes since its beginning, by the clocks of a zone. */
export const dayAt = (timeZone: string, atMs: number): { date: string; minutes: number } => {
  const { year, month, day, minutes } = clockAt(timeZone, atMs)
  return { date: `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`, minutes }
}

/** How far a zone's clocks are ahead of UTC at that time (ms). */
const aheadOf = (timeZone: string, atMs: number): number => {
  const { year, month, day, minutes } = clockAt(timeZone, atMs)
  const there = epochDayOf(year, month, day) * DAY_MS + minutes * 60_000
  return there - Math.floor(atMs / 60_000) * 60_000
}

/** The first moment (ms) of a day, `days` after an ISO date, where clocks show this zone. */
export const dayStart = (date: string, days: number, timeZone: string): number => {
  const there = (epochDay(date) + days) * DAY_MS
  const near = there - aheadOf(timeZone, there)
  return there - aheadOf(timeZone, near)
}

/** The ISO date that is some days after another. */
export const dayAfter = (date: string, days: number): string =>
  dayAt('UTC', (epochDay(date) + days) * DAY_MS).date
