import { type Account, fullName } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { whyForbidden } from '../accounts/target.ts'
import type { Forbidden } from '../policies/admin_rights.ts'
import type { Visit } from './visit.ts'

export const personPath = (sub: string): string => `/admin/people/${encodeURIComponent(sub)}`

/** Why this administrator must not act on somebody; null: they may. */
export const forbiddenHere = (
  { console, who }: Visit,
  account: Account,
): Promise<Forbidden | null> => whyForbidden(console.site.deps.store, who, account)

/** Whether they are among those whom this administrator may know of. */
export const isWithinReach = async (visit: Visit, account: Account): Promise<boolean> =>
  (await forbiddenHere(visit, account)) !== 'outside_scope'

/** Whom the address names. Somebody out of reach is as nobody: throws `AppError('not_found')`. */
export const personOf = async (visit: Visit): Promise<Account> => {
  const { store } = visit.console.site.deps
  const account = await store.accounts.bySub(visit.params['sub'] ?? '')
  if (account === null || !(await isWithinReach(visit, account))) {
    throw new AppError('not_found', 'nobody of this sub whom they reach')
  }
  return account
}

export const whom = (account: Account) => ({
  personName: fullName(account),
  identifier: account.identifier,
  personHref: personPath(account.sub),
})
