import type { AdapterPayload } from 'oidc-provider'

/** Of two writers of one session under one account: what is kept. `authorizations` apart. */
export type MergeSession = (
  stored: Record<string, unknown>,
  incoming: Record<string, unknown>,
) => Record<string, unknown>

type Authorizations = NonNullable<AdapterPayload['authorizations']>
/** The entries that a writer started from, as text. */
type Base = ReadonlyMap<string, string>

/**
 * The OP rewrites the whole session at each request. Four applications opened at once would each
 * take the others' entry away, and their codes with it; so what each request itself changed is
 * told from what it merely carries along.
 */
export const createAuthorizationsMerge = () => {
  const bases = new WeakMap<Authorizations, Base>()
  return {
    /** Remembers what a reader starts from. The OP keeps the object as it got it. */
    remember({ authorizations }: AdapterPayload): void {
      if (authorizations !== undefined) {
        const entries = Object.entries(authorizations)
        bases.set(
          authorizations,
          new Map(entries.map(([client, entry]) => [client, JSON.stringify(entry)])),
        )
      }
    },

    /** The stored entries with the changes, additions and removals of one writer. */
    merge(stored: Authorizations = {}, incoming: Authorizations = {}): Authorizations {
      const base = bases.get(incoming) ?? new Map<string, string>()
      const merged = { ...stored }
      for (const client of base.keys()) {
        if (incoming[client] === undefined) {
          delete merged[client]
        }
      }
      for (const [client, entry] of Object.entries(incoming)) {
        if (base.get(client) !== JSON.stringify(entry)) {
          merged[client] = entry
        }
      }
      return merged
    },
  }
}

export type AuthorizationsMerge = ReturnType<typeof createAuthorizationsMerge>

/** What becomes of a write. `merged`: into what is stored, under the ids that it has. */
export type Fate =
  | { readonly kind: 'ignored' }
  | { readonly kind: 'written'; readonly payload: AdapterPayload; readonly otherAccount: boolean }
  | { readonly kind: 'merged'; readonly payload: AdapterPayload }

const IGNORED: Fate = { kind: 'ignored' }

/**
 * Decides on one write of a session that is already stored. `idEnded`: the writer still uses an
 * id that was replaced since.
 */
export const fateOf = (
  stored: AdapterPayload,
  incoming: AdapterPayload,
  idEnded: boolean,
  mergeSession: MergeSession,
  authorizations: AuthorizationsMerge,
): Fate => {
  const same = stored.accountId === incoming.accountId
  const both = (payload: AdapterPayload): AdapterPayload => ({
    ...payload,
    authorizations: authorizations.merge(stored.authorizations, incoming.authorizations),
  })
  if (same && idEnded) {
    return stored.accountId === undefined ? IGNORED : { kind: 'merged', payload: both(stored) }
  }
  if (same) {
    return { kind: 'written', payload: both(mergeSession(stored, incoming)), otherAccount: false }
  }
  // A late anonymous writer must neither sign the person out nor get their session; nor may an
  // old id bring another account in.
  if (idEnded || incoming.accountId === undefined) {
    return IGNORED
  }
  return { kind: 'written', payload: incoming, otherAccount: true }
}
