import { isPeopleAct, PEOPLE_ACTS, type PeopleActName } from '../accounts/people_act.ts'
import { rightFor } from '../accounts/people_job.ts'
import type { PersonListed } from '../accounts/people_search.ts'
import { type AdminScope, hasRight, type Role, scopeOf } from '../policies/admin_rights.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import type { ConsolePages } from '../views/console/pages.ts'
import type { PersonRow } from '../views/console/people_list.ts'
import { CHOICES, filterQuery, filterText, readPeopleFilter } from './people_filter.ts'
import { sendConsolePage, type Visit } from './visit.ts'

const PEOPLE_PATH = '/admin/people'
const PEOPLE_A_PAGE = 50
/** Above it is said that there are more: the page of an act counts all of them. */
const COUNTED_MAX = 500
/** A list to choose from that is longer helps nobody. */
const ESTABLISHMENTS_MAX = 200

type Model = ConsolePages['console/people_list']

/** What a selection offers, as the menu groups it. */
const GROUPS: readonly { readonly group: string; readonly acts: readonly PeopleActName[] }[] = [
  {
    group: 'secrets',
    acts: ['force_change', 'temporary_passwords', 'void_password', 'new_pin', 'unblock_pin'],
  },
  { group: 'access', acts: ['end_sessions', 'forget_devices', 'disable', 'enable', 'erase'] },
]

/** Acts that a role may do. */
const actsFor = (role: Role): Model['acts'] =>
  GROUPS.map(({ group, acts }) => ({
    group,
    acts: acts.filter((act) => isPeopleAct(act) && hasRight(role, rightFor(act))),
  })).filter(({ acts }) => acts.length > 0)

const rowOf = (person: PersonListed): PersonRow => ({
  sub: person.sub,
  href: `${PEOPLE_PATH}/${encodeURIComponent(person.sub)}`,
  name: `${person.familyName} ${person.givenName}`.trim(),
  identifier: person.identifier,
  userType: person.userType,
  establishments: person.establishments,
  classes: person.classes,
  protection: person.protection,
  password: person.password,
  pin: person.pin,
  hasKeys: person.hasOtpKeys,
  disabled: person.disabledAt !== null,
  role: person.role,
})

const address = (path: string, query: string): string => (query === '' ? path : `${path}?${query}`)

const withCursor = (filter: string, after: string): string => {
  const query = new URLSearchParams(filter)
  query.set('after', after)
  return address(PEOPLE_PATH, query.toString())
}

/** Establishments that an administrator reaches; null: too many to list. */
const establishmentsOf = async (
  { console }: Visit,
  scope: AdminScope,
): Promise<readonly string[] | null> => {
  const all = scope.establishments ?? (await console.lists.people.establishments())
  return all.length > ESTABLISHMENTS_MAX ? null : [...all].sort()
}

/** Where to list the classes of: nowhere outside of whom an administrator reaches. */
const placeIn = ({ establishments }: AdminScope, asked = ''): string =>
  establishments === null || establishments.includes(asked) ? asked : ''

/** `GET /admin/people` */
export const showPeople = async (visit: Visit): Promise<void> => {
  const { query, who, console } = visit
  const { people } = console.lists
  const scope = scopeOf(who)
  const filter = readPeopleFilter(query, scope)
  const asked = filterQuery(query)
  const text = filterText(asked)
  const after = query['after'] ?? null
  const [page, establishments, classes] = await Promise.all([
    people.page(filter, after, PEOPLE_A_PAGE, COUNTED_MAX + 1),
    establishmentsOf(visit, scope),
    // The classes of people in no establishment, where there are none.
    people.classes(placeIn(scope, filter.establishment)),
  ])
  const { count = 0 } = page
  await sendConsolePage(visit, 'console/people_list', {
    asked,
    filter: text,
    narrowed: Object.keys(asked).some((field) => field !== 'q'),
    types: scope.userTypes ?? USER_TYPES,
    choices: CHOICES,
    establishments,
    classes,
    people: page.people.map(rowOf),
    count: Math.min(count, COUNTED_MAX),
    more: count > COUNTED_MAX,
    acts: actsFor(who.role),
    exportHref: hasRight(who.role, 'export_people') ? address(`${PEOPLE_PATH}/export`, text) : null,
    firstHref: after === null ? null : address(PEOPLE_PATH, text),
    nextHref: page.next === null ? null : withCursor(text, page.next),
  })
}

/** Every act is in the menu. */
export const ACTS_OFFERED: readonly PeopleActName[] = PEOPLE_ACTS.filter((act) =>
  GROUPS.some(({ acts }) => acts.includes(act)),
)
