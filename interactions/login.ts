import { signIn } from '../accounts/sign_in.ts'
import type { FormError } from '../views/pages.ts'
import { missingFields } from './form.ts'
import { HELP_PATH } from './page.ts'
import {
  type Answer,
  finish,
  formOf,
  type Step,
  type StepPage,
  setDeviceCookie,
  showPage,
} from './step.ts'

const show = (step: Step, identifier: string, errors: readonly FormError[]): Answer =>
  showPage('login', {
    ...formOf(step, errors),
    identifier,
    applicationName: step.clientId === step.site.portalClientId ? undefined : step.applicationName,
    helpHref: HELP_PATH,
  })

/** Identifier and password. One answer for whatever is wrong. */
export const loginPage: StepPage<Step> = {
  show: (step) => {
    const hint = step.params['login_hint']
    return show(step, typeof hint === 'string' ? hint.slice(0, 256) : '', [])
  },

  submit: async (step, fields) => {
    const identifier = fields.text('identifier').trim()
    const password = fields.text('password')
    const absent = missingFields({ identifier, password })
    if (absent.length > 0) {
      return show(step, identifier, absent)
    }
    // The proof dates from before the account was read: what is voided meanwhile includes it.
    const atMs = step.site.deps.clock()
    const result = await signIn(step.site.deps, { identifier, password }, step.origin)
    if (!result.ok) {
      return show(step, identifier, [{ code: 'login_refused' }])
    }
    setDeviceCookie(step, result.cookie)
    const login = {
      accountId: result.account.sub,
      ts: Math.floor(atMs / 1000),
      atMs,
      remember: false,
    }
    return finish({ login })
  },
}
