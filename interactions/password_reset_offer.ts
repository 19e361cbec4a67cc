import { offersPasswordReset } from '../accounts/password_reset.ts'
import type { Button } from '../views/pages.ts'
import { csrfToken } from './csrf.ts'
import { interactionPath, type Step } from './step.ts'

/** Where *Forgotten password?* of the login page posts to. */
export const FORGOTTEN_PASSWORD = 'forgotten_password'
/** Where whoever wants another code posts to. */
export const PASSWORD_RESET_AGAIN = 'password_reset_again'
/** Where the way back to the login page posts to. */
export const PASSWORD_RESET_BACK = 'password_reset_back'

type Name = typeof FORGOTTEN_PASSWORD | typeof PASSWORD_RESET_AGAIN | typeof PASSWORD_RESET_BACK

export const passwordResetButton = (
  { site, uid }: Pick<Step, 'site' | 'uid'>,
  name: Name,
): Button => ({ action: `${interactionPath(uid)}/${name}`, csrf: csrfToken(site, uid, name) })

/** *Forgotten password?*, where codes can be mailed and some policy allows it. */
export const forgottenPassword = async (step: Step): Promise<Button | undefined> =>
  (await offersPasswordReset(step.site.deps))
    ? passwordResetButton(step, FORGOTTEN_PASSWORD)
    : undefined
