import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { startChromium } from './chromium.ts'

/** For pages that come at once, on a machine that is busy with other tests. */
export const PATIENCE_MS = 20_000
/** The narrowest screen, and a page enlarged to 400 % (WCAG 2.2, 1.4.10). */
export const NARROW = { width: 320, height: 740 }
/** Where pictures of the pages go, for whoever wants to look at them. */
const PICTURES = process.env['VESTIBULE_TEST_PICTURES']

export interface Windows {
  /** A browser of its own, with its own cookies, and one page of it. */
  newPage(options?: BrowserContextOptions): Promise<Page>
  /** What scripts failed at and what the content security policy refused, so far. */
  readonly complaints: readonly string[]
  /** Closes the pages opened so far. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** One Chromium for a whole file of tests; `usual` holds for each page unless it says otherwise. */
export const openWindows = async (usual: BrowserContextOptions = {}): Promise<Windows> => {
  const chromium = await startChromium()
  const complaints: string[] = []
  const opened: BrowserContext[] = []
  return {
    complaints,
    newPage: async (options = {}) => {
      const context = await chromium.newContext({ ...usual, ...options })
      opened.push(context)
      const page = await context.newPage()
      page.setDefaultTimeout(PATIENCE_MS)
      page.on('pageerror', ({ message }) => complaints.push(message))
      page.on('console', (line) => {
        if (line.type() === 'error' && line.text().includes('Content Security Policy')) {
          complaints.push(line.text())
        }
      })
      return page
    },
    clear: async () => {
      await Promise.all(opened.splice(0).map((context) => context.close()))
    },
    close: () => chromium.close(),
  }
}

/** Waits for a page of ours and for its scripts; `data-page` names those of the workspace. */
export const at = async (page: Page, step: string): Promise<void> => {
  const main = page.locator(`main[data-step="${step}"], main[data-page="${step}"]`)
  await main.waitFor().catch(async (error: unknown) => {
    const said = await page.locator('main').textContent({ timeout: 1_000 })
    const shown = said?.replaceAll(/\s+/g, ' ').slice(0, 300)
    throw new Error(`not at ${step}, but at ${page.url()}: ${shown}`, { cause: error })
  })
  await page.waitForLoadState('domcontentloaded')
}

/** The step of the page that stands there now: one to be waited for is `at`. */
export const stepOf = async (page: Page): Promise<string> =>
  (await page.getAttribute('main', 'data-step')) ?? ''

const submitButton = (page: Page): Locator =>
  page.locator('main form button[type=submit]:visible').first()

/** Presses the page's first button, which may only lead to the next stage of the same page. */
export const submit = (page: Page): Promise<void> => submitButton(page).click()

/** Presses a button that sends its form, the page's first one by default; the answer stands there. */
export const send = async (page: Page, button: Locator = submitButton(page)): Promise<void> => {
  await Promise.all([page.waitForEvent('domcontentloaded'), button.click()])
}

/** Digits, on the keypad that the page shows. */
export const keyIn = async (page: Page, digits: string): Promise<void> => {
  for (const digit of digits) {
    await page.click(`[data-keypad] [data-digit="${digit}"]`)
  }
}

/** A new PIN on the keypad, stage by stage as the page asks for it. */
export const keyInTwice = async (page: Page, pin: string): Promise<void> => {
  await keyIn(page, pin)
  await submit(page)
  await page.locator('input[name=confirm_pin]').waitFor({ state: 'visible' })
  await keyIn(page, pin)
  await send(page)
}

/** Keeps what the page looks like, where somebody wants to look. */
export const picture = async (page: Page, name: string): Promise<void> => {
  if (PICTURES !== undefined) {
    await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true })
  }
}

/** How many pixels are to be scrolled sideways for. */
const excessOf = (page: Page): Promise<number> =>
  page.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth)

/** Nothing is cut off or to be scrolled sideways. */
export const isWithin = async (page: Page): Promise<boolean> => (await excessOf(page)) <= 0

/** What stands in somebody's way on this page, on a narrow screen; in the dark, colours alone. */
export const barriersOn = async (page: Page, colours: 'light' | 'dark'): Promise<string[]> => {
  const usual = page.viewportSize()
  await page.setViewportSize(NARROW)
  const excess = await excessOf(page)
  // Without its legacy mode, axe opens a blank page for each report.
  const axe = new AxeBuilder({ page }).setLegacyMode()
  const { violations } = await (colours === 'dark'
    ? axe.withRules('color-contrast')
    : axe
  ).analyze()
  if (usual !== null) {
    await page.setViewportSize(usual)
  }
  return [
    ...(excess > 0 ? [`${excess} px too wide`] : []),
    ...violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`),
  ]
}
