import type { AccountClaims, KoaContextWithOIDC } from 'oidc-provider'
import { type Account, fullName } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/ports.ts'
import { CLAIMS_OF_SCOPE } from './application_settings.ts'
import type { ApplicationRules } from './clients.ts'

/**
 * Claims by scope, for the OP. `acr`, `amr` and `auth_time` come with `openid`: without naming
 * them here they would not be in the ID token.
 */
export const claimsByScope = {
  ...CLAIMS_OF_SCOPE,
  openid: [...CLAIMS_OF_SCOPE.openid, 'acr', 'amr', 'auth_time'],
}

/** Claims that would let two applications find out that they know the same person, or the family. */
const LINKING: ReadonlySet<string> = new Set(['preferred_username', 'email', 'children'])

/** Claims that are about the sign-in, not the person. */
const ALWAYS: ReadonlySet<string> = new Set(['sub'])

/** Everything that could be said of a person. The OP keeps what scopes and request ask for. */
const allClaims = async (account: Account, accounts: AccountStore): Promise<AccountClaims> => {
  const children = await Promise.all(
    account.children.map((externalId) => accounts.byExternalId(externalId)),
  )
  return {
    sub: account.sub,
    name: fullName(account),
    given_name: account.givenName,
    family_name: account.familyName,
    preferred_username: account.identifier,
    locale: account.locale ?? undefined,
    // Imported, never proved: `email_verified` is not claimed.
    email: account.email ?? undefined,
    user_type: account.userType,
    establishments: [...account.establishments],
    classes: [...account.classes],
    children: children.filter((child) => child !== null).map((child) => child.sub),
  }
}

const mayGet = (claim: string, rules: ApplicationRules): boolean =>
  ALWAYS.has(claim) || (rules.claims.has(claim) && !(rules.pairwise && LINKING.has(claim)))

/** The claims one application may have of a person, whatever it asks for. */
export const claimsFor = async (
  account: Account,
  accounts: AccountStore,
  rules: ApplicationRules,
): Promise<AccountClaims> => {
  const all = await allClaims(account, accounts)
  return Object.fromEntries(
    Object.entries(all).filter(([claim, value]) => value !== undefined && mayGet(claim, rules)),
  ) as AccountClaims
}

/** An account as the OP knows it, with ours beside it. */
export interface OpAccount {
  readonly accountId: string
  readonly record: Account
  claims(): Promise<AccountClaims>
}

/**
 * Finds the account of a session or token. None for one that is disabled, and none for a token
 * issued before `valid_after`, whatever the expiring store still holds. Whole seconds: a token of
 * the very second in which the account was voided is refused too.
 */
export const createFindAccount =
  (accounts: AccountStore, rulesOf: (clientId: string) => ApplicationRules) =>
  async (
    ctx: KoaContextWithOIDC,
    sub: string,
    token?: { iat?: number },
  ): Promise<OpAccount | undefined> => {
    const account = await accounts.bySub(sub)
    if (account === null || !isUsable(account, token)) {
      return undefined
    }
    return {
      accountId: sub,
      record: account,
      claims: () => claimsFor(account, accounts, rulesOf(ctx.oidc.client?.clientId ?? '')),
    }
  }

export const isUsable = (account: Account, token?: { iat?: number }): boolean =>
  account.disabledAt === null && (token?.iat === undefined || token.iat * 1000 > account.validAfter)
