import { changePassword } from '../accounts/change_password.ts'
import type { NextStep } from '../policies/next_step.ts'
import type { Pages } from '../views/pages.ts'
import { judgeButton } from './judge_password.ts'
import { newPasswordErrors, readNewPassword } from './new_password.ts'
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
    const { site, account, policy, origin } = step
    const { typed, unread } = readNewPassword(site, account.sub, fields)
    if (unread.length > 0) {
      return again(unread)
    }
    const result = await changePassword(site.deps, account, policy, typed, origin)
    if (!result.ok) {
      return again(newPasswordErrors(result.refusals))
    }
    const { sub } = account
    return finishForGood(step, { change_password: { sub, atMs: site.deps.clock() } })
  },
}
