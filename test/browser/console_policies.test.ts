import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { enterByHand, signInByHand } from '../support/console_window.ts'
import {
  at,
  barriersOn,
  isWithin,
  NARROW,
  openWindows,
  picture,
  send,
  type Windows,
} from '../support/real_browser.ts'
import { DAY_MS, type PersonWishes, PIN, type School, startSchool } from '../support/school.ts'

let school: School
let windows: Windows
let admin: Page
beforeAll(async () => {
  school = await startSchool(
    { smtp_url: 'smtp://127.0.0.1:9', mail_from: 'securite@tilleuls.example' },
    { realClock: true },
  )
  windows = await openWindows({ locale: 'en-GB' })
})
afterAll(async () => {
  await windows.close()
  await school.stop()
})

const signIn = async (page: Page, path: string, identifier: string): Promise<void> => {
  await page.goto(`${school.issuer}${path}`)
  await signInByHand(page, identifier)
}

/** Signs in to the policies, as an administrator does. */
const enter = (options: Parameters<Windows['newPage']>[0] = {}): Promise<Page> =>
  enterByHand(school, windows, { path: '/admin/policies', step: 'console/policies_type' }, options)

beforeEach(async () => {
  admin = await enter()
})
afterEach(() => windows.clear())

const box = (name: string) => `input[name="${name}"]`
const typeIs = async (page: Page, type: string): Promise<void> => {
  await page.click(`.policy-types a[href$="/${type}"]`)
  await page.locator(`.policy-types a[href$="/${type}"][aria-current=page]`).waitFor()
}
const button = (page: Page, label: string) => page.getByRole('button', { name: label })

const save = async (page: Page, why: string): Promise<void> => {
  await send(page, button(page, 'See what this changes'))
  await at(page, 'console/policies_preview')
  await page.fill('input[name=why]', why)
  await send(page, button(page, 'Save and put in force'))
  await at(page, 'console/policies_type')
  await page.locator('.notice-done').waitFor()
}

/** Somebody signs in on a new device. */
const arrives = async (wishes: Partial<PersonWishes>): Promise<Page> => {
  const account = await school.person(wishes)
  const page = await windows.newPage()
  await signIn(page, '/', account.identifier)
  return page
}

describe('the guides of administrators, walked in a browser', () => {
  it('imposes the PIN for teachers and staff: only Enter a PIN code is left ticked', async () => {
    await admin.uncheck(box('protections.notification'))
    await admin.uncheck(box('protections.none'))
    await admin.check(box('also'))
    await save(admin, 'Council of 12 September')
    for (const userType of ['teacher', 'staff'] as const) {
      const page = await arrives({ userType, protection: 'none' })
      await at(page, 'define_pin')
      expect(await page.locator('input[name=define_pin]').count()).toBe(0)
    }
    const student = await arrives({ userType: 'student', protection: 'none' })
    await at(student, 'portal')
    expect(windows.complaints).toEqual([])
  })

  it('abolishes the PIN: it is kept, and not asked', async () => {
    await typeIs(admin, 'teacher')
    await admin.check(box('protections.notification'))
    await admin.check(box('protections.none'))
    await admin.uncheck(box('protections.pin'))
    await send(admin, button(admin, 'See what this changes'))
    await at(admin, 'console/policies_preview')
    expect(await admin.textContent('.notice-warning')).toContain(
      'whoever knows a password needs nothing else',
    )
    await admin.fill('input[name=why]', 'Asked by the council')
    await send(admin, button(admin, 'Save and put in force'))
    const page = await arrives({ userType: 'teacher', pin: PIN })
    await page.locator('main').waitFor()
    expect(await page.getAttribute('main', 'data-step')).not.toBe('pin')
  })

  it('allows and withdraws the self-service reset of a forgotten PIN', async () => {
    await typeIs(admin, 'guardian')
    await admin.uncheck(box('pin.self_service_reset'))
    await save(admin, 'Desk only')
    const wishes = { userType: 'guardian', pin: PIN, email: 'g@tilleuls.example' } as const
    const without = await arrives(wishes)
    await at(without, 'pin')
    expect(await without.getByText('Reset my PIN code').count()).toBe(0)
    await admin.check(box('pin.self_service_reset'))
    await save(admin, 'By mail again')
    const withReset = await arrives(wishes)
    await at(withReset, 'pin')
    expect(await withReset.getByText('Reset my PIN code').count()).toBeGreaterThan(0)
  })

  it('forces the change at expiration, after a maximum lifetime', async () => {
    await typeIs(admin, 'inspector')
    await admin.check(box('passwords.force_change_at_expiration'))
    await admin.fill(box('passwords.max_lifetime_days'), '90')
    await save(admin, 'Rectorat')
    const account = await school.person({ userType: 'inspector', protection: 'none' })
    const { accounts } = school.gateway.core.deps.store
    const password = account.password
    if (password === null) throw new Error('no password')
    const setAt = password.setAt - 91 * DAY_MS
    await accounts.setPassword(account.sub, { ...password, setAt })
    const page = await windows.newPage()
    await signIn(page, '/', account.identifier)
    await at(page, 'change_password')
    const young = await arrives({ userType: 'inspector', protection: 'none' })
    await at(young, 'portal')
  })

  it('tries a draft first, in the simulator, and is undone with a reason', async () => {
    await typeIs(admin, 'internship_counsellor')
    await admin.uncheck(box('protections.pin'))
    await admin.uncheck(box('protections.notification'))
    await send(admin, button(admin, 'Try it first'))
    await at(admin, 'console/simulator')
    expect(await admin.locator('.screen strong').allTextContents()).toEqual([
      'Identifier and password',
    ])
    await picture(admin, 'console_simulator')
    expect(await barriersOn(admin, 'light')).toEqual([])
    await admin.goto(`${school.issuer}/admin/policies/internship_counsellor`)
    await admin.fill(box('pin.tries'), '5')
    await save(admin, 'By mistake')
    await admin.getByRole('link', { name: 'Versions' }).click()
    await at(admin, 'console/policies_versions')
    await picture(admin, 'console_versions')
    expect(await barriersOn(admin, 'light')).toEqual([])
    await admin.locator('tbody tr').first().getByRole('link').click()
    await at(admin, 'console/policies_version')
    await admin.getByRole('link', { name: 'Go back to before it' }).click()
    await at(admin, 'console/policies_undo')
    expect(await barriersOn(admin, 'light')).toEqual([])
    await admin.fill('input[name=why]', 'A mistake')
    await send(admin, button(admin, 'Put the rules of before in force'))
    await at(admin, 'console/policies_versions')
    const { internship_counsellor: policy } =
      await school.gateway.core.deps.store.policies.current()
    expect(policy.pin.tries).toBe(3)
  })
})

describe('the pages of policies', () => {
  it('bar nobody, fit a phone, and are looked at', async () => {
    await typeIs(admin, 'teacher')
    await picture(admin, 'console_policies')
    expect(await barriersOn(admin, 'light')).toEqual([])
    expect(await barriersOn(admin, 'dark')).toEqual([])
    await admin.fill(box('pin.tries'), '5')
    await admin.fill(box('passwords.min_length'), '15')
    await send(admin, button(admin, 'See what this changes'))
    await at(admin, 'console/policies_preview')
    await picture(admin, 'console_policies_preview')
    expect(await barriersOn(admin, 'light')).toEqual([])
    const phone = await enter({ viewport: NARROW })
    expect(await isWithin(phone)).toBe(true)
    await phone.goto(`${school.issuer}/admin/simulator`)
    expect(await isWithin(phone)).toBe(true)
  })

  it('work without scripts', async () => {
    const plain = await enter({ javaScriptEnabled: false })
    await typeIs(plain, 'student')
    await plain.fill(box('pin.tries'), '4')
    await save(plain, 'No scripts')
    expect((await school.gateway.core.deps.store.policies.current()).student.pin.tries).toBe(4)
  })
})
