import { readFile } from 'node:fs/promises'
import { TOTP } from 'otpauth'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { send } from '../support/real_browser.ts'
import { CODE, openPremises, type Premises, READERS, SIGN_IN_PAGES, visitsOf } from './visits.ts'

const NEW_PASSWORD = 'Marronnier-Encre-58'
const APP_PIN = '7294'
const CODE_MS = 30_000

let premises: Premises
beforeAll(async () => {
  premises = await openPremises()
})
afterEach(() => premises.windows.clear())
afterAll(() => premises.stop())

/** What else the account's own pages are for, in a real browser. */
describe.each(READERS)('one’s account, in $locale', (reader) => {
  const visits = visitsOf(() => premises, reader, SIGN_IN_PAGES)
  const { person, newPage, met, open, signIn, prove, mailed } = visits

  const somebody = (identifier: string) => person(identifier, { protection: 'none' })

  /** At a page of the account, signed in a moment ago. */
  const atPage = async (account: Account, section: string, page?: Page): Promise<Page> => {
    const there = page ?? (await newPage())
    await signIn(there, account)
    await met(there, 'portal')
    await open(there, `/account/${section}`)
    await met(there, `account_${section}`)
    return there
  }

  const isDone = async (page: Page, section: string): Promise<void> => {
    await met(page, `account_${section}`, `account_${section}_done`)
    expect(await page.locator('.notice-done').count()).toBe(1)
  }

  it('ends the session of another browser', async () => {
    const account = await somebody('s.sessions')
    const other = await newPage()
    await signIn(other, account)
    await met(other, 'portal')
    const page = await atPage(account, 'sessions')
    const rows = page.locator('main li.row')
    expect(await rows.count()).toBe(2)
    await send(page, rows.filter({ hasNot: page.locator('.tag') }).getByRole('button'))
    await prove(page, account)
    await isDone(page, 'sessions')
    expect(await rows.count()).toBe(1)
    await open(other, '/account/history')
    await met(other, 'login')
    await open(page, '/account/history')
    await met(page, 'account_history')
  })

  it('changes the password: the old one opens nothing any more', async () => {
    const account = await somebody('s.password')
    const page = await atPage(account, 'password')
    await page.fill('input[name=current_password]', 'not this one')
    await page.fill('input[name=new_password]', NEW_PASSWORD)
    await page.fill('input[name=confirm_password]', NEW_PASSWORD)
    await send(page)
    await met(page, 'account_password', 'account_password_refused')
    expect(await page.locator('#current_password-error').count()).toBe(1)
    await page.fill('input[name=current_password]', 'Tilleul-Papier-27')
    await page.fill('input[name=new_password]', NEW_PASSWORD)
    await page.fill('input[name=confirm_password]', NEW_PASSWORD)
    await send(page)
    await prove(page, account)
    await isDone(page, 'password')
    const other = await newPage()
    await signIn(other, account)
    await met(other, 'login')
    expect(await other.locator('.notice-error').count()).toBe(1)
    await signIn(other, account, NEW_PASSWORD)
    await met(other, 'portal')
  })

  it('has mails sent to an address that is confirmed by a code', async () => {
    const account = await somebody('s.address')
    const page = await atPage(account, 'address')
    const email = `helene.lefevre.${reader.language}@maison.example`
    await page.fill('input[name=email]', email)
    await send(page)
    await prove(page, account)
    await met(page, 'account_address', 'account_address_pending')
    await page.fill('input[name=code]', (await mailed({ ...account, email }, CODE)).found)
    await send(page)
    await isDone(page, 'address')
    expect(await page.textContent('main .facts')).toContain(email)
    expect((await premises.school.account(account.identifier)).verifiedEmail).toBe(email)
  })

  it('switches to another language, on this browser and on those to come', async () => {
    const account = await somebody('s.language')
    const chosen = reader.language === 'fr' ? 'en' : 'fr'
    const page = await atPage(account, 'language')
    expect(await page.getAttribute('html', 'lang')).toBe(reader.language)
    await page.check(`#locale-${chosen}`)
    await send(page)
    await prove(page, account)
    await isDone(page, 'language')
    expect(await page.getAttribute('html', 'lang')).toBe(chosen)
    const other = await newPage()
    await open(other, '/')
    expect(await other.getAttribute('html', 'lang')).toBe(reader.language)
    await signIn(other, account)
    await met(other, 'portal')
    expect(await other.getAttribute('html', 'lang')).toBe(chosen)
  })

  it('takes a copy of the data home', async () => {
    const account = await somebody('s.data')
    const page = await atPage(account, 'data')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.click('form[action="/account/data/download"] button'),
    ])
    expect(download.suggestedFilename()).toBe('my-data.json')
    const copy = await readFile(await download.path(), 'utf8')
    expect(JSON.stringify(JSON.parse(copy))).toContain(account.identifier)
    expect(copy).not.toContain('argon2')
  })

  it('adds an authenticator app, and signs in with its passcode in the next browser', async () => {
    const account = await somebody('s.app')
    const page = await atPage(account, 'keys')
    await send(page, page.locator('form[action="/account/keys/app"] button'))
    await prove(page, account)
    await met(page, 'enrol_app')
    await page.click('main details.more summary')
    const secret = (await page.locator('.secret-group').allInnerTexts()).join('')
    const app = new TOTP({ secret })
    await page.fill('input[name=new_pin]', APP_PIN)
    await page.fill('input[name=confirm_pin]', APP_PIN)
    const confirmedAt = Date.now()
    await page.fill('input[name=code]', app.generate({ timestamp: confirmedAt }))
    await send(page)
    await isDone(page, 'keys')
    expect(await page.locator('.key-card').count()).toBe(1)
    const other = await newPage()
    // The code that confirmed the app is used up: the one it shows next.
    const next = app.generate({ timestamp: confirmedAt + CODE_MS })
    await signIn(other, account, APP_PIN + next)
    await met(other, 'portal')
    await open(other, '/account/keys')
    await met(other, 'account_keys', 'account_keys_app')
    expect(await other.locator('.key-card').count()).toBe(1)
  })

  it('meets no page whose script failed or that its own rules refused', () => {
    expect(premises.windows.complaints).toEqual([])
  })
})
