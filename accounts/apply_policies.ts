import { DEFAULT_POLICIES, type PolicySet } from '../policies/policy.ts'
import { type PolicyChange, policyChanges } from '../policies/policy_changes.ts'
import { auditEntry, randomId } from './audit.ts'
import type { Deps, PolicyVersion, Tables } from './ports.ts'

/** Longest reason that is kept with a version. */
export const WHY_LENGTH_MAX = 500

export interface ApplyOptions {
  /** A `sub`, `cli:<system user>`, or `file`. */
  readonly by: string
  readonly why: string
  readonly dryRun: boolean
  /**
   * The version that the policies were made from, which must be the newest still; null: the
   * defaults. Left out: whatever is in force.
   */
  readonly madeFrom?: string | null
}

export type ApplyResult =
  | {
      readonly ok: true
      readonly changes: readonly PolicyChange[]
      /** Null: nothing was to be saved. */
      readonly version: string | null
    }
  /** Somebody else saved one in between. */
  | { readonly ok: false; readonly reason: 'saved_meanwhile' }

type Act = 'policy_applied' | 'policy_undone'

/** Makes a whole set the one in force, inside a transaction. */
const put = async (
  deps: Deps,
  tables: Tables,
  newest: PolicyVersion | null,
  policies: PolicySet,
  { by, why, dryRun, act, undone }: ApplyOptions & { act: Act; undone?: string },
): Promise<ApplyResult> => {
  const changes = policyChanges(newest?.policies ?? DEFAULT_POLICIES, policies)
  if (changes.length === 0 || dryRun) {
    return { ok: true, changes, version: null }
  }
  const id = randomId(deps.random)
  const version = { id, atMs: deps.clock(), by, why, policies }
  if (!(await tables.policies.save(version, newest?.id ?? null))) {
    return { ok: false, reason: 'saved_meanwhile' }
  }
  const userTypes = [...new Set(changes.map(({ userType }) => userType))].join(' ')
  await tables.audit.append(
    auditEntry(deps, {
      act,
      actor: by,
      detail: {
        version: id,
        why,
        user_types: userTypes,
        rules: changes.length,
        ...(undone === undefined ? {} : { undone }),
      },
    }),
  )
  return { ok: true, changes, version: id }
}

const isOutdated = (newest: PolicyVersion | null, { madeFrom }: ApplyOptions): boolean =>
  madeFrom !== undefined && madeFrom !== (newest?.id ?? null)

/**
 * Makes policies the ones in force, for the types given; the others stay as they are. Returns
 * what changed; where nothing does, no version is saved.
 */
export const applyPolicies = (
  deps: Deps,
  given: Partial<PolicySet>,
  options: ApplyOptions,
): Promise<ApplyResult> =>
  deps.store.transact(async (tables) => {
    const newest = await tables.policies.newest()
    if (isOutdated(newest, options)) {
      return { ok: false, reason: 'saved_meanwhile' }
    }
    const policies = { ...(newest?.policies ?? DEFAULT_POLICIES), ...given }
    return put(deps, tables, newest, policies, { ...options, act: 'policy_applied' })
  })

/** What was in force before a version. */
export const policiesBefore = async (
  { policies }: Pick<Tables, 'policies'>,
  id: string,
): Promise<PolicySet> => {
  const [former] = await policies.list(id, 1)
  return former?.policies ?? DEFAULT_POLICIES
}

export type UndoResult = ApplyResult | { readonly ok: false; readonly reason: 'unknown_version' }

/**
 * Goes back to what was in force before a version (null: the newest), as a new version with a
 * reason of its own. What was changed since goes with it: the caller shows it first.
 */
export const undoPolicies = (
  deps: Deps,
  id: string | null,
  options: ApplyOptions,
): Promise<UndoResult> =>
  deps.store.transact(async (tables): Promise<UndoResult> => {
    const newest = await tables.policies.newest()
    const undone = id === null ? newest : await tables.policies.find(id)
    if (undone === null) {
      return { ok: false, reason: 'unknown_version' }
    }
    if (isOutdated(newest, options)) {
      return { ok: false, reason: 'saved_meanwhile' }
    }
    const policies = await policiesBefore(tables, undone.id)
    return put(deps, tables, newest, policies, {
      ...options,
      act: 'policy_undone',
      undone: undone.id,
    })
  })
