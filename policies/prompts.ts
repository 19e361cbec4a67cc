import type { KoaContextWithOIDC } from 'oidc-provider'
import { type interactionPolicy as InteractionPolicy, interactionPolicy } from 'oidc-provider'
import { type NextStep, STEPS } from './next_step.ts'

/** Steps that have a prompt, and a page, of their own. `login` and `consent` are the OP's. */
export type PromptStep = Exclude<NextStep['step'], 'login' | 'consent' | 'done'>

/** What an application gets for `prompt=none`, OpenID Connect Core §3.1.2.6; RFC 9470 for `unmet`. */
const ERROR_WITHOUT_PAGE: Record<PromptStep, string> = {
  unmet: 'unmet_authentication_requirements',
  otp: 'login_required',
  pin: 'login_required',
  change_password: 'interaction_required',
  define_pin: 'interaction_required',
  device: 'interaction_required',
  refused: 'access_denied',
}

const isPromptStep = (step: NextStep['step']): step is PromptStep => step in ERROR_WITHOUT_PAGE

const { Check, Prompt } = interactionPolicy

/**
 * The OP's prompts made of the deciding function: each fires when `decide` names its step, with
 * the decision as the details of the interaction.
 *
 * The built-in `acr` checks go: they would ask for the login again and again where only a PIN is
 * missing. So do the checks of `consent`, for ours: applications of the establishment need none, and
 * one of them that sends `prompt=consent` out of habit is let through.
 */
export const stepPrompts = (
  decide: (ctx: KoaContextWithOIDC) => Promise<NextStep>,
): InteractionPolicy.DefaultPolicy => {
  const prompts = interactionPolicy.base()
  const login = prompts.get('login')
  const consent = prompts.get('consent')
  if (login === undefined || consent === undefined) {
    throw new Error('oidc-provider: the base policy has no login or no consent prompt')
  }
  login.checks.remove('essential_acr')
  login.checks.remove('essential_acrs')
  login.checks.add(
    new Check(
      'login_due',
      'End-User authentication is required',
      'login_required',
      async (ctx) => (await decide(ctx)).step === 'login',
      async (ctx) => ({ due: await decide(ctx) }),
    ),
  )
  consent.checks.clear()
  consent.checks.add(
    new Check(
      'consent_due',
      'End-User consent is required',
      'consent_required',
      async (ctx) => (await decide(ctx)).step === 'consent',
      async (ctx) => ({ due: await decide(ctx) }),
    ),
  )
  const ours = STEPS.filter(isPromptStep).map(
    (step) =>
      new Prompt(
        { name: step, requestable: false },
        new Check(
          `${step}_due`,
          `${step} is due`,
          ERROR_WITHOUT_PAGE[step],
          async (ctx) => (await decide(ctx)).step === step,
          async (ctx) => ({ due: await decide(ctx) }),
        ),
      ),
  )
  prompts.splice(prompts.indexOf(consent), 0, ...ours)
  return prompts
}
