import { CsvError, type Options, parse } from 'csv-parse/sync'
import {
  IN_CLEAR,
  KEYS_MAX,
  type KeyEntry,
  KeyFileRefusal,
  type OpenedKeyFile,
  orProblem,
  readKey,
  shownSerial,
  wholeNumber,
} from './key_entry.ts'

/** A line of a key is far below; more is a quote that was never closed. */
const LINE_CHARACTERS_MAX = 2_000
const CELLS = { least: 5, most: 6 } as const

interface Row {
  readonly cells: readonly string[]
  readonly line: number
}

interface Parsed {
  readonly record: string[]
  readonly info: { readonly lines: number }
}

const OPTIONS = {
  info: true,
  // Neither sign stands inside a cell, so a file may use either.
  delimiter: [',', ';'],
  trim: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: LINE_CHARACTERS_MAX,
  // Enough to know that there are too many: a header, and one key more.
  to: KEYS_MAX + 2,
} satisfies Options

type Rows = { readonly rows: readonly Row[] } | { readonly brokenAt: number | null }

const rowsOf = (text: string): Rows => {
  try {
    const parsed = parse(text, OPTIONS) as unknown as Parsed[]
    const rows = parsed.map(({ record, info }) => ({ cells: record, line: info.lines }))
    return { rows: rows.filter(({ cells }) => cells.some((cell) => cell !== '')) }
  } catch (error) {
    if (!(error instanceof CsvError)) {
      throw error
    }
    // Its own message quotes the file.
    const { lines } = error as CsvError & { lines?: number }
    return { brokenAt: lines ?? null }
  }
}

/** Every line of a key has digits in it; one that names the columns has none. */
const isHeader = ({ cells }: Row): boolean => !cells.some((cell) => /\d/.test(cell))

const kindOf = (cell: string): 'totp' | 'hotp' | null => {
  const kind = cell.toLowerCase()
  return kind === 'totp' || kind === 'hotp' ? kind : null
}

const seedOf = (cell: string): Buffer | null => {
  const hex = cell.replaceAll(/\s/g, '')
  return /^(?:[0-9a-f]{2})+$/i.test(hex) ? Buffer.from(hex, 'hex') : null
}

const readRow = ({ cells, line }: Row): KeyEntry => {
  const [serial = '', seed = '', kind = '', digits = '', turning = '', algorithm = ''] = cells
  if (cells.length < CELLS.least || cells.length > CELLS.most) {
    const reason = `has ${cells.length} cells, not ${CELLS.least} or ${CELLS.most}`
    return { ok: false, line, serial: shownSerial(serial), reason }
  }
  return readKey(line, {
    serial,
    kind: kindOf(kind),
    algorithm,
    digits: wholeNumber(digits),
    periodSeconds: wholeNumber(turning),
    counter: wholeNumber(turning),
    seed: seedOf(seed),
  })
}

/**
 * Reads a file of lines `serial,seed in hex,totp|hotp,digits,period or counter[,hash]`, with commas
 * or semicolons; a first line may name the columns.
 */
export const openOathCsv = (text: string): OpenedKeyFile =>
  orProblem((): OpenedKeyFile => {
    const read = rowsOf(text)
    if ('brokenAt' in read) {
      throw new KeyFileRefusal('is not CSV: a quote is missing or out of place', read.brokenAt)
    }
    const [first] = read.rows
    const rows = first !== undefined && isHeader(first) ? read.rows.slice(1) : read.rows
    if (rows.length === 0) {
      throw new KeyFileRefusal('holds no key')
    }
    if (rows.length > KEYS_MAX) {
      throw new KeyFileRefusal(`holds more than ${KEYS_MAX} keys`)
    }
    return {
      ok: true,
      file: {
        format: 'csv',
        needs: null,
        count: rows.length,
        keys: async () => ({ ok: true, entries: rows.map(readRow), notes: [IN_CLEAR] }),
      },
    }
  })
