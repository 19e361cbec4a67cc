import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { enterByHand } from '../support/console_window.ts'
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
import { PASSWORD, type School, startSchool } from '../support/school.ts'

let school: School
let windows: Windows

beforeAll(async () => {
  school = await startSchool({}, { realClock: true })
  windows = await openWindows({ locale: 'en-GB' })
  const names = ['Adam', 'Basma', 'Chloé', 'Driss', 'Élodie', 'Fatou', 'Gaël', 'Hana']
  for (const [nth, givenName] of names.entries()) {
    await school.person({
      identifier: `${givenName.toLowerCase()}.lefevre`,
      givenName,
      familyName: 'Lefèvre',
      userType: 'student',
      classes: [nth % 2 === 0 ? '6e A' : '5e B'],
      mustChange: nth === 2,
      password: nth === 3 ? null : PASSWORD,
    })
  }
  for (let nth = 0; nth < 60; nth += 1) {
    await school.person({
      givenName: `Nth${nth}`,
      familyName: 'Zwölfer',
      userType: 'guardian',
      password: null,
    })
  }
})
afterEach(() => windows.clear())
afterAll(async () => {
  await windows.close()
  await school.stop()
})

/** Signs in to the list of people, as a person does. */
const enter = (options: Parameters<Windows['newPage']>[0] = {}): Promise<Page> =>
  enterByHand(school, windows, { path: '/admin/people', step: 'console/people_list' }, options)

const rows = (page: Page): Locator => page.locator('#people tbody tr')
const menu = (page: Page): Locator => page.locator('.act-list')
const said = (page: Page): Locator => page.locator('[data-chosen]')

/** Waits until the list has so many rows. */
const shows = async (page: Page, count: number): Promise<void> => {
  await rows(page)
    .nth(count - 1)
    .waitFor()
  await expect.poll(() => rows(page).count()).toBe(count)
}

const search = async (page: Page, text: string): Promise<void> => {
  await page.focus('#q')
  await page.keyboard.type(text, { delay: 5 })
}

describe('the list of people in a browser', () => {
  it('finds as one types; the focus stays, and what was found is said', async () => {
    const page = await enter()
    await search(page, 'lefevre')
    await shows(page, 8)
    expect(await page.locator('#q:focus').inputValue()).toBe('lefevre')
    await page.locator('[data-find-status]', { hasText: '8 people' }).waitFor({ state: 'attached' })
    expect(new URL(page.url()).search).toBe('?q=lefevre')
    await page.keyboard.type(' ch')
    await shows(page, 1)
    expect(await rows(page).first().textContent()).toContain('Must be changed')
    expect(await page.locator('input[name=filter]').inputValue()).toBe('q=lefevre+ch')
    await page.reload()
    await shows(page, 1)
    await picture(page, 'console_people')
    expect(windows.complaints).toEqual([])
  })

  it('narrows by filters, and says when nobody is left', async () => {
    const page = await enter()
    await page.click('.find-more > summary')
    await page.selectOption('#type', 'student')
    await shows(page, 8)
    await page.selectOption('#password', 'none')
    await shows(page, 1)
    expect(await page.locator('#password:focus').count()).toBe(0)
    await page.fill('#q', 'zw')
    await page.locator('.empty').waitFor()
    expect(await page.textContent('#people-count')).toBe('0 people')
  })

  it('selects all who match by Ctrl+A, also those on other pages', async () => {
    const page = await enter()
    await search(page, 'zwolfer')
    await page.locator('#people-count', { hasText: '60 people' }).waitFor()
    // In the field it selects the text, as everywhere.
    await page.keyboard.press('Control+a')
    expect(await page.locator('[data-one]:checked').count()).toBe(0)
    await page.focus('#people a')
    await page.keyboard.press('Control+a')
    expect(await page.locator('[data-one]:checked').count()).toBe(50)
    expect(await page.locator('#all').isChecked()).toBe(true)
    expect(await said(page).textContent()).toBe('All that match are selected.')
    await page.click('.act-menu > summary')
    await picture(page, 'console_people_menu')
    await send(page, page.locator('button[value=end_sessions]'))
    await at(page, 'console/jobs_act')
    expect(await page.textContent('main')).toContain('60 people')
  })

  it('opens the same menu by the right button, at the pointer, for the row below it', async () => {
    const page = await enter()
    await search(page, 'lefevre')
    await shows(page, 8)
    await page.locator('[data-one]').nth(5).check()
    await rows(page)
      .nth(1)
      .click({ button: 'right', position: { x: 250, y: 10 } })
    await menu(page).waitFor()
    expect(await page.locator('[data-one]:checked').count()).toBe(1)
    expect(await said(page).textContent()).toBe('1 person is selected.')
    const [box, row] = [await menu(page).boundingBox(), await rows(page).nth(1).boundingBox()]
    expect(Math.abs((box?.x ?? 0) - ((row?.x ?? 0) + 250))).toBeLessThan(60)
    await picture(page, 'console_people_right_click')
    await page.keyboard.press('Escape')
    expect(await menu(page).isVisible()).toBe(false)
    // Of several that are selected, none is lost.
    await page.locator('[data-one]').nth(3).check()
    await rows(page).nth(3).click({ button: 'right' })
    expect(await page.locator('[data-one]:checked').count()).toBe(2)
    await send(page, page.locator('button[value=force_change]'))
    await at(page, 'console/jobs_act')
    expect(await page.textContent('main')).toContain('2 people')
  })

  it('can be used by the keyboard alone', async () => {
    const page = await enter()
    await search(page, 'lefevre')
    await shows(page, 8)
    await page.locator('[data-one]').first().focus()
    await page.keyboard.press('Space')
    expect(await said(page).textContent()).toBe('1 person is selected.')
    await page.keyboard.press('Shift+F10')
    await menu(page).waitFor()
    expect(await page.locator('button[value=force_change]:focus').count()).toBe(1)
    await page.keyboard.press('ArrowDown')
    expect(await page.locator('button[value=temporary_passwords]:focus').count()).toBe(1)
    await page.keyboard.press('Escape')
    expect(await page.locator('[data-one]:focus').count()).toBe(1)
    await page.keyboard.press('Shift+F10')
    await Promise.all([page.waitForEvent('domcontentloaded'), page.keyboard.press('Enter')])
    await at(page, 'console/jobs_act')
  })

  it('works without a script', async () => {
    const page = await enter({ javaScriptEnabled: false })
    await page.fill('#q', 'lefevre')
    await send(page, page.locator('#find button[type=submit]'))
    expect(await rows(page).count()).toBe(8)
    await page.locator('[data-one]').nth(2).check()
    await page.click('.act-menu > summary')
    await send(page, page.locator('button[value=force_change]'))
    await at(page, 'console/jobs_act')
    expect(await page.textContent('main')).toContain('1 person')
  })

  it('fits a narrow screen, and stands in nobody’s way', async () => {
    const page = await enter()
    await search(page, 'lefevre')
    await shows(page, 8)
    await page.click('.find-more > summary')
    expect(await barriersOn(page, 'light')).toEqual([])
    await page.setViewportSize(NARROW)
    await page.click('.act-menu > summary')
    expect(await isWithin(page)).toBe(true)
    expect(await barriersOn(page, 'light')).toEqual([])
    await picture(page, 'console_people_narrow')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await barriersOn(page, 'dark')).toEqual([])
    expect(windows.complaints).toEqual([])
  })
})
