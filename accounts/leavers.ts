import type { UserType } from '../policies/user_type.ts'
import { type Account, identifierKey } from './account.ts'
import { auditEntry } from './audit.ts'
import type { NamedPeople } from './named_people.ts'
import type { PersonLine } from './person_row.ts'
import type { Deps, Tables } from './ports.ts'
import { type Why, why } from './why.ts'

/** Only within these may somebody be taken to have left. */
export interface LeaversScope {
  readonly establishment: string
  readonly userType: UserType
}

export interface Leaver {
  readonly sub: string
  readonly identifier: string
  /** Given and family name. */
  readonly name: string
}

export type WhoLeft =
  | {
      readonly ok: true
      readonly left: Leaver[]
      /** Everybody of the scope who could leave, and of them those who hold a role: they stay. */
      readonly all: number
      readonly keptForRole: number
    }
  | { readonly ok: false; readonly reason: Why }

export const isInScope = (person: PersonLine, { establishment, userType }: LeaversScope): boolean =>
  person.userType === userType && (person.said.establishments?.includes(establishment) ?? false)

/**
 * Those in the scope whom the file does not name. Refused where the file may be the wrong one or
 * cannot be read throughout: a mistake here shuts a school out. Whoever holds a role stays: a file
 * must not shut out the last administrator.
 */
export const whoLeft = async (
  deps: Deps,
  named: NamedPeople,
  { establishment, userType }: LeaversScope,
): Promise<WhoLeft> => {
  if (!named.inScope) {
    return { ok: false, reason: why('none_in_scope', { user_type: userType, establishment }) }
  }
  if (named.unreadable !== null) {
    return { ok: false, reason: why('line_about_nobody', { line: named.unreadable }) }
  }
  const active = await deps.store.accounts.listActive(establishment, userType)
  const gone = active.filter(
    ({ externalId, identifier }) =>
      !named.externalIds.has(externalId) && !named.identifiers.has(identifierKey(identifier)),
  )
  const left = gone.filter(({ holdsRole }) => !holdsRole)
  return { ok: true, left, all: active.length, keptForRole: gone.length - left.length }
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
  await tables.accounts.setLeft(sub, nowMs)
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

export interface LeaveOptions {
  readonly by: string
  readonly dryRun: boolean
}

/** As `leave`, in the transaction of the caller. */
export const leaveIn = async (
  deps: Deps,
  tables: Tables,
  { sub, identifier }: Pick<Leaver, 'sub' | 'identifier'>,
  scope: LeaversScope,
  { by, dryRun }: LeaveOptions,
): Promise<WentAway | null> => {
  const account = await tables.accounts.bySub(sub)
  const wasThere = account?.establishments.includes(scope.establishment) === true
  if (account === null || !wasThere || account.disabledAt !== null || account.role !== null) {
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
