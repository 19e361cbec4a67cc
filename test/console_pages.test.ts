import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCALES } from '../views/i18n.ts'
import { createRenderer } from '../views/render.ts'
import { CONSOLE_SAMPLES, type ConsoleSample, renderConsoleSample } from './fixtures/console.ts'
import { openGallery } from './fixtures/gallery.ts'
import { SCHOOL } from './fixtures/pages.ts'
import { startChromium } from './support/chromium.ts'

/** Pages of long lists may be larger than those of people, which come over a phone. */
const PAGE_BYTES_MAX = 200_000
/** For a share of the pages, on a machine that is busy with other tests. */
const BROWSER_MS = 120_000
const SHARES = [0, 1, 2, 3] as const
/** Contrast is a matter of the style sheet: a page with each kind of thing is enough in the dark. */
const IN_THE_DARK = [
  'console_roles_refused',
  'console_confirm_change_roles',
  'console_invite_refused',
  'overview',
  'console_job',
]

const renderer = createRenderer({ school: SCHOOL, timeZone: 'Europe/Paris' })

describe('every page of the console, in both languages', () => {
  const samples = CONSOLE_SAMPLES.flatMap((sample) =>
    LOCALES.map((locale) => [`${sample.name} (${locale})`, sample, locale] as const),
  )

  it('has samples whose names are their own', () => {
    const names = CONSOLE_SAMPLES.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it.each(samples)('%s is whole, with nothing inline', (_name, sample, locale) => {
    const text = renderConsoleSample(renderer, sample, locale)
    expect(text).toContain(`<html lang="${locale}">`)
    expect(text).toMatch(/<title>[^<]+ – Collège et lycée/)
    expect(text.match(/<h1[ >]/g)).toHaveLength(1)
    expect(text).toContain(`data-step="${sample.page}"`)
    expect(text).not.toMatch(/undefined|\[object|NaN|\{\w+\}/)
    expect(text).not.toMatch(/\sstyle=|\son\w+=|<style|<script(?! type="module" src=)|javascript:/)
    expect(Buffer.byteLength(text)).toBeLessThan(PAGE_BYTES_MAX)
  })
})

/** What makes an element another kind than those of its tag, besides its classes. */
const TELLING =
  /\s(type|role|aria-(?!describedby|label)\w+|disabled|tabindex|scope|open)(?==|\s|$)/g

/** Kinds of elements on a page: what they are, what they look like, what they say of themselves. */
const kindsIn = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/<([a-z]\w*)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*>/g)].map(
      ([, tag, attributes = '']) => {
        const classes = / class="([^"]*)"/.exec(attributes)?.[1] ?? ''
        const telling = [...attributes.matchAll(TELLING)].map(([, name]) => name)
        return [tag, classes, ...telling].join(' ')
      },
    ),
  )

/** Most samples differ from another one in their words alone, and hide no other barrier. */
const isOfItsOwn = () => {
  const pages = new Set<string>()
  const seen = new Set<string>()
  return (sample: ConsoleSample): boolean => {
    const kinds = [...kindsIn(renderConsoleSample(renderer, sample, 'en'))]
    const isNew = !pages.has(sample.page) || kinds.some((kind) => !seen.has(kind))
    pages.add(sample.page)
    for (const kind of kinds) {
      seen.add(kind)
    }
    return isNew
  }
}

describe('in a browser', () => {
  let gallery: Awaited<ReturnType<typeof openGallery>>
  let browser: Browser
  const complaints: string[] = []

  beforeAll(async () => {
    ;[gallery, browser] = await Promise.all([openGallery(), startChromium()])
  })

  afterAll(async () => {
    await browser.close()
    await gallery.close()
  })

  const newPage = async (
    width: number,
    more: { colorScheme?: 'dark' | 'light'; javaScriptEnabled?: boolean } = {},
  ): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width, height: 900 }, ...more })
    const page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error') {
        complaints.push(`${page.url()}: ${message.text()}`)
      }
    })
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
    return page
  }

  /** Each page, and what shows a kind of thing that none before has. */
  const looked = CONSOLE_SAMPLES.filter(isOfItsOwn())

  const violationsOn = async (page: Page, rules?: string[]): Promise<string[]> => {
    // Without its legacy mode, axe opens a blank page for each report.
    const axe = new AxeBuilder({ page }).setLegacyMode()
    const { violations } = await (rules === undefined ? axe : axe.withRules(rules)).analyze()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
  }

  it('is looked at where it shows something of its own: each page once at least', () => {
    const pages = new Set(CONSOLE_SAMPLES.map(({ page }) => page))
    expect(new Set(looked.map(({ page }) => page))).toEqual(pages)
    expect(looked.length).toBeLessThan(CONSOLE_SAMPLES.length)
  })

  it.each(SHARES)(
    'has no barrier that axe knows (%i)',
    async (share) => {
      const page = await newPage(1280)
      const found: Record<string, string[]> = {}
      for (const { name } of looked.filter((_, index) => index % SHARES.length === share)) {
        await page.goto(`${gallery.origin}/en/${encodeURIComponent(name)}`)
        const violations = await violationsOn(page)
        if (violations.length > 0) {
          found[name] = violations
        }
      }
      await page.context().close()
      expect(found).toEqual({})
    },
    BROWSER_MS,
  )

  it(
    'can be read in the dark',
    async () => {
      const page = await newPage(1280, { colorScheme: 'dark' })
      const found: Record<string, string[]> = {}
      for (const name of IN_THE_DARK) {
        const answer = await page.goto(`${gallery.origin}/fr/${encodeURIComponent(name)}`)
        expect([name, answer?.status()]).toEqual([name, 200])
        const violations = await violationsOn(page, ['color-contrast'])
        if (violations.length > 0) {
          found[name] = violations
        }
      }
      await page.context().close()
      expect(found).toEqual({})
    },
    BROWSER_MS,
  )

  it(
    'fits a phone of 320 pixels in French: only tables are moved sideways, within their frame',
    async () => {
      const page = await newPage(320)
      const wide: string[] = []
      for (const { name } of looked) {
        await page.goto(`${gallery.origin}/fr/${encodeURIComponent(name)}`)
        const width = await page.evaluate('document.documentElement.scrollWidth')
        if (Number(width) > 320) {
          wide.push(`${name}: ${width}`)
        }
      }
      await page.context().close()
      expect(wide).toEqual([])
    },
    BROWSER_MS,
  )

  it('has a menu that is open where there is room, and folded on a phone, without scripts too', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const desktop = await newPage(1280, { javaScriptEnabled })
      await desktop.goto(`${gallery.origin}/en/console_roles`)
      expect(await desktop.getByRole('link', { name: 'People' }).isVisible()).toBe(true)
      await desktop.context().close()
      const phone = await newPage(375, { javaScriptEnabled })
      await phone.goto(`${gallery.origin}/en/console_roles`)
      const people = phone.locator('.console-menu').getByRole('link', { name: 'People' })
      expect(await people.isVisible()).toBe(false)
      await phone.locator('.console-menu summary').click()
      expect(await people.isVisible()).toBe(true)
      await phone.context().close()
    }
  })

  it('shows where the focus is, and has targets that a finger meets', async () => {
    const page = await newPage(375)
    await page.goto(`${gallery.origin}/en/console_roles`)
    await page.locator('.console-menu summary').click()
    for (const target of ['.console-menu a', '.console-menu button', 'main .form > .button']) {
      const box = await page.locator(target).first().boundingBox()
      expect([target, (box?.height ?? 0) >= 44]).toEqual([target, true])
    }
    await page.locator('.console-menu a').first().focus()
    await page.keyboard.press('Tab')
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
    expect(outline).not.toBe('none')
    await page.context().close()
  })

  it('is printed without its menu and its buttons', async () => {
    const page = await newPage(1280)
    await page.goto(`${gallery.origin}/en/console_roles`)
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('.console-menu').isVisible()).toBe(false)
    expect(await page.locator('main .button').first().isVisible()).toBe(false)
    expect(await page.getByRole('cell', { name: 'Helpdesk' }).first().isVisible()).toBe(true)
    await page.context().close()
  })

  it('nothing was refused by the content security policy and no script failed', () => {
    expect(complaints).toEqual([])
  })
})
