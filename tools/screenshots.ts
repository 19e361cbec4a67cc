import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { CONSOLE_SAMPLES } from '../test/fixtures/console.ts'
import { openGallery } from '../test/fixtures/gallery.ts'
import { SAMPLES } from '../test/fixtures/pages.ts'
import { startChromium } from '../test/support/chromium.ts'

/**
 * Pictures of every page, to be looked at: phone and desktop, French and English, some in the dark.
 * `node tools/screenshots.ts [folder] [sample…]`
 */
const [folder = mkdtempSync(join(tmpdir(), 'pages-')), ...names] = process.argv.slice(2)

const SHOTS = [
  { name: 'phone-fr', locale: 'fr', width: 375, height: 740, colorScheme: 'light' },
  { name: 'phone-en-dark', locale: 'en', width: 375, height: 740, colorScheme: 'dark' },
  { name: 'desktop-en', locale: 'en', width: 1280, height: 800, colorScheme: 'light' },
  { name: 'desktop-fr-dark', locale: 'fr', width: 1280, height: 800, colorScheme: 'dark' },
] as const

async function shoot(browser: Browser, origin: string, shot: (typeof SHOTS)[number]) {
  const { name, locale, width, height, colorScheme } = shot
  const page = await browser.newPage({ viewport: { width, height }, colorScheme })
  for (const sample of [...SAMPLES, ...CONSOLE_SAMPLES]) {
    if (names.length > 0 && !names.includes(sample.name)) continue
    await page.goto(`${origin}/${locale}/${sample.name}`)
    await page.screenshot({ path: join(folder, `${sample.name}-${name}.png`), fullPage: true })
  }
  await page.close()
}

mkdirSync(folder, { recursive: true })
const gallery = await openGallery()
const browser = await startChromium()
await Promise.all(SHOTS.map((shot) => shoot(browser, gallery.origin, shot)))
await browser.close()
await gallery.close()
process.stdout.write(`${folder}\n`)
