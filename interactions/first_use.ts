import { type Account, fullName } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import {
  activationOf,
  awaitsFirstUse,
  chooseKeyPin,
  finishFirstUse,
} from '../accounts/first_use.ts'
import type { OtpKey } from '../accounts/otp_key.ts'
import { signIn } from '../accounts/sign_in.ts'
import { type Policy, policyFor } from '../policies/policy.ts'
import type { FirstUse, Form, FormError } from '../views/pages.ts'
import { csrfToken } from './csrf.ts'
import { type Fields, missingFields } from './form.ts'
import { keyPinLength, newPinError, readNewPin } from './new_pin.ts'
import { HELP_PATH } from './page.ts'
import { mustWait, passcodeHint } from './passcode_hint.ts'
import type { Site } from './site.ts'
import {
  again,
  type Finished,
  type FirstUseStage,
  finish,
  formOf,
  interactionPath,
  type Staged,
  type Step,
  type StepPage,
  type Submitted,
  setDeviceCookie,
  showPage,
  staged,
} from './step.ts'

/** Where a form that gives up halfway posts to. */
export const START_AGAIN = 'first_use_again'

const STAGES = [
  'first_use_password',
  'first_use_pin',
  'first_use_passcode',
  'first_use_done',
] as const
type Stage = (typeof STAGES)[number]

export const firstUseStage = ({ done, asksPassword, pin }: FirstUseStage): Stage => {
  if (done !== null) {
    return 'first_use_done'
  }
  if (asksPassword) {
    return 'first_use_password'
  }
  return pin === null ? 'first_use_pin' : 'first_use_passcode'
}

/** The first code of a key was right: on to its PIN, or to the password before it. */
export const beginStages = (sub: string, key: OtpKey, asksPassword: boolean): Staged => ({
  kind: 'staged',
  errors: [],
  stage: {
    kind: 'first_use',
    sub,
    activation: activationOf(key),
    asksPassword,
    passwordAtMs: null,
    pin: null,
    done: null,
  },
})

/** Its activation was closed, it was reset, given away; or the rules are others by now. */
export const CHANGED: FormError = { code: 'first_use_changed' }

/** Whether a first use may still come to its end, or has. */
export const isAlive = async (
  { deps }: Site,
  { done, sub, activation, pin, asksPassword, passwordAtMs }: FirstUseStage,
  atLogin: boolean,
): Promise<boolean> => {
  // A password still to be asked for will be.
  const passwordProved = !atLogin || asksPassword || passwordAtMs !== null
  const firstUse = { activation, pin, passwordProved }
  return done !== null || (await awaitsFirstUse(deps.store, sub, firstUse, deps.clock())) !== null
}

/** A stage of a first use, inside the login or inside the step that asks for a passcode. */
interface At {
  readonly firstUse: FirstUseStage
  /** Inside the login: nobody is signed in yet. */
  readonly atLogin: boolean
  readonly account: Account
  readonly policy: Policy
}

interface StagePage {
  show(step: Step, at: At, errors: readonly FormError[]): ReturnType<StepPage<Step>['show']>
  submit(step: Step, at: At, fields: Fields): Promise<Submitted>
}

const modelOf = (step: Step, { account }: At, errors: readonly FormError[]): Form & FirstUse => ({
  ...formOf(step, errors),
  personName: fullName(account),
  startAgain: {
    action: `${interactionPath(step.uid)}/${START_AGAIN}`,
    csrf: csrfToken(step.site, step.uid, START_AGAIN),
  },
  helpHref: HELP_PATH,
})

const passwordStage: StagePage = {
  show: (step, at, errors) => showPage('first_use_password', modelOf(step, at, errors), at.account),

  submit: async (step, { firstUse, account }, fields) => {
    const password = fields.text('password')
    const absent = missingFields({ password })
    if (absent.length > 0) {
      return again(absent)
    }
    const { identifier } = account
    const passwordAtMs = step.site.deps.clock()
    const result = await signIn(
      step.site.deps,
      { identifier, secret: password, passwordOnly: true },
      step.origin,
    )
    if (!result.ok || result.by !== 'password' || result.account.sub !== firstUse.sub) {
      return again([{ field: 'password', code: 'password_refused' }])
    }
    setDeviceCookie(step, result.cookie)
    return staged({ ...firstUse, asksPassword: false, passwordAtMs })
  },
}

const shapeOf = ({ otp_keys: { pin_length } }: Policy) => ({
  minLength: pin_length,
  maxLength: pin_length,
})

const pinStage: StagePage = {
  show: (step, at, errors) =>
    showPage(
      'first_use_pin',
      { ...modelOf(step, at, errors), shape: shapeOf(at.policy) },
      at.account,
    ),

  submit: async (step, { firstUse, account, policy }, fields) => {
    const read = readNewPin(fields)
    if (!read.ok) {
      return again(read.errors)
    }
    const { deps } = step.site
    const { serial } = firstUse.activation
    const chosen = await chooseKeyPin(deps, account, policy, serial, read.typed, step.origin)
    return chosen.ok
      ? staged({ ...firstUse, pin: chosen.pin })
      : again([newPinError(keyPinLength(policy), chosen.reason)])
  },
}

const passcodeStage: StagePage = {
  show: async (step, at, errors) => {
    const { deps } = step.site
    const key = await deps.store.otpKeys.find(at.firstUse.activation.serial)
    const nowMs = deps.clock()
    const model = {
      ...modelOf(step, at, errors),
      hint: passcodeHint(key === null ? [] : [key], nowMs),
      mustWait: mustWait(key, nowMs),
    }
    return showPage('first_use_passcode', model, at.account)
  },

  submit: async (step, { firstUse, account, atLogin }, fields) => {
    const passcode = fields.digits('passcode')
    const absent = missingFields({ passcode })
    const { activation, pin, passwordAtMs } = firstUse
    if (absent.length > 0 || pin === null) {
      return again(absent)
    }
    const atMs = step.site.deps.clock()
    const passwordProved = !atLogin || passwordAtMs !== null
    const result = await finishFirstUse(
      step.site.deps,
      account,
      { activation, pin, passwordProved },
      passcode,
      step.origin,
    )
    if (!result.ok) {
      return result.reason === 'changed'
        ? staged(null, [CHANGED])
        : again([{ field: 'passcode', code: 'passcode_refused' }])
    }
    setDeviceCookie(step, result.cookie)
    return staged({ ...firstUse, done: { atMs, counts: result.counts } })
  },
}

/** What a first use has proved, in a login or beside the password that was proved before. */
const provedBy = ({ sub, passwordAtMs, done }: FirstUseStage, atLogin: boolean): Finished => {
  const { atMs = 0, counts = false } = done ?? {}
  const otp = { sub, atMs, counts }
  if (!atLogin) {
    return finish({ otp })
  }
  if (passwordAtMs === null && !counts) {
    return finish({}) // Nothing that counts was proved: the login begins again.
  }
  const loginAtMs = passwordAtMs ?? atMs
  const login = {
    accountId: sub,
    ts: Math.floor(loginAtMs / 1000),
    atMs: loginAtMs,
    remember: false,
    by: passwordAtMs === null ? 'passcode' : 'password',
  }
  return finish(passwordAtMs === null ? { login } : { login, otp })
}

const doneStage: StagePage = {
  show: (step, { account, firstUse }) =>
    showPage(
      'first_use_done',
      {
        ...formOf(step),
        personName: fullName(account),
        counts: firstUse.done?.counts === true,
        applicationName:
          step.clientId === step.site.portalClientId ? undefined : step.applicationName,
      },
      account,
    ),

  submit: async (_step, { firstUse, atLogin }) => provedBy(firstUse, atLogin),
}

const STAGE_PAGES: Record<Stage, StagePage> = {
  first_use_password: passwordStage,
  first_use_pin: pinStage,
  first_use_passcode: passcodeStage,
  first_use_done: doneStage,
}

/** Whose key it is. Somebody who was disabled meanwhile goes no further. */
const atStage = async (step: Step, firstUse: FirstUseStage, atLogin: boolean): Promise<At> => {
  const { store } = step.site.deps
  const account = await store.accounts.bySub(firstUse.sub)
  if (account === null || account.disabledAt !== null) {
    throw new AppError('session_not_found', 'the account of this first use is gone')
  }
  const policies = await store.policies.current()
  return { firstUse, atLogin, account, policy: policyFor(policies, account) }
}

/** The page of the stage that a first use has come to. */
export const firstUsePages = (firstUse: FirstUseStage, atLogin: boolean): StepPage<Step> => {
  const page = STAGE_PAGES[firstUseStage(firstUse)]
  return {
    show: async (step, _due, { errors }) =>
      page.show(step, await atStage(step, firstUse, atLogin), errors),
    submit: async (step, fields) =>
      page.submit(step, await atStage(step, firstUse, atLogin), fields),
  }
}
