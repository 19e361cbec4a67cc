/** What is wrong, and where: `policies.yaml:12: pin.tries must be …`. */
export interface Problem {
  readonly where: string
  readonly message: string
}

/** Where a command speaks. Results go to standard output, what is wrong to standard error. */
export interface Output {
  readonly json: boolean
  /** For people, one line; silent where machines read. */
  line(text: string): void
  /** For machines, as one JSON value; silent where people read. */
  data(value: unknown): void
  problem(problem: Problem): void
  progress(done: number, total: number): void
}

const BAR_WIDTH = 30
const CLEAR_LINE = '\r\u001b[2K'
/** What gives orders to a terminal, begins a line, or turns the direction of text. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028-\u202e\u2066-\u2069]/gu

const escapeOf = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * One line of text, whatever it was made of: nothing that was imported, stored or typed gives
 * orders to a terminal or passes for a line of ours. In JSON the escapes stand for themselves.
 */
export const printable = (text: string): string => text.replaceAll(UNSAFE, escapeOf)

export const createOutput = (
  json: boolean,
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
): Output => {
  let drawn = ''
  const clear = (): void => {
    if (drawn !== '') {
      stderr.write(CLEAR_LINE)
      drawn = ''
    }
  }
  return {
    json,
    line: (text) => {
      clear()
      if (!json) {
        stdout.write(`${printable(text)}\n`)
      }
    },
    data: (value) => {
      clear()
      if (json) {
        stdout.write(`${printable(JSON.stringify(value))}\n`)
      }
    },
    problem: ({ where, message }) => {
      clear()
      stderr.write(`${printable(where)}: ${printable(message)}\n`)
    },
    progress: (done, total) => {
      const part = total === 0 ? 1 : Math.min(1, done / total)
      const full = Math.floor(part * BAR_WIDTH)
      const bar = `${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)} ${Math.floor(part * 100)} %`
      if (stderr.isTTY && bar !== drawn) {
        stderr.write(`${CLEAR_LINE}${bar}`)
        drawn = bar
      }
      if (part === 1) {
        clear()
      }
    },
  }
}

export const fileProblem = (
  path: string,
  { line, message }: { readonly line: number | null; readonly message: string },
): Problem => ({
  where: line === null ? path : `${path}:${line}`,
  message,
})

/** Rows of cells in aligned columns. */
export const table = (cells: readonly (readonly string[])[]): string[] => {
  const rows = cells.map((row) => row.map(printable))
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, index) => Math.max(most[index] ?? 0, cell.length)),
    [],
  )
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** `1 card`, `2 cards`. */
export const many = (count: number, one: string, more = `${one}s`): string =>
  count === 1 ? `1 ${one}` : `${count} ${more}`

/** A name of ours as people read it: `must_change` as "must change". */
export const words = (name: string): string => name.replaceAll('_', ' ')

/** A time for machines; null: there is none. */
export const moment = (ms: number | null): string | null => (ms === null ? null : time(ms))

/** UTC, to the second. */
export const time = (ms: number | null): string =>
  ms === null ? '-' : `${new Date(ms).toISOString().slice(0, 19)}Z`
