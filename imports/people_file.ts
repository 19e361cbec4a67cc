import { type BrokenRow, brokenRow } from '../accounts/import_people.ts'
import type { ColumnPlan, FileLayout } from '../accounts/import_ports.ts'
import type { PeopleColumn, PeopleRow } from '../accounts/person_row.ts'
import { isSecretColumn } from './columns.ts'
import { recordsOf } from './table_file.ts'

const SAMPLES = 3
const SAMPLE_LENGTH_MAX = 40
const MASK = '••••••'

type Cell = readonly [index: number, column: PeopleColumn]

/** Rows of people of a file, by its plan. Throws `BadFile` where the file cannot be read. */
export async function* rowsOf(
  path: string,
  layout: FileLayout,
  { columns, fixed }: ColumnPlan,
): AsyncGenerator<PeopleRow | BrokenRow> {
  const cellsAt = columns.flatMap((column, index): Cell[] =>
    column === null ? [] : [[index, column]],
  )
  let isHeader = true
  for await (const { cells, line } of recordsOf(path, layout)) {
    if (!isHeader) {
      yield cells.length === layout.header.length
        ? { line, cells: rowCells(cells, cellsAt, fixed) }
        : brokenRow(line, cells.length, layout.header.length)
    }
    isHeader = false
  }
}

const rowCells = (
  cells: readonly string[],
  cellsAt: readonly Cell[],
  fixed: ColumnPlan['fixed'],
): PeopleRow['cells'] => {
  const row: Partial<Record<PeopleColumn, string>> = { ...fixed }
  for (const [index, column] of cellsAt) {
    row[column] = cells[index] ?? ''
  }
  return row
}

const shortened = (value: string): string => {
  const characters = Array.from(value.replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '\ufffd'))
  return characters.length > SAMPLE_LENGTH_MAX
    ? `${characters.slice(0, SAMPLE_LENGTH_MAX).join('')}…`
    : characters.join('')
}

/** A few values of each column, to know it by; those of secrets are masked. */
export const samplesOf = async (
  path: string,
  layout: FileLayout,
  columns: readonly (PeopleColumn | null)[],
): Promise<string[][]> => {
  const rows: string[][] = []
  for await (const { cells } of recordsOf(path, layout)) {
    rows.push(cells)
    if (rows.length > SAMPLES) {
      break
    }
  }
  return layout.header.map((header, index) => {
    const secret = isSecretColumn(header, columns[index] ?? null)
    return rows.slice(1).map((cells) => {
      const value = cells[index] ?? ''
      return secret && value !== '' ? MASK : shortened(value)
    })
  })
}
