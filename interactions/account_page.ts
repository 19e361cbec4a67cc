import type { Context } from 'koa'
import { fullName, localeOfAccount } from '../accounts/account.ts'
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
  provedPerson,
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
  readonly forms: Readonly<Record<string, (visit: Visit, fields: Fields) => Promise<Outcome>>>
}

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

const typedFor = (
  { site, page }: Visit,
  { typed }: KeptForAccount,
): Required<KeptForAccount>['typed'] | undefined =>
  typed?.page === page && site.deps.clock() - typed.atMs < TYPED_KEPT_MS ? typed : undefined

/** The frame around a page of the account; what is told once is told by it. */
export const frameOf = (
  visit: Visit,
  section: AccountSection,
  kept: KeptForAccount = {},
): AccountFrame => {
  const typed = typedFor(visit, kept)
  return {
    personName: fullName(visit.account),
    section,
    sections: ACCOUNT_SECTIONS.map((name) => ({ name, href: ACCOUNT_PAGES[name] })),
    portalHref: '/',
    signOutHref: '/session/end',
    done: kept.done,
    kept: typed === undefined ? undefined : buttonOf(visit, visit.page, typed.form),
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
  if (kept.done !== undefined || mine) {
    await change(visit, ({ typed, ...others }) => ({
      ...lasting(others),
      ...(typed === undefined ? {} : { typed }),
    }))
  }
  const why: Refused = mine
    ? JSON.parse(site.seal.open(refused.sealed, person.sessionUid))
    : NOT_REFUSED
  await show(visit, frameOf(visit, section, kept), why)
}

/** The form as it was typed before the proof, or as it is now; null: dropped, or nothing is kept. */
const fieldsToUse = async (visit: Visit, form: string, fields: Fields): Promise<Fields | null> => {
  const answer = fields.text('kept')
  if (answer === '') {
    return fields
  }
  const typed = typedFor(visit, visit.site.keptForAccount(visit.session))
  await change(visit, ({ typed: _typed, ...others }) => others)
  return answer === 'yes' && typed?.form === form
    ? keptFields(JSON.parse(visit.site.seal.open(typed.sealed, visit.sessionUid)))
    : null
}

/** Keeps what was typed, and sends the browser to prove who it is first. */
const proveFirst = async (visit: Visit, form: string, fields: Fields): Promise<void> => {
  const { site, page, sessionUid } = visit
  const { csrf: _csrf, ...typed } = fields.all()
  const sealed = site.seal.seal(JSON.stringify(typed), sessionUid)
  const atMs = site.deps.clock()
  await change(visit, (kept) => ({ ...lasting(kept), typed: { page, form, sealed, atMs } }))
  await provedPerson(visit.ctx, site, page)
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
  assertOurForm(ctx, site, person.sessionUid, `${page}/${form}`, posted.text('csrf'))
  if (!person.fresh) {
    return proveFirst(visit, form, posted)
  }
  const fields = await fieldsToUse(visit, form, posted)
  if (fields === null) {
    seeOther(ctx, ACCOUNT_PAGES[page])
    return
  }
  await answer(visit, await act(visit, fields))
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
