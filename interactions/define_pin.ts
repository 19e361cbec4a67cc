import { chooseProtection, definePin } from '../accounts/define_pin.ts'
import type { NextStep } from '../policies/next_step.ts'
import type { Pages } from '../views/pages.ts'
import type { Fields } from './form.ts'
import { newPinError, readNewPin } from './new_pin.ts'
import { pinShape } from './pin_shape.ts'
import {
  again,
  finish,
  finishForGood,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  type Submitted,
  showPage,
} from './step.ts'

type Due = Extract<NextStep, { step: 'define_pin' }>
type Choice = 'notification' | 'none'
type Model = Pages['define_pin']

const REASON: Record<Due['reason'], Model['reason']> = {
  first_connection: 'first',
  imposed: 'imposed',
  application: 'application',
  generated: 'replace',
}

/** What else the person may choose: only where nobody has decided for them. */
const choicesOf = (step: PersonStep, due: Due): readonly Choice[] =>
  due.reason === 'first_connection' ? step.policy.protections.filter((each) => each !== 'pin') : []

const choose = async (step: PersonStep, due: Due, fields: Fields): Promise<Submitted> => {
  const choice = choicesOf(step, due).find((each) => each === fields.text('protection'))
  if (
    choice === undefined ||
    !(await chooseProtection(step.site.deps, step.account, step.policy, choice, step.origin))
  ) {
    return again([{ field: 'protection', code: 'protection_required' }], { define_pin: 'no' })
  }
  const { sub } = step.account
  return finish({
    define_pin: { sub, atMs: step.site.deps.clock(), counts: false, chosen: 'other' },
  })
}

/** First connection, an imposed PIN, one an application needs, or the replacement of a generated one. */
export const definePinPage: StepPage<PersonStep> = {
  show: (step, due, { errors, typed }) =>
    showPage(
      'define_pin',
      {
        ...formOf(step, errors),
        ...personOf(step),
        shape: pinShape(step),
        reason: REASON[(due as Due).reason],
        definePin: typed['define_pin'] !== 'no',
        pinOffered: step.policy.protections.includes('pin'),
        choices: choicesOf(step, due as Due),
      },
      step.account,
    ),

  submit: async (step, fields, anyDue) => {
    const due = anyDue as Due
    const mayChoose = choicesOf(step, due).length > 0
    const pinOffered = step.policy.protections.includes('pin')
    if (mayChoose && (!pinOffered || !fields.ticked('define_pin'))) {
      return choose(step, due, fields)
    }
    const read = readNewPin(fields)
    if (!read.ok) {
      return again(read.errors)
    }
    const result = await definePin(
      step.site.deps,
      step.account,
      step.policy,
      read.typed,
      step.origin,
    )
    if (!result.ok) {
      return again([newPinError(step.policy.pin, result.reason)])
    }
    const { sub } = step.account
    const atMs = step.site.deps.clock()
    return finishForGood(step, {
      define_pin: { sub, atMs, counts: result.counts, chosen: 'pin' },
    })
  },
}
