import type { Kysely } from 'kysely'
import type { MailedCodes } from '../accounts/ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const isFull = async (
  db: Kysely<Schema>,
  ...[sub, purpose, limits, nowMs]: Parameters<MailedCodes['isFull']>
): Promise<boolean> => {
  for (const { most, withinMs } of limits) {
    const { count } = await db
      .selectFrom('mailed_codes')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('sub', '=', sub)
      .where('purpose', '=', purpose)
      .where('at_ms', '>', nowMs - withinMs)
      .executeTakeFirstOrThrow()
    if (Number(count) >= most) {
      return true
    }
  }
  return false
}

/** Codes sent by mail, in SQL. */
export const createMailedCodes = ({ db, atomically }: Sql): MailedCodes => ({
  add: (code, limits) =>
    atomically(async (tx) => {
      if (await isFull(tx, code.sub, code.purpose, limits, code.atMs)) {
        return false
      }
      await tx
        .updateTable('mailed_codes')
        .set({ ended: 1 })
        .where('sub', '=', code.sub)
        .where('purpose', '=', code.purpose)
        .where('bound_to', '=', code.boundTo)
        .execute()
      await tx
        .insertInto('mailed_codes')
        .values({
          id: code.id,
          sub: code.sub,
          purpose: code.purpose,
          bound_to: code.boundTo,
          code_hash: code.codeHash,
          at_ms: code.atMs,
          expires_at: code.expiresAt,
          tries: 0,
          ended: 0,
        })
        .execute()
      return true
    }),
  async tryOnce(id, boundTo, triesMax, nowMs) {
    const row = await db
      .updateTable('mailed_codes')
      .set(({ eb }) => ({ tries: eb('tries', '+', 1) }))
      .where('id', '=', id)
      .where('bound_to', '=', boundTo)
      .where('ended', '=', 0)
      .where('expires_at', '>', nowMs)
      .where('tries', '<', triesMax)
      .returning('code_hash')
      .executeTakeFirst()
    return row?.code_hash ?? null
  },
  async end(id) {
    const { numUpdatedRows } = await db
      .updateTable('mailed_codes')
      .set({ ended: 1 })
      .where('id', '=', id)
      .where('ended', '=', 0)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async live({ sub, purpose, boundTo }, triesMax, nowMs) {
    const row = await db
      .selectFrom('mailed_codes')
      .select(['id', 'at_ms'])
      .where('sub', '=', sub)
      .where('purpose', '=', purpose)
      .where('bound_to', '=', boundTo)
      .where('ended', '=', 0)
      .where('expires_at', '>', nowMs)
      .where('tries', '<', triesMax)
      .executeTakeFirst()
    return row === undefined ? null : { id: row.id, atMs: row.at_ms }
  },
  isFull: (sub, purpose, limits, nowMs) => isFull(db, sub, purpose, limits, nowMs),
})
