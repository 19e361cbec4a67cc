import { fullName } from '../accounts/account.ts'
import { lookUpSubject } from '../accounts/look_up_subject.ts'
import type { Fields } from '../interactions/form.ts'
import { inTurn } from '../interactions/in_turn.ts'
import { scopeOf } from '../policies/admin_rights.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { sendConsolePage, type Visit } from './visit.ts'

type Model = ConsolePages['console/applications_subjects']

const SUBJECT = /^[\w-]{1,255}$/
/** Of the name of a host, or of an application: what is looked for is written into the audit. */
const NAME_LENGTH_MAX = 255

const choices = async ({ console }: Visit): Promise<Model['applications']> => {
  const { declared } = console.applications
  const registered = await console.site.deps.store.applications.list()
  return [...declared, ...registered.map(({ registration }) => registration)]
    .map(({ client_id: value, client_name: label }) => ({ value, label }))
    .toSorted((a, b) => a.label.localeCompare(b.label))
}

const send = async (
  visit: Visit,
  answer: Pick<Model, 'looked' | 'found'>,
  errors: readonly ConsoleError[] = [],
): Promise<void> =>
  sendConsolePage(
    visit,
    'console/applications_subjects',
    { applications: await choices(visit), typed: visit.form.all(), errors, ...answer },
    { status: errors.length > 0 ? 422 : 200 },
  )

const NOTHING = { looked: false, found: null } as const

/** `GET /admin/subjects` */
export const showSubjects = (visit: Visit): Promise<void> => send(visit, NOTHING)

const nameIn = (form: Fields, field: string): string =>
  form.text(field).trim().slice(0, NAME_LENGTH_MAX)

/** The host whose applications share identifiers; null: an application that has none of its own. */
const sectorIn = async ({ console, form }: Visit): Promise<string | null> => {
  const typed = nameIn(form, 'sector').toLowerCase()
  return typed === '' ? console.applications.sectorOf(nameIn(form, 'client')) : typed
}

/** `POST /admin/subjects`: who an application knows under an identifier. Noted. */
export const submitSubject = async (visit: Visit): Promise<void> => {
  const { console, form, who, by } = visit
  const subject = form.text('subject').trim()
  if (!SUBJECT.test(subject)) {
    const errors = [{ field: 'subject', key: 'console.applications.errors.subject' }]
    return send(visit, NOTHING, errors)
  }
  const { deps } = console.site
  const sector = await sectorIn(visit)
  const subjectOf = (sub: string): string =>
    sector === null ? sub : console.applications.pairwise(sector, sub)
  let sub: string | null = null
  // One after the other: each may go through everybody.
  await inTurn('look up a subject', async () => {
    sub = await lookUpSubject(deps, console.lists.people, {
      subject,
      subjectOf,
      scope: scopeOf(who),
      by,
      sector: sector ?? nameIn(form, 'client'),
    })
  })
  const account = sub === null ? null : await deps.store.accounts.bySub(sub)
  return send(visit, {
    looked: true,
    found:
      account === null
        ? null
        : { personName: fullName(account), href: `/admin/people/${account.sub}` },
  })
}
