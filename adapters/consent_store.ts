import type { Selectable } from 'kysely'
import type { Consent, ConsentStore } from '../accounts/application_ports.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const consentOf = (row: Selectable<Schema['consents']>): Consent => ({
  sub: row.sub,
  clientId: row.client_id,
  learns: JSON.parse(row.learns) as string[],
  atMs: row.at_ms,
})

/** What people allowed applications to learn, in SQL. */
export const createConsentStore = ({ db }: Sql): ConsentStore => ({
  async find(sub, clientId) {
    const row = await db
      .selectFrom('consents')
      .selectAll()
      .where('sub', '=', sub)
      .where('client_id', '=', clientId)
      .executeTakeFirst()
    return row === undefined ? null : consentOf(row)
  },
  async save({ sub, clientId, learns, atMs }) {
    const row = { learns: JSON.stringify(learns), at_ms: atMs }
    await db
      .insertInto('consents')
      .values({ sub, client_id: clientId, ...row })
      .onConflict((conflict) => conflict.columns(['sub', 'client_id']).doUpdateSet(row))
      .execute()
  },
  async list(sub) {
    const rows = await db
      .selectFrom('consents')
      .selectAll()
      .where('sub', '=', sub)
      .orderBy('client_id')
      .execute()
    return rows.map(consentOf)
  },
  async remove(sub, clientId) {
    const { numDeletedRows } = await db
      .deleteFrom('consents')
      .where('sub', '=', sub)
      .where('client_id', '=', clientId)
      .executeTakeFirst()
    return numDeletedRows > 0n
  },
  async removeSomeOf(clientId, limit) {
    const { numDeletedRows } = await db
      .deleteFrom('consents')
      .where('client_id', '=', clientId)
      .where('sub', 'in', (eb) =>
        eb.selectFrom('consents').select('sub').where('client_id', '=', clientId).limit(limit),
      )
      .executeTakeFirst()
    return Number(numDeletedRows)
  },
})
