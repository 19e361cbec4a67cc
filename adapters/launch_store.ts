import type { LaunchStore } from '../accounts/application_ports.ts'
import type { Sql } from './sql.ts'

/** Launches in SQL: one row a day and application. */
export const createLaunchStore = ({ db }: Sql): LaunchStore => ({
  async count(clientId, day, opening) {
    const known = await db
      .selectFrom('audit_log')
      .select('id')
      .where('id', '=', opening)
      .executeTakeFirst()
    if (known !== undefined) {
      return
    }
    await db
      .insertInto('application_launches')
      .values({ client_id: clientId, day, launches: 1 })
      .onConflict((conflict) =>
        conflict.columns(['client_id', 'day']).doUpdateSet((eb) => ({
          launches: eb('application_launches.launches', '+', 1),
        })),
      )
      .execute()
  },
  async totals(fromDay) {
    const rows = await db
      .selectFrom('application_launches')
      .select(({ fn }) => ['client_id', fn.sum<number>('launches').as('total')])
      .where('day', '>=', fromDay)
      .groupBy('client_id')
      .execute()
    return new Map(rows.map(({ client_id, total }) => [client_id, Number(total)]))
  },
  async days(clientId, fromDay) {
    return db
      .selectFrom('application_launches')
      .select(['day', 'launches'])
      .where('client_id', '=', clientId)
      .where('day', '>=', fromDay)
      .orderBy('day')
      .execute()
  },
  async purge(beforeDay) {
    const { numDeletedRows } = await db
      .deleteFrom('application_launches')
      .where('day', '<', beforeDay)
      .executeTakeFirst()
    return Number(numDeletedRows)
  },
})
