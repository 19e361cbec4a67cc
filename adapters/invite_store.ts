import type { InviteStore } from '../accounts/admin_ports.ts'
import type { Sql } from './sql.ts'

/** The code that makes the first administrator, in SQL. */
export const createInviteStore = ({ db, atomically }: Sql): InviteStore => ({
  async add({ codeHash, by, atMs, expiresAt }) {
    const columns = {
      code_hash: codeHash,
      made_by: by,
      at_ms: atMs,
      expires_at: expiresAt,
      tries: 0,
    }
    await db
      .insertInto('admin_invites')
      .values({ one: 1, ...columns })
      .onConflict((conflict) => conflict.column('one').doUpdateSet(columns))
      .execute()
  },
  use: (codeHash, triesMax, nowMs) =>
    atomically(async (tx) => {
      // Counted first: of parallel tries no more than `triesMax` are compared.
      const { numUpdatedRows } = await tx
        .updateTable('admin_invites')
        .set(({ eb }) => ({ tries: eb('tries', '+', 1) }))
        .where('tries', '<', triesMax)
        .where('expires_at', '>', nowMs)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) {
        return false
      }
      const { numDeletedRows } = await tx
        .deleteFrom('admin_invites')
        .where('code_hash', '=', codeHash)
        .executeTakeFirst()
      return numDeletedRows > 0n
    }),
})
