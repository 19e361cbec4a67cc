import type { IssuedSecrets } from '../accounts/job_ports.ts'
import type { Sql } from './sql.ts'

/** Who issued which secret to whom, in SQL. */
export const createIssuedSecrets = ({ db }: Sql): IssuedSecrets => ({
  async lastBy(sub, kind, by) {
    const row = await db
      .selectFrom('issued_secrets')
      .select('at_ms')
      .where('sub', '=', sub)
      .where('kind', '=', kind)
      .where('issued_by', '=', by)
      .executeTakeFirst()
    return row?.at_ms ?? null
  },
  async anyBySomebodyElse(sub, except, sinceMs) {
    const row = await db
      .selectFrom('issued_secrets')
      .select('at_ms')
      .where('sub', '=', sub)
      .where('issued_by', '!=', except)
      .where('at_ms', '>', sinceMs)
      .limit(1)
      .executeTakeFirst()
    return row !== undefined
  },
  async note(sub, kind, by, nowMs) {
    await db
      .insertInto('issued_secrets')
      .values({ sub, kind, issued_by: by, at_ms: nowMs })
      .onConflict((conflict) =>
        conflict.columns(['sub', 'kind', 'issued_by']).doUpdateSet({ at_ms: nowMs }),
      )
      .execute()
  },
})
