import { createHash } from 'node:crypto'
import type { Grant, KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Account } from '../accounts/account.ts'
import { completeSignIn, completeStepUp, openApplication } from '../accounts/complete_sign_in.ts'
import { whence } from '../accounts/notices.ts'
import type { Deps, Origin } from '../accounts/ports.ts'
import { originOf } from '../interactions/origin.ts'
import type { Decision, Request, SignInPlace } from '../interactions/site.ts'
import { type ConsentResult, consentedBy } from '../interactions/step.ts'
import { inNetworks } from '../policies/network.ts'
import { HALF_OPEN_MS, proofsNotBefore, type Situation } from '../policies/next_step.ts'
import { acrOf, amrOf } from '../policies/proofs.ts'
import type { OpAccount } from './claims.ts'
import { isOwnClient } from './clients.ts'
import { wantedAcr } from './decide.ts'
import {
  type Factors,
  factorsOf,
  firstProofOf,
  provedIn,
  setAuthenticationContext,
  setFactors,
} from './session_factors.ts'

/** How the OP's authorization endpoint asks the deciding function, once per request. */
export interface Flow {
  decide(ctx: KoaContextWithOIDC): Promise<Decision>
  /** The OP's `loadExistingGrant`: a grant without a page, once nothing more is due. */
  loadGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined>
}

/** The account that `findAccount` found for this request. */
const recordOf = (ctx: KoaContextWithOIDC): Account | null =>
  (ctx.oidc.account as unknown as OpAccount | undefined)?.record ?? null

const requestOf = (ctx: KoaContextWithOIDC, nowMs: number): Request => {
  const { session, client, params, result } = ctx.oidc
  const login = result?.login as { atMs?: number } | undefined
  const clientId = client?.clientId ?? ''
  const account = recordOf(ctx)
  return {
    params: params ?? {},
    clientId,
    loginAtMs: login?.atMs,
    consentedAtMs: consentedBy(account, result?.['consent'] as ConsentResult | undefined),
    account,
    ...provedIn(session, nowMs),
    origin: originOf(ctx, clientId),
  }
}

/** Results of a request that add a factor to a sign-in already brought to its end. */
const FACTORS_OF_STEP_UP = ['otp', 'pin', 'define_pin'] as const

const placeOf = (origin: Origin): SignInPlace => {
  const { browser = '', system = '', network = '' } = whence(origin)
  return { browser, system, network }
}

/**
 * The session is open from here on: its ends follow the policy, where until now it was short.
 * Once per sign-in: the audit and the notice. A step-up leaves the ends as they are.
 */
const complete = async (
  deps: Deps,
  ctx: KoaContextWithOIDC,
  situation: Situation,
  origin: Origin,
): Promise<void> => {
  const { session } = ctx.oidc
  const account = recordOf(ctx)
  const factors = factorsOf(session)
  if (!session || !account || !factors) {
    return
  }
  const firstProof = firstProofOf(factors)
  if (factors.completedFor === firstProof) {
    if (FACTORS_OF_STEP_UP.some((step) => ctx.oidc.result?.[step] !== undefined)) {
      await completeStepUp(deps, account, situation, origin)
    }
    return
  }
  await completeSignIn(deps, account, situation, origin)
  const { sessions } = situation.policy
  const shared = inNetworks(origin.address, sessions.shared_networks)
  const opened: Factors = {
    ...factors,
    ...(firstProof === undefined ? {} : { completedFor: firstProof }),
    idleSeconds: (shared ? sessions.idle_minutes_shared : sessions.idle_minutes) * 60,
    absoluteSeconds: sessions.absolute_hours * 3600,
    from: placeOf(origin),
  }
  setFactors(session, opened)
}

/** One grant per session and application, whichever of its tabs comes first. */
const grantId = (sessionUid: string, clientId: string): string =>
  createHash('sha256').update(`${sessionUid}|${clientId}`).digest('base64url')

/** Grants what the application asks for among what it is registered for; the OP has checked that. */
const grantAll = async (
  deps: Deps,
  provider: Provider,
  ctx: KoaContextWithOIDC,
): Promise<Grant | undefined> => {
  const { session, client, account, requestParamScopes, requestParamClaims } = ctx.oidc
  if (!session?.uid || !client || !account) {
    return undefined
  }
  const jti = grantId(session.uid, client.clientId)
  const known = await provider.Grant.find(jti)
  const grant =
    known ??
    new provider.Grant({
      jti,
      accountId: account.accountId,
      clientId: client.clientId,
    } as unknown as ConstructorParameters<Provider['Grant']>[0])
  const granted = new Set(grant.getOIDCScope().split(' '))
  const scopes = [...requestParamScopes].filter((scope) => !granted.has(scope))
  const claims = [...requestParamClaims].filter((claim) => !grant.getOIDCClaims().includes(claim))
  if (known !== undefined && scopes.length === 0 && claims.length === 0) {
    return known
  }
  if (known === undefined && !isOwnClient(client.clientId)) {
    await openApplication(deps, account.accountId, originOf(ctx, client.clientId), jti)
  }
  grant.addOIDCScope(scopes.join(' '))
  grant.addOIDCClaims(claims)
  await grant.save()
  return grant
}

export const createFlow = (
  deps: Deps,
  provider: () => Provider,
  decideRequest: (request: Request) => Promise<Decision>,
): Flow => {
  const decided = new WeakMap<object, Promise<Decision>>()
  const decide = (ctx: KoaContextWithOIDC): Promise<Decision> => {
    const decision = decided.get(ctx.oidc) ?? decideRequest(requestOf(ctx, deps.clock()))
    decided.set(ctx.oidc, decision)
    return decision
  }
  return {
    decide,
    loadGrant: async (ctx) => {
      const { next, situation } = await decide(ctx)
      // A sign-in that is not over leaves nothing behind.
      if (next.step !== 'done') {
        return undefined
      }
      await complete(deps, ctx, situation, originOf(ctx, ctx.oidc.client?.clientId ?? null))
      const { acr } = wantedAcr(ctx.oidc.params ?? {})
      const least = situation.wanted.leastAcr
      const notBefore = proofsNotBefore(situation)
      setAuthenticationContext(
        ctx.oidc.session,
        acrOf([...acr, ...(least === undefined ? [] : [least])], situation.proofs, notBefore),
        amrOf(situation.proofs, notBefore),
      )
      return grantAll(deps, provider(), ctx)
    },
  }
}

const secondsLeft = (sinceMs: number, seconds: number, nowMs: number): number =>
  Math.floor((sinceMs - nowMs) / 1000) + seconds

/**
 * The OP's `ttl.Session`, seconds from now. Open: the idle end, within the absolute one. Half-open:
 * a fixed end, so that nobody can wait before a step for as long as they like.
 */
export const sessionSeconds = (session: unknown, nowMs: number): number => {
  const factors = factorsOf(session)
  const { completedFor, idleSeconds, absoluteSeconds } = factors ?? {}
  if (completedFor === undefined || idleSeconds === undefined || absoluteSeconds === undefined) {
    const beganAt = factors === null ? nowMs : (firstProofOf(factors) ?? nowMs)
    return Math.max(1, secondsLeft(beganAt, HALF_OPEN_MS / 1000, nowMs))
  }
  return Math.max(1, Math.min(idleSeconds, secondsLeft(completedFor, absoluteSeconds, nowMs)))
}
