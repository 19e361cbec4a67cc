import { type Kysely, sql } from 'kysely'
import { inBlocks } from './blocks.ts'
import { placeAgain } from './people_index.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>

/** The hash of an identifier (its key) that stays of somebody who was erased. */
export type IdentifierHash = (key: string) => string

/** Who was erased and had this identifier; null: nobody. */
export const erasedHolder = async (
  db: Db,
  hash: IdentifierHash | undefined,
  key: string,
): Promise<string | null> => {
  if (hash === undefined) {
    return null
  }
  const row = await db
    .selectFrom('erased_identifiers')
    .select('sub')
    .where('hash', '=', hash(key))
    .executeTakeFirst()
  return row?.sub ?? null
}

/** As `erasedHolder`, for many; by key. */
export const erasedHolders = async (
  db: Db,
  hash: IdentifierHash | undefined,
  keys: readonly string[],
): Promise<Map<string, string>> => {
  const holders = new Map<string, string>()
  // Mostly nobody was ever erased: then no key is hashed.
  const any = await db.selectFrom('erased_identifiers').select('sub').limit(1).executeTakeFirst()
  if (hash === undefined || any === undefined) {
    return holders
  }
  const keyOf = new Map(keys.map((key) => [hash(key), key]))
  await inBlocks([...keyOf.keys()], async (some) => {
    const rows = await db
      .selectFrom('erased_identifiers')
      .select(['hash', 'sub'])
      .where('hash', 'in', some)
      .execute()
    for (const row of rows) {
      holders.set(keyOf.get(row.hash) ?? '', row.sub)
    }
  })
  return holders
}

/** Every identifier that somebody has or had, as keys. */
export const identifiersOf = async (db: Db, sub: string): Promise<string[]> => {
  const rows = await db
    .selectFrom('identifier_history')
    .select('identifier_key')
    .where('sub', '=', sub)
    .execute()
  return rows.map(({ identifier_key: key }) => key)
}

/** What names a person by `sub` without being tied to their account by a foreign key. */
const BY_SUB = [
  'devices',
  'browser_copies',
  'pin_tries',
  'notices',
  'mailed_codes',
  'password_batch_entries',
  'identifier_history',
] as const

/** A pupil's key in the directory stands with those who answer for them, too. */
const dropFromGuardians = async (db: Db, externalId: string): Promise<void> => {
  const guardians = await db
    .selectFrom('account_children')
    .innerJoin('accounts', 'accounts.sub', 'account_children.sub')
    .select(['accounts.sub', 'accounts.children'])
    .where('child', '=', externalId)
    .execute()
  for (const { sub, children } of guardians) {
    const others = (JSON.parse(children) as string[]).filter((one) => one !== externalId)
    await db
      .updateTable('accounts')
      .set({ children: JSON.stringify(others) })
      .where('sub', '=', sub)
      .execute()
  }
  await db.deleteFrom('account_children').where('child', '=', externalId).execute()
  await placeAgain(
    db,
    guardians.map(({ sub }) => sub),
  )
}

/**
 * Removes an account and all that hangs on it, in the caller's transaction. Of its identifiers
 * keyed hashes stay, so that nobody is given one of them again.
 */
export const eraseAccount = async (
  db: Db,
  hash: IdentifierHash | undefined,
  sub: string,
  subjects: readonly string[],
  nowMs: number,
): Promise<void> => {
  if (hash === undefined) {
    throw new Error('opened without the key of erased identifiers')
  }
  const account = await db
    .selectFrom('accounts')
    .select('external_id')
    .where('sub', '=', sub)
    .executeTakeFirst()
  for (const key of await identifiersOf(db, sub)) {
    await db
      .insertInto('erased_identifiers')
      .values({ hash: hash(key), sub, erased_at: nowMs })
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute()
  }
  if (account !== undefined && account.external_id !== null) {
    await dropFromGuardians(db, account.external_id)
  }
  for (const table of BY_SUB) {
    await sql`DELETE FROM ${sql.table(table)} WHERE sub = ${sub}`.execute(db)
  }
  for (const table of ['password_failures', 'password_places'] as const) {
    if (subjects.length > 0) {
      await db.deleteFrom(table).where('subject', 'in', subjects).execute()
    }
  }
  // The lists, sessions of the console and reminders of the account go with it (foreign keys).
  await db.deleteFrom('accounts').where('sub', '=', sub).execute()
}
