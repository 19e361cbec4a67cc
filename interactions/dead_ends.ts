import type { NextStep, Wanted } from '../policies/next_step.ts'
import { ACR_LEVELS } from '../policies/proofs.ts'
import type { Pages } from '../views/pages.ts'
import { HELP_PATH } from './page.ts'
import { type Finished, formOf, type PersonStep, type StepPage, showPage } from './step.ts'

type Unmet = Extract<NextStep, { step: 'unmet' }>

/** The application takes nothing less than a passcode; otherwise it is the policy that wants one. */
const insistsOnKey = ({ acr, essential, leastAcr, forThisUserType }: Wanted): boolean => {
  const minimums = [essential ? acr : [], leastAcr === undefined ? [] : [leastAcr]]
  const levels = minimums.map((acrs) =>
    acrs.map((each) => ACR_LEVELS.get(each)).filter((level) => level !== undefined),
  )
  return (
    forThisUserType && levels.some((each) => each.length > 0 && each.every((one) => one === 'otp'))
  )
}

/** Ends the application's request with an OAuth error; the session stays as it was. */
export const backToApplication = (error: string, error_description: string): Finished => ({
  kind: 'finished',
  result: { error, error_description },
})

/** What the application asks this person cannot prove: says why, then back with the error. */
export const unmetPage: StepPage<PersonStep> = {
  show: (step, due) => {
    const reason: Pages['unmet']['reason'] = (due as Unmet).reason
    return showPage(
      'unmet',
      {
        ...formOf(step),
        reason,
        byPolicy: reason === 'no_otp_key' && !insistsOnKey(step.situation.wanted),
        applicationName: step.applicationName,
        helpHref: HELP_PATH,
      },
      step.account,
    )
  },

  // RFC 9470 §4: the requested authentication context cannot be met.
  submit: async () =>
    backToApplication(
      'unmet_authentication_requirements',
      'the person cannot meet the authentication requirements',
    ),
}

/** The sign-in worked; the application is not for this type of user. */
export const refusedPage: StepPage<PersonStep> = {
  show: (step) =>
    showPage(
      'refused',
      { ...formOf(step), applicationName: step.applicationName, portalHref: '/' },
      step.account,
    ),

  submit: async () =>
    backToApplication('access_denied', 'the application is not for this type of user'),
}
