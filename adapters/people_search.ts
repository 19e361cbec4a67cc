import { type Kysely, sql } from 'kysely'
import type {
  PeopleFilter,
  PeoplePage,
  PeopleSearch,
  PersonListed,
} from '../accounts/people_search.ts'
import { type PeopleCursor, readCursor, writeCursor } from './people_cursor.ts'
import { readFacet } from './people_facets.ts'
import {
  type Asked,
  allOf,
  ask,
  atPlaces,
  type Condition,
  type Estimate,
  type Estimated,
  estimate,
  GATHERED_US_MAX,
  isForNobody,
  type Sql,
  streamUs,
  type Way,
  waysOf,
} from './people_plan.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>

/** Somebody of a page, with what the next one begins behind. */
interface Row {
  readonly id: number
  readonly facet: number
  readonly key: string
  /** How many there are on all pages, where that is known anyway. */
  readonly total?: number
}

/** Names with the same key stay apart by `id`. */
const behind = (key: Sql, id: Sql, after: PeopleCursor | null): Condition =>
  after === null ? sql`1 = 1` : sql`(${key}, ${id}) > (${after.key}, ${after.id})`

const BY_NAME = sql`p.id, p.facet, p.sort_name AS key`

/** How a page is read. */
interface Plan {
  readonly by: PeopleCursor['by']
  rows(after: PeopleCursor | null, limit: number): Sql
  /** At most `limit` of them as `id`, each once, in no order. */
  some(limit: number | null): Sql
}

const limited = (limit: number | null): Sql => (limit === null ? sql`` : sql`LIMIT ${limit}`)

/** Few enough fit one condition: all of them are looked at, and the others asked of each. */
const gathered = ({ from }: Way, checks: Condition): Plan => ({
  by: 'name',
  rows: (after, limit) =>
    sql`WITH g AS MATERIALIZED (SELECT DISTINCT ${BY_NAME} ${from} AND ${checks})
      SELECT g.id, g.facet, g.key, (SELECT count(*) FROM g) AS total FROM g
      WHERE ${behind(sql`g.key`, sql`g.id`, after)} ORDER BY g.key, g.id LIMIT ${limit}`,
  some: (limit) => sql`SELECT DISTINCT p.id ${from} AND ${checks} ${limited(limit)}`,
})

const table = (values: readonly (string | number)[]): Sql =>
  sql`(VALUES ${sql.join(values.map((value) => sql`(${value})`))})`

/** Stretches that are in the order of names each: the next of every one of them, then of all. */
const merged = (
  stretches: readonly (string | number)[],
  next: (limit: number) => Sql,
  limit: number,
): Sql =>
  sql`WITH s (at) AS ${table(stretches)}
    SELECT DISTINCT ${BY_NAME} FROM s CROSS JOIN people_index AS p WHERE p.id IN (${next(limit)})
    ORDER BY p.sort_name, p.id LIMIT ${limit}`

/** Nothing but facets is asked: each of them is one stretch. */
const byFacet = (facets: readonly number[]): Plan => ({
  by: 'name',
  rows: (after, limit) =>
    merged(
      facets,
      (most) => sql`SELECT q.id FROM people_index AS q
        WHERE q.facet = s.at AND ${behind(sql`q.sort_name`, sql`q.id`, after)}
        ORDER BY q.sort_name, q.id LIMIT ${most}`,
      limit,
    ),
  some: (limit) =>
    sql`SELECT id FROM people_index WHERE facet IN (${sql.join([...facets])}) ${limited(limit)}`,
})

/** Many are at a place: read in the order of names until enough of them fit the rest. */
const byPlace = (asked: Asked, way: Way, checks: Condition): Plan => ({
  by: 'name',
  rows: (after, limit) =>
    merged(
      asked.establishments ?? [''],
      (most) => sql`SELECT l.id FROM people_places AS l CROSS JOIN people_index AS p
        WHERE p.id = l.id AND ${
          asked.establishments === null
            ? atPlaces(asked, (name) => sql.ref(`l.${name}`))
            : sql`l.establishment = s.at AND l.class = ${asked.className ?? ''}`
        } AND ${behind(sql`l.sort_name`, sql`l.id`, after)} AND ${checks}
        ORDER BY l.sort_name, l.id LIMIT ${most}`,
      limit,
    ),
  some: gathered(way, checks).some,
})

/** Many have such a word: read in the order of words until enough of them fit the rest. */
const byWord = (way: Way, prefix: string, checks: Condition): Plan => ({
  by: 'word',
  // Of somebody's words with this beginning the first one counts.
  rows: (after, limit) =>
    sql`SELECT p.id, p.facet, p.word AS key ${way.from}
      AND ${checks} AND ${behind(sql`p.word`, sql`p.id`, after)}
      AND NOT EXISTS (SELECT 1 FROM people_words AS v WHERE v.id = p.id
        AND v.word >= ${prefix} AND v.word < p.word)
      ORDER BY p.word, p.id LIMIT ${limit}`,
  some: gathered(way, checks).some,
})

const checksBut = (ways: readonly Way[], but: Way): Condition =>
  allOf(ways.filter((way) => way !== but).map(({ holds }) => holds))

/** The way that many are read by: words where something was typed, else places in the order of names. */
const streamWay = ({ ways }: Estimate): Way | undefined =>
  [({ prefix }: Way) => prefix !== undefined, ({ kind }: Way) => kind === 'places']
    .map((isOf) => ways.map(({ way }) => way).find(isOf))
    .find((way) => way !== undefined)

const streamed = (asked: Asked, way: Way, ways: readonly Way[]): Plan =>
  way.prefix === undefined
    ? byPlace(asked, way, checksBut(ways, way))
    : byWord(way, way.prefix, checksBut(ways, way))

/** A page goes on in the order that it began in, even if another one would be chosen by now. */
const goesOnByWord = (after: PeopleCursor | null, ways: readonly Way[]): Plan | null => {
  const way =
    after?.by === 'word'
      ? ways.find(({ prefix }) => prefix !== undefined && after.key.startsWith(prefix))
      : undefined
  return way?.prefix === undefined ? null : byWord(way, way.prefix, checksBut(ways, way))
}

/** Nothing is where `gatheredUsMax` is 0. */
const isGathered = (
  first: Estimated,
  way: Way,
  estimated: Estimate,
  gatheredUsMax: number,
): boolean =>
  first.costUs <= gatheredUsMax || (gatheredUsMax > 0 && first.costUs <= streamUs(way, estimated))

/** Null: nobody can fit. */
const planned = async (
  db: Db,
  filter: PeopleFilter,
  after: PeopleCursor | null,
  gatheredUsMax: number,
): Promise<Plan | null> => {
  const { all, ...asked } = await ask(db, filter)
  if (isForNobody(filter, asked)) {
    return null
  }
  const ways = waysOf(asked)
  if (ways.every(({ kind }) => kind === 'facets')) {
    return byFacet(asked.facets ?? all)
  }
  const begun = goesOnByWord(after, ways)
  if (begun !== null) {
    return begun
  }
  const estimated = await estimate(db, ways)
  const [first] = estimated.ways
  if (first === undefined || first.about === 0) {
    return null
  }
  const way = streamWay(estimated)
  const goesOnByName = after?.by === 'name' && way?.prefix !== undefined
  return way === undefined || goesOnByName || isGathered(first, way, estimated, gatheredUsMax)
    ? gathered(first.way, checksBut(ways, first.way))
    : streamed(asked, way, ways)
}

/**
 * Everybody of a filter as `FROM … WHERE` with a row `p` of `people_index`, to be read in the order
 * of one of its keys: from the few whom a condition finds, or from all. Null: nobody.
 */
const everybody = async (
  db: Db,
  filter: PeopleFilter,
  gatheredUsMax: number,
): Promise<Sql | null> => {
  const asked = await ask(db, filter)
  if (isForNobody(filter, asked)) {
    return null
  }
  const ways = waysOf(asked)
  const {
    ways: [first],
  } = await estimate(db, ways)
  if (first === undefined || first.costUs > gatheredUsMax) {
    return sql`FROM people_index AS p WHERE ${allOf(ways.map(({ holds }) => holds))}`
  }
  const { some } = gathered(first.way, checksBut(ways, first.way))
  return sql`FROM (${some(null)}) AS f CROSS JOIN people_index AS p WHERE p.id = f.id`
}

const inOrder = (words: Iterable<string>): string[] =>
  [...new Set(words)].filter((word) => word !== '').sort()

/** What lists show of these, in their order. */
const listed = async (db: Db, rows: readonly Row[]): Promise<PersonListed[]> => {
  if (rows.length === 0) {
    return []
  }
  const ids = rows.map(({ id }) => id)
  const [accounts, places] = await Promise.all([
    db
      .selectFrom('people_index')
      .innerJoin('accounts', 'accounts.sub', 'people_index.sub')
      .select([
        'people_index.id',
        'accounts.sub',
        'identifier',
        'given_name',
        'family_name',
        'disabled_at',
      ])
      .select(({ exists, selectFrom }) =>
        exists(
          selectFrom('otp_keys').select('serial').whereRef('otp_keys.sub', '=', 'accounts.sub'),
        ).as('has_otp_keys'),
      )
      .where('people_index.id', 'in', ids)
      .execute(),
    db
      .selectFrom('people_places')
      .select(['id', 'establishment', 'class'])
      .where('id', 'in', ids)
      .execute(),
  ])
  const byId = new Map(accounts.map((account) => [account.id, account]))
  return rows.flatMap(({ id, facet }) => {
    const account = byId.get(id)
    // Erased between the two looks.
    if (account === undefined) {
      return []
    }
    const at = places.filter((place) => place.id === id)
    const { userType, protection, password, pin, role } = readFacet(facet)
    return [
      {
        sub: account.sub,
        identifier: account.identifier,
        givenName: account.given_name,
        familyName: account.family_name,
        userType,
        establishments: inOrder(at.map(({ establishment }) => establishment)),
        classes: inOrder(at.map((place) => place.class)),
        protection,
        password,
        pin,
        hasOtpKeys: Boolean(account.has_otp_keys),
        disabledAt: account.disabled_at,
        role,
      },
    ]
  })
}

const NOBODY: PeoplePage = { people: [], next: null }

const counted = async (db: Db, plan: Plan, most: number | undefined): Promise<number> => {
  const { rows } = await sql<{ count: number }>`SELECT count(*) AS count
    FROM (${plan.some(most ?? null)}) AS fitting`.execute(db)
  return Number(rows[0]?.count ?? 0)
}

/** How many there are on all pages, asked for only where a page does not know. */
const total = async (
  db: Db,
  plan: Plan,
  rows: readonly Row[],
  isAll: boolean,
  most: number,
): Promise<number> => {
  if (isAll) {
    return rows.length
  }
  const known = rows[0]?.total
  return known === undefined ? counted(db, plan, most) : Number(known)
}

/** `rows`: one more than the page has, where another one follows. */
const pageOf = async (
  db: Db,
  { by }: Plan,
  rows: readonly Row[],
  limit: number,
): Promise<PeoplePage> => {
  const here = rows.slice(0, limit)
  const last = rows.length > limit ? here.at(-1) : undefined
  return {
    people: await listed(db, here),
    next: last === undefined ? null : writeCursor({ by, key: last.key, id: last.id }),
  }
}

/** Distinct values of a column, as many steps through its index. */
const establishmentsThere = async (db: Db): Promise<string[]> => {
  const { rows } = await sql<{ one: string | null }>`
    WITH RECURSIVE e (one) AS (
      SELECT min(establishment) FROM people_places WHERE establishment > ''
      UNION ALL
      SELECT (SELECT min(l.establishment) FROM people_places AS l WHERE l.establishment > e.one)
      FROM e WHERE e.one IS NOT NULL
    )
    SELECT one FROM e`.execute(db)
  return rows.flatMap(({ one }) => (one === null ? [] : [one]))
}

const classesAt = async (db: Db, establishment: string): Promise<string[]> => {
  const { rows } = await sql<{ one: string | null }>`
    WITH RECURSIVE c (one) AS (
      SELECT min(class) FROM people_places WHERE establishment = ${establishment} AND class > ''
      UNION ALL
      SELECT (SELECT min(l.class) FROM people_places AS l
        WHERE l.establishment = ${establishment} AND l.class > c.one)
      FROM c WHERE c.one IS NOT NULL
    )
    SELECT one FROM c`.execute(db)
  return rows.flatMap(({ one }) => (one === null ? [] : [one]))
}

/**
 * People by whatever they are filtered by, in SQL that no number of them makes slow. What takes more
 * than `gatheredUsMax` (µs) to be put in order is read as a stream where that is quicker.
 */
export const createPeopleSearch = (db: Db, gatheredUsMax = GATHERED_US_MAX): PeopleSearch => ({
  async page(filter, after, limit, most) {
    const from = readCursor(after)
    const plan = await planned(db, filter, from, gatheredUsMax)
    if (plan === null) {
      return { ...NOBODY, ...(most !== undefined && { count: 0 }) }
    }
    const begin = from?.by === plan.by ? from : null
    const { rows } = await sql<Row>`${plan.rows(begin, limit + 1)}`.execute(db)
    const page = await pageOf(db, plan, rows, limit)
    if (most === undefined) {
      return page
    }
    const isAll = begin === null && page.next === null
    return { ...page, count: Math.min(await total(db, plan, rows, isAll, most), most) }
  },
  async count(filter, most) {
    const plan = await planned(db, filter, null, gatheredUsMax)
    return plan === null ? 0 : counted(db, plan, most)
  },
  async subs(filter, after, limit) {
    const from = await everybody(db, filter, gatheredUsMax)
    if (from === null) {
      return []
    }
    const { rows } = await sql<{ sub: string }>`SELECT p.sub ${from}
      AND p.sub > ${after ?? ''} ORDER BY p.sub LIMIT ${limit}`.execute(db)
    return rows.map(({ sub }) => sub)
  },
  async walk(filter, after, limit) {
    const from = await everybody(db, filter, gatheredUsMax)
    if (from === null) {
      return { subs: [], ats: [], next: null }
    }
    const { rows } = await sql<{ sub: string; id: number }>`SELECT p.sub, p.id ${from}
      AND p.id > ${Number(after ?? 0)} ORDER BY p.id LIMIT ${limit}`.execute(db)
    const ats = rows.map(({ id }) => String(id))
    const next = rows.length < limit ? null : (ats.at(-1) ?? null)
    return { subs: rows.map(({ sub }) => sub), ats, next }
  },
  establishments: () => establishmentsThere(db),
  classes: (establishment) => classesAt(db, establishment),
})
