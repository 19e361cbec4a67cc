import { dayStart, weekday } from '../policies/days.ts'
import type { Holiday } from '../policies/password_age.ts'
import { auditEntry } from './audit.ts'
import type { Deps, HolidayDays } from './ports.ts'

const FRIDAY = 5

/**
 * From the last day of a holiday to the first day of school after it: a school that is shut on a
 * Friday is not open on Saturday.
 */
const daysUntilSchool = (last: string): number => {
  const day = weekday(last)
  return day >= FRIDAY ? 8 - day : 1
}

/** Times without school of a calendar's days, in the school's time zone. */
export const holidaysIn = (days: readonly HolidayDays[], timeZone: string): Holiday[] =>
  days.map(([first, last]) => {
    const back = daysUntilSchool(last)
    return {
      fromMs: dayStart(first, 0, timeZone),
      toMs: dayStart(last, back, timeZone),
      firstDayEndMs: dayStart(last, back + 1, timeZone),
    }
  })

/** Replaces the calendar of an establishment. */
export const saveCalendar = (
  deps: Deps,
  establishment: string,
  days: readonly HolidayDays[],
  by: string,
): Promise<void> =>
  deps.store.transact(async (tables) => {
    await tables.calendars.save({ establishment, atMs: deps.clock(), by, days })
    const detail = {
      establishment,
      holidays: days.length,
      first: days[0]?.[0] ?? null,
      last: days.at(-1)?.[1] ?? null,
    }
    await tables.audit.append(auditEntry(deps, { act: 'calendar_saved', actor: by, detail }))
  })

/** False: that establishment has none. */
export const removeCalendar = (deps: Deps, establishment: string, by: string): Promise<boolean> =>
  deps.store.transact(async (tables) => {
    const removed = await tables.calendars.remove(establishment)
    if (removed) {
      const detail = { establishment }
      await tables.audit.append(auditEntry(deps, { act: 'calendar_removed', actor: by, detail }))
    }
    return removed
  })
