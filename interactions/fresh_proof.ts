import type { Context } from 'koa'
import type { Account } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { FRESH_PROOF_SECONDS, strongestUsable } from '../policies/fresh_proof.ts'
import type { NextStep, Situation } from '../policies/next_step.ts'
import type { Policy } from '../policies/policy.ts'
import { ACR_LEVELS, type Level } from '../policies/proofs.ts'
import { seeOther } from './page.ts'
import { uiLocales } from './portal.ts'
import type { Site } from './site.ts'
import { nobody, sessionHolder } from './visitor.ts'

/** Pages about a person's own account, by the name that comes back as `state`. */
export const ACCOUNT_PAGES = {
  protection: '/account/protection',
  pin: '/account/pin',
  devices: '/account/devices',
  sessions: '/account/sessions',
  history: '/account/history',
  keys: '/account/keys',
  app: '/account/keys/app',
  password: '/account/password',
  address: '/account/address',
  language: '/account/language',
  data: '/account/data',
} as const
export type AccountPageName = keyof typeof ACCOUNT_PAGES

export const isAccountPage = (name: unknown): name is AccountPageName =>
  typeof name === 'string' && Object.hasOwn(ACCOUNT_PAGES, name)

export const KEYS_PATH = ACCOUNT_PAGES.keys
export const APP_PATH = ACCOUNT_PAGES.app

/** Where a sign-in of ours comes back to: first to know who it is, then with the proof. */
export const ACCOUNT_RETURN_PATH = '/account/signed-in'
export const PROOF_RETURN_PATH = '/account/proved'

/** Somebody signed in on this browser. */
export interface SignedInPerson {
  readonly account: Account
  readonly policy: Policy
  readonly situation: Situation
  readonly session: unknown
  readonly sessionUid: string
  /** Their strongest usable factor was proved a moment ago. */
  readonly fresh: boolean
}

/** Somebody who may change something in their account now. */
export type ProvedPerson = SignedInPerson & { readonly fresh: true }

interface Visitor extends SignedInPerson {
  /** Nothing is due for a page of ours. */
  readonly ready: boolean
  /** What an authorization request asks for, to get the proof. */
  readonly params: Readonly<Record<string, string>>
}

const acrOfLevel = (level: Level): string =>
  [...ACR_LEVELS].find(([, each]) => each === level)?.[0] ?? level

/** What a sign-in asks for, to get a proof of this level that is not older. */
export const proofOf = (level: Level, maxAgeSeconds: number): Record<string, string> => ({
  max_age: String(maxAgeSeconds),
  claims: JSON.stringify({ id_token: { acr: { essential: true, value: acrOfLevel(level) } } }),
})

/** What was defined without counting in this sign-in is asked for, and counts, in a new one. */
const needsNewSignIn = (next: NextStep): boolean =>
  next.step === 'unmet' && next.reason !== 'pin_blocked'

const visitorOf = async (ctx: Context, site: Site): Promise<Visitor | null> => {
  const holder = await sessionHolder(ctx, site)
  if (holder === null) {
    return null
  }
  const { account, session, request } = holder
  const { situation, next: plain } = await site.decide(request)
  const { policy } = situation
  const level = situation.account === null ? 'password' : strongestUsable(policy, situation.account)
  const params = proofOf(level, FRESH_PROOF_SECONDS)
  const { next } = await site.decide({ ...request, params })
  return {
    account,
    policy,
    situation,
    session,
    sessionUid: session.uid,
    ready: plain.step === 'done',
    fresh: next.step === 'done',
    params: needsNewSignIn(next) ? { ...params, prompt: 'login' } : params,
  }
}

const isFresh = (visitor: Visitor): visitor is Visitor & ProvedPerson => visitor.fresh

const sendToProve = async (
  ctx: Context,
  site: Site,
  page: AccountPageName,
  visitor: Visitor | null,
  nonce?: string,
): Promise<null> => {
  const path = visitor === null ? ACCOUNT_RETURN_PATH : PROOF_RETURN_PATH
  const carry = nonce === undefined ? page : `${page}.${nonce}`
  const parameters = { ...uiLocales(ctx), ...visitor?.params }
  seeOther(ctx, await site.ownClient.begin(path, carry, parameters))
  return null
}

/**
 * Whoever may change something in their account now. Null: the browser has been sent to sign in, or
 * to prove what is missing, and comes back to `page`. To be asked again by every form.
 */
export const provedPerson = async (
  ctx: Context,
  site: Site,
  page: AccountPageName,
): Promise<ProvedPerson | null> => {
  const visitor = await visitorOf(ctx, site)
  return visitor !== null && isFresh(visitor) ? visitor : sendToProve(ctx, site, page, visitor)
}

/**
 * Sends the browser to prove what is missing, although a form was sent. `nonce`: of what was kept of
 * it, shown to be confirmed to whoever comes back with it.
 */
export const proveFirst = async (
  ctx: Context,
  site: Site,
  page: AccountPageName,
  nonce: string,
): Promise<void> => {
  await sendToProve(ctx, site, page, await visitorOf(ctx, site), nonce)
}

/** Whoever may look at their account now; null: nobody, or something is due first. */
export const presentPerson = async (ctx: Context, site: Site): Promise<SignedInPerson | null> => {
  const visitor = await visitorOf(ctx, site)
  return visitor?.ready === true ? visitor : null
}

/** As `presentPerson`; null: sent to sign in, or to what is due, and back. */
export const signedInPerson = async (
  ctx: Context,
  site: Site,
  page: AccountPageName,
): Promise<SignedInPerson | null> =>
  (await presentPerson(ctx, site)) ?? sendToProve(ctx, site, page, null)

/** Which form that was sent before the proof is to be confirmed now, in the address of its page. */
export const RESUME = 'resume'

/** The name of a page, and the nonce of a form. */
const CARRIED = /^([a-z]+)(?:\.([0-9a-f]{32}))?$/

const pageOf = (carry: string): string => {
  const [, page, nonce] = CARRIED.exec(carry) ?? []
  const path = ACCOUNT_PAGES[isAccountPage(page) ? page : 'protection']
  return nonce === undefined ? path : `${path}?${RESUME}=${nonce}`
}

/** Cannot be met: its page has said why, and what is left is the portal. */
const UNMET = 'unmet_authentication_requirements'

/** Throws for a sign-in of ours that failed; true where it leads to the portal. */
const endedUnmet = (ctx: Context): boolean => {
  const { error } = ctx.query
  if (error !== undefined && error !== UNMET) {
    throw new AppError('access_denied', `a sign-in of ours ended with ${error}`)
  }
  return error === UNMET
}

/** Where a sign-in of ours leads that this visitor has made. Throws for anything else. */
const destination = async (ctx: Context, site: Site, visitor: Visitor | null): Promise<string> => {
  const answer = visitor === null ? null : await site.ownClient.finish(ctx.url)
  if (visitor === null || answer?.sub !== visitor.account.sub) {
    throw nobody(ctx)
  }
  return pageOf(answer.carry)
}

/** `GET /account/signed-in`: now that it is known who it is, their page asks for what it needs. */
export const returnSignedIn = async (ctx: Context, site: Site): Promise<void> => {
  const unmet = endedUnmet(ctx)
  seeOther(ctx, unmet ? '/' : await destination(ctx, site, await visitorOf(ctx, site)))
}

/** `GET /account/proved`. Never leads to another proof: no loop. */
export const returnProved = async (ctx: Context, site: Site): Promise<void> => {
  const unmet = endedUnmet(ctx)
  const visitor = unmet ? null : await visitorOf(ctx, site)
  const proved = visitor?.fresh === true ? visitor : null
  seeOther(ctx, unmet ? '/' : await destination(ctx, site, proved))
}
