import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Account } from '../accounts/account.ts'
import type { PasswordLists } from '../accounts/ports.ts'
import type { UserType } from '../policies/user_type.ts'
import { accountOf, withKeys } from './account_store.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

/** People of a type who are looked at in one statement: most of them are long reminded. */
const STRETCH = 1_000

type Db = Kysely<Schema>
type Query = Parameters<PasswordLists['toRemind']>[0]

const isAnybodyOld = async (db: Db, { userType, setBeforeMs }: Query): Promise<boolean> => {
  const one = await db
    .selectFrom('accounts')
    .select('sub')
    .where('user_type', '=', userType)
    .where('password_origin', '=', 'personal')
    .where('password_set_at', '<=', setBeforeMs)
    .limit(1)
    .executeTakeFirst()
  return one !== undefined
}

/** The `sub` that a stretch of people of a type ends with; null: it is the last one. */
const stretchEnd = async (db: Db, userType: UserType, from: string | null) => {
  const row = await db
    .selectFrom('accounts')
    .select('sub')
    .where('user_type', '=', userType)
    .$if(from !== null, (query) => query.where('sub', '>', from ?? ''))
    .orderBy('sub')
    .offset(STRETCH - 1)
    .limit(1)
    .executeTakeFirst()
  return row?.sub ?? null
}

const toRemindWithin = (
  db: Db,
  { userType, setBeforeMs, sent }: Query,
  { from, to }: { readonly from: string | null; readonly to: string | null },
) =>
  withKeys(db)
    .where('accounts.user_type', '=', userType)
    .where('accounts.password_origin', '=', 'personal')
    .where('accounts.password_set_at', '<=', setBeforeMs)
    .where('accounts.password_must_change', '=', 0)
    .where('accounts.password_voided_at', 'is', null)
    .where('accounts.disabled_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('password_reminders')
            .select('password_reminders.sub')
            .whereRef('password_reminders.sub', '=', 'accounts.sub')
            .whereRef('password_reminders.set_at', '=', 'accounts.password_set_at')
            .where('password_reminders.sent', '>=', sent),
        ),
      ),
    )
    .$if(from !== null, (query) => query.where('accounts.sub', '>', from ?? ''))
    .$if(to !== null, (query) => query.where('accounts.sub', '<=', to ?? ''))
    .orderBy('accounts.sub')

/** Passwords to be changed, in SQL. */
export const createPasswordLists = ({ db }: Sql): PasswordLists => ({
  async forceChange(subs) {
    await db
      .updateTable('password_batch_entries')
      .set({ was_must_change: 1 })
      .where('sub', 'in', subs)
      .where('state', '=', 'in_force')
      .where('was_origin', '=', 'personal')
      .execute()
    const rows = await db
      .updateTable('accounts')
      .set({ password_must_change: 1 })
      .where('sub', 'in', subs)
      .where('password_origin', '=', 'personal')
      .where('password_voided_at', 'is', null)
      .where('password_must_change', '=', 0)
      .returning('sub')
      .execute()
    return rows.map(({ sub }) => sub)
  },
  async unforceChange(subs, setBeforeMs) {
    const rows = await db
      .updateTable('accounts')
      .set({ password_must_change: 0 })
      .where('sub', 'in', subs)
      .where('password_origin', '=', 'personal')
      .where('password_voided_at', 'is', null)
      .where('password_must_change', '=', 1)
      .where('password_set_at', '<=', setBeforeMs)
      .returning('sub')
      .execute()
    return rows.map(({ sub }) => sub)
  },
  async toRemind(query, after, limit) {
    const found: Account[] = []
    if (!(await isAnybodyOld(db, query))) {
      return found
    }
    // Others have their turn between stretches: this is not for a transaction.
    for (let from = after; ; await nextTurn()) {
      const to = await stretchEnd(db, query.userType, from)
      const rows = await toRemindWithin(db, query, { from, to })
        .limit(limit - found.length)
        .execute()
      found.push(...rows.map(accountOf))
      if (to === null || found.length === limit) {
        return found
      }
      from = to
    }
  },
  async countOlder(userType, setBeforeMs) {
    const { count } = await db
      .selectFrom('accounts')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('user_type', '=', userType)
      .where('password_origin', '=', 'personal')
      .where('password_set_at', '<=', setBeforeMs)
      .where('password_voided_at', 'is', null)
      .where('disabled_at', 'is', null)
      .executeTakeFirstOrThrow()
    return Number(count)
  },
  async remind(sub, setAt, sent) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('password_reminders')
      .values({ sub, set_at: setAt, sent })
      .onConflict((conflict) =>
        conflict
          .column('sub')
          .doUpdateSet({ set_at: setAt, sent })
          .where(({ or, eb }) =>
            or([
              eb('password_reminders.set_at', '!=', setAt),
              eb('password_reminders.sent', '<', sent),
            ]),
          ),
      )
      .executeTakeFirst()
    return (numInsertedOrUpdatedRows ?? 0n) > 0n
  },
})
