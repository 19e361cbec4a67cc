import { stringify } from 'csv-stringify/sync'
import type { Locale } from '../accounts/account.ts'
import type { Card } from '../accounts/temporary_passwords.ts'
import { csvCell } from './csv_cell.ts'
import type { Day } from './last_day.ts'
import { openPart, type PartFile } from './part_file.ts'
import { CSV_COLUMNS, TEXTS } from './texts.ts'

/** Tells a spreadsheet that it is UTF-8. */
const BOM = '\ufeff'
/** Written together: stringify costs more by the call than by the row. */
const ROWS_AT_ONCE = 500

/** RFC 4180, with the separator that a French spreadsheet expects. */
const LAYOUT = {
  delimiter: ';',
  record_delimiter: 'windows',
} as const

export interface CsvOptions {
  readonly path: string
  readonly address: string
  readonly locale: Locale
  readonly lastDay: (ms: number) => Day
}

export interface CsvFile {
  readonly part: PartFile
  write(card: Card): Promise<void>
  finish(): Promise<void>
}

type Row = { readonly [column in (typeof CSV_COLUMNS)[number]]: string }

export const openCsv = async (options: CsvOptions): Promise<CsvFile> => {
  const { path, address, locale, lastDay } = options
  const part = await openPart(path)
  let text = BOM
  const { csvHeader, userTypes } = TEXTS[locale]
  let rows: Row[] = [csvHeader]
  const flush = async (): Promise<void> => {
    const bytes = Buffer.from(text + stringify(rows, { ...LAYOUT, columns: [...CSV_COLUMNS] }))
    text = ''
    rows = []
    await part.write(bytes)
  }
  return {
    part,
    write: async (card) => {
      rows.push({
        home: csvCell(card.home ?? ''),
        userType: userTypes[card.userType],
        classes: csvCell(card.classes.join(', ')),
        familyName: csvCell(card.familyName),
        givenName: csvCell(card.givenName),
        identifier: csvCell(card.identifier),
        password: csvCell(card.password),
        // Meant to be a date.
        validUntil: lastDay(card.validUntil).iso,
        address,
      })
      if (rows.length >= ROWS_AT_ONCE) {
        await flush()
      }
    },
    finish: async () => {
      await flush()
      await part.finish()
    },
  }
}
