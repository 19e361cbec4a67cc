import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../demo/free_port.ts'
import { startWorkspace } from '../../demo/workspace.ts'
import { startChromium } from '../support/chromium.ts'
import { giveKey, type HeldKey, KEY_PIN } from '../support/otp_key.ts'
import { PASSWORD, type School, startSchool } from '../support/school.ts'

const SECRET = 'secret-of-the-workspace-in-the-tests'
/** Where pictures of the pages go, for whoever wants to look at them. */
const PICTURES = process.env['VESTIBULE_TEST_PICTURES']

const step = (page: Page): Promise<string | null> => page.getAttribute('main', 'data-step')

const submit = (page: Page): Promise<void> =>
  page.locator('main form button[type=submit]:visible').first().click()

const picture = async (page: Page, name: string): Promise<void> => {
  if (PICTURES !== undefined) {
    await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true })
  }
}

/** Nothing is cut off or to be scrolled sideways. */
const isWithin = (page: Page): Promise<boolean> =>
  page.locator('html').evaluate((html) => html.scrollWidth <= html.clientWidth)

describe('a key in a real browser, in French', () => {
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

  const signIn = async (page: Page, identifier: string, secret: string): Promise<void> => {
    await page.goto(workspace.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', identifier)
    await page.fill('input[name=password]', secret)
    await submit(page)
  }

  const assigned = async (identifier: string, password: string | null): Promise<HeldKey> => {
    const person = await school.person({
      identifier,
      userType: 'staff',
      givenName: 'Hélène',
      familyName: 'Lefèvre',
      password,
      protection: 'none',
    })
    return giveKey(school, person.sub, { state: 'assigned' })
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

  it('is put in service, from its digits to the application, and signs in from then on', async () => {
    const key = await assigned('h.lefevre', null)
    const page = await newPage()
    await signIn(page, 'h.lefevre', key.code())
    expect(await step(page)).toBe('first_use_pin')
    await picture(page, '1_pin')
    for (const digit of KEY_PIN) {
      await page.click(`[data-keypad] [data-digit="${digit}"]`)
    }
    await submit(page)
    await page.fill('input[name=confirm_pin]', KEY_PIN)
    await submit(page)
    await page.waitForSelector('main[data-step=first_use_passcode]')
    // The second, where the code has changed by itself meanwhile.
    expect(await page.textContent('h1')).toMatch(
      /^(Attendez que le code de votre clé change|Saisissez le nouveau code de votre clé)$/,
    )
    await picture(page, '2_passcode')
    await page.fill('input[name=passcode]', `${KEY_PIN}000000`)
    await submit(page)
    await page.waitForSelector('.notice-error')
    await picture(page, '3_refused')
    // A key whose clock is half a code ahead shows the next one already.
    await page.fill('input[name=passcode]', await key.freshPasscode())
    await submit(page)
    await page.waitForSelector('main[data-step=first_use_done]')
    expect(await page.textContent('h1')).toContain('Votre code PIN est défini')
    await picture(page, '4_done')
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:otp')
  })

  it('asks for its passcode with the time left, which counts down', async () => {
    const person = await school.person({
      identifier: 'i.inspectrice',
      userType: 'inspector',
      protection: 'none',
    })
    await school.policies({ inspector: { otp: 'required' } })
    const key = await giveKey(school, person.sub)
    const page = await newPage({ viewport: { width: 320, height: 640 } })
    await signIn(page, 'i.inspectrice', PASSWORD)
    expect(await step(page)).toBe('otp')
    await picture(page, '5_otp_320')
    expect(await isWithin(page)).toBe(true)
    const gauge = page.locator('[data-gauge]')
    const before = await gauge.textContent()
    await expect.poll(() => gauge.textContent()).not.toBe(before)
    await page.fill('input[name=passcode]', key.passcode())
    expect(await page.inputValue('input[name=passcode]')).toBe(key.passcode())
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:otp')
  })

  it('can be put in service without JavaScript, on the narrowest screen, after the password', async () => {
    const key = await assigned('sans.script', PASSWORD)
    const page = await newPage({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } })
    const visit = async (expected: string): Promise<void> => {
      expect(await step(page)).toBe(expected)
      const width = await page.locator('html').evaluate((html) => html.scrollWidth)
      expect(width).toBeLessThanOrEqual(320)
      await picture(page, `6_${expected}_no_script`)
    }
    await signIn(page, 'sans.script', key.code())
    await visit('first_use_password')
    await page.fill('input[name=password]', PASSWORD)
    await submit(page)
    await visit('first_use_pin')
    await page.fill('input[name=new_pin]', KEY_PIN)
    await page.fill('input[name=confirm_pin]', KEY_PIN)
    await submit(page)
    await visit('first_use_passcode')
    await page.fill('input[name=passcode]', await key.freshPasscode())
    await submit(page)
    await visit('first_use_done')
    await submit(page)
    await page.waitForSelector('main[data-page=signed_in]')
  })

  it('can be put in service with the keyboard alone', async () => {
    const key = await assigned('au.clavier', null)
    const page = await newPage()
    await page.goto(workspace.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', 'au.clavier')
    await page.keyboard.press('Tab')
    await page.keyboard.type(key.code())
    await page.keyboard.press('Enter')
    await page.waitForSelector('main[data-step=first_use_pin]')
    await page.keyboard.type(KEY_PIN)
    await page.keyboard.press('Enter')
    await page.keyboard.type(KEY_PIN)
    await page.keyboard.press('Enter')
    await page.waitForSelector('main[data-step=first_use_passcode]')
    await page.keyboard.type(await key.freshPasscode())
    await page.keyboard.press('Enter')
    await page.waitForSelector('main[data-step=first_use_done]')
    await page.keyboard.press('Tab')
    await page.locator('main form button[type=submit]').press('Enter')
    await page.waitForSelector('main[data-page=signed_in]')
  })
})
