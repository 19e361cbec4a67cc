import type { Context } from 'koa'
import { type Account, localeOfAccount } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { judgeFor } from '../accounts/judge_for.ts'
import { whoseReset } from '../accounts/password_reset.ts'
import type { Policy } from '../policies/policy.ts'
import type { Button, JudgedPassword } from '../views/pages.ts'
import { assertOurForm, csrfToken } from './csrf.ts'
import { type Fields, readForm } from './form.ts'
import { ACCOUNT_PAGES, type AccountPageName, presentPerson } from './fresh_proof.ts'
import { localeOf } from './locale.ts'
import { newPasswordErrors } from './new_password.ts'
import type { Site } from './site.ts'
import {
  type Interaction,
  interactionPath,
  loadInteraction,
  loadStep,
  type Step,
  stageOf,
} from './step.ts'

/** Where a new password is judged as it is typed. */
export const JUDGE = 'judge_password'

export const judgeButton = ({ site, uid }: Pick<Step, 'site' | 'uid'>): Button => ({
  action: `${interactionPath(uid)}/${JUDGE}`,
  csrf: csrfToken(site, uid, JUDGE),
})

const PAGE = 'password' satisfies AccountPageName
/** The same on the page of the account, where it is one of its forms by name. */
export const JUDGE_FORM = 'judge'
export const ACCOUNT_JUDGE_PATH = `${ACCOUNT_PAGES[PAGE]}/${JUDGE_FORM}`

/** Somebody who is about to have a new password, and the language of the page that they are at. */
interface Typing {
  readonly account: Account
  readonly policy: Policy
  readonly uiLocales?: unknown
}

/**
 * Answers with what the form itself would say of the password, from the same rules in the same
 * words. Nothing comes of it: nothing is kept, written down or hashed.
 */
const answer = async (
  ctx: Context,
  site: Site,
  { account, policy, uiLocales }: Typing,
  fields: Fields,
): Promise<void> => {
  const waitSeconds = site.judgements.take(account.sub)
  if (waitSeconds > 0) {
    ctx.status = 429 // RFC 6585 §4
    ctx.set('retry-after', String(waitSeconds))
    return
  }
  const locale = localeOf(ctx, {
    uiLocales,
    account: localeOfAccount(account),
    fallback: site.defaultLocale,
  })
  const judged = await judgeFor(site.deps, account, policy, fields.text('new_password'))
  const refusals = judged.ok ? [] : judged.refusals
  ctx.set('content-language', locale)
  ctx.body = {
    ok: judged.ok,
    refusals: newPasswordErrors(refusals).map((error) => site.renderer.errorText(error, locale)),
  } satisfies JudgedPassword
}

const nobody = (): AppError => new AppError('not_found', 'no password is being chosen here')

/** Whose forgotten password is being replaced, once the mailed code was right. */
const atReset = async (site: Site, details: Interaction) => {
  const stage = stageOf(site, details)
  return stage?.kind === 'password_reset' && stage.proved && !stage.done
    ? whoseReset(site.deps, stage.sub, stage.codeId ?? '')
    : null
}

/** Who has reached the change of their password. */
const atTheChange = async (ctx: Context, site: Site, details: Interaction) => {
  const { person, due } = await loadStep(ctx, site, details, JUDGE)
  return due.step === 'change_password' ? person : null
}

/** Who chooses a password in this sign-in; throws where nobody does. */
const typingIn = async (ctx: Context, site: Site, details: Interaction): Promise<Typing> => {
  const whose =
    details.prompt.name === 'login'
      ? await atReset(site, details)
      : await atTheChange(ctx, site, details)
  if (whose === null) {
    throw nobody()
  }
  const { account, policy } = whose
  return { account, policy, uiLocales: details.params['ui_locales'] }
}

/** `POST /interaction/:uid/judge_password` */
export const judgeInSignIn = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  const fields = await readForm(ctx)
  const details = await loadInteraction(ctx, site, uid)
  assertOurForm(ctx, site, uid, JUDGE, fields.text('csrf'))
  await answer(ctx, site, await typingIn(ctx, site, details), fields)
}

/**
 * `POST /account/password/judge`. A session that is open will do: the proof that the change itself
 * asks for may be given after the form was sent. Before it, the date of birth is left out: by
 * guessing, somebody at a computer that was left open would find it here.
 */
export const judgeInAccount = async (ctx: Context, site: Site): Promise<void> => {
  const fields = await readForm(ctx)
  const person = await presentPerson(ctx, site)
  if (person === null) {
    throw new AppError('form_expired', 'nobody is at the page of this form')
  }
  const { account, policy, sessionUid, fresh } = person
  assertOurForm(ctx, site, sessionUid, `${PAGE}/${JUDGE_FORM}`, fields.text('csrf'))
  if (account.password === null) {
    throw nobody()
  }
  const known = fresh ? account : { ...account, birthDate: null }
  await answer(ctx, site, { account: known, policy }, fields)
}
