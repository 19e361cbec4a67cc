import type { KoaContextWithOIDC } from 'oidc-provider'
import { type Account, accountState } from '../accounts/account.ts'
import { deviceHere } from '../accounts/devices.ts'
import type { Deps } from '../accounts/ports.ts'
import { type NextStep, nextStep, type Situation, type Wanted } from '../policies/next_step.ts'
import { passwordState } from '../policies/password_age.ts'
import type { Proofs } from '../policies/proofs.ts'
import { originOf } from '../interactions/origin.ts'
import type { ApplicationRules } from './clients.ts'
import { factorsOf } from './session_factors.ts'

export interface Decision {
  readonly next: NextStep
  readonly situation: Situation
}

/** `max_age` and `prompt=login` as the earliest time (ms) at which a proof counts. */
const notBeforeOf = (ctx: KoaContextWithOIDC, nowMs: number): number => {
  const { params, prompts, result } = ctx.oidc
  const login = result?.login as { atMs?: number } | undefined
  const provedNow = login?.atMs ?? nowMs + 1
  const byPrompt = prompts.has('login') ? provedNow : 0
  const maxAge = params?.['max_age']
  const byAge =
    maxAge === undefined ? 0 : Math.min(nowMs - Number(maxAge) * 1000, provedNow)
  return Math.max(byPrompt, byAge)
}

interface AcrClaim {
  essential?: boolean
  value?: unknown
  values?: unknown
}

const strings = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string')

/**
 * The requested `acr` values. An essential claim binds; `acr_values` is a wish (Core §3.1.2.1).
 * Where both are sent the essential claim decides, although the OP lets `acr_values` replace it.
 */
export const wantedAcr = (params: Record<string, unknown>): Pick<Wanted, 'acr' | 'essential'> => {
  const claims = typeof params['claims'] === 'string' ? JSON.parse(params['claims']) : {}
  const claim: AcrClaim = claims?.id_token?.acr ?? {}
  const claimed = [...strings(claim.value), ...strings(claim.values)]
  if (claim.essential === true && claimed.length > 0) {
    return { acr: claimed, essential: true }
  }
  const wished = typeof params['acr_values'] === 'string' ? params['acr_values'].split(' ') : []
  return { acr: wished.length > 0 ? wished.filter(Boolean) : claimed, essential: false }
}

const NO_PROOFS: Proofs = {}

/** Everything the deciding function asks, for one person on one request. */
export const situationOf = async (
  deps: Deps,
  account: Account | null,
  proofs: Proofs,
  origin: ReturnType<typeof originOf>,
  wanted: Wanted,
): Promise<Situation> => {
  const nowMs = deps.clock()
  const policies = await deps.store.policies.current()
  if (account === null) {
    const device = { recognised: false, mayAdd: false }
    // No account: the step is the login whatever the policy, so any will do.
    return { policy: policies.student, account, proofs, device, wanted, nowMs }
  }
  const policy = policies[account.userType]
  return {
    policy,
    account: accountState(account, passwordState(account.password, policy, nowMs)),
    proofs,
    device: await deviceHere(deps, account, policy, origin),
    wanted,
    nowMs,
  }
}

/** Decides once per request what the person has to do next. */
export const createDecide = (
  deps: Deps,
  rulesOf: (clientId: string) => ApplicationRules,
): ((ctx: KoaContextWithOIDC) => Promise<Decision>) => {
  const decided = new WeakMap<object, Promise<Decision>>()

  const decide = async (ctx: KoaContextWithOIDC): Promise<Decision> => {
    const { session, client, params } = ctx.oidc
    const account = (ctx.oidc.account as { record?: Account } | undefined)?.record ?? null
    const rules = rulesOf(client?.clientId ?? '')
    const wanted: Wanted = {
      ...wantedAcr(params ?? {}),
      leastAcr: rules.leastAcr,
      notBefore: notBeforeOf(ctx, deps.clock()),
      forThisUserType: account === null || rules.userTypes.has(account.userType),
    }
    const proofs = (session && factorsOf(session)?.proofs) ?? NO_PROOFS
    const situation = await situationOf(deps, account, proofs, originOf(ctx), wanted)
    return { next: nextStep(situation), situation }
  }

  return (ctx) => {
    const known = decided.get(ctx.oidc)
    if (known !== undefined) {
      return known
    }
    const fresh = decide(ctx)
    decided.set(ctx.oidc, fresh)
    return fresh
  }
}
