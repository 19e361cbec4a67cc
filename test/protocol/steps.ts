import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { APPLICATIONS, PASSWORD, PIN } from '../support/school.ts'

export const ACR_PASSWORD = 'urn:vestibule:acr:password'
export const ACR_PIN = 'urn:vestibule:acr:pin'
export const ACR_OTP = 'urn:vestibule:acr:otp'
export const REFEDS_MFA = 'https://refeds.org/profile/mfa'

export const [ENT] = APPLICATIONS

/** Another application like the ENT, under a name of its own. */
export const application = (clientId: string, more: Record<string, unknown> = {}) => ({
  ...ENT,
  client_id: clientId,
  client_name: clientId,
  ...more,
})

type Secrets = { password?: string; pin?: string }

/** Types what the pages ask for: the password, then the PIN where one is due. */
export const answer = async (
  browser: Browser,
  identifier: string,
  { password = PASSWORD, pin = PIN }: Secrets = {},
): Promise<View> => {
  const view =
    browser.view.step === 'login' ? await browser.submit({ identifier, password }) : browser.view
  return view.step === 'pin' ? browser.submit({ pin }) : view
}

/** From the application and back to it, signed in. */
export const signIn = async (
  relyingParty: RelyingParty,
  browser: Browser,
  identifier: string,
  parameters?: Record<string, string>,
) => {
  await relyingParty.start(browser, parameters)
  await answer(browser, identifier)
  return relyingParty.finish(browser)
}

/** What the application was told in place of a code. */
export const errorAt = ({ view }: Browser): string | null =>
  view.step === 'callback' ? view.url.searchParams.get('error') : null

/** An application asks without showing a page: its error, or null when it gets a code. */
export const silently = async (
  relyingParty: RelyingParty,
  browser: Browser,
  parameters: Record<string, string> = {},
): Promise<string | null> => {
  await relyingParty.start(browser, { prompt: 'none', ...parameters })
  if (browser.view.step !== 'callback') {
    throw new Error(`prompt=none led to ${browser.view.url} (step ${browser.view.step})`)
  }
  return errorAt(browser)
}
