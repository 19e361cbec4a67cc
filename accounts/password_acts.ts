import type { Account } from './account.ts'
import { auditEntry, idsInOrder } from './audit.ts'
import { type ForcedOutcome, forcedOutcome } from './force_change.ts'
import { oneByOne, type PeopleAct, type PersonOutcome } from './people_act.ts'
import { secureIn } from './secure_account.ts'

const FORCED: Readonly<Record<ForcedOutcome, PersonOutcome>> = {
  forced: 'done',
  alreadyDue: 'already',
  withoutPassword: 'no_password',
  void: 'password_void',
  upToDate: 'up_to_date',
}

/** A change at the next connection; sessions go on, and meet the step at their next authorization. */
export const forceChangeAct: PeopleAct = {
  onDisabled: false,
  sizes: [100, 400],
  async apply({ deps, who, policies, options, jobId }, tables, accounts) {
    const asked = { olderThanRules: options.olderThanRules === true }
    const outcomes = accounts.map(
      (account) => [account.sub, forcedOutcome(account, policies, asked)] as const,
    )
    const meant = outcomes.filter(([, outcome]) => outcome === 'forced' || outcome === 'alreadyDue')
    const subs = meant.map(([sub]) => sub)
    const forced = subs.length === 0 ? [] : await tables.passwordLists.forceChange(subs)
    const nextId = idsInOrder(deps.random)
    const act = {
      act: 'password_change_forced',
      actor: who.sub,
      detail: jobId === null ? {} : { job: jobId },
    } as const
    await tables.audit.appendAll(
      forced.map((sub) => auditEntry(deps, { ...act, id: nextId(), sub })),
    )
    return outcomes.map(([sub, outcome]) => ({ sub, outcome: FORCED[outcome] }))
  },
}

/** Nothing of theirs that could be shut. */
const hasNothing = ({ password, pin, hasOtpKeys }: Account): boolean =>
  password === null && pin === null && !hasOtpKeys

/** For a password that may be in other hands: everybody is out, until the school gives a new one. */
export const voidPasswordAct: PeopleAct = {
  onDisabled: true,
  sizes: [20, 100],
  apply: oneByOne(async ({ deps, who }, tables, account) => {
    if (hasNothing(account)) {
      return { outcome: 'no_password' }
    }
    const { changed } = await secureIn(deps, tables, account, 'password_voided', who.sub)
    return { outcome: changed ? 'done' : 'already', ends: true }
  }),
}
