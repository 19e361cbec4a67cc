import type { Kysely } from 'kysely'
import {
  type Account,
  identifierKey,
  type PasswordRecord,
  type Person,
  type PinRecord,
} from '../accounts/account.ts'
import type { AccountStore } from '../accounts/ports.ts'
import { inBlocks } from './blocks.ts'
import {
  eraseAccount,
  erasedHolder,
  erasedHolders,
  type IdentifierHash,
  identifiersOf,
} from './erase_account.ts'
import { addToIndex, changeInIndex } from './people_index.ts'
import { addAllToIndex } from './people_index_many.ts'
import { personOf } from './person_columns.ts'
import type { AccountRow, Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>

type PasswordColumns = Pick<
  AccountRow,
  | 'password_sealed'
  | 'password_origin'
  | 'password_set_at'
  | 'password_rules_version'
  | 'password_must_change'
  | 'password_voided_at'
  | 'password_batch'
>

export const passwordOf = (row: PasswordColumns): PasswordRecord | null =>
  row.password_sealed === null || row.password_origin === null
    ? null
    : {
        sealed: row.password_sealed,
        origin: row.password_origin,
        setAt: row.password_set_at ?? 0,
        rulesVersion: row.password_rules_version ?? 0,
        mustChange: row.password_must_change === 1,
        voidedAt: row.password_voided_at,
        batchId: row.password_batch,
      }

const pinOf = (row: AccountRow): PinRecord | null =>
  row.pin_sealed === null || row.pin_origin === null
    ? null
    : {
        sealed: row.pin_sealed,
        origin: row.pin_origin,
        setAt: row.pin_set_at ?? 0,
        length: row.pin_length ?? 0,
        blockedAt: row.pin_blocked_at,
      }

export const accountOf = (row: AccountRow & { has_otp_keys: unknown }): Account => ({
  sub: row.sub,
  ...personOf(row),
  protection: row.protection,
  password: passwordOf(row),
  voidPassword: row.password_void_sealed,
  pin: pinOf(row),
  hadPin: row.had_pin === 1,
  passwordResetByMailAt: row.password_reset_by_mail_at,
  verifiedEmail: row.verified_email,
  verifiedAt: row.verified_at,
  previousVerifiedEmail: row.previous_verified_email,
  chosenLocale: row.chosen_locale,
  validAfter: row.valid_after,
  disabledAt: row.disabled_at,
  hasOtpKeys: Boolean(row.has_otp_keys),
  role: row.role,
  createdAt: row.created_at,
})

const personColumns = (person: Person, nowMs: number) => ({
  external_id: person.externalId,
  identifier: person.identifier,
  identifier_key: identifierKey(person.identifier),
  user_type: person.userType,
  given_name: person.givenName,
  family_name: person.familyName,
  email: person.email,
  birth_date: person.birthDate,
  establishments: JSON.stringify(person.establishments),
  classes: JSON.stringify(person.classes),
  children: JSON.stringify(person.children),
  locale: person.locale,
  updated_at: nowMs,
})

const accountColumns = (sub: string, person: Person, nowMs: number) => ({
  sub,
  ...personColumns(person, nowMs),
  had_pin: 0,
  password_reset_by_mail_at: 0,
  valid_after: 0,
  created_at: nowMs,
})

const passwordColumns = (password: PasswordRecord) => ({
  password_sealed: password.sealed,
  password_origin: password.origin,
  password_set_at: password.setAt,
  password_rules_version: password.rulesVersion,
  password_must_change: password.mustChange ? 1 : 0,
  password_voided_at: password.voidedAt,
  password_batch: password.batchId,
  // Whoever has one of their own again is back in.
  ...(password.origin === 'personal' && password.voidedAt === null
    ? { password_void_sealed: null }
    : {}),
})

const pinColumns = (pin: PinRecord) => ({
  pin_sealed: pin.sealed,
  pin_origin: pin.origin,
  pin_set_at: pin.setAt,
  pin_length: pin.length,
  pin_blocked_at: pin.blockedAt,
  had_pin: 1,
})

const TAKEN = 'this identifier belongs, or belonged, to another account'

/** Keeps who holds an identifier for ever. Throws when it is, or was, somebody else's. */
const holdIdentifier = async (
  db: Db,
  hash: IdentifierHash | undefined,
  sub: string,
  person: Person,
  nowMs: number,
): Promise<void> => {
  const key = identifierKey(person.identifier)
  if ((await erasedHolder(db, hash, key)) !== null) {
    throw new Error(TAKEN)
  }
  await db
    .insertInto('identifier_history')
    .values({
      identifier_key: key,
      sub,
      external_id: person.externalId,
      first_held_at: nowMs,
    })
    .onConflict((conflict) => conflict.column('identifier_key').doNothing())
    .execute()
  if ((await holderOf(db, key)) !== sub) {
    throw new Error(TAKEN)
  }
  await db
    .updateTable('identifier_history')
    .set({ external_id: person.externalId })
    .where('sub', '=', sub)
    .execute()
}

const holderOf = async (db: Db, key: string): Promise<string | null> => {
  const row = await db
    .selectFrom('identifier_history')
    .select('sub')
    .where('identifier_key', '=', key)
    .executeTakeFirst()
  return row?.sub ?? null
}

const LIST_TABLES = ['account_establishments', 'account_classes', 'account_children'] as const
type ListTable = (typeof LIST_TABLES)[number]

/** The lists of a person where they are searched, each value once. */
const listRows = ({ establishments, classes, children }: Person, sub: string) => ({
  account_establishments: [...new Set(establishments)].map((establishment) => ({
    establishment,
    sub,
  })),
  account_classes: [...new Set(classes)].map((name) => ({ class: name, sub })),
  account_children: [...new Set(children)].map((child) => ({ child, sub })),
})

/** `before`: what is there already; null: nothing. */
const placeIn = async (
  db: Db,
  sub: string,
  person: Person,
  before: Person | null,
): Promise<void> => {
  const rows = listRows(person, sub)
  const old = before === null ? null : listRows(before, sub)
  for (const table of Object.keys(rows) as ListTable[]) {
    if (old !== null && JSON.stringify(rows[table]) === JSON.stringify(old[table])) {
      continue
    }
    if (old !== null) {
      await db.deleteFrom(table).where('sub', '=', sub).execute()
    }
    if (rows[table].length > 0) {
      await db.insertInto(table).values(rows[table]).execute()
    }
  }
}

const insert = async (
  db: Db,
  hash: IdentifierHash | undefined,
  sub: string,
  person: Person,
  nowMs: number,
): Promise<void> => {
  await db
    .insertInto('accounts')
    .values(accountColumns(sub, person, nowMs))
    .execute()
  await holdIdentifier(db, hash, sub, person, nowMs)
  await placeIn(db, sub, person, null)
  await addToIndex(db, sub, person)
}

/** Many new ones in few statements: the lines of a file of people. */
const insertAll = async (
  db: Db,
  people: readonly { readonly sub: string; readonly person: Person }[],
  nowMs: number,
): Promise<void> => {
  const accounts = people.map(({ sub, person }) => accountColumns(sub, person, nowMs))
  await inBlocks(accounts, (rows) => db.insertInto('accounts').values(rows).execute())
  const held = people.map(({ sub, person }) => ({
    identifier_key: identifierKey(person.identifier),
    sub,
    external_id: person.externalId,
    first_held_at: nowMs,
  }))
  // An identifier that somebody has or had is refused by its primary key, and with it the whole.
  await inBlocks(held, (rows) => db.insertInto('identifier_history').values(rows).execute())
  const lists = people.map(({ sub, person }) => listRows(person, sub))
  for (const table of LIST_TABLES) {
    const rows = lists.flatMap((one): object[] => one[table])
    await inBlocks(rows, (some) =>
      db
        .insertInto(table)
        .values(some as never)
        .execute(),
    )
  }
  await addAllToIndex(db, people)
}

const update = async (
  db: Db,
  hash: IdentifierHash | undefined,
  sub: string,
  person: Person,
  nowMs: number,
): Promise<void> => {
  const before = await by(db, 'sub', sub)
  await db
    .updateTable('accounts')
    .set(personColumns(person, nowMs))
    .where('sub', '=', sub)
    .executeTakeFirst()
  await holdIdentifier(db, hash, sub, person, nowMs)
  await placeIn(db, sub, person, before)
  if (before !== null) {
    await changeInIndex(db, sub, person, before)
  }
}

/** Accounts as `accountOf` reads them. */
export const withKeys = (db: Db) =>
  db
    .selectFrom('accounts')
    .selectAll()
    .select(({ exists, selectFrom }) =>
      exists(
        selectFrom('otp_keys').select('serial').whereRef('otp_keys.sub', '=', 'accounts.sub'),
      ).as('has_otp_keys'),
    )

const by = async (
  db: Db,
  column: 'sub' | 'identifier_key' | 'external_id',
  value: string,
): Promise<Account | null> => {
  const row = await withKeys(db).where(column, '=', value).executeTakeFirst()
  return row === undefined ? null : accountOf(row)
}

/** Accounts in SQL. `hash`: without it nobody can be erased, nor those be known who were. */
export const createAccountStore = (
  { db, atomically }: Sql,
  hash?: IdentifierHash,
): AccountStore => {
  const change = (sub: string, columns: Partial<AccountRow>) =>
    db.updateTable('accounts').set(columns).where('sub', '=', sub)
  const set = async (sub: string, columns: Partial<AccountRow>): Promise<void> => {
    await change(sub, columns).execute()
  }
  return {
    bySub: (sub) => by(db, 'sub', sub),
    byIdentifier: (key) => by(db, 'identifier_key', key),
    byExternalId: (externalId) => by(db, 'external_id', externalId),
    async bySubs(subs) {
      const rows = await withKeys(db).where('sub', 'in', subs).execute()
      return rows.map(accountOf)
    },
    identifierHolder: async (key) => (await holderOf(db, key)) ?? erasedHolder(db, hash, key),
    async guardiansOf(externalId, limit) {
      const rows = await withKeys(db)
        .where('accounts.sub', 'in', (query) =>
          query
            .selectFrom('account_children')
            .select('account_children.sub')
            .where('child', '=', externalId),
        )
        .orderBy('family_name')
        .limit(limit)
        .execute()
      return rows.map(accountOf)
    },
    identifiersOf: (sub) => identifiersOf(db, sub),
    erase: (sub, subjects, nowMs) =>
      atomically((tx) => eraseAccount(tx, hash, sub, subjects, nowMs)),
    insert: (sub, person, nowMs) => atomically((tx) => insert(tx, hash, sub, person, nowMs)),
    async lookUp(keys, externalIds) {
      const holders = await erasedHolders(db, hash, keys)
      await inBlocks(keys, async (some) => {
        const rows = await db
          .selectFrom('identifier_history')
          .select(['identifier_key', 'sub'])
          .where('identifier_key', 'in', some)
          .execute()
        for (const { identifier_key: key, sub } of rows) {
          holders.set(key, sub)
        }
      })
      const byExternalId = new Map<string, Account>()
      await inBlocks(externalIds, async (some) => {
        for (const row of await withKeys(db).where('external_id', 'in', some).execute()) {
          byExternalId.set(row.external_id ?? '', accountOf(row))
        }
      })
      return { holders, byExternalId }
    },
    insertAll: (people, nowMs) => atomically((tx) => insertAll(tx, people, nowMs)),
    update: (sub, person, nowMs) => atomically((tx) => update(tx, hash, sub, person, nowMs)),
    setProtection: (sub, protection) => set(sub, { protection }),
    setDisabled: (sub, atMs) =>
      set(sub, { disabled_at: atMs, ...(atMs === null && { left_at: null }) }),
    setLeft: (sub, atMs) => set(sub, { disabled_at: atMs, left_at: atMs }),
    async leftAt(sub) {
      const row = await db
        .selectFrom('accounts')
        .select('left_at')
        .where('sub', '=', sub)
        .executeTakeFirst()
      return row?.left_at ?? null
    },
    async clearLeft(sub) {
      await change(sub, { left_at: null }).where('left_at', 'is not', null).execute()
    },
    async goneBefore(timeMs, limit) {
      const rows = await db
        .selectFrom('accounts')
        .select(['sub', 'left_at'])
        .where('left_at', '<=', timeMs)
        .where('role', 'is', null)
        .orderBy('left_at')
        .limit(limit)
        .execute()
      return rows.map(({ sub, left_at: leftAt }) => ({ sub, leftAt: leftAt ?? 0 }))
    },
    async gone(timeMs) {
      const { all, due, first } = await db
        .selectFrom('accounts')
        .select(({ fn, eb }) => [
          fn.countAll<number>().as('all'),
          fn
            .sum<number | null>(eb.case().when('left_at', '<=', timeMs).then(1).else(0).end())
            .as('due'),
          fn.min('left_at').as('first'),
        ])
        .where('left_at', 'is not', null)
        .where('role', 'is', null)
        .executeTakeFirstOrThrow()
      return { all: Number(all), due: Number(due ?? 0), firstLeftAt: first }
    },
    setPassword: (sub, password) => set(sub, passwordColumns(password)),
    setPin: (sub, pin) => set(sub, pinColumns(pin)),
    setPinBlocked: (sub, atMs) => set(sub, { pin_blocked_at: atMs }),
    setVerifiedEmail: (sub, email, changed) =>
      set(sub, {
        verified_email: email,
        verified_at: changed?.atMs ?? null,
        previous_verified_email: changed?.previous ?? null,
      }),
    setLocale: (sub, locale) => set(sub, { chosen_locale: locale }),
    removePin: (sub) =>
      set(sub, {
        pin_sealed: null,
        pin_origin: null,
        pin_set_at: null,
        pin_length: null,
        pin_blocked_at: null,
      }),
    async resetPasswordByMail(sub, expectedSealed, password) {
      const { numUpdatedRows } = await change(sub, {
        ...passwordColumns(password),
        password_reset_by_mail_at: password.setAt,
      })
        .where('password_sealed', '=', expectedSealed)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    async voidPassword(sub, atMs) {
      const { numUpdatedRows } = await db
        .updateTable('accounts')
        .set(({ eb, ref }) => ({
          password_voided_at: atMs,
          password_void_sealed: eb
            .case()
            .when('password_origin', '=', 'personal')
            .then(ref('password_sealed'))
            .else(ref('password_void_sealed'))
            .end(),
        }))
        .where('sub', '=', sub)
        .where('password_sealed', 'is not', null)
        .where('password_voided_at', 'is', null)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    async voidBefore(sub, timeMs) {
      await change(sub, { valid_after: timeMs }).where('valid_after', '<', timeMs).execute()
    },
    async replacePassword(sub, expectedSealed, password) {
      const { numUpdatedRows } = await change(sub, passwordColumns(password))
        .where('password_sealed', '=', expectedSealed)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    async replacePin(sub, expectedSealed, pin) {
      const { numUpdatedRows } = await change(sub, pinColumns(pin))
        .where('pin_sealed', expectedSealed === null ? 'is' : '=', expectedSealed)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    async importMark(sub) {
      const row = await db
        .selectFrom('accounts')
        .select('import_mark')
        .where('sub', '=', sub)
        .executeTakeFirst()
      return row?.import_mark ?? null
    },
    setImportMark: (sub, mark) => set(sub, { import_mark: mark }),
    async listActive(establishment, userType) {
      const rows = await db
        .selectFrom('accounts')
        .innerJoin('account_establishments', 'account_establishments.sub', 'accounts.sub')
        .select([
          'accounts.sub',
          'accounts.external_id',
          'accounts.identifier',
          'accounts.given_name',
          'accounts.family_name',
          'accounts.role',
        ])
        .where('account_establishments.establishment', '=', establishment)
        .where('accounts.user_type', '=', userType)
        .where('accounts.disabled_at', 'is', null)
        .where('accounts.external_id', 'is not', null)
        .orderBy('accounts.sub')
        .execute()
      return rows.flatMap(({ sub, external_id: externalId, identifier, role, ...names }) => {
        const name = `${names.given_name} ${names.family_name}`
        return externalId === null
          ? []
          : [{ sub, externalId, identifier, name, holdsRole: role !== null }]
      })
    },
  }
}
