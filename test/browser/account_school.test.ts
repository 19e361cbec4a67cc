import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { resetPin } from '../../accounts/administer.ts'
import { giveKey } from '../support/otp_key.ts'
import { keyIn, keyInTwice, send, stepOf } from '../support/real_browser.ts'
import { DAY_MS, PIN } from '../support/school.ts'
import { NOT_ME, openPremises, type Premises, READERS, refusalOn, visitsOf } from './visits.ts'

const NEW_PIN = '7391'
const NEW_PASSWORD = 'Marronnier-Encre-58'

let premises: Premises
beforeAll(async () => {
  premises = await openPremises()
})
afterEach(() => premises.windows.clear())
afterAll(() => premises.stop())

/** What the school decides about PINs, and what a stranger's sign-in calls for, in a real browser. */
describe.each(READERS)('an account in the hands of the school, in $locale', (reader) => {
  const visits = visitsOf(() => premises, reader)
  const { t, person, newPage, met, open, signIn, mailed } = visits
  const { elsewhere, byPin, passDevice, addDevice } = visits

  it('sets a PIN that the school imposes, at sign-in; not one that is easily guessed', async () => {
    await premises.school.policies({ guardian: { protections: ['pin'] } })
    const account = await person('h.impose', { userType: 'guardian', birthDate: '1984-03-17' })
    const page = await elsewhere(account)
    await met(page, 'define_pin', 'define_pin_imposed')
    expect(await page.locator('input[name=define_pin]').count()).toBe(0)
    for (const [pin, reason] of [
      [String(new Date().getFullYear()), 'year'],
      ['1703', 'birth_date'],
      ['4321', 'sequence'],
    ] as const) {
      await keyInTwice(page, pin)
      await met(page, 'define_pin', 'define_pin_guessable')
      expect(await refusalOn(page)).toContain(t(`errors.pin_guessable_${reason}`))
    }
    await keyInTwice(page, PIN)
    await met(page, 'device')
    await addDevice(page, 'Salon, ordinateur de Léa')
    await met(page, 'portal')
    expect((await premises.school.account(account.identifier)).pin).not.toBeNull()
    // There is nothing to choose on the account's page, and it says so.
    await open(page, '/account/protection')
    await met(page, 'account_protection', 'account_protection_imposed')
    expect(await page.getByRole('radio').count()).toBe(0)
    await byPin(account)
  })

  it('is given a generated PIN by the school, and changes it at its first use', async () => {
    const account = await person('h.genere', { pin: PIN })
    const { deps, endEverything } = premises.school.gateway.core
    const given = await resetPin(deps, endEverything, account.sub, 'test')
    const pin = given.ok ? given.pin : ''
    const page = await elsewhere(account)
    await met(page, 'pin')
    await keyIn(page, pin)
    await send(page)
    await met(page, 'define_pin', 'define_pin_replace')
    await keyInTwice(page, pin)
    await met(page, 'define_pin')
    expect(await refusalOn(page)).toContain(t('errors.pin_guessable_same'))
    await keyInTwice(page, NEW_PIN)
    await met(page, 'portal')
    await byPin(account, NEW_PIN)
  })

  it('is asked no PIN while the school abolishes it, and the same one as before afterwards', async () => {
    const account = await person('h.aboli', { userType: 'student', pin: PIN })
    const { policies } = premises.school
    await policies({ student: { protections: ['notification', 'none'] } })
    const page = await elsewhere(account)
    await passDevice(page)
    await open(page, '/account/protection')
    await met(page, 'account_protection', 'account_protection_abolished')
    expect(await page.locator('#pin-title, #protection-pin').count()).toBe(0)
    await open(page, '/account/pin')
    expect(await stepOf(page)).not.toBe('account_pin')

    await policies({ student: {} })
    const later = await byPin(account)
    await open(later, '/account/protection')
    await met(later, 'account_protection')
    expect(await later.locator('#pin-title').count()).toBe(1)
  })

  it('reacts to a notice: everybody is out, the old password is dead, a key leads back in', async () => {
    const account = await person('h.reagit', { protection: 'notification', userType: 'staff' })
    const key = await giveKey(premises.school, account.sub)
    // In service for long: one that came to the account of late would be doubted too.
    const { otpKeys } = premises.school.gateway.core.deps.store
    await otpKeys.save({ ...(await key.stored()), inServiceAt: Date.now() - 30 * DAY_MS })
    const stranger = await elsewhere(account)
    await passDevice(stranger)

    const page = await newPage()
    await page.goto((await mailed(account, NOT_ME)).found)
    await met(page, 'not_me')
    await open(stranger, '/account')
    await met(stranger, 'account_protection', 'account_protection_notification')
    await send(page)
    await met(page, 'not_me_done')
    await open(stranger, '/account')
    await met(stranger, 'login')

    await signIn(page, account)
    await met(page, 'login', 'login_refused')
    expect(await page.locator('.notice-error').count()).toBe(1)
    await signIn(page, account, key.passcode())
    await met(page, 'change_password')
    await page.fill('input[name=new_password]', NEW_PASSWORD)
    await page.fill('input[name=confirm_password]', NEW_PASSWORD)
    await send(page)
    await passDevice(page)

    await signIn(stranger, account)
    await met(stranger, 'login')
    await passDevice(await elsewhere(account, NEW_PASSWORD))
  })

  it('meets no page whose script failed or that its own rules refused', () => {
    expect(premises.windows.complaints).toEqual([])
  })
})
