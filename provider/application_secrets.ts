import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { SECRET_VARIABLE } from './application_settings.ts'
import { settingName } from './setting_words.ts'
import type { Fault } from './settings_problems.ts'
import type { Environment } from './settings_variables.ts'

type Draft = Record<string, unknown>

interface Read {
  readonly draft: Draft
  readonly faults: Fault[]
  /** Setting → variable that gave it. */
  readonly variables: ReadonlyMap<string, string>
}

/** One secret: found, or why not; nothing where the application names no other place for it. */
type Found = { secret: string; variable?: string } | { setting: string; message: string }

/** In the place of a secret that nobody asks for: the command line speaks to no application. */
const NOT_READ = 'not-read-because-no-application-is-served-here'

/**
 * Puts the secrets kept in files and variables into `client_secret`, where the schema checks
 * them like one written in the settings file. Works on unchecked settings. Where they are not
 * `needed`, one that cannot be read is no fault.
 */
export function readClientSecrets(
  draft: Draft,
  env: Environment,
  folder: string,
  needed: boolean,
): Read {
  const list = draft['applications']
  if (!Array.isArray(list)) return { draft, faults: [], variables: new Map() }
  const faults: Fault[] = []
  const variables = new Map<string, string>()
  const applications = list.map((application: unknown, index) => {
    const found = isGroup(application) ? findSecret(application, env, folder) : undefined
    if (found === undefined) return application
    if ('message' in found && !needed) {
      return { ...(application as Draft), client_secret: NOT_READ }
    }
    if ('message' in found) {
      faults.push({ path: ['applications', index, found.setting], message: found.message })
      return application
    }
    const path = ['applications', index, 'client_secret']
    if (found.variable !== undefined) variables.set(settingName(path), found.variable)
    return { ...(application as Draft), client_secret: found.secret }
  })
  return { draft: { ...draft, applications }, faults, variables }
}

const isGroup = (value: unknown): value is Draft => typeof value === 'object' && value !== null

const PLACES = ['client_secret', 'client_secret_file', 'client_secret_env'] as const

function findSecret(application: Draft, env: Environment, folder: string): Found | undefined {
  const [place, other] = PLACES.filter((name) => typeof application[name] === 'string')
  if (place === undefined) return undefined
  if (other !== undefined) {
    return { setting: other, message: `must not stand beside ${place}: the secret has one place` }
  }
  return READERS[place](String(application[place]), env, folder)
}

const READERS: Record<
  (typeof PLACES)[number],
  (text: string, env: Environment, folder: string) => Found | undefined
> = {
  client_secret: () => undefined,
  client_secret_file: (path, _, folder) => {
    try {
      // Editors end a file with a line break, which is not part of the secret.
      return { secret: readFileSync(resolve(folder, path), 'utf8').replace(/\r?\n$/, '') }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
      return {
        setting: 'client_secret_file',
        message: `names a file that cannot be read (${code})`,
      }
    }
  },
  client_secret_env: (name, env) => {
    if (!SECRET_VARIABLE.test(name)) return undefined
    const secret = env[name]
    return secret === undefined || secret === ''
      ? { setting: 'client_secret_env', message: 'names a variable that is not set' }
      : { secret, variable: name }
  },
}
