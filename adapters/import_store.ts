import type { Selectable } from 'kysely'
import type {
  FileLayout,
  ImportFile,
  ImportFiles,
  ImportMappings,
  ImportPlan,
} from '../accounts/import_ports.ts'
import type { PeopleColumn } from '../accounts/person_row.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

const fileOf = (row: Selectable<Schema['import_files']>): ImportFile => ({
  id: row.id,
  name: row.name,
  by: row.made_by,
  atMs: row.at_ms,
  bytes: row.bytes,
  layout: JSON.parse(row.layout) as FileLayout,
  plan: row.plan === null ? null : (JSON.parse(row.plan) as ImportPlan),
  checkJob: row.check_job,
  importJob: row.import_job,
  removedAt: row.removed_at,
})

/** Uploaded files of people in SQL; the files themselves lie beside the database. */
export const createImportFiles = ({ db }: Sql): ImportFiles => ({
  async add({ id, name, by, atMs, bytes, layout }) {
    await db
      .insertInto('import_files')
      .values({
        id,
        name,
        made_by: by,
        at_ms: atMs,
        bytes,
        layout: JSON.stringify(layout),
        plan: null,
        check_job: null,
        import_job: null,
        removed_at: null,
      })
      .execute()
  },
  async find(id) {
    const row = await db
      .selectFrom('import_files')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? null : fileOf(row)
  },
  async list(limit) {
    const rows = await db
      .selectFrom('import_files')
      .selectAll()
      .orderBy('seq', 'desc')
      .limit(limit)
      .execute()
    return rows.map(fileOf)
  },
  async setPlan(id, plan, checkJob) {
    const { numUpdatedRows } = await db
      .updateTable('import_files')
      .set({ plan: JSON.stringify(plan), check_job: checkJob })
      .where('id', '=', id)
      .where('import_job', 'is', null)
      .where('removed_at', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async setImport(id, checkJob, importJob) {
    const { numUpdatedRows } = await db
      .updateTable('import_files')
      .set({ import_job: importJob })
      .where('id', '=', id)
      .where('check_job', '=', checkJob)
      .where('import_job', 'is', null)
      .where('removed_at', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async reopen(id, importJob) {
    const { numUpdatedRows } = await db
      .updateTable('import_files')
      .set({ import_job: null, check_job: null })
      .where('id', '=', id)
      .where('import_job', '=', importJob)
      .where('removed_at', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
  async setRemoved(id, atMs) {
    await db
      .updateTable('import_files')
      .set({ removed_at: atMs })
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .execute()
  },
  async present() {
    const rows = await db
      .selectFrom('import_files')
      .selectAll()
      .where('removed_at', 'is', null)
      .orderBy('at_ms')
      .execute()
    return rows.map(fileOf)
  },
  async forget(beforeMs) {
    await db
      .deleteFrom('import_files')
      .where('removed_at', 'is not', null)
      .where('at_ms', '<', beforeMs)
      .execute()
  },
})

/** What columns of files are called, in SQL. */
export const createImportMappings = ({ db }: Sql): ImportMappings => ({
  async of(headers) {
    const rows =
      headers.length === 0
        ? []
        : await db
            .selectFrom('import_mappings')
            .select(['header', 'meaning'])
            .where('header', 'in', headers)
            .execute()
    return new Map(rows.map((row) => [row.header, row.meaning as PeopleColumn | null]))
  },
  async remember(mappings, by, nowMs) {
    for (const [header, meaning] of mappings) {
      const said = { meaning, made_by: by, at_ms: nowMs }
      await db
        .insertInto('import_mappings')
        .values({ header, ...said })
        .onConflict((conflict) => conflict.column('header').doUpdateSet(said))
        .execute()
    }
  },
})
