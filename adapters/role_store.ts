import type { RoleGrant, RoleStore } from '../accounts/admin_ports.ts'
import type { Role } from '../policies/admin_rights.ts'
import type { UserType } from '../policies/user_type.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type RoleColumns = Pick<
  Schema['accounts'],
  'sub' | 'role' | 'role_user_types' | 'role_establishments' | 'role_granted_at' | 'role_granted_by'
>

const COLUMNS = [
  'sub',
  'role',
  'role_user_types',
  'role_establishments',
  'role_granted_at',
  'role_granted_by',
] as const

const grantOf = (row: RoleColumns, role: Role): RoleGrant => ({
  sub: row.sub,
  role,
  scope: {
    userTypes:
      row.role_user_types === null ? null : (JSON.parse(row.role_user_types) as UserType[]),
    establishments:
      row.role_establishments === null ? null : (JSON.parse(row.role_establishments) as string[]),
  },
  grantedAt: row.role_granted_at ?? 0,
  grantedBy: row.role_granted_by ?? '',
})

const text = (list: readonly string[] | null): string | null =>
  list === null ? null : JSON.stringify(list)

/** Roles in SQL: beside the account that holds one, so that they go with it. */
export const createRoleStore = ({ db }: Sql): RoleStore => ({
  async find(sub) {
    const row = await db
      .selectFrom('accounts')
      .select(COLUMNS)
      .where('sub', '=', sub)
      .executeTakeFirst()
    return row === undefined || row.role === null ? null : grantOf(row, row.role)
  },
  async list() {
    const rows = await db
      .selectFrom('accounts')
      .select(COLUMNS)
      .where('role', 'is not', null)
      .orderBy('sub')
      .execute()
    return rows.flatMap((row) => (row.role === null ? [] : [grantOf(row, row.role)]))
  },
  async grant({ sub, role, scope, grantedAt, grantedBy }) {
    await db
      .updateTable('accounts')
      .set({
        role,
        role_user_types: text(scope.userTypes),
        role_establishments: text(scope.establishments),
        role_granted_at: grantedAt,
        role_granted_by: grantedBy,
      })
      .where('sub', '=', sub)
      .execute()
  },
  async revoke(sub) {
    const { numUpdatedRows } = await db
      .updateTable('accounts')
      .set({
        role: null,
        role_user_types: null,
        role_establishments: null,
        role_granted_at: null,
        role_granted_by: null,
      })
      .where('sub', '=', sub)
      .where('role', 'is not', null)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },
})
