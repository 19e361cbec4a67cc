import type { AccountClaims, KoaContextWithOIDC } from 'oidc-provider'
import { type Account, fullName, localeOfAccount } from '../accounts/account.ts'
import { passwordDue } from '../accounts/password_due.ts'
import type { AccountStore, Deps } from '../accounts/ports.ts'
import { CLAIMS_OF_SCOPE } from '../accounts/registration.ts'
import { policyFor } from '../policies/policy.ts'
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
    locale: localeOfAccount(account) ?? undefined,
    // Imported, never proved: `email_verified` is not claimed.
    email: account.email ?? undefined,
    user_type: account.userType,
    establishments: [...account.establishments],
    classes: [...account.classes],
    children: children.filter((child) => child !== null).map((child) => child.sub),
  }
}

export const mayGet = (
  claim: string,
  rules: Pick<ApplicationRules, 'claims' | 'pairwise'>,
): boolean =>
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

/** Of the OP's token models; a session has none. */
export interface PresentedToken {
  readonly kind?: string | undefined
  readonly clientId?: string | undefined
  /** Seconds. */
  readonly iat?: number | undefined
}

export type IsUsable = (account: Account, token?: PresentedToken) => Promise<boolean>

/** Of an application that is not for this type of user, or of a namesake that was removed before. */
const isForeign = (
  { userTypes, registeredAt }: ApplicationRules,
  { userType }: Account,
  iat: number | undefined,
): boolean =>
  !userTypes.has(userType) || (iat !== undefined && iat < Math.floor(registeredAt / 1000))

type Needs = Pick<Deps, 'clock' | 'timeZone'> & {
  readonly store: Pick<Deps['store'], 'accounts' | 'policies' | 'calendars'>
}

/**
 * Whether the account may still be used, by a session or by this token. Not when it is disabled;
 * not by a token issued before `valid_after`, whatever the expiring store still holds (whole
 * seconds: a token of the very second in which the account was voided is refused too), nor by one
 * of an application that is no longer for this type of user. A refresh token waits while a
 * password must be changed: it would put off for days what every sign-in asks for at once.
 */
export const createIsUsable = (
  deps: Needs,
  rulesOf: (clientId: string) => ApplicationRules,
): IsUsable => {
  const changeIsDue = async (account: Account): Promise<boolean> => {
    const policies = await deps.store.policies.current()
    const state = await passwordDue(deps, account, policyFor(policies, account), deps.clock())
    return state !== 'none' && state !== 'personal'
  }
  return async (account, token) => {
    if (account.disabledAt !== null || token === undefined) {
      return account.disabledAt === null
    }
    const { kind, clientId, iat } = token
    const voided = iat !== undefined && iat * 1000 <= account.validAfter
    const foreign = clientId !== undefined && isForeign(rulesOf(clientId), account, iat)
    return !voided && !foreign && !(kind === 'RefreshToken' && (await changeIsDue(account)))
  }
}

/** Finds the account of a session or token, unless it may no longer be used for that. */
export const createFindAccount =
  (accounts: AccountStore, isUsable: IsUsable, rulesOf: (clientId: string) => ApplicationRules) =>
  async (
    ctx: KoaContextWithOIDC,
    sub: string,
    token?: PresentedToken,
  ): Promise<OpAccount | undefined> => {
    const account = await accounts.bySub(sub)
    if (account === null || !(await isUsable(account, token))) {
      return undefined
    }
    return {
      accountId: sub,
      record: account,
      claims: () => claimsFor(account, accounts, rulesOf(ctx.oidc.client?.clientId ?? '')),
    }
  }
