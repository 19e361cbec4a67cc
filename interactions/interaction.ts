import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import type { NextStep } from '../policies/next_step.ts'
import { changePasswordPage } from './change_password.ts'
import { assertOurForm } from './csrf.ts'
import { refusedPage, unmetPage } from './dead_ends.ts'
import { definePinPage } from './define_pin.ts'
import { devicePage } from './device.ts'
import { readForm } from './form.ts'
import { rememberLocale } from './locale.ts'
import { loginPage } from './login.ts'
import { seeOther } from './page.ts'
import { pinPage } from './pin.ts'
import type { Site } from './site.ts'
import {
  type Answer,
  answeredMeanwhile,
  type Finished,
  finish,
  finishStep,
  type Interaction,
  loadInteraction,
  loadStep,
  type PersonStep,
  type Refused,
  refusedOf,
  type Step,
  type StepPage,
  type Submitted,
  showAgain,
} from './step.ts'

/** The page of every step after the first proof. */
const PAGES: Readonly<Record<string, StepPage<PersonStep>>> = {
  pin: pinPage,
  change_password: changePasswordPage,
  define_pin: definePinPage,
  device: devicePage,
  unmet: unmetPage,
  refused: refusedPage,
}

type Loaded = Awaited<ReturnType<typeof loadStep>>
type Ask<T> = <S extends Step>(page: StepPage<S>, step: S, due: NextStep) => Promise<T> | T

/** Asks the page of the step; where something else is due by now, goes on to that. */
const answerOf = async <T>({ step, person, due }: Loaded, ask: Ask<T>): Promise<T | Finished> => {
  if (person === null) {
    return ask(loginPage, step, due)
  }
  const page = PAGES[step.name]
  if (page === undefined) {
    throw new AppError('not_found', `no page for the step ${step.name}`)
  }
  return due.step === step.name ? ask(page, person, due) : finish({})
}

/** On to what comes next. A result that proves nothing gives way to one that is there already. */
const goOn = async (step: Step, { result }: Finished): Promise<void> => {
  const to = Object.keys(result).length === 0 ? await answeredMeanwhile(step) : null
  await (to === null ? finishStep(step, result) : seeOther(step.ctx, to))
}

/** Back to the page, unless another request has already led on from it. */
const goBack = async (step: Step, details: Interaction, refused: Refused): Promise<void> => {
  const to = await answeredMeanwhile(step)
  await (to === null ? showAgain(step, details, refused) : seeOther(step.ctx, to))
}

/** `GET /interaction/:uid`: the page of the step that is due. */
export const showStep = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  rememberLocale(ctx)
  const details = await loadInteraction(ctx, site, uid)
  const loaded = await loadStep(ctx, site, details)
  const answer = await answerOf<Answer>(loaded, (page, step, due) =>
    page.show(step, due, refusedOf(site, details)),
  )
  await (answer.kind === 'page' ? answer.send(loaded.step) : goOn(loaded.step, answer))
}

/** `POST /interaction/:uid/:step`: the answer to it. */
export const submitStep = async (
  ctx: Context,
  site: Site,
  uid: string,
  name: string,
): Promise<void> => {
  const fields = await readForm(ctx)
  const details = await loadInteraction(ctx, site, uid)
  assertOurForm(ctx, site, uid, name, fields.text('csrf'))
  if (details.prompt.name !== name) {
    throw new AppError('already_done', `the step is ${details.prompt.name}, not ${name}`)
  }
  const loaded = await loadStep(ctx, site, details)
  const answer = await answerOf<Submitted>(loaded, (page, step, due) =>
    page.submit(step, fields, due),
  )
  await (answer.kind === 'again' ? goBack(loaded.step, details, answer) : goOn(loaded.step, answer))
}
