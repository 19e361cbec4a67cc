import { expect } from 'vitest'
import type { Browser, View } from '../support/browser.ts'
import { PASSWORD, PIN, type School } from '../support/school.ts'

type Page = 'protection' | 'pin' | 'devices' | 'keys'

const STEP: Record<Page, string> = {
  protection: 'account_protection',
  pin: 'account_pin',
  devices: 'account_devices',
  keys: 'account_keys',
}

/** Proves what is asked on the way, the password and the PIN of whoever has one; adds no device. */
export const prove = async (browser: Browser, identifier: string): Promise<View> => {
  if (browser.view.step === 'login') {
    await browser.submit({ identifier, password: PASSWORD })
  }
  if (browser.view.step === 'pin') {
    await browser.submit({ pin: PIN })
  }
  return browser.view.step === 'device' ? browser.submit({}) : browser.view
}

/** At a page of the account, signed in. */
export const atAccount = async (
  school: School,
  { identifier }: { identifier: string },
  page: Page,
  browser: Browser = school.browser(),
): Promise<Browser> => {
  await browser.open(`/account/${page}`)
  await prove(browser, identifier)
  expect(browser.view.step).toBe(STEP[page])
  return browser
}

/** The form of a page that posts to this address. */
export const formTo = (address: string): { form: string } => ({
  form: `form[action="/account/${address}"]`,
})

/** What was just done, as the page tells it. */
export const doneOn = ({ html }: View): string | undefined =>
  html.querySelector('.notice-done')?.text.trim()

/** What a page asks to confirm, typed before a proof. */
export const isKept = ({ html }: View): boolean => html.querySelector('.kept form') !== null

/** The token of another session's, or another page's, form; as somebody would find it out. */
export const tokenFor = (school: School, sessionUid: string, form: string): string =>
  school.gateway.core.deps.digest('csrf', `${sessionUid}:${form}`)
