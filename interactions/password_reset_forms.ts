import type { Context } from 'koa'
import { offersPasswordReset } from '../accounts/password_reset.ts'
import { IDENTIFIER_LENGTH_MAX } from '../accounts/sign_in.ts'
import { assertOurForm } from './csrf.ts'
import { type Fields, readForm } from './form.ts'
import { inTurn } from './in_turn.ts'
import { submitStep } from './interaction.ts'
import { identifierAt } from './login.ts'
import { askForCode, beginReset, passwordResetStage } from './password_reset.ts'
import {
  FORGOTTEN_PASSWORD,
  PASSWORD_RESET_AGAIN,
  PASSWORD_RESET_BACK,
} from './password_reset_offer.ts'
import type { Site } from './site.ts'
import {
  type Interaction,
  loadInteraction,
  loadStep,
  type PasswordResetStage,
  refusedOf,
  type Stage,
  type Step,
  showStage,
  stageOf,
  toStep,
} from './step.ts'

type Name = typeof FORGOTTEN_PASSWORD | typeof PASSWORD_RESET_AGAIN | typeof PASSWORD_RESET_BACK

/** Where a button of a reset was pressed. */
interface Pressed {
  readonly step: Step
  readonly details: Interaction
  readonly stage: Stage | null
  readonly fields: Fields
}

/**
 * A button of a reset, inside the login of an interaction. Where it is not offered any more, or
 * something else is due by now, it leads there.
 */
const button =
  (name: Name, act: (pressed: Pressed) => Promise<void> | null) =>
  async (ctx: Context, site: Site, uid: string): Promise<void> => {
    const fields = await readForm(ctx)
    await inTurn(uid, async () => {
      const details = await loadInteraction(ctx, site, uid)
      assertOurForm(ctx, site, uid, name, fields.text('csrf'))
      if (details.prompt.name !== 'login' || !(await offersPasswordReset(site.deps))) {
        return toStep(ctx, uid)
      }
      const { step } = await loadStep(ctx, site, details, name)
      const acted = act({ step, details, stage: stageOf(site, details), fields })
      await (acted ?? toStep(ctx, uid))
    })
  }

const isReset = (stage: Stage | null): stage is PasswordResetStage =>
  stage?.kind === 'password_reset'

/**
 * `POST /interaction/:uid/forgotten_password`: from the login page to whose it is. `identifier`: what
 * is typed there, where a script took it along.
 */
export const beginPasswordReset = button(FORGOTTEN_PASSWORD, ({ step, details, stage, fields }) => {
  const atLogin = stage === null || (isReset(stage) && stage.done)
  if (!atLogin) {
    return null // A second tab is further.
  }
  const { typed } = refusedOf(step.site, details, 'login')
  const before = stage === null ? {} : { identifier: stage.identifier }
  const taken = fields.text('identifier').trim().slice(0, IDENTIFIER_LENGTH_MAX)
  const identifier = taken || identifierAt(step, { typed: { ...before, ...typed } })
  return showStage(step, details, { stage: beginReset(identifier) })
})

/** `POST /interaction/:uid/password_reset_again`: one more code. */
export const askAgain = button(PASSWORD_RESET_AGAIN, ({ step, details, stage }) =>
  isReset(stage) && passwordResetStage(stage) === 'password_reset_code'
    ? askForCode(step, stage, stage.identifier).then((next) =>
        showStage(step, details, { ...next, page: 'password_reset_code' }),
      )
    : null,
)

/** `POST /interaction/:uid/password_reset_back`: back to the login page. */
export const leavePasswordReset = button(PASSWORD_RESET_BACK, ({ step, details, stage }) =>
  isReset(stage) && !stage.done
    ? showStage(step, details, { stage: null, typed: { identifier: stage.identifier } })
    : null,
)

/**
 * `POST /interaction/:uid/password_reset…`: the form of one stage. One that was sent twice, or from
 * a second tab that is behind, leads to where the reset has come.
 */
const submitStage =
  (name: ReturnType<typeof passwordResetStage>) =>
  (ctx: Context, site: Site, uid: string): Promise<void> =>
    inTurn(uid, async () => {
      const stage = stageOf(site, await loadInteraction(ctx, site, uid))
      await (isReset(stage) && passwordResetStage(stage) === name
        ? submitStep(ctx, site, uid, name)
        : toStep(ctx, uid))
    })

export const submitWhose = submitStage('password_reset')
export const submitPasswordResetCode = submitStage('password_reset_code')
export const submitNewPassword = submitStage('password_reset_define')
