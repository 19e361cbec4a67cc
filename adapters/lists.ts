import type { Kysely } from 'kysely'
import type { Lists } from '../accounts/lists.ts'
import { createAuditSearch } from './audit_search.ts'
import { createOverview } from './overview.ts'
import { createPeopleSearch } from './people_search.ts'
import { createPolicyReach } from './policy_reach.ts'
import type { Schema } from './schema.ts'

/** Lists over everybody, read through `db`. */
export const createLists = (db: Kysely<Schema>): Lists => ({
  people: createPeopleSearch(db),
  audit: createAuditSearch(db),
  overview: createOverview(db),
  policyReach: createPolicyReach(db),
})
