import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  at,
  keyIn,
  keyInTwice,
  NARROW,
  openWindows,
  send,
  type Windows,
} from '../support/real_browser.ts'
import { PASSWORD, PIN, type School } from '../support/school.ts'
import { type SchoolWithWorkspace, startWithWorkspace } from '../support/workspace.ts'

describe('in a real browser, with the demonstration workspace', () => {
  let premises: SchoolWithWorkspace
  let school: School
  let windows: Windows

  const newPage = (options?: BrowserContextOptions): Promise<Page> => windows.newPage(options)

  const signIn = async (page: Page, identifier: string): Promise<void> => {
    await page.goto(premises.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', identifier)
    await page.fill('input[name=password]', PASSWORD)
    await send(page)
  }

  beforeAll(async () => {
    premises = await startWithWorkspace()
    school = premises.school
    windows = await openWindows({ locale: 'fr-FR' })
  })
  afterEach(() => windows.clear())
  afterAll(async () => {
    await windows.close()
    await premises.stop()
  })

  it('a teacher defines a PIN on the keypad, names the device, and signs in next time with the password alone', async () => {
    await school.person({ identifier: 'h.lefevre', givenName: 'Hélène', familyName: 'Lefèvre' })
    const page = await newPage()
    await signIn(page, 'h.lefevre')
    await at(page, 'define_pin')
    expect(await page.isChecked('input[name=define_pin]')).toBe(true)
    await keyInTwice(page, PIN)
    await at(page, 'device')
    expect(await page.isChecked('input[name=remember_device]')).toBe(false)
    await page.check('input[name=remember_device]')
    await page.fill('input[name=device_name]', 'Salle 201')
    await send(page)
    await at(page, 'signed_in')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:pin')

    await page.context().clearCookies({ name: 'vestibule_session' })
    await page.context().clearCookies({ name: 'workspace_session' })
    await signIn(page, 'h.lefevre')
    await at(page, 'signed_in')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:password')

    const elsewhere = await newPage()
    await signIn(elsewhere, 'h.lefevre')
    await at(elsewhere, 'pin')
    await keyIn(elsewhere, PIN)
    await send(elsewhere)
    await at(elsewhere, 'signed_in')

    await page.context().clearCookies({ name: 'vestibule_device' })
    await page.context().clearCookies({ name: 'vestibule_session' })
    await page.context().clearCookies({ name: 'workspace_session' })
    await signIn(page, 'h.lefevre')
    await at(page, 'pin')
  })

  it('the grade book asks exactly for the PIN, and signing out ends the session everywhere', async () => {
    await school.person({ identifier: 'k.benaissa', pin: PIN })
    const page = await newPage({ locale: 'en-GB' })
    await signIn(page, 'k.benaissa')
    await page.fill('input[name=pin]', PIN)
    await page.check('input[name=remember_device]')
    await page.fill('input[name=device_name]', "Teachers' lounge")
    await page.keyboard.press('Enter')
    await at(page, 'signed_in')
    await page.context().clearCookies({ name: 'vestibule_session' })
    await page.context().clearCookies({ name: 'workspace_session' })
    await signIn(page, 'k.benaissa')
    await at(page, 'signed_in')

    await page.click('[data-act=grade_book] button')
    await at(page, 'pin')
    expect(await page.locator('input[name=password]').count()).toBe(0)
    await page.fill('input[name=pin]', PIN)
    await send(page)
    await page.waitForSelector('[data-notice=grade_book_open]')

    await page.click('[data-act=sign_out] button')
    await at(page, 'home')
    await page.click('main button.primary')
    await at(page, 'login')
  })

  it('without JavaScript a pupil signs in with the same pages', async () => {
    await school.person({ identifier: 'chloe.duprat', userType: 'student' })
    const page = await newPage({ javaScriptEnabled: false, viewport: NARROW })
    await signIn(page, 'chloe.duprat')
    await at(page, 'define_pin')
    await page.fill('input[name=new_pin]', PIN)
    await page.fill('input[name=confirm_pin]', PIN)
    await send(page)
    await at(page, 'device')
    await send(page)
    await at(page, 'signed_in')
  })

  it('with the keyboard alone a guardian chooses notification only', async () => {
    await school.person({ identifier: 'a.duprat', userType: 'guardian' })
    const page = await newPage()
    await signIn(page, 'a.duprat')
    await page.focus('input[name=define_pin]')
    await page.keyboard.press('Space')
    await page.focus('input[name=protection][value=notification]')
    await page.keyboard.press('Space')
    await page.keyboard.press('Enter')
    await at(page, 'device')
    await send(page)
    await at(page, 'signed_in')
    const { sub } = await school.account('a.duprat')
    const notices = await school.gateway.core.deps.store.notices.list(sub, 5)
    expect(notices.map(({ code }) => code)).toEqual(['new_connection', 'protection_chosen'])
  })

  it('the back button after a wrong password leads to a page, and so does a reload', async () => {
    await school.person({ identifier: 'back.button', pin: PIN })
    const page = await newPage({ locale: 'en-GB' })
    await page.goto(premises.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', 'back.button')
    await page.fill('input[name=password]', 'not this one')
    await send(page)
    await page.waitForSelector('.notice-error')
    expect(await page.inputValue('input[name=identifier]')).toBe('back.button')
    await page.reload()
    await at(page, 'login')
    await page.fill('input[name=password]', PASSWORD)
    await send(page)
    await at(page, 'pin')
    await page.fill('input[name=pin]', '0000')
    await send(page)
    await page.waitForSelector('.notice-error')
    await page.goBack()
    await at(page, 'pin')
    // The password page is behind: that is said in words of ours, with a way on.
    await page.goBack()
    await at(page, 'error')
    await page.click('main a.button')
    await at(page, 'pin')
    await page.fill('input[name=pin]', PIN)
    await send(page)
    await at(page, 'portal')
  })

  it('the PIN field is no password to a password manager, and shows no digit', async () => {
    await school.person({ identifier: 'f.guerin', pin: PIN })
    const page = await newPage()
    await signIn(page, 'f.guerin')
    const field = page.locator('input[name=pin]')
    expect(await field.getAttribute('autocomplete')).toBe('one-time-code')
    expect(await field.getAttribute('type')).not.toBe('password')
    expect(await field.getAttribute('inputmode')).toBe('numeric')
    // The mask of a field that is no password. A text: this file is checked without the DOM.
    const hidden = await page.evaluate(
      "getComputedStyle(document.querySelector('input[name=pin]')).webkitTextSecurity",
    )
    expect(hidden).toBe('disc')
  })

  it('a sign-in for another person on a shared computer does not inherit the PIN', async () => {
    await school.person({ identifier: 'l.kerveadou', pin: PIN })
    await school.person({ identifier: 'a.chateau', userType: 'inspector', pin: '5927' })
    const page = await newPage()
    await signIn(page, 'l.kerveadou')
    await page.fill('input[name=pin]', PIN)
    await send(page)
    await at(page, 'signed_in')

    await page.click('[data-act=again] button')
    await page.fill('input[name=identifier]', 'a.chateau')
    await page.fill('input[name=password]', PASSWORD)
    await send(page)
    await at(page, 'pin')
    await page.fill('input[name=pin]', PIN)
    await send(page)
    await at(page, 'pin')
    await page.fill('input[name=pin]', '5927')
    await send(page)
    await at(page, 'signed_in')
    expect(await page.textContent('[data-claim=preferred_username]')).toBe('a.chateau')
  })
})
