import { isBlockedPin } from '../accounts/account.ts'
import { askedAgain } from '../accounts/asked_again.ts'
import { type PinResult, verifyPin } from '../accounts/verify_pin.ts'
import { PIN_TRIES_DEFAULT } from '../policies/lockout.ts'
import type { FormError } from '../views/pages.ts'
import { offerOf, readDeviceAnswer, rememberDevice, typedOffer } from './device_offer.ts'
import { COOKIE_HELP_PATH, HELP_PATH } from './page.ts'
import { resetOffer } from './pin_reset_offer.ts'
import { pinShape } from './pin_shape.ts'
import {
  again,
  finish,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  showPage,
} from './step.ts'

/** The number of tries left is told where the policy allows more than CNIL's three. */
const wrong = (step: PersonStep, left: number): FormError =>
  step.policy.pin.tries > PIN_TRIES_DEFAULT && left === 1
    ? { field: 'pin', code: 'pin_wrong', params: { left } }
    : { field: 'pin', code: 'pin_wrong' }

type Refusal = Extract<PinResult, { ok: false }>

/** None where the page says it all: the PIN is blocked. */
const errorsOf = (step: PersonStep, refusal: Refusal): FormError[] => {
  const { min_length: min, max_length: max } = step.policy.pin
  switch (refusal.reason) {
    case 'blocked':
      return []
    case 'format':
      return [{ field: 'pin', code: 'pin_format', params: { min, max } }]
    case 'busy':
      return [{ code: 'try_again' }]
    case 'wrong':
      return [wrong(step, refusal.left)]
  }
}

/** Where no device may be trusted, the PIN is asked whatever becomes of the cookie. */
const isAskedAgain = async ({ situation, site, account, origin }: PersonStep): Promise<boolean> =>
  situation.device.mayAdd && askedAgain(site.deps, account, origin)

/** The PIN of a person whose password was proved, and the offer to add the device below it. */
export const pinPage: StepPage<PersonStep> = {
  show: async (step, due, { errors, typed }) => {
    if (step.account.pin !== null && isBlockedPin(step.account.pin)) {
      const blocked = { ...personOf(step), reset: resetOffer(step), helpHref: HELP_PATH }
      return showPage('pin_blocked', blocked, step.account)
    }
    const reason = due.step === 'pin' ? due.reason : 'new_device'
    return showPage(
      'pin',
      {
        ...formOf(step, errors),
        ...personOf(step),
        shape: pinShape(step),
        device: offerOf(step, typed),
        reason,
        applicationName: step.applicationName,
        reset: resetOffer(step),
        cookieHelpHref: COOKIE_HELP_PATH,
        askedAgain: reason === 'new_device' && (await isAskedAgain(step)),
        helpHref: HELP_PATH,
      },
      step.account,
    )
  },

  submit: async (step, fields) => {
    const answer = readDeviceAnswer(step, fields)
    const typed = typedOffer(fields)
    const pin = fields.digits('pin')
    if (pin === '') {
      return again([{ field: 'pin', code: 'field_required' }], typed)
    }
    if (answer.kind === 'refused') {
      return again([answer.error], typed)
    }
    const atMs = step.site.deps.clock()
    const result = await verifyPin(step.site.deps, step.account, pin, step.origin)
    if (!result.ok) {
      return again(errorsOf(step, result), typed)
    }
    if (answer.kind === 'yes' && answer.vague) {
      const proved = { sub: step.account.sub, atMs, deviceAnswered: false, vagueName: answer.name }
      return finish({ pin: proved })
    }
    if (answer.kind === 'yes') {
      await rememberDevice(step, answer.name)
    }
    return finish({ pin: { sub: step.account.sub, atMs, deviceAnswered: true } })
  },
}
