import type { Kysely } from 'kysely'
import type { Presented } from '../accounts/ports.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>
type Row = Schema['browser_tokens']
type Next = { readonly tokenHash: string; readonly browserId: string }

/**
 * The longest from the sending of a request to the arrival of its answer. A value may be presented
 * this long after the browser replaced it, and may be stored by the browser this long after it was
 * minted: parallel tabs are answered in any order.
 */
export const REQUEST_FLIGHT_MS = 60_000

/** Successors minted, and perhaps never received, that one browser may have. */
export const CANDIDATES_MAX = 8

const ended = (row: Row, nowMs: number): boolean =>
  row.superseded_at !== null && nowMs >= row.superseded_at + REQUEST_FLIGHT_MS

/**
 * Whoever presents `other` value at `nowMs` had stored it a flight ago at the latest, so what was
 * minted two flights ago had arrived before, or never will: it may be given up.
 */
const settled = (row: Row, nowMs: number): boolean =>
  row.minted_at < nowMs - 2 * REQUEST_FLIGHT_MS

/** Values of the device cookie (their SHA-256): which is good, which may become so, which is old. */
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
        minted_at: nowMs,
        used_at: nowMs,
        superseded_at: null,
      })
      .execute()
  }

  const set = async (row: Row, columns: Partial<Row>): Promise<void> => {
    await db
      .updateTable('browser_tokens')
      .set(columns)
      .where('token_hash', '=', row.token_hash)
      .execute()
  }

  const others = (row: Row): Promise<Row[]> =>
    db
      .selectFrom('browser_tokens')
      .selectAll()
      .where('browser_id', '=', row.browser_id)
      .where('token_hash', '!=', row.token_hash)
      .where('state', '!=', 'superseded')
      .orderBy('minted_at', 'desc')
      .execute()

  const supersede = (row: Row, nowMs: number): Promise<void> =>
    set(row, { state: 'superseded', superseded_at: nowMs })

  /** The browser has stored this successor: what it replaces is good no more. */
  const promote = async (row: Row, nowMs: number): Promise<void> => {
    for (const other of await others(row)) {
      if (settled(other, nowMs)) {
        await supersede(other, nowMs)
      } else if (other.state === 'current') {
        await set(other, { state: 'candidate' })
      }
    }
    await set(row, { state: 'current' })
  }

  const trim = async (row: Row, nowMs: number): Promise<void> => {
    const candidates = (await others(row)).filter(({ state }) => state === 'candidate')
    // Room for the one about to be minted.
    for (const old of candidates.slice(CANDIDATES_MAX - 1)) {
      if (settled(old, nowMs)) {
        await supersede(old, nowMs)
      }
    }
  }

  return {
    mint,

    /** What a cookie is, without using it. */
    async present(tokenHash: string, nowMs: number): Promise<Presented> {
      const row = await byHash(tokenHash)
      if (row === undefined) {
        return { kind: 'unknown' }
      }
      return { kind: ended(row, nowMs) ? 'stale' : 'known', browserId: row.browser_id }
    },

    /** See the port. To be run in a transaction. */
    async use(
      tokenHash: string | null,
      next: Next,
      nowMs: number,
    ): Promise<Presented & { kind: 'known' | 'stale' }> {
      const row = tokenHash === null ? undefined : await byHash(tokenHash)
      if (row === undefined) {
        await mint(next, nowMs)
        return { kind: 'known', browserId: next.browserId }
      }
      const browserId = row.browser_id
      if (ended(row, nowMs)) {
        return { kind: 'stale', browserId }
      }
      if (row.state === 'candidate') {
        await promote(row, nowMs)
      }
      await trim(row, nowMs)
      await set(row, { used_at: nowMs })
      await mint({ tokenHash: next.tokenHash, browserId }, nowMs)
      return { kind: 'known', browserId }
    },
  }
}
