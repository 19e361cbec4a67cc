import type { ConsoleDone, ConsoleSession, ConsoleSessions } from '../accounts/admin_ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const sessionOf = (row: Schema['console_sessions']): ConsoleSession => ({
  idHash: row.id_hash,
  sub: row.sub,
  sessionUid: row.session_uid,
  beganAt: row.began_at,
  seenAt: row.seen_at,
  done: row.done === null ? null : (JSON.parse(row.done) as ConsoleDone),
  kept: row.kept,
})

/** Sessions of the console in SQL. */
export const createConsoleSessions = ({ db, atomically }: Sql): ConsoleSessions => {
  const set = async (
    idHash: string,
    columns: Partial<Pick<Schema['console_sessions'], 'seen_at' | 'done' | 'kept'>>,
  ): Promise<void> => {
    await db.updateTable('console_sessions').set(columns).where('id_hash', '=', idHash).execute()
  }
  /** Of two at once, one gets it. */
  const take = (idHash: string, column: 'done' | 'kept'): Promise<string | null> =>
    atomically(async (tx) => {
      const row = await tx
        .selectFrom('console_sessions')
        .select(column)
        .where('id_hash', '=', idHash)
        .executeTakeFirst()
      const value = row?.[column] ?? null
      if (value !== null) {
        await tx
          .updateTable('console_sessions')
          .set({ [column]: null })
          .where('id_hash', '=', idHash)
          .execute()
      }
      return value
    })
  return {
    async find(idHash) {
      const row = await db
        .selectFrom('console_sessions')
        .selectAll()
        .where('id_hash', '=', idHash)
        .executeTakeFirst()
      return row === undefined ? null : sessionOf(row)
    },
    async add({ idHash, sub, sessionUid, beganAt, seenAt }) {
      await db
        .insertInto('console_sessions')
        .values({
          id_hash: idHash,
          sub,
          session_uid: sessionUid,
          began_at: beganAt,
          seen_at: seenAt,
          done: null,
          kept: null,
        })
        .execute()
    },
    seen: (idHash, nowMs) => set(idHash, { seen_at: nowMs }),
    async takeDone(idHash) {
      const done = await take(idHash, 'done')
      return done === null ? null : (JSON.parse(done) as ConsoleDone)
    },
    setDone: (idHash, done) => set(idHash, { done: JSON.stringify(done) }),
    takeKept: (idHash) => take(idHash, 'kept'),
    setKept: (idHash, kept) => set(idHash, { kept }),
    async remove(idHash) {
      await db.deleteFrom('console_sessions').where('id_hash', '=', idHash).execute()
    },
    async removeAllOf(sub) {
      await db.deleteFrom('console_sessions').where('sub', '=', sub).execute()
    },
  }
}
