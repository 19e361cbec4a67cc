import type { Context } from 'koa'
import { type Account, fullName } from '../accounts/account.ts'
import { auditEntry } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import { readForm } from '../interactions/form.ts'
import { originOf } from '../interactions/origin.ts'
import { seeOther } from '../interactions/page.ts'
import { CONSOLE_CLIENT_ID, CONSOLE_PATH } from './access.ts'
import type { Console } from './console.ts'
import { giveCookie, hashIn, takeCookie } from './cookies.ts'
import { sendOuterPage } from './outer_page.ts'
import { assertConsoleForm } from './visit.ts'

const INVITE_PATH = `${CONSOLE_PATH}/invite`
/** Cannot be met with what the person has: the gateway's page has said why. */
const UNMET = 'unmet_authentication_requirements'
/** An address of ours, and nothing that another host could be read from. */
const OWN_PATH = /^\/admin(?:[/?]|$)/

/** Nothing in the console is for them. */
export const showNoRole = (ctx: Context, console: Console, account: Account): void => {
  ctx.status = 403
  sendOuterPage(ctx, console, 'console/no_role', {
    personName: fullName(account),
    portalHref: `${console.site.issuer}/`,
    inviteHref: INVITE_PATH,
  })
}

const pathOf = (ctx: Context, console: Console, carry: string): string => {
  const { path, begun } = JSON.parse(carry) as { path: string; begun: string }
  // Another browser's sign-in must not be finished in this one.
  if (hashIn(ctx, console, 'begun') !== begun) {
    throw new AppError(ctx.get('cookie') === '' ? 'cookies_blocked' : 'session_not_found')
  }
  return OWN_PATH.test(path) && !path.includes('\\') ? path : CONSOLE_PATH
}

/** A new session of the console, with what the one before had kept, where it is the same person's. */
const begin = async (
  ctx: Context,
  console: Console,
  sub: string,
  sessionUid: string,
): Promise<void> => {
  const { deps } = console.site
  const before = hashIn(ctx, console, 'session')
  const idHash = giveCookie(ctx, console, 'session')
  const nowMs = deps.clock()
  await deps.store.transact(async (tables) => {
    const { consoleSessions: sessions } = tables
    const old = before === null ? null : await sessions.find(before)
    await sessions.add({
      idHash,
      sub,
      sessionUid,
      beganAt: nowMs,
      seenAt: nowMs,
      done: null,
      kept: null,
    })
    if (old !== null) {
      await sessions.remove(old.idHash)
    }
    if (old?.sub === sub && old.kept !== null) {
      await sessions.setKept(idHash, old.kept)
    }
    const grant = await tables.roles.find(sub)
    if (old?.sub !== sub && grant !== null) {
      const origin = originOf(ctx, CONSOLE_CLIENT_ID)
      const detail = { role: grant.role }
      await tables.audit.append(auditEntry(deps, { act: 'console_opened', sub, origin, detail }))
    }
  })
}

/** `GET /admin/signed-in`: where a sign-in of the console comes back to. Never leads to another. */
export const returnToConsole = async (ctx: Context, console: Console): Promise<void> => {
  const { error } = ctx.query
  if (error === UNMET) {
    const { issuer } = console.site
    ctx.status = 403
    sendOuterPage(ctx, console, 'console/unmet', {
      keysHref: `${issuer}/account/keys`,
      portalHref: `${issuer}/`,
    })
    return
  }
  if (error !== undefined) {
    throw new AppError('access_denied', `a sign-in of the console ended with ${error}`)
  }
  const answer = await console.client.finish(ctx.url)
  if (answer === null || answer.sessionUid === undefined) {
    throw new AppError('session_not_found', 'no answer to a sign-in of the console')
  }
  const path = pathOf(ctx, console, answer.carry)
  await begin(ctx, console, answer.sub, answer.sessionUid)
  seeOther(ctx, path)
}

/**
 * `POST /admin/sign-out`: of the console; the gateway then asks whether of everything. Whoever was
 * away for long is signed out too, and not asked to sign in first.
 */
export const signOut = async (ctx: Context, console: Console): Promise<void> => {
  const { consoleSessions } = console.site.deps.store
  const idHash = hashIn(ctx, console, 'session')
  const session = idHash === null ? null : await consoleSessions.find(idHash)
  if (session !== null) {
    const form = await readForm(ctx)
    assertConsoleForm({ ctx, console, session }, form.text('csrf'))
    await consoleSessions.remove(session.idHash)
    takeCookie(ctx, console, 'session')
  }
  seeOther(ctx, `${console.site.issuer}/session/end`)
}
