import type { Kysely } from 'kysely'
import type { PasswordBatch, PasswordBatches, Replaced } from '../accounts/ports.ts'
import { passwordOf } from './account_store.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>

const batchOf = (row: Schema['password_batches']): PasswordBatch => ({
  id: row.id,
  atMs: row.at_ms,
  by: row.made_by,
  selection: row.selection,
  state: row.state,
  firstUsedAt: row.first_used_at,
  size: row.size,
})

/** From one state to another; true for exactly one caller. */
const move = async (
  db: Db,
  id: string,
  from: PasswordBatch['state'],
  to: PasswordBatch['state'],
  nowMs: number,
): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('password_batches')
    .set({ state: to, state_at: nowMs })
    .where('id', '=', id)
    .where('state', '=', from)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

const find = async (db: Db, id: string): Promise<Schema['password_batches'] | undefined> =>
  db.selectFrom('password_batches').selectAll().where('id', '=', id).executeTakeFirst()

/** The next people of a batch. */
const nextSubs = async (
  db: Db,
  id: string,
  state: 'prepared' | 'in_force',
  limit: number,
): Promise<string[]> => {
  const rows = await db
    .selectFrom('password_batch_entries')
    .select('sub')
    .where('batch_id', '=', id)
    .where('state', '=', state)
    .orderBy('sub')
    .limit(limit)
    .execute()
  return rows.map(({ sub }) => sub)
}

const setState = async (
  db: Db,
  id: string,
  subs: readonly string[],
  state: 'in_force' | 'taken_back',
): Promise<void> => {
  await db
    .updateTable('password_batch_entries')
    .set({ state })
    .where('batch_id', '=', id)
    .where('sub', 'in', subs)
    .execute()
}

const PASSWORD_COLUMNS = [
  'sub',
  'password_sealed',
  'password_origin',
  'password_set_at',
  'password_rules_version',
  'password_must_change',
  'password_voided_at',
  'password_batch',
] as const

/**
 * Keeps what these people have, beside what they are about to get. Returns whom it was for: not
 * those who have another password since `beganMs`, which was not there when the cards were made.
 */
const keepPasswords = async (
  db: Db,
  { id, at_ms: beganMs }: Schema['password_batches'],
  subs: readonly string[],
): Promise<Replaced[]> => {
  const rows = await db
    .selectFrom('accounts')
    .select(PASSWORD_COLUMNS)
    .where('sub', 'in', subs)
    .where('disabled_at', 'is', null)
    .where(({ or, eb }) =>
      or([eb('password_set_at', 'is', null), eb('password_set_at', '<=', beganMs)]),
    )
    .execute()
  await db
    .updateTable('password_batch_entries')
    .from('accounts')
    .set(({ ref }) => ({
      was_sealed: ref('accounts.password_sealed'),
      was_origin: ref('accounts.password_origin'),
      was_set_at: ref('accounts.password_set_at'),
      was_rules_version: ref('accounts.password_rules_version'),
      was_must_change: ref('accounts.password_must_change'),
      was_voided_at: ref('accounts.password_voided_at'),
      was_batch: ref('accounts.password_batch'),
    }))
    .whereRef('accounts.sub', '=', 'password_batch_entries.sub')
    .where('password_batch_entries.batch_id', '=', id)
    .where('password_batch_entries.sub', 'in', subs)
    .execute()
  return rows.map((row) => ({ sub: row.sub, was: passwordOf(row) }))
}

/** What was proved with the password before is void with it. */
const giveNew = async (
  db: Db,
  id: string,
  subs: readonly string[],
  nowMs: number,
): Promise<void> => {
  await db
    .updateTable('accounts')
    .from('password_batch_entries as entry')
    .set(({ ref, eb }) => ({
      password_sealed: ref('entry.sealed'),
      password_origin: 'temporary',
      password_set_at: nowMs,
      password_rules_version: 0,
      password_must_change: 0,
      password_voided_at: null,
      password_batch: id,
      valid_after: eb
        .case()
        .when('accounts.valid_after', '<', nowMs)
        .then(nowMs)
        .else(ref('accounts.valid_after'))
        .end(),
    }))
    .whereRef('entry.sub', '=', 'accounts.sub')
    .where('entry.batch_id', '=', id)
    .where('accounts.sub', 'in', subs)
    .execute()
}

/**
 * Those who have the password of the batch still get back what they had; but what was voided since,
 * since theft was suspected, stays void.
 */
const giveBack = async (db: Db, id: string, subs: readonly string[]): Promise<Replaced[]> => {
  const rows = await db
    .updateTable('accounts')
    .from('password_batch_entries as entry')
    .set(({ ref }) => ({
      password_sealed: ref('entry.was_sealed'),
      password_origin: ref('entry.was_origin'),
      password_set_at: ref('entry.was_set_at'),
      password_rules_version: ref('entry.was_rules_version'),
      password_must_change: ref('entry.was_must_change'),
      password_voided_at: ref('entry.was_voided_at'),
      password_batch: ref('entry.was_batch'),
    }))
    .whereRef('entry.sub', '=', 'accounts.sub')
    .whereRef('entry.sealed', '=', 'accounts.password_sealed')
    .where('accounts.password_voided_at', 'is', null)
    .where('entry.batch_id', '=', id)
    .where('accounts.sub', 'in', subs)
    .returning(PASSWORD_COLUMNS.map((column) => `accounts.${column}` as const))
    .execute()
  return rows.map((row) => ({ sub: row.sub, was: passwordOf(row) }))
}

/** A later batch that is taken back must not give back a password of this one. */
const passOn = async (db: Db, id: string, subs: readonly string[]): Promise<void> => {
  await db
    .updateTable('password_batch_entries')
    .from('password_batch_entries as entry')
    .set(({ ref }) => ({
      was_sealed: ref('entry.was_sealed'),
      was_origin: ref('entry.was_origin'),
      was_set_at: ref('entry.was_set_at'),
      was_rules_version: ref('entry.was_rules_version'),
      was_must_change: ref('entry.was_must_change'),
      was_voided_at: ref('entry.was_voided_at'),
      was_batch: ref('entry.was_batch'),
    }))
    .whereRef('entry.sub', '=', 'password_batch_entries.sub')
    .where('entry.batch_id', '=', id)
    .where('password_batch_entries.was_batch', '=', id)
    .where('password_batch_entries.sub', 'in', subs)
    .execute()
}

/**
 * Whether another batch has come into force, for somebody of this one, since this one was begun:
 * of two for the same people either all cards serve or none.
 */
const overtakes = async (
  db: Db,
  { id, at_ms: beganMs }: Schema['password_batches'],
): Promise<boolean> => {
  const others = await db
    .selectFrom('password_batches')
    .select('id')
    .where('id', '!=', id)
    .where('state', 'in', ['entering', 'in_force'])
    .where('state_at', '>', beganMs)
    .execute()
  if (others.length === 0) {
    return false
  }
  const both = await db
    .selectFrom('password_batch_entries as mine')
    .innerJoin('password_batch_entries as other', 'other.sub', 'mine.sub')
    .select('mine.sub')
    .where('mine.batch_id', '=', id)
    .where(
      'other.batch_id',
      'in',
      others.map((other) => other.id),
    )
    .limit(1)
    .executeTakeFirst()
  return both !== undefined
}

/** Entries of a batch, whatever became of them. */
const countEntries = async (db: Db, id: string): Promise<number> => {
  const { count } = await db
    .selectFrom('password_batch_entries')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('batch_id', '=', id)
    .executeTakeFirstOrThrow()
  return Number(count)
}

const ENTRIES_AT_ONCE = 500

/**
 * Deletes the entries of a batch, some at a time, so that nobody waits; none of one that is being
 * taken back since it was looked at. Returns how many.
 */
const forget = async ({ atomically }: Sql, id: string): Promise<number> => {
  for (let all = 0; ; ) {
    const { numDeletedRows } = await atomically((tx) =>
      tx
        .deleteFrom('password_batch_entries')
        .where('batch_id', '=', id)
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('password_batches')
              .select('id')
              .where('id', '=', id)
              .where('state', 'in', ['in_force', 'taken_back']),
          ),
        )
        .where(
          'sub',
          'in',
          tx
            .selectFrom('password_batch_entries')
            .select('sub')
            .where('batch_id', '=', id)
            .limit(ENTRIES_AT_ONCE),
        )
        .executeTakeFirst(),
    )
    all += Number(numDeletedRows)
    if (numDeletedRows < BigInt(ENTRIES_AT_ONCE)) {
      return all
    }
  }
}

/** One that was never completed can be no more, from here on; then all of it goes. */
const drop = async (sql: Sql, id: string, nowMs: number): Promise<number> => {
  if (!(await move(sql.db, id, 'prepared', 'taken_back', nowMs))) {
    return 0
  }
  const all = await forget(sql, id)
  await sql.db.deleteFrom('password_batches').where('id', '=', id).execute()
  return all
}

/** Batches that were prepared before then, and never completed. */
const neverCompleted = async (db: Db, preparedMs: number): Promise<string[]> => {
  const rows = await db
    .selectFrom('password_batches')
    .select('id')
    .where('state', '=', 'prepared')
    .where('state_at', '<', preparedMs)
    .execute()
  return rows.map(({ id }) => id)
}

/** Batches that nobody can take back any more, and of which something is kept still. */
const past = async (db: Db, oldMs: number): Promise<string[]> => {
  const rows = await db
    .selectFrom('password_batches')
    .select('id')
    .where('state', 'in', ['in_force', 'taken_back'])
    .where(({ or, eb }) =>
      or([
        eb('first_used_at', 'is not', null),
        eb('state', '=', 'taken_back'),
        eb('state_at', '<', oldMs),
      ]),
    )
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('password_batch_entries')
          .select('password_batch_entries.sub')
          .whereRef('password_batch_entries.batch_id', '=', 'password_batches.id'),
      ),
    )
    .execute()
  return rows.map(({ id }) => id)
}

/** Generations of temporary passwords, in SQL. */
export const createPasswordBatches = (sql: Sql): PasswordBatches => {
  const { db, atomically } = sql
  return {
    async begin({ id, atMs, by, selection }) {
      const state = { state: 'prepared', state_at: atMs, size: 0, first_used_at: null } as const
      await db
        .insertInto('password_batches')
        .values({ id, at_ms: atMs, made_by: by, selection, ...state })
        .execute()
    },
    prepare: (id, entries) =>
      atomically(async (tx) => {
        const rows = entries.map(({ sub, sealed }) => ({
          batch_id: id,
          sub,
          sealed,
          state: 'prepared' as const,
        }))
        const { numUpdatedRows } = await tx
          .updateTable('password_batches')
          .set(({ eb }) => ({ size: eb('size', '+', rows.length) }))
          .where('id', '=', id)
          .where('state', '=', 'prepared')
          .executeTakeFirst()
        if (numUpdatedRows !== 1n) {
          throw new Error(`the batch ${id} is not being prepared: it may have taken too long`)
        }
        await tx.insertInto('password_batch_entries').values(rows).execute()
      }),
    enter: (id, nowMs) =>
      atomically(async (tx) => {
        const batch = await find(tx, id)
        if (batch?.state !== 'prepared') {
          return 'dropped'
        }
        const isOvertaken = await overtakes(tx, batch)
        await move(tx, id, 'prepared', isOvertaken ? 'taken_back' : 'entering', nowMs)
        return isOvertaken ? 'overtaken' : 'ok'
      }),
    enterNext: (id, nowMs, limit) =>
      atomically(async (tx) => {
        const batch = await find(tx, id)
        if (batch?.state !== 'entering') {
          return []
        }
        const subs = await nextSubs(tx, id, 'prepared', limit)
        if (subs.length < limit) {
          await move(tx, id, 'entering', 'in_force', nowMs)
        }
        if (subs.length === 0) {
          return []
        }
        const replaced = await keepPasswords(tx, batch, subs)
        if (replaced.length > 0) {
          const there = replaced.map(({ sub }) => sub)
          await giveNew(tx, id, there, nowMs)
        }
        await setState(tx, id, subs, 'in_force')
        return replaced
      }),
    async use(id, nowMs) {
      const { numUpdatedRows } = await db
        .updateTable('password_batches')
        .set(({ fn, val }) => ({ first_used_at: fn.coalesce('first_used_at', val(nowMs)) }))
        .where('id', '=', id)
        .where('state', 'in', ['entering', 'in_force'])
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
    leave: (id, nowMs) =>
      atomically(async (tx) => {
        const batch = await find(tx, id)
        if (batch === undefined) {
          return 'unknown'
        }
        if (batch.first_used_at !== null) {
          return 'used'
        }
        if (batch.state !== 'in_force') {
          return 'not_in_force'
        }
        if ((await countEntries(tx, id)) < batch.size) {
          return 'forgotten'
        }
        await move(tx, id, 'in_force', 'leaving', nowMs)
        return 'ok'
      }),
    leaveNext: (id, nowMs, limit) =>
      atomically(async (tx) => {
        if ((await find(tx, id))?.state !== 'leaving') {
          return []
        }
        const subs = await nextSubs(tx, id, 'in_force', limit)
        if (subs.length < limit) {
          await move(tx, id, 'leaving', 'taken_back', nowMs)
        }
        if (subs.length === 0) {
          return []
        }
        const replaced = await giveBack(tx, id, subs)
        await passOn(tx, id, subs)
        await setState(tx, id, subs, 'taken_back')
        return replaced
      }),
    async find(id) {
      const row = await find(db, id)
      return row === undefined ? null : batchOf(row)
    },
    abandon: (id, nowMs) => move(db, id, 'prepared', 'taken_back', nowMs),
    async entries(id, after, limit) {
      const rows = await db
        .selectFrom('password_batch_entries')
        .leftJoin('accounts', 'accounts.sub', 'password_batch_entries.sub')
        .select(['password_batch_entries.sub', 'accounts.password_batch'])
        .where('password_batch_entries.batch_id', '=', id)
        .$if(after !== null, (query) => query.where('password_batch_entries.sub', '>', after ?? ''))
        .orderBy('password_batch_entries.sub')
        .limit(limit)
        .execute()
      return rows.map(({ sub, password_batch }) => ({ sub, given: password_batch === id }))
    },
    async among(id, subs) {
      const rows = await db
        .selectFrom('password_batch_entries')
        .select('sub')
        .where('batch_id', '=', id)
        .where('sub', 'in', subs)
        .execute()
      return rows.map(({ sub }) => sub)
    },
    async unfinished() {
      const rows = await db
        .selectFrom('password_batches')
        .selectAll()
        .where('state', 'in', ['entering', 'leaving'])
        .orderBy('state_at')
        .execute()
      return rows.map(batchOf)
    },
    async list(limit) {
      const rows = await db
        .selectFrom('password_batches')
        .selectAll()
        .orderBy('at_ms', 'desc')
        .limit(limit)
        .execute()
      return rows.map(batchOf)
    },
    async purge({ preparedMs, oldMs }) {
      let all = 0
      for (const id of await neverCompleted(db, preparedMs)) {
        all += await drop(sql, id, preparedMs)
      }
      for (const id of await past(db, oldMs)) {
        all += await forget(sql, id)
      }
      return all
    },
  }
}
