import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import type { NextStep } from '../policies/next_step.ts'
import { changePasswordPage } from './change_password.ts'
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
import { passwordResetPages, passwordResetStage } from './password_reset.ts'
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

/** The name of each stage's page. */
const STAGE_NAMES = {
  first_use: firstUseStage,
  pin_reset: pinResetStage,
  password_reset: passwordResetStage,
}

const nameOfStage = (stage: Stage): string => STAGE_NAMES[stage.kind](stage as never)

const open = async (ctx: Context, site: Site, uid: string): Promise<Opened> => {
  const details = await loadInteraction(ctx, site, uid)
  const stage = stageOf(site, details)
  const name = stage === null ? details.prompt.name : nameOfStage(stage)
  return { details, stage, name }
}

/** Whether a stage has nothing more to come to: the step begins again, and says so. */
const isOver = async (site: Site, { stage }: Opened, atLogin: boolean): Promise<boolean> =>
  stage?.kind === 'first_use' && !(await isAlive(site, stage, atLogin))

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
  if (await isOver(site, { details, stage, name }, person === null)) {
    return { step, answer: staged(null, [CHANGED]) }
  }
  if (stage?.kind === 'first_use') {
    return { step, answer: await question(firstUsePages(stage, person === null), step, due) }
  }
  if (person === null && stage?.kind === 'password_reset') {
    return { step, answer: await question(passwordResetPages(stage), step, due) }
  }
  if (person === null) {
    return { step, answer: await question(loginPage, step, due) }
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
      return showStage(step, opened.details, answer)
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
      return showStage(step, opened.details, answer)
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
