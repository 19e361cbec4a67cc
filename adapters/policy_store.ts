import { AppError } from '../accounts/errors.ts'
import type { PolicyStore } from '../accounts/ports.ts'
import { DEFAULT_POLICIES, type PolicySet, policySchema } from '../policies/policy.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import type { Sql } from './sql.ts'

/** The newest version, parsed. Shared by all stores of one process. */
export interface PolicyCache {
  newest: { readonly id: string; readonly policies: PolicySet } | null
}

const unreadable = (id: string, cause: unknown): AppError =>
  new AppError('unavailable', `version ${id} of the policies cannot be read`, { cause })

/** A type that the version does not name has the defaults. Fails closed on what cannot be read. */
const parsePolicies = (id: string, json: string): PolicySet => {
  try {
    const stored = JSON.parse(json) as Partial<Record<string, unknown>>
    const entries = USER_TYPES.map((type) => [type, policySchema.parse(stored[type] ?? {})])
    return Object.freeze(Object.fromEntries(entries) as Record<keyof PolicySet, PolicySet['staff']>)
  } catch (cause) {
    throw unreadable(id, cause)
  }
}

/** Policies in SQL. Another process may save at any time, so that the newest id is always read. */
export const createPolicyStore = ({ db }: Sql, cache: PolicyCache): PolicyStore => ({
  async current() {
    const newest = await db
      .selectFrom('policy_versions')
      .select('id')
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (newest === undefined) {
      return DEFAULT_POLICIES
    }
    if (cache.newest?.id === newest.id) {
      return cache.newest.policies
    }
    const { id, policies } = await db
      .selectFrom('policy_versions')
      .select(['id', 'policies'])
      .where('id', '=', newest.id)
      .executeTakeFirstOrThrow()
    cache.newest = { id, policies: parsePolicies(id, policies) }
    return cache.newest.policies
  },
  async save({ id, atMs, by, why, policies }) {
    await db
      .insertInto('policy_versions')
      .values({ id, at_ms: atMs, saved_by: by, why, policies: JSON.stringify(policies) })
      .execute()
  },
})
