import type { Provider } from 'oidc-provider'

/** Something of ours in the session record, of the account signed in. */
interface Kept<T> {
  readonly sub: string
  /** Of two writers of one session, the one with the higher revision has seen more. */
  readonly revision: number
  readonly value: T
}

export interface SessionRecord<T> {
  readonly field: string
  /** What the session keeps, if it is that of the account signed in. */
  read(session: unknown): T
  /** Changes it, from what it is by the time of the change. */
  change(
    provider: Provider,
    sessionUid: string,
    sub: string,
    change: (value: T) => T,
  ): Promise<void>
  /** What the store keeps of two writers: nothing is lost to a late one, nor brought back by it. */
  merge(stored: unknown, incoming: unknown): Record<string, unknown>
}

/** A field of the session record whose changes survive requests in parallel. */
export const sessionRecord = <T>(field: string, none: T): SessionRecord<T> => {
  const keptIn = (session: unknown): Kept<T> | undefined => {
    const { accountId, [field]: kept } = session as Record<string, unknown>
    const record = kept as Kept<T> | undefined
    return record?.sub === accountId ? record : undefined
  }
  return {
    field,
    read: (session) => keptIn(session)?.value ?? none,
    async change(provider, sessionUid, sub, change) {
      const session = await provider.Session.findByUid(sessionUid)
      if (session?.accountId !== sub) {
        return
      }
      const before = keptIn(session)
      const value = change(before?.value ?? none)
      if (value !== before?.value) {
        const kept: Kept<T> = { sub, revision: (before?.revision ?? 0) + 1, value }
        Object.assign(session, { [field]: kept })
        await session.persist()
      }
    },
    merge: (stored, incoming) => {
      const [before, after] = [keptIn(stored), keptIn(incoming)]
      const newest = (after?.revision ?? 0) >= (before?.revision ?? 0) ? after : before
      return newest === undefined ? {} : { [field]: newest }
    },
  }
}
