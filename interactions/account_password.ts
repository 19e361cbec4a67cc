import { type ChangeOwnPasswordResult, changeOwnPassword } from '../accounts/change_own_password.ts'
import { asksPasscode, passcodeStandsIn } from '../policies/fresh_proof.ts'
import type { FormError } from '../views/pages.ts'
import {
  type AccountPage,
  buttonOf,
  done,
  formOn,
  type Outcome,
  refuse,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import { type Fields, missingFields } from './form.ts'
import { JUDGE_FORM } from './judge_password.ts'
import { newPasswordErrors, readNewPassword } from './new_password.ts'
import { passwordRules } from './password_rules.ts'

type Refusals = Extract<ChangeOwnPasswordResult, { ok: false }>['refusals']

const errorsOf = (refusals: Refusals): FormError[] =>
  refusals.some(({ reason }) => reason === 'wrong_current')
    ? [{ field: 'current_password', code: 'password_refused' }]
    : newPasswordErrors(refusals.filter((one) => one.reason !== 'wrong_current'))

const change = async (visit: Visit, fields: Fields): Promise<Outcome> => {
  const { site, account, policy, sessionUid, origin } = visit
  const { sub } = account
  const current = passcodeStandsIn(visit.situation) ? null : fields.text('current_password')
  const { typed, unread } = readNewPassword(site, sub, fields)
  const [endSessions, forgetDevices] = ['end_sessions', 'forget_devices'].map(fields.ticked)
  const ticks = {
    ...(endSessions ? { end_sessions: 'yes' } : {}),
    ...(forgetDevices ? { forget_devices: 'yes' } : {}),
  }
  const absent = [
    ...(current === null ? [] : missingFields({ current_password: current })),
    ...unread,
  ]
  if (absent.length > 0) {
    return refuse(absent, ticks)
  }
  const result = await changeOwnPassword(
    site.deps,
    account,
    policy,
    { current, ...typed },
    {
      endOthers: endSessions ? () => site.endOtherSessions(sub, sessionUid) : null,
      forgetOthers: forgetDevices === true,
    },
    origin,
  )
  if (!result.ok) {
    return refuse(errorsOf(result.refusals), ticks)
  }
  // This session goes on: it has proved the password that now is.
  await site.keep(sessionUid, sub, { change_password: { sub, atMs: site.deps.clock() } })
  return done('password', 'password_changed')
}

/** The change of one's password. Sessions and devices stay unless their owner ticks otherwise. */
export const passwordPage: AccountPage = {
  section: 'password',

  show: (visit, frame, { errors, typed }) => {
    const { account, policy, situation } = visit
    sendAccountPage(visit, 'account_password', {
      ...frame,
      ...formOn(visit, 'change', errors),
      hasPassword: account.password !== null,
      stoodIn: asksPasscode(situation),
      identifier: account.identifier,
      rules: passwordRules(policy, buttonOf(visit, visit.page, JUDGE_FORM)),
      endSessions: typed['end_sessions'] !== undefined,
      forgetDevices: typed['forget_devices'] !== undefined,
    })
  },

  forms: { change },
}
