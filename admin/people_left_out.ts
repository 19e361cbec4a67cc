import type { Account } from '../accounts/account.ts'
import { pinState } from '../accounts/account.ts'
import type { PeopleActName, PersonOutcome } from '../accounts/people_act.ts'
import type { PeopleFilter } from '../accounts/people_search.ts'
import { whyForbidden } from '../accounts/target.ts'
import type { PolicySet } from '../policies/policy.ts'
import { policyFor } from '../policies/policy.ts'
import type { Chosen } from './people_act.ts'
import type { Visit } from './visit.ts'

/** Who is left out by what they are: to be counted in a list, and to be told by an account. */
interface LeftOut {
  readonly outcome: PersonOutcome
  readonly filter: Partial<PeopleFilter>
  readonly is: (account: Account) => boolean
}

const NO_PASSWORD: LeftOut = {
  outcome: 'no_password',
  filter: { password: 'none' },
  is: ({ password }) => password === null,
}
const VOID: LeftOut = {
  outcome: 'password_void',
  filter: { password: 'void' },
  is: ({ password }) => password !== null && password.voidedAt !== null,
}
const DUE: readonly LeftOut[] = [
  {
    outcome: 'already',
    filter: { password: 'temporary' },
    is: ({ password }) =>
      password !== null && password.voidedAt === null && password.origin !== 'personal',
  },
  {
    outcome: 'already',
    filter: { password: 'must_change' },
    is: ({ password }) =>
      password !== null &&
      password.voidedAt === null &&
      password.origin === 'personal' &&
      password.mustChange,
  },
]
const NO_PIN: LeftOut = {
  outcome: 'no_pin',
  filter: { pin: 'none' },
  is: ({ pin }) => pinState(pin) === 'none',
}

const LEFT_OUT: Readonly<Partial<Record<PeopleActName, readonly LeftOut[]>>> = {
  force_change: [NO_PASSWORD, VOID, ...DUE],
  unblock_pin: [NO_PIN],
}

type Counts = Map<PersonOutcome, number>

const add = (counts: Counts, outcome: PersonOutcome, more: number): void => {
  if (more > 0) {
    counts.set(outcome, (counts.get(outcome) ?? 0) + more)
  }
}

/** What a filter says already is not asked once more with another word. */
const isCompatible = (filter: PeopleFilter, more: Partial<PeopleFilter>): boolean =>
  Object.entries(more).every(([name, value]) => {
    const said = filter[name as keyof PeopleFilter]
    return said === undefined || said === value
  })

const countedAll = async (
  { console, who }: Visit,
  act: PeopleActName,
  { byType }: Chosen,
  filter: PeopleFilter,
  policies: PolicySet,
): Promise<Counts> => {
  const { people } = console.lists
  const counts: Counts = new Map()
  const rules = LEFT_OUT[act] ?? []
  for (const rule of rules) {
    if (isCompatible(filter, rule.filter)) {
      add(counts, rule.outcome, await people.count({ ...filter, ...rule.filter }))
    }
  }
  if (who.role === 'helpdesk' && isCompatible(filter, { role: 'any' })) {
    add(counts, 'role_holder', await people.count({ ...filter, role: 'any' }))
  }
  if (act === 'new_pin') {
    for (const { type, count } of byType) {
      add(counts, 'pin_not_offered', policies[type].protections.includes('pin') ? 0 : count)
    }
  }
  return counts
}

const whyLeft = async (
  { console, who }: Visit,
  act: PeopleActName,
  account: Account,
  policies: PolicySet,
): Promise<PersonOutcome | null> => {
  const forbidden = await whyForbidden(console.site.deps.store, who, account)
  if (forbidden !== null) {
    return forbidden
  }
  if (act === 'new_pin' && !policyFor(policies, account).protections.includes('pin')) {
    return 'pin_not_offered'
  }
  return (LEFT_OUT[act] ?? []).find(({ is }) => is(account))?.outcome ?? null
}

/** Who of those chosen will be left out and why, as far as that can be told before. */
export const leftOutOf = async (
  visit: Visit,
  act: PeopleActName,
  chosen: Chosen,
): Promise<{ name: PersonOutcome; count: number }[]> => {
  const { store } = visit.console.site.deps
  const policies = await store.policies.current()
  let counts: Counts = new Map()
  if (chosen.filter !== null) {
    counts = await countedAll(visit, act, chosen, chosen.filter, policies)
  } else if (!chosen.people.all) {
    for (const account of await store.accounts.bySubs(chosen.people.subs)) {
      const why = await whyLeft(visit, act, account, policies)
      if (why !== null) {
        add(counts, why, 1)
      }
    }
  }
  return [...counts].map(([name, count]) => ({ name, count }))
}
