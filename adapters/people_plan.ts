import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { PeopleFilter } from '../accounts/people_search.ts'
import { searchTokens } from '../accounts/search_words.ts'
import { fitsFacet } from './people_facets.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>
export type Sql = RawBuilder<unknown>
export type Condition = RawBuilder<SqlBool>

/** Comes behind every sign, so that `[word, word + LAST)` is all that begins with `word`. */
const LAST = '\u{10ffff}'
/** Nothing is counted beyond this when conditions are compared. */
const ESTIMATED_MAX = 100_000
/** What it takes to look at one person whom a condition finds, µs: words lie side by side. */
const LOOK_US: Readonly<Record<Way['kind'], number>> = { words: 0.9, places: 3, facets: 3 }
/** So long may it take to look at all whom one condition finds, and to put them in order. */
export const GATHERED_US_MAX = 60_000

/** What a filter asks for, by the indexes that answer it; null: nothing is asked of that kind. */
export interface Asked {
  /** Empty: nobody. */
  readonly facets: readonly number[] | null
  readonly establishments: readonly string[] | null
  readonly className: string | null
  /** Of each group one beginning must be found. */
  readonly tokens: readonly (readonly string[])[]
}

/** One kind of condition: whom it finds by itself, and whether somebody fits it. */
export interface Way {
  readonly kind: 'facets' | 'places' | 'words'
  /** Statement that answers with everybody's `id`. */
  readonly ids: Sql
  /** Whom it finds, as `FROM … WHERE` with a row `p` as in `people_index`. */
  readonly from: Sql
  /** Of such a row `p`. */
  readonly holds: Condition
  /** The one beginning, where there is only one. */
  readonly prefix?: string
}

export const allOf = (conditions: readonly Condition[]): Condition =>
  conditions.length === 0 ? sql<SqlBool>`1 = 1` : sql.join([...conditions], sql` AND `)

/** Every facet that somebody has: as many steps through the index. */
const facetsThere = async (db: Db): Promise<number[]> => {
  const { rows } = await sql<{ facet: number | null }>`
    WITH RECURSIVE f (facet) AS (
      SELECT min(facet) FROM people_index
      UNION ALL
      SELECT (SELECT min(i.facet) FROM people_index AS i WHERE i.facet > f.facet)
      FROM f WHERE f.facet IS NOT NULL
    )
    SELECT facet FROM f`.execute(db)
  return rows.flatMap(({ facet }) => (facet === null ? [] : [facet]))
}

/** Of both lists what is in both; null: everything. */
const both = (
  asked: string | undefined,
  scope: readonly string[] | null,
): readonly string[] | null => {
  if (asked === undefined) {
    return scope === null ? null : [...new Set(scope)]
  }
  return scope === null || scope.includes(asked) ? [asked] : []
}

export const ask = async (db: Db, filter: PeopleFilter): Promise<Asked & { all: number[] }> => {
  const all = await facetsThere(db)
  const facets = all.filter((facet) => fitsFacet(filter, facet))
  return {
    all,
    facets: facets.length === all.length ? null : facets,
    establishments: both(filter.establishment, filter.scope.establishments),
    className: filter.className ?? null,
    tokens: searchTokens(filter.text ?? ''),
  }
}

/** Nobody can fit: something was asked for that there is not. */
export const isForNobody = ({ text }: PeopleFilter, asked: Asked): boolean =>
  asked.facets?.length === 0 ||
  asked.establishments?.length === 0 ||
  (asked.tokens.length === 0 && (text ?? '').trim() !== '')

/**
 * The sums and joins with nothing keep a condition from being what a query begins with: these are
 * looked up of somebody who was found otherwise.
 */
const facetsWay = (facets: readonly number[]): Way => ({
  kind: 'facets',
  ids: sql`SELECT id FROM people_index WHERE facet IN (${sql.join([...facets])})`,
  from: sql`FROM people_index AS p WHERE p.facet IN (${sql.join([...facets])})`,
  holds: sql<SqlBool>`(p.facet + 0) IN (${sql.join([...facets])})`,
})

export const atPlaces = (
  { establishments, className }: Asked,
  column: (name: 'establishment' | 'class') => Sql,
): Condition =>
  allOf([
    ...(establishments === null
      ? [sql<SqlBool>`${column('class')} <> ''`]
      : [sql<SqlBool>`${column('establishment')} IN (${sql.join([...establishments])})`]),
    sql<SqlBool>`${column('class')} = ${className ?? ''}`,
  ])

/**
 * CROSS JOIN has SQLite read its left side first
 * (https://sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join).
 */
const placesFrom = (ids: Sql): Sql =>
  sql`FROM (SELECT DISTINCT id FROM (${ids}) AS every) AS d
    CROSS JOIN people_index AS p WHERE p.id = d.id`

const placesIds = (asked: Asked): Sql =>
  sql`SELECT id FROM people_places WHERE ${atPlaces(asked, (name) => sql.ref(name))}`

const placesWay = (asked: Asked): Way => ({
  kind: 'places',
  ids: placesIds(asked),
  from: placesFrom(placesIds(asked)),
  holds: sql<SqlBool>`EXISTS (SELECT 1 FROM people_places AS l WHERE l.id = p.id
    AND ${atPlaces(asked, (name) => sql`(${sql.ref(`l.${name}`)} || '')`)})`,
})

export const beginsWith = (column: Sql, prefix: string): Condition =>
  sql<SqlBool>`(${column} >= ${prefix} AND ${column} < ${prefix + LAST})`

const anyOf = (conditions: readonly Condition[]): Condition =>
  sql<SqlBool>`(${sql.join([...conditions], sql` OR `)})`

const wordsWay = (group: readonly string[]): Way => ({
  kind: 'words',
  ids: sql`SELECT id FROM people_words
    WHERE ${anyOf(group.map((one) => beginsWith(sql.ref('word'), one)))}`,
  from: sql`FROM people_words AS p
    WHERE ${anyOf(group.map((one) => beginsWith(sql.ref('p.word'), one)))}`,
  holds: anyOf(group.map((one) => sql<SqlBool>`p.words LIKE ${`% ${one}%`}`)),
  ...(group.length === 1 && group[0] !== undefined ? { prefix: group[0] } : {}),
})

export const waysOf = (asked: Asked): Way[] => [
  ...(asked.facets === null ? [] : [facetsWay(asked.facets)]),
  ...(asked.establishments === null && asked.className === null ? [] : [placesWay(asked)]),
  ...asked.tokens.map(wordsWay),
]

export interface Estimated {
  readonly way: Way
  /** How many it finds, up to `ESTIMATED_MAX`. */
  readonly about: number
  /** What it takes to look at them all, µs. */
  readonly costUs: number
}

/** Cheapest first. */
export const estimate = async (db: Db, ways: readonly Way[]): Promise<Estimated[]> => {
  if (ways.length === 0) {
    return []
  }
  const counts = ways.map(
    ({ ids }, nth) =>
      sql`SELECT ${sql.lit(nth)} AS nth, count(*) AS about
        FROM (${ids} LIMIT ${sql.lit(ESTIMATED_MAX)}) AS some`,
  )
  const { rows } = await sql<{ nth: number; about: number }>`${sql.join(
    counts,
    sql` UNION ALL `,
  )}`.execute(db)
  return rows
    .flatMap(({ nth, about }) => {
      const way = ways[nth]
      const costUs = way === undefined ? 0 : Number(about) * LOOK_US[way.kind]
      return way === undefined ? [] : [{ way, about: Number(about), costUs }]
    })
    .sort((a, b) => a.costUs - b.costUs)
}
