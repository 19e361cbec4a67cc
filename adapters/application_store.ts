import type { Insertable, Selectable } from 'kysely'
import type {
  ApplicationChange,
  ApplicationStore,
  ApplicationVersion,
  RegisteredApplication,
} from '../accounts/application_ports.ts'
import type { Registration } from '../accounts/registration.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Row = Selectable<Schema['applications']>

const applicationOf = (row: Row): RegisteredApplication => ({
  clientId: row.client_id,
  kind: row.kind,
  version: row.version,
  registration: JSON.parse(row.registration) as Registration,
  createdAt: row.created_at,
  atMs: row.at_ms,
  by: row.saved_by,
  secret:
    row.secret_sealed === null
      ? null
      : { sealed: row.secret_sealed, atMs: row.secret_at ?? row.created_at },
  previous:
    row.previous_sealed === null
      ? null
      : { sealed: row.previous_sealed, untilMs: row.previous_until ?? 0 },
})

const rowOf = (application: RegisteredApplication): Insertable<Schema['applications']> => ({
  client_id: application.clientId,
  kind: application.kind,
  version: application.version,
  registration: JSON.stringify(application.registration),
  created_at: application.createdAt,
  at_ms: application.atMs,
  saved_by: application.by,
  secret_sealed: application.secret?.sealed ?? null,
  secret_at: application.secret?.atMs ?? null,
  previous_sealed: application.previous?.sealed ?? null,
  previous_until: application.previous?.untilMs ?? null,
})

/** Registered applications in SQL, with one row for every change. */
export const createApplicationStore = ({ db, atomically }: Sql): ApplicationStore => {
  const note = async (
    { db: tx }: Pick<Sql, 'db'>,
    row: Pick<Row, 'client_id' | 'version' | 'at_ms' | 'saved_by' | 'registration'>,
    act: ApplicationChange,
  ): Promise<void> => {
    await tx
      .insertInto('application_versions')
      .values({
        client_id: row.client_id,
        version: row.version,
        act,
        at_ms: row.at_ms,
        saved_by: row.saved_by,
        registration: row.registration,
      })
      .execute()
  }

  return {
    async stamp() {
      const newest = await db
        .selectFrom('application_versions')
        .select('seq')
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst()
      return newest?.seq ?? 0
    },
    async list() {
      const rows = await db.selectFrom('applications').selectAll().orderBy('client_id').execute()
      return rows.map(applicationOf)
    },
    async find(clientId) {
      const row = await db
        .selectFrom('applications')
        .selectAll()
        .where('client_id', '=', clientId)
        .executeTakeFirst()
      return row === undefined ? null : applicationOf(row)
    },
    add: (application) =>
      atomically(async (tx) => {
        const row = rowOf(application)
        const { numInsertedOrUpdatedRows = 0n } = await tx
          .insertInto('applications')
          .values(row)
          .onConflict((conflict) => conflict.column('client_id').doNothing())
          .executeTakeFirst()
        if (numInsertedOrUpdatedRows === 0n) {
          return false
        }
        await note({ db: tx }, row, 'registered')
        return true
      }),
    save: (application, act) =>
      atomically(async (tx) => {
        const { client_id: clientId, created_at: _created, ...row } = rowOf(application)
        const { numUpdatedRows } = await tx
          .updateTable('applications')
          .set(row)
          .where('client_id', '=', clientId)
          .where('version', '=', application.version - 1)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) {
          return false
        }
        await note({ db: tx }, { client_id: clientId, ...row }, act)
        return true
      }),
    remove: (clientId, version, by, atMs) =>
      atomically(async (tx) => {
        const row = await tx
          .deleteFrom('applications')
          .where('client_id', '=', clientId)
          .where('version', '=', version)
          .returning('registration')
          .executeTakeFirst()
        if (row === undefined) {
          return false
        }
        const { registration } = row
        await note(
          { db: tx },
          { client_id: clientId, version: version + 1, at_ms: atMs, saved_by: by, registration },
          'removed',
        )
        return true
      }),
    async reseal(clientId, version, { secret, previous }) {
      await db
        .updateTable('applications')
        .set({ secret_sealed: secret, previous_sealed: previous })
        .where('client_id', '=', clientId)
        .where('version', '=', version)
        .execute()
    },
    async versions(clientId, limit) {
      const rows = await db
        .selectFrom('application_versions')
        .selectAll()
        .where('client_id', '=', clientId)
        .orderBy('seq', 'desc')
        .limit(limit)
        .execute()
      return rows.map(
        (row): ApplicationVersion => ({
          version: row.version,
          act: row.act,
          atMs: row.at_ms,
          by: row.saved_by,
          registration: JSON.parse(row.registration) as Registration,
        }),
      )
    },
  }
}
