import { z } from 'zod'
import type { Described } from '../accounts/field_words.ts'

export type SettingPath = readonly (string | number)[]

/** The schema as plain data, as people write it (before defaults and conversions). */
export const describeSchema = (schema: z.ZodType): Described =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Described

/** The description of the setting at a path, or undefined where the schema has none. */
export function describedAt(root: Described, path: SettingPath): Described | undefined {
  return path.reduce<Described | undefined>(
    (at, step) => (typeof step === 'number' ? at?.items : at?.properties?.[step]),
    root,
  )
}

/** `applications[0].redirect_uris[1]` */
export const settingName = (path: SettingPath): string =>
  path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)

const range = (least: number | undefined, most: number | undefined): string => {
  const from = least !== undefined && least > Number.MIN_SAFE_INTEGER ? least : undefined
  const to = most !== undefined && most < Number.MAX_SAFE_INTEGER ? most : undefined
  if (from === undefined) return to === undefined ? '' : ` up to ${to}`
  return to === undefined ? ` from ${from}` : ` from ${from} to ${to}`
}

const WORDS_OF_TYPE: Record<string, (described: Described) => string> = {
  boolean: () => 'true or false',
  integer: ({ minimum, maximum }) => `a whole number${range(minimum, maximum)}`,
  string: ({ maxLength }) =>
    maxLength === undefined ? 'text' : `text, up to ${maxLength} characters`,
  array: ({ items }) => (items === undefined ? 'a list' : `a list; each ${allowedWords(items)}`),
  object: ({ properties }) => `a group of settings (${Object.keys(properties ?? {}).join(', ')})`,
}

/** The allowed values, to follow "must be". */
export function allowedWords(described: Described): string {
  if (described.allowed !== undefined) return described.allowed
  if (described.enum !== undefined) return `one of: ${described.enum.join(', ')}`
  return WORDS_OF_TYPE[described.type ?? '']?.(described) ?? 'something else'
}

/** Levenshtein distance: how many letters to add, drop or replace. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

/** `; did you mean "name"?`, or nothing where no known word is near. */
export function didYouMean(written: string, known: readonly string[]): string {
  // Two letters changed places count as two; in a word of three that would be another word.
  const farthest = Math.max(written.length > 3 ? 2 : 1, Math.floor(written.length / 3))
  const [nearest] = known
    .map((word) => ({
      word,
      far: distance(written.toLowerCase().slice(0, 80), word.toLowerCase()),
    }))
    .filter(({ far }) => far <= farthest)
    .sort((a, b) => a.far - b.far)
  return nearest === undefined ? '' : `; did you mean "${nearest.word}"?`
}
