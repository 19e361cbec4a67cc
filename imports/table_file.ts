import { Readable } from 'node:stream'
import { CsvError, type Info, type Options, parse } from 'csv-parse'
import type { FileLayout } from '../accounts/import_ports.ts'
import { BadFile, type FileProblem, type FileProblemCode, fileProblemOf } from './file_problem.ts'
import { detectEncoding, ROW_CHARACTERS_MAX, textOf } from './text_encoding.ts'

type Encoding = FileLayout['encoding']
type Delimiter = FileLayout['delimiter']

export interface TableRecord {
  readonly cells: string[]
  /** In the file, on which it begins; the first is 1. */
  readonly line: number
}

const DELIMITERS = [',', ';', '\t'] as const
const HEADER_CHARACTERS_MAX = ROW_CHARACTERS_MAX
/** Far more than any directory writes. */
export const COLUMNS_MAX = 200

/** What Excel writes on a line of its own above the header. */
const SEPARATOR_LINE = /^"?sep=([,;\t])"?$/i

/** The sign that the first line has most often outside quotes. */
const detectDelimiter = async (path: string, encoding: Encoding): Promise<Delimiter> => {
  let head = ''
  for await (const text of textOf(path, encoding)) {
    head += text
    if (/\S.*[\r\n]/.test(head) || head.length > HEADER_CHARACTERS_MAX) {
      break
    }
  }
  const [first = ''] = head.trimStart().split(/[\r\n]/)
  const said = SEPARATOR_LINE.exec(first)?.[1]
  const bare = first.replaceAll(/"[^"]*"/g, '')
  const often = (delimiter: Delimiter): number => bare.split(delimiter).length
  const [most] = DELIMITERS.toSorted((a, b) => often(b) - often(a))
  return (said as Delimiter | undefined) ?? most ?? ','
}

interface Parsed {
  readonly record: string[]
  readonly info: Info
}

const CSV_PROBLEMS: Partial<{ [code in CsvError['code']]: FileProblemCode }> = {
  CSV_QUOTE_NOT_CLOSED: 'quote_open',
  CSV_MAX_RECORD_SIZE: 'line_too_long',
  CSV_INVALID_CLOSING_QUOTE: 'quote_closed',
  INVALID_OPENING_QUOTE: 'quote_inside',
}

const OPTIONS: Options = {
  info: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: ROW_CHARACTERS_MAX,
  // Found out by itself, the first one would hold for all: the others would stand in cells.
  record_delimiter: ['\r\n', '\n', '\r'],
}

const count = (cells: readonly string[], what: RegExp): number =>
  cells.reduce((sum, cell) => sum + (cell.match(what)?.length ?? 0), 0)

const HAS_BREAK = /[\r\n]/

/** `begin`: the line on which the record that cannot be read begins. */
const badCsv = (error: CsvError, begin: number): BadFile =>
  new BadFile(CSV_PROBLEMS[error.code] ?? 'not_csv', begin)

/** Every record with the line on which it begins. Throws `BadFile`. */
async function* allRecords(
  path: string,
  { encoding, delimiter }: Pick<FileLayout, 'encoding' | 'delimiter'>,
): AsyncGenerator<TableRecord> {
  const parser = Readable.from(textOf(path, encoding)).compose(parse({ ...OPTIONS, delimiter }))
  let end = 0
  let countedTwice = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      const broken = record.some((cell) => HAS_BREAK.test(cell))
      // The parser counts a CR LF inside a cell as two lines.
      countedTwice += broken ? count(record, /\r\n/g) : 0
      end = info.lines - countedTwice
      yield { cells: record, line: end - (broken ? count(record, /\r\n?|\n/g) : 0) }
    }
  } catch (error) {
    throw error instanceof CsvError ? badCsv(error, end + 1) : error
  }
}

/** As written: header first. Excel's line about the separator is none. Throws `BadFile`. */
export async function* recordsOf(
  path: string,
  layout: Pick<FileLayout, 'encoding' | 'delimiter'>,
): AsyncGenerator<TableRecord> {
  let first = true
  for await (const record of allRecords(path, layout)) {
    const { cells } = record
    // With that sign as the delimiter the line falls in two.
    const isAboutSeparator = first && SEPARATOR_LINE.test(cells.join(layout.delimiter))
    first = false
    if (!isAboutSeparator) {
      yield record
    }
  }
}

export interface TableFile extends FileLayout {
  /** The line on which the header stands. */
  readonly headerLine: number
}

const open = async (path: string): Promise<TableFile> => {
  const encoding = await detectEncoding(path)
  const delimiter = await detectDelimiter(path, encoding)
  let header: TableRecord | null = null
  let lines = 0
  for await (const record of recordsOf(path, { encoding, delimiter })) {
    if (header === null && record.cells.length > COLUMNS_MAX) {
      const params = { columns: record.cells.length, max: COLUMNS_MAX }
      throw new BadFile('too_many_columns', record.line, params)
    }
    header ??= record
    lines += 1
  }
  if (header === null) {
    throw new BadFile('empty')
  }
  const names = header.cells.map((name) => name.trim())
  return { encoding, delimiter, header: names, count: lines - 1, headerLine: header.line }
}

const UNREADABLE: { readonly [code: string]: FileProblemCode } = {
  ENOENT: 'unreadable_missing',
  EACCES: 'unreadable_forbidden',
  EISDIR: 'unreadable_folder',
}

export type OpenedTable =
  | { readonly ok: true; readonly table: TableFile }
  | { readonly ok: false; readonly problem: FileProblem }

/**
 * Opens a file of lines and cells and reads it through once, so that what is wrong with the file as
 * a whole is known before anything is done. Memory holds one row at a time.
 */
export const openTable = async (path: string): Promise<OpenedTable> => {
  try {
    return { ok: true, table: await open(path) }
  } catch (error) {
    if (error instanceof BadFile) {
      return { ok: false, problem: error.problem }
    }
    const code = UNREADABLE[(error as NodeJS.ErrnoException).code ?? '']
    if (code === undefined) {
      throw error
    }
    return { ok: false, problem: fileProblemOf(code) }
  }
}
