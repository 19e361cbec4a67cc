import { fullName, type Locale } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { MAILED_CODE_MINUTES } from '../accounts/mailed_code.ts'
import {
  offersPasswordReset,
  type PasswordResetRequest,
  provePasswordReset,
  requestPasswordReset,
  resetPasswordByMail,
  whoseReset,
} from '../accounts/password_reset.ts'
import { IDENTIFIER_LENGTH_MAX } from '../accounts/sign_in.ts'
import type { FormError } from '../views/pages.ts'
import { type Fields, missingFields } from './form.ts'
import { judgeButton } from './judge_password.ts'
import { localeOf } from './locale.ts'
import { loginPageAfter } from './login.ts'
import { newPasswordErrors, readNewPassword } from './new_password.ts'
import { HELP_PATH } from './page.ts'
import {
  PASSWORD_RESET_AGAIN,
  PASSWORD_RESET_BACK,
  passwordResetButton,
} from './password_reset_offer.ts'
import { passwordRules } from './password_rules.ts'
import type { Site } from './site.ts'
import {
  type Answer,
  again,
  formOf,
  type PasswordResetStage,
  type Staged,
  type Step,
  type StepPage,
  type Submitted,
  showPage,
  staged,
} from './step.ts'

const STAGES = ['password_reset', 'password_reset_code', 'password_reset_define'] as const
type Stage = (typeof STAGES)[number]

/** The page that a reset has come to; in the end that of the login. */
export const passwordResetStage = ({
  codeId,
  proved,
  done,
}: PasswordResetStage): Stage | 'login' => {
  if (done) {
    return 'login'
  }
  if (codeId === null) {
    return 'password_reset'
  }
  return proved ? 'password_reset_define' : 'password_reset_code'
}

export const beginReset = (identifier: string): PasswordResetStage => ({
  kind: 'password_reset',
  identifier,
  sub: null,
  codeId: null,
  proved: false,
  done: false,
})

/** The code is too old by now, another sign-in was quicker, or the account is not what it was. */
const OVER: FormError = { code: 'mailed_code_refused' }

/** Why a reset leads nowhere any more, to be said on the login page; null: it goes on. */
export const whyResetIsOver = async (
  { deps }: Pick<Site, 'deps'>,
  { sub, codeId, proved, done }: PasswordResetStage,
): Promise<readonly FormError[] | null> => {
  if (done) {
    return null
  }
  if (!(await offersPasswordReset(deps))) {
    return []
  }
  return proved && (await whoseReset(deps, sub, codeId ?? '')) === null ? [OVER] : null
}

const REFUSED: Readonly<Record<NonNullable<PasswordResetRequest['refused']>, FormError>> = {
  too_many: { code: 'mails_too_many' },
  too_many_today: { code: 'mails_too_many' },
  too_many_here: { code: 'mails_too_many_here' },
}

/** Nobody is known yet: the language is that of the browser. */
const localeOfPage = ({ ctx, site, params }: Step): Locale =>
  localeOf(ctx, { uiLocales: params['ui_locales'], fallback: site.defaultLocale })

/** Asks for a code, or for another one; the stage that this leads to, whoever it is for. */
export const askForCode = async (
  step: Step,
  before: PasswordResetStage,
  identifier: string,
): Promise<Staged> => {
  const { site, uid, origin } = step
  const asking = { boundTo: uid, locale: localeOfPage(step) }
  const asked = await requestPasswordReset(site.deps, identifier, asking, origin)
  const { refused, sub, codeId } = asked
  return staged(
    { ...before, identifier, sub, codeId: codeId ?? before.codeId },
    refused === null ? [] : [REFUSED[refused]],
  )
}

const NOT_PROVED: Readonly<Record<'wrong' | 'too_many_here', FormError>> = {
  wrong: { field: 'code', code: 'mailed_code_refused' },
  too_many_here: { code: 'mails_too_many_here' },
}

interface StagePage {
  show(
    step: Step,
    stage: PasswordResetStage,
    errors: readonly FormError[],
  ): Promise<Answer> | Answer
  submit(step: Step, stage: PasswordResetStage, fields: Fields): Promise<Submitted>
}

const identifierPage: StagePage = {
  show: (step, { identifier }, errors) =>
    showPage('password_reset', {
      ...formOf(step, errors),
      identifier,
      back: passwordResetButton(step, PASSWORD_RESET_BACK),
      helpHref: HELP_PATH,
    }),

  submit: async (step, stage, fields) => {
    const identifier = fields.text('identifier').trim().slice(0, IDENTIFIER_LENGTH_MAX)
    const absent = missingFields({ identifier })
    return absent.length > 0
      ? staged({ ...stage, identifier }, absent)
      : askForCode(step, stage, identifier)
  },
}

const codePage: StagePage = {
  show: (step, { identifier }, errors) =>
    showPage('password_reset_code', {
      ...formOf(step, errors),
      identifier,
      minutes: MAILED_CODE_MINUTES,
      again: passwordResetButton(step, PASSWORD_RESET_AGAIN),
      back: passwordResetButton(step, PASSWORD_RESET_BACK),
      helpHref: HELP_PATH,
    }),

  submit: async (step, stage, fields) => {
    const typed = fields.digits('code')
    const absent = missingFields({ code: typed })
    if (absent.length > 0) {
      return again(absent)
    }
    const code = { id: stage.codeId ?? '', boundTo: step.uid, typed }
    const proved = await provePasswordReset(step.site.deps, stage.sub, code, step.origin)
    return proved === 'right' ? staged({ ...stage, proved: true }) : again([NOT_PROVED[proved]])
  },
}

/**
 * The session of this browser ends with all the others; a sign-in that an application asked for
 * beside it (`prompt=login`) must not end with it, so that it goes on without one.
 */
const leaveSession = async ({ site, uid }: Step, sub: string): Promise<void> => {
  const now = await site.provider.Interaction.find(uid)
  if (now?.session?.accountId === sub) {
    Object.assign(now, { session: undefined })
    await now.persist()
  }
}

const definePage: StagePage = {
  show: async (step, { sub, codeId }, errors) => {
    const whose = await whoseReset(step.site.deps, sub, codeId ?? '')
    if (whose === null) {
      throw new AppError('session_not_found', 'the reset was over a moment ago')
    }
    const { account, policy } = whose
    return showPage(
      'password_reset_define',
      {
        ...formOf(step, errors),
        personName: fullName(account),
        identifier: account.identifier,
        rules: passwordRules(policy, judgeButton(step)),
        back: passwordResetButton(step, PASSWORD_RESET_BACK),
      },
      account,
    )
  },

  submit: async (step, stage, fields) => {
    const { site, origin } = step
    const codeId = stage.codeId ?? ''
    const { typed, unread } = readNewPassword(site, stage.sub ?? '', fields)
    if (unread.length > 0) {
      return again(unread)
    }
    const whose = await whoseReset(site.deps, stage.sub, codeId)
    if (whose === null) {
      return staged(null, [OVER])
    }
    const endEverything = async (sub: string): Promise<void> => {
      await leaveSession(step, sub)
      await site.endEverything(sub)
    }
    const proved = { ...whose, codeId }
    const reset = await resetPasswordByMail(site.deps, endEverything, proved, typed, origin)
    if (reset.ok) {
      return staged({ ...stage, done: true })
    }
    return reset.refusals.some(({ reason }) => reason === 'changed_meanwhile')
      ? staged(null, [OVER])
      : again(newPasswordErrors(reset.refusals))
  },
}

const STAGE_PAGES: Record<Stage, StagePage> = {
  password_reset: identifierPage,
  password_reset_code: codePage,
  password_reset_define: definePage,
}

/** The page that the replacement of a forgotten password has come to. */
export const passwordResetPages = (stage: PasswordResetStage): StepPage<Step> => {
  const name = passwordResetStage(stage)
  if (name === 'login') {
    return loginPageAfter(stage)
  }
  const page = STAGE_PAGES[name]
  return {
    show: (step, _due, { errors }) => page.show(step, stage, errors),
    submit: (step, fields) => page.submit(step, stage, fields),
  }
}
