import type { Locale } from '../accounts/account.ts'
import type { Coverage } from '../accounts/audit_search.ts'
import { scopeOf } from '../policies/admin_rights.ts'
import type { ConsolePages } from '../views/console/pages.ts'
import { CONSOLE_PATH } from './access.ts'
import type { Counted } from './overview.ts'
import { sendConsolePage, type Visit } from './visit.ts'

type Model = ConsolePages['console/home']

/** Bars beyond these are too many to look at; the list of people has all. */
const CLASSES_SHOWN_MAX = 40

const shareOf = ({ people, pins }: Coverage): number =>
  people === 0 ? 0 : Math.floor(((people - pins.none) / people) * 100)

const labelOf = (date: string, locale: Locale): string =>
  new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(
    new Date(`${date}T00:00:00Z`),
  )

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0)

const daysOf = ({ days }: Counted, locale: Locale) => ({
  days: days.map((day) => ({ ...day, label: labelOf(day.date, locale) })),
  signIns: sum(days.map(({ signIns }) => signIns)),
  failures: sum(days.map(({ failures }) => failures)),
})

const peopleHref = (query: Readonly<Record<string, string>>): string =>
  `${CONSOLE_PATH}/people?${new URLSearchParams(query).toString()}`

const blockedOf = ({ coverage, blockedKeys }: Counted): Model['blocked'] => ({
  pins: sum(coverage.map(({ pins }) => pins.blocked)),
  pinsHref: peopleHref({ pin: 'blocked' }),
  keys: blockedKeys,
  keysHref: `${CONSOLE_PATH}/keys?state=blocked`,
})

/** Those whom this administrator reaches, and the one to look at. */
const placesOf = async (visit: Visit) => {
  const scope = scopeOf(visit.who)
  const all = await visit.console.lists.people.establishments()
  const { establishments: within } = scope
  const establishments = within === null ? all : all.filter((one) => within.includes(one))
  const asked = visit.query['establishment']
  const chosen = establishments.find((one) => one === asked) ?? establishments[0] ?? null
  const classes = chosen === null ? [] : await visit.console.overview.classes(chosen, scope)
  return {
    establishments,
    establishment: chosen,
    classes: classes.slice(0, CLASSES_SHOWN_MAX).map((one) => ({
      ...one,
      href: peopleHref({ type: 'student', establishment: chosen ?? '', class: one.className }),
    })),
  }
}

/** `GET /admin`: how the school stands, for those whom the administrator reaches. */
export const showHome = async (visit: Visit): Promise<void> => {
  const counted = await visit.console.overview.of(scopeOf(visit.who))
  await sendConsolePage(visit, 'console/home', {
    asOf: new Date(counted.atMs).toISOString(),
    ...daysOf(counted, visit.locale),
    blocked: blockedOf(counted),
    coverage: counted.coverage.map((row) => ({ ...row, share: shareOf(row) })),
    ...(await placesOf(visit)),
  })
}
