import { type Kysely, sql } from 'kysely'
import { OTP_PIN_TRIES } from '../accounts/otp_key.ts'
import type { Between, PeopleOfType, PolicyReach } from '../accounts/policy_reach.ts'
import { perUserType } from '../policies/user_type.ts'
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

/** Whom a policy reaches, read through `db`. */
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
    const { count } = await db
      .selectFrom('accounts')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('user_type', '=', userType)
      .where(
        'password_origin',
        'in',
        origin === 'personal' ? ['personal'] : ['initial', 'temporary'],
      )
      .where(between('password_set_at', when))
      .where('password_voided_at', 'is', null)
      .where('disabled_at', 'is', null)
      .executeTakeFirstOrThrow()
    return Number(count)
  },
  async keyHolders(userType, nowMs) {
    // As `stateNow` says it of one key.
    const { all, passwordless } = await db
      .selectFrom('otp_keys as k')
      .innerJoin('accounts as a', 'a.sub', 'k.sub')
      .select([
        sql<number>`COUNT(DISTINCT a.sub)`.as('all'),
        sql<number>`COUNT(DISTINCT CASE WHEN a.password_sealed IS NULL THEN a.sub END)`.as(
          'passwordless',
        ),
      ])
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
      .innerJoin('accounts', 'accounts.sub', 'devices.sub')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('accounts.user_type', '=', userType)
      .where('accounts.disabled_at', 'is', null)
      .where(between('devices.added_at', when))
      .executeTakeFirstOrThrow()
    return Number(count)
  },
  async sessions(userType, nowMs) {
    const { rows } = await sql<{ count: number }>`
      SELECT COUNT(*) AS count FROM op_sessions
        JOIN accounts ON accounts.sub = op_sessions.account_id
      WHERE op_sessions.expires_at > ${nowMs} AND accounts.user_type = ${userType}`.execute(db)
    return Number(rows[0]?.count ?? 0)
  },
})
