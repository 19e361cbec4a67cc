import { IDENTIFIER_LENGTH_MAX, signIn } from '../accounts/sign_in.ts'
import { beginStages } from './first_use.ts'
import { missingFields } from './form.ts'
import { HELP_PATH } from './page.ts'
import { forgottenPassword } from './password_reset_offer.ts'
import {
  again,
  finish,
  formOf,
  type PasswordResetStage,
  type Refused,
  type Step,
  type StepPage,
  setDeviceCookie,
  showPage,
} from './step.ts'

/** Who is at the login page: as they said themselves, or as the application supposes. */
export const identifierAt = (
  { params: { login_hint: hint } }: Pick<Step, 'params'>,
  { typed }: Pick<Refused, 'typed'>,
): string =>
  typed['identifier'] ?? (typeof hint === 'string' ? hint.slice(0, IDENTIFIER_LENGTH_MAX) : '')

/**
 * Identifier, and password or passcode. One answer for whatever is wrong. `reset`: a forgotten
 * password was just replaced.
 */
export const loginPageAfter = (reset: PasswordResetStage | null): StepPage<Step> => ({
  show: async (step, due, refused) =>
    showPage('login', {
      ...formOf(step, refused.errors),
      identifier: identifierAt(step, {
        typed: { ...(reset === null ? {} : { identifier: reset.identifier }), ...refused.typed },
      }),
      applicationName:
        step.clientId === step.site.portalClientId ? undefined : step.applicationName,
      over: due.reason === 'session_over',
      passwordReset: reset !== null,
      forgotten: await forgottenPassword(step),
      helpHref: HELP_PATH,
    }),

  submit: async (step, fields) => {
    const identifier = fields.text('identifier').trim()
    const password = fields.text('password')
    const absent = missingFields({ identifier, password })
    if (absent.length > 0) {
      return again(absent, { identifier })
    }
    // The proof dates from before the account was read: what is voided meanwhile includes it.
    const atMs = step.site.deps.clock()
    const result = await signIn(step.site.deps, { identifier, secret: password }, step.origin)
    if (!result.ok) {
      return again([{ code: 'login_refused' }], { identifier })
    }
    if (result.by === 'first_use') {
      return beginStages(result.account.sub, result.key, result.asksPassword)
    }
    setDeviceCookie(step, result.cookie)
    const login = {
      accountId: result.account.sub,
      ts: Math.floor(atMs / 1000),
      atMs,
      remember: false,
      by: result.by,
    }
    return finish({ login })
  },
})

export const loginPage = loginPageAfter(null)
