import { resolve } from 'node:path'
import { identifierKey } from '../accounts/account.ts'
import { userTypeOf } from '../accounts/person_row.ts'
import { SELECTED_IDENTIFIERS_MAX, type Selection } from '../accounts/ports.ts'
import { selectionWords } from '../accounts/selection_words.ts'
import { isEstablishmentCode } from '../policies/establishment.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { didYouMean } from '../provider/setting_words.ts'
import { decodedText, NOT_TEXT, readBounded } from './bounded_file.ts'
import { type Context, text, UsageError, type Values } from './command.ts'
import { fileProblem } from './output.ts'

/** Whom a command is for, as an option each; together they narrow it. */
export const SELECTION =
  '[--user-type TYPE] [--class CLASS] [--establishment UAI] [--identifiers FILE] [--all]'
export const SELECTION_OPTIONS = {
  'user-type': { type: 'string' },
  class: { type: 'string' },
  establishment: { type: 'string' },
  identifiers: { type: 'string' },
  all: { type: 'boolean' },
} as const

/** Ten thousand identifiers as long as they may be. */
const FILE_BYTES_MAX = 4_000_000

/** Somebody is in it. */
export interface Selected {
  readonly selection: Selection
  /** `student, class 6e A` */
  readonly words: string
  /** How many they are. */
  readonly people: number
  /** Every identifier of the file is somebody's. */
  readonly isWhole: boolean
}

export const namesAnybody = (values: Values): boolean =>
  Object.keys(SELECTION_OPTIONS).some((name) => values[name] !== undefined)

/**
 * `--user-type`, also by the words of schools that a file of people may have; undefined: not given.
 * Throws `UsageError`.
 */
export const readUserType = (values: Values): UserType | undefined => {
  const written = text(values, 'user-type')
  const type = userTypeOf(written ?? '')
  if (written === undefined || type !== undefined) {
    return type
  }
  const hint = didYouMean(written, USER_TYPES)
  throw new UsageError(`--user-type is one of ${USER_TYPES.join(', ')}${hint}`)
}

const given = (values: Values, name: string): string | undefined => {
  const value = text(values, name)?.normalize('NFC').trim()
  if (value === '') {
    throw new UsageError(`--${name} is empty`)
  }
  return value
}

/** `--establishment`, in capitals; undefined: not given. Throws `UsageError`. */
export const readEstablishment = (values: Values): string | undefined => {
  const code = given(values, 'establishment')?.toUpperCase()
  if (code !== undefined && !isEstablishmentCode(code)) {
    throw new UsageError(`--establishment "${code}" is not a UAI code`)
  }
  return code
}

const readOptions = (values: Values): Selection => {
  if (!namesAnybody(values)) {
    throw new UsageError(
      'Say for whom: --user-type, --class, --establishment, --identifiers or --all',
    )
  }
  const selection = {
    userType: readUserType(values),
    className: given(values, 'class'),
    establishment: readEstablishment(values),
  }
  const narrows = Object.values(selection).some((one) => one !== undefined)
  if (values['all'] === true && (narrows || values['identifiers'] !== undefined)) {
    throw new UsageError('--all goes alone: it is everybody')
  }
  return selection
}

/** Identifiers as written, each with the line that it stands on. */
interface Named {
  readonly written: string
  readonly line: number
}

/** By key, once each; or what is wrong with the file. */
const readNames = (bytes: Buffer): ReadonlyMap<string, Named> | string => {
  const content = decodedText(bytes)
  if (content === null) {
    return NOT_TEXT
  }
  const names = new Map<string, Named>()
  for (const [index, line] of content.split(/\r\n?|\n/).entries()) {
    const written = line.trim()
    const key = identifierKey(written)
    if (written !== '' && !names.has(key)) {
      names.set(key, { written, line: index + 1 })
    }
  }
  if (names.size === 0) {
    return 'holds no identifier'
  }
  return names.size > SELECTED_IDENTIFIERS_MAX
    ? `holds ${names.size} identifiers: at most ${SELECTED_IDENTIFIERS_MAX}`
    : names
}

/** The names in a file; null when there are none to be had, which was said. */
const readFile = async (
  { cwd, out }: Context,
  path: string,
): Promise<ReadonlyMap<string, Named> | null> => {
  const file = await readBounded(resolve(cwd, path), FILE_BYTES_MAX)
  const names = file.ok ? readNames(file.bytes) : file.message
  if (typeof names === 'string') {
    out.problem(fileProblem(path, { line: null, message: names }))
    return null
  }
  return names
}

/** Lists names that nobody has; returns how many. */
const sayUnknown = async (
  context: Context,
  path: string,
  names: ReadonlyMap<string, Named>,
): Promise<number> => {
  const { deps } = await context.core()
  const unknown = await deps.store.people.unknown([...names.keys()])
  for (const key of unknown) {
    const { written = key, line = null } = names.get(key) ?? {}
    context.out.problem(fileProblem(path, { line, message: `nobody has "${written}"` }))
  }
  return unknown.length
}

/**
 * Those for whom the command line asks. Null when a file cannot be read or nobody is found, which
 * was said; identifiers that nobody has are listed with their line, and the others are selected.
 * Throws `UsageError`.
 */
export const readSelection = async (context: Context): Promise<Selected | null> => {
  const { values, out } = context
  const options = readOptions(values)
  const path = text(values, 'identifiers')
  const names = path === undefined ? undefined : await readFile(context, path)
  if (names === null) {
    return null
  }
  const unknown =
    path === undefined || names === undefined ? 0 : await sayUnknown(context, path, names)
  const selection: Selection =
    names === undefined ? options : { ...options, identifiers: [...names.keys()] }
  const words = selectionWords(selection)
  const { deps } = await context.core()
  const counts = await deps.store.people.count(selection)
  const people = Object.values(counts).reduce((sum, count) => sum + count, 0)
  if (people === 0) {
    out.problem({ where: words, message: 'nobody is found' })
    return null
  }
  const named = (names?.size ?? people) - unknown
  if (people < named) {
    out.line(`${named - people} of the identifiers left out: disabled, or not of those asked for`)
  }
  return { selection, words, people, isWhole: unknown === 0 }
}
