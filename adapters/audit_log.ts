import type { AuditEntry, AuditLog } from '../accounts/ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const rowOf = (entry: AuditEntry) => ({
  id: entry.id,
  at_ms: entry.atMs,
  act: entry.act,
  outcome: entry.outcome,
  actor: entry.actor,
  sub: entry.sub,
  client_id: entry.clientId,
  network: entry.network,
  browser_id: entry.browserId,
  detail: JSON.stringify(entry.detail),
})

/** What shows that the gateway erased the personal part of an entry: see `erasedMark`. */
export type MarkErased = (seq: number, commitment: string) => string

/**
 * The audit in SQL: appended, in the transaction of the act, and changed by nothing but the erasure
 * of a person. What is not sealed yet is sealed without what was erased.
 */
/** What an entry says, without what proves it. */
export type AuditRow = Pick<
  Schema['audit_log'],
  | 'id'
  | 'at_ms'
  | 'act'
  | 'outcome'
  | 'actor'
  | 'sub'
  | 'client_id'
  | 'network'
  | 'browser_id'
  | 'detail'
>

/** An entry as it is read. */
export const entryOf = (row: AuditRow): AuditEntry => ({
  id: row.id,
  atMs: row.at_ms,
  act: row.act,
  outcome: row.outcome,
  actor: row.actor,
  sub: row.sub,
  clientId: row.client_id,
  network: row.network,
  browserId: row.browser_id,
  detail: JSON.parse(row.detail) as AuditEntry['detail'],
})

export const createAuditLog = ({ db }: Sql, markErased?: MarkErased): AuditLog => ({
  async append(entry) {
    await db
      .insertInto('audit_log')
      .values(rowOf(entry))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  },
  async appendAll(entries) {
    if (entries.length > 0) {
      await db
        .insertInto('audit_log')
        .values(entries.map(rowOf))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
    }
  },
  async forgetPerson(sub) {
    const entries = await db
      .selectFrom('audit_log')
      .select(['seq', 'commitment', 'actor'])
      .where('sub', '=', sub)
      .execute()
    for (const { seq, commitment, actor } of entries) {
      await db
        .updateTable('audit_log')
        .set({
          sub: null,
          // Who did it to them answers for it still.
          actor: actor === sub ? null : actor,
          network: null,
          browser_id: null,
          detail: '{}',
          salt: null,
          erased: commitment === null ? null : (markErased?.(seq, commitment) ?? null),
        })
        .where('seq', '=', seq)
        .execute()
    }
  },
  async list({ sub, act }, limit) {
    const rows = await db
      .selectFrom('audit_log')
      .selectAll()
      .$if(sub !== undefined, (query) => query.where('sub', '=', sub ?? ''))
      .$if(act !== undefined, (query) => query.where('act', '=', act ?? ''))
      .orderBy('seq', 'desc')
      .limit(limit)
      .execute()
    return rows.map(entryOf)
  },
})
