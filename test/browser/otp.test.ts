import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { giveKey, type HeldKey, KEY_PIN } from '../support/otp_key.ts'
import {
  at,
  isWithin,
  keyIn,
  NARROW,
  openWindows,
  PATIENCE_MS,
  picture,
  send,
  submit,
  type Windows,
} from '../support/real_browser.ts'
import { PASSWORD, type School } from '../support/school.ts'
import { type SchoolWithWorkspace, startWithWorkspace } from '../support/workspace.ts'

describe('a key in a real browser, in French', () => {
  let premises: SchoolWithWorkspace
  let school: School
  let windows: Windows

  const newPage = (options?: BrowserContextOptions): Promise<Page> => windows.newPage(options)

  const signIn = async (page: Page, identifier: string, secret: string): Promise<void> => {
    await page.goto(premises.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', identifier)
    await page.fill('input[name=password]', secret)
    await send(page)
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
    premises = await startWithWorkspace()
    school = premises.school
    windows = await openWindows({ locale: 'fr-FR' })
  })
  afterEach(() => windows.clear())
  afterAll(async () => {
    await windows.close()
    await premises.stop()
  })

  it('is put in service, from its digits to the application, and signs in from then on', async () => {
    const key = await assigned('h.lefevre', null)
    const page = await newPage()
    await signIn(page, 'h.lefevre', key.code())
    await at(page, 'first_use_pin')
    await picture(page, '1_pin')
    await keyIn(page, KEY_PIN)
    await submit(page)
    await page.fill('input[name=confirm_pin]', KEY_PIN)
    await send(page)
    await at(page, 'first_use_passcode')
    // The second, where the code has changed by itself meanwhile.
    expect(await page.textContent('h1')).toMatch(
      /^(Attendez que le code de votre clé change|Saisissez le nouveau code de votre clé)$/,
    )
    await picture(page, '2_passcode')
    await page.fill('input[name=passcode]', `${KEY_PIN}000000`)
    await send(page)
    await page.waitForSelector('.notice-error')
    await picture(page, '3_refused')
    // A key whose clock is half a code ahead shows the next one already.
    await page.fill('input[name=passcode]', await key.freshPasscode())
    await send(page)
    await at(page, 'first_use_done')
    expect(await page.textContent('h1')).toContain('Votre code PIN est défini')
    await picture(page, '4_done')
    await send(page)
    await at(page, 'signed_in')
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
    const page = await newPage({ viewport: NARROW })
    await signIn(page, 'i.inspectrice', PASSWORD)
    await at(page, 'otp')
    await picture(page, '5_otp_320')
    expect(await isWithin(page)).toBe(true)
    const gauge = page.locator('[data-gauge]')
    const before = await gauge.textContent()
    await expect.poll(() => gauge.textContent(), { timeout: PATIENCE_MS }).not.toBe(before)
    await page.fill('input[name=passcode]', key.passcode())
    expect(await page.inputValue('input[name=passcode]')).toBe(key.passcode())
    await send(page)
    await at(page, 'signed_in')
    expect(await page.textContent('[data-claim=acr]')).toContain('urn:vestibule:acr:otp')
  })

  it('can be put in service without JavaScript, on the narrowest screen, after the password', async () => {
    const key = await assigned('sans.script', PASSWORD)
    const page = await newPage({ javaScriptEnabled: false, viewport: NARROW })
    const visit = async (expected: string): Promise<void> => {
      await at(page, expected)
      expect(await isWithin(page)).toBe(true)
      await picture(page, `6_${expected}_no_script`)
    }
    await signIn(page, 'sans.script', key.code())
    await visit('first_use_password')
    await page.fill('input[name=password]', PASSWORD)
    await send(page)
    await visit('first_use_pin')
    await page.fill('input[name=new_pin]', KEY_PIN)
    await page.fill('input[name=confirm_pin]', KEY_PIN)
    await send(page)
    await visit('first_use_passcode')
    await page.fill('input[name=passcode]', await key.freshPasscode())
    await send(page)
    await visit('first_use_done')
    await send(page)
    await at(page, 'signed_in')
  })

  it('can be put in service with the keyboard alone', async () => {
    const key = await assigned('au.clavier', null)
    const page = await newPage()
    await page.goto(premises.url)
    await page.click('main button.primary')
    await page.fill('input[name=identifier]', 'au.clavier')
    await page.keyboard.press('Tab')
    await page.keyboard.type(key.code())
    await page.keyboard.press('Enter')
    await at(page, 'first_use_pin')
    await page.waitForSelector('input[name=new_pin]:focus')
    await page.keyboard.type(KEY_PIN)
    await page.keyboard.press('Enter')
    await page.keyboard.type(KEY_PIN)
    await page.keyboard.press('Enter')
    await at(page, 'first_use_passcode')
    await page.waitForSelector('input[name=passcode]:focus')
    await page.keyboard.type(await key.freshPasscode())
    await page.keyboard.press('Enter')
    await at(page, 'first_use_done')
    await page.keyboard.press('Tab')
    await page.locator('main form button[type=submit]').press('Enter')
    await at(page, 'signed_in')
  })
})
