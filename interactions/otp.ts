import { beginFirstUse } from '../accounts/first_use.ts'
import { isTooNew } from '../accounts/key_use.ts'
import { type OtpKey, stateNow } from '../accounts/otp_key.ts'
import { verifyPasscode } from '../accounts/verify_passcode.ts'
import type { NextStep } from '../policies/next_step.ts'
import { beginStages } from './first_use.ts'
import { type Fields, missingFields } from './form.ts'
import { HELP_PATH } from './page.ts'
import { passcodeHint } from './passcode_hint.ts'
import {
  again,
  finish,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  type Submitted,
  showPage,
} from './step.ts'

type Due = Extract<NextStep, { step: 'otp' }>

const REFUSED = 'passcode_refused'

/** The keys that this step may be answered with. */
const keysOf = async (
  { site: { deps }, account, situation }: PersonStep,
  state: 'assigned' | 'in_service',
): Promise<OtpKey[]> => {
  const keys = await deps.store.otpKeys.ofPerson(account.sub)
  const { began } = situation.proofs
  return keys.filter((key) => stateNow(key, deps.clock()) === state && !isTooNew(key, began))
}

const submitPasscode = async (step: PersonStep, fields: Fields): Promise<Submitted> => {
  const passcode = fields.digits('passcode')
  const absent = missingFields({ passcode })
  if (absent.length > 0) {
    return again(absent)
  }
  const { deps } = step.site
  const { began } = step.situation.proofs
  // A clock that was put back does not make the proof older than the sign-in it belongs to.
  const atMs = Math.max(deps.clock(), began ?? 0)
  const { ok } = await verifyPasscode(deps, step.account, { passcode, began }, step.origin)
  return ok
    ? finish({ otp: { sub: step.account.sub, atMs, counts: true } })
    : again([{ field: 'passcode', code: REFUSED }])
}

const submitFirstCode = async (step: PersonStep, fields: Fields): Promise<Submitted> => {
  const code = fields.digits('code')
  const absent = missingFields({ code })
  if (absent.length > 0) {
    return again(absent)
  }
  const key = await beginFirstUse(step.site.deps, step.account, code, step.origin)
  return key === null
    ? again([{ field: 'code', code: REFUSED }])
    : beginStages(step.account.sub, key, false)
}

/** The passcode of a person whose password was proved; or the first use of a key not used so far. */
export const otpPage: StepPage<PersonStep> = {
  show: async (step, anyDue, { errors }) => {
    const { firstUse, reason } = anyDue as Due
    const keys = await keysOf(step, firstUse ? 'assigned' : 'in_service')
    const model = {
      ...formOf(step, errors),
      ...personOf(step),
      reason,
      applicationName: step.applicationName,
      helpHref: HELP_PATH,
    }
    const hint = passcodeHint(keys, step.site.deps.clock())
    return firstUse
      ? showPage('first_use_code', { ...model, codeLength: hint.codeLength }, step.account)
      : showPage('otp', { ...model, hint }, step.account)
  },

  submit: (step, fields, anyDue) =>
    (anyDue as Due).firstUse ? submitFirstCode(step, fields) : submitPasscode(step, fields),
}
