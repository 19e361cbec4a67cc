import type { NextStep } from '../policies/next_step.ts'
import { effectiveProtection } from '../policies/policy.ts'
import { offerOf, readDeviceAnswer, rememberDevice, typedOffer } from './device_offer.ts'
import { COOKIE_HELP_PATH } from './page.ts'
import {
  again,
  type Finished,
  finish,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  showPage,
} from './step.ts'

type Due = Extract<NextStep, { step: 'device' }>

const answered = (step: PersonStep): Finished =>
  finish({ device: { sub: step.account.sub, atMs: step.site.deps.clock() } })

/** A name typed below the PIN that was too vague. */
const vagueBefore = (step: PersonStep, due: Due): Readonly<Record<string, string>> =>
  due.reason === 'vague_name'
    ? {
        remember_device: 'yes',
        vague_name: 'yes',
        device_name: step.situation.proofs.deviceNameVague ?? '',
      }
    : {}

/** The offer to add this device, on a page of its own; a vague name is questioned once. */
export const devicePage: StepPage<PersonStep> = {
  show: (step, due, { errors, typed }) => {
    const offer = offerOf(step, { ...vagueBefore(step, due as Due), ...typed })
    if (offer === undefined) {
      return answered(step)
    }
    const { policy, account } = step
    return showPage(
      'device',
      {
        ...formOf(step, errors),
        ...personOf(step),
        offer,
        protection: effectiveProtection(policy, account.protection, account.pin !== null) ?? 'none',
        cookieHelpHref: COOKIE_HELP_PATH,
      },
      account,
    )
  },

  submit: async (step, fields, due) => {
    const answer = readDeviceAnswer(step, fields)
    if (answer.kind === 'no') {
      return answered(step)
    }
    const typed = typedOffer(fields)
    if (answer.kind === 'refused') {
      return again([answer.error], typed)
    }
    const questioned = (due as Due).reason === 'vague_name' || fields.text('vague_name') !== ''
    if (answer.vague && !questioned) {
      return again([], { ...typed, vague_name: 'yes' })
    }
    await rememberDevice(step, answer.name)
    return answered(step)
  },
}
