import { fullName } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import type { Json } from '../accounts/job_ports.ts'
import { type ActOptions, isPeopleAct, type PeopleActName } from '../accounts/people_act.ts'
import {
  isTooMany,
  type JobPeople,
  type PeopleJobParams,
  rightFor,
} from '../accounts/people_job.ts'
import type { PeopleFilter } from '../accounts/people_search.ts'
import { UNDONE_ACTS } from '../accounts/undo_job.ts'
import { hasRight, type Right, scopeOf } from '../policies/admin_rights.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { readFilterText } from './people_filter.ts'
import { leftOutOf } from './people_left_out.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

/** As many as one statement looks up; who wants more takes all that match. */
const TICKED_MAX = 1_000
const SUB_FIELD = 'sub_'
const FILTER_LENGTH_MAX = 2_000

/** Whom a form names; everybody of a filter, or those who are ticked. */
export interface Chosen {
  readonly people: JobPeople
  /** Everybody of them whom this administrator reaches, as a filter; null: they are named. */
  readonly filter: PeopleFilter | null
  readonly count: number
  readonly byType: ConsolePages['console/jobs_act']['byType']
  /** The fields that say so again. */
  readonly fields: Readonly<Record<string, string>>
}

const byTypeOf = async (
  { console }: Visit,
  filter: PeopleFilter,
): Promise<{ type: UserType; count: number }[]> => {
  const types = filter.userType === undefined ? USER_TYPES : [filter.userType]
  const counts: { type: UserType; count: number }[] = []
  for (const type of types) {
    const count = await console.lists.people.count({ ...filter, userType: type })
    if (count > 0) {
      counts.push({ type, count })
    }
  }
  return counts
}

const sum = (counts: readonly { readonly count: number }[]): number =>
  counts.reduce((all, { count }) => all + count, 0)

const everybodyOf = async (visit: Visit): Promise<Chosen> => {
  const text = visit.form.text('filter').slice(0, FILTER_LENGTH_MAX)
  const filter = readFilterText(text, scopeOf(visit.who))
  const byType = await byTypeOf(visit, filter)
  const { scope: _, ...kept } = filter
  return {
    people: { all: true, filter: kept },
    filter,
    count: sum(byType),
    byType,
    fields: { all: 'yes', filter: text },
  }
}

const ticked = async ({ form, console }: Visit): Promise<Chosen> => {
  const names = Object.keys(form.all()).filter((name) => name.startsWith(SUB_FIELD))
  const subs = names.map((name) => name.slice(SUB_FIELD.length)).slice(0, TICKED_MAX)
  const { accounts } = console.site.deps.store
  const found = subs.length === 0 ? [] : await accounts.bySubs(subs)
  const byType = USER_TYPES.map((type) => ({
    type,
    count: found.filter(({ userType }) => userType === type).length,
  })).filter(({ count }) => count > 0)
  const there = found.map(({ sub }) => sub).sort()
  return {
    people: { all: false, subs: there },
    filter: null,
    count: there.length,
    byType,
    fields: Object.fromEntries(there.map((sub) => [`${SUB_FIELD}${sub}`, 'yes'])),
  }
}

const chosenBy = (visit: Visit): Promise<Chosen> =>
  visit.form.text('all') === 'yes' ? everybodyOf(visit) : ticked(visit)

/** Throws where the role does not go that far, as the frame does. */
const actOf = ({ form, who }: Visit): PeopleActName => {
  const act = form.text('act')
  if (!isPeopleAct(act)) {
    throw new AppError('bad_form', 'no act on people')
  }
  if (!hasRight(who.role, rightFor(act))) {
    throw new AppError('not_allowed', `the role ${who.role} does not ${act}`)
  }
  return act
}

const backHref = ({ fields }: Chosen): string =>
  fields['filter'] ? `/admin/people?${fields['filter']}` : '/admin/people'

const ASKS_NUMBER: readonly PeopleActName[] = ['erase']

const asksOf = (act: PeopleActName): ConsolePages['console/jobs_act']['asks'] => ({
  olderThanRules: act === 'force_change',
  keepPersonal: act === 'temporary_passwords',
  deliver: act === 'new_pin',
  number: ASKS_NUMBER.includes(act),
})

const sendAsk = async (
  visit: Visit,
  act: PeopleActName,
  chosen: Chosen,
  errors: readonly ConsoleError[] = [],
): Promise<void> => {
  const asks = asksOf(act)
  await sendConsolePage(
    visit,
    'console/jobs_act',
    {
      act,
      action: act === 'erase' ? '/admin/jobs/erase' : '/admin/jobs/start',
      backHref: backHref(chosen),
      people: chosen.count,
      byType: chosen.byType,
      leftOut: await leftOutOf(visit, act, chosen),
      fields: chosen.fields,
      asks,
      mails: visit.console.site.deps.mails,
      undoable: (UNDONE_ACTS as readonly string[]).includes(act),
      typed: visit.form.all(),
      errors,
    },
    { status: errors.length > 0 ? 422 : 200 },
  )
}

/** `POST /admin/people/act`: says what would happen, and to how many. Nothing is done. */
export const askAct = async (visit: Visit): Promise<void> => {
  const act = actOf(visit)
  const chosen = await chosenBy(visit)
  if (chosen.count === 0) {
    await goTo(visit, backHref(chosen), { key: 'console.jobs.done.nobody' })
    return
  }
  await sendAsk(visit, act, chosen)
}

const optionsOf = ({ form }: Visit, act: PeopleActName): ActOptions => ({
  ...(act === 'force_change' && { olderThanRules: form.ticked('older_than_rules') }),
  ...(act === 'temporary_passwords' && { keepPersonal: form.ticked('keep_personal') }),
  ...(act === 'new_pin' && { deliver: form.text('deliver') === 'mail' ? 'mail' : 'paper' }),
})

const errorsOf = (visit: Visit, act: PeopleActName, chosen: Chosen): ConsoleError[] => {
  const { form, console } = visit
  const confirmed = /^\d{1,9}$/.test(form.text('confirmed')) ? Number(form.text('confirmed')) : 0
  if (isTooMany(chosen.count, confirmed)) {
    const params = { before: confirmed, now: chosen.count }
    return [{ key: 'console.jobs.errors.more_people', params }]
  }
  if (asksOf(act).number && Number(form.digits('number')) !== chosen.count) {
    return [{ field: 'number', key: 'console.jobs.errors.number', params: { count: chosen.count } }]
  }
  const way = form.text('deliver')
  if (act === 'new_pin' && way !== 'paper' && !(way === 'mail' && console.site.deps.mails)) {
    return [{ field: 'deliver', key: 'console.jobs.errors.deliver' }]
  }
  return []
}

/** Begins what was asked. `right`: that of the address; an act of another one has its own. */
const startUnder = async (visit: Visit, right: Right): Promise<void> => {
  const act = actOf(visit)
  if (rightFor(act) !== right) {
    throw new AppError('bad_form', `${act} does not begin here`)
  }
  const chosen = await chosenBy(visit)
  if (chosen.count === 0) {
    await goTo(visit, backHref(chosen), { key: 'console.jobs.done.nobody' })
    return
  }
  const errors = errorsOf(visit, act, chosen)
  if (errors.length > 0) {
    await sendAsk(visit, act, chosen, errors)
    return
  }
  const params: PeopleJobParams = {
    people: chosen.people,
    confirmed: chosen.count,
    options: optionsOf(visit, act),
  }
  const options = { by: visit.by, total: null }
  const id = await visit.console.jobs.start(act, params as unknown as Json, options)
  await goTo(visit, `/admin/jobs/${id}`)
}

/** `POST /admin/jobs/start` */
export const startAct = (visit: Visit): Promise<void> => startUnder(visit, 'act_on_people')

/** `POST /admin/jobs/erase`: asks for a fresh proof, as its right does. */
export const startErase = (visit: Visit): Promise<void> => startUnder(visit, 'erase_people')

/** For the lists: the name of who did something; a `sub` where there is nobody any more. */
export const namesOf = async (
  { console }: Visit,
  subs: readonly string[],
): Promise<(sub: string) => string> => {
  const found =
    subs.length === 0 ? [] : await console.site.deps.store.accounts.bySubs([...new Set(subs)])
  const names = new Map(found.map((account) => [account.sub, fullName(account)]))
  return (sub) => names.get(sub) ?? sub
}
