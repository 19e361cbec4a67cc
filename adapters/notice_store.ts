import type { Selectable } from 'kysely'
import type { NewNotice, Notice, NoticeStore } from '../accounts/ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const noticeOf = (row: Selectable<Schema['notices']>): Notice => ({
  id: row.id,
  sub: row.sub,
  code: row.code,
  atMs: row.at_ms,
  params: JSON.parse(row.params) as Notice['params'],
  answeredAt: row.answered_at,
})

const rowOf = ({ id, sub, code, atMs, params }: NewNotice) => ({
  id,
  sub,
  code,
  at_ms: atMs,
  params: JSON.stringify(params),
  answered_at: null,
})

/** Notices in SQL. */
export const createNoticeStore = ({ db }: Sql): NoticeStore => ({
  async add(notice) {
    await db.insertInto('notices').values(rowOf(notice)).execute()
  },
  async addAll(notices) {
    if (notices.length > 0) {
      await db.insertInto('notices').values(notices.map(rowOf)).execute()
    }
  },
  async newest(sub, code) {
    const row = await db
      .selectFrom('notices')
      .select('at_ms')
      .where('sub', '=', sub)
      .where('code', '=', code)
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row?.at_ms ?? null
  },
  async answer(id, sub, atMs) {
    const { numUpdatedRows } = await db
      .updateTable('notices')
      .set({ answered_at: atMs })
      .where('id', '=', id)
      .where('sub', '=', sub)
      .where('answered_at', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async list(sub, limit) {
    const rows = await db
      .selectFrom('notices')
      .selectAll()
      .where('sub', '=', sub)
      .orderBy('seq', 'desc')
      .limit(limit)
      .execute()
    return rows.map(noticeOf)
  },
  async find(id, sub) {
    const row = await db
      .selectFrom('notices')
      .selectAll()
      .where('id', '=', id)
      .where('sub', '=', sub)
      .executeTakeFirst()
    return row === undefined ? null : noticeOf(row)
  },
})
