import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Coverage, Overview } from '../accounts/audit_search.ts'
import type { AdminScope } from '../policies/admin_rights.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import { readFacet } from './people_facets.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>

/** Those of an establishment, or of one of several. */
const isIn = (establishments: readonly string[]): RawBuilder<unknown> =>
  sql`EXISTS (SELECT 1 FROM people_places AS place WHERE place.id = people_index.id
    AND place.class = '' AND place.establishment IN (${sql.join([...establishments])}))`

const NOBODY = sql`1 = 0`

const isReached = ({ establishments }: AdminScope): RawBuilder<unknown> => {
  if (establishments === null) {
    return sql`1 = 1`
  }
  return establishments.length === 0 ? NOBODY : isIn(establishments)
}

const isTypeReached = ({ userTypes }: AdminScope): RawBuilder<unknown> =>
  userTypes === null
    ? sql`1 = 1`
    : sql`facet / 1000000 IN (${sql.join([-1, ...userTypes.map((type) => USER_TYPES.indexOf(type))])})`

const isEverybody = ({ userTypes, establishments }: AdminScope): boolean =>
  userTypes === null && establishments === null

const counted = async (db: Db, query: RawBuilder<{ n: number }>): Promise<number> =>
  (await query.execute(db)).rows[0]?.n ?? 0

const emptyCoverage = () => ({ people: 0, pins: { in_use: 0, generated: 0, blocked: 0, none: 0 } })

/** Counts, from the narrow rows that people are listed by, and from indexes of the audit. */
export const createOverview = (db: Db): Overview => ({
  async placeAt(atMs) {
    const { rows } = await sql<{ seq: number }>`SELECT seq FROM audit_log WHERE at_ms >= ${atMs}
      ORDER BY at_ms, seq LIMIT 1`.execute(db)
    return rows[0]?.seq ?? null
  },
  async countActs(acts, from, before, scope) {
    const until = before ?? Number.MAX_SAFE_INTEGER
    const counts = await Promise.all(
      acts.map((act) =>
        isEverybody(scope)
          ? counted(
              db,
              sql`SELECT count(*) AS n FROM audit_log
                WHERE act = ${act} AND seq >= ${from} AND seq < ${until}`,
            )
          : counted(
              db,
              sql`SELECT count(*) AS n FROM audit_log
                JOIN people_index ON people_index.sub = audit_log.sub
                WHERE act = ${act} AND seq >= ${from} AND seq < ${until}
                AND ${isTypeReached(scope)} AND ${isReached(scope)}`,
            ),
      ),
    )
    return counts.reduce((sum, each) => sum + each, 0)
  },
  async coverage(scope) {
    const { rows } = await sql<{ facet: number; n: number }>`SELECT facet, count(*) AS n
      FROM people_index WHERE ${isReached(scope)} GROUP BY facet`.execute(db)
    const found = new Map<string, { people: number; pins: Record<string, number> }>()
    for (const { facet, n } of rows) {
      const { userType, pin, disabled } = readFacet(facet)
      if (!disabled && (scope.userTypes?.includes(userType) ?? true)) {
        const one = found.get(userType) ?? emptyCoverage()
        one.people += n
        one.pins[pin] = (one.pins[pin] ?? 0) + n
        found.set(userType, one)
      }
    }
    return USER_TYPES.flatMap((userType) => {
      const one = found.get(userType)
      return one === undefined ? [] : [{ userType, ...(one as Omit<Coverage, 'userType'>) }]
    })
  },
  blockedKeys: (scope) =>
    isEverybody(scope)
      ? counted(db, sql`SELECT count(*) AS n FROM otp_keys WHERE state = 'blocked'`)
      : counted(
          db,
          sql`SELECT count(*) AS n FROM otp_keys
            JOIN people_index ON people_index.sub = otp_keys.sub
            WHERE state = 'blocked' AND ${isTypeReached(scope)} AND ${isReached(scope)}`,
        ),
  async pendingByClass(establishment, scope) {
    const { rows } = await sql<{ class: string; facet: number; n: number }>`
      SELECT people_places.class AS class, facet, count(*) AS n FROM people_places
      JOIN people_index ON people_index.id = people_places.id
      WHERE people_places.establishment = ${establishment} AND people_places.class <> ''
        AND ${isTypeReached(scope)}
      GROUP BY people_places.class, facet`.execute(db)
    const found = new Map<string, { people: number; pending: number }>()
    for (const row of rows) {
      const { disabled, passwordOrigin, userType } = readFacet(row.facet)
      // Guardians are counted where they are asked for; a class is its pupils.
      if (!disabled && userType === 'student') {
        const one = found.get(row.class) ?? { people: 0, pending: 0 }
        one.people += row.n
        one.pending += passwordOrigin === 'personal' ? 0 : row.n
        found.set(row.class, one)
      }
    }
    return [...found]
      .map(([className, counts]) => ({ className, ...counts }))
      .sort(
        (a, b) =>
          b.pending / b.people - a.pending / a.people ||
          b.pending - a.pending ||
          a.className.localeCompare(b.className),
      )
  },
})
