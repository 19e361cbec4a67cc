import { Document, isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import { z } from 'zod'
import { type Policy, type PolicySet, policySchema } from '../policies/policy.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { describeSchema } from '../provider/setting_words.ts'
import { readSettingsFile, type Problem as SettingProblem } from '../provider/settings_file.ts'
import { faultsOf, inReadingOrder, placed } from '../provider/settings_problems.ts'
import type { Problem } from './output.ts'
import { POLICY_COMMENTS } from './policy_advice.ts'

const types = Object.fromEntries(
  USER_TYPES.map((type) => [type, policySchema.optional()]),
) as Record<UserType, z.ZodOptional<typeof policySchema>>

/** The file: a policy for some or all user types; what a policy leaves out has its default. */
const fileSchema = z.strictObject({ policies: z.strictObject(types) })

export type ReadPolicies =
  | { readonly ok: true; readonly policies: Partial<PolicySet> }
  | { readonly ok: false; readonly problems: readonly Problem[] }

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
const inWords = ({ where, setting, message }: SettingProblem, path: string): Problem => {
  const [, file] = /^(.*):\d+$/.exec(where) ?? []
  if (file === undefined) {
    return { where: path, message }
  }
  return { where, message: setting === file ? message : `${setting} ${message}` }
}

/** Puts each comment above its rule, and lists on one line. */
const annotate = (map: YAMLMap, prefix: string): void => {
  for (const { key, value } of map.items) {
    const path = `${prefix}${isScalar(key) ? String(key.value) : ''}`
    const comment = POLICY_COMMENTS[path]
    if (isScalar(key) && comment !== undefined) {
      key.commentBefore = ` ${comment}`
    }
    if (isMap(value)) {
      annotate(value, `${path}.`)
    }
  }
}

const flowLists = (map: YAMLMap): void => {
  for (const { value } of map.items) {
    if (isSeq(value)) {
      value.flow = true
    }
    if (isMap(value)) {
      flowLists(value)
    }
  }
}

const HEAD = ` Policies, one for each user type. Check with "policy check", put in force with "policy apply".
 The first is commented; the others have the same rules. A type left out stays as it is,
 a rule left out of a type has its default.`

/** The text of a file that, applied, changes nothing. */
export const writePolicyFile = (policies: PolicySet): string => {
  const ordered: [UserType, Policy][] = USER_TYPES.map((type) => [type, policies[type]])
  const document = new Document(
    { policies: Object.fromEntries(ordered) },
    { aliasDuplicateObjects: false },
  )
  document.commentBefore = HEAD
  const root = document.get('policies')
  if (isMap(root)) {
    flowLists(root)
    const first = root.items[0]?.value
    if (isMap(first)) {
      annotate(first, '')
    }
  }
  return document.toString({ lineWidth: 0 })
}
