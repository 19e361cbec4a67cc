import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { administrator } from '../support/console.ts'
import { signInByHand } from '../support/console_window.ts'
import { giveKey } from '../support/otp_key.ts'
import {
  at,
  barriersOn,
  keyIn,
  keyInTwice,
  openWindows,
  picture,
  send,
  type Windows,
} from '../support/real_browser.ts'
import { type PersonWishes, PIN, type School, startSchool } from '../support/school.ts'

const OWN_PIN = '7295'
const NEW_PASSWORD = 'Girouette-Lavande-93'

let school: School
let windows: Windows

beforeAll(async () => {
  school = await startSchool({}, { realClock: true })
  windows = await openWindows({ locale: 'en-GB', reducedMotion: 'reduce' })
})
afterEach(async () => {
  expect(windows.complaints).toEqual([])
  await windows.clear()
})
afterAll(async () => {
  await windows.close()
  await school.stop()
})

const somebody = (name: string, wishes: Partial<PersonWishes>): Promise<Account> =>
  school.person({ identifier: name, givenName: 'Hélène', familyName: name, pin: PIN, ...wishes })

const signIn = async (page: Page, identifier: string): Promise<void> => {
  await signInByHand(page, identifier)
  await at(page, 'pin')
}

/** An administrator at a page of the console. */
const inConsole = async (path: string): Promise<Page> => {
  const page = await windows.newPage()
  await page.goto(school.issuer + path)
  await signIn(page, await administrator(school))
  await keyIn(page, PIN)
  await send(page)
  return page
}

/** The person on a browser of their own, at the page that asks for the PIN. */
const elsewhere = async ({ identifier }: Account): Promise<Page> => {
  const page = await windows.newPage()
  await page.goto(school.issuer)
  await signIn(page, identifier)
  return page
}

const looked = async (page: Page, name: string): Promise<void> => {
  await picture(page, name)
  expect.soft({ name, found: await barriersOn(page, 'light') }).toEqual({ name, found: [] })
}

describe('generating a new PIN code', () => {
  it.each(['teacher', 'staff'] as const)(
    'lets a %s sign in with it and choose their own',
    async (userType) => {
      const account = await somebody(`pin.${userType}`, { userType })
      const page = await inConsole(`/admin/people/${account.sub}`)
      await at(page, 'console/people_person')
      await looked(page, `person_${userType}`)
      await send(page, page.getByRole('link', { name: 'Generate a new PIN code' }))
      await at(page, 'console/people_one')
      await looked(page, `person_ask_${userType}`)
      await send(page, page.getByRole('button', { name: 'Generate a new PIN code' }))
      await at(page, 'console/people_secret')
      await looked(page, `person_secret_${userType}`)
      const pin = (await page.textContent('.secret'))?.trim() ?? ''
      const theirs = await elsewhere(account)
      await keyIn(theirs, pin)
      await send(theirs)
      await at(theirs, 'define_pin')
      await keyInTwice(theirs, OWN_PIN)
      await at(theirs, 'portal')
      const again = await elsewhere(account)
      await keyIn(again, OWN_PIN)
      await send(again)
      await at(again, 'portal')
    },
  )
})

/** What somebody meets whose password is to be changed. */
const changesPassword = async (account: Account): Promise<void> => {
  const theirs = await elsewhere(account)
  await keyIn(theirs, PIN)
  await send(theirs)
  await at(theirs, 'change_password')
  await theirs.fill('input[name=new_password]', NEW_PASSWORD)
  await theirs.fill('input[name=confirm_password]', NEW_PASSWORD)
  await send(theirs)
  await at(theirs, 'portal')
}

describe('forcing one person to change their password', () => {
  it('from their page', async () => {
    const account = await somebody('force.page', { userType: 'staff' })
    const page = await inConsole(`/admin/people/${account.sub}`)
    await at(page, 'console/people_person')
    await send(page, page.getByRole('button', { name: 'Force password change' }))
    await page.locator('.to-change', { hasText: 'next sign-in' }).waitFor()
    await looked(page, 'person_to_change')
    await changesPassword(account)
  })

  it('from the list', async () => {
    const account = await somebody('force.list', { userType: 'student' })
    const page = await inConsole('/admin/people?q=force.list')
    await at(page, 'console/people_list')
    await page.locator(`input[name="sub_${account.sub}"]`).check()
    await page.locator('details[data-menu] summary').click()
    await send(page, page.locator('button[name=act][value=force_change]'))
    await at(page, 'console/jobs_act')
    await send(page)
    await at(page, 'console/jobs_job')
    await expect
      .poll(async () => (await school.account('force.list')).password?.mustChange, {
        timeout: 20_000,
      })
      .toBe(true)
    await page.goto(`${school.issuer}/admin/people/${account.sub}`)
    await page.locator('.to-change').waitFor()
    await changesPassword(account)
  })
})

describe('the desk of keys', () => {
  it('takes one serial after the other from a scanner, which types and presses Enter', async () => {
    for (const serial of ['K-0001', 'K-0002']) {
      await giveKey(school, '', { serial, state: 'in_stock' })
    }
    const page = await inConsole('/admin/keys')
    await at(page, 'console/keys_desk')
    await looked(page, 'keys_desk')
    for (const serial of ['K-0001', 'K-0002']) {
      await expect.poll(() => page.locator(':focus').getAttribute('name')).toBe('serial')
      await page.keyboard.type(serial)
      await Promise.all([page.waitForEvent('domcontentloaded'), page.keyboard.press('Enter')])
      await page.getByRole('heading', { name: `Key ${serial}` }).waitFor()
    }
    await looked(page, 'keys_key')
  })
})
