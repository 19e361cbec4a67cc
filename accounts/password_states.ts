import {
  type Holiday,
  isLapsed,
  lapsesAt,
  lastMoment,
  passwordState,
} from '../policies/password_age.ts'
import { type Policy, type PolicySet, policyFor } from '../policies/policy.ts'
import { perUserType, type UserType } from '../policies/user_type.ts'
import type { Account, PasswordRecord } from './account.ts'
import { isOlderThanRules } from './force_change.ts'
import { nextTurn } from './next_turn.ts'
import { holidaysOf, holidaysOfAll } from './password_due.ts'
import type { Deps, Selection } from './ports.ts'

const PEOPLE_AT_ONCE = 500

/** As lists and people show the password of an account. */
export const PASSWORD_STATES = [
  /** There is none: they come by a key, or from elsewhere. */
  'none',
  'initial',
  'temporary',
  /** An initial or temporary one that nobody used in time. */
  'lapsed',
  'personal',
  /** A change was asked for: it comes at the next connection. */
  'must_change',
  'expired',
  'void',
] as const
export type PasswordStateWord = (typeof PASSWORD_STATES)[number]

export interface PasswordStanding {
  readonly state: PasswordStateWord
  /** Since when (ms); null: nobody has noted that. */
  readonly since: number | null
}

const usable = (
  password: PasswordRecord,
  policy: Policy,
  holidays: readonly Holiday[],
  nowMs: number,
): PasswordStanding => {
  const state = passwordState(password, policy, holidays, nowMs)
  if (state === 'expired') {
    return { state, since: lastMoment(password, policy, holidays) }
  }
  if (state === 'temporary' && password.origin !== 'personal') {
    return { state: password.origin, since: password.setAt }
  }
  return state === 'must_change'
    ? { state, since: null }
    : { state: 'personal', since: password.setAt }
}

const standing = (
  password: PasswordRecord | null,
  policy: Policy,
  holidays: readonly Holiday[],
  nowMs: number,
): PasswordStanding => {
  if (password === null) {
    return { state: 'none', since: null }
  }
  if (password.voidedAt !== null) {
    return { state: 'void', since: password.voidedAt }
  }
  return isLapsed(password, policy, nowMs)
    ? { state: 'lapsed', since: lapsesAt(password.setAt, policy) }
    : usable(password, policy, holidays, nowMs)
}

/** How the password of one person stands. */
export const passwordStanding = async (
  deps: Pick<Deps, 'store' | 'timeZone' | 'clock'>,
  account: Account,
  policy: Policy,
): Promise<PasswordStanding> => {
  const nowMs = deps.clock()
  const stands = standing(account.password, policy, [], nowMs)
  return stands.state === 'expired'
    ? standing(account.password, policy, await holidaysOf(deps, account), nowMs)
    : stands
}

/** Somebody of a selection, and how their password stands. */
export interface StandingOf extends PasswordStanding {
  readonly account: Account
  /** Made under older rules than those of now. */
  readonly older: boolean
}

/** A selection, page by page: memory holds one. */
async function* passwordStandings(deps: Deps, selection: Selection): AsyncGenerator<StandingOf> {
  const policies: PolicySet = await deps.store.policies.current()
  const holidaysFor = await holidaysOfAll(deps)
  const nowMs = deps.clock()
  for (let after: string | null = null; ; ) {
    const page: Account[] = await deps.store.people.page(selection, after, PEOPLE_AT_ONCE)
    for (const account of page) {
      yield {
        account,
        ...standing(account.password, policyFor(policies, account), holidaysFor(account), nowMs),
        older: isOlderThanRules(account, policies),
      }
    }
    if (page.length < PEOPLE_AT_ONCE) {
      return
    }
    after = page.at(-1)?.sub ?? null
    await nextTurn()
  }
}

export type StateCounts = Record<PasswordStateWord | 'older' | 'all', number>

const noCounts = (): StateCounts =>
  Object.fromEntries([...PASSWORD_STATES, 'older', 'all'].map((one) => [one, 0])) as StateCounts

/** Counts a selection by user type and state; `on` is told of each. */
export const passwordStates = async (
  deps: Deps,
  selection: Selection,
  on: (one: StandingOf) => void = () => {},
): Promise<Record<UserType, StateCounts>> => {
  const counts = perUserType(noCounts)
  for await (const one of passwordStandings(deps, selection)) {
    const ofType = counts[one.account.userType]
    ofType[one.state] += 1
    ofType.all += 1
    ofType.older += one.older ? 1 : 0
    on(one)
  }
  return counts
}
