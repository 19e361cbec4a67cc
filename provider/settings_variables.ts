import type { Described } from '../accounts/field_words.ts'
import { describedAt, didYouMean, type SettingPath } from './setting_words.ts'
import type { Problem } from './settings_file.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'VESTIBULE_'
export const CONFIG_VARIABLE = `${PREFIX}CONFIG`

/** Keys of the gateway, with the words that somebody may try in the settings file. */
export const KEY_VARIABLES = {
  signing: {
    variable: 'VESTIBULE_SIGNING_KEYS',
    meaning: 'Private keys that sign tokens, as a JSON Web Key Set.',
  },
  cookies: { variable: 'VESTIBULE_COOKIE_KEYS', meaning: 'Keys that sign cookies, newest first.' },
  pepper: {
    variable: 'VESTIBULE_PEPPER',
    meaning:
      'Seals the hashes of passwords and PINs, and makes those of temporary passwords. Where it is rotated, `k2:NEW,k1:OLD`, the old key stays: passwords of before need it.',
  },
  sealing: {
    variable: 'VESTIBULE_SEALING_KEY',
    meaning: 'Seals the seeds of OTP keys, mails not sent yet, and what a form keeps.',
  },
  pairwise: { variable: 'VESTIBULE_PAIRWISE_SALT', meaning: 'Makes pairwise identifiers.' },
  digest: {
    variable: 'VESTIBULE_DIGEST_KEY',
    meaning: 'Key of the keyed digests in the database.',
  },
  dpopNonce: { variable: 'VESTIBULE_DPOP_NONCE_SECRET', meaning: 'Makes DPoP nonces.' },
} as const

export type KeyName = keyof typeof KEY_VARIABLES
export type GivenKeys = Partial<Record<KeyName, string>>

const KEYS = Object.entries(KEY_VARIABLES) as [KeyName, { variable: string; meaning: string }][]

/** Variables that mean something elsewhere: the demonstration, and secrets of applications. */
const FOREIGN = /^VESTIBULE_(DEMO|SECRET)_/

const GROUPS_WITHOUT_VARIABLES = ['applications']

/** The variable of a setting: its path in capitals. `school.name` → `VESTIBULE_SCHOOL_NAME`. */
export const variableOf = (path: SettingPath): string => `${PREFIX}${path.join('_').toUpperCase()}`

/** Every setting that a variable can give, with its description. */
export function settingsWithVariables(
  { properties = {} }: Described,
  above: readonly string[] = [],
): { path: readonly string[]; described: Described }[] {
  return Object.entries(properties).flatMap(([key, described]) => {
    const path = [...above, key]
    if (GROUPS_WITHOUT_VARIABLES.includes(key)) return []
    const isGroup = described.type === 'object' && described.one_value !== true
    return isGroup ? settingsWithVariables(described, path) : [{ path, described }]
  })
}

/** Text → the type that the schema expects; what does not fit stays text and is refused there. */
const CONVERSIONS: Record<string, (text: string) => unknown> = {
  integer: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text),
  boolean: (text) => ({ true: true, false: false })[text] ?? text,
  array: (text) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
}

interface Given {
  readonly path: readonly string[]
  readonly variable: string
  readonly value: unknown
}

/** Reads all `VESTIBULE_*` variables but `VESTIBULE_CONFIG`. Values are checked by the schema. */
export function readVariables(
  env: Environment,
  schema: Described,
): { given: Given[]; keys: GivenKeys; problems: Problem[] } {
  const settings = settingsWithVariables(schema)
  const ours = Object.keys(env).filter((name) => isOurs(name) && env[name] !== undefined)
  const given = settings.flatMap(({ path, described }): Given[] => {
    const variable = variableOf(path)
    const text = env[variable]
    if (text === undefined || (text === '' && described.type !== 'array')) return []
    const convert = CONVERSIONS[described.type ?? '']
    return [{ path, variable, value: convert === undefined ? text : convert(text) }]
  })
  const keys = KEYS.flatMap(([name, { variable }]) => {
    const text = env[variable]
    return text === undefined ? [] : [[name, text] as const]
  })
  const known = [
    CONFIG_VARIABLE,
    ...settings.map(({ path }) => variableOf(path)),
    ...KEYS.map(([, { variable }]) => variable),
  ]
  const unknown = ours
    .filter((name) => !known.includes(name))
    .map((name) => ({
      where: name,
      setting: name,
      message: `is not a variable that the gateway knows${didYouMean(name, known)}`,
    }))
  const empty = ours
    .filter((name) => env[name] === '' && known.includes(name) && !isList(name, settings))
    .map((name) => ({
      where: name,
      setting: name,
      message: 'is empty: give it a value, or unset it',
    }))
  return { given, keys: Object.fromEntries(keys), problems: [...unknown, ...empty] }
}

const isOurs = (name: string): boolean => name.startsWith(PREFIX) && !FOREIGN.test(name)

/** Empty lists are meant: `VESTIBULE_TRUSTED_PROXIES=` trusts nobody, whatever the file says. */
const isList = (name: string, settings: ReturnType<typeof settingsWithVariables>): boolean =>
  settings.some(({ path, described }) => variableOf(path) === name && described.type === 'array')

/** The settings of the file with those of variables over them. */
export function overlay(
  file: Record<string, unknown>,
  given: readonly Given[],
): Record<string, unknown> {
  const draft = structuredClone(file)
  for (const { path, value } of given) {
    const group = groupAt(draft, path.slice(0, -1))
    const last = path.at(-1)
    if (group !== undefined && last !== undefined) group[last] = value
  }
  return draft
}

/** The group, made when it is missing; undefined where the file has something else in its place. */
function groupAt(
  root: Record<string, unknown>,
  path: readonly string[],
): Record<string, unknown> | undefined {
  let group: unknown = root
  for (const step of path) {
    if (!isGroup(group)) return undefined
    group[step] ??= {}
    group = group[step]
  }
  return isGroup(group) ? group : undefined
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Why a secret of the gateway must not stand in the settings file; undefined: it is none. */
export function keyInFile(name: string): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/^vestibule_/, '')
  const found = KEYS.find(([key, { variable }]) =>
    [
      plain(variable),
      key.toLowerCase(),
      plain(variable).replace(/_(keys?|salt|secret)$/, ''),
    ].includes(plain(name)),
  )
  if (found === undefined && plain(name) !== 'keys') return undefined
  const variable = found?.[1].variable ?? 'a variable such as VESTIBULE_PEPPER'
  return (
    'must not stand in this file, which is copied and shown around: keys are made in the data ' +
    `folder at the first start, or given by ${variable}`
  )
}

/** The description of a setting in words, for `did you mean`. */
export const namesIn = (schema: Described, path: SettingPath): string[] =>
  Object.keys(describedAt(schema, path)?.properties ?? {})
