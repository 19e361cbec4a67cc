import type { Kysely, Selectable } from 'kysely'
import { AppError } from '../accounts/errors.ts'
import type { PolicyStore, PolicyVersion } from '../accounts/ports.ts'
import { DEFAULT_POLICIES, type PolicySet, policySchema } from '../policies/policy.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

/** The newest version, parsed. Shared by all stores of one process. */
export interface PolicyCache {
  newest: PolicyVersion | null
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

const versionOf = ({
  id,
  at_ms,
  saved_by,
  why,
  policies,
}: Selectable<Schema['policy_versions']>): PolicyVersion => ({
  id,
  atMs: at_ms,
  by: saved_by,
  why,
  policies: parsePolicies(id, policies),
})

const newestId = async (db: Kysely<Schema>): Promise<string | null> => {
  const row = await db
    .selectFrom('policy_versions')
    .select('id')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.id ?? null
}

const find = async (db: Kysely<Schema>, id: string): Promise<PolicyVersion | null> => {
  const row = await db
    .selectFrom('policy_versions')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : versionOf(row)
}

/** Policies in SQL. Another process may save at any time, so that the newest id is always read. */
export const createPolicyStore = ({ db, atomically }: Sql, cache: PolicyCache): PolicyStore => {
  const newest = async (): Promise<PolicyVersion | null> => {
    const id = await newestId(db)
    if (id !== null && cache.newest?.id !== id) {
      cache.newest = await find(db, id)
    }
    return id === null ? null : cache.newest
  }
  return {
    async current() {
      return (await newest())?.policies ?? DEFAULT_POLICIES
    },
    newest,
    find: (id) => find(db, id),
    async list(before, limit) {
      const rows = await db
        .selectFrom('policy_versions')
        .selectAll()
        .$if(before !== null, (query) =>
          query.where('seq', '<', ({ selectFrom }) =>
            selectFrom('policy_versions as seen').select('seen.seq').where('seen.id', '=', before),
          ),
        )
        .orderBy('seq', 'desc')
        .limit(limit)
        .execute()
      return rows.map(versionOf)
    },
    save: ({ id, atMs, by, why, policies }, expectedId) =>
      atomically(async (tx) => {
        if ((await newestId(tx)) !== expectedId) {
          return false
        }
        await tx
          .insertInto('policy_versions')
          .values({ id, at_ms: atMs, saved_by: by, why, policies: JSON.stringify(policies) })
          .execute()
        return true
      }),
  }
}
