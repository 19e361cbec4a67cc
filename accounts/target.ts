import {
  type Administrator,
  type Forbidden,
  forbiddenTo,
  hasRight,
  type Right,
  scopeOf,
} from '../policies/admin_rights.ts'
import type { Account } from './account.ts'
import type { Tables } from './ports.ts'

/** An administrator as they are now; null: they may no more. */
export const administratorWith = async (
  { roles, accounts }: Pick<Tables, 'roles' | 'accounts'>,
  by: string,
  right: Right,
): Promise<Administrator | null> => {
  const [who, account] = [await roles.find(by), await accounts.bySub(by)]
  return who !== null && account?.disabledAt === null && hasRight(who.role, right) ? who : null
}

/** Directories mostly give guardians no establishment: they are where their children are. */
const childrensEstablishments = async (
  { accounts }: Pick<Tables, 'accounts'>,
  { children }: Account,
): Promise<string[]> => {
  const found = new Set<string>()
  for (const child of children) {
    for (const one of (await accounts.byExternalId(child))?.establishments ?? []) {
      found.add(one)
    }
  }
  return [...found]
}

/**
 * Why an administrator must not act on somebody, as both are now; null: they may. Reads children
 * only where it matters.
 */
export const whyForbidden = async (
  tables: Pick<Tables, 'accounts'>,
  who: Administrator,
  account: Account,
): Promise<Forbidden | null> => {
  const { sub, userType, role } = account
  const byChildren =
    scopeOf(who).establishments !== null &&
    userType === 'guardian' &&
    account.establishments.length === 0
  const establishments = byChildren
    ? await childrensEstablishments(tables, account)
    : account.establishments
  return forbiddenTo(who, { sub, userType, role, establishments })
}
