import type { AdapterPayload } from 'oidc-provider'
import type { Deps } from '../accounts/ports.ts'
import type { OpSessions } from '../adapters/oidc_sessions.ts'
import type { OpenSession } from '../interactions/site.ts'
import { isOwnClient } from './clients.ts'
import { factorsOf, provedIn } from './session_factors.ts'

/** Half-open sessions are not listed, nor those that the account has voided since. */
const isAlive = (session: AdapterPayload, validAfter: number, nowMs: number): boolean =>
  provedIn(session, nowMs).open && (factorsOf(session)?.completedFor ?? 0) >= validAfter

const described = (session: AdapterPayload): OpenSession => {
  const { completedFor = 0, from = null } = factorsOf(session) ?? {}
  return {
    uid: session.uid ?? '',
    signedInAt: completedFor,
    clientIds: Object.keys(session.authorizations ?? {}).filter((id) => !isOwnClient(id)),
    from,
  }
}

/** A person's sessions as they are told of them, newest first. */
export const createSessionsOf =
  (
    { store, clock }: Pick<Deps, 'clock'> & { readonly store: Pick<Deps['store'], 'accounts'> },
    op: Pick<OpSessions, 'listSessions'>,
  ) =>
  async (sub: string): Promise<OpenSession[]> => {
    const account = await store.accounts.bySub(sub)
    const sessions = account === null ? [] : await op.listSessions(sub)
    return sessions
      .filter((session) => isAlive(session, account?.validAfter ?? 0, clock()))
      .map(described)
      .sort((a, b) => b.signedInAt - a.signedInAt)
  }
