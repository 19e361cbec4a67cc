import type { Context } from 'koa'
import { type Account, fullName, type Locale, localeOfAccount } from '../accounts/account.ts'
import { DEVICE_LIFETIME_DAYS_MAX } from '../accounts/devices.ts'
import { AppError } from '../accounts/errors.ts'
import type { Activation } from '../accounts/first_use.ts'
import type { TooManyMails } from '../accounts/mailed_code.ts'
import type { OtpKeyPin } from '../accounts/otp_key.ts'
import type { Origin } from '../accounts/ports.ts'
import type { NextStep, Situation } from '../policies/next_step.ts'
import type { Policy } from '../policies/policy.ts'
import type { FormError, PageName, Pages, Person } from '../views/pages.ts'
import { csrfToken } from './csrf.ts'
import type { Fields } from './form.ts'
import { localeOf } from './locale.ts'
import { originOf } from './origin.ts'
import { seeOther, sendPage } from './page.ts'
import { deviceCookieName, type Site } from './site.ts'

/** One step of a sign-in, as its page is given it. */
export interface Step {
  readonly site: Site
  readonly ctx: Context
  readonly uid: string
  /** Of the page: the OP's prompt, or the stage of a first use inside it. */
  readonly name: string
  readonly params: Readonly<Record<string, unknown>>
  readonly clientId: string
  readonly applicationName: string
  readonly origin: Origin
}

/** A step after the first proof. */
export interface PersonStep extends Step {
  readonly account: Account
  readonly policy: Policy
  readonly situation: Situation
  readonly sessionUid: string
  /** The session is not open yet: it may be left for another account's. */
  readonly mayLeave: boolean
}

/** How far the first use of a key has come: its first code was right. Nothing of it is stored yet. */
export interface FirstUseStage {
  readonly kind: 'first_use'
  readonly sub: string
  readonly activation: Activation
  /** The password is still to be proved. */
  readonly asksPassword: boolean
  /** When the password was proved in this sign-in (ms); null: not, or in a step before. */
  readonly passwordAtMs: number | null
  /** Chosen, and hashed. */
  readonly pin: OtpKeyPin | null
  /** The key is in service since. */
  readonly done: { readonly atMs: number; readonly counts: boolean } | null
}

/** A forgotten PIN is being reset by a mailed code, inside the step that asks for it. */
export interface PinResetStage {
  readonly kind: 'pin_reset'
  /** Of the code that was mailed last; null where none could be. */
  readonly codeId: string | null
  /** Why none could be. */
  readonly refused: 'no_address' | 'mailed_password' | TooManyMails | null
  /** The code was right: a new PIN may be defined, once. */
  readonly proved: boolean
}

/** A forgotten password is being replaced by a mailed code, inside the login. */
export interface PasswordResetStage {
  readonly kind: 'password_reset'
  /** As typed; kept for the way back to the login page. */
  readonly identifier: string
  /** Whose; null: of nobody who may do this, which no page shows. */
  readonly sub: string | null
  /** Of the code that was mailed last, or would have been; null: none was asked for yet. */
  readonly codeId: string | null
  /** The code was right: a new password may be set, once. */
  readonly proved: boolean
  /** It is set: the login page says so, once. */
  readonly done: boolean
}

/** A further stage inside one step of the OP. */
export type Stage = FirstUseStage | PinResetStage | PasswordResetStage

/** Results by step, merged with those of the pages before; see the OP's interaction results. */
export interface Finished {
  readonly kind: 'finished'
  readonly result: Readonly<Record<string, unknown>>
}

/** The page to answer with, or the next step where there is nothing to ask. */
export type Answer = { readonly kind: 'page'; readonly send: (step: Step) => void } | Finished

/** What a refused form leaves for the page when it is shown again: never a password or PIN field. */
export interface Refused {
  readonly errors: readonly FormError[]
  readonly typed: Readonly<Record<string, string>>
}

/** A stage further inside one step: kept sealed in the interaction, until the step is finished. */
export interface Staged {
  readonly kind: 'staged'
  /** Null: back to where the step begins. */
  readonly stage: Stage | null
  /** Why it goes back. */
  readonly errors: readonly FormError[]
}

export const staged = (stage: Stage | null, errors: readonly FormError[] = []): Staged => ({
  kind: 'staged',
  stage,
  errors,
})

export type Submitted = (Refused & { readonly kind: 'again' }) | Staged | Finished

export const again = (
  errors: readonly FormError[],
  typed: Readonly<Record<string, string>> = {},
): Submitted => ({ kind: 'again', errors, typed })

export const showPage = <P extends PageName>(
  page: P,
  model: Pages[P],
  account?: Account,
): Answer => ({
  kind: 'page',
  send: ({ ctx, site, params, uid }) =>
    sendPage(ctx, site, page, model, {
      uiLocales: params['ui_locales'],
      account: account === undefined ? null : localeOfAccount(account),
      path: interactionPath(uid),
    }),
})

/** The language of a page of somebody who is known. */
export const localeOfStep = ({ ctx, site, params, account }: PersonStep): Locale =>
  localeOf(ctx, {
    uiLocales: params['ui_locales'],
    account: localeOfAccount(account),
    fallback: site.defaultLocale,
  })

export const finish = (result: Readonly<Record<string, unknown>>): Finished => ({
  kind: 'finished',
  result,
})

/** As `finish`, kept in the session already: for what can be done once only. */
export const finishForGood = async (
  { site, sessionUid, account }: PersonStep,
  result: Readonly<Record<string, unknown>>,
): Promise<Finished> => {
  await site.keep(sessionUid, account.sub, result)
  return finish(result)
}

/** The page of one step: parse, ask, act, answer. */
export interface StepPage<S extends Step> {
  show(step: S, due: NextStep, refused: Refused): Promise<Answer> | Answer
  submit(step: S, fields: Fields, due: NextStep): Promise<Submitted>
}

export const interactionPath = (uid: string): string => `/interaction/${uid}`

/** What every form of a step needs. */
export const formOf = (
  step: Step,
  errors: readonly FormError[] = [],
): { action: string; csrf: string; errors: readonly FormError[] } => ({
  action: `${interactionPath(step.uid)}/${step.name}`,
  csrf: csrfToken(step.site, step.uid, step.name),
  errors,
})

export const OTHER_ACCOUNT = 'other_account'

/** Who is signing in, for every page after the first proof. */
export const personOf = (step: PersonStep): Person => ({
  personName: fullName(step.account),
  otherAccount: step.mayLeave
    ? {
        action: `${interactionPath(step.uid)}/${OTHER_ACCOUNT}`,
        csrf: csrfToken(step.site, step.uid, OTHER_ACCOUNT),
      }
    : undefined,
})

export type Interaction = Awaited<ReturnType<Site['provider']['interactionDetails']>>

/** No cookie that names the interaction: blocked, another browser's, or long over? */
const whyMissing = async (ctx: Context, site: Site, uid: string): Promise<AppError> => {
  const stored = await site.provider.Interaction.find(uid)
  if (stored !== undefined) {
    return new AppError(ctx.get('cookie') === '' ? 'cookies_blocked' : 'foreign_interaction')
  }
  const session = await site.provider.Session.get(ctx as never)
  return new AppError(site.isOpen(session) ? 'already_done' : 'session_not_found')
}

/** Finds the interaction that both the address and the browser's cookie name. */
export const loadInteraction = async (
  ctx: Context,
  site: Site,
  uid: string,
): Promise<Interaction> => {
  const name = site.provider.cookieName('interaction')
  if (ctx.cookies.get(name, { signed: true }) !== uid) {
    throw await whyMissing(ctx, site, uid)
  }
  return site.provider.interactionDetails(ctx.req, ctx.res).catch(async (error: unknown) => {
    // The interaction may be there and its session gone: the OP's own error tells that.
    const stored = await site.provider.Interaction.find(uid)
    throw stored === undefined ? await whyMissing(ctx, site, uid) : error
  })
}

/** Our own pages ask in the name of the school. */
const nameOf = ({ applications, portalClientId, deps }: Site, clientId: string): string =>
  applications.get(clientId)?.name ?? (clientId === portalClientId ? deps.schoolName : clientId)

const stepOf = (ctx: Context, site: Site, details: Interaction, name: string): Step => {
  const clientId = String(details.params['client_id'])
  return {
    site,
    ctx,
    uid: details.uid,
    name,
    params: details.params,
    clientId,
    applicationName: nameOf(site, clientId),
    origin: originOf(ctx, clientId),
  }
}

/** What the page of consent adds to a request; of whoever is signed in by then, or nothing. */
export interface ConsentResult {
  readonly sub: string
  readonly atMs: number
}

export const consentedBy = (
  account: Pick<Account, 'sub'> | null,
  consent: ConsentResult | undefined,
): number | undefined =>
  account !== null && consent?.sub === account.sub ? consent.atMs : undefined

/**
 * The step an interaction stands at. For those after the first proof, what is due is decided anew
 * from what the session has proved and what the account is now: `due` may differ from the page's
 * own name when something changed meanwhile, and nothing is then done but to go on.
 */
export const loadStep = async (
  ctx: Context,
  site: Site,
  details: Interaction,
  name: string,
): Promise<{ step: Step; person: PersonStep | null; due: NextStep }> => {
  const step = stepOf(ctx, site, details, name)
  if (details.prompt.name === 'login') {
    const { due } = details.prompt.details as { due?: NextStep }
    return { step, person: null, due: due ?? { step: 'login', reason: 'no_session' } }
  }
  const session =
    details.session?.uid === undefined
      ? undefined
      : await site.provider.Session.findByUid(details.session.uid)
  const account = await site.deps.store.accounts.bySub(details.session?.accountId ?? '')
  // The OP has compared the two accounts; this is a later read of the session.
  const own = account !== null && session?.accountId === account.sub
  if (!own || account.disabledAt !== null) {
    throw new AppError('session_not_found', 'the session or its account is gone')
  }
  const login = details.lastSubmission?.['login'] as { atMs?: number } | undefined
  const consent = details.lastSubmission?.['consent'] as ConsentResult | undefined
  const { next, situation } = await site.decide({
    params: details.params,
    clientId: step.clientId,
    loginAtMs: login?.atMs,
    consentedAtMs: consentedBy(account, consent),
    account,
    ...site.provedIn(session),
    origin: step.origin,
  })
  return {
    step,
    person: {
      ...step,
      account,
      policy: situation.policy,
      situation,
      sessionUid: session.uid,
      mayLeave: !site.isOpen(session),
    },
    due: next,
  }
}

const NOT_REFUSED: Refused = { errors: [], typed: {} }

/**
 * The OP keeps these fields with the interaction; see `installFactors`. What was typed is sealed:
 * people type passwords into the wrong field.
 */
interface OurFields {
  refused?: { readonly step: string; readonly sealed: string } | undefined
  stage?: string | undefined
}

const sealed = (site: Site, uid: string, value: object): string =>
  site.seal.seal(JSON.stringify(value), uid)

const opened = <T>(site: Site, uid: string, text: string): T =>
  JSON.parse(site.seal.open(text, uid)) as T

/** What the last form of this page was refused for. */
export const refusedOf = (site: Site, details: Interaction, name: string): Refused => {
  const { refused } = details as OurFields
  return refused?.step === name ? opened<Refused>(site, details.uid, refused.sealed) : NOT_REFUSED
}

/** How far this interaction has come inside its step; null: at its beginning. */
export const stageOf = (site: Site, details: Interaction): Stage | null => {
  const { stage } = details as OurFields
  return stage === undefined ? null : opened<Stage>(site, details.uid, stage)
}

/** Throws where the sign-in is over. */
const interactionNow = async ({ ctx, site, uid }: Step): Promise<Interaction> => {
  const now = await site.provider.Interaction.find(uid)
  if (now === undefined) {
    throw await whyMissing(ctx, site, uid)
  }
  return now
}

/** Where a result that is there already leads; null: none is. */
export const answered = (details: Interaction): string | null =>
  Object.keys(details.result ?? {}).length === 0 ? null : details.returnTo

/**
 * Where a request that came first has already sent the browser: a double click, a second tab.
 * Whoever comes later must not write over its result. Throws where the sign-in is over.
 */
export const answeredMeanwhile = async (step: Step): Promise<string | null> =>
  answered(await interactionNow(step))

/**
 * Writes into the interaction as it is now and sends the browser back to its page (RFC 9110
 * §15.4.4): a page that answers a form cannot be gone back to, nor its address opened again. Where
 * another request has led on since this one began, nothing is written over it.
 */
const keepAndShow = async (step: Step, before: Interaction, fields: OurFields): Promise<void> => {
  const now = await interactionNow(step)
  const to = answered(now)
  if (to !== null) {
    seeOther(step.ctx, to)
    return
  }
  if ((now as OurFields).stage === (before as OurFields).stage) {
    Object.assign(now, fields)
    await now.persist()
  }
  toStep(step.ctx, step.uid)
}

/** Back to the page, which then says why. */
export const showAgain = (
  step: Step,
  before: Interaction,
  { errors, typed }: Refused,
): Promise<void> =>
  keepAndShow(step, before, {
    refused: { step: step.name, sealed: sealed(step.site, step.uid, { errors, typed }) },
  })

/**
 * On to the next stage of the same step. `page`: which says the errors, and is filled in with what
 * was typed; else that of the step.
 */
export const showStage = (
  step: Step,
  before: Interaction,
  {
    stage,
    errors = [],
    typed = {},
    page = before.prompt.name,
  }: Pick<Staged, 'stage'> & Partial<Refused> & { readonly page?: string },
): Promise<void> =>
  keepAndShow(step, before, {
    refused:
      errors.length === 0 && Object.keys(typed).length === 0
        ? undefined
        : {
            step: page,
            sealed: sealed(step.site, step.uid, { errors, typed }),
          },
    stage: stage === null ? undefined : sealed(step.site, step.uid, stage),
  })

/** Hands the result to the OP and sends the browser back to it. */
export const finishStep = async (
  step: Step,
  result: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const { ctx, site } = step
  const returnTo = await site.provider.interactionResult(ctx.req, ctx.res, result, {
    mergeWithLastSubmission: true,
  })
  seeOther(ctx, returnTo)
}

/** Sends the browser to the page of the step that is due. */
export const toStep = (ctx: Context, uid: string): void => {
  seeOther(ctx, interactionPath(uid))
}

/** Sets the device cookie: it spares a PIN or a notice and marks a known browser, nothing else. */
export const setDeviceCookie = (step: Step, token: string | null): void => {
  if (token === null) {
    return
  }
  const { ctx, site } = step
  ctx.cookies.set(deviceCookieName(site.secureCookies), token, {
    signed: false,
    httpOnly: true,
    sameSite: 'lax',
    secure: site.secureCookies,
    path: '/',
    maxAge: DEVICE_LIFETIME_DAYS_MAX * 24 * 3_600_000,
    overwrite: true,
  })
}
