import { loginPage } from './login.ts'
import type { PasswordResetStage, Step, StepPage } from './step.ts'

/** The page that the replacement of a forgotten password has come to. */
export const passwordResetStage = ({ codeId, proved, done }: PasswordResetStage): string => {
  if (done) {
    return 'login'
  }
  if (codeId === null) {
    return 'password_reset'
  }
  return proved ? 'password_reset_define' : 'password_reset_code'
}

export const passwordResetPages = (_stage: PasswordResetStage): StepPage<Step> => loginPage
