import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Person } from '../accounts/account.ts'
import { searchWords, sortName } from '../accounts/search_words.ts'
import { facetOf } from './people_facets.ts'
import { list, personOf } from './person_columns.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>
export type Where = Pick<Person, 'establishments' | 'classes'>
type Place = Pick<Schema['people_places'], 'establishment' | 'class'>

/** In no establishment: only to be found by class. */
const NOWHERE = ''
/** The row of an establishment itself, beside those of its classes. */
const NO_CLASS = ''

/** At these places with these classes. */
const placesAt = (establishments: readonly string[], classes: readonly string[]): Place[] =>
  establishments.flatMap((establishment) =>
    [NO_CLASS, ...classes]
      .filter((one) => establishment !== NOWHERE || one !== NO_CLASS)
      .map((one) => ({ establishment, class: one })),
  )

const orNowhere = (establishments: readonly string[]): readonly string[] =>
  establishments.length > 0 ? establishments : [NOWHERE]

/** Where somebody is found; a guardian without establishment is where their children are. */
const placesOf = (
  { userType, establishments, classes }: Pick<Person, 'userType'> & Where,
  children: readonly Where[],
): Place[] => {
  const theirs = userType === 'guardian' ? children : []
  const own =
    establishments.length > 0
      ? establishments
      : [...new Set(theirs.flatMap((child) => orNowhere(child.establishments)))]
  const homes = orNowhere(own)
  const all = [
    ...placesAt(homes, classes),
    ...theirs.flatMap((child) =>
      placesAt(
        orNowhere(child.establishments).filter((one) => homes.includes(one)),
        child.classes,
      ),
    ),
  ]
  return [
    ...new Map(all.map((one) => [JSON.stringify([one.establishment, one.class]), one])).values(),
  ]
}

const childrenOf = async (db: Db, { userType, children }: Person): Promise<Where[]> => {
  if (userType !== 'guardian' || children.length === 0) {
    return []
  }
  const rows = await db
    .selectFrom('accounts')
    .select(['establishments', 'classes'])
    .where('external_id', 'in', [...new Set(children)])
    .execute()
  return rows.map((row) => ({
    establishments: list(row.establishments),
    classes: list(row.classes),
  }))
}

export const joined = (words: readonly string[]): string => words.map((word) => ` ${word}`).join('')

/** A row for each word of somebody. */
export const wordRows = (
  row: Pick<Schema['people_words'], 'facet'> & { readonly id: number },
  person: Person,
): Schema['people_words'][] => {
  const words = searchWords(person)
  const shared = { ...row, sort_name: sortName(person), words: joined(words) }
  return words.map((word) => ({ word, ...shared }))
}

/** A row for each place where somebody is found. */
export const placeRows = (
  id: number,
  person: Person,
  children: readonly Where[],
): Schema['people_places'][] => {
  const sort_name = sortName(person)
  return placesOf(person, children).map((place) => ({ ...place, sort_name, id }))
}

const insertWords = async (
  db: Db,
  row: Pick<Schema['people_words'], 'facet'> & { readonly id: number },
  person: Person,
): Promise<void> => {
  const rows = wordRows(row, person)
  if (rows.length > 0) {
    await db.insertInto('people_words').values(rows).execute()
  }
}

const insertPlaces = async (db: Db, id: number, person: Person): Promise<void> => {
  const rows = placeRows(id, person, await childrenOf(db, person))
  if (rows.length > 0) {
    await db.insertInto('people_places').values(rows).execute()
  }
}

const placeAnew = async (db: Db, id: number, person: Person): Promise<void> => {
  await db.deleteFrom('people_places').where('id', '=', id).execute()
  await insertPlaces(db, id, person)
}

/** Guardians of a pupil are where the pupil is now. */
const placeGuardians = async (db: Db, pupil: string | null): Promise<void> => {
  if (pupil === null) {
    return
  }
  const rows = await db
    .selectFrom('account_children')
    .innerJoin('people_index', 'people_index.sub', 'account_children.sub')
    .innerJoin('accounts', 'accounts.sub', 'account_children.sub')
    .selectAll('accounts')
    .select('people_index.id')
    .where('account_children.child', '=', pupil)
    .where('accounts.user_type', '=', 'guardian')
    .execute()
  for (const row of rows) {
    await placeAnew(db, row.id, personOf(row))
  }
}

/** Places these people again where they belong: what they are told by has changed. */
export const placeAgain = async (db: Db, subs: readonly string[]): Promise<void> => {
  if (subs.length === 0) {
    return
  }
  const rows = await db
    .selectFrom('accounts')
    .innerJoin('people_index', 'people_index.sub', 'accounts.sub')
    .selectAll('accounts')
    .select('people_index.id')
    .where('accounts.sub', 'in', subs)
    .execute()
  for (const row of rows) {
    await placeAnew(db, row.id, personOf(row))
  }
}

export const FACET = sql.raw<number>(facetOf('accounts'))

const insertRow = (db: Db, sub: string, person: Person) =>
  db
    .insertInto('people_index')
    .columns(['sub', 'facet', 'sort_name', 'words'])
    .expression(
      db
        .selectFrom('accounts')
        .select([
          'accounts.sub',
          FACET.as('facet'),
          sql.val(sortName(person)).as('sort_name'),
          sql.val(joined(searchWords(person))).as('words'),
        ])
        .where('accounts.sub', '=', sub),
    )
    .returning(['id', 'facet'])
    .executeTakeFirstOrThrow()

/** Has somebody found who was just added, in the transaction that added them. */
export const addToIndex = async (db: Db, sub: string, person: Person): Promise<void> => {
  const row = await insertRow(db, sub, person)
  await insertWords(db, row, person)
  await insertPlaces(db, row.id, person)
  await placeGuardians(db, person.userType === 'student' ? person.externalId : null)
}

const differ = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  JSON.stringify(a) !== JSON.stringify(b)

const found = (person: Person): unknown[] => [sortName(person), searchWords(person)]

const placed = ({ userType, establishments, classes, children }: Person): unknown[] => [
  userType,
  establishments,
  classes,
  children,
]

/** As `addToIndex`, for somebody whom the directory has changed. */
export const changeInIndex = async (
  db: Db,
  sub: string,
  person: Person,
  before: Person,
): Promise<void> => {
  const isFoundElse = differ(found(person), found(before))
  const isElsewhere = differ(placed(person), placed(before))
  const pupils = new Set([person.externalId, before.externalId])
  if (!isFoundElse && !isElsewhere && pupils.size === 1) {
    return
  }
  const row = await db
    .selectFrom('people_index')
    .select(['id', 'facet'])
    .where('sub', '=', sub)
    .executeTakeFirst()
  // Not there yet: whoever fills the index comes to them, as they are by then.
  if (row !== undefined && isFoundElse) {
    await db
      .updateTable('people_index')
      .set({ sort_name: sortName(person), words: joined(searchWords(person)) })
      .where('id', '=', row.id)
      .execute()
    await db.deleteFrom('people_words').where('id', '=', row.id).execute()
    await insertWords(db, row, person)
  }
  if (row !== undefined && (isElsewhere || isFoundElse)) {
    await placeAnew(db, row.id, person)
  }
  if (isElsewhere || pupils.size > 1) {
    for (const pupil of pupils) {
      await placeGuardians(db, pupil)
    }
  }
}

/** Some 15 ms of a transaction. */
const FILLED_AT_ONCE = 50

/** The next of those who were there before there was an index; false: all are in it. */
const fillNext = async (db: Db): Promise<boolean> => {
  const row = await db.selectFrom('people_fill').select('after_sub').executeTakeFirst()
  if (row === undefined) {
    return false
  }
  const people = await db
    .selectFrom('accounts')
    .selectAll()
    .where('sub', '>', row.after_sub)
    .orderBy('sub')
    .limit(FILLED_AT_ONCE)
    .execute()
  const last = people.at(-1)
  if (last === undefined) {
    await db.deleteFrom('people_fill').execute()
    return false
  }
  const subs = people.map(({ sub }) => sub)
  const there = await db.selectFrom('people_index').select('sub').where('sub', 'in', subs).execute()
  const known = new Set(there.map(({ sub }) => sub))
  for (const person of people.filter(({ sub }) => !known.has(sub))) {
    await addToIndex(db, person.sub, personOf(person))
  }
  await db.updateTable('people_fill').set({ after_sub: last.sub }).execute()
  return true
}

/**
 * Brings those into the index who were there before it was, some at a time; returns when all are,
 * or `isOver` says to stop: whoever comes next goes on from there.
 */
export const fillIndex = async (
  { atomically }: Sql,
  isOver: () => boolean = () => false,
): Promise<void> => {
  while (!isOver() && (await atomically(fillNext))) {
    await nextTurn()
  }
}
