import type { Context } from 'koa'
import type { Account } from '../accounts/account.ts'
import type { ConsoleSession, RoleGrant } from '../accounts/admin_ports.ts'
import { proofOf } from '../interactions/fresh_proof.ts'
import { originOf } from '../interactions/origin.ts'
import { seeOther } from '../interactions/page.ts'
import { uiLocales } from '../interactions/portal.ts'
import type { Request } from '../interactions/site.ts'
import { holderOf } from '../interactions/visitor.ts'
import { CONSOLE_ABSOLUTE_MS, CONSOLE_IDLE_MS, consoleLevel } from '../policies/admin_rights.ts'
import { FRESH_PROOF_SECONDS, strongestUsable } from '../policies/fresh_proof.ts'
import type { Level } from '../policies/proofs.ts'
import type { Console } from './console.ts'
import { giveCookie, hashIn } from './cookies.ts'

export const CONSOLE_PATH = '/admin'
export const CONSOLE_CLIENT_ID = 'vestibule-console'
export const CONSOLE_RETURN_PATH = '/admin/signed-in'

/** Somebody signed in to the console; what they may do is the rights' matter. */
export interface Entered {
  readonly account: Account
  readonly session: ConsoleSession
  /** Null: holds no role. */
  readonly grant: RoleGrant | null
  /** Their strongest factor was proved a moment ago. */
  readonly fresh: boolean
  /** What a sign-in asks for, to get that proof. */
  readonly freshParams: Readonly<Record<string, string>>
}

export type Entry =
  | { readonly ok: true; readonly entered: Entered }
  | {
      readonly ok: false
      /** What is to be proved. */
      readonly params: Readonly<Record<string, string>>
      /** Who is signed in, with too little, or too long ago; null: nobody. */
      readonly stale: Pick<Entered, 'account' | 'session'> | null
    }

/** Seen is noted to the minute: a page is no write. */
const SEEN_MS = 60_000

/** What everybody is asked for who comes with nothing: a sign-in, and then again what is missing. */
const NOBODY: Entry = { ok: false, params: {}, stale: null }

interface Stood {
  readonly session: ConsoleSession
  readonly account: Account
  readonly request: Request
}

/** The session of the gateway below a session of the console must be there still, and open. */
const standing = async (ctx: Context, console: Console): Promise<Stood | null> => {
  const { site } = console
  const idHash = hashIn(ctx, console, 'session')
  const session = idHash === null ? null : await site.deps.store.consoleSessions.find(idHash)
  if (session === null) {
    return null
  }
  const below = await site.provider.Session.findByUid(session.sessionUid)
  const holder =
    below?.accountId === session.sub
      ? await holderOf(site, below, originOf(ctx, CONSOLE_CLIENT_ID))
      : null
  return holder === null ? null : { ...holder, session }
}

const levelFor = (grant: RoleGrant | null, nowMs: number): Level =>
  grant === null ? 'password' : consoleLevel(grant.grantedAt, nowMs)

/** How old a proof may be for this session; a pause asks for a new one. */
const proofMaxAgeMs = ({ seenAt }: ConsoleSession, nowMs: number): number =>
  nowMs - seenAt >= CONSOLE_IDLE_MS ? CONSOLE_IDLE_MS : CONSOLE_ABSOLUTE_MS

const isOver = ({ beganAt }: ConsoleSession, nowMs: number): boolean =>
  nowMs - beganAt >= CONSOLE_ABSOLUTE_MS

/**
 * Who is in the console. The one deciding function says whether what was proved in the gateway's
 * session will do: the level that a role asks for, within 8 hours, and after a pause anew.
 */
export const enter = async (ctx: Context, console: Console): Promise<Entry> => {
  const { site } = console
  const stood = await standing(ctx, console)
  if (stood === null) {
    return NOBODY
  }
  const { session, account, request } = stood
  const nowMs = site.deps.clock()
  const grant = await site.deps.store.roles.find(account.sub)
  const level = levelFor(grant, nowMs)
  const params = proofOf(level, proofMaxAgeMs(session, nowMs) / 1000)
  const { next, situation } = await site.decide({ ...request, params })
  if (next.step !== 'done' || isOver(session, nowMs)) {
    return { ok: false, params, stale: { account, session } }
  }
  const strongest =
    situation.account === null ? level : strongestUsable(situation.policy, situation.account)
  const freshParams = proofOf(strongest, FRESH_PROOF_SECONDS)
  const fresh = (await site.decide({ ...request, params: freshParams })).next.step === 'done'
  if (nowMs - session.seenAt >= SEEN_MS) {
    await site.deps.store.consoleSessions.seen(session.idHash, nowMs)
    // Somebody at work in the console is at work in the gateway's session too.
    await site.prolong(session.sessionUid)
  }
  return { ok: true, entered: { account, session, grant, fresh, freshParams } }
}

/**
 * Who has signed in to the console, whatever they may do there: for the form that gives a role, so
 * that the level which a role asks for is not asked. Null: nobody.
 */
export const presentIn = async (ctx: Context, console: Console): Promise<Account | null> => {
  const stood = await standing(ctx, console)
  if (stood === null) {
    return null
  }
  const { session, account, request } = stood
  const nowMs = console.site.deps.clock()
  const params = proofOf('password', proofMaxAgeMs(session, nowMs) / 1000)
  const { next } = await console.site.decide({ ...request, params })
  return next.step === 'done' && !isOver(session, nowMs) ? account : null
}

/** It travels in the address of the sign-in, which may not be long. */
const CARRIED_PATH_MAX = 2_000

/** Sends the browser to sign in, or to prove more; it comes back to `path`. */
export const sendToSignIn = async (
  ctx: Context,
  console: Console,
  path: string,
  params: Readonly<Record<string, string>>,
): Promise<void> => {
  // One value a browser: its tabs may all be signing in at the same time.
  const begun = hashIn(ctx, console, 'begun') ?? giveCookie(ctx, console, 'begun')
  const back = path.length > CARRIED_PATH_MAX ? CONSOLE_PATH : path
  const carry = JSON.stringify({ path: back, begun })
  seeOther(
    ctx,
    await console.client.begin(CONSOLE_RETURN_PATH, carry, { ...uiLocales(ctx), ...params }),
  )
}
