import { fullName, identifierKey } from '../accounts/account.ts'
import type { RegisteredApplication } from '../accounts/application_ports.ts'
import {
  changeApplication,
  DEFAULT_OVERLAP_DAYS,
  endPreviousSecret,
  notePreview,
  noteTest,
  OVERLAP_DAYS_MAX,
  type Refusal,
  registerApplication,
  removeApplication,
  rotateSecret,
} from '../accounts/applications.ts'
import { randomId } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import { type Registration, registeredClaims, usesSecret } from '../accounts/registration.ts'
import { seeOther } from '../interactions/page.ts'
import { dayAfter, dayAt } from '../policies/days.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import type { ApplicationHead, ClaimRow } from '../views/console/applications.ts'
import type { ConsoleError, ConsoleMessage, ConsolePages } from '../views/console/pages.ts'
import { connectModel } from './application_connect.ts'
import {
  CLAIMS,
  isFolded,
  readApplicationForm,
  TYPED_FIRST,
  typedFrom,
} from './application_form.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

export const APPLICATIONS_PATH = '/admin/applications'
const LAUNCH_DAYS = 30
const VERSIONS_SHOWN = 20

/** One application, wherever it was registered. */
interface Found {
  readonly registration: Registration
  /** Null: it stands in the settings file. */
  readonly registered: RegisteredApplication | null
}

const findOne = async ({ console, params }: Pick<Visit, 'console' | 'params'>): Promise<Found> => {
  const clientId = params['client'] ?? ''
  const declared = console.applications.declared.find(({ client_id: id }) => id === clientId)
  if (declared !== undefined) {
    return { registration: declared, registered: null }
  }
  const registered = await console.site.deps.store.applications.find(clientId)
  if (registered === null) {
    throw new AppError('not_found', `no application ${clientId}`)
  }
  return { registration: registered.registration, registered }
}

/** One that may be changed here. */
const findOurs = async (visit: Visit): Promise<RegisteredApplication> => {
  const { registered, registration } = await findOne(visit)
  if (registered === null) {
    throw new AppError('access_denied', `${registration.client_id} is of the settings file`)
  }
  return registered
}

const hrefOf = (clientId: string): string => `${APPLICATIONS_PATH}/${encodeURIComponent(clientId)}`

const headOf = (
  { registration, registered }: Found,
  page: ApplicationHead['page'],
): ApplicationHead => ({
  clientId: registration.client_id,
  name: registration.client_name,
  href: hrefOf(registration.client_id),
  page,
  declared: registered === null,
})

const refusedBecause = (reason: Refusal): ConsoleMessage => ({
  key: `console.applications.refusals.${reason}`,
})

const versionIn = ({ form }: Visit): number => Number(form.digits('version') || '0')

const changing = (visit: Visit) => ({
  clientId: visit.params['client'] ?? '',
  version: versionIn(visit),
  by: visit.by,
})

const iso = (timeMs: number): string => new Date(timeMs).toISOString()

/** Names of who did something, for those who have an account here. */
const namesOf = async (visit: Visit, subs: readonly string[]): Promise<(by: string) => string> => {
  const { store } = visit.console.site.deps
  const accounts = await store.accounts.bySubs([...new Set(subs)].slice(0, 1_000))
  const names = new Map(accounts.map((account) => [account.sub, fullName(account)]))
  return (by) => names.get(by) ?? by
}

const firstDay = ({ console }: Visit): string => {
  const { clock, timeZone } = console.site.deps
  return dayAfter(dayAt(timeZone, clock()).date, 1 - LAUNCH_DAYS)
}

const typesOf = ({ user_types: types }: Registration) =>
  types.length === USER_TYPES.length ? null : types

/** `GET /admin/applications` */
export const showApplications = async (visit: Visit): Promise<void> => {
  const { store } = visit.console.site.deps
  const { declared } = visit.console.applications
  const registered = await store.applications.list()
  const totals = await store.launches.totals(firstDay(visit))
  const nameOf = await namesOf(
    visit,
    registered.map(({ by }) => by),
  )
  const names = new Set(declared.map(({ client_id: id }) => id))
  const row = (registration: Registration) => ({
    clientId: registration.client_id,
    name: registration.client_name,
    href: hrefOf(registration.client_id),
    userTypes: typesOf(registration),
    consent: registration.consent,
    launches: totals.get(registration.client_id) ?? 0,
  })
  const rows: ConsolePages['console/applications_list']['applications'] = [
    ...declared.map((one) => ({
      ...row(one),
      kind: null,
      declared: true,
      overridden: false,
      changedAt: null,
      changedBy: '',
    })),
    ...registered.map(({ kind, registration, clientId, atMs, by }) => ({
      ...row(registration),
      kind,
      declared: false,
      overridden: names.has(clientId),
      changedAt: iso(atMs),
      changedBy: nameOf(by),
    })),
  ]
  await sendConsolePage(visit, 'console/applications_list', {
    applications: rows.toSorted((a, b) => a.name.localeCompare(b.name, visit.locale)),
    newHref: `${APPLICATIONS_PATH}/new`,
    subjectsHref: '/admin/subjects',
  })
}

interface FormShown {
  readonly found: Found | null
  readonly version: number
  readonly typed: Readonly<Record<string, string>>
  readonly errors?: readonly ConsoleError[]
  readonly refused?: ConsoleMessage
}

const sendForm = (
  visit: Visit,
  { found, version, typed, errors = [], refused }: FormShown,
): Promise<void> =>
  sendConsolePage(
    visit,
    'console/applications_form',
    {
      head: found === null ? null : headOf(found, 'edit'),
      action:
        found === null
          ? `${APPLICATIONS_PATH}/new`
          : `${hrefOf(found.registration.client_id)}/edit`,
      version,
      userTypes: USER_TYPES,
      claims: CLAIMS,
      typed,
      errors,
      refused,
      advancedOpen: isFolded(errors),
    },
    { status: errors.length > 0 || refused !== undefined ? 422 : 200 },
  )

/** `GET /admin/applications/new` */
export const showNewApplication = (visit: Visit): Promise<void> =>
  sendForm(visit, { found: null, version: 0, typed: TYPED_FIRST })

const sendSecret = (
  visit: Visit,
  registration: Registration,
  secret: string,
  previousUntil: string | null = null,
): Promise<void> =>
  sendConsolePage(visit, 'console/applications_secret', {
    head: { ...headOf({ registration, registered: null }, 'one'), declared: false },
    secret,
    previousUntil,
  })

/** What the OP itself would refuse: an address that does not answer, keys that are none. */
const faultIn = async (visit: Visit, registration: Registration): Promise<ConsoleError[]> => {
  const why = await visit.console.applications.fault(registration)
  return why === null ? [] : [{ key: 'console.applications.errors.refused', params: { why } }]
}

/** A short random word, so that two applications of one name differ. */
const tokenOf = ({ console }: Visit): string => randomId(console.site.deps.random).slice(0, 6)

/** `POST /admin/applications/new` */
export const submitNewApplication = async (visit: Visit): Promise<void> => {
  const { console, form, by } = visit
  const typed = form.all()
  const read = readApplicationForm({ form, before: null, token: tokenOf(visit) })
  const errors = read.ok ? await faultIn(visit, read.registration) : read.errors
  if (!read.ok || errors.length > 0) {
    return sendForm(visit, { found: null, version: 0, typed, errors })
  }
  const { kind, registration } = read
  const isTaken = (clientId: string): boolean =>
    console.applications.declared.some(({ client_id: id }) => id === clientId)
  const done = await registerApplication(console.site.deps, { kind, registration, by, isTaken })
  if (!done.ok) {
    const taken = { field: 'client_id', key: 'console.applications.errors.taken' }
    return sendForm(visit, { found: null, version: 0, typed, errors: [taken] })
  }
  return done.secret === null
    ? goTo(visit, `${hrefOf(registration.client_id)}/connect`, {
        key: 'console.applications.done.registered',
      })
    : sendSecret(visit, registration, done.secret)
}

const sendOne = async (visit: Visit, refused?: ConsoleMessage): Promise<void> => {
  const found = await findOne(visit)
  const { registration, registered } = found
  const { store } = visit.console.site.deps
  const [days, versions] = await Promise.all([
    store.launches.days(registration.client_id, firstDay(visit)),
    registered === null ? [] : store.applications.versions(registration.client_id, VERSIONS_SHOWN),
  ])
  const nameOf = await namesOf(
    visit,
    versions.map(({ by }) => by),
  )
  const byDay = new Map(days.map(({ day, launches }) => [day, launches]))
  const from = firstDay(visit)
  const nowMs = visit.console.site.deps.clock()
  const previous = registered?.previous ?? null
  await sendConsolePage(
    visit,
    'console/applications_one',
    {
      head: headOf(found, 'one'),
      kind: registered?.kind ?? null,
      redirectUris: registration.redirect_uris,
      userTypes: typesOf(registration),
      claims: registeredClaims(registration).filter((claim) => claim !== 'sub'),
      leastAcr: registration.least_acr ?? null,
      pairwise: registration.subject_type === 'pairwise',
      consent: registration.consent,
      refreshes: registration.grant_types.includes('refresh_token'),
      logoutUri: registration.backchannel_logout_uri ?? null,
      usesSecret: usesSecret(registration),
      secretAt: registered?.secret ? iso(registered.secret.atMs) : null,
      previousUntil: previous !== null && nowMs < previous.untilMs ? iso(previous.untilMs) : null,
      version: registered?.version ?? 0,
      history: versions.map(({ act, atMs, by }) => ({ act, at: iso(atMs), by: nameOf(by) })),
      launches: days.reduce((sum, { launches }) => sum + launches, 0),
      days: Array.from({ length: LAUNCH_DAYS }, (_, nth) => dayAfter(from, nth)).map((day) => ({
        day,
        launches: byDay.get(day) ?? 0,
      })),
      refused,
    },
    { status: refused === undefined ? 200 : 422 },
  )
}

/** `GET /admin/applications/:client` */
export const showApplication = (visit: Visit): Promise<void> => sendOne(visit)

/** `GET /admin/applications/:client/edit` */
export const showEditApplication = async (visit: Visit): Promise<void> => {
  const registered = await findOurs(visit)
  const { kind, registration, version } = registered
  await sendForm(visit, {
    found: { registration, registered },
    version,
    typed: typedFrom(kind, registration),
  })
}

/** `POST /admin/applications/:client/edit` */
export const submitEditApplication = async (visit: Visit): Promise<void> => {
  const registered = await findOurs(visit)
  const found = { registration: registered.registration, registered }
  const { form } = visit
  const shown = { found, version: versionIn(visit), typed: form.all() }
  const read = readApplicationForm({ form, before: found.registration, token: '' })
  const errors = read.ok ? await faultIn(visit, read.registration) : read.errors
  if (!read.ok || errors.length > 0) {
    return sendForm(visit, { ...shown, errors })
  }
  const done = await changeApplication(visit.console.site.deps, changing(visit), read)
  if (!done.ok) {
    return sendForm(visit, { ...shown, refused: refusedBecause(done.reason) })
  }
  return done.secret === null
    ? goTo(visit, hrefOf(registered.clientId), { key: 'console.applications.done.changed' })
    : sendSecret(visit, read.registration, done.secret)
}

const sendRotate = async (
  visit: Visit,
  errors: readonly ConsoleError[] = [],
  refused?: ConsoleMessage,
): Promise<void> => {
  const registered = await findOurs(visit)
  await sendConsolePage(
    visit,
    'console/applications_rotate',
    {
      head: headOf({ registration: registered.registration, registered }, 'one'),
      version: registered.version,
      days: visit.form.text('days') || String(DEFAULT_OVERLAP_DAYS),
      daysMax: OVERLAP_DAYS_MAX,
      errors,
      refused,
    },
    { status: errors.length > 0 || refused !== undefined ? 422 : 200 },
  )
}

/** `GET /admin/applications/:client/rotate` */
export const showRotate = (visit: Visit): Promise<void> => sendRotate(visit)

/** `POST /admin/applications/:client/rotate` */
export const submitRotate = async (visit: Visit): Promise<void> => {
  const registered = await findOurs(visit)
  const typed = visit.form.digits('days')
  const days = /^\d{1,3}$/.test(typed) ? Number(typed) : Number.NaN
  if (!(days >= 0 && days <= OVERLAP_DAYS_MAX)) {
    const params = { max: OVERLAP_DAYS_MAX }
    return sendRotate(visit, [{ field: 'days', key: 'console.applications.errors.days', params }])
  }
  const { deps } = visit.console.site
  const done = await rotateSecret(deps, changing(visit), days)
  if (!done.ok) {
    return sendRotate(visit, [], refusedBecause(done.reason))
  }
  const now = await deps.store.applications.find(registered.clientId)
  const until = now?.previous?.untilMs
  await sendSecret(
    visit,
    registered.registration,
    done.secret,
    until === undefined ? null : iso(until),
  )
}

/** `POST /admin/applications/:client/end-secret` */
export const submitEndSecret = async (visit: Visit): Promise<void> => {
  const { clientId } = await findOurs(visit)
  const done = await endPreviousSecret(visit.console.site.deps, changing(visit))
  return done.ok
    ? goTo(visit, hrefOf(clientId), { key: 'console.applications.done.secret_ended' })
    : sendOne(visit, refusedBecause(done.reason))
}

const sendRemove = async (visit: Visit, refused?: ConsoleMessage): Promise<void> => {
  const registered = await findOurs(visit)
  const { store } = visit.console.site.deps
  const totals = await store.launches.totals(firstDay(visit))
  await sendConsolePage(
    visit,
    'console/applications_remove',
    {
      head: headOf({ registration: registered.registration, registered }, 'one'),
      version: registered.version,
      launches: totals.get(registered.clientId) ?? 0,
      refused,
    },
    { status: refused === undefined ? 200 : 422 },
  )
}

/** `GET /admin/applications/:client/remove` */
export const showRemove = (visit: Visit): Promise<void> => sendRemove(visit)

/** `POST /admin/applications/:client/remove` */
export const submitRemove = async (visit: Visit): Promise<void> => {
  const { registration } = await findOurs(visit)
  const done = await removeApplication(visit.console.site.deps, changing(visit))
  return done.ok
    ? goTo(visit, APPLICATIONS_PATH, {
        key: 'console.applications.done.removed',
        params: { name: registration.client_name },
      })
    : sendRemove(visit, refusedBecause(done.reason))
}

/** `GET /admin/applications/:client/connect` */
export const showConnect = async (visit: Visit): Promise<void> => {
  const found = await findOne(visit)
  const head = headOf(found, 'connect')
  const kind = found.registered?.kind ?? 'other'
  const { issuer } = visit.console.applications
  await sendConsolePage(visit, 'console/applications_connect', {
    head,
    rotateHref: `${head.href}/rotate`,
    ...connectModel(kind, found.registration, issuer),
  })
}

const claimRows = (claims: Readonly<Record<string, unknown>>): ClaimRow[] =>
  Object.entries(claims)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({
      name,
      value: typeof value === 'string' ? value : JSON.stringify(value),
    }))

const NOBODY = { personName: null, forThem: true, claims: [] } as const

/** `GET /admin/applications/:client/claims` */
export const showClaims = async (visit: Visit): Promise<void> => {
  const head = headOf(await findOne(visit), 'claims')
  const typed = visit.query['person'] ?? ''
  await sendConsolePage(visit, 'console/applications_claims', {
    head,
    typed,
    errors: [],
    ...NOBODY,
  })
}

/** `POST /admin/applications/:client/claims`: what it would learn of somebody, which is noted. */
export const submitClaims = async (visit: Visit): Promise<void> => {
  const found = await findOne(visit)
  const head = headOf(found, 'claims')
  const { deps } = visit.console.site
  const typed = visit.form.text('person')
  const account = await deps.store.accounts.byIdentifier(identifierKey(typed))
  if (account === null) {
    const errors = [{ field: 'person', key: 'console.applications.errors.nobody' }]
    return sendConsolePage(
      visit,
      'console/applications_claims',
      { head, typed, errors, ...NOBODY },
      { status: 422 },
    )
  }
  const claims = await visit.console.applications.preview(head.clientId, account)
  await notePreview(deps, { clientId: head.clientId, sub: account.sub, by: visit.by })
  return sendConsolePage(visit, 'console/applications_claims', {
    head,
    typed,
    errors: [],
    personName: fullName(account),
    forThem: found.registration.user_types.includes(account.userType),
    claims: claimRows(claims),
  })
}

/** `GET /admin/applications/:client/test` */
export const showTest = async (visit: Visit): Promise<void> =>
  sendConsolePage(visit, 'console/applications_test', {
    head: headOf(await findOne(visit), 'test'),
  })

const PROMPTS = ['', 'login', 'none', 'consent']

/** `POST /admin/applications/:client/test`: off to a real sign-in, in this browser. */
export const submitTest = async (visit: Visit): Promise<void> => {
  const head = headOf(await findOne(visit), 'test')
  const { ctx, console, session, form } = visit
  const prompt = PROMPTS.find((one) => one === form.text('prompt')) ?? ''
  const to = await console.applications.beginTest(head.clientId, prompt, session.idHash)
  if (to === null) {
    const refused = { key: 'console.applications.refusals.untestable' }
    return sendConsolePage(visit, 'console/applications_test', { head, refused }, { status: 422 })
  }
  seeOther(ctx, to)
}

/** `GET /admin/application-test`: what came back. */
export const showTested = async (visit: Visit): Promise<void> => {
  const { ctx, console, session, by } = visit
  const tested = await console.applications.finishTest(ctx.url, session.idHash)
  if (tested.how === 'unknown') {
    return sendConsolePage(visit, 'console/applications_tested', {
      head: null,
      how: 'unknown',
      error: '',
      why: '',
      idToken: [],
      userinfo: [],
    })
  }
  const { clientId, how } = tested
  await noteTest(console.site.deps, { clientId, by, how })
  const found = await findOne({ console, params: { client: clientId } })
  await sendConsolePage(visit, 'console/applications_tested', {
    head: headOf(found, 'test'),
    how,
    error: tested.how === 'refused' ? tested.error : '',
    why: tested.how === 'refused' ? tested.why : '',
    idToken: tested.how === 'tokens' ? claimRows(tested.idToken) : [],
    userinfo: tested.how === 'tokens' ? claimRows(tested.userinfo) : [],
  })
}
