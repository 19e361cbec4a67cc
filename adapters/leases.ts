import type { Leases } from '../accounts/admin_ports.ts'
import type { Sql } from './sql.ts'

/** Leases in SQL: one statement takes one, so that of two who ask one has it. */
export const createLeases = ({ db }: Sql): Leases => ({
  async take(name, holder, nowMs, forMs) {
    const until = nowMs + forMs
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('leases')
      .values({ name, holder, until_ms: until })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ holder, until_ms: until })
          .where(({ eb, or }) =>
            or([eb('leases.holder', '=', holder), eb('leases.until_ms', '<=', nowMs)]),
          ),
      )
      .executeTakeFirst()
    return (numInsertedOrUpdatedRows ?? 0n) > 0n
  },
  async release(name, holder) {
    await db.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder).execute()
  },
})
