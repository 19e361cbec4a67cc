import type { Context } from 'koa'
import { type PinResetRequest, requestPinReset } from '../accounts/pin_reset.ts'
import type { FormError } from '../views/pages.ts'
import { assertOurForm } from './csrf.ts'
import { readForm } from './form.ts'
import { inTurn } from './in_turn.ts'
import { submitStep } from './interaction.ts'
import { pinResetStage } from './pin_reset.ts'
import { PIN_RESET, PIN_RESET_BACK } from './pin_reset_offer.ts'
import type { Site } from './site.ts'
import {
  type Interaction,
  loadInteraction,
  loadStep,
  localeOfStep,
  type PersonStep,
  type PinResetStage,
  showStage,
  stageOf,
  toStep,
} from './step.ts'

const stageNow = (site: Site, details: Interaction): PinResetStage | null => {
  const stage = stageOf(site, details)
  return stage?.kind === 'pin_reset' ? stage : null
}

/** The person before their PIN; null where something else is due by now. */
const atThePin = async (
  ctx: Context,
  site: Site,
  details: Interaction,
): Promise<PersonStep | null> => {
  if (details.prompt.name !== 'pin') {
    return null
  }
  const { person, due } = await loadStep(ctx, site, details, PIN_RESET)
  return due.step === 'pin' ? person : null
}

/** The stage that comes next, and why it is no other. */
interface StageAfter {
  readonly stage: PinResetStage
  readonly errors: readonly FormError[]
  /** Which says them. */
  readonly page: ReturnType<typeof pinResetStage>
}

/** Null: it is not allowed, and the page of the PIN does not offer it. */
const stageAfter = (request: PinResetRequest, before: PinResetStage | null): StageAfter | null => {
  const at = (stage: Pick<PinResetStage, 'codeId' | 'refused'>, ...errors: FormError[]) => {
    const next: PinResetStage = { kind: 'pin_reset', proved: false, ...stage }
    return { stage: next, errors, page: pinResetStage(next) }
  }
  if (request.ok) {
    return at({ codeId: request.codeId, refused: null })
  }
  const { reason } = request
  if (reason === 'not_allowed') {
    return null
  }
  return 'codeId' in request && request.codeId !== null
    ? at({ codeId: request.codeId, refused: null }, { code: 'mails_too_many' }) // It is still good.
    : at({ codeId: before?.codeId ?? null, refused: reason })
}

/** `POST /interaction/:uid/pin_reset`: mails a code, or one more. */
export const beginPinReset = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  const fields = await readForm(ctx)
  await inTurn(uid, async () => {
    const details = await loadInteraction(ctx, site, uid)
    assertOurForm(ctx, site, uid, PIN_RESET, fields.text('csrf'))
    const before = stageNow(site, details)
    const step = await atThePin(ctx, site, details)
    if (step === null || before?.proved === true) {
      return toStep(ctx, uid)
    }
    const { account, policy, origin } = step
    const asking = { boundTo: uid, locale: localeOfStep(step) }
    const request = await requestPinReset(site.deps, account, policy, asking, origin)
    const next = stageAfter(request, before)
    await (next === null ? toStep(ctx, uid) : showStage(step, details, next))
  })
}

/** `POST /interaction/:uid/pin_reset_back`: back to the PIN. */
export const leavePinReset = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  const fields = await readForm(ctx)
  await inTurn(uid, async () => {
    const details = await loadInteraction(ctx, site, uid)
    assertOurForm(ctx, site, uid, PIN_RESET_BACK, fields.text('csrf'))
    const step = await atThePin(ctx, site, details)
    await (step === null ? toStep(ctx, uid) : showStage(step, details, { stage: null }))
  })
}

/**
 * `POST /interaction/:uid/pin_reset_…`: the form of one stage. One that was sent twice, or from a
 * second tab that is behind, leads to where the reset has come.
 */
const submitStage =
  (name: ReturnType<typeof pinResetStage>) =>
  (ctx: Context, site: Site, uid: string): Promise<void> =>
    inTurn(uid, async () => {
      const stage = stageNow(site, await loadInteraction(ctx, site, uid))
      await (stage !== null && pinResetStage(stage) === name
        ? submitStep(ctx, site, uid, name)
        : toStep(ctx, uid))
    })

export const submitPinResetCode = submitStage('pin_reset_code')
export const submitResetPin = submitStage('pin_reset_define')
