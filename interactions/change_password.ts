import { changePassword } from '../accounts/change_password.ts'
import type { NewPasswordRefusal } from '../accounts/new_password.ts'
import type { NextStep } from '../policies/next_step.ts'
import type { FormError, Pages } from '../views/pages.ts'
import { missingFields } from './form.ts'
import { judgeButton } from './judge_password.ts'
import { passwordRules } from './password_rules.ts'
import {
  again,
  finishForGood,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  showPage,
} from './step.ts'

type Due = Extract<NextStep, { step: 'change_password' }>

const REASON: Record<Due['reason'], Pages['change_password']['reason']> = {
  temporary: 'temporary',
  expired: 'expired',
  must_change: 'required',
}

/** What is wrong with a new password, beside its field. */
export const newPasswordError = ({ reason, ...params }: NewPasswordRefusal): FormError => {
  switch (reason) {
    case 'mismatch':
      return { field: 'confirm_password', code: 'password_mismatch' }
    case 'changed_meanwhile':
      return { code: 'try_again' }
    default:
      return { field: 'new_password', code: `password_${reason}`, params }
  }
}

/** The change of a password that is temporary, has expired or was asked to be changed. */
export const changePasswordPage: StepPage<PersonStep> = {
  show: (step, due, { errors }) =>
    showPage(
      'change_password',
      {
        ...formOf(step, errors),
        ...personOf(step),
        identifier: step.account.identifier,
        reason: REASON[(due as Due).reason],
        rules: passwordRules(step.policy, judgeButton(step)),
      },
      step.account,
    ),

  submit: async (step, fields) => {
    const password = fields.text('new_password')
    const confirmation = fields.text('confirm_password')
    const absent = missingFields({ new_password: password, confirm_password: confirmation })
    if (absent.length > 0) {
      return again(absent)
    }
    const result = await changePassword(
      step.site.deps,
      step.account,
      step.policy,
      { password, confirmation },
      step.origin,
    )
    if (!result.ok) {
      return again(result.refusals.map(newPasswordError))
    }
    const { sub } = step.account
    return finishForGood(step, { change_password: { sub, atMs: step.site.deps.clock() } })
  },
}
