import { dirname } from 'node:path'
import { z } from 'zod'
import { applyPolicies } from '../accounts/apply_policies.ts'
import { AppError } from '../accounts/errors.ts'
import type { Deps } from '../accounts/ports.ts'
import { DEFAULT_POLICIES, type PolicySet, policySchema } from '../policies/policy.ts'
import type { PolicyChange } from '../policies/policy_changes.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { describeSchema } from './setting_words.ts'
import { readSettingsFile, type Problem as SettingProblem } from './settings_file.ts'
import { faultsOf, inReadingOrder, placed } from './settings_problems.ts'

/** What is wrong, and where: `policies.yaml:12`. */
export interface PolicyProblem {
  readonly where: string
  readonly message: string
}

const types = Object.fromEntries(
  USER_TYPES.map((type) => [type, policySchema.optional()]),
) as Record<UserType, z.ZodOptional<typeof policySchema>>

/** The file: a policy for some or all user types; what a policy leaves out has its default. */
const fileSchema = z.strictObject({ policies: z.strictObject(types) })

export type ReadPolicies =
  | { readonly ok: true; readonly policies: Partial<PolicySet> }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

/** Reads a file of policies; every problem names its line. */
export const readPolicyFile = (path: string, cwd: string): ReadPolicies => {
  const file = readSettingsFile(path, cwd)
  const parsed = fileSchema.safeParse(file.value)
  const faults =
    !file.readable || parsed.success
      ? []
      : faultsOf(parsed.error.issues, describeSchema(fileSchema), file.value)
  const origins = { variables: new Map<string, string>(), locate: file.locate }
  const problems = inReadingOrder([...file.problems, ...placed(faults, origins)])
  if (problems.length > 0 || !parsed.success) {
    return { ok: false, problems: problems.map((problem) => inWords(problem, path)) }
  }
  const given = Object.entries(parsed.data.policies).filter(([, policy]) => policy !== undefined)
  return { ok: true, policies: Object.fromEntries(given) as Partial<PolicySet> }
}

/** A file that cannot be read is blamed on a variable by the reader of settings. */
const inWords = ({ where, setting, message }: SettingProblem, path: string): PolicyProblem => {
  const [, file] = /^(.*):\d+$/.exec(where) ?? []
  if (file === undefined) {
    return { where: path, message }
  }
  return { where, message: setting === file ? message : `${setting} ${message}` }
}

/** Who put a file's policies in force, for the audit and the history. */
export const POLICY_FILE_ACTOR = 'file'

/**
 * Puts the file that is the master of policies in force; where they are already, nothing is saved.
 * Throws `AppError('unavailable')` with every problem of the file, one a line.
 */
export const applyPolicyFile = async (
  deps: Deps,
  path: string,
): Promise<readonly PolicyChange[]> => {
  const read = readPolicyFile(path, dirname(path))
  if (!read.ok) {
    const problems = read.problems.map(({ where, message }) => `${where}: ${message}`)
    throw new AppError('unavailable', problems.join('\n'))
  }
  const result = await applyPolicies(
    deps,
    { ...DEFAULT_POLICIES, ...read.policies },
    { by: POLICY_FILE_ACTOR, why: path, dryRun: false },
  )
  return result.ok ? result.changes : [] // Saved from whatever is in force: never in between.
}
