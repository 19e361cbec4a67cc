import { randomBytes } from 'node:crypto'
import type { LogoutNotice, Outcome, Pending, SignedIn } from './relying_party.ts'
import type { TextKey } from './workspace_texts.ts'

export type Notice = Extract<TextKey, `notice_${string}`>

/** One browser of the workspace. */
export interface Session {
  readonly id: string
  /** Sign-ins under way, by their `state`: one a tab. */
  readonly pending: Map<string, Pending & { readonly startedMs: number }>
  signedIn: SignedIn | undefined
  /** Said once, on the next page. */
  notice: Notice | undefined
  /** A refresh under way: a second click waits for it, since a refresh token serves once. */
  refreshing: Promise<Outcome<SignedIn>> | undefined
  usedMs: number
}

const SESSIONS_MAX = 1000
const SESSION_IDLE_MS = 2 * 60 * 60 * 1000
const PENDING_MAX = 10
const PENDING_AGE_MAX_MS = 15 * 60 * 1000

export type Sessions = ReturnType<typeof createSessions>

/** Sessions in memory: gone when the workspace stops, which is enough for a demonstration. */
export function createSessions(now: () => number) {
  const byId = new Map<string, Session>()

  function find(id: string | undefined): Session | undefined {
    const session = id === undefined ? undefined : byId.get(id)
    if (!session) return undefined
    if (now() - session.usedMs > SESSION_IDLE_MS) {
      byId.delete(session.id)
      return undefined
    }
    session.usedMs = now()
    return session
  }

  function start(from?: Session): Session {
    if (from) byId.delete(from.id)
    const session: Session = {
      id: randomBytes(32).toString('base64url'),
      pending: from?.pending ?? new Map(),
      signedIn: undefined,
      notice: undefined,
      refreshing: undefined,
      usedMs: now(),
    }
    byId.set(session.id, session)
    const [oldest] = byId.keys()
    if (byId.size > SESSIONS_MAX && oldest !== undefined) byId.delete(oldest)
    return session
  }

  return {
    find,
    /** A new session under a new id; what is under way in `from` moves over and `from` ends. */
    start,
    end: (session: Session) => byId.delete(session.id),
    /** Ends every session that the notice means; their browsers are told on the next page. */
    endAll(notice: LogoutNotice): number {
      const meant = [...byId.values()].filter(({ signedIn }) => signedIn && means(notice, signedIn))
      for (const session of meant) {
        session.signedIn = undefined
        session.notice = 'notice_ended'
      }
      return meant.length
    },
    remember(session: Session, pending: Pending): void {
      session.pending.set(pending.state, { ...pending, startedMs: now() })
      const [oldest] = session.pending.keys()
      if (session.pending.size > PENDING_MAX && oldest) session.pending.delete(oldest)
    },
    /** What was begun under this state, once. */
    take(session: Session | undefined, state: string | null): Pending | undefined {
      const pending = session?.pending.get(state ?? '')
      if (!pending) return undefined
      session?.pending.delete(pending.state)
      return now() - pending.startedMs > PENDING_AGE_MAX_MS ? undefined : pending
    },
  }
}

// Back-Channel Logout 1.0 §2.7: with `sid` that session, without it everything of the person.
function means(notice: LogoutNotice, signedIn: SignedIn): boolean {
  if (notice.sid !== undefined) return notice.sid === signedIn.sid
  return notice.sub === signedIn.sub
}
