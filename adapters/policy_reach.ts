import { type Kysely, sql } from 'kysely'
import { OTP_PIN_TRIES } from '../accounts/otp_key.ts'
import type { Between, PeopleOfType, PolicyReach } from '../accounts/policy_reach.ts'
import { perUserType, type UserType } from '../policies/user_type.ts'
import { readFacet } from './people_facets.ts'
import type { Schema } from './schema.ts'

interface Counting {
  people: number
  personalPasswords: number
  readonly protection: Record<keyof PeopleOfType['protection'], number>
  readonly pin: Record<keyof PeopleOfType['pin'], number>
}

const nobody = (): Counting => ({
  people: 0,
  personalPasswords: 0,
  protection: { pin: 0, notification: 0, none: 0, unchosen: 0 },
  pin: { none: 0, in_use: 0, generated: 0, blocked: 0 },
})

const between = (column: string, [after, until]: Between) =>
  after === null
    ? sql<boolean>`${sql.ref(column)} <= ${until}`
    : sql<boolean>`${sql.ref(column)} > ${after} AND ${sql.ref(column)} <= ${until}`

const HANDED_OUT = ['initial', 'temporary'] as const

/** Facets of people of a type who are disabled, or whose password is void. */
const facetsApart = async (db: Kysely<Schema>, userType: UserType): Promise<number[]> => {
  const rows = await db.selectFrom('people_index').select('facet').distinct().execute()
  return rows
    .map(({ facet }) => facet)
    .filter((facet) => {
      const { userType: type, disabled, password } = readFacet(facet)
      return type === userType && (disabled || password === 'void')
    })
}

/**
 * Whom a policy reaches, read through `db`. CROSS JOIN has SQLite read its left side first, which is
 * the smaller one (https://sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join).
 */
export const createPolicyReach = (db: Kysely<Schema>): PolicyReach => ({
  async people() {
    const rows = await db
      .selectFrom('people_index')
      .select(['facet', ({ fn }) => fn.countAll<number>().as('people')])
      .groupBy('facet')
      .execute()
    const counts = perUserType(nobody)
    for (const { facet, people } of rows) {
      const { userType, protection, pin, password, disabled } = readFacet(facet)
      if (!disabled) {
        const counted = counts[userType]
        counted.people += Number(people)
        counted.protection[protection ?? 'unchosen'] += Number(people)
        counted.pin[pin] += Number(people)
        counted.personalPasswords += password === 'personal' ? Number(people) : 0
      }
    }
    return counts
  },
  async passwordsSet(userType, origin, when) {
    const origins = origin === 'personal' ? (['personal'] as const) : HANDED_OUT
    const all = await db
      .selectFrom('accounts')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('user_type', '=', userType)
      .where('password_origin', 'in', origins)
      .where(between('password_set_at', when))
      .executeTakeFirstOrThrow()
    // Counted by an index alone; the few who do not count are then looked at one by one.
    const apart = await facetsApart(db, userType)
    if (apart.length === 0) {
      return Number(all.count)
    }
    const others = await db
      .selectFrom('people_index as p')
      .crossJoin('accounts as a')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('p.facet', 'in', apart)
      .whereRef('a.sub', '=', 'p.sub')
      .where('a.password_origin', 'in', origins)
      .where(between('a.password_set_at', when))
      .executeTakeFirstOrThrow()
    return Number(all.count) - Number(others.count)
  },
  async keyHolders(userType, nowMs) {
    // As `stateNow` says it of one key.
    const { all, passwordless } = await db
      .selectFrom('otp_keys as k')
      .crossJoin('accounts as a')
      .select([
        sql<number>`COUNT(DISTINCT a.sub)`.as('all'),
        sql<number>`COUNT(DISTINCT CASE WHEN a.password_sealed IS NULL THEN a.sub END)`.as(
          'passwordless',
        ),
      ])
      .whereRef('a.sub', '=', 'k.sub')
      .where('a.user_type', '=', userType)
      .where('a.disabled_at', 'is', null)
      .where(({ eb, or }) => or([eb('k.loan_until', 'is', null), eb('k.loan_until', '>', nowMs)]))
      .where(({ eb, or, and }) =>
        or([
          and([eb('k.state', '=', 'in_service'), eb('k.wrong_pins', '<', OTP_PIN_TRIES)]),
          and([
            eb('k.state', '=', 'assigned'),
            or([eb('k.first_use_by', 'is', null), eb('k.first_use_by', '>', nowMs)]),
          ]),
        ]),
      )
      .executeTakeFirstOrThrow()
    return { all: Number(all), passwordless: Number(passwordless) }
  },
  async devicesAdded(userType, when) {
    const { count } = await db
      .selectFrom('devices')
      .crossJoin('accounts')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .whereRef('accounts.sub', '=', 'devices.sub')
      .where('accounts.user_type', '=', userType)
      .where('accounts.disabled_at', 'is', null)
      .where(between('devices.added_at', when))
      .executeTakeFirstOrThrow()
    return Number(count)
  },
  async sessions(userType, nowMs) {
    const { rows } = await sql<{ count: number }>`
      SELECT COUNT(*) AS count FROM op_sessions CROSS JOIN accounts
      WHERE accounts.sub = op_sessions.account_id AND op_sessions.expires_at > ${nowMs} AND accounts.user_type = ${userType}`.execute(
      db,
    )
    return Number(rows[0]?.count ?? 0)
  },
})
