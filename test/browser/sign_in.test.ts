import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../demo/free_port.ts'
import { startWorkspace } from '../../demo/workspace.ts'
import { startChromium } from '../support/chromium.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'

const SECRET = 'secret-of-the-workspace-in-the-tests'

const step = (page: Page): Promise<string | null> => page.getAttribute('main', 'data-step')

/** Types the digits on the keypad that the page shows. */
const keyIn = async (page: Page, digits: string): Promise<void> => {
  for (const digit of digits) {
    await page.click(`[data-keypad] [data-digit="${digit}"]`)
  }
}

const submit = (page: Page): Promise<void> =>
  page.locator('main form button[type=submit]:visible').first().click()

describe('in a real browser, with the demonstration workspace', () => {
  let school: School
  let workspace: Awaited<ReturnType<typeof startWorkspace>>
  let chromium: Browser
  const opened: BrowserContext[] = []

  const newPage = async (options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> => {
    const context = await chromium.newContext({ locale: 'fr-FR', ...options })
    opened.push(context)
    const page = await context.newPage()
    page.setDefaultTimeout(8_000)
    return page
  }

  const signIn = async (page: Page, identifier: string): Promise<void> => {
    await page.goto(workspace.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', identifier)
    await page.fill('input[name=password]', PASSWORD)
    await submit(page)
  }

  beforeAll(async () => {
    const port = await freePort(0)
    const url = `http://127.0.0.1:${port}`
    school = await startSchool(
      {
        applications: [
          {
            client_id: 'workspace',
            client_name: 'Espace numérique',
            client_secret: SECRET,
            redirect_uris: [`${url}/callback`],
            post_logout_redirect_uris: [`${url}/signed-out`],
            backchannel_logout_uri: `${url}/backchannel-logout`,
            backchannel_logout_session_required: true,
            grant_types: ['authorization_code', 'refresh_token'],
            scope: 'openid profile email school offline_access',
            client_uri: url,
          },
        ],
      },
      { realClock: true },
    )
    workspace = await startWorkspace({
      issuer: school.issuer,
      clientId: 'workspace',
      clientSecret: SECRET,
      host: '127.0.0.1',
      port,
    })
    chromium = await startChromium()
  })
  afterAll(async () => {
    await chromium.close()
    await workspace.close()
    await school.stop()
  })

  it('a teacher defines a PIN on the keypad, names the device, and signs in next time with the password alone', async () => {
    await school.person({ identifier: 'h.lefevre', givenName: 'Hélène', familyName: 'Lefèvre' })
    const page = await newPage()
    await signIn(page, 'h.lefevre')
    expect(await step(page)).toBe('define_pin')
    expect(await page.isChecked('input[name=define_pin]')).toBe(true)
    await keyIn(page, PIN)
    await submit(page)
    await keyIn(page, PIN)
    await submit(page)
    await page.waitForSelector('main[data-step=device]')
    expect(await page.isChecked('input[name=remember_device]')).toBe(false)
    await page.check('input[name=remember_device]')
    await page.fill('input[name=device_name]', 'Salle 201')
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:pin')

    await page.context().clearCookies({ name: 'vestibule_session' })
    await page.context().clearCookies({ name: 'workspace_session' })
    await signIn(page, 'h.lefevre')
    await page.waitForSelector('main[data-page=signed_in]')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:password')

    const elsewhere = await newPage()
    await signIn(elsewhere, 'h.lefevre')
    expect(await step(elsewhere)).toBe('pin')
    await keyIn(elsewhere, PIN)
    await submit(elsewhere)
    await elsewhere.waitForSelector('main[data-page=signed_in]')

    await page.context().clearCookies({ name: 'vestibule_device' })
    await page.context().clearCookies({ name: 'vestibule_session' })
    await page.context().clearCookies({ name: 'workspace_session' })
    await signIn(page, 'h.lefevre')
    expect(await step(page)).toBe('pin')
  })

  it('the grade book asks exactly for the PIN, and signing out ends the session everywhere', async () => {
    await school.person({ identifier: 'k.benaissa', pin: PIN })
    const page = await newPage({ locale: 'en-GB' })
    await signIn(page, 'k.benaissa')
    await page.fill('input[name=pin]', PIN)
    await page.check('input[name=remember_device]')
    await page.fill('input[name=device_name]', "Teachers' lounge")
    await page.keyboard.press('Enter')
    await page.waitForSelector('main[data-page=signed_in]')
    await page.context().clearCookies({ name: 'vestibule_session' })
    await page.context().clearCookies({ name: 'workspace_session' })
    await signIn(page, 'k.benaissa')
    await page.waitForSelector('main[data-page=signed_in]')

    await page.click('[data-act=grade_book] button')
    await page.waitForSelector('main[data-step=pin]')
    expect(await page.locator('input[name=password]').count()).toBe(0)
    await page.fill('input[name=pin]', PIN)
    await submit(page)
    await page.waitForSelector('[data-notice=grade_book_open]')

    await page.click('[data-act=sign_out] button')
    await page.waitForSelector('main[data-page=home]')
    await page.click('main button.primary')
    await page.waitForSelector('main[data-step=login]')
  })

  it('without JavaScript a pupil signs in with the same pages', async () => {
    await school.person({ identifier: 'chloe.duprat', userType: 'student' })
    const page = await newPage({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } })
    await signIn(page, 'chloe.duprat')
    expect(await step(page)).toBe('define_pin')
    await page.fill('input[name=new_pin]', PIN)
    await page.fill('input[name=confirm_pin]', PIN)
    await submit(page)
    expect(await step(page)).toBe('device')
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
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
    await page.waitForSelector('main[data-step=device]')
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
    const { sub } = await school.account('a.duprat')
    const notices = await school.gateway.core.deps.store.notices.list(sub, 5)
    expect(notices.map(({ code }) => code)).toEqual(['new_connection', 'protection_chosen'])
  })

  it('the back button after a wrong password leads to a page, and so does a reload', async () => {
    await school.person({ identifier: 'back.button', pin: PIN })
    const page = await newPage({ locale: 'en-GB' })
    await page.goto(workspace.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', 'back.button')
    await page.fill('input[name=password]', 'not this one')
    await submit(page)
    await page.waitForSelector('.notice-error')
    expect(await page.inputValue('input[name=identifier]')).toBe('back.button')
    await page.reload()
    expect(await step(page)).toBe('login')
    await page.fill('input[name=password]', PASSWORD)
    await submit(page)
    await page.waitForSelector('main[data-step=pin]')
    await page.fill('input[name=pin]', '0000')
    await submit(page)
    await page.waitForSelector('.notice-error')
    await page.goBack()
    expect(await step(page)).toBe('pin')
    // The password page is behind: that is said in words of ours, with a way on.
    await page.goBack()
    expect(await step(page)).toBe('error')
    await page.click('main a.button')
    expect(await step(page)).toBe('pin')
    await page.fill('input[name=pin]', PIN)
    await submit(page)
    await page.waitForSelector('main[data-step=portal]')
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
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')

    await page.click('[data-act=again] button')
    await page.fill('input[name=identifier]', 'a.chateau')
    await page.fill('input[name=password]', PASSWORD)
    await submit(page)
    await page.waitForSelector('main[data-step=pin]')
    await page.fill('input[name=pin]', PIN)
    await submit(page)
    expect(await step(page)).toBe('pin')
    await page.fill('input[name=pin]', '5927')
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
    expect(await page.textContent('[data-claim=preferred_username]')).toBe('a.chateau')
  })
})
