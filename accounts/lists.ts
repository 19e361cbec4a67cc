import type { AuditSearch, Overview } from './audit_search.ts'
import type { PeopleSearch } from './people_search.ts'
import type { PolicyReach } from './policy_reach.ts'

/** What the console reads over everybody, beside the writers: nobody waits for it but who asked. */
export interface Lists {
  readonly people: PeopleSearch
  readonly audit: AuditSearch
  readonly overview: Overview
  readonly policyReach: PolicyReach
}
