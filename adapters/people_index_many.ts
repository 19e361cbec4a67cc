import type { Kysely } from 'kysely'
import type { Person } from '../accounts/account.ts'
import { searchWords, sortName } from '../accounts/search_words.ts'
import type { UserType } from '../policies/user_type.ts'
import { inBlocks } from './blocks.ts'
import { FACET, joined, placeAgain, placeRows, type Where, wordRows } from './people_index.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>

interface Added {
  readonly sub: string
  readonly person: Person
}

const list = (json: string): string[] => JSON.parse(json) as string[]

/** Those of a type are alike when they are new: nothing is chosen yet. */
const facetsOf = async (
  db: Db,
  people: readonly Added[],
): Promise<ReadonlyMap<UserType, number>> => {
  const oneOfEach = new Map(people.map(({ sub, person }) => [person.userType, sub]))
  const facets = new Map<UserType, number>()
  for (const [type, sub] of oneOfEach) {
    const row = await db
      .selectFrom('accounts')
      .select(FACET.as('facet'))
      .where('sub', '=', sub)
      .executeTakeFirstOrThrow()
    facets.set(type, row.facet)
  }
  return facets
}

/** Where the pupils of these external ids are. */
const pupilsOf = async (
  db: Db,
  externalIds: readonly string[],
): Promise<ReadonlyMap<string, Where>> => {
  const pupils = new Map<string, Where>()
  await inBlocks(externalIds, async (some) => {
    const rows = await db
      .selectFrom('accounts')
      .select(['external_id', 'establishments', 'classes'])
      .where('external_id', 'in', some)
      .execute()
    for (const row of rows) {
      const where = { establishments: list(row.establishments), classes: list(row.classes) }
      pupils.set(row.external_id ?? '', where)
    }
  })
  return pupils
}

/** Guardians who were there before the pupils that they have are where these are now. */
const placeGuardians = async (db: Db, people: readonly Added[]): Promise<void> => {
  const here = new Set(people.map(({ sub }) => sub))
  const pupils = people.flatMap(({ person: { userType, externalId } }) =>
    userType === 'student' && externalId !== null ? [externalId] : [],
  )
  const guardians = new Set<string>()
  await inBlocks(pupils, async (some) => {
    const rows = await db
      .selectFrom('account_children')
      .select('sub')
      .where('child', 'in', some)
      .execute()
    for (const { sub } of rows) {
      if (!here.has(sub)) {
        guardians.add(sub)
      }
    }
  })
  await inBlocks([...guardians], (some) => placeAgain(db, some))
}

const childrenOf = ({ userType, children }: Person, pupils: ReadonlyMap<string, Where>): Where[] =>
  userType === 'guardian'
    ? [...new Set(children)].flatMap((child) => {
        const where = pupils.get(child)
        return where === undefined ? [] : [where]
      })
    : []

/** Has people found who were just added, as `addToIndex` does for one. */
export const addAllToIndex = async (db: Db, people: readonly Added[]): Promise<void> => {
  const facets = await facetsOf(db, people)
  const facetOf = ({ userType }: Person): number => facets.get(userType) ?? 0
  const index = people.map(({ sub, person }) => ({
    sub,
    facet: facetOf(person),
    sort_name: sortName(person),
    words: joined(searchWords(person)),
  }))
  const ids = new Map<string, number>()
  await inBlocks(index, async (some) => {
    const rows = await db.insertInto('people_index').values(some).returning(['id', 'sub']).execute()
    for (const { id, sub } of rows) {
      ids.set(sub, id)
    }
  })
  const idOf = (sub: string): number => ids.get(sub) ?? 0
  const words = people.flatMap(({ sub, person }) =>
    wordRows({ id: idOf(sub), facet: facetOf(person) }, person),
  )
  await inBlocks(words, (some) => db.insertInto('people_words').values(some).execute())
  const children = people.flatMap(({ person }) =>
    person.userType === 'guardian' ? person.children : [],
  )
  const pupils = await pupilsOf(db, [...new Set(children)])
  const places = people.flatMap(({ sub, person }) =>
    placeRows(idOf(sub), person, childrenOf(person, pupils)),
  )
  await inBlocks(places, (some) => db.insertInto('people_places').values(some).execute())
  await placeGuardians(db, people)
}
