import { randomId } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import { type Fields, keptFields } from '../interactions/form.ts'
import { needsFreshProof, type Right } from '../policies/admin_rights.ts'
import { CONSOLE_PATH, sendToSignIn } from './access.ts'
import { goTo, proveNow, sendConsolePage, type Visit } from './visit.ts'

/** What was typed waits so long: as long as the proof may take. */
const KEPT_MS = 15 * 60_000
export const CONFIRM_PATH = `${CONSOLE_PATH}/confirm`

/** A form that was sent before it was proved anew who sends it. */
interface KeptForm {
  /** Known to the browser alone that sent it: nobody else is led to confirm it. */
  readonly nonce: string
  readonly right: Right
  readonly path: string
  readonly query: Visit['query']
  readonly fields: Readonly<Record<string, string>>
  readonly atMs: number
}

const owner = ({ account }: Pick<Visit, 'account'>): string => `console form ${account.sub}`

const confirmPath = (nonce: string): string => `${CONFIRM_PATH}?resume=${nonce}`

/** Keeps what was sent, asks for `params` to be proved, and comes back to have it confirmed. */
export const keepForm = async (
  {
    ctx,
    console,
    session,
    account,
    query,
  }: Pick<Visit, 'ctx' | 'console' | 'session' | 'account' | 'query'>,
  right: Right,
  form: Fields,
  params: Readonly<Record<string, string>>,
): Promise<void> => {
  const { deps, seal } = console.site
  const nonce = randomId(deps.random)
  const { csrf: _csrf, ...fields } = form.all()
  const kept: KeptForm = { nonce, right, path: ctx.path, query, fields, atMs: deps.clock() }
  const sealed = seal.seal(JSON.stringify(kept), owner({ account }))
  await deps.store.consoleSessions.setKept(session.idHash, sealed)
  await sendToSignIn(ctx, console, confirmPath(nonce), params)
}

const readKept = (visit: Visit, sealed: string | null, nonce: string): KeptForm | null => {
  if (sealed === null) {
    return null
  }
  const { seal, deps } = visit.console.site
  const kept = JSON.parse(seal.open(sealed, owner(visit))) as KeptForm
  return kept.nonce === nonce && deps.clock() - kept.atMs < KEPT_MS ? kept : null
}

/** Rights whose forms are named on the page; the others are no more than a form. */
const NAMED = new Set<Right>(['act_on_people', 'cancel_jobs', 'import_people'])

const isProvedFor = ({ fresh }: Visit, { right }: KeptForm): boolean =>
  fresh || !needsFreshProof(right)

/** `GET /admin/confirm`: what was sent is done only when it is said once more. */
export const showConfirm = async (visit: Visit): Promise<void> => {
  const { session, query } = visit
  const kept = readKept(visit, session.kept, query['resume'] ?? '')
  if (kept === null) {
    await goTo(visit, CONSOLE_PATH)
    return
  }
  if (!isProvedFor(visit, kept)) {
    await proveNow(visit, confirmPath(kept.nonce))
    return
  }
  const { right, nonce } = kept
  const named = needsFreshProof(right) || NAMED.has(right) ? right : 'other'
  await sendConsolePage(visit, 'console/confirm', { right: named, nonce })
}

const isDropped = (form: Fields): boolean => form.text('answer') !== 'yes'

/**
 * `POST /admin/confirm`: what is to be done now, with the fields that were kept. Null: answered
 * already, by dropping it, or by asking for the proof again.
 */
export const takeConfirmed = async (
  visit: Visit,
): Promise<(Pick<KeptForm, 'path' | 'query'> & { readonly form: Fields }) | null> => {
  const { console, session, form } = visit
  const nonce = form.text('nonce')
  const waiting = readKept(visit, session.kept, nonce)
  if (waiting !== null && !isDropped(form) && !isProvedFor(visit, waiting)) {
    await proveNow(visit, confirmPath(nonce)) // It waits on.
    return null
  }
  // Taken only where it is the one meant: another tab may have sent another form since.
  const sealed =
    waiting === null ? null : await console.site.deps.store.consoleSessions.takeKept(session.idHash)
  const kept = readKept(visit, sealed, nonce)
  if (kept === null) {
    throw new AppError('form_expired', 'no form is kept that this confirms')
  }
  if (isDropped(form)) {
    await goTo(visit, CONSOLE_PATH, { key: 'console.access.done.dropped' })
    return null
  }
  const { path, query, fields } = kept
  return { path, query, form: keptFields(fields) }
}
