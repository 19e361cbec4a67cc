import { isBlockedPin } from '../accounts/account.ts'
import { verifyPin } from '../accounts/verify_pin.ts'
import { PIN_TRIES_DEFAULT } from '../policies/lockout.ts'
import type { NextStep } from '../policies/next_step.ts'
import type { DeviceOffer, FormError } from '../views/pages.ts'
import { offerOf, readDeviceAnswer, rememberDevice } from './device_offer.ts'
import { COOKIE_HELP_PATH, HELP_PATH } from './page.ts'
import { pinShape } from './pin_shape.ts'
import {
  type Answer,
  finish,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  showPage,
} from './step.ts'

const blocked = (step: PersonStep): Answer =>
  showPage('pin_blocked', { ...personOf(step), helpHref: HELP_PATH }, step.account)

const show = (
  step: PersonStep,
  due: NextStep,
  device: DeviceOffer | undefined = offerOf(step),
  errors: readonly FormError[] = [],
  triesLeft?: number,
): Answer => {
  const reason = due.step === 'pin' ? due.reason : 'new_device'
  return showPage(
    'pin',
    {
      ...formOf(step, errors),
      ...personOf(step),
      shape: pinShape(step),
      // A passcode or PIN for an application alone does not make this a device to trust.
      device,
      reason,
      applicationName: step.applicationName,
      triesLeft,
      cookieHelpHref: COOKIE_HELP_PATH,
      helpHref: HELP_PATH,
    },
    step.account,
  )
}

/** The last try is announced where the policy allows more than CNIL's three. */
const warnsAt = (step: PersonStep, left: number): number | undefined =>
  step.policy.pin.tries > PIN_TRIES_DEFAULT && left === 1 ? left : undefined

/** The PIN of a person whose password was proved, and the offer to add the device below it. */
export const pinPage: StepPage<PersonStep> = {
  show: (step, due) =>
    step.account.pin !== null && isBlockedPin(step.account.pin) ? blocked(step) : show(step, due),

  submit: async (step, fields, due) => {
    const answer = readDeviceAnswer(step, fields)
    const offer = offerOf(step, {
      ...(fields.text('device_name') === '' ? {} : { name: fields.text('device_name') }),
      ticked: answer.kind !== 'no',
    })
    const pin = fields.text('pin').replaceAll(/\s/g, '')
    if (pin === '') {
      return show(step, due, offer, [{ field: 'pin', code: 'field_required' }])
    }
    if (answer.kind === 'refused') {
      return show(step, due, offer, [answer.error])
    }
    const atMs = step.site.deps.clock()
    const result = await verifyPin(step.site.deps, step.account, pin, step.origin)
    if (!result.ok) {
      const { min_length: min, max_length: max } = step.policy.pin
      switch (result.reason) {
        case 'blocked':
          return blocked(step)
        case 'format':
          return show(step, due, offer, [
            { field: 'pin', code: 'pin_format', params: { min, max } },
          ])
        case 'busy':
          return show(step, due, offer, [{ code: 'try_again' }])
        case 'wrong':
          return show(
            step,
            due,
            offer,
            [{ field: 'pin', code: 'pin_wrong' }],
            warnsAt(step, result.left),
          )
      }
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
