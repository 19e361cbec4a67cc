import type { Context } from 'koa'
import { fullName } from '../accounts/account.ts'
import {
  acceptInvite,
  acceptInviteAnew,
  type InviteRefusal,
  type NewAdministrator,
} from '../accounts/administrators.ts'
import { AppError } from '../accounts/errors.ts'
import { comesFromUs } from '../interactions/csrf.ts'
import { type Fields, missingFields, readForm } from '../interactions/form.ts'
import { rememberLocale } from '../interactions/locale.ts'
import { newPasswordErrors } from '../interactions/new_password.ts'
import { originOf } from '../interactions/origin.ts'
import { seeOther } from '../interactions/page.ts'
import type { ConsoleError } from '../views/console/pages.ts'
import type { FormError } from '../views/pages.ts'
import { CONSOLE_CLIENT_ID, CONSOLE_PATH, presentIn, sendToSignIn } from './access.ts'
import type { Console } from './console.ts'
import { sendOuterPage } from './outer_page.ts'

const INVITE_PATH = `${CONSOLE_PATH}/invite`
type Errors = readonly (ConsoleError | FormError)[]
const TYPED = ['identifier', 'given_name', 'family_name'] as const
/** As the import of people takes them. */
const NAME_MAX = 200

const showForm = async (
  ctx: Context,
  console: Console,
  fields: Fields | null,
  errors: Errors,
): Promise<void> => {
  const account = await presentIn(ctx, console)
  ctx.status = errors.length > 0 ? 422 : 200
  sendOuterPage(ctx, console, 'console/invite', {
    action: INVITE_PATH,
    csrf: '',
    personName: account === null ? null : fullName(account),
    signInHref: `${INVITE_PATH}?sign_in=yes`,
    typed: Object.fromEntries(TYPED.map((name) => [name, fields?.text(name) ?? ''])),
    errors,
  })
}

/** `GET /admin/invite` */
export const showInvite = async (ctx: Context, console: Console): Promise<void> => {
  rememberLocale(ctx)
  if (ctx.query['sign_in'] !== undefined) {
    return sendToSignIn(ctx, console, INVITE_PATH, {})
  }
  await showForm(ctx, console, null, [])
}

const errorsOf = (refusal: InviteRefusal): Errors => {
  switch (refusal.reason) {
    case 'password':
      return newPasswordErrors(refusal.refusals)
    case 'identifier_taken':
      return [{ field: 'identifier', key: 'console.access.errors.identifier_taken' }]
    default:
      return [{ field: 'code', key: 'console.access.errors.wrong_code' }]
  }
}

const whoOf = (fields: Fields): NewAdministrator => ({
  identifier: fields.text('identifier').slice(0, NAME_MAX),
  givenName: fields.text('given_name').slice(0, NAME_MAX),
  familyName: fields.text('family_name').slice(0, NAME_MAX),
  password: {
    password: fields.text('new_password'),
    confirmation: fields.text('confirm_password'),
  },
})

const missingIn = (fields: Fields, names: readonly string[]): Errors =>
  missingFields(Object.fromEntries(names.map((name) => [name, fields.text(name).trim()])))

const NEW_ACCOUNT = ['code', ...TYPED, 'new_password', 'confirm_password']

/**
 * `POST /admin/invite`. Nobody need be signed in, so that there is no session to bind the form to:
 * the code alone is what it rests on, and a form of another site is refused.
 */
export const submitInvite = async (ctx: Context, console: Console): Promise<void> => {
  const { deps, newPasswords } = console.site
  if (!comesFromUs(ctx, console.origin)) {
    throw new AppError('form_expired', 'Origin or Sec-Fetch-Site do not fit')
  }
  const fields = await readForm(ctx)
  const account = await presentIn(ctx, console)
  const missing = missingIn(fields, account === null ? NEW_ACCOUNT : ['code'])
  if (missing.length > 0) {
    return showForm(ctx, console, fields, missing)
  }
  const origin = originOf(ctx, CONSOLE_CLIENT_ID)
  if (account === null && newPasswords.take('console invite') > 0) {
    return showForm(ctx, console, fields, [{ code: 'try_again' }])
  }
  const result =
    account === null
      ? await acceptInviteAnew(deps, whoOf(fields), fields.text('code'), origin)
      : await acceptInvite(deps, account.sub, fields.text('code'), origin)
  if (!result.ok) {
    return showForm(ctx, console, fields, errorsOf(result))
  }
  seeOther(ctx, CONSOLE_PATH)
}
