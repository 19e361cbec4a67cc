import { type Account, fullName, identifierKey } from '../accounts/account.ts'
import { auditEntry } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import type { PersonOutcome } from '../accounts/people_act.ts'
import {
  actOnPerson,
  forgetDeviceOf,
  isPlainAct,
  newPinFor,
  standsAs,
  temporaryPasswordFor,
} from '../accounts/person_acts.ts'
import { whyNoPin } from '../accounts/pin_act.ts'
import { inTurn } from '../interactions/in_turn.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { sendPerson, sessionRow } from './people_person.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'
import { forbiddenHere, personOf, personPath, whom } from './whom.ts'

type Confirm = ConsolePages['console/people_one']

/** What is asked for first, with what happens; the others are done at once. */
const ASKED_FIRST: readonly string[] = [
  'new_pin',
  'temporary_password',
  'void_password',
  'forget_devices',
  'end_sessions',
  'disable',
]

const depsOf = ({ console }: Visit) => console.site.deps

/** Whether a PIN may go to their address; null where none is asked for. */
const mailOf = async (visit: Visit, account: Account, act: string): Promise<Confirm['mail']> => {
  if (act !== 'new_pin') {
    return null
  }
  const deps = depsOf(visit)
  const policies = await deps.store.policies.current()
  const why = whyNoPin(account, { deps, policies, options: { deliver: 'mail' } })
  return why === 'no_address' || why === 'recent_mail_reset' ? why : 'offered'
}

const sendConfirm = async (
  visit: Visit,
  account: Account,
  { act, action }: Pick<Confirm, 'act' | 'action'>,
  errors: readonly ConsoleError[] = [],
): Promise<void> => {
  const model: Confirm = {
    ...whom(account),
    ...{ act, action, errors },
    asOf: standsAs(depsOf(visit), account),
    mail: await mailOf(visit, account, act),
    typesIdentifier: act === 'erase',
    typed: visit.form.all(),
  }
  await sendConsolePage(visit, 'console/people_one', model, {
    status: errors.length > 0 ? 422 : 200,
  })
}

/** Says on their page why nothing was done. */
const sayWhyNot = async (visit: Visit, account: Account, outcome: PersonOutcome): Promise<void> => {
  const now = (await depsOf(visit).store.accounts.bySub(account.sub)) ?? account
  const refused = { key: `console.person.refused.${outcome}`, params: { name: fullName(account) } }
  await sendPerson(visit, now, { refused, status: 409 })
}

const actOf = ({ params }: Visit): string => params['act'] ?? ''

/** `GET /admin/people/:sub/acts/:act` */
export const askFirst = async (visit: Visit): Promise<void> => {
  const account = await personOf(visit)
  const act = actOf(visit)
  const why = await forbiddenHere(visit, account)
  if (!ASKED_FIRST.includes(act)) {
    throw new AppError('not_found', 'nothing of this name is asked first')
  }
  if (why !== null) {
    return sayWhyNot(visit, account, why)
  }
  const action = `${personPath(account.sub)}/acts/${act}`
  await sendConfirm(visit, account, { act, action })
}

const askedOf = (visit: Visit, { sub }: Account) => ({
  by: visit.by,
  sub,
  asOf: visit.form.text('as_of'),
})

/** Shown in the answer to the form, and by nothing else: no address leads to it. */
const showSecret = (
  visit: Visit,
  account: Account,
  secret: Pick<
    ConsolePages['console/people_secret'],
    'kind' | 'secret' | 'validUntil' | 'devicesForgotten'
  >,
): Promise<void> =>
  sendConsolePage(visit, 'console/people_secret', {
    ...whom(account),
    ...secret,
    signInAddress: visit.console.site.issuer,
  })

const newPin = async (visit: Visit, account: Account): Promise<void> => {
  const { endEverything } = visit.console.site
  const deliver = visit.form.text('deliver') === 'mail' ? 'mail' : 'show'
  const result = await newPinFor(depsOf(visit), endEverything, askedOf(visit, account), deliver)
  if (!result.ok) {
    return sayWhyNot(visit, account, result.outcome)
  }
  if (result.pin === null) {
    const params = { name: fullName(account) }
    return goTo(visit, personPath(account.sub), { key: 'console.person.done.pin_mailed', params })
  }
  await showSecret(visit, account, {
    kind: 'pin',
    secret: result.pin,
    validUntil: null,
    devicesForgotten: result.devicesForgotten,
  })
}

const temporaryPassword = async (visit: Visit, account: Account): Promise<void> => {
  const { endEverything } = visit.console.site
  // Of two who ask at once the second finds the first one's password, and shows none.
  const result = await inTurn(`temporary password of ${account.sub}`, () =>
    temporaryPasswordFor(depsOf(visit), endEverything, askedOf(visit, account)),
  )
  if (!result.ok) {
    return sayWhyNot(visit, account, result.outcome)
  }
  await showSecret(visit, account, {
    kind: 'password',
    secret: result.card.password,
    validUntil: new Date(result.card.validUntil).toISOString(),
    devicesForgotten: null,
  })
}

const DONE: ReadonlySet<PersonOutcome> = new Set(['done', 'already'])

/** `POST /admin/people/:sub/acts/:act` */
export const actHere = async (visit: Visit): Promise<void> => {
  const account = await personOf(visit)
  const act = actOf(visit)
  if (act === 'new_pin') {
    return newPin(visit, account)
  }
  if (act === 'temporary_password') {
    return temporaryPassword(visit, account)
  }
  if (!isPlainAct(act) || act === 'erase') {
    throw new AppError('not_found', 'nothing of this name can be done')
  }
  const { endEverything } = visit.console.site
  const outcome = await actOnPerson(depsOf(visit), endEverything, visit.by, account.sub, act)
  if (!DONE.has(outcome)) {
    return sayWhyNot(visit, account, outcome)
  }
  const params = { name: fullName(account) }
  await goTo(visit, personPath(account.sub), { key: `console.person.done.${act}`, params })
}

/** `POST /admin/people/:sub/devices/:id/forget` */
export const forgetDeviceHere = async (visit: Visit): Promise<void> => {
  const account = await personOf(visit)
  const { params, by } = visit
  const outcome = await forgetDeviceOf(depsOf(visit), by, account.sub, params['id'] ?? '')
  if (!DONE.has(outcome)) {
    return sayWhyNot(visit, account, outcome)
  }
  await goTo(visit, personPath(account.sub), { key: 'console.person.done.device_forgotten' })
}

/** `POST /admin/people/:sub/sessions/:row/end` */
export const endSessionHere = async (visit: Visit): Promise<void> => {
  const account = await personOf(visit)
  const { sub } = account
  const { site } = visit.console
  const why = await forbiddenHere(visit, account)
  if (why !== null) {
    return sayWhyNot(visit, account, why)
  }
  const sessions = await site.sessionsOf(sub)
  const chosen = sessions.find(({ uid }) => sessionRow(visit, uid) === visit.params['row'])
  if (chosen !== undefined && (await site.endSession(sub, chosen.uid))) {
    const detail = { why: 'by_school', ended: 1 }
    const entry = auditEntry(site.deps, { act: 'sessions_ended', actor: visit.by, sub, detail })
    await site.deps.store.audit.append(entry)
  }
  await goTo(visit, personPath(sub), { key: 'console.person.done.session_ended' })
}

const eraseForm = ({ sub }: Account) => ({ act: 'erase', action: `${personPath(sub)}/erase` })

/** `GET /admin/people/:sub/erase` */
export const askErase = async (visit: Visit): Promise<void> => {
  const account = await personOf(visit)
  const why = await forbiddenHere(visit, account)
  await (why === null
    ? sendConfirm(visit, account, eraseForm(account))
    : sayWhyNot(visit, account, why))
}

/** `POST /admin/people/:sub/erase` */
export const eraseHere = async (visit: Visit): Promise<void> => {
  const account = await personOf(visit)
  const typed = identifierKey(visit.form.text('identifier'))
  if (typed !== identifierKey(account.identifier)) {
    const error = { field: 'identifier', key: 'console.person.errors.identifier' }
    return sendConfirm(visit, account, eraseForm(account), [error])
  }
  const { endEverything } = visit.console.site
  const outcome = await actOnPerson(depsOf(visit), endEverything, visit.by, account.sub, 'erase')
  if (outcome !== 'done') {
    return sayWhyNot(visit, account, outcome)
  }
  // No name here: what is told is kept until the next page.
  await goTo(visit, '/admin/people', { key: 'console.person.done.erased' })
}
