import type { z } from 'zod'
import type { Described } from '../accounts/field_words.ts'
import {
  allowedWords,
  describedAt,
  didYouMean,
  type SettingPath,
  settingName,
} from './setting_words.ts'
import type { Problem } from './settings_file.ts'
import { keyInFile, namesIn, variableOf } from './settings_variables.ts'

type Issue = z.core.$ZodIssue

/** What is wrong at which setting, before it is known where that was written. */
export interface Fault {
  readonly path: SettingPath
  readonly message: string
}

/** What zod says where a refinement has no words of its own. */
const NO_WORDS = 'Invalid input'

/** Faults in words. `draft` is what was checked: it tells a missing setting from a wrong one. */
export function faultsOf(issues: readonly Issue[], schema: Described, draft: unknown): Fault[] {
  const faults = issues.flatMap((issue): Fault[] => {
    const path = issue.path.filter((step) => typeof step !== 'symbol')
    return issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          path: [...path, key],
          message: unknownKey(key, namesIn(schema, path), path),
        }))
      : [{ path, message: wrongValue(issue, path, schema, draft) }]
  })
  // Several checks of one value would say the same words twice.
  return faults.filter(
    (fault, index) =>
      faults.findIndex(
        (one) => one.message === fault.message && settingName(one.path) === settingName(fault.path),
      ) === index,
  )
}

function unknownKey(key: string, known: readonly string[], path: SettingPath): string {
  const secret = path.length === 0 ? keyInFile(key) : undefined
  if (secret !== undefined) return secret
  const hint = didYouMean(key, known)
  return `is not a setting${hint === '' ? `; known here: ${known.join(', ')}` : hint}`
}

function wrongValue(issue: Issue, path: SettingPath, schema: Described, draft: unknown): string {
  if (issue.code === 'custom' && issue.message !== NO_WORDS) return issue.message
  const described = describedAt(schema, path)
  const allowed = described === undefined ? 'something else' : allowedWords(described)
  const value = valueAt(draft, path)
  if (value === undefined) return `is missing: it must be ${allowed}`
  return `must be ${allowed}${hintFor(value, described)}`
}

/** The value itself is not repeated: it may be a secret that landed on the wrong line. */
function hintFor(value: unknown, described: Described | undefined): string {
  if (described?.type === 'string' && typeof value !== 'string' && typeof value !== 'object') {
    return ' (put it in quotes: without them it is read as a number, true or false)'
  }
  return typeof value === 'string' ? didYouMean(value, (described?.enum ?? []).map(String)) : ''
}

const valueAt = (draft: unknown, path: SettingPath): unknown =>
  path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null
        ? (at as Record<string | number, unknown>)[step]
        : undefined,
    draft,
  )

/** Where each setting came from. */
export interface Origins {
  /** Setting (as `settingName`) → the variable that gave it. */
  readonly variables: ReadonlyMap<string, string>
  locate(path: SettingPath): string | undefined
}

/** Faults with their places, in the order of the file, then of the variables. */
export function placed(faults: readonly Fault[], origins: Origins): Problem[] {
  return faults.map(({ path, message }) => ({
    where: placeOf(path, origins),
    setting: settingName(path),
    message,
  }))
}

function placeOf(path: SettingPath, { variables, locate }: Origins): string {
  const byVariable = path
    .map((_, index) => variables.get(settingName(path.slice(0, index + 1))))
    .find((variable) => variable !== undefined)
  const names = path.filter((step) => typeof step === 'string')
  return byVariable ?? locate(path) ?? variableOf(names)
}

/** Ten after nine: places are ordered as people read them. */
export const inReadingOrder = (problems: readonly Problem[]): Problem[] =>
  problems.toSorted((a, b) => a.where.localeCompare(b.where, 'en', { numeric: true }))
