import type { Deps } from '../accounts/ports.ts'
import { claimsOfScope } from '../accounts/registration.ts'
import type { Request } from '../interactions/site.ts'
import type { ConsentDue } from '../policies/next_step.ts'
import { mayGet } from './claims.ts'
import type { ApplicationRules } from './clients.ts'

const wordsOf = (value: unknown): string[] =>
  typeof value === 'string' ? value.split(' ').filter(Boolean) : []

/** The claims asked for by name (OpenID Connect Core §5.5); the OP has refused what is no JSON. */
const named = (claims: unknown): string[] => {
  const parsed: unknown = typeof claims === 'string' ? JSON.parse(claims) : {}
  const members = ['id_token', 'userinfo'].map(
    (member) => (parsed as Record<string, unknown> | null)?.[member],
  )
  return members.flatMap((one) => (typeof one === 'object' && one !== null ? Object.keys(one) : []))
}

/**
 * What an application would learn by a request, among what it may: names of claims, but for `sub`,
 * and `offline_access` where it can come back while nobody is there.
 */
export const wouldLearn = (
  params: Request['params'],
  rules: Pick<ApplicationRules, 'scopes' | 'claims' | 'pairwise' | 'refreshes'>,
): string[] => {
  const scopes = wordsOf(params['scope']).filter((scope) => rules.scopes.has(scope))
  const asked = [...scopes.flatMap(claimsOfScope), ...named(params['claims'])]
  const claims = asked.filter((claim) => claim !== 'sub' && mayGet(claim, rules))
  return [...new Set([...claims, ...(rules.refreshes ? ['offline_access'] : [])])]
}

/** Whether somebody has to be asked before an application learns what it asks for; null: not. */
export const consentDueFor = async (
  { store }: Pick<Deps, 'store'>,
  { params, clientId, account, consentedAtMs }: Request,
  rules: ApplicationRules,
): Promise<ConsentDue | null> => {
  if (!rules.consent || account === null) {
    return null
  }
  const learns = wouldLearn(params, rules)
  const consent = await store.consents.find(account.sub, clientId)
  if (consent === null || consent.atMs < rules.registeredAt) {
    return { reason: 'first_time', learns }
  }
  if (!learns.every((one) => consent.learns.includes(one))) {
    return { reason: 'learns_more', learns }
  }
  const askedAgain = wordsOf(params['prompt']).includes('consent') && consentedAtMs === undefined
  return askedAgain ? { reason: 'asked_again', learns } : null
}
