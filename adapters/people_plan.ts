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
const LOOK_US: Readonly<Record<Way['kind'], number>> = { words: 0.9, places: 4, facets: 4 }
/** And to look up where they are, while they are judged. */
const PLACE_US = 4
/** In so little time all whom one condition finds are looked at, whatever else there is. */
export const GATHERED_US_MAX = 30_000
/** So many are to be found for a page, and counted. */
const WANTED = 600

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

export interface Estimate {
  /** Cheapest first. */
  readonly ways: readonly Estimated[]
  /** How many people there are, about. */
  readonly people: number
}

const PEOPLE = -1

/** Which part of all people a condition finds; what was not counted to its end is guessed. */
const partOf = ({ about }: Pick<Estimated, 'about'>, people: number): number => {
  const found = about < ESTIMATED_MAX ? about : Math.sqrt(about * people)
  return Math.min(1, Math.max(found, 1) / Math.max(people, 1))
}

type Counted = Pick<Estimated, 'way' | 'about'>

const part = (conditions: readonly Counted[], people: number): number =>
  conditions.reduce((product, each) => product * partOf(each, people), 1)

/** What it takes to judge one of those whom `way` finds, µs: where they are is looked up last. */
const lookUs = (way: Way, conditions: readonly Counted[], people: number): number => {
  const others = conditions.filter((each) => each.way !== way)
  const plain = others.filter((each) => each.way.kind !== 'places')
  return LOOK_US[way.kind] + (plain.length < others.length ? part(plain, people) * PLACE_US : 0)
}

export const estimate = async (db: Db, ways: readonly Way[]): Promise<Estimate> => {
  const counts = ways.map(
    ({ ids }, nth) =>
      sql`SELECT ${sql.lit(nth)} AS nth, count(*) AS about
        FROM (${ids} LIMIT ${sql.lit(ESTIMATED_MAX)}) AS some`,
  )
  const all = sql`SELECT ${sql.lit(PEOPLE)} AS nth, max(id) AS about FROM people_index`
  const { rows } = await sql<{ nth: number; about: number | null }>`${sql.join(
    [all, ...counts],
    sql` UNION ALL `,
  )}`.execute(db)
  const abouts = new Map(rows.map(({ nth, about }) => [nth, Number(about ?? 0)]))
  const people = abouts.get(PEOPLE) ?? 0
  const counted = ways.map((way, nth) => ({ way, about: abouts.get(nth) ?? 0 }))
  return {
    ways: counted
      .map((each) => ({ ...each, costUs: each.about * lookUs(each.way, counted, people) }))
      .sort((a, b) => a.costUs - b.costUs),
    people,
  }
}

/**
 * What it takes to read those of `way` one after the other until enough of them fit the rest, µs,
 * where one condition says nothing of the other.
 */
export const streamUs = (way: Way, { ways, people }: Estimate): number => {
  const others = ways.filter((each) => each.way !== way)
  return (WANTED / part(others, people)) * lookUs(way, ways, people)
}
