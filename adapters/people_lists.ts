import type { ExpressionBuilder, ExpressionWrapper, Kysely, SqlBool } from 'kysely'
import type { Listed, PeopleLists, Selection } from '../accounts/ports.ts'
import { perUserType } from '../policies/user_type.ts'
import { accountOf, withKeys } from './account_store.ts'
import { list } from './person_columns.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>
type Accounts = ExpressionBuilder<Schema, 'accounts'>

const ownEstablishments = (eb: Accounts) =>
  eb
    .selectFrom('account_establishments as own')
    .select('own.sub')
    .whereRef('own.sub', '=', 'accounts.sub')

const childrensEstablishments = (eb: Accounts) =>
  eb
    .selectFrom('account_children')
    .innerJoin('accounts as child', 'child.external_id', 'account_children.child')
    .innerJoin('account_establishments as theirs', 'theirs.sub', 'child.sub')
    .select('account_children.sub')

/** Directories mostly give guardians no establishment: they belong where their children do. */
const isByChildren = (eb: Accounts) =>
  eb.and([eb('accounts.user_type', '=', 'guardian'), eb.not(eb.exists(ownEstablishments(eb)))])

const isIn = (eb: Accounts, establishment: string) =>
  eb.or([
    eb(
      'accounts.sub',
      'in',
      eb
        .selectFrom('account_establishments as one')
        .select('one.sub')
        .where('one.establishment', '=', establishment),
    ),
    eb.and([
      isByChildren(eb),
      eb(
        'accounts.sub',
        'in',
        childrensEstablishments(eb).where('theirs.establishment', '=', establishment),
      ),
    ]),
  ])

/** Of the class themselves, or with a child in it; in a class of that establishment, if one is named. */
const isOfClass = (eb: Accounts, className: string, establishment: string | undefined) =>
  eb.or([
    eb(
      'accounts.sub',
      'in',
      eb.selectFrom('account_classes').select('account_classes.sub').where('class', '=', className),
    ),
    eb.and([
      eb('accounts.user_type', '=', 'guardian'),
      eb(
        'accounts.sub',
        'in',
        eb
          .selectFrom('account_children')
          .innerJoin('accounts as child', 'child.external_id', 'account_children.child')
          .innerJoin('account_classes', 'account_classes.sub', 'child.sub')
          .select('account_children.sub')
          .where('account_classes.class', '=', className)
          .$if(establishment !== undefined, (query) =>
            query
              .innerJoin('account_establishments as at', 'at.sub', 'child.sub')
              .where('at.establishment', '=', establishment ?? ''),
          ),
      ),
    ]),
  ])

const selected =
  ({ userType, establishment, className, identifiers }: Selection) =>
  (eb: Accounts): ExpressionWrapper<Schema, 'accounts', SqlBool> =>
    eb.and([
      eb('accounts.disabled_at', 'is', null),
      ...(userType === undefined ? [] : [eb('accounts.user_type', '=', userType)]),
      ...(establishment === undefined ? [] : [isIn(eb, establishment)]),
      ...(className === undefined ? [] : [isOfClass(eb, className, establishment)]),
      ...(identifiers === undefined ? [] : [eb('accounts.identifier_key', 'in', identifiers)]),
    ])

/** Somebody's home: where they are selected, else the first of their establishments. */
const hasHome = (home: string | null) => (eb: Accounts) => {
  const own = ownEstablishments(eb)
  const theirs = childrensEstablishments(eb).whereRef('account_children.sub', '=', 'accounts.sub')
  if (home === null) {
    const byChildren = eb.and([isByChildren(eb), eb.exists(theirs)])
    return eb.and([eb.not(eb.exists(own)), eb.not(byChildren)])
  }
  return eb.and([
    isIn(eb, home),
    eb.not(eb.exists(own.where('own.establishment', '<', home))),
    eb.or([eb.exists(own), eb.not(eb.exists(theirs.where('theirs.establishment', '<', home)))]),
  ])
}

const CHILDREN_AT_ONCE = 500

/** The classes of the children of each guardian of `subs`, of those at `home` first. */
const classesOfChildren = async (
  db: Db,
  subs: readonly string[],
  home: string | null,
): Promise<ReadonlyMap<string, string[]>> => {
  const found = new Map<string, string[]>()
  for (let at = 0; at < subs.length; at += CHILDREN_AT_ONCE) {
    const rows = await db
      .selectFrom('account_children')
      .innerJoin('accounts as child', 'child.external_id', 'account_children.child')
      .select(['account_children.sub', 'child.classes', 'child.establishments'])
      .where('account_children.sub', 'in', subs.slice(at, at + CHILDREN_AT_ONCE))
      .orderBy('account_children.child')
      .execute()
    const isHere = ({ establishments }: { establishments: string }) =>
      home !== null && list(establishments).includes(home)
    const here = rows.filter(isHere)
    for (const { sub, classes } of [...here, ...rows.filter((row) => !isHere(row))]) {
      found.set(sub, [...(found.get(sub) ?? []), ...list(classes)])
    }
  }
  return found
}

const inOrder = (classes: readonly string[], first: string | undefined): string[] => [
  ...new Set([...classes.filter((one) => one === first), ...classes]),
]

/** Lists of people in SQL. */
export const createPeopleLists = ({ db }: Sql): PeopleLists => ({
  async page(selection, after, limit) {
    const rows = await withKeys(db)
      .where(selected(selection))
      .$if(after !== null, (query) => query.where('accounts.sub', '>', after ?? ''))
      .orderBy('accounts.sub')
      .limit(limit)
      .execute()
    return rows.map(accountOf)
  },
  async count(selection) {
    const rows = await db
      .selectFrom('accounts')
      .select(({ fn }) => ['accounts.user_type', fn.countAll<number>().as('count')])
      .where(selected(selection))
      .groupBy('accounts.user_type')
      .execute()
    const counts = new Map(rows.map(({ user_type, count }) => [user_type, Number(count)]))
    return perUserType((type) => counts.get(type) ?? 0)
  },
  async homes(selection) {
    const { establishment } = selection
    if (establishment !== undefined) {
      return [establishment]
    }
    const rows = await db
      .selectFrom('account_establishments')
      .select('establishment')
      .distinct()
      .orderBy('establishment')
      .execute()
    return [...rows.map(({ establishment: code }) => code), null]
  },
  async atHome(selection, home) {
    const isSelected = selection.establishment !== undefined
    const rows = await db
      .selectFrom('accounts')
      .select(['sub', 'user_type', 'given_name', 'family_name', 'classes'])
      .where(selected(selection))
      .$if(!isSelected, (query) => query.where(hasHome(home)))
      .execute()
    const guardians = rows.filter(({ user_type }) => user_type === 'guardian')
    const ofChildren = await classesOfChildren(
      db,
      guardians.map(({ sub }) => sub),
      home,
    )
    return rows.map(
      (row): Listed => ({
        sub: row.sub,
        userType: row.user_type,
        givenName: row.given_name,
        familyName: row.family_name,
        classes: inOrder(ofChildren.get(row.sub) ?? list(row.classes), selection.className),
      }),
    )
  },
  async unknown(identifiers) {
    const rows = await db
      .selectFrom('accounts')
      .select('identifier_key')
      .where('identifier_key', 'in', identifiers)
      .execute()
    const known = new Set(rows.map(({ identifier_key }) => identifier_key))
    return identifiers.filter((one) => !known.has(one))
  },
})
