import { mailAddress } from '../accounts/account.ts'
import { MAILED_CODE_MINUTES, mayMailAnother } from '../accounts/mailed_code.ts'
import { maskAddress, provePinReset, resetPinByOwner } from '../accounts/pin_reset.ts'
import type { FormError } from '../views/pages.ts'
import { type Fields, missingFields } from './form.ts'
import { newPinError, readNewPin } from './new_pin.ts'
import { HELP_PATH } from './page.ts'
import { pinPage } from './pin.ts'
import { isResetOffered, PIN_RESET, PIN_RESET_BACK, resetButton } from './pin_reset_offer.ts'
import { pinShape } from './pin_shape.ts'
import {
  type Answer,
  again,
  finishForGood,
  formOf,
  type PersonStep,
  type PinResetStage,
  personOf,
  type StepPage,
  type Submitted,
  showPage,
  staged,
} from './step.ts'

const STAGES = ['pin_reset_code', 'pin_reset_define', 'pin_reset_refused'] as const
type Stage = (typeof STAGES)[number]

export const pinResetStage = ({ proved, refused }: PinResetStage): Stage => {
  if (proved) {
    return 'pin_reset_define'
  }
  return refused === null ? 'pin_reset_code' : 'pin_reset_refused'
}

interface StagePage {
  show(
    step: PersonStep,
    stage: PinResetStage,
    errors: readonly FormError[],
  ): Promise<Answer> | Answer
  submit(step: PersonStep, stage: PinResetStage, fields: Fields): Promise<Submitted>
}

const codePage: StagePage = {
  show: async (step, _stage, errors) =>
    showPage(
      'pin_reset_code',
      {
        ...formOf(step, errors),
        ...personOf(step),
        address: maskAddress(mailAddress(step.account) ?? ''),
        minutes: MAILED_CODE_MINUTES,
        again: (await mayMailAnother(step.site.deps, step.account, 'pin_reset'))
          ? resetButton(step, PIN_RESET)
          : undefined,
        back: resetButton(step, PIN_RESET_BACK),
        helpHref: HELP_PATH,
      },
      step.account,
    ),

  submit: async (step, stage, fields) => {
    const typed = fields.digits('code')
    const absent = missingFields({ code: typed })
    if (absent.length > 0) {
      return again(absent)
    }
    const code = { id: stage.codeId ?? '', boundTo: step.uid, typed }
    return (await provePinReset(step.site.deps, step.account, code, step.origin))
      ? staged({ ...stage, proved: true })
      : again([{ field: 'code', code: 'mailed_code_refused' }])
  },
}

const definePage: StagePage = {
  show: (step, _stage, errors) =>
    showPage(
      'pin_reset_define',
      {
        ...formOf(step, errors),
        ...personOf(step),
        shape: pinShape(step),
        back: resetButton(step, PIN_RESET_BACK),
      },
      step.account,
    ),

  submit: async (step, _stage, fields) => {
    const { site, account, policy, origin, sessionUid } = step
    const read = readNewPin(fields)
    if (!read.ok) {
      return again(read.errors)
    }
    const { sub } = account
    const endOthers = () => site.endOtherSessions(sub, sessionUid)
    const reset = await resetPinByOwner(site.deps, endOthers, account, policy, read.typed, origin)
    if (!reset.ok) {
      return again([newPinError(policy.pin, reset.reason)])
    }
    // It is not asked again in this sign-in, and proves nothing before the next.
    return finishForGood(step, {
      define_pin: { sub, atMs: site.deps.clock(), counts: false, chosen: 'pin' },
    })
  },
}

const refusedPage: StagePage = {
  show: (step, { refused }) =>
    showPage(
      'pin_reset_refused',
      {
        ...personOf(step),
        reason: refused ?? 'too_many',
        back: resetButton(step, PIN_RESET_BACK),
        helpHref: HELP_PATH,
      },
      step.account,
    ),

  submit: async () => staged(null),
}

const STAGE_PAGES: Record<Stage, StagePage> = {
  pin_reset_code: codePage,
  pin_reset_define: definePage,
  pin_reset_refused: refusedPage,
}

/**
 * The page that a reset has come to. Where the policy does not allow it any more, what the person
 * meets and answers is the page of the PIN.
 */
export const pinResetPages = (stage: PinResetStage): StepPage<PersonStep> => {
  const page = STAGE_PAGES[pinResetStage(stage)]
  return {
    show: (step, due, refused) =>
      isResetOffered(step)
        ? page.show(step, stage, refused.errors)
        : pinPage.show(step, due, refused),
    submit: (step, fields, due) =>
      isResetOffered(step) ? page.submit(step, stage, fields) : pinPage.submit(step, fields, due),
  }
}
