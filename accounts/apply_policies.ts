import type { Policy, PolicySet } from '../policies/policy.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { auditEntry, randomId } from './audit.ts'
import type { Deps } from './ports.ts'

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
const flatten = (group: object, prefix = ''): [path: string, value: unknown][] =>
  Object.entries(group).flatMap(([key, value]: [string, unknown]): [string, unknown][] =>
    isGroup(value) ? flatten(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value]],
  )

const changesOfType = (userType: UserType, before: Policy, after: Policy): PolicyChange[] => {
  const from = new Map(flatten(before))
  const to = new Map(flatten(after))
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((path) => JSON.stringify(from.get(path)) !== JSON.stringify(to.get(path)))
    .map((path) => ({ userType, path, from: from.get(path), to: to.get(path) }))
}

/** What differs between two sets of policies, rule by rule. */
const policyChanges = (before: PolicySet, after: PolicySet): PolicyChange[] =>
  USER_TYPES.flatMap((type) => changesOfType(type, before[type], after[type]))

/**
 * Makes policies the ones in force, for the types given; the others stay as they are. Returns
 * what changed; where nothing does, no version is saved.
 */
export const applyPolicies = (
  deps: Deps,
  given: Partial<PolicySet>,
  { by, why, dryRun }: { by: string; why: string; dryRun: boolean },
): Promise<PolicyChange[]> =>
  deps.store.transact(async (tables) => {
    const before = await tables.policies.current()
    const policies = { ...before, ...given }
    const changes = policyChanges(before, policies)
    if (changes.length === 0 || dryRun) {
      return changes
    }
    const id = randomId(deps.random)
    await tables.policies.save({ id, atMs: deps.clock(), by, why, policies })
    const userTypes = [...new Set(changes.map(({ userType }) => userType))].join(' ')
    await tables.audit.append(
      auditEntry(deps, {
        act: 'policy_applied',
        actor: by,
        detail: { version: id, why, user_types: userTypes, rules: changes.length },
      }),
    )
    return changes
  })
