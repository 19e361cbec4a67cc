import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import type { NextStep } from '../policies/next_step.ts'
import type { FormError } from '../views/pages.ts'
import { changePasswordPage } from './change_password.ts'
import { consentPage } from './consent.ts'
import { assertOurForm } from './csrf.ts'
import { refusedPage, unmetPage } from './dead_ends.ts'
import { definePinPage } from './define_pin.ts'
import { devicePage } from './device.ts'
import { CHANGED, firstUsePages, firstUseStage, isAlive, START_AGAIN } from './first_use.ts'
import { readForm } from './form.ts'
import { rememberLocale } from './locale.ts'
import { loginPage } from './login.ts'
import { otpPage } from './otp.ts'
import { seeOther } from './page.ts'
import { passwordResetPages, passwordResetStage, whyResetIsOver } from './password_reset.ts'
import { pinPage } from './pin.ts'
import { pinResetPages, pinResetStage } from './pin_reset.ts'
import type { Site } from './site.ts'
import {
  type Answer,
  answered,
  answeredMeanwhile,
  type Finished,
  finish,
  finishStep,
  type Interaction,
  loadInteraction,
  loadStep,
  type PersonStep,
  refusedOf,
  type Stage,
  type Staged,
  type Step,
  type StepPage,
  type Submitted,
  showAgain,
  showStage,
  staged,
  stageOf,
} from './step.ts'

/** The page of every step after the first proof. */
const PAGES: Readonly<Record<string, StepPage<PersonStep>>> = {
  otp: otpPage,
  pin: pinPage,
  change_password: changePasswordPage,
  define_pin: definePinPage,
  device: devicePage,
  consent: consentPage,
  unmet: unmetPage,
  refused: refusedPage,
}

type Ask<T> = <S extends Step>(page: StepPage<S>, step: S, due: NextStep) => Promise<T> | T

interface Opened {
  readonly details: Interaction
  readonly stage: Stage | null
  /** Of the page: the step, or the stage inside it. */
  readonly name: string
}

/** The name of a stage's page. */
const nameOfStage = (stage: Stage): string => {
  switch (stage.kind) {
    case 'first_use':
      return firstUseStage(stage)
    case 'pin_reset':
      return pinResetStage(stage)
    case 'password_reset':
      return passwordResetStage(stage)
  }
}

const open = async (ctx: Context, site: Site, uid: string): Promise<Opened> => {
  const details = await loadInteraction(ctx, site, uid)
  const stage = stageOf(site, details)
  const name = stage === null ? details.prompt.name : nameOfStage(stage)
  return { details, stage, name }
}

/** Why a stage has nothing more to come to: the step begins again, and says so. Null: it goes on. */
const whyOver = async (
  site: Site,
  { stage }: Opened,
  atLogin: boolean,
): Promise<readonly FormError[] | null> => {
  switch (stage?.kind) {
    case 'first_use':
      return (await isAlive(site, stage, atLogin)) ? null : [CHANGED]
    case 'password_reset':
      return whyResetIsOver(site, stage)
    default:
      return null
  }
}

/** Asks the page of the step; where something else is due by now, goes on to that. */
const ask = async <T>(
  ctx: Context,
  site: Site,
  { details, stage, name }: Opened,
  question: Ask<T>,
): Promise<{ step: Step; answer: T | Finished | Staged }> => {
  const { step, person, due } = await loadStep(ctx, site, details, name)
  const isDue = person === null || due.step === details.prompt.name
  if (!isDue) {
    return { step, answer: finish({}) }
  }
  const over = await whyOver(site, { details, stage, name }, person === null)
  if (over !== null) {
    return { step, answer: staged(null, over) }
  }
  if (stage?.kind === 'first_use') {
    return { step, answer: await question(firstUsePages(stage, person === null), step, due) }
  }
  if (person === null) {
    const page = stage?.kind === 'password_reset' ? passwordResetPages(stage) : loginPage
    return { step, answer: await question(page, step, due) }
  }
  const page = stage?.kind === 'pin_reset' ? pinResetPages(stage) : PAGES[name]
  if (page === undefined) {
    throw new AppError('not_found', `no page for the step ${name}`)
  }
  return { step, answer: await question(page, person, due) }
}

/** On to what comes next. A result that proves nothing gives way to one that is there already. */
const goOn = async (step: Step, { result }: Finished): Promise<void> => {
  const to = Object.keys(result).length === 0 ? await answeredMeanwhile(step) : null
  await (to === null ? finishStep(step, result) : seeOther(step.ctx, to))
}

/** On to a stage, whose page then says what there is to say; or back to where the step begins. */
const goTo = (step: Step, { details }: Opened, { stage, errors }: Staged): Promise<void> =>
  showStage(step, details, {
    stage,
    errors,
    page: stage === null ? details.prompt.name : nameOfStage(stage),
  })

/** `GET /interaction/:uid`: the page of the step that is due. */
export const showStep = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  rememberLocale(ctx)
  const opened = await open(ctx, site, uid)
  const to = answered(opened.details)
  if (to !== null) {
    seeOther(ctx, to) // Another request has answered; its browser tab may be this one.
    return
  }
  const refused = refusedOf(site, opened.details, opened.name)
  const { step, answer } = await ask<Answer>(ctx, site, opened, (page, asked, due) =>
    page.show(asked, due, refused),
  )
  switch (answer.kind) {
    case 'page':
      return answer.send(step)
    case 'staged':
      return goTo(step, opened, answer)
    case 'finished':
      return goOn(step, answer)
  }
}

/** `POST /interaction/:uid/:step`: the answer to it. */
export const submitStep = async (
  ctx: Context,
  site: Site,
  uid: string,
  name: string,
): Promise<void> => {
  const fields = await readForm(ctx)
  const opened = await open(ctx, site, uid)
  assertOurForm(ctx, site, uid, name, fields.text('csrf'))
  if (opened.name !== name) {
    throw new AppError('already_done', `the step is ${opened.name}, not ${name}`)
  }
  const { step, answer } = await ask<Submitted>(ctx, site, opened, (page, asked, due) =>
    page.submit(asked, fields, due),
  )
  switch (answer.kind) {
    case 'again':
      return showAgain(step, opened.details, answer)
    case 'staged':
      return goTo(step, opened, answer)
    case 'finished':
      return goOn(step, answer)
  }
}

/** `POST /interaction/:uid/first_use_again`: back to the digits of the key. */
export const startAgain = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  const fields = await readForm(ctx)
  const opened = await open(ctx, site, uid)
  assertOurForm(ctx, site, uid, START_AGAIN, fields.text('csrf'))
  const { step } = await loadStep(ctx, site, opened.details, opened.name)
  await showStage(step, opened.details, { stage: null })
}
