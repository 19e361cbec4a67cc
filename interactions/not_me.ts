import type { Context } from 'koa'
import { type Account, fullName, localeOfAccount } from '../accounts/account.ts'
import { keyUseOf } from '../accounts/key_use.ts'
import { type NotMeState, notMeState, sayNotMe } from '../accounts/not_me.ts'
import { canResetPassword } from '../accounts/password_reset.ts'
import { policyFor } from '../policies/policy.ts'
import type { Pages } from '../views/pages.ts'
import { assertOurForm, csrfToken } from './csrf.ts'
import { readForm } from './form.ts'
import { rememberLocale } from './locale.ts'
import { noticeRow } from './notice_row.ts'
import { originOf } from './origin.ts'
import { HELP_PATH, NOT_ME_PATH, seeOther, sendPage } from './page.ts'
import type { Site } from './site.ts'

export const NOT_ME_DONE_PATH = `${NOT_ME_PATH}/done`

const FORM = 'not_me'

/** Nobody is signed in here: what stands in for their session is the link. */
const formOwner = ({ deps }: Site, token: string): string => deps.digest('not_me_form', token)

const addressOf = (path: string, token: string): string =>
  `${path}?${new URLSearchParams({ token })}`

const tokenIn = ({ query: { token } }: Context): string => (typeof token === 'string' ? token : '')

const sendOver = (ctx: Context, site: Site): void => {
  ctx.status = 410
  sendPage(ctx, site, 'not_me_over', { helpHref: HELP_PATH, signInHref: '/' })
}

/** What there is to shut: nobody is told that a PIN they do not have is blocked. */
const factsOf = ({ pin, password }: Account) => ({
  hasPin: pin !== null,
  hasPassword: password !== null,
})

const sendQuestion = (
  ctx: Context,
  site: Site,
  token: string,
  { account, notice }: Extract<NotMeState, { step: 'ask' }>,
): void =>
  sendPage(
    ctx,
    site,
    'not_me',
    {
      action: NOT_ME_PATH,
      csrf: csrfToken(site, formOwner(site, token), FORM),
      errors: [],
      token,
      personName: fullName(account),
      ...factsOf(account),
      notice: noticeRow(notice),
    },
    { account: localeOfAccount(account), path: addressOf(NOT_ME_PATH, token) },
  )

/** What opens this account now that it is shut: a passcode, a mailed code. */
const waysBackOf = async ({ deps }: Site, account: Account) => {
  const policy = policyFor(await deps.store.policies.current(), account)
  const use = await keyUseOf(deps.store, account, deps.clock(), undefined)
  return {
    hasKey: policy.otp !== 'off' && use === 'in_service',
    mailedCode: canResetPassword(deps, account, policy),
  }
}

const sendWaysBack = async (
  ctx: Context,
  site: Site,
  token: string,
  account: Account,
): Promise<void> => {
  const model: Pages['not_me_done'] = {
    personName: fullName(account),
    ...factsOf(account),
    ...(await waysBackOf(site, account)),
    helpHref: HELP_PATH,
  }
  const path = addressOf(NOT_ME_DONE_PATH, token)
  sendPage(ctx, site, 'not_me_done', model, { account: localeOfAccount(account), path })
}

/**
 * `GET /not-me?token=…`: what the notice told, and one button. Looking changes nothing: mail
 * scanners follow links.
 */
export const showNotMe = async (ctx: Context, site: Site): Promise<void> => {
  rememberLocale(ctx)
  const token = tokenIn(ctx)
  const state = await notMeState(site.deps, token)
  switch (state.step) {
    case 'ask':
      return sendQuestion(ctx, site, token, state)
    case 'done':
      return seeOther(ctx, addressOf(NOT_ME_DONE_PATH, token))
    case 'over':
      return sendOver(ctx, site)
  }
}

/** `GET /not-me/done?token=…`: what was done, and the ways back in. */
export const showNotMeDone = async (ctx: Context, site: Site): Promise<void> => {
  rememberLocale(ctx)
  const token = tokenIn(ctx)
  const state = await notMeState(site.deps, token)
  switch (state.step) {
    case 'ask':
      return seeOther(ctx, addressOf(NOT_ME_PATH, token))
    case 'done':
      return sendWaysBack(ctx, site, token, state.account)
    case 'over':
      return sendOver(ctx, site)
  }
}

/** `POST /not-me`: the button. */
export const submitNotMe = async (ctx: Context, site: Site): Promise<void> => {
  const fields = await readForm(ctx)
  const token = fields.text('token')
  assertOurForm(ctx, site, formOwner(site, token), FORM, fields.text('csrf'))
  const said = await sayNotMe(site.deps, site.endEverything, token, originOf(ctx))
  // A double click: the other one has done it.
  const done = said || (await notMeState(site.deps, token)).step === 'done'
  return done ? seeOther(ctx, addressOf(NOT_ME_DONE_PATH, token)) : sendOver(ctx, site)
}
