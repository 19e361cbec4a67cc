import type { AdminScope } from '../policies/admin_rights.ts'
import { auditEntry } from './audit.ts'
import { nextTurn } from './next_turn.ts'
import type { PeopleSearch } from './people_search.ts'
import type { Deps } from './ports.ts'

/** People read at once, and identifiers worked out before everybody else has a turn: about 1 ms. */
const READ_AT_ONCE = 5_000
const COMPARED_AT_ONCE = 250

export interface LookUp {
  /** What an application calls somebody. */
  readonly subject: string
  /** What it would call each of us. */
  readonly subjectOf: (sub: string) => string
  /** Whom the administrator reaches: nobody else is found. */
  readonly scope: AdminScope
  readonly by: string
  /** The application, or the host that several share. */
  readonly sector: string
}

const findSubject = async (
  people: Pick<PeopleSearch, 'subs'>,
  { subject, subjectOf, scope }: LookUp,
): Promise<string | null> => {
  const filter = { scope, disabled: 'any' } as const
  let after: string | null = null
  for (;;) {
    const subs = await people.subs(filter, after, READ_AT_ONCE)
    for (let from = 0; from < subs.length; from += COMPARED_AT_ONCE) {
      const found = subs
        .slice(from, from + COMPARED_AT_ONCE)
        .find((sub) => subjectOf(sub) === subject)
      if (found !== undefined) {
        return found
      }
      await nextTurn()
    }
    const last = subs.at(-1)
    if (last === undefined) {
      return null
    }
    after = last
  }
}

/**
 * Who it is that an application knows under an identifier of its own: worked out for one person
 * after the other, since nothing that is kept leads back. Audited, found or not. The `sub`, or null.
 */
export const lookUpSubject = async (
  deps: Pick<Deps, 'store' | 'clock' | 'random'>,
  people: Pick<PeopleSearch, 'subs'>,
  lookUp: LookUp,
): Promise<string | null> => {
  const sub = await findSubject(people, lookUp)
  await deps.store.audit.append(
    auditEntry(deps, {
      act: 'subject_looked_up',
      actor: lookUp.by,
      sub,
      detail: { sector: lookUp.sector, found: sub !== null },
    }),
  )
  return sub
}
