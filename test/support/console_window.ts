import type { Page } from 'playwright-core'
import { administrator } from './console.ts'
import { at, keyIn, send, type Windows } from './real_browser.ts'
import { PASSWORD, PIN, type School } from './school.ts'

/** Types identifier and password where a sign-in begins; the next page stands there. */
export const signInByHand = async (page: Page, identifier: string): Promise<void> => {
  await at(page, 'login')
  await page.fill('input[name=identifier]', identifier)
  await page.fill('input[name=password]', PASSWORD)
  await send(page)
}

/** The PIN, on the keypad where the page can show one. */
const givePin = async (page: Page, scripts: boolean): Promise<void> => {
  await at(page, 'pin')
  await (scripts ? keyIn(page, PIN) : page.fill('input[name=pin]', PIN))
  await send(page)
}

/** A new administrator in a window of their own, at a page of the console (`step`). */
export const enterByHand = async (
  school: School,
  windows: Windows,
  { path, step }: { readonly path: string; readonly step: string },
  options: Parameters<Windows['newPage']>[0] = {},
): Promise<Page> => {
  const page = await windows.newPage(options)
  await page.goto(`${school.issuer}${path}`)
  await signInByHand(page, await administrator(school))
  await givePin(page, options.javaScriptEnabled !== false)
  await at(page, step)
  return page
}
