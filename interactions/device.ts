import type { NextStep } from '../policies/next_step.ts'
import { effectiveProtection } from '../policies/policy.ts'
import type { DeviceOffer, FormError } from '../views/pages.ts'
import { offerOf, readDeviceAnswer, rememberDevice } from './device_offer.ts'
import { COOKIE_HELP_PATH } from './page.ts'
import {
  type Answer,
  finish,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  showPage,
} from './step.ts'

type Due = Extract<NextStep, { step: 'device' }>

const show = (
  step: PersonStep,
  offer: DeviceOffer | undefined,
  errors: readonly FormError[] = [],
): Answer =>
  offer === undefined
    ? answered(step)
    : showPage(
        'device',
        {
          ...formOf(step, errors),
          ...personOf(step),
          offer,
          protection:
            effectiveProtection(step.policy, step.account.protection, step.account.pin !== null) ??
            'none',
          cookieHelpHref: COOKIE_HELP_PATH,
        },
        step.account,
      )

const answered = (step: PersonStep): Answer =>
  finish({ device: { sub: step.account.sub, atMs: step.site.deps.clock() } })

/** The offer to add this device, on a page of its own; a vague name is questioned once. */
export const devicePage: StepPage<PersonStep> = {
  show: (step, anyDue) => {
    const vague = (anyDue as Due).reason === 'vague_name'
    const name = step.situation.proofs.deviceNameVague
    return show(
      step,
      offerOf(step, { ticked: vague, vague, ...(name === undefined ? {} : { name }) }),
    )
  },

  submit: async (step, fields, anyDue) => {
    const answer = readDeviceAnswer(step, fields)
    if (answer.kind === 'no') {
      return answered(step)
    }
    const name = fields.text('device_name')
    if (answer.kind === 'refused') {
      return show(step, offerOf(step, { ticked: true, name }), [answer.error])
    }
    const questioned = (anyDue as Due).reason === 'vague_name' || fields.text('vague_name') !== ''
    if (answer.vague && !questioned) {
      return show(step, offerOf(step, { ticked: true, vague: true, name: answer.name }))
    }
    await rememberDevice(step, answer.name)
    return answered(step)
  },
}
