import type { Policy, PolicySet } from './policy.ts'
import { USER_TYPES, type UserType } from './user_type.ts'

/** One rule that differs. `path` as in the file: `pin.tries`. */
export interface PolicyChange {
  readonly userType: UserType
  readonly path: string
  /** undefined: was or is not set. */
  readonly from: unknown
  readonly to: unknown
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A policy as a flat list of rules. */
export const rulesByPath = (group: object, prefix = ''): [path: string, value: unknown][] =>
  Object.entries(group).flatMap(([key, value]: [string, unknown]): [string, unknown][] =>
    isGroup(value) ? rulesByPath(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value]],
  )

export const isSameRule = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** What differs between two policies of one type, rule by rule. */
export const changesOfType = (
  userType: UserType,
  before: Policy,
  after: Policy,
): PolicyChange[] => {
  const from = new Map(rulesByPath(before))
  const to = new Map(rulesByPath(after))
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((path) => !isSameRule(from.get(path), to.get(path)))
    .map((path) => ({ userType, path, from: from.get(path), to: to.get(path) }))
}

/** What differs between two sets of policies, rule by rule. */
export const policyChanges = (before: PolicySet, after: PolicySet): PolicyChange[] =>
  USER_TYPES.flatMap((type) => changesOfType(type, before[type], after[type]))

type Tree = { readonly [key: string]: unknown }

/** The same with one rule changed; undefined takes it away. */
export const withRule = (policy: Tree, path: string, value: unknown): Tree => {
  const [key = '', ...rest] = path.split('.')
  if (rest.length === 0) {
    const { [key]: _former, ...others } = policy
    return value === undefined ? others : { ...others, [key]: value }
  }
  const group = policy[key]
  return { ...policy, [key]: withRule(isGroup(group) ? group : {}, rest.join('.'), value) }
}

/**
 * Changes put on top of other policies, as somebody means who made them from an older version. What
 * comes out is still to be parsed: two changes that are each right may not hold together.
 */
export const withChanges = (
  policies: PolicySet,
  changes: readonly PolicyChange[],
): Readonly<Record<UserType, Tree>> => {
  const set = { ...policies } as unknown as Record<UserType, Tree>
  for (const { userType, path, to } of changes) {
    set[userType] = withRule(set[userType], path, to)
  }
  return set
}
