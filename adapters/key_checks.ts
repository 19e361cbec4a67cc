import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

/** Tells one key from another without telling the key. */
export interface KeyCheck {
  readonly name: string
  readonly keyId: string
  readonly value: string
}

export interface KeyChecks {
  /** Keeps the values of keys seen for the first time; returns all that are kept. */
  readOrInsert(values: readonly KeyCheck[]): Promise<KeyCheck[]>
}

const readIn = async (db: Kysely<Schema>): Promise<KeyCheck[]> => {
  const rows = await db
    .selectFrom('key_checks')
    .selectAll()
    .orderBy('name')
    .orderBy('key_id')
    .execute()
  return rows.map(({ name, key_id: keyId, value }) => ({ name, keyId, value }))
}

const isKept = ({ name, keyId }: KeyCheck, kept: readonly KeyCheck[]): boolean =>
  kept.some((one) => one.name === name && one.keyId === keyId)

/**
 * Key check values in SQL. Of two starters with different keys, the second reads the first's.
 * Where all are known, a start waits for nobody's writing.
 */
export const createKeyChecks = ({ db: reader, atomically }: Sql): KeyChecks => ({
  async readOrInsert(values) {
    const kept = await readIn(reader)
    if (values.every((one) => isKept(one, kept))) {
      return kept
    }
    return atomically(async (db) => {
      for (const { name, keyId, value } of values) {
        await db
          .insertInto('key_checks')
          .values({ name, key_id: keyId, value })
          .onConflict((conflict) => conflict.columns(['name', 'key_id']).doNothing())
          .execute()
      }
      return readIn(db)
    })
  },
})
