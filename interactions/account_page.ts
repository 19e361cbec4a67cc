import type { Context } from 'koa'
import { fullName, localeOfAccount } from '../accounts/account.ts'
import { randomId } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import type { Origin } from '../accounts/ports.ts'
import {
  ACCOUNT_SECTIONS,
  type AccountDone,
  type AccountFrame,
  type AccountSection,
  type Button,
  type Form,
  type FormError,
  type PageName,
  type Pages,
} from '../views/pages.ts'
import { assertOurForm, csrfToken } from './csrf.ts'
import { type Fields, keptFields, readForm } from './form.ts'
import {
  ACCOUNT_PAGES,
  type AccountPageName,
  proveFirst,
  RESUME,
  type SignedInPerson,
  signedInPerson,
} from './fresh_proof.ts'
import { rememberLocale } from './locale.ts'
import { originOf } from './origin.ts'
import { seeOther, sendPage } from './page.ts'
import type { KeptForAccount, Site } from './site.ts'
import type { Refused } from './step.ts'

/** Somebody in their own account. */
export interface Visit extends SignedInPerson {
  readonly site: Site
  readonly ctx: Context
  readonly page: AccountPageName
  readonly origin: Origin
}

/** What became of a form: told on the page that comes next, or refused on its own. */
export type Outcome =
  | { readonly kind: 'done'; readonly done?: AccountDone; readonly to: AccountPageName }
  | (Refused & { readonly kind: 'again' })
  /** Answered already, with something that is no page of ours: a download. */
  | { readonly kind: 'answered' }

export const done = (to: AccountPageName, what?: AccountDone): Outcome => ({
  kind: 'done',
  to,
  ...(what === undefined ? {} : { done: what }),
})

export const refuse = (
  errors: readonly FormError[],
  typed: Readonly<Record<string, string>> = {},
): Outcome => ({ kind: 'again', errors, typed })

/** One page of the account, with its forms by name. A form acts only after a fresh proof. */
export interface AccountPage {
  readonly section: AccountSection
  show(visit: Visit, frame: AccountFrame, refused: Refused): Promise<void> | void
  readonly forms: Readonly<Record<string, Act>>
}

type Act = (visit: Visit, fields: Fields) => Promise<Outcome>

const NOT_REFUSED: Refused = { errors: [], typed: {} }
/** What was typed before a proof is kept so long: as long as the proof may take. */
const TYPED_KEPT_MS = 15 * 60_000

/** A button, or the address and token of a form, of one page. */
export const buttonOf = (
  { site, sessionUid }: Pick<Visit, 'site' | 'sessionUid'>,
  page: AccountPageName,
  form: string,
): Button => ({
  action: `${ACCOUNT_PAGES[page]}/${form}`,
  csrf: csrfToken(site, sessionUid, `${page}/${form}`),
})

export const formOn = (visit: Visit, form: string, errors: readonly FormError[]): Form => ({
  ...buttonOf(visit, visit.page, form),
  errors,
})

export const sendAccountPage = <P extends PageName>(
  { ctx, site, account }: Visit,
  page: P,
  model: Pages[P],
): void => sendPage(ctx, site, page, model, { account: localeOfAccount(account), path: ctx.path })

const visitOf = (
  ctx: Context,
  site: Site,
  page: AccountPageName,
  person: SignedInPerson,
): Visit => ({ ...person, ctx, site, page, origin: originOf(ctx, site.portalClientId) })

const change = (visit: Visit, how: (kept: KeptForAccount) => KeptForAccount): Promise<void> =>
  visit.site.keepForAccount(visit.sessionUid, visit.account.sub, how)

/** What stays whatever is told, refused or typed on the pages meanwhile. */
const lasting = ({ address }: KeptForAccount): KeptForAccount =>
  address === undefined ? {} : { address }

type Typed = Required<KeptForAccount>['typed']

const isStale = ({ site }: Visit, { atMs }: Typed): boolean =>
  site.deps.clock() - atMs >= TYPED_KEPT_MS

const typedFor = (visit: Visit, { typed }: KeptForAccount): Typed | undefined =>
  typed?.page === visit.page && !isStale(visit, typed) ? typed : undefined

/** What the forms that confirm, or drop, what was kept are bound to. */
const confirming = ({ page, form, nonce }: Typed): string => `${page}/${form}/${nonce}`

/**
 * The form that confirms what was typed before the proof. Only for whoever comes back from proving
 * it with the nonce of that form, and has proved it: somebody with a copy of the cookie may have sent
 * a form, and its owner must not be led to confirm it.
 */
const confirmation = (visit: Visit, kept: KeptForAccount): AccountFrame['kept'] => {
  const typed = typedFor(visit, kept)
  const { ctx, site, sessionUid, fresh } = visit
  if (typed === undefined || !fresh || ctx.query[RESUME] !== typed.nonce) {
    return undefined
  }
  return {
    action: `${ACCOUNT_PAGES[visit.page]}/${typed.form}`,
    csrf: csrfToken(site, sessionUid, confirming(typed)),
    what: `${visit.page}_${typed.form}`,
  }
}

/** The frame around a page of the account; what is told once is told by it. */
export const frameOf = (
  visit: Visit,
  section: AccountSection,
  kept: KeptForAccount = {},
): AccountFrame => {
  return {
    personName: fullName(visit.account),
    section,
    sections: ACCOUNT_SECTIONS.map((name) => ({ name, href: ACCOUNT_PAGES[name] })),
    portalHref: '/',
    signOutHref: '/session/end',
    done: kept.done,
    kept: confirmation(visit, kept),
  }
}

/** `GET /account/:page` */
export const showAccountPage = async (
  ctx: Context,
  site: Site,
  page: AccountPageName,
  { section, show }: AccountPage,
): Promise<void> => {
  rememberLocale(ctx)
  const person = await signedInPerson(ctx, site, page)
  if (person === null) {
    return
  }
  const visit = visitOf(ctx, site, page, person)
  const kept = site.keptForAccount(person.session)
  const { refused } = kept
  const mine = refused?.page === page
  const stale = kept.typed !== undefined && isStale(visit, kept.typed)
  if (kept.done !== undefined || mine || stale) {
    await change(visit, ({ typed, ...others }) => ({
      ...lasting(others),
      ...(typed === undefined || isStale(visit, typed) ? {} : { typed }),
    }))
  }
  const why: Refused = mine
    ? JSON.parse(site.seal.open(refused.sealed, person.sessionUid))
    : NOT_REFUSED
  await show(visit, frameOf(visit, section, kept), why)
}

/** Takes what was typed before the proof out of the session; null: dropped, or it is gone. */
const takeTyped = async (visit: Visit, typed: Typed, answered: string): Promise<Fields | null> => {
  await change(visit, ({ typed: _typed, ...others }) => others)
  return answered === 'yes'
    ? keptFields(JSON.parse(visit.site.seal.open(typed.sealed, visit.sessionUid)))
    : null
}

/** Keeps what was typed, and sends the browser to prove who it is first. */
const keepAndProve = async (visit: Visit, form: string, fields: Fields): Promise<void> => {
  const { ctx, site, page, sessionUid } = visit
  const { csrf: _csrf, ...typed } = fields.all()
  const sealed = site.seal.seal(JSON.stringify(typed), sessionUid)
  const [nonce, atMs] = [randomId(site.deps.random), site.deps.clock()]
  await change(visit, (kept) => ({ ...lasting(kept), typed: { nonce, page, form, sealed, atMs } }))
  await proveFirst(ctx, site, page, nonce)
}

/** The answer to what is kept: acted on, dropped, or proved once more where that took too long. */
const submitKept = async (visit: Visit, form: string, posted: Fields, act: Act): Promise<void> => {
  const { ctx, site, page, session, sessionUid, fresh } = visit
  const typed = typedFor(visit, site.keptForAccount(session))
  if (typed?.form !== form) {
    seeOther(ctx, ACCOUNT_PAGES[page])
    return
  }
  assertOurForm(ctx, site, sessionUid, confirming(typed), posted.text('csrf'))
  if (!fresh) {
    return proveFirst(ctx, site, page, typed.nonce)
  }
  const fields = await takeTyped(visit, typed, posted.text('kept'))
  if (fields === null) {
    seeOther(ctx, ACCOUNT_PAGES[page])
    return
  }
  await answer(visit, await act(visit, fields))
}

/** `POST /account/:page/:form` */
export const submitAccountForm = async (
  ctx: Context,
  site: Site,
  page: AccountPageName,
  { forms }: AccountPage,
  form: string,
): Promise<void> => {
  const posted = await readForm(ctx)
  const act = Object.hasOwn(forms, form) ? forms[form] : undefined
  if (act === undefined) {
    throw new AppError('not_found', `no form ${form} on the page ${page}`)
  }
  const person = await signedInPerson(ctx, site, page)
  if (person === null) {
    return
  }
  const visit = visitOf(ctx, site, page, person)
  if (posted.text('kept') !== '') {
    return submitKept(visit, form, posted, act)
  }
  assertOurForm(ctx, site, person.sessionUid, `${page}/${form}`, posted.text('csrf'))
  if (!person.fresh) {
    return keepAndProve(visit, form, posted)
  }
  await answer(visit, await act(visit, posted))
}

const answer = async (visit: Visit, outcome: Outcome): Promise<void> => {
  const { ctx, site, page, sessionUid } = visit
  if (outcome.kind === 'answered') {
    return
  }
  if (outcome.kind === 'again') {
    const { errors, typed } = outcome
    const sealed = site.seal.seal(JSON.stringify({ errors, typed }), sessionUid)
    await change(visit, (kept) => ({ ...lasting(kept), refused: { page, sealed } }))
    seeOther(ctx, ACCOUNT_PAGES[page])
    return
  }
  const { done: what, to } = outcome
  await change(visit, (kept) => ({
    ...lasting(kept),
    ...(what === undefined ? {} : { done: what }),
  }))
  seeOther(ctx, ACCOUNT_PAGES[to])
}
