import type { Outbox } from '../accounts/ports.ts'
import type { Sql } from './sql.ts'

/** What is to be told outside, in SQL. A lease is a later due time. */
export const createOutbox = ({ db, atomically }: Sql): Outbox => ({
  async add({ id, kind, sealed, createdAt, sub = null }, priority) {
    const times = { created_at: createdAt, due_at: createdAt, attempts: 0 }
    await db
      .insertInto('outbox')
      .values({ id, kind, priority, sealed, sub, ...times })
      .execute()
  },
  async addAll(items, priority) {
    if (items.length > 0) {
      const rows = items.map(({ id, kind, sealed, createdAt, sub = null }) => ({
        ...{ id, kind, priority, sealed, sub },
        ...{ created_at: createdAt, due_at: createdAt, attempts: 0 },
      }))
      await db.insertInto('outbox').values(rows).execute()
    }
  },
  async forget(sub) {
    await db.deleteFrom('outbox').where('sub', '=', sub).where('kind', '=', 'mail').execute()
  },
  async take(kind, nowMs, leaseMs, limit) {
    const isDue = await db
      .selectFrom('outbox')
      .select('seq')
      .where('kind', '=', kind)
      .where('due_at', '<=', nowMs)
      .limit(1)
      .executeTakeFirst()
    if (isDue === undefined) {
      return [] // Asked every second: mostly there is nothing, and nothing to write.
    }
    return atomically(async (tx) => {
      // Of a long queue the index alone is read, and of what is taken the rest.
      const first = tx
        .selectFrom('outbox')
        .select('seq')
        .where('kind', '=', kind)
        .where('due_at', '<=', nowMs)
        .orderBy('priority')
        .orderBy('seq')
        .limit(limit)
      const rows = await tx
        .selectFrom('outbox')
        .selectAll()
        .where('seq', 'in', first)
        .orderBy('priority')
        .orderBy('seq')
        .execute()
      for (const { seq, attempts } of rows) {
        await tx
          .updateTable('outbox')
          .set({ due_at: nowMs + leaseMs, attempts: attempts + 1 })
          .where('seq', '=', seq)
          .execute()
      }
      return rows.map(({ id, sealed, created_at, attempts }) => ({
        id,
        kind,
        sealed,
        createdAt: created_at,
        attempts: attempts + 1,
      }))
    })
  },
  async remove({ id, attempts }) {
    const { numDeletedRows } = await db
      .deleteFrom('outbox')
      .where('id', '=', id)
      .where('attempts', '=', attempts)
      .executeTakeFirst()
    return numDeletedRows === 1n
  },
  async postpone({ id, attempts }, dueAtMs) {
    const { numUpdatedRows } = await db
      .updateTable('outbox')
      .set({ due_at: dueAtMs })
      .where('id', '=', id)
      .where('attempts', '=', attempts)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
})
