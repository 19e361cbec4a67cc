import type { CalendarStore, HolidayDays, SchoolCalendar } from '../accounts/ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const calendarOf = (row: Schema['calendars']): SchoolCalendar => ({
  establishment: row.establishment,
  atMs: row.at_ms,
  by: row.saved_by,
  days: JSON.parse(row.days) as HolidayDays[],
})

/** Holidays in SQL. */
export const createCalendarStore = ({ db }: Sql): CalendarStore => ({
  async find(establishments) {
    if (establishments.length === 0) {
      return []
    }
    const rows = await db
      .selectFrom('calendars')
      .selectAll()
      .where('establishment', 'in', establishments)
      .execute()
    return rows.map(calendarOf)
  },
  async list() {
    const rows = await db.selectFrom('calendars').selectAll().orderBy('establishment').execute()
    return rows.map(calendarOf)
  },
  async save({ establishment, atMs, by, days }) {
    const columns = { at_ms: atMs, saved_by: by, days: JSON.stringify(days) }
    await db
      .insertInto('calendars')
      .values({ establishment, ...columns })
      .onConflict((conflict) => conflict.column('establishment').doUpdateSet(columns))
      .execute()
  },
  async remove(establishment) {
    const { numDeletedRows } = await db
      .deleteFrom('calendars')
      .where('establishment', '=', establishment)
      .executeTakeFirst()
    return numDeletedRows > 0n
  },
})
