import { offersPinReset } from '../accounts/pin_reset.ts'
import type { Button } from '../views/pages.ts'
import { csrfToken } from './csrf.ts'
import { interactionPath, type PersonStep } from './step.ts'

/** Where *Reset my PIN code* posts to, and whoever wants another code. */
export const PIN_RESET = 'pin_reset'
/** Where the way back to the PIN posts to. */
export const PIN_RESET_BACK = 'pin_reset_back'

export const resetButton = (
  { site, uid }: Pick<PersonStep, 'site' | 'uid'>,
  name: typeof PIN_RESET | typeof PIN_RESET_BACK,
): Button => ({ action: `${interactionPath(uid)}/${name}`, csrf: csrfToken(site, uid, name) })

export const isResetOffered = ({ site, account, policy }: PersonStep): boolean =>
  offersPinReset(site.deps, account, policy)

/** *Reset my PIN code*, where the policy lets people do it by mail. */
export const resetOffer = (step: PersonStep): Button | undefined =>
  isResetOffered(step) ? resetButton(step, PIN_RESET) : undefined
