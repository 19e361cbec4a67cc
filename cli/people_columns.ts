import type { ColumnPlan } from '../accounts/import_ports.ts'
import { PEOPLE_COLUMNS, type PeopleColumn, shown } from '../accounts/person_row.ts'
import {
  FIXED_COLUMNS,
  faultsOfPlan,
  headerKey,
  isColumn,
  likelyColumn,
  type PlanFault,
  type Remembered,
} from '../imports/columns.ts'
import { didYouMean } from '../provider/setting_words.ts'
import { UsageError } from './command.ts'

/** What the command line says of columns. */
export interface GivenColumns {
  /** By `headerKey`; null: not used. */
  readonly map: Remembered
  readonly fixed: ColumnPlan['fixed']
}

const NOT_USED = '-'

const columnNamed = (name: string, option: string): PeopleColumn => {
  if (!isColumn(name)) {
    const hint = didYouMean(name, PEOPLE_COLUMNS)
    throw new UsageError(`${option}: there is no column ${shown(name)}${hint}`)
  }
  return name
}

/** A header may hold the sign itself: the last one counts. */
const parts = (text: string, at: number, option: string): [string, string] => {
  if (at < 1 || at === text.length - 1) {
    throw new UsageError(`${option} ${shown(text)} is not of the form NAME=VALUE`)
  }
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

/** Reads `--map "Nom=family_name"` and `--set user_type=student`. Throws `UsageError`. */
export const readGivenColumns = (
  maps: readonly string[],
  sets: readonly string[],
): GivenColumns => {
  const map = new Map<string, PeopleColumn | null>()
  for (const text of maps) {
    const [header, column] = parts(text, text.lastIndexOf('='), '--map')
    map.set(headerKey(header), column === NOT_USED ? null : columnNamed(column, '--map'))
  }
  const fixed: Partial<Record<PeopleColumn, string>> = {}
  for (const text of sets) {
    const [name, value] = parts(text, text.indexOf('='), '--set')
    const column = columnNamed(name, '--set')
    if (!(FIXED_COLUMNS as readonly string[]).includes(column)) {
      const known = FIXED_COLUMNS.join(', ')
      throw new UsageError(`--set: ${column} differs from line to line (${known} may be set)`)
    }
    fixed[column] = value
  }
  return { map, fixed }
}

export type ChosenColumns =
  | { readonly ok: true; readonly plan: ColumnPlan; readonly remembered: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly unknown: boolean }

const unknownColumns = (names: readonly string[]): string => {
  const each = names.map((name) => {
    const likely = likelyColumn(name)
    return likely === null
      ? `${shown(name)}${didYouMean(name.toLowerCase(), PEOPLE_COLUMNS)}`
      : `${shown(name)}; did you mean --map ${shown(`${name}=${likely}`)}?`
  })
  return `unknown column ${each.join(', ')} (the columns are: ${PEOPLE_COLUMNS.join(', ')})`
}

const FAULT_WORDS: Record<PlanFault['code'], (columns: string) => string> = {
  missing: (columns) => `missing column ${columns}`,
  twice: (columns) => `column ${columns} is there twice`,
  fixed_and_column: (columns) => `column ${columns} is in the file, and set by --set`,
}

/**
 * What each column of a file is: what `--map` says, its own name, else what was said of it in the
 * console. A likely name alone is not enough where nobody looks.
 */
export const chooseColumns = (
  header: readonly string[],
  given: GivenColumns,
  remembered: Remembered,
): ChosenColumns => {
  const names = header.map((name) => name.toLowerCase())
  const meant = names.map((name) => {
    const said = given.map.get(headerKey(name))
    const own = isColumn(name) ? name : remembered.get(headerKey(name))
    return said === undefined ? own : said
  })
  const unknown = names.filter((_, index) => meant[index] === undefined)
  if (unknown.length > 0) {
    return { ok: false, message: unknownColumns(unknown), unknown: true }
  }
  const plan = { columns: meant.map((column) => column ?? null), fixed: given.fixed }
  const [fault] = faultsOfPlan(plan).toSorted((a, b) => ORDER[a.code] - ORDER[b.code])
  if (fault !== undefined) {
    const message = FAULT_WORDS[fault.code](fault.columns.join(', '))
    return { ok: false, message, unknown: false }
  }
  const used = header.filter(
    (name) => !isColumn(name.toLowerCase()) && !given.map.has(headerKey(name)),
  )
  return { ok: true, plan, remembered: used }
}

const ORDER: Record<PlanFault['code'], number> = { twice: 0, fixed_and_column: 1, missing: 2 }
