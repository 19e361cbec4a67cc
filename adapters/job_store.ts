import type { Selectable } from 'kysely'
import type { Job, JobProgress, JobStore, Json } from '../accounts/job_ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Counts = Record<string, number>

const jobOf = (row: Selectable<Schema['jobs']>): Job => ({
  id: row.id,
  kind: row.kind,
  by: row.made_by,
  atMs: row.at_ms,
  state: row.state,
  params: JSON.parse(row.params) as Json,
  cursor: JSON.parse(row.cursor_at) as Json,
  total: row.total,
  done: row.done,
  counts: JSON.parse(row.counts) as Counts,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  failure: row.failure,
  undoneBy: row.undone_by,
})

const addCount = (counts: Counts, key: string, more: number): void => {
  counts[key] = (counts[key] ?? 0) + more
}

const countsAfter = (was: string, { results, counts }: JobProgress): string => {
  const all = JSON.parse(was) as Counts
  for (const { outcome } of results) {
    addCount(all, outcome, 1)
  }
  for (const [key, more] of Object.entries(counts ?? {})) {
    addCount(all, key, more)
  }
  return JSON.stringify(all)
}

/** Rows of one statement; each has five values. */
const ROWS_AT_ONCE = 500

/** Jobs and their results in SQL. */
export const createJobStore = ({ db, atomically }: Sql): JobStore => ({
  async add({ id, kind, by, atMs, params, total }) {
    await db
      .insertInto('jobs')
      .values({
        id,
        kind,
        made_by: by,
        at_ms: atMs,
        state: 'waiting',
        params: JSON.stringify(params),
        cursor_at: 'null',
        total,
        done: 0,
        results: 0,
        counts: '{}',
        started_at: null,
        ended_at: null,
        failure: null,
        undone_by: null,
      })
      .execute()
  },
  async find(id) {
    const row = await db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? null : jobOf(row)
  },
  async list({ by }, before, limit) {
    const rows = await db
      .selectFrom('jobs')
      .selectAll()
      .$if(by !== undefined, (query) => query.where('made_by', '=', by ?? ''))
      .$if(before !== null, (query) =>
        query.where('seq', '<', (eb) =>
          eb
            .selectFrom('jobs as last')
            .select('last.seq')
            .where('last.id', '=', before ?? ''),
        ),
      )
      .orderBy('seq', 'desc')
      .limit(limit)
      .execute()
    return rows.map(jobOf)
  },
  async unfinished() {
    const rows = await db
      .selectFrom('jobs')
      .selectAll()
      .where('ended_at', 'is', null)
      .orderBy('seq')
      .execute()
    return rows.map(jobOf)
  },
  advance: (id, progress, nowMs) =>
    atomically(async (tx) => {
      const row = await tx
        .selectFrom('jobs')
        .selectAll()
        .where('id', '=', id)
        .where('state', 'in', ['waiting', 'running'])
        .executeTakeFirst()
      if (row === undefined) {
        return false
      }
      const { results, cursor, total } = progress
      await tx
        .updateTable('jobs')
        .set({
          state: 'running',
          cursor_at: JSON.stringify(cursor),
          done: row.done + (progress.done ?? results.length),
          results: row.results + results.length,
          counts: countsAfter(row.counts, progress),
          started_at: row.started_at ?? nowMs,
          ...(total !== undefined && { total }),
        })
        .where('id', '=', id)
        .execute()
      for (let from = 0; from < results.length; from += ROWS_AT_ONCE) {
        const rows = results.slice(from, from + ROWS_AT_ONCE).map((result, index) => ({
          job_id: id,
          nth: row.results + from + index + 1,
          subject: result.subject,
          outcome: result.outcome,
          detail: result.detail,
        }))
        await tx.insertInto('job_results').values(rows).execute()
      }
      return true
    }),
  async cancel(id) {
    const { numUpdatedRows } = await db
      .updateTable('jobs')
      .set({ state: 'cancelling' })
      .where('id', '=', id)
      .where('state', 'in', ['waiting', 'running'])
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async finish(id, { state, failure }, nowMs) {
    await db
      .updateTable('jobs')
      .set({ state, failure: failure ?? null, ended_at: nowMs })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .execute()
  },
  async resume(id) {
    const { numUpdatedRows } = await db
      .updateTable('jobs')
      .set({ state: 'waiting', failure: null, ended_at: null })
      .where('id', '=', id)
      .where('state', 'in', ['failed', 'cancelled'])
      .where('undone_by', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async results(id, { outcome }, after, limit) {
    const rows = await db
      .selectFrom('job_results')
      .select(['nth', 'subject', 'outcome', 'detail'])
      .where('job_id', '=', id)
      .where('nth', '>', after)
      .$if(outcome !== undefined, (query) => query.where('outcome', '=', outcome ?? ''))
      .orderBy('nth')
      .limit(limit)
      .execute()
    return rows
  },
  async keepSecret(id, subject, sealed) {
    await db.insertInto('job_secrets').values({ job_id: id, subject, sealed }).execute()
  },
  secrets: (id, after, limit) =>
    db
      .selectFrom('job_secrets')
      .select(['subject', 'sealed'])
      .where('job_id', '=', id)
      .$if(after !== null, (query) => query.where('subject', '>', after ?? ''))
      .orderBy('subject')
      .limit(limit)
      .execute(),
  async forgetSecrets(id, limit) {
    const { numDeletedRows } = await db
      .deleteFrom('job_secrets')
      .where('job_id', '=', id)
      .where('subject', 'in', (eb) =>
        eb
          .selectFrom('job_secrets as some')
          .select('some.subject')
          .where('some.job_id', '=', id)
          .limit(limit),
      )
      .executeTakeFirst()
    return Number(numDeletedRows)
  },
  async markUndone(id, by) {
    const { numUpdatedRows } = await db
      .updateTable('jobs')
      .set({ undone_by: by })
      .where('id', '=', id)
      .where('undone_by', 'is', null)
      .where('ended_at', 'is not', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
})
