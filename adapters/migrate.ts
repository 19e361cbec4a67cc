import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { AppError } from '../accounts/errors.ts'
import type { Clock } from '../accounts/ports.ts'
import { applications } from './migrations/applications.ts'
import { auditChain } from './migrations/audit_chain.ts'
import { consoleTables } from './migrations/console.ts'
import { deviceTokens } from './migrations/device_tokens.ts'
import { erasure } from './migrations/erasure.ts'
import { first } from './migrations/first.ts'
import { imports } from './migrations/imports.ts'
import { indexes } from './migrations/indexes.ts'
import { jobs } from './migrations/jobs.ts'
import { mail } from './migrations/mail.ts'
import { otpKeys } from './migrations/otp_keys.ts'
import { passwords } from './migrations/passwords.ts'
import { peopleSearch } from './migrations/people_search.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

/** The little that the databases spell differently. */
interface SqlWords {
  /** Column definition of a key that grows by itself in the order of insertion. */
  readonly serialKey: string
  /** The texts of a JSON list in a column, as a table `each` with the column `value`. */
  readonly eachText: (column: string) => string
  /** Ends the definition of a table that is kept in the order of its primary key, once. */
  readonly clustered: string
  /** Has `act` done with every row of a table of which one of these columns was set: `NEW`. */
  readonly afterUpdate: (trigger: {
    readonly name: string
    readonly table: string
    readonly columns: readonly string[]
    readonly act: string
  }) => readonly string[]
}

/** Once released, a migration never changes: another one follows it. */
export interface Migration {
  readonly name: string
  readonly statements: (words: SqlWords) => readonly string[]
}

const SQLITE_WORDS: SqlWords = {
  serialKey: 'INTEGER PRIMARY KEY AUTOINCREMENT',
  eachText: (column) => `json_each(${column}) AS each`,
  clustered: 'WITHOUT ROWID',
  afterUpdate: ({ name, table, columns, act }) => [
    `CREATE TRIGGER ${name} AFTER UPDATE OF ${columns.join(', ')} ON ${table}
      BEGIN ${act}; END`,
  ],
}

/** Numbered by their place, from 1. */
export const MIGRATIONS: readonly Migration[] = [
  first,
  indexes,
  deviceTokens,
  otpKeys,
  mail,
  passwords,
  consoleTables,
  jobs,
  applications,
  erasure,
  peopleSearch,
  imports,
  auditChain,
]

const spaceless = (text: string): string => text.replace(/\s+/g, ' ')

const checksum = (migration: Migration, words: SqlWords): string =>
  createHash('sha256').update(migration.statements(words).map(spaceless).join(';\n')).digest('hex')

const refusal = (message: string): AppError => new AppError('unavailable', message)

/** Throws where what was applied is not what this version would have applied. */
const assertSame = (
  applied: readonly Schema['schema_migrations'][],
  migrations: readonly Migration[],
  words: SqlWords,
): void => {
  for (const { number, name, checksum: found } of applied) {
    const ours = migrations[number - 1]
    if (ours === undefined) {
      throw refusal(
        `the database was made by a newer version (migration ${number} "${name}"). Start that version, or put the backup back that was made before it`,
      )
    }
    if (checksum(ours, words) !== found) {
      throw refusal(
        `migration ${number} "${name}" of the database is not the one of this version. Start the version that made the database`,
      )
    }
  }
}

const apply = async (
  db: Kysely<Schema>,
  migration: Migration,
  number: number,
  words: SqlWords,
  nowMs: number,
): Promise<void> => {
  for (const statement of migration.statements(words)) {
    await sql.raw(statement).execute(db)
  }
  await db
    .insertInto('schema_migrations')
    .values({
      number,
      name: migration.name,
      checksum: checksum(migration, words),
      applied_at: nowMs,
    })
    .execute()
}

const appliedIn = (db: Kysely<Schema>): Promise<Schema['schema_migrations'][]> =>
  db.selectFrom('schema_migrations').selectAll().orderBy('number').execute()

/** Asked without a lock, so that a start waits for nobody's writing where there is nothing to do. */
const isUpToDate = async (
  db: Kysely<Schema>,
  migrations: readonly Migration[],
  words: SqlWords,
): Promise<boolean> => {
  const applied = await appliedIn(db).catch(() => []) // A new file; or the transaction says why.
  assertSame(applied, migrations, words)
  return applied.length === migrations.length
}

/**
 * Brings the database to this version, in one transaction, so that of two starters one does the
 * work and the other finds it done. Throws `AppError('unavailable')` for a database that another
 * version has changed.
 */
export const migrate = async (
  { db: reader, atomically }: Sql,
  clock: Clock,
  migrations: readonly Migration[] = MIGRATIONS,
  words: SqlWords = SQLITE_WORDS,
): Promise<void> => {
  if (await isUpToDate(reader, migrations, words)) {
    return
  }
  await atomically(async (db) => {
    await db.schema
      .createTable('schema_migrations')
      .ifNotExists()
      .addColumn('number', 'integer', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('checksum', 'text', (column) => column.notNull())
      .addColumn('applied_at', 'bigint', (column) => column.notNull())
      .execute()
    const applied = await appliedIn(db)
    assertSame(applied, migrations, words)
    for (const [index, migration] of migrations.entries()) {
      if (index >= applied.length) {
        await apply(db, migration, index + 1, words, clock())
      }
    }
  })
}
