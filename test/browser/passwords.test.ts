import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { forceChange } from '../../accounts/force_change.ts'
import { cardOf, handOut } from '../support/handed_out.ts'
import { at, isWithin, NARROW, send } from '../support/real_browser.ts'
import { DAY_MS, PASSWORD, type School } from '../support/school.ts'
import { CODE, openPremises, type Premises, READERS, refusalOn, visitsOf } from './visits.ts'

const OWN = 'Marronnier-Encre-58'
const LATER = 'Girouette-Lavande-93'
const TYPES = ['student', 'teacher'] as const

let premises: Premises
beforeAll(async () => {
  premises = await openPremises()
})
afterEach(() => premises.windows.clear())
afterAll(() => premises.stop())

/** What is said under the field while somebody types; waited for, as it is only said after a pause. */
const said = (page: Page, text: string): Promise<void> =>
  page.locator('[data-judge]', { hasText: text }).waitFor()

/** Types in the field that has the focus, key by key. */
const type = (page: Page, text: string): Promise<void> => page.keyboard.type(text, { delay: 2 })

const focused = (page: Page): Promise<string | null> =>
  page.locator(':focus').first().getAttribute('name')

/** On to the next field by the keyboard, past the buttons that show what was typed. */
const tabTo = async (page: Page, name: string): Promise<void> => {
  for (let tries = 0; tries < 12; tries += 1) {
    if ((await page.locator(`[name=${name}]:focus`).count()) === 1) {
      return
    }
    await page.keyboard.press('Tab')
  }
  throw new Error(`${name} is not reached by the keyboard, but ${await focused(page)}`)
}

const isSaid = (page: Page): Promise<string | null> => page.textContent('[data-judge]')

/** The three ways of the school to have passwords changed, in a real browser. */
describe.each(READERS)('passwords that have to be changed, in $locale', (reader) => {
  const visits = visitsOf(() => premises, reader, ['login', 'portal'])
  const { t, person, newPage, met, metPlainly, open, signIn, elsewhere, mailed } = visits

  const somebody = (name: string, userType: (typeof TYPES)[number]) =>
    person(`${name}.${userType}`, { userType, protection: 'none' })

  const choose = async (page: Page, password: string): Promise<void> => {
    await page.fill('input[name=new_password]', password)
    await page.fill('input[name=confirm_password]', password)
    await send(page)
  }

  const setBack = async (school: School, identifier: string, days: number): Promise<void> => {
    const { sub, password } = await school.account(identifier)
    if (password !== null) {
      const setAt = password.setAt - days * DAY_MS
      await school.gateway.core.deps.store.accounts.setPassword(sub, { ...password, setAt })
    }
  }

  describe.each(TYPES)('a %s', (userType) => {
    it('personalises the temporary password of a card, by the keyboard alone', async () => {
      const account = await somebody('carte', userType)
      const { identifier } = account
      const cards = await handOut(premises.school, { identifiers: [identifier] })
      const { password } = cardOf(cards, identifier)
      const page = await newPage({ viewport: NARROW })
      await open(page, '/')
      await at(page, 'login')
      await tabTo(page, 'identifier')
      await type(page, identifier)
      await tabTo(page, 'password')
      await type(page, password)
      await page.keyboard.press('Enter')
      await met(page, 'change_password', 'change_password_temporary')
      expect(await page.textContent('.lead')).toBe(
        t('change_password.temporary', { name: 'Hélène Lefèvre' }),
      )

      await tabTo(page, 'new_password')
      await type(page, 'court')
      await said(page, t('errors.password_short', { min: 12 }))
      await type(page, ' Hélène Lefèvre')
      await said(page, t('errors.password_personal'))
      expect(await isWithin(page)).toBe(true)
      await page.keyboard.press('Control+A')
      await type(page, OWN)
      await said(page, t('password_rules.good'))
      await met(page, 'change_password', 'change_password_judged')
      await tabTo(page, 'confirm_password')
      await type(page, OWN)
      await page.keyboard.press('Enter')
      await at(page, 'portal')

      const again = await elsewhere(account, password)
      await at(again, 'login')
      expect(await refusalOn(again)).toContain(t('errors.login_refused'))
      await signIn(again, account, OWN)
      await at(again, 'portal')
    })

    it('changes one that has expired, without JavaScript', async () => {
      const account = await somebody('expire', userType)
      await premises.school.policies({
        [userType]: { passwords: { force_change_at_expiration: true, max_lifetime_days: 90 } },
      })
      await setBack(premises.school, account.identifier, 91)
      const page = await newPage({ javaScriptEnabled: false, viewport: NARROW })
      await signIn(page, account)
      await metPlainly(page, 'change_password')
      expect(await page.textContent('.lead')).toBe(
        t('change_password.expired', { name: 'Hélène Lefèvre' }),
      )
      expect(await isSaid(page)).toBe('')
      await choose(page, 'Hélène Lefèvre')
      await metPlainly(page, 'change_password')
      expect(await refusalOn(page)).toContain(t('errors.password_personal'))
      await choose(page, OWN)
      await metPlainly(page, 'portal')
      await premises.school.policies({ [userType]: {} })
    })

    it('changes one at the next connection, in the session that is open', async () => {
      const account = await somebody('force', userType)
      const page = await elsewhere(account)
      await at(page, 'portal')
      const tab = await page.context().newPage()
      const { deps } = premises.school.gateway.core
      const forced = await forceChange(
        deps,
        { identifiers: [account.identifier] },
        { olderThanRules: false, by: 'test', dryRun: false },
      )
      expect(forced.forced).toBe(1)
      await page.reload()
      await met(page, 'change_password', 'change_password_required')
      expect(await page.textContent('.lead')).toBe(
        t('change_password.required', { name: 'Hélène Lefèvre' }),
      )
      // Nothing but the change: not in another tab, nor by going back.
      await open(tab, '/account/password')
      await at(tab, 'change_password')
      await page.goBack()
      await page.waitForLoadState('domcontentloaded')
      await open(page, '/')
      await at(page, 'change_password')
      await page.fill('input[name=new_password]', PASSWORD)
      await page.fill('input[name=confirm_password]', PASSWORD)
      await send(page)
      await met(page, 'change_password', 'change_password_same')
      expect(await refusalOn(page)).toContain(t('errors.password_same'))
      await choose(page, LATER)
      await at(page, 'portal')
      await tab.reload()
      await at(tab, 'account_password')
    })
  })

  it('is judged on the page of the account, too', async () => {
    const account = await somebody('compte', 'teacher')
    const page = await elsewhere(account)
    await open(page, '/account/password')
    await met(page, 'account_password')
    await page.fill('input[name=current_password]', PASSWORD)
    await page.focus('input[name=new_password]')
    await type(page, '628193047561')
    await said(page, t('errors.password_digits_only'))
    await met(page, 'account_password', 'account_password_judged')
    await page.keyboard.press('Control+A')
    await type(page, OWN)
    await said(page, t('password_rules.good'))
    // What is said goes with what it was said of.
    await page.fill('input[name=new_password]', '')
    await page.locator('[data-judge]:empty').waitFor({ state: 'attached' })
    await choose(page, OWN)
    await met(page, 'account_password', 'account_password_done')
    await at(await elsewhere(account, OWN), 'portal')
  })

  it('says nothing where there is no answer, and keeps nobody from sending the form', async () => {
    const account = await somebody('muet', 'teacher')
    const page = await elsewhere(account)
    await page.route('**/account/password/judge', (route) => route.abort())
    await open(page, '/account/password')
    await at(page, 'account_password')
    await page.fill('input[name=current_password]', PASSWORD)
    await page.focus('input[name=new_password]')
    const failed = page.waitForEvent('requestfailed')
    await type(page, 'court')
    await failed
    expect(await isSaid(page)).toBe('')
    await choose(page, OWN)
    await at(page, 'account_password')
    await at(await elsewhere(account, OWN), 'portal')
  })

  it('is judged when a forgotten one is replaced', async () => {
    const account = await somebody('oubli', 'teacher')
    const { accounts } = premises.school.gateway.core.deps.store
    await accounts.setVerifiedEmail(account.sub, account.email)
    const page = await newPage()
    await open(page, '/')
    await at(page, 'login')
    await page.fill('input[name=identifier]', account.identifier)
    await send(page, page.locator('form[action$="/forgotten_password"] button'))
    await met(page, 'password_reset')
    expect(await page.inputValue('input[name=identifier]')).toBe(account.identifier)
    await send(page)
    await met(page, 'password_reset_code')
    await page.fill('input[name=code]', (await mailed(account, CODE)).found)
    await send(page)
    await met(page, 'password_reset_define')
    await page.focus('input[name=new_password]')
    await type(page, 'Hélène Lefèvre')
    await said(page, t('errors.password_personal'))
    await page.keyboard.press('Control+A')
    await type(page, OWN)
    await said(page, t('password_rules.good'))
    await choose(page, OWN)
    await met(page, 'login', 'login_password_reset')
    await signIn(page, account, OWN)
    await at(page, 'portal')
  })

  it('meets no page whose script failed or that its own rules refused', () => {
    expect(premises.windows.complaints).toEqual([])
  })
})
