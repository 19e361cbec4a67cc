import type { UserType } from '../policies/user_type.ts'
import { identifierKey } from './account.ts'
import { auditEntry } from './audit.ts'
import type { NamedPeople } from './named_people.ts'
import type { PersonLine } from './person_row.ts'
import type { Deps } from './ports.ts'

/** Only within these may somebody be taken to have left. */
export interface LeaversScope {
  readonly establishment: string
  readonly userType: UserType
}

export interface Leaver {
  readonly sub: string
  readonly identifier: string
}

export const isInScope = (person: PersonLine, { establishment, userType }: LeaversScope): boolean =>
  person.userType === userType && (person.said.establishments?.includes(establishment) ?? false)

/**
 * Those in the scope whom the file does not name. Refused where the file may be the wrong one or
 * cannot be read throughout: a mistake here shuts a school out.
 */
export const whoLeft = async (
  deps: Deps,
  named: NamedPeople,
  { establishment, userType }: LeaversScope,
): Promise<{ ok: true; left: Leaver[] } | { ok: false; reason: string }> => {
  if (!named.inScope) {
    const reason = `the file names no ${userType} of ${establishment}: is it the right file?`
    return { ok: false, reason }
  }
  if (named.unreadable !== null) {
    const reason = `line ${named.unreadable} does not say whom it is about`
    return { ok: false, reason }
  }
  const active = await deps.store.accounts.listActive(establishment, userType)
  const left = active.filter(
    ({ externalId, identifier }) =>
      !named.externalIds.has(externalId) && !named.identifiers.has(identifierKey(identifier)),
  )
  return { ok: true, left }
}

/** Shuts out one who left: nothing proved or issued before holds. The caller ends the sessions. */
export const disableLeaver = (
  deps: Deps,
  { sub }: Leaver,
  { establishment, userType }: LeaversScope,
  by: string,
): Promise<void> =>
  deps.store.transact(async (tables) => {
    const nowMs = deps.clock()
    await tables.accounts.setDisabled(sub, nowMs)
    await tables.accounts.voidBefore(sub, nowMs)
    await tables.audit.append(
      auditEntry(deps, {
        act: 'person_left',
        actor: by,
        sub,
        detail: { establishment, user_type: userType },
      }),
    )
  })
