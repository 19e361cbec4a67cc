import type { HolidaysRead } from './holiday.ts'
import { readHolidayList } from './holiday_list.ts'
import { type IcsOptions, readIcs } from './ics.ts'

/** Reads holidays: of an iCalendar file, as its first words tell, or of a list of dates. */
export const readHolidayFile = (text: string, options: IcsOptions): HolidaysRead => {
  const content = text.replace(/^\ufeff/, '')
  return /^\s*BEGIN:VCALENDAR\b/i.test(content)
    ? readIcs(content.trimStart(), options)
    : readHolidayList(content)
}
