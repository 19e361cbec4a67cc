import type { NamedHoliday } from './holiday.ts'
import { shown } from './person_row.ts'

/** What an event of one day tells by how its name begins, and what to do about it. */
const ONE_DAY_EVENTS: readonly (readonly [begin: RegExp, doubt: string])[] = [
  [
    /^debut\b/,
    'tells when a holiday begins: this one day is taken, not those after it. Give the days as a list, the first and the last',
  ],
  [
    /^(pre-?rentree|rentree|reprise)\b/,
    'tells when school begins again: it is taken as a day without school. Remove it from the file',
  ],
]

const plain = (name: string): string =>
  name.normalize('NFD').replaceAll(/\p{M}/gu, '').trim().toLowerCase()

const oneDayDoubt = ({ first, last, name }: NamedHoliday): string[] => {
  const [, doubt] = ONE_DAY_EVENTS.find(([begin]) => begin.test(plain(name ?? ''))) ?? []
  return first === last && doubt !== undefined ? [`${first} ${shown(name ?? '')} ${doubt}`] : []
}

/** The zones that a name speaks of: "Vacances d'hiver - Zones A et C". */
const zonesOf = ({ name }: NamedHoliday): readonly string[] => {
  const [, ...after] = (name ?? '').split(/\bzones?\b/i)
  return after.join(' ').match(/\b[ABC]\b/g) ?? []
}

/** A school is in one zone: one of them is in every name that speaks of any. */
const zoneDoubt = (holidays: readonly NamedHoliday[]): string[] => {
  const spoken = holidays.map(zonesOf).filter((zones) => zones.length > 0)
  const all = [...new Set(spoken.flat())].sort()
  return all.length === 0 || all.some((zone) => spoken.every((zones) => zones.includes(zone)))
    ? []
    : [
        `holidays of several zones (${all.join(', ')}) are all taken. Remove those of other zones than the school's`,
      ]
}

/**
 * What was read, and may not have been meant: official French calendars tell the summer by its
 * first day alone, name the days on which school begins, and may hold all zones. In sentences.
 */
export const holidayDoubts = (holidays: readonly NamedHoliday[]): string[] => [
  ...holidays.flatMap(oneDayDoubt),
  ...zoneDoubt(holidays),
]
