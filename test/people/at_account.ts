import type { Browser, View } from '../support/browser.ts'
import { MINUTE_MS, PASSWORD, PIN, type School } from '../support/school.ts'

/** A page of the account, as its address names it. */
export type At = 'sessions' | 'history' | 'password' | 'address' | 'language' | 'data'

export interface Secrets {
  readonly password?: string
  readonly pin?: string
}

/** Types what the pages before ask for: the password, the PIN. */
export const prove = async (
  browser: Browser,
  identifier: string,
  { password = PASSWORD, pin = PIN }: Secrets = {},
): Promise<View> => {
  if (browser.view.step === 'login') {
    await browser.submit({ identifier, password })
  }
  return browser.view.step === 'pin' ? browser.submit({ pin }) : browser.view
}

/** Opens a page of somebody's account, signing in where that is asked. */
export const openAccount = async (
  browser: Browser,
  page: At,
  identifier: string,
  secrets?: Secrets,
): Promise<Browser> => {
  await browser.open(`/account/${page}`)
  await prove(browser, identifier, secrets)
  if (browser.view.step !== `account_${page}`) {
    throw new Error(`at ${browser.view.url} (step ${browser.view.step})`)
  }
  return browser
}

/** The form of a page of the account that holds a field, or that goes to an address. */
export const formOf = (page: At, form: string): string => `form[action="/account/${page}/${form}"]`

/** Long enough for a proof not to be fresh any more. */
export const muchLater = (school: School): void => school.later(6 * MINUTE_MS)

/** What was typed before the proof: the one box in the place of the forms. */
export const isKept = ({ html }: View): boolean => html.querySelector('[name=kept]') !== null

/** What was just done, as the page tells it. */
export const doneOn = ({ html }: View): string =>
  html.querySelector('main [role=status]')?.text.trim() ?? ''
