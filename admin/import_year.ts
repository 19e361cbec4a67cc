import { erasedAt, goneSince, PURGE_KIND, purgeParams } from '../accounts/purge_leavers.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { ConsolePages } from '../views/console/pages.ts'
import { IMPORTS_PATH } from './imports.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

type Step = ConsolePages['console/imports_new_year']['steps'][number]

const gone = async ({ console }: Visit) => {
  const { store, clock } = console.site.deps
  const { keptDays } = console.imports
  const since = goneSince(clock(), keptDays)
  return { ...(await store.accounts.gone(since)), since, keptDays }
}

/** `GET /admin/imports/leavers` */
export const showLeavers = async (visit: Visit): Promise<void> => {
  const { all, due, firstLeftAt, keptDays } = await gone(visit)
  await sendConsolePage(visit, 'console/imports_leavers', {
    all,
    due,
    days: keptDays,
    next:
      firstLeftAt === null ? undefined : new Date(erasedAt(firstLeftAt, keptDays)).toISOString(),
    action: `${IMPORTS_PATH}/leavers/purge`,
    backHref: IMPORTS_PATH,
  })
}

/** `POST /admin/imports/leavers/purge`: exactly as many as were shown. */
export const purgeHere = async (visit: Visit): Promise<void> => {
  const { due, since } = await gone(visit)
  const path = `${IMPORTS_PATH}/leavers`
  if (due === 0 || String(due) !== visit.form.text('due')) {
    return goTo(visit, path, { key: 'console.imports.done.due_changed' })
  }
  const { by } = visit
  await visit.console.jobs.start(PURGE_KIND, purgeParams(since), { by, total: due })
  await goTo(visit, path, { key: 'console.imports.done.purging' })
}

const MAY = 4
const JUNE = 5

/** A school year is prepared from May on. */
const schoolYear = (nowMs: number): number => {
  const now = new Date(nowMs)
  return now.getUTCMonth() >= MAY ? now.getUTCFullYear() : now.getUTCFullYear() - 1
}

const ENTRIES_MAX = 2_000

interface Done {
  readonly establishment: string
  readonly userType: UserType
  readonly atMs: number
}

/** Imports with leavers since then, as the audit has them, from wherever they were begun. */
const importsSince = async ({ console }: Visit, sinceMs: number): Promise<Done[]> => {
  const { audit } = console.site.deps.store
  const entries = await audit.list({ act: 'people_imported' }, ENTRIES_MAX)
  return entries.flatMap(({ atMs, detail }) => {
    const { establishment, user_type: type } = detail
    const userType = USER_TYPES.find((one) => one === type)
    return atMs < sinceMs || typeof establishment !== 'string' || userType === undefined
      ? []
      : [{ establishment, userType, atMs }]
  })
}

const stateOf = (done: number, of: number): Step['state'] => {
  if (done === 0) {
    return 'todo'
  }
  return done >= of ? 'done' : 'part'
}

/** `GET /admin/imports/new_year` */
export const showNewYear = async (visit: Visit): Promise<void> => {
  const { console } = visit
  const { store, clock } = console.site.deps
  const year = schoolYear(clock())
  const sinceMs = Date.UTC(year, JUNE, 1)
  const [codes, calendars, imports, made, forced, leavers] = await Promise.all([
    console.lists.people.establishments(),
    store.calendars.list(),
    importsSince(visit, sinceMs),
    store.audit.list({ act: 'passwords_generated' }, ENTRIES_MAX),
    store.audit.list({ act: 'password_change_forced' }, 1),
    gone(visit),
  ])
  const withHolidays = new Set(
    calendars
      .filter(({ days }) => days.some(([, last]) => last >= `${year + 1}-01-01`))
      .map(({ establishment }) => establishment),
  )
  const establishments = codes.map((code) => ({
    code,
    holidays: withHolidays.has(code),
    imports: imports
      .filter(({ establishment }) => establishment === code)
      .map(({ userType, atMs }) => ({ userType, at: new Date(atMs).toISOString() })),
  }))
  const holidays = establishments.filter((one) => one.holidays).length
  const imported = establishments.filter((one) => one.imports.length > 0).length
  const passwords = [...made, ...forced].filter(({ atMs }) => atMs >= sinceMs).length
  const of = establishments.length
  await sendConsolePage(visit, 'console/imports_new_year', {
    year: `${year}–${year + 1}`,
    steps: [
      { name: 'holidays', state: stateOf(holidays, of), done: holidays, of, href: '' },
      { name: 'imports', state: stateOf(imported, of), done: imported, of, href: IMPORTS_PATH },
      {
        name: 'passwords',
        state: stateOf(passwords, 1),
        done: passwords,
        of: 1,
        href: '/admin/people',
      },
      {
        name: 'leavers',
        state: leavers.due === 0 ? 'done' : 'part',
        done: leavers.all,
        of: leavers.due,
        href: `${IMPORTS_PATH}/leavers`,
      },
    ],
    establishments,
    backHref: IMPORTS_PATH,
  })
}
