import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { keyIn, keyInTwice, NARROW, send, submit } from '../support/real_browser.ts'
import { PASSWORD, PIN } from '../support/school.ts'
import {
  CODE,
  NOT_ME,
  openPremises,
  type Premises,
  READERS,
  refusalOn,
  SIGN_IN_PAGES,
  visitsOf,
} from './visits.ts'

const NEW_PIN = '5928'
const RESET = 'form[action$="/pin_reset"] button'

let premises: Premises
beforeAll(async () => {
  premises = await openPremises()
})
afterEach(() => premises.windows.clear())
afterAll(() => premises.stop())

/** What users of such systems are told that they can do, guide by guide, in a real browser. */
describe.each(READERS)('protecting one’s account, in $locale', (reader) => {
  const visits = visitsOf(() => premises, reader, SIGN_IN_PAGES)
  const { t, person, newPage, met, metPlainly, open, signIn, mailed } = visits
  const { elsewhere, byPin, passDevice, prove, addDevice } = visits

  /** From *Reset my PIN code* to the portal, with the mail that came. */
  const resetByMail = async (page: Page, account: Account): Promise<void> => {
    await send(page, page.locator(RESET))
    await met(page, 'pin_reset_code')
    const { mail, found } = await mailed(account, CODE)
    expect(mail.headers.get('subject')).toBe(t('mails.pin_reset_code.subject'))
    await page.fill('input[name=code]', found === '000000' ? '000001' : '000000')
    await send(page)
    expect(await refusalOn(page)).toContain(t('errors.mailed_code_refused'))
    await page.fill('input[name=code]', found)
    await send(page)
    await met(page, 'pin_reset_define')
    await keyInTwice(page, NEW_PIN)
    await passDevice(page)
  }

  it('defines a PIN at the first connection, and adds a device under a telling name', async () => {
    const account = await person('h.premiere')
    const page = await elsewhere(account)
    await met(page, 'define_pin')
    expect(await page.isChecked('input[name=define_pin]')).toBe(true)
    await keyInTwice(page, PIN)
    await met(page, 'device')
    await addDevice(page, 'PC')
    await met(page, 'device', 'device_vague')
    expect(await page.textContent('#device_name-hint')).toContain(t('device_offer.vague'))
    await addDevice(page, 'Salle 201')
    await met(page, 'portal')
    await page.context().clearCookies({ name: 'vestibule_session' })
    await signIn(page, account)
    await met(page, 'portal')
    await byPin(account)
  })

  it('sets a PIN once connected, from the account', async () => {
    const account = await person('h.apres', { protection: 'none' })
    const page = await elsewhere(account)
    await met(page, 'portal')
    await page.click('main a[href="/account"]')
    await met(page, 'account_protection', 'account_protection_no_pin')
    await page.check('#protection-pin')
    await send(page)
    await met(page, 'account_pin', 'account_pin_define')
    expect(await page.locator('input[name=current_pin]').count()).toBe(0)
    await keyInTwice(page, '1234')
    await met(page, 'account_pin', 'account_pin_guessable')
    expect(await refusalOn(page)).toContain(t('errors.pin_guessable_sequence'))
    await keyInTwice(page, PIN)
    await met(page, 'device')
    await addDevice(page, 'Salle 201')
    await met(page, 'account_protection', 'account_protection_pin')
    expect(await page.locator('.notice-done').count()).toBe(1)
    expect(await page.isChecked('#protection-pin')).toBe(true)
    await page.context().clearCookies({ name: 'vestibule_session' })
    await signIn(page, account)
    await met(page, 'portal')
    await byPin(account)
  })

  it('modifies the PIN on a recognised device, where it is proved before', async () => {
    const account = await person('h.modifie', { pin: PIN })
    const page = await elsewhere(account)
    await met(page, 'pin')
    await keyIn(page, PIN)
    await addDevice(page, 'Salle 201')
    await met(page, 'portal')
    await page.context().clearCookies({ name: 'vestibule_session' })
    await signIn(page, account)
    await open(page, '/account')
    await met(page, 'account_protection', 'account_protection_pin')
    await page.click('main a[href="/account/pin"]')
    await met(page, 'account_pin', 'account_pin_change')
    await keyIn(page, PIN)
    await submit(page)
    await page.locator('input[name=new_pin]').waitFor({ state: 'visible' })
    await keyInTwice(page, NEW_PIN)
    await met(page, 'pin')
    await keyIn(page, PIN)
    await send(page)
    await met(page, 'account_pin', 'account_pin_kept')
    await prove(page, account)
    await met(page, 'account_protection')
    expect(await page.locator('.notice-done').count()).toBe(1)
    const other = await elsewhere(account)
    await keyIn(other, PIN)
    await send(other)
    await met(other, 'pin', 'pin_wrong')
    expect(await other.locator('.notice-error').count()).toBe(1)
    await keyIn(other, NEW_PIN)
    await send(other)
    await met(other, 'portal')
  })

  it('disables the PIN: notification only, then no additional security', async () => {
    const account = await person('h.sans', { pin: PIN })
    const page = await byPin(account)
    for (const choice of ['notification', 'none']) {
      await open(page, '/account/protection')
      await page.check(`#protection-${choice}`)
      await send(page)
      await prove(page, account, PIN)
      await met(page, 'account_protection', `account_protection_${choice}`)
      expect(await page.isChecked(`#protection-${choice}`)).toBe(true)
      const other = await elsewhere(account)
      if (choice === 'notification') {
        await passDevice(other)
      }
      await met(other, 'portal')
    }
    expect((await premises.school.account(account.identifier)).pin).toBeNull()
    await mailed(account, NOT_ME)
  })

  it('sees the devices, and deletes one by its button, one by Del, and all', async () => {
    const account = await person('h.appareils', { pin: PIN })
    const adds = async (name: string): Promise<void> => {
      const browser = premises.school.browser()
      await browser.open('/')
      await browser.submit({ identifier: account.identifier, password: PASSWORD })
      await browser.submit({ pin: PIN, remember_device: 'yes', device_name: name })
      expect(browser.view.step).toBe('portal')
    }
    for (const name of ['Salle 101', 'Salle 102', 'Salle 103']) {
      await adds(name)
    }
    const page = await elsewhere(account)
    await met(page, 'pin')
    await keyIn(page, PIN)
    await addDevice(page, 'Salle 201')
    await met(page, 'portal')
    await open(page, '/account/devices')
    await met(page, 'account_devices')
    const rows = page.locator('[data-row]')
    const row = (name: string) => rows.filter({ hasText: name })
    const names = async () => (await rows.locator('h2').allInnerTexts()).join(' ')
    expect(await rows.count()).toBe(4)
    expect(await row('Salle 201').locator('.tag').count()).toBe(1)

    await send(page, row('Salle 101').getByRole('button'))
    await prove(page, account, PIN)
    await met(page, 'account_devices', 'account_devices_deleted')
    expect(await names()).not.toContain('Salle 101')

    await row('Salle 103').focus()
    await Promise.all([page.waitForEvent('domcontentloaded'), page.keyboard.press('Delete')])
    await met(page, 'account_devices')
    expect(await names()).not.toContain('Salle 103')
    expect(await rows.count()).toBe(2)

    const all = page.locator('section[aria-labelledby=all-title] button')
    await send(page, all)
    await met(page, 'account_devices', 'account_devices_none')
    expect(await rows.count()).toBe(0)
    await page.context().clearCookies({ name: 'vestibule_session' })
    await signIn(page, account)
    await met(page, 'pin')
  })

  it('forgets the PIN: a code comes by mail, and other browsers are signed out', async () => {
    const account = await person('h.oublie', { pin: PIN })
    const home = await byPin(account)
    const page = await elsewhere(account)
    await met(page, 'pin')
    await resetByMail(page, account)
    await open(home, '/account')
    await met(home, 'login')
    await byPin(account, NEW_PIN)
  })

  it('resets by mail a PIN that is blocked', async () => {
    const account = await person('h.bloque', { pin: PIN })
    const page = await elsewhere(account)
    for (const wrong of ['5061', '5062', '5063']) {
      await met(page, 'pin')
      await keyIn(page, wrong)
      await send(page)
    }
    await met(page, 'pin', 'pin_blocked')
    expect(await page.locator('input[name=pin]').count()).toBe(0)
    await resetByMail(page, account)
    await byPin(account, NEW_PIN)
  })

  it('resets a PIN without JavaScript, on the narrowest screen', async () => {
    const account = await person('h.sansscript', { pin: PIN })
    const page = await newPage({ javaScriptEnabled: false, viewport: NARROW })
    await open(page, '/')
    await metPlainly(page, 'login')
    await signIn(page, account)
    await metPlainly(page, 'pin')
    await send(page, page.locator(RESET))
    await metPlainly(page, 'pin_reset_code')
    await page.fill('input[name=code]', (await mailed(account, CODE)).found)
    await send(page)
    await metPlainly(page, 'pin_reset_define')
    await page.fill('input[name=new_pin]', NEW_PIN)
    await page.fill('input[name=confirm_pin]', NEW_PIN)
    await send(page)
    await metPlainly(page, 'device')
    await send(page)
    await metPlainly(page, 'portal')
    await byPin(account, NEW_PIN)
  })

  it('meets no page whose script failed or that its own rules refused', () => {
    expect(premises.windows.complaints).toEqual([])
  })
})
