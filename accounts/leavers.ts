import type { UserType } from '../policies/user_type.ts'
import { type Account, identifierKey } from './account.ts'
import { auditEntry } from './audit.ts'
import type { NamedPeople } from './named_people.ts'
import type { PersonLine } from './person_row.ts'
import type { Deps, Tables } from './ports.ts'

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

/** What becomes of somebody whom the file no longer names. */
export type WentAway = {
  readonly line: null
  readonly identifier: string
} & (
  | { readonly outcome: 'left' }
  | {
      readonly outcome: 'moved'
      /** Where they go on. */
      readonly establishments: readonly string[]
    }
)

/** Shuts out: nothing proved or issued before holds. */
const shutOut = async (
  deps: Deps,
  tables: Tables,
  sub: string,
  { establishment, userType }: LeaversScope,
  by: string,
): Promise<void> => {
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
}

const takeOut = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  establishments: readonly string[],
  { establishment, userType }: LeaversScope,
  by: string,
): Promise<void> => {
  const { sub } = account
  await tables.accounts.update(sub, { ...account, establishments }, deps.clock())
  await tables.audit.append(
    auditEntry(deps, {
      act: 'person_changed',
      actor: by,
      sub,
      detail: { columns: 'establishments', left: establishment, user_type: userType },
    }),
  )
}

interface LeaveOptions {
  readonly by: string
  readonly dryRun: boolean
}

const leaveIn = async (
  deps: Deps,
  tables: Tables,
  { sub, identifier }: Leaver,
  scope: LeaversScope,
  { by, dryRun }: LeaveOptions,
): Promise<WentAway | null> => {
  const account = await tables.accounts.bySub(sub)
  const wasThere = account?.establishments.includes(scope.establishment) === true
  if (account === null || !wasThere || account.disabledAt !== null) {
    return null
  }
  const rest = account.establishments.filter((one) => one !== scope.establishment)
  if (!dryRun && rest.length === 0) {
    await shutOut(deps, tables, sub, scope, by)
  } else if (!dryRun) {
    await takeOut(deps, tables, account, rest, scope, by)
  }
  return rest.length === 0
    ? { outcome: 'left', line: null, identifier }
    : { outcome: 'moved', line: null, identifier, establishments: rest }
}

/**
 * Takes somebody out of the establishment that they left; shuts out who is then in none. The
 * caller ends the sessions of the latter. Null: meanwhile they are no longer there.
 */
export const leave = (
  deps: Deps,
  leaver: Leaver,
  scope: LeaversScope,
  options: LeaveOptions,
): Promise<WentAway | null> =>
  options.dryRun
    ? leaveIn(deps, deps.store, leaver, scope, options)
    : deps.store.transact((tables) => leaveIn(deps, tables, leaver, scope, options))
