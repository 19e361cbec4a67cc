import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { Account } from './account.ts'
import type { Listed, Selection, Tables } from './ports.ts'

/** Somebody in the place that they have on paper. */
export interface Placed {
  readonly account: Account
  /** UAI code; null: of no establishment. */
  readonly home: string | null
  /** By which their card is handed out; empty: it is not handed out by class. */
  readonly classes: readonly string[]
}

const PEOPLE_AT_ONCE = 250

/** Whose cards a class takes home. A teacher has many classes, and a pigeonhole. */
const BY_CLASS: ReadonlySet<UserType> = new Set(['student', 'guardian'])

const collator = new Intl.Collator('fr', { numeric: true })

const compare = (a: string, b: string): number => (a === b ? 0 : collator.compare(a, b))

const classOf = ({ classes: [first = ''] }: Listed): string => first

const RANKS: ReadonlyMap<UserType, number> = new Map(USER_TYPES.map((type, rank) => [type, rank]))

/** Of those whose cards are not handed out by class: what they are tells to whom they go. */
const compareKinds = (a: Listed, b: Listed): number =>
  classOf(a) === '' ? (RANKS.get(a.userType) ?? 0) - (RANKS.get(b.userType) ?? 0) : 0

/**
 * By class, those without one last and by what they are; then by name. Two of one name stay in one
 * order.
 */
const inPrintedOrder = (a: Listed, b: Listed): number =>
  Number(classOf(a) === '') - Number(classOf(b) === '') ||
  compare(classOf(a), classOf(b)) ||
  compareKinds(a, b) ||
  compare(a.familyName, b.familyName) ||
  compare(a.givenName, b.givenName) ||
  (a.sub < b.sub ? -1 : 1)

const byClass = (listed: Listed): Listed =>
  BY_CLASS.has(listed.userType) ? listed : { ...listed, classes: [] }

/**
 * Everybody of a selection in the order of paper, some at a time: of all of them no more is kept
 * than the names of one establishment. Whoever goes meanwhile is left out.
 */
export async function* listForCards(
  { people, accounts }: Pick<Tables, 'people' | 'accounts'>,
  selection: Selection,
): AsyncGenerator<Placed[]> {
  for (const home of await people.homes(selection)) {
    const listed = (await people.atHome(selection, home)).map(byClass).sort(inPrintedOrder)
    for (let at = 0; at < listed.length; at += PEOPLE_AT_ONCE) {
      const some = listed.slice(at, at + PEOPLE_AT_ONCE)
      const found = await accounts.bySubs(some.map(({ sub }) => sub))
      const bySub = new Map(found.map((account) => [account.sub, account]))
      yield some.flatMap(({ sub, classes }) => {
        const account = bySub.get(sub)
        return account === undefined || account.disabledAt !== null
          ? []
          : [{ account, home, classes }]
      })
    }
  }
}
