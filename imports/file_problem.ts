/** What can be wrong with a file as a whole: nothing of it is then imported. */
const WORDS = {
  unreadable_missing: 'there is no such file',
  unreadable_forbidden: 'may not be read by this user',
  unreadable_folder: 'is a folder, not a file',
  too_large: 'has more than {max} MB',
  empty: 'is empty',
  nobody: 'has a header, and nobody below it',
  no_csv: 'is no CSV file: open it in your spreadsheet and save it as CSV in UTF-8',
  utf16: 'is UTF-16 text: save it as CSV in UTF-8',
  nul: 'has characters of no text (NUL): save it as CSV in UTF-8',
  mixed: 'mixes UTF-8 with another encoding: save it as CSV in UTF-8',
  not_utf8: 'says that it is UTF-8, and is not: save it as CSV in UTF-8',
  no_encoding: 'is text neither in UTF-8 nor in Latin-1 (Windows): save it as CSV in UTF-8',
  line_too_long: 'the line is too long: a quote may be missing here or above',
  too_many_columns: 'has {columns} columns: at most {max} can be read',
  quote_open: 'a quote is opened and never closed',
  quote_closed: 'text follows a closing quote: a quote inside a cell is doubled ("")',
  quote_inside: 'a quote stands inside a cell: put the cell in quotes, the quote doubled',
  not_csv: 'is not CSV here',
} as const

export type FileProblemCode = keyof typeof WORDS

type Params = Readonly<Record<string, string | number>>

export interface FileProblem {
  /** Null: not at a line. */
  readonly line: number | null
  /** Null: said by the command line itself, about columns. */
  readonly code: FileProblemCode | null
  readonly params: Params
  /** In English. */
  readonly message: string
}

export const fileProblemOf = (
  code: FileProblemCode,
  line: number | null = null,
  params: Params = {},
): FileProblem => ({
  line,
  code,
  params,
  message: WORDS[code].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(params[name])),
})

/** Thrown by what reads a file, and caught by what opened it. */
export class BadFile extends Error {
  readonly problem: FileProblem

  constructor(...args: Parameters<typeof fileProblemOf>) {
    const problem = fileProblemOf(...args)
    super(problem.message)
    this.problem = problem
  }
}
