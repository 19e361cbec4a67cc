import { stringify } from 'csv-stringify/sync'
import type { Locale } from '../accounts/account.ts'
import type { Card } from '../accounts/temporary_passwords.ts'
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
  /** A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
  escape_formulas: true,
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
  let rows: Row[] = [TEXTS[locale].csvHeader]
  const flush = async (): Promise<void> => {
    const bytes = Buffer.from(text + stringify(rows, { ...LAYOUT, columns: [...CSV_COLUMNS] }))
    text = ''
    rows = []
    await part.write(bytes)
  }
  return {
    part,
    write: async ({ classes, home, validUntil, ...card }) => {
      rows.push({
        ...card,
        home: home ?? '',
        classes: classes.join(', '),
        validUntil: lastDay(validUntil).iso,
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
