import type { Outbox } from '../accounts/ports.ts'
import type { Sql } from './sql.ts'

/** What is to be told outside, in SQL. A lease is a later due time. */
export const createOutbox = ({ db, atomically }: Sql): Outbox => ({
  async add({ id, kind, sealed, createdAt }) {
    await db
      .insertInto('outbox')
      .values({ id, kind, sealed, created_at: createdAt, due_at: createdAt, attempts: 0 })
      .execute()
  },
  async take(nowMs, leaseMs, limit) {
    const isDue = await db
      .selectFrom('outbox')
      .select('id')
      .where('due_at', '<=', nowMs)
      .limit(1)
      .executeTakeFirst()
    if (isDue === undefined) {
      return [] // Asked every second: mostly there is nothing, and nothing to write.
    }
    return atomically(async (tx) => {
      const rows = await tx
        .selectFrom('outbox')
        .selectAll()
        .where('due_at', '<=', nowMs)
        .orderBy('seq')
        .limit(limit)
        .execute()
      for (const { id, attempts } of rows) {
        await tx
          .updateTable('outbox')
          .set({ due_at: nowMs + leaseMs, attempts: attempts + 1 })
          .where('id', '=', id)
          .execute()
      }
      return rows.map(({ id, kind, sealed, created_at, attempts }) => ({
        id,
        kind,
        sealed,
        createdAt: created_at,
        attempts: attempts + 1,
      }))
    })
  },
  async remove(id) {
    await db.deleteFrom('outbox').where('id', '=', id).execute()
  },
  async postpone(id, dueAtMs) {
    await db.updateTable('outbox').set({ due_at: dueAtMs }).where('id', '=', id).execute()
  },
})
