import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lettersTo, WRITES_MAILS } from '../people/letters.ts'
import { startChromium } from '../support/chromium.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'

const NEW_PIN = '5928'
const THIRD_PIN = '7391'
/** Where pictures of the pages go, for whoever wants to look at them. */
const PICTURES = process.env['VESTIBULE_TEST_PICTURES']

const step = (page: Page): Promise<string | null> => page.getAttribute('main', 'data-step')

const submit = (page: Page): Promise<void> =>
  page.locator('main form button[type=submit]:visible').first().click()

const at = (page: Page, name: string): Promise<unknown> =>
  page.waitForSelector(`main[data-step=${name}]`)

const picture = async (page: Page, name: string): Promise<void> => {
  if (PICTURES !== undefined) {
    await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true })
  }
}

/** Digits on the keypad that the page shows. */
const keyIn = async (page: Page, digits: string): Promise<void> => {
  for (const digit of digits) {
    await page.click(`[data-keypad] [data-digit="${digit}"]`)
  }
}

/** A new PIN, stage by stage as the page asks for it. */
const keyInTwice = async (page: Page, pin: string): Promise<void> => {
  await keyIn(page, pin)
  await submit(page)
  await keyIn(page, pin)
  await submit(page)
}

/** The two guides of the seeds: what people are told they can do, in a real browser. */
describe.each([
  { locale: 'fr-FR', reset: 'Réinitialiser mon code PIN', modify: 'Modifier mon code PIN' },
  { locale: 'en-GB', reset: 'Reset my PIN code', modify: 'Modify my PIN code' },
])('protecting one’s account, in $locale', ({ locale, reset, modify }) => {
  let school: School
  let chromium: Browser

  const newPage = async (): Promise<Page> => {
    const context = await chromium.newContext({ locale })
    const page = await context.newPage()
    page.setDefaultTimeout(8_000)
    return page
  }

  /** Identifier and password, then whatever page comes. */
  const signIn = async (page: Page, identifier: string): Promise<void> => {
    await page.fill('input[name=identifier]', identifier)
    await page.fill('input[name=password]', PASSWORD)
    await submit(page)
  }

  /** Proves what a change asks for, and confirms what was typed before. */
  const proveAndConfirm = async (page: Page, identifier: string, pin: string): Promise<void> => {
    if ((await step(page)) === 'login') {
      await signIn(page, identifier)
    }
    if ((await step(page)) === 'pin') {
      await page.fill('input[name=pin]', pin)
      await submit(page)
    }
    const confirm = page.locator('button[name=kept][value=yes]')
    if ((await confirm.count()) > 0) {
      await confirm.click()
    }
  }

  beforeAll(async () => {
    school = await startSchool(WRITES_MAILS, { realClock: true })
    chromium = await startChromium()
  })
  afterAll(async () => {
    await chromium.close()
    await school.stop()
  })

  it('goes from the first connection to a forgotten PIN, a new one, devices and notices', async () => {
    const language = locale.slice(0, 2)
    const identifier = `h.lefevre.${language}`
    const { sub } = await school.person({
      identifier,
      givenName: 'Hélène',
      familyName: 'Lefèvre',
      email: 'helene.lefevre@tilleuls.example',
    })
    // First connection: the PIN is proposed, and the device may be added.
    const home = await newPage()
    await home.goto(school.issuer)
    await signIn(home, identifier)
    expect(await step(home)).toBe('define_pin')
    await keyInTwice(home, PIN)
    await at(home, 'device')
    await home.check('input[name=remember_device]')
    await home.fill('input[name=device_name]', 'Salle 201')
    await submit(home)
    await at(home, 'portal')

    // A new device, and the PIN is forgotten: a code by mail, then another PIN.
    const elsewhere = await newPage()
    await elsewhere.goto(school.issuer)
    await signIn(elsewhere, identifier)
    expect(await step(elsewhere)).toBe('pin')
    await picture(elsewhere, `${language}_1_pin`)
    await elsewhere.getByRole('button', { name: reset }).click()
    await at(elsewhere, 'pin_reset_code')
    await picture(elsewhere, `${language}_2_code`)
    const letter = lettersTo(school, sub).findLast((each) => each.template === 'pin_reset_code')
    await elsewhere.fill('input[name=code]', '000000')
    await submit(elsewhere)
    await elsewhere.waitForSelector('.notice-error')
    await elsewhere.fill(
      'input[name=code]',
      letter?.template === 'pin_reset_code' ? letter.code : '',
    )
    await submit(elsewhere)
    await at(elsewhere, 'pin_reset_define')
    await picture(elsewhere, `${language}_3_define`)
    await keyInTwice(elsewhere, NEW_PIN)
    await elsewhere.waitForSelector('main[data-step=device], main[data-step=portal]')
    if ((await step(elsewhere)) === 'device') {
      await submit(elsewhere)
    }
    await at(elsewhere, 'portal')

    // The first browser has been forgotten and signed out, and asks for the new PIN.
    await home.goto(school.issuer)
    await signIn(home, identifier)
    expect(await step(home)).toBe('pin')
    await home.fill('input[name=pin]', NEW_PIN)
    await home.check('input[name=remember_device]')
    await home.fill('input[name=device_name]', 'Salle 201')
    await submit(home)
    await at(home, 'portal')

    // Modify the PIN.
    await home.goto(`${school.issuer}/account`)
    await at(home, 'account_protection')
    await picture(home, `${language}_4_protection`)
    await home.getByRole('link', { name: modify }).click()
    await at(home, 'account_pin')
    await keyIn(home, NEW_PIN)
    await submit(home)
    await keyInTwice(home, THIRD_PIN)
    await proveAndConfirm(home, identifier, NEW_PIN)
    await at(home, 'account_protection')
    await home.waitForSelector('[role=status]')
    await picture(home, `${language}_5_changed`)

    // The devices, and one deleted with the Del key.
    await home.goto(`${school.issuer}/account/devices`)
    await at(home, 'account_devices')
    expect(await home.textContent('[data-row]')).toContain('Salle 201')
    await picture(home, `${language}_6_devices`)
    await home.locator('[data-row]').first().focus()
    await home.keyboard.press('Delete')
    await proveAndConfirm(home, identifier, THIRD_PIN)
    await at(home, 'account_devices')
    await expect.poll(() => home.locator('[data-row]').count()).toBe(0)

    // Disable the PIN: notification only.
    await home.goto(`${school.issuer}/account/protection`)
    await home.check('#protection-notification')
    await picture(home, `${language}_7_choice`)
    await submit(home)
    await proveAndConfirm(home, identifier, THIRD_PIN)
    await at(home, 'account_protection')
    await expect.poll(async () => (await school.account(identifier)).pin).toBeNull()
    const last = await newPage()
    await last.goto(school.issuer)
    await signIn(last, identifier)
    expect(await step(last)).not.toBe('pin')
    const told = lettersTo(school, sub).flatMap((each) =>
      each.template === 'notice' ? [each.code] : [],
    )
    expect(told).toEqual(
      expect.arrayContaining(['pin_reset_by_mail', 'pin_changed', 'protection_changed']),
    )
  })
})
