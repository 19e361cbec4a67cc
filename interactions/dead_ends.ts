import type { NextStep } from '../policies/next_step.ts'
import type { Pages } from '../views/pages.ts'
import { HELP_PATH } from './page.ts'
import { type Finished, formOf, type PersonStep, type StepPage, showPage } from './step.ts'

type Unmet = Extract<NextStep, { step: 'unmet' }>

/** Ends the application's request with an OAuth error; the session stays as it was. */
const backToApplication = (error: string, error_description: string): Finished => ({
  kind: 'finished',
  result: { error, error_description },
})

/** What the application asks this person cannot prove: says why, then back with the error. */
export const unmetPage: StepPage<PersonStep> = {
  show: (step, due) =>
    showPage(
      'unmet',
      {
        ...formOf(step),
        reason: (due as Unmet).reason satisfies Pages['unmet']['reason'],
        applicationName: step.applicationName,
        helpHref: HELP_PATH,
      },
      step.account,
    ),

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
