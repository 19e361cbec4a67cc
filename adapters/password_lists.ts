import type { PasswordLists } from '../accounts/ports.ts'
import { accountOf, withKeys } from './account_store.ts'
import type { Sql } from './sql.ts'

/** Passwords to be changed, in SQL. */
export const createPasswordLists = ({ db }: Sql): PasswordLists => ({
  async forceChange(subs) {
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
  async toRemind({ userType, setBeforeMs, sent }, after, limit) {
    const rows = await withKeys(db)
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
      .$if(after !== null, (query) => query.where('accounts.sub', '>', after ?? ''))
      .orderBy('accounts.sub')
      .limit(limit)
      .execute()
    return rows.map(accountOf)
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
