import { accountState } from '../accounts/account.ts'
import { deviceHere } from '../accounts/devices.ts'
import { keyUseOf } from '../accounts/key_use.ts'
import { passwordDue } from '../accounts/password_due.ts'
import type { Deps } from '../accounts/ports.ts'
import type { Decision, Request } from '../interactions/site.ts'
import { nextStep, type Situation, type Wanted } from '../policies/next_step.ts'
import { policyFor } from '../policies/policy.ts'
import { consentDueFor } from './consent_due.ts'
import type { Registry } from './registry.ts'

/** `max_age` and `prompt=login` as the earliest time (ms) at which a proof counts. */
const notBeforeOf = ({ params, loginAtMs }: Request, nowMs: number): number => {
  // Until this request has a login of its own, nothing proved so far is recent enough.
  const provedNow = loginAtMs ?? nowMs + 1
  const { prompt, max_age } = params
  const byPrompt = typeof prompt === 'string' && prompt.split(' ').includes('login') ? provedNow : 0
  const byAge = max_age === undefined ? 0 : Math.min(nowMs - Number(max_age) * 1000, provedNow)
  return Math.max(byPrompt, byAge)
}

/** The values that a claim names, one or several. What is no text stays: nothing can meet it. */
const named = (value: unknown): string[] =>
  [value]
    .flat()
    .filter((each) => each !== undefined)
    .map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))

/** The OP has refused a `claims` parameter that is no JSON object; what is inside may be anything. */
const acrClaim = (claims: unknown): Record<string, unknown> => {
  const parsed = typeof claims === 'string' ? JSON.parse(claims) : {}
  const acr: unknown = parsed?.id_token?.acr
  return typeof acr === 'object' && acr !== null ? (acr as Record<string, unknown>) : {}
}

/**
 * The requested `acr` values. An essential claim binds; `acr_values` is a wish (Core §3.1.2.1).
 * Where both are sent the essential claim decides, although the OP lets `acr_values` replace it.
 */
export const wantedAcr = (params: Request['params']): Pick<Wanted, 'acr' | 'essential'> => {
  const claim = acrClaim(params['claims'])
  const claimed = [...named(claim['value']), ...named(claim['values'])]
  if (claim['essential'] === true && claimed.length > 0) {
    return { acr: claimed, essential: true }
  }
  const wished = typeof params['acr_values'] === 'string' ? params['acr_values'].split(' ') : []
  return { acr: wished.length > 0 ? wished.filter(Boolean) : claimed, essential: false }
}

const NO_DEVICE = { recognised: false, mayAdd: false }

/** Gathers the facts of a request and asks the deciding function. */
export const createDecide =
  (deps: Deps, registry: Pick<Registry, 'refresh' | 'rulesOf'>) =>
  async (request: Request): Promise<Decision> => {
    const { account, proofs, open, origin } = request
    const nowMs = deps.clock()
    await registry.refresh()
    const rules = registry.rulesOf(request.clientId)
    const policies = await deps.store.policies.current()
    const policy = account === null ? policies.student : policyFor(policies, account)
    const situation: Situation = {
      policy,
      account:
        account === null
          ? null
          : accountState(
              account,
              await passwordDue(deps, account, policy, nowMs),
              await keyUseOf(deps.store, account, nowMs, proofs.began),
            ),
      proofs,
      open,
      device: account === null ? NO_DEVICE : await deviceHere(deps, account, policy, origin),
      wanted: {
        ...wantedAcr(request.params),
        leastAcr: rules.leastAcr,
        notBefore: notBeforeOf(request, nowMs),
        consentDue: await consentDueFor(deps, request, rules),
        forThisUserType: account === null || rules.userTypes.has(account.userType),
      },
      nowMs,
    }
    return { next: nextStep(situation), situation }
  }
