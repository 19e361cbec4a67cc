import { type AdapterPayload, errors, type Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import { auditEntry } from '../accounts/audit.ts'
import { type LogoutCall, queueLogout } from '../accounts/outbox.ts'
import type { Deps } from '../accounts/ports.ts'
import type { EndEverythingOf } from '../accounts/replace_passwords.ts'
import type { OpStore } from '../adapters/oidc_sqlite.ts'
import type { Sessions } from '../interactions/site.ts'
import type { Registry } from './registry.ts'

type SessionStore = Pick<
  OpStore,
  | 'listSessions'
  | 'endSession'
  | 'endSessions'
  | 'holders'
  | 'destroyGrants'
  | 'destroyGrantsFor'
  | 'destroyGrantsOf'
>

/** The ends of sessions that are no sign-out in their own browser. */
export interface SessionEnds
  extends Pick<Sessions, 'endSession' | 'endOtherSessions' | 'endEverything' | 'endGrants'> {
  /** Of many people, most of whom have nothing to end. */
  readonly endEverythingOf: EndEverythingOf
}

const grantsOf = (sessions: readonly AdapterPayload[]): string[] =>
  sessions
    .flatMap(({ authorizations = {} }) => Object.values(authorizations))
    .flatMap(({ grantId }) => grantId ?? [])

/** One call for each session and application that has an address for it. */
const callsOf = (
  sub: string,
  sessions: readonly AdapterPayload[],
  listening: ReadonlySet<string>,
): LogoutCall[] =>
  sessions
    .flatMap(({ authorizations = {} }) => Object.entries(authorizations))
    .flatMap(([clientId, { sid }]) =>
      sid !== undefined && listening.has(clientId) ? [{ sub, clientId, sid }] : [],
    )

/** One act at a time for each person: of two clicks, the second finds nothing left to end. */
const createTurns = () => {
  const last = new Map<string, Promise<unknown>>()
  return async <T>(sub: string, act: () => Promise<T>): Promise<T> => {
    const mine = (last.get(sub) ?? Promise.resolve()).then(act, act)
    last.set(sub, mine)
    try {
      return await mine
    } finally {
      if (last.get(sub) === mine) {
        last.delete(sub)
      }
    }
  }
}

/**
 * Ends sessions for their owner or for the school. What applications are to be told is queued
 * before a session goes: whoever is stopped in between tells them too early, which harms nobody,
 * and never not at all. Grants go before the session, so that nothing outlives it, and once more
 * after it: a request in flight may have brought one back, or opened one application more.
 */
export const createSessionEnds = (
  deps: Deps,
  op: SessionStore,
  registry: Pick<Registry, 'listening'>,
): SessionEnds => {
  const inTurn = createTurns()

  /** Their applications are told, but for those that were; and can do no more with their grants. */
  const release = async (
    sub: string,
    sessions: readonly AdapterPayload[],
    told: readonly LogoutCall[],
  ): Promise<LogoutCall[]> => {
    const sids = new Set(told.map(({ sid }) => sid))
    const listening = await registry.listening()
    const calls = callsOf(sub, sessions, listening).filter(({ sid }) => !sids.has(sid))
    if (calls.length > 0) {
      await deps.store.transact(async (tables) => {
        for (const call of calls) {
          await queueLogout(deps, tables, call)
        }
      })
    }
    await op.destroyGrants(grantsOf(sessions))
    return calls
  }

  const end = (
    sub: string,
    isMeant: (session: AdapterPayload) => boolean,
    remove: () => Promise<AdapterPayload[]>,
  ): Promise<number> =>
    inTurn(sub, async () => {
      const told = await release(sub, (await op.listSessions(sub)).filter(isMeant), [])
      const ended = await remove()
      await release(sub, ended, told)
      return ended.length
    })

  const endEverything = async (sub: string): Promise<void> => {
    const isAny = (): boolean => true
    await end(sub, isAny, () => op.endSessions(sub))
    await op.destroyGrantsOf(sub)
  }

  return {
    endEverything,
    endGrants: (sub, clientId) => op.destroyGrantsFor(sub, clientId),
    endEverythingOf: async (subs) => {
      for (const sub of await op.holders(subs)) {
        await endEverything(sub)
      }
    },
    endSession: async (sub, uid) => {
      const remove = async () => [(await op.endSession(sub, uid)) ?? []].flat()
      return (await end(sub, (session) => session.uid === uid, remove)) > 0
    },
    endOtherSessions: (sub, exceptUid) => {
      const isOther = ({ uid }: AdapterPayload): boolean => uid !== exceptUid
      return end(sub, isOther, () => op.endSessions(sub, exceptUid))
    },
  }
}

/** What the OP's own sign-out calls; its types leave it out. */
interface Listener {
  readonly backchannelLogoutUri?: string | undefined
  /** Sends a new logout token, good for two minutes. Throws unless taken within 2.5 seconds. */
  backchannelLogout(sub: string, sid: string): Promise<void>
}

const findListener = async (
  provider: Provider,
  clientId: string,
): Promise<Listener | undefined> => {
  try {
    return (await provider.Client.find(clientId)) as unknown as Listener | undefined
  } catch (error) {
    if (error instanceof errors.InvalidClient) {
      return undefined // Its settings no longer make an application, so it has no session to end.
    }
    throw error
  }
}

export type TellLogout = (call: LogoutCall) => Promise<void>

/**
 * Tells one application that a session is over (Back-Channel Logout 1.0 §2.5), by the name it
 * knows the person under. Throws when it was not told: to be tried again, with a new token. An
 * application that is gone, or has no address for it any more, needs not be told.
 */
export const createTellLogout =
  (provider: Provider, deps: Deps, log: Logger): TellLogout =>
  async ({ sub, clientId, sid }) => {
    const listener = await findListener(provider, clientId)
    if (listener?.backchannelLogoutUri === undefined) {
      return
    }
    await listener.backchannelLogout(sub, sid)
    const entry = auditEntry(deps, {
      act: 'back_channel_told',
      actor: null,
      sub,
      detail: { application: clientId },
    })
    // It was told: whatever becomes of the entry, it must not be told again.
    await deps.store.audit
      .append(entry)
      .catch((error: unknown) => log.error({ err: error }, entry.act))
  }
