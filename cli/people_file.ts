import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { CsvError, type Info, type Options, parse } from 'csv-parse'
import type { BrokenRow } from '../accounts/import_people.ts'
import {
  PEOPLE_COLUMNS,
  type PeopleColumn,
  type PeopleRow,
  REQUIRED_COLUMNS,
  shown,
} from '../accounts/person_row.ts'
import { didYouMean } from '../provider/setting_words.ts'

/** What is wrong with a file as a whole: nothing of it is imported. */
export interface FileProblem {
  /** Null: not at a line. */
  readonly line: number | null
  readonly message: string
}

export interface PeopleFile {
  readonly encoding: Encoding
  readonly delimiter: Delimiter
  readonly columns: readonly PeopleColumn[]
  /** Rows below the header. */
  readonly count: number
  /** Reads the file again, row by row. */
  rows(): AsyncIterable<PeopleRow | BrokenRow>
}

type Encoding = 'utf-8' | 'windows-1252'
type Delimiter = ',' | ';'

/** One row of people is far below; more is a quote that was never closed. */
const ROW_CHARACTERS_MAX = 64_000
const HEADER_BYTES_MAX = 16_000
const UTF16_MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
]

class Refused extends Error {
  readonly line: number | null

  constructor(message: string, line: number | null = null) {
    super(message)
    this.line = line
  }
}

/** UTF-8 throughout, else the Western European encoding of Windows, which contains Latin-1. */
const detectEncoding = async (path: string): Promise<Encoding> => {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let first = true
  let encoding: Encoding = 'utf-8'
  for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
    if (first && UTF16_MARKS.some(([a, b]) => bytes[0] === a && bytes[1] === b)) {
      throw new Refused('is UTF-16 text: save it as CSV in UTF-8')
    }
    first = false
    if (encoding === 'utf-8' && !decodes(decoder, bytes)) {
      encoding = 'windows-1252'
    }
  }
  return encoding === 'utf-8' && !decodes(decoder) ? 'windows-1252' : encoding
}

/** Without bytes: whether the text ends with a whole character. */
const decodes = (decoder: InstanceType<typeof TextDecoder>, bytes?: Buffer): boolean => {
  try {
    decoder.decode(bytes, { stream: bytes !== undefined })
    return true
  } catch {
    return false // Not UTF-8 here: that is the answer.
  }
}

/** The text of the file; a byte order mark is taken off by the decoder. */
async function* textOf(path: string, encoding: Encoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding)
  for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
    const text = decoder.decode(bytes, { stream: true })
    if (text !== '') {
      yield text
    }
  }
}

/** Column names hold neither sign, so the one in the first line is the one in use. */
const detectDelimiter = async (path: string, encoding: Encoding): Promise<Delimiter> => {
  let head = ''
  for await (const text of textOf(path, encoding)) {
    head += text
    if (/\S.*[\r\n]/.test(head) || head.length > HEADER_BYTES_MAX) {
      break
    }
  }
  const [line = ''] = head.trimStart().split(/[\r\n]/)
  return line.split(';').length > line.split(',').length ? ';' : ','
}

interface Record {
  readonly record: string[]
  readonly info: Info
}

const CSV_WORDS: Partial<{ [code in CsvError['code']]: string }> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  CSV_MAX_RECORD_SIZE: 'the line is too long: a quote may be missing here or above',
  CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote: a quote inside a cell is doubled ("")',
  INVALID_OPENING_QUOTE: 'a quote stands inside a cell: put the cell in quotes, the quote doubled',
}

const OPTIONS: Options = {
  info: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: ROW_CHARACTERS_MAX,
}

const count = (cells: readonly string[], what: RegExp): number =>
  cells.reduce((sum, cell) => sum + (cell.match(what)?.length ?? 0), 0)

/** Every record with the line on which it begins. */
async function* recordsOf(
  path: string,
  encoding: Encoding,
  delimiter: Delimiter,
): AsyncGenerator<{ cells: string[]; line: number }> {
  const parser = Readable.from(textOf(path, encoding)).compose(parse({ ...OPTIONS, delimiter }))
  let end = 0
  let countedTwice = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Record>) {
      // The parser counts a CR LF inside a cell as two lines.
      countedTwice += count(record, /\r\n/g)
      end = info.lines - countedTwice
      yield { cells: record, line: end - count(record, /\r\n?|\n/g) }
    }
  } catch (error) {
    throw error instanceof CsvError ? refusedCsv(error, end + 1) : error
  }
}

/** `begin`: the line on which the record that cannot be read begins. */
const refusedCsv = (error: CsvError, begin: number): Refused =>
  new Refused(CSV_WORDS[error.code] ?? 'is not CSV here', begin)

const isColumn = (name: string): name is PeopleColumn =>
  (PEOPLE_COLUMNS as readonly string[]).includes(name)

const checkColumns = (header: readonly string[], line: number): PeopleColumn[] => {
  const names = header.map((name) => name.trim().toLowerCase())
  const unknown = names.filter((name) => !isColumn(name))
  if (unknown.length > 0) {
    const each = unknown.map((name) => `${shown(name)}${didYouMean(name, PEOPLE_COLUMNS)}`)
    const known = `the columns are: ${PEOPLE_COLUMNS.join(', ')}`
    throw new Refused(`unknown column ${each.join(', ')} (${known})`, line)
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new Refused(`column ${twice} is there twice`, line)
  }
  const missing = REQUIRED_COLUMNS.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    throw new Refused(`missing column ${missing.join(', ')}`, line)
  }
  return names.filter(isColumn)
}

const toRow = (
  columns: readonly PeopleColumn[],
  cells: readonly string[],
  line: number,
): PeopleRow | BrokenRow =>
  cells.length === columns.length
    ? { line, cells: Object.fromEntries(columns.map((name, index) => [name, cells[index]])) }
    : { line, problem: `has ${cells.length} cells where the header has ${columns.length}` }

const open = async (path: string): Promise<PeopleFile> => {
  const encoding = await detectEncoding(path)
  const delimiter = await detectDelimiter(path, encoding)
  let columns: PeopleColumn[] | null = null
  let lines = 0
  for await (const { cells, line } of recordsOf(path, encoding, delimiter)) {
    columns ??= checkColumns(cells, line)
    lines += 1
  }
  if (columns === null) {
    throw new Refused('is empty')
  }
  const known = columns
  return {
    encoding,
    delimiter,
    columns,
    count: lines - 1,
    async *rows() {
      let header = true
      for await (const { cells, line } of recordsOf(path, encoding, delimiter)) {
        if (!header) {
          yield toRow(known, cells, line)
        }
        header = false
      }
    },
  }
}

const UNREADABLE: { [code: string]: string } = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder, not a file',
}

/**
 * Opens a CSV file of people and reads it through once, so that what is wrong with the file as a
 * whole is known before anything is written. Memory holds one row at a time.
 */
export const openPeopleFile = async (
  path: string,
): Promise<{ ok: true; file: PeopleFile } | { ok: false; problem: FileProblem }> => {
  try {
    return { ok: true, file: await open(path) }
  } catch (error) {
    if (error instanceof Refused) {
      return { ok: false, problem: { line: error.line, message: error.message } }
    }
    const message = UNREADABLE[(error as NodeJS.ErrnoException).code ?? '']
    if (message === undefined) {
      throw error
    }
    return { ok: false, problem: { line: null, message } }
  }
}
