import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import { type AuditAct, auditEntry } from '../accounts/audit.ts'
import { queueLogout } from '../accounts/outbox.ts'
import type { AuditEntry, Deps, Origin } from '../accounts/ports.ts'
import { originOf } from '../interactions/origin.ts'

type Facts = { act: AuditAct } & Partial<Pick<AuditEntry, 'sub' | 'outcome' | 'detail'>>

/** Sent by the OP when a code or refresh token that was used already comes back (RFC 9700 §4.14). */
const REUSED = /already used|replay|consumed/i

/** Made up, or long forgotten: anybody can send that, so it leaves no trace in the audit. */
const UNKNOWN = /^(authorization code|refresh token) not found$/

/** What a person is sent back to the application with, although signed in. */
const ENDS_SIGN_IN: ReadonlySet<string> = new Set([
  'access_denied',
  'unmet_authentication_requirements',
])

/**
 * What the OP tells by events, into the audit. They are told after the fact, outside a
 * transaction; a write that fails is logged, and the request goes on.
 */
export const auditEvents = (
  provider: Provider,
  deps: Deps,
  log: Logger,
  touchSession: (uid: string) => Promise<void>,
): void => {
  const origin = (ctx: KoaContextWithOIDC): Origin =>
    originOf(ctx, ctx.oidc.client?.clientId ?? null)
  const write = (ctx: KoaContextWithOIDC, facts: Facts): void => {
    const { outcome, ...rest } = facts
    const entry = auditEntry(deps, {
      ...rest,
      origin: origin(ctx),
      ...(outcome === undefined ? {} : { outcome }),
    })
    deps.store.audit.append(entry).catch((error: unknown) => log.error({ err: error }, facts.act))
  }

  provider.on('end_session.success', (ctx) => {
    write(ctx, { act: 'logout', sub: ctx.oidc.session?.accountId ?? null })
  })
  provider.on('authorization.error', (ctx, error) => {
    const sub = ctx.oidc.session?.accountId
    if (sub !== undefined && ENDS_SIGN_IN.has(error.message)) {
      write(ctx, {
        act: 'sign_in_refused',
        outcome: 'refused',
        sub,
        detail: { error: error.message },
      })
    }
  })
  provider.on('grant.error', (ctx, error) => {
    const detail = (error as { error_detail?: string }).error_detail ?? ''
    if (error.message !== 'invalid_grant' || UNKNOWN.test(detail)) {
      return
    }
    const refresh = ctx.oidc.params?.['grant_type'] === 'refresh_token'
    const reused = refresh ? 'refresh_reused' : 'code_reused'
    write(ctx, {
      act: REUSED.test(detail) ? reused : 'token_refused',
      outcome: 'refused',
      sub: ctx.oidc.account?.accountId ?? null,
      detail: { error: error.message, why: detail || null },
    })
  })
  provider.on('grant.success', (ctx) => {
    const uid = ctx.oidc.entities.RefreshToken?.sessionUid
    if (uid !== undefined && ctx.oidc.params?.['grant_type'] === 'refresh_token') {
      // A refresh is activity: nobody is thrown out in the middle of a lesson.
      touchSession(uid).catch((error: unknown) => log.error({ err: error }, 'session not extended'))
    }
  })
  provider.on('backchannel.error', (ctx, error, { clientId }, sub, sid) => {
    log.warn({ err: error, client_id: clientId }, 'back-channel logout failed')
    write(ctx, {
      act: 'back_channel_failed',
      outcome: 'refused',
      sub,
      detail: { application: clientId },
    })
    // The person is not kept waiting: the application is told once it answers.
    queueLogout(deps, deps.store, { sub, clientId, sid }).catch((cause: unknown) =>
      log.error({ err: cause, client_id: clientId }, 'back-channel logout not queued'),
    )
  })
  provider.on('server_error', (ctx, error) => {
    log.error({ err: error, path: ctx.path, reference: ctx.state['reference'] }, 'server error')
  })
}
