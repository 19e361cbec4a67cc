import type { PasswordState } from '../policies/next_step.ts'
import { type Holiday, passwordState } from '../policies/password_age.ts'
import type { Policy } from '../policies/policy.ts'
import type { Account } from './account.ts'
import { holidaysIn } from './calendars.ts'
import type { Deps, Tables } from './ports.ts'

type Needs = Pick<Deps, 'timeZone'> & { readonly store: Pick<Tables, 'calendars'> }

/** When the establishments of somebody have no school, for lists: every calendar is read at once. */
export type HolidaysOf = (account: Pick<Account, 'establishments'>) => readonly Holiday[]

export const holidaysOfAll = async ({ timeZone, store }: Needs): Promise<HolidaysOf> => {
  const calendars = await store.calendars.list()
  const known = new Map(
    calendars.map(({ establishment, days }) => [establishment, holidaysIn(days, timeZone)]),
  )
  return ({ establishments }) => establishments.flatMap((one) => known.get(one) ?? [])
}

/** When the establishments of somebody have no school. */
export const holidaysOf = async (
  { timeZone, store }: Needs,
  { establishments }: Pick<Account, 'establishments'>,
): Promise<Holiday[]> => {
  const calendars = establishments.length === 0 ? [] : await store.calendars.find(establishments)
  return calendars.flatMap(({ days }) => holidaysIn(days, timeZone))
}

/** What is due for somebody's password; calendars are read only where one might put it off. */
export const passwordDue = async (
  deps: Needs,
  account: Pick<Account, 'password' | 'establishments'>,
  policy: Policy,
  nowMs: number,
): Promise<PasswordState> => {
  const state = passwordState(account.password, policy, [], nowMs)
  return state === 'expired'
    ? passwordState(account.password, policy, await holidaysOf(deps, account), nowMs)
    : state
}
