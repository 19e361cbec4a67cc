import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { identifierKey } from '../../accounts/account.ts'
import { enterByHand } from '../support/console_window.ts'
import {
  at,
  barriersOn,
  openWindows,
  picture,
  send,
  type Windows,
} from '../support/real_browser.ts'
import { type School, startSchool } from '../support/school.ts'

let school: School
let windows: Windows

beforeAll(async () => {
  school = await startSchool({}, { realClock: true })
  windows = await openWindows({ locale: 'en-GB' })
})
afterEach(() => windows.clear())
afterAll(async () => {
  await windows.close()
  await school.stop()
})

/** Signs in to the imports, as a person does. */
const enter = (options: Parameters<Windows['newPage']>[0] = {}): Promise<Page> =>
  enterByHand(school, windows, { path: '/admin/imports', step: 'console/imports_list' }, options)

const HEADER = 'Nom;Prénom;Login ENT;INE;Classe;Mot de passe'
const line = (prefix: string, nth: number): string =>
  `Lefèvre;Zoé;${prefix}.${nth};${prefix}${nth};6A;Feuille-${nth}`

const upload = async (page: Page, prefix: string, from: number, count: number): Promise<void> => {
  const lines = Array.from({ length: count }, (_, nth) => line(prefix, from + nth))
  const text = [HEADER, ...lines, '=1+1;Zoé;x;y;6A;', ''].join('\r\n')
  const buffer = Buffer.from(text, 'latin1')
  await page.setInputFiles('#file', { name: 'élèves.csv', mimeType: 'text/csv', buffer })
  await send(page, page.getByRole('button', { name: 'Send the file' }))
  await at(page, 'console/imports_columns')
}

/** Says whose file it is, and has it checked. */
const check = async (page: Page, uai: string, leavers: boolean): Promise<void> => {
  await page.selectOption('#fixed_user_type', 'student')
  await page.fill('#fixed_establishments', uai)
  if (leavers) {
    await page.check('#leavers')
    await page.fill('#leavers_establishment', uai)
    await page.selectOption('#leavers_type', 'student')
  }
  await send(page, page.getByRole('button', { name: 'Check the file' }))
  await at(page, 'console/imports_report')
}

const disabled = async (identifier: string): Promise<boolean> => {
  const { accounts } = school.gateway.core.deps.store
  const account = await accounts.byIdentifier(identifierKey(identifier))
  return account !== null && account.disabledAt !== null
}

const PEOPLE = 12

const walk = async (page: Page, prefix: string, uai: string, look: boolean): Promise<void> => {
  const barriers = async (name: string): Promise<void> => {
    await picture(page, name)
    if (look) {
      expect(await barriersOn(page, 'light')).toEqual([])
      expect(await barriersOn(page, 'dark')).toEqual([])
    }
  }
  await barriers('console_imports')
  await upload(page, prefix, 0, PEOPLE)
  expect(await page.textContent('main')).toContain('••••••')
  expect(await page.textContent('main')).not.toContain('Feuille-')
  await barriers('console_imports_columns')
  await check(page, uai, false)
  await page.getByText('The file is checked').first().waitFor()
  await page.getByText('looks like a formula').waitFor()
  await barriers('console_imports_check')
  await send(page, page.getByRole('button', { name: `Import ${PEOPLE} people` }))
  await page.getByText('The file is imported.').first().waitFor()

  await page.goto(`${school.issuer}/admin/imports`)
  await upload(page, prefix, 4, PEOPLE - 4)
  await check(page, uai, true)
  await page.getByText('4 of 12 are not in the file').waitFor()
  await barriers('console_imports_leavers')
  await page.fill('#leaving', '3')
  await send(page, page.getByRole('button', { name: 'Import 4 people' }))
  await page.getByText('That is not the number of people who leave').first().waitFor()
  expect(await disabled(`${prefix}.0`)).toBe(false)
  await page.fill('#leaving', '4')
  await send(page, page.getByRole('button', { name: 'Import 4 people' }))
  await page.getByText('The file is imported.').first().waitFor()
  expect(await disabled(`${prefix}.0`)).toBe(true)
  expect(await disabled(`${prefix}.5`)).toBe(false)

  await page.goto(`${school.issuer}/admin/imports/new_year`)
  await at(page, 'console/imports_new_year')
  await barriers('console_imports_new_year')
  await page.goto(`${school.issuer}/admin/imports/leavers`)
  await at(page, 'console/imports_leavers')
  await barriers('console_imports_gone')
}

describe('an administrator imports people in a browser', () => {
  it('with scripts: from the file to those who left, on pages that everybody can use', async () => {
    await walk(await enter(), 'with', '0440001A', true)
    expect(windows.complaints).toEqual([])
  })

  it('without scripts', async () => {
    await walk(await enter({ javaScriptEnabled: false }), 'without', '0440002B', false)
  })
})
