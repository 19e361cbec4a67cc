import type { PolicySet } from '../policies/policy.ts'
import type { Account } from './account.ts'
import { auditEntry, idsInOrder } from './audit.ts'
import { nextTurn } from './next_turn.ts'
import type { Deps, Selection, Tables } from './ports.ts'

/** People looked at in one transaction: few ms, so that nobody waits for it. */
const PEOPLE_AT_ONCE = 200

export interface ForceChangeOptions {
  /** Only those whose password is older than today's rules for their type. */
  readonly olderThanRules: boolean
  readonly by: string
  /** Counts all, writes nothing. */
  readonly dryRun: boolean
}

/** What became of each of a selection. */
export interface ForcedChanges {
  /** Asked for a change at their next connection. */
  readonly forced: number
  /** To be changed anyway: temporary, initial, or forced before. */
  readonly alreadyDue: number
  /** They come by a key, or from elsewhere. */
  readonly withoutPassword: number
  readonly void: number
  /** Where only older ones were asked for: as today's rules want them. */
  readonly upToDate: number
}

export type ForcedOutcome = keyof ForcedChanges

/** An older version of the rules than those of now holds for this password. */
export const isOlderThanRules = (
  { password, userType }: Pick<Account, 'password' | 'userType'>,
  policies: PolicySet,
): boolean =>
  password?.origin === 'personal' &&
  password.rulesVersion < policies[userType].passwords.rules_version

/** What asking this person for a change comes to. */
export const forcedOutcome = (
  account: Account,
  policies: PolicySet,
  { olderThanRules }: Pick<ForceChangeOptions, 'olderThanRules'>,
): ForcedOutcome => {
  const { password } = account
  if (password === null) {
    return 'withoutPassword'
  }
  if (password.voidedAt !== null) {
    return 'void'
  }
  if (password.origin !== 'personal' || password.mustChange) {
    return 'alreadyDue'
  }
  return olderThanRules && !isOlderThanRules(account, policies) ? 'upToDate' : 'forced'
}

type Counts = Record<ForcedOutcome, number>

const noCounts = (): Counts => ({
  forced: 0,
  alreadyDue: 0,
  withoutPassword: 0,
  void: 0,
  upToDate: 0,
})

/** Forces those of a page whom it is for, as they are in this transaction. */
const forcePage = async (
  deps: Deps,
  tables: Tables,
  page: readonly Account[],
  options: ForceChangeOptions,
): Promise<Counts> => {
  const policies = await tables.policies.current()
  const counts = noCounts()
  const subs: string[] = []
  for (const account of page) {
    const outcome = forcedOutcome(account, policies, options)
    counts[outcome] += 1
    if (outcome === 'forced' || outcome === 'alreadyDue') {
      subs.push(account.sub)
    }
  }
  if (!options.dryRun && subs.length > 0) {
    const act = { act: 'password_change_forced', actor: options.by } as const
    const nextId = idsInOrder(deps.random)
    const forced = await tables.passwordLists.forceChange(subs)
    await tables.audit.appendAll(
      forced.map((sub) => auditEntry(deps, { ...act, id: nextId(), sub })),
    )
  }
  return counts
}

/** Read again inside the transaction: somebody may just have chosen a new password. */
const forceAll = (
  deps: Deps,
  page: readonly Account[],
  options: ForceChangeOptions,
): Promise<Counts> =>
  deps.store.transact(async (tables) => {
    const now = await tables.accounts.bySubs(page.map(({ sub }) => sub))
    return forcePage(deps, tables, now, options)
  })

/**
 * Asks everybody of a selection for a new password at their next connection; sessions go on, and
 * meet the step at their next authorization. A repeat changes nothing.
 */
export const forceChange = async (
  deps: Deps,
  selection: Selection,
  options: ForceChangeOptions,
): Promise<ForcedChanges> => {
  const total = noCounts()
  for (let after: string | null = null; ; await nextTurn()) {
    const page: Account[] = await deps.store.people.page(selection, after, PEOPLE_AT_ONCE)
    if (page.length > 0) {
      const counts = options.dryRun
        ? await forcePage(deps, deps.store, page, options)
        : await forceAll(deps, page, options)
      for (const [outcome, count] of Object.entries(counts) as [ForcedOutcome, number][]) {
        total[outcome] += count
      }
    }
    if (page.length < PEOPLE_AT_ONCE) {
      return total
    }
    after = page.at(-1)?.sub ?? null
  }
}
