import type { Kysely, Selectable } from 'kysely'
import type { Presented } from '../accounts/ports.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>
type Row = Selectable<Schema['browser_tokens']>
type Next = { readonly tokenHash: string; readonly browserId: string }

/** Successors that one browser may have been sent and not presented yet: as many parallel tabs. */
export const CANDIDATES_MAX = 8

/**
 * Values of the device cookie (their SHA-256) and what became of them:
 * - `candidate`: sent to the browser; whether it arrived is not known;
 * - `current`: presented, so the browser has stored it;
 * - `superseded`: the browser has since presented another.
 *
 * Presenting the current value again (its answer was lost, a second tab, a crash) gives one more
 * candidate and ends nothing. Presenting a candidate ends all others: a browser keeps one value,
 * so that whoever comes with another one is a copy. Only an answer that overtakes a whole later
 * sign-in is mistaken for one, which costs its owner a PIN.
 *
 * A device is bound to the value minted when it was added, and to those minted from that one:
 * whoever copied an earlier value, and whatever comes of it, never has the device. So adding one
 * need end nothing either, and an answer lost then costs its person one PIN and nobody else any.
 */
export const createBrowserTokens = (db: Db) => {
  const byHash = (hash: string): Promise<Row | undefined> =>
    db.selectFrom('browser_tokens').selectAll().where('token_hash', '=', hash).executeTakeFirst()

  const mint = async ({ tokenHash, browserId }: Next, nowMs: number): Promise<void> => {
    await db
      .insertInto('browser_tokens')
      .values({
        token_hash: tokenHash,
        browser_id: browserId,
        state: 'candidate',
        used_at: nowMs,
      })
      .execute()
  }

  /** A successor is worth what the value it was minted from is worth. */
  const inherit = async (tokenHash: string, from: string): Promise<void> => {
    await db
      .insertInto('device_tokens')
      .columns(['token_hash', 'device_id'])
      .expression((query) =>
        query
          .selectFrom('device_tokens')
          .select(({ val }) => [val(tokenHash).as('token_hash'), 'device_id'])
          .where('token_hash', '=', from),
      )
      .execute()
  }

  const endAll = async (browserId: string): Promise<void> => {
    await db
      .updateTable('browser_tokens')
      .set({ state: 'superseded' })
      .where('browser_id', '=', browserId)
      .where('state', '!=', 'superseded')
      .execute()
  }

  const promote = async ({ token_hash, browser_id }: Row): Promise<void> => {
    await endAll(browser_id)
    await db
      .updateTable('browser_tokens')
      .set({ state: 'current' })
      .where('token_hash', '=', token_hash)
      .execute()
  }

  /** Leaves room for one more candidate. */
  const trim = async (browserId: string): Promise<void> => {
    const candidates = await db
      .selectFrom('browser_tokens')
      .select('token_hash')
      .where('browser_id', '=', browserId)
      .where('state', '=', 'candidate')
      .orderBy('seq', 'desc')
      .execute()
    const excess = candidates.slice(CANDIDATES_MAX - 1).map(({ token_hash }) => token_hash)
    if (excess.length > 0) {
      await db
        .updateTable('browser_tokens')
        .set({ state: 'superseded' })
        .where('token_hash', 'in', excess)
        .execute()
    }
  }

  /** See the port. To be run in a transaction. */
  const use = async (
    tokenHash: string | null,
    next: Next,
    nowMs: number,
  ): Promise<Presented & { kind: 'known' | 'stale' }> => {
    const row = tokenHash === null ? undefined : await byHash(tokenHash)
    if (row === undefined) {
      await mint(next, nowMs)
      return { kind: 'known', browserId: next.browserId }
    }
    const browserId = row.browser_id
    if (row.state === 'superseded') {
      return { kind: 'stale', browserId }
    }
    if (row.state === 'candidate') {
      await promote(row)
    }
    await trim(browserId)
    await db
      .updateTable('browser_tokens')
      .set({ used_at: nowMs })
      .where('browser_id', '=', browserId)
      .where('state', '!=', 'superseded')
      .execute()
    await mint({ tokenHash: next.tokenHash, browserId }, nowMs)
    await inherit(next.tokenHash, row.token_hash)
    return { kind: 'known', browserId }
  }

  return {
    use,

    /** What a cookie is, without using it. */
    async present(tokenHash: string): Promise<Presented> {
      const row = await byHash(tokenHash)
      if (row === undefined) {
        return { kind: 'unknown' }
      }
      return { kind: row.state === 'superseded' ? 'stale' : 'known', browserId: row.browser_id }
    },

    /** See the port. To be run in a transaction. */
    async renew(tokenHash: string | null, next: Next, nowMs: number): Promise<string> {
      const { kind, browserId } = await use(tokenHash, next, nowMs)
      if (kind === 'known') {
        return browserId
      }
      await mint(next, nowMs)
      return next.browserId
    },
  }
}
