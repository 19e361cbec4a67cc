import { giveConsent, refuseConsent } from '../accounts/consents.ts'
import type { NextStep } from '../policies/next_step.ts'
import { LEARNT, type Learnt } from '../views/pages.ts'
import { backToApplication } from './dead_ends.ts'
import {
  again,
  finish,
  formOf,
  type PersonStep,
  personOf,
  type StepPage,
  showPage,
} from './step.ts'

type Due = Extract<NextStep, { step: 'consent' }>

/** What people call that which a claim tells. */
const LEARNT_BY: Readonly<Record<string, Learnt>> = {
  name: 'name',
  given_name: 'name',
  family_name: 'name',
  preferred_username: 'identifier',
  locale: 'language',
  email: 'email',
  user_type: 'user_type',
  establishments: 'establishments',
  classes: 'classes',
  children: 'children',
  offline_access: 'while_away',
}

/** In the order of the list, whatever was asked first. */
export const learntBy = (learns: readonly string[]): Learnt[] => {
  const codes = new Set(learns.map((claim) => LEARNT_BY[claim]))
  return LEARNT.filter((code) => codes.has(code))
}

/** Before an application that is not the establishment's own learns anything of the person. */
export const consentPage: StepPage<PersonStep> = {
  show: (step, due) => {
    const { reason, learns } = due as Due
    return showPage(
      'consent',
      {
        ...formOf(step),
        ...personOf(step),
        applicationName: step.applicationName,
        reason,
        learns: learntBy(learns),
      },
      step.account,
    )
  },

  submit: async ({ site, account, clientId, origin }, fields, due) => {
    const { deps } = site
    if (fields.text('answer') !== 'allow') {
      await refuseConsent(deps, { sub: account.sub, clientId }, origin)
      return backToApplication('access_denied', 'the person does not allow it')
    }
    const { learns } = due as Due
    // What it is registered for may have grown since: nobody allows what they were not shown.
    if (fields.text('learns') !== learntBy(learns).join(' ')) {
      return again([])
    }
    await giveConsent(deps, { sub: account.sub, clientId, learns }, origin)
    return finish({ consent: { sub: account.sub, atMs: deps.clock() } })
  },
}
