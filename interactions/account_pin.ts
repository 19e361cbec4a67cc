import { type ChangePinResult, changePin } from '../accounts/change_pin.ts'
import { definePin } from '../accounts/define_pin.ts'
import type { TypedPin } from '../accounts/new_pin.ts'
import { asksPasscode, passcodeStandsIn } from '../policies/fresh_proof.ts'
import type { FormError } from '../views/pages.ts'
import {
  type AccountPage,
  done,
  formOn,
  type Outcome,
  refuse,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import { isPinClosed } from './account_protection.ts'
import { type Fields, missingFields } from './form.ts'
import { ACCOUNT_PAGES } from './fresh_proof.ts'
import { newPinError, readNewPin } from './new_pin.ts'
import { seeOther } from './page.ts'
import { pinShape } from './pin_shape.ts'

const FORM = 'save'

/** Lengths that a PIN may have had under any policy. */
const ANY_LENGTH = { min: 4, max: 12 }

/**
 * As the sign-in that defines one: not asked again in this session, and then offers the device.
 * `counts`: proved in this session, as the very first one, or as the one in use that was typed.
 */
const keepProof = ({ site, sessionUid, account: { sub } }: Visit, counts: boolean): Promise<void> =>
  site.keep(sessionUid, sub, {
    define_pin: { sub, atMs: site.deps.clock(), counts, chosen: 'pin' },
  })

const define = async (visit: Visit, typed: TypedPin): Promise<Outcome> => {
  const { site, account, policy, origin } = visit
  const result = await definePin(site.deps, account, policy, typed, origin)
  if (!result.ok) {
    return refuse([newPinError(policy.pin, result.reason)])
  }
  await keepProof(visit, result.counts)
  return done('protection', 'pin_defined')
}

type Refusal = Extract<ChangePinResult, { ok: false }>['reason']

const changeError = ({ policy }: Visit, reason: Exclude<Refusal, 'blocked'>): FormError => {
  switch (reason) {
    case 'current_wrong':
      return { field: 'current_pin', code: 'pin_current_wrong' }
    case 'current_format':
      return { field: 'current_pin', code: 'pin_format', params: ANY_LENGTH }
    case 'busy':
      return { code: 'try_again' }
    default:
      return newPinError(policy.pin, reason)
  }
}

const change = async (visit: Visit, current: string | null, typed: TypedPin): Promise<Outcome> => {
  const { site, account, policy, origin } = visit
  const result = await changePin(site.deps, account, policy, { ...typed, current }, origin)
  if (result.ok) {
    await keepProof(visit, current !== null)
    return done('protection', 'pin_changed')
  }
  return result.reason === 'blocked'
    ? done('protection') // The page says so, and whom to ask.
    : refuse([changeError(visit, result.reason)])
}

const save = async (visit: Visit, fields: Fields): Promise<Outcome> => {
  if (isPinClosed(visit)) {
    return done('protection')
  }
  const asked = visit.account.pin !== null && !passcodeStandsIn(visit.situation)
  const current = fields.digits('current_pin')
  const absent = asked ? missingFields({ current_pin: current }) : []
  const chosen = readNewPin(fields)
  if (!chosen.ok || absent.length > 0) {
    return refuse([...absent, ...(chosen.ok ? [] : chosen.errors)])
  }
  return visit.account.pin === null
    ? define(visit, chosen.typed)
    : change(visit, asked ? current : null, chosen.typed)
}

/** `/account/pin`: defines the PIN, or changes it. */
export const pinPage: AccountPage = {
  section: 'protection',
  show: (visit, frame, { errors }) => {
    const { ctx, account, situation } = visit
    if (isPinClosed(visit)) {
      seeOther(ctx, ACCOUNT_PAGES.protection)
      return
    }
    sendAccountPage(visit, 'account_pin', {
      ...frame,
      ...formOn(visit, FORM, errors),
      mode: account.pin === null ? 'define' : 'change',
      asksCurrent: account.pin !== null && !asksPasscode(situation),
      shape: pinShape(visit),
    })
  },
  forms: { [FORM]: save },
}
