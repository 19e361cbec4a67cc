import { AxeBuilder } from '@axe-core/playwright'
import fc from 'fast-check'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCALES } from '../views/i18n.ts'
import type { Locale } from '../views/pages.ts'
import { createRenderer } from '../views/render.ts'
import { contrast, themeCss } from '../views/theme.ts'
import { openGallery } from './fixtures/gallery.ts'
import { CONTINUE, frameOf, LOGOUT_AUTO, SAMPLES, type Sample, SCHOOL } from './fixtures/pages.ts'
import { startChromium } from './support/chromium.ts'

const PAGE_BYTES_MAX = 50_000
/** For a share of the pages, on a machine that is busy with other tests. */
const AXE_MS = 180_000
/** Samples that differ from another one in their words only are looked at once for barriers. */
const ONLY_WORDS = new RegExp(
  [
    '^error_(?!bad_request|cookies)',
    '^unmet_(?!no_pin)',
    '^every_error',
    '^account_done_(?!pin_defined)',
    '^account_kept_',
    '^not_me_(done_)?no_(pin|password)',
    '^account_protection_imposed',
    '^(?!account_protection)\\w+_kept$',
    '^pin_reset_refused_(?!no_address)',
    '_(all|unnamed|required|replace|none)$',
    '^(define_pin|logged_out|otp)_application',
    '_(guessable|several_keys|later|empty)$(?<!^login_empty)',
  ].join('|'),
)

const { render, assets } = createRenderer({ school: SCHOOL, timeZone: 'Europe/Paris' })
const samples = [...SAMPLES, LOGOUT_AUTO, ...CONTINUE].flatMap((sample) =>
  LOCALES.map((locale) => ({ ...sample, locale })),
)
const html = (sample: Sample, locale: Locale) => render(sample.page, sample.model, frameOf(locale))
const linked = (text: string) =>
  [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path)

describe('every page, in both languages', () => {
  it.each(samples)('$name ($locale) is whole', (sample) => {
    const text = html(sample, sample.locale)
    expect(text).toContain(`<html lang="${sample.locale}">`)
    expect(text).toMatch(/<title>[^<]+ – Collège et lycée/)
    expect(text.match(/<h1>/g)).toHaveLength(1)
    expect(
      text.match(/<main class="card" data-step="[a-z_]+" id="main" tabindex="-1">/g),
    ).toHaveLength(1)
    expect(text).not.toMatch(/undefined|\[object|NaN|\{\w+\}/)
  })

  it.each(samples)('$name ($locale) has nothing inline and is light', (sample) => {
    const text = html(sample, sample.locale)
    expect(text).not.toMatch(/\sstyle=|\son\w+=|<style|<script(?! type="module" src=)|javascript:/)
    const files = linked(text).map((path) => assets.serve(path)?.body.length ?? Number.NaN)
    expect(files.length).toBeGreaterThanOrEqual(3)
    const bytes = files.reduce((sum, size) => sum + size, Buffer.byteLength(text))
    expect(bytes).toBeLessThan(PAGE_BYTES_MAX)
  })

  it('say in their title that something is wrong', () => {
    const refused = SAMPLES.find(({ name }) => name === 'login_refused')
    expect(refused && html(refused, 'en')).toContain('<title>Error: Sign in – ')
  })

  it('never turn what people or applications are called into markup', () => {
    const attack = '"><img src=x onerror=alert(1)>\'&'
    const poisoned = samples.map((sample) => ({ ...sample, model: poison(sample.model, attack) }))
    const texts = poisoned.map((sample) => html(sample as Sample, sample.locale))
    expect(texts.join('')).toContain('&lt;img src=x')
    expect(texts.filter((text) => text.includes('<img src=x') || text.includes('x"><'))).toEqual([])
  })
})

/** Replaces every text that comes from outside; codes and reasons stay, they choose the words. */
function poison(value: unknown, attack: string, key = ''): unknown {
  if (key === 'sections') return value // Ours, of a closed list.
  if (Array.isArray(value)) return value.map((item) => poison(item, attack, key))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, poison(item, attack, name)]),
    )
  }
  const chosen =
    /^(code|reason|learns|protection|field|at|choices?|source|state|mode|act|section|done|what|until|current|pin|locale|\w+(At|By|Until))$/.test(
      key,
    )
  return typeof value === 'string' && !chosen ? attack : value
}

describe('static files', () => {
  const css = assets.urlOf('gateway.css')

  it('are named by their content and kept for ever', () => {
    expect(css).toMatch(/^\/assets\/gateway\.[0-9a-f]{12}\.css$/)
    expect(assets.serve(css)?.headers['cache-control']).toContain('immutable')
    expect(assets.serve(css.replace(/\w{12}/, '0'.repeat(12)))).toBeUndefined()
    expect(assets.serve('/assets/../render.ts')).toBeUndefined()
  })

  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip;q=1.0, br;q=0', 'gzip'],
    ['identity', undefined],
    [undefined, undefined],
  ])('are sent compressed to a browser that accepts %s', (accepted, encoding) => {
    expect(assets.serve(css, accepted)?.headers['content-encoding']).toBe(encoding)
  })
})

describe('the school’s colour', () => {
  it('is readable in both appearances, whatever it is', () => {
    const colour = fc.integer({ min: 0, max: 0xffffff })
    fc.assert(
      fc.property(colour, (value) => {
        const css = themeCss(`#${value.toString(16).padStart(6, '0')}`)
        const pairs = (name: string) =>
          [...css.matchAll(new RegExp(`--${name}: (#\\w+)`, 'g'))].map(([, hex = '']) => hex)
        const [accents, on, soft] = [pairs('accent'), pairs('on-accent'), pairs('accent-soft')]
        expect(accents).toHaveLength(2)
        for (const [index, accent] of accents.entries()) {
          for (const ground of [on[index] ?? '', soft[index] ?? '', CARDS[index] ?? '']) {
            expect(contrast(accent, ground)).toBeGreaterThanOrEqual(4.5)
          }
        }
      }),
    )
  })

  it('is refused when it is no colour', () => {
    expect(() => themeCss('red; } body { display: none')).toThrow('not a colour')
  })
})
const CARDS = ['#ffffff', '#1c2326']

describe('in a browser', () => {
  let gallery: Awaited<ReturnType<typeof openGallery>>
  let browser: Browser
  beforeAll(async () => {
    gallery = await openGallery()
    browser = await startChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await gallery?.close()
  })

  /** Opens a page and fails on whatever the console or the content security policy complains of. */
  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (line) => {
      const text = line.text()
      if (line.type() === 'error' || /autofocus/i.test(text)) complaints.push(text)
    })
    await page.goto(gallery.origin + path)
    return page
  }
  const complaints: string[] = []
  const submitted = (page: Page) => page.waitForRequest((request) => request.method() === 'POST')
  const fieldsOf = async (page: Page) => {
    const [request] = await Promise.all([
      submitted(page),
      page.getByRole('button', { name: 'Validate' }).click(),
    ])
    return Object.fromEntries(new URLSearchParams(request.postData() ?? ''))
  }

  // In shares, so that a slow machine shows how far it came.
  const looked = SAMPLES.filter((sample) => !ONLY_WORDS.test(sample.name))
  const shares = [1, 2, 3, 4].map((share) => ({
    share,
    names: looked.filter((_, index) => index % 4 === share - 1).map(({ name }) => name),
  }))
  const views = [
    { locale: 'en', width: 320, rules: 'all, light and dark' },
    { locale: 'fr', width: 1280, rules: 'of size' }, // All else is the same there.
  ] as const
  it.each(views.flatMap((view) => shares.map((share) => ({ ...view, ...share }))))(
    'everybody can use the pages ($locale, $width px, rules: $rules, $share)',
    async (view) => {
      const page = await open('/en/login', {
        viewport: { width: view.width, height: 740 },
        reducedMotion: 'reduce', // A colour on its way from light to dark is neither.
      })
      const found: string[] = []
      for (const name of view.names) {
        await page.emulateMedia({ colorScheme: 'light' })
        await page.goto(`${gallery.origin}/${view.locale}/${name}`)
        const light = view.rules === 'of size' ? axe(page).withRules(OF_SIZE) : axe(page)
        const { violations } = await light.analyze()
        if (view.rules !== 'of size') {
          await page.emulateMedia({ colorScheme: 'dark' })
          violations.push(...(await axe(page).withRules('color-contrast').analyze()).violations)
        }
        found.push(...(await excess(page)).map((problem) => `${name}: ${problem}`))
        found.push(...violations.map(({ id, nodes }) => `${name}: ${id} ${nodes[0]?.html}`))
      }
      await page.context().close()
      expect(found).toEqual([])
    },
    AXE_MS,
  )
  // Without its legacy mode, axe opens a blank page for each report.
  const axe = (page: Page) => new AxeBuilder({ page }).setLegacyMode()
  /** Rules whose answer depends on the width of a page. */
  const OF_SIZE = [
    'target-size',
    'scrollable-region-focusable',
    'meta-viewport',
    'css-orientation-lock',
  ]

  // French words are the longer ones.
  it('nothing is wider than a narrow phone, or than a page enlarged to 400 %', async () => {
    const page = await open('/fr/login', { viewport: { width: 320, height: 740 } })
    const found: string[] = []
    for (const { name } of SAMPLES) {
      await page.goto(`${gallery.origin}/fr/${name}`)
      found.push(...(await excess(page)).map((problem) => `${name}: ${problem}`))
    }
    await page.context().close()
    expect(found).toEqual([])
  })
  async function excess(page: Page): Promise<string[]> {
    const pixels = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    return Number(pixels) > 0 ? [`${pixels} px too wide`] : []
  }

  it('a person without scripts types the PIN into the plain field, unseen', async () => {
    const page = await open('/en/pin', { javaScriptEnabled: false })
    await page.getByLabel('PIN code').fill('2741')
    expect(await page.getByRole('group', { name: 'Numeric keypad' }).isVisible()).toBe(false)
    expect(await page.getByLabel('PIN code').getAttribute('type')).toBe('text')
    expect(await fieldsOf(page)).toEqual({ csrf: 'csrf-token', pin: '2741', device_name: OFFERED })
    await page.context().close()
  })
  const OFFERED = 'Firefox – Windows'

  it('the browser draws dots for the digits of a PIN', async () => {
    const page = await open('/en/define_pin')
    const drawn = '[...document.querySelectorAll("[data-pin]")].map((i) => getComputedStyle(i)'
    expect(await page.evaluate(`${drawn}.webkitTextSecurity)`)).toEqual(['disc', 'disc'])
    await page.context().close()
  })

  it('a person without scripts sees the code and its confirmation, or the other choices', async () => {
    const page = await open('/en/define_pin', { javaScriptEnabled: false })
    expect(await page.getByLabel('Confirm your PIN code').isVisible()).toBe(true)
    expect(await page.getByLabel('Notification only').isVisible()).toBe(false)
    await page.getByLabel('Define a PIN code').uncheck()
    expect(await page.getByLabel('New PIN code').isVisible()).toBe(false)
    await page.getByLabel('Notification only').check()
    expect(await fieldsOf(page)).toMatchObject({ protection: 'notification', new_pin: '' })
    await page.context().close()
  })

  it.each(['pin', 'pin_shuffled'])('the keypad of %s types, erases and clears', async (name) => {
    const page = await open(`/en/${name}`, { viewport: { width: 320, height: 740 } })
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.getByRole('button', { name: key, exact: true }).click()
    }
    await press('9', '9', 'Clear all', '2', '7', '4', '8', 'Erase the last digit', '1')
    expect(await page.getByRole('status').textContent()).toBe('4 digits entered')
    const key = await page.getByRole('button', { name: '5', exact: true }).boundingBox()
    expect(key?.height).toBeGreaterThanOrEqual(56)
    expect(key?.width).toBeGreaterThanOrEqual(56)
    expect(await fieldsOf(page)).toMatchObject({ pin: '2741' })
    await page.context().close()
  })

  it('a shuffled keypad is drawn in the order given and read in the usual one', async () => {
    const page = await open('/en/pin_shuffled')
    const keys = await page.locator('[data-digit]').all()
    const drawn = await Promise.all(
      keys.map(async (key) => ({ digit: await key.textContent(), box: await key.boundingBox() })),
    )
    expect(drawn.map(({ digit }) => digit).join('')).toBe('1234567890')
    const place = (box: { x: number; y: number } | null) => (box?.y ?? 0) * 10_000 + (box?.x ?? 0)
    const byPlace = drawn.toSorted((a, b) => place(a.box) - place(b.box))
    expect(byPlace.map(({ digit }) => digit).join('')).toBe('7039158264')
    await page.context().close()
  })

  it('the keyboard reaches every key of the keypad, and types digits there', async () => {
    const page = await open('/en/pin')
    await page.getByLabel('PIN code').focus()
    for (const key of ['Tab', 'Enter', 'ArrowDown', 'Space', 'ArrowRight', 'Enter', '8', '8']) {
      await page.keyboard.press(key)
    }
    await page.keyboard.press('Backspace')
    expect(await page.getByLabel('PIN code').inputValue()).toBe('1458')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.id')).toBe('remember_device')
    await page.context().close()
  })

  it('a PIN pasted with spaces loses them', async () => {
    const page = await open('/en/pin')
    await page.evaluate(`{
      const data = new DataTransfer()
      data.setData('text', ' 27 41 ')
      const paste = new ClipboardEvent('paste', { clipboardData: data, cancelable: true })
      document.querySelector('#pin').dispatchEvent(paste)
    }`)
    expect(await page.getByLabel('PIN code').inputValue()).toBe('2741')
    await page.context().close()
  })

  it('a new PIN is typed, validated, typed again and validated', async () => {
    const page = await open('/en/define_pin')
    const validate = page.getByRole('button', { name: 'Validate' })
    expect(await page.getByLabel('Confirm your PIN code').isVisible()).toBe(false)
    await page.getByLabel('New PIN code').focus()
    await page.keyboard.type('27')
    await validate.click()
    expect(await page.getByRole('alert').textContent()).toContain('4 to 12 digits')
    await page.keyboard.type('2741')
    await validate.click()
    expect(await page.getByLabel('New PIN code').isVisible()).toBe(false)
    await page.keyboard.type('2742')
    await validate.click()
    expect(await page.getByRole('alert').textContent()).toContain('not the same')
    await page.keyboard.type('2741')
    await page.keyboard.press('Enter')
    await page.keyboard.type('2741')
    expect(await fieldsOf(page)).toMatchObject({
      define_pin: 'yes',
      new_pin: '2741',
      confirm_pin: '2741',
    })
    await page.context().close()
  })

  it('the name of a device is asked once its box is ticked', async () => {
    const page = await open('/en/pin', { javaScriptEnabled: false })
    expect(await page.getByLabel('Name of this device').isVisible()).toBe(false)
    await page.getByLabel('Add this device to my recognised devices').check()
    await page.getByLabel('Name of this device').fill('Room 201')
    expect(await fieldsOf(page)).toMatchObject({ remember_device: 'yes', device_name: 'Room 201' })
    await page.context().close()
  })

  it('a passcode pasted with spaces loses them, and its digits are dots', async () => {
    const page = await open('/en/otp')
    await page.evaluate(`{
      const data = new DataTransfer()
      data.setData('text', '2741 123 456')
      const paste = new ClipboardEvent('paste', { clipboardData: data, cancelable: true })
      document.querySelector('#passcode').dispatchEvent(paste)
    }`)
    const drawn = 'getComputedStyle(document.querySelector("#passcode")).webkitTextSecurity'
    expect(await page.evaluate(drawn)).toBe('disc')
    expect(await fieldsOf(page)).toEqual({ csrf: 'csrf-token', passcode: '2741123456' })
    await page.context().close()
  })

  it('the time left of a code is a sentence where there are no scripts', async () => {
    const page = await open('/en/otp', { javaScriptEnabled: false })
    const said = 'the code had about 12 s left. Codes change every 30 s.'
    expect(await page.getByText(said).isVisible()).toBe(true)
    expect(await page.locator('.gauge-bars').isVisible()).toBe(false)
    await page.context().close()
  })

  /** A page whose clock stands still but where the test turns it. */
  const openAt = async (path: string, options: BrowserContextOptions = {}) => {
    const page = await open('/en/help', options)
    await page.clock.install({ time: 0 })
    await page.clock.pauseAt(1_000)
    await page.goto(gallery.origin + path)
    const read = async (name: string) =>
      (await page.locator(`[data-gauge-${name}]`).textContent())?.replace('\u00a0', ' ')
    return { page, read }
  }
  const barsLeft = (page: Page) => page.locator('.bar:not(.gone)').count()

  it('the time left of a code counts on, and bars vanish as on the key', async () => {
    const { page, read } = await openAt('/en/otp')
    expect([await read('text'), await barsLeft(page)]).toEqual(['About 12 s left', 3])
    await page.clock.runFor(8_000)
    const soon = 'About 4 s left: better wait for the new code'
    expect([await read('text'), await barsLeft(page)]).toEqual([soon, 1])
    await page.clock.runFor(4_000)
    expect([await read('text'), await barsLeft(page)]).toEqual(['About 30 s left', 6])
    await page.context().close()
  })

  it('a new code is said once to those who listen, and the count never', async () => {
    const { page, read } = await openAt('/en/first_use_passcode')
    expect([await read('text'), await read('status')]).toEqual(['Wait: new code in about 12 s', ''])
    await page.clock.runFor(12_000)
    expect([await read('text'), await read('status')]).toEqual([
      'A new code is there, for about 30 s',
      'Your key now shows a new code.',
    ])
    await page.evaluate('document.querySelector("[data-gauge-status]").textContent = ""')
    await page.clock.runFor(60_000)
    expect(await read('status')).toBe('')
    const live = page.locator('[data-gauge] [aria-live], [data-gauge] [role=status]')
    expect(await live.count()).toBe(1)
    await page.context().close()
  })

  it('whoever comes when the code has changed is told so, and need not wait', async () => {
    const { page, read } = await openAt('/en/first_use_passcode_ready')
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(
      'Type the new code of your key',
    )
    expect(await read('text')).toBe('A new code is there, for about 12 s')
    expect(await page.getByText('Wait').count()).toBe(0)
    await page.clock.runFor(12_000)
    expect(await read('text')).toBe('A new code is there, for about 30 s')
    await page.context().close()
  })

  it.each([
    ['otp', 'passcode', [/directly followed/, /had about|s left/, /serves only once/]],
    ['otp_refused', 'passcode', [/directly followed/, /s left/, /only once/, /Not accepted/]],
    ['otp_several_keys', 'passcode', [/directly followed/, /serves only once/]],
    ['first_use_code', 'code', [/the 6 digits/, /serves only once/]],
    ['first_use_passcode', 'passcode', [/directly followed/, /Wait: new code/]],
    ['first_use_passcode_refused', 'passcode', [/directly/, /have a button/, /Not accepted/]],
  ] as const)(
    'whoever listens hears at the field of %s all that belongs to it',
    async (...given) => {
      const [name, field, parts] = given
      const page = await open(`/en/${name}`)
      const ids =
        (await page.locator(`#${field}`).getAttribute('aria-describedby'))?.split(' ') ?? []
      const said = await Promise.all(ids.map((id) => page.locator(`#${id}`).textContent()))
      expect(said).toHaveLength(parts.length)
      expect(said).toEqual(parts.map((part) => expect.stringMatching(part)))
      await page.context().close()
    },
  )

  it('the count goes in steps for those who want no movement', async () => {
    const { page, read } = await openAt('/en/otp', { reducedMotion: 'reduce' })
    const seen = [await read('text')]
    for (let second = 0; second < 5; second += 1) {
      await page.clock.runFor(1_000)
      seen.push(await read('text'))
    }
    expect([...new Set(seen)]).toEqual(['About 15 s left', 'About 10 s left'])
    await page.context().close()
  })

  it('the PIN of a key is typed, validated, typed again and validated', async () => {
    const page = await open('/en/first_use_pin')
    await page.waitForFunction("document.activeElement?.name === 'new_pin'")
    await page.keyboard.type('2741')
    await page.getByRole('button', { name: 'Validate' }).click()
    await page.getByLabel('Confirm the PIN code of your key').waitFor()
    await page.keyboard.type('2741')
    expect(await fieldsOf(page)).toEqual({
      csrf: 'csrf-token',
      new_pin: '2741',
      confirm_pin: '2741',
    })
    await page.context().close()
  })

  it.each(['first_use_password', 'first_use_pin', 'first_use_passcode'])(
    'the page %s leads back to the digits of the key',
    async (name) => {
      const page = await open(`/en/${name}`)
      const [request] = await Promise.all([
        submitted(page),
        page.getByRole('button', { name: 'Start again with the digits' }).click(),
      ])
      expect(new URL(request.url()).pathname).toBe('/interaction/x/start_again')
      expect(request.postData()).toBe('csrf=csrf-token')
      await page.context().close()
    },
  )

  it('the secret of an app is read in groups and copied in one piece', async () => {
    const page = await open('/en/enrol_app', { colorScheme: 'dark' })
    await page.getByText('I can’t scan this code').click()
    await page.locator('.address').click()
    expect(await page.evaluate('String(getSelection()).trim()')).toBe(
      'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    )
    await page.context().close()
  })

  it('an app on the same phone is opened by a link, which tells no site where it was', async () => {
    const page = await open('/en/enrol_app')
    const link = page.getByRole('link', { name: 'Open the app with this account' })
    expect(await link.getAttribute('href')).toMatch(/^otpauth:\/\/totp\//)
    expect(await link.getAttribute('rel')).toBe('noreferrer')
    await page.context().close()
  })

  it('the QR code is dark on white in the dark too, and named', async () => {
    const page = await open('/en/enrol_app', { colorScheme: 'dark' })
    const qr = page.getByRole('img', { name: /^QR code for the authenticator app/ })
    const drawn = 'getComputedStyle(document.querySelector(".qr"))'
    expect(await page.evaluate(`[${drawn}.backgroundColor, ${drawn}.fill]`)).toEqual([
      'rgb(255, 255, 255)',
      'rgb(0, 0, 0)',
    ])
    expect((await qr.boundingBox())?.width).toBeGreaterThanOrEqual(200)
    await page.context().close()
  })

  it('the menu of the account is folded on a phone, without scripts, and open where there is room', async () => {
    const page = await open('/en/account_devices', {
      javaScriptEnabled: false,
      viewport: { width: 320, height: 740 },
    })
    const menu = page.getByRole('navigation', { name: 'My account' })
    const sessions = menu.getByRole('link', { name: 'My open sessions' })
    expect(await sessions.isVisible()).toBe(false)
    await menu.getByText('My account', { exact: true }).click()
    expect(await sessions.isVisible()).toBe(true)
    await page.reload()
    await page.setViewportSize({ width: 1280, height: 740 })
    expect(await sessions.isVisible()).toBe(true)
    const current = menu.getByRole('link', { name: 'My recognised devices' })
    expect(await current.getAttribute('aria-current')).toBe('page')
    await page.context().close()
  })

  it('a device is deleted by its button, which names it, also without scripts', async () => {
    const page = await open('/en/account_devices', { javaScriptEnabled: false })
    expect(await page.getByText('With the keyboard').isVisible()).toBe(false)
    const [request] = await Promise.all([
      submitted(page),
      page.getByRole('button', { name: 'Delete Mon téléphone' }).click(),
    ])
    expect(request.postData()).toBe('csrf=csrf-token&device=d2')
    await page.context().close()
  })

  it('the arrows go from device to device, and Del deletes the one in focus', async () => {
    const page = await open('/en/account_devices')
    expect(await page.getByText('With the keyboard').isVisible()).toBe(true)
    await page.getByRole('listitem').filter({ hasText: 'Salle 201' }).focus()
    for (const key of ['ArrowUp', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp']) {
      await page.keyboard.press(key)
    }
    const [request] = await Promise.all([submitted(page), page.keyboard.press('Delete')])
    expect(request.postData()).toBe('csrf=csrf-token&device=d2')
    await page.context().close()
  })

  it('Del does nothing to a device with another key held, or outside the list', async () => {
    const page = await open('/en/account_devices')
    const sent: string[] = []
    page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()))
    await page.getByRole('button', { name: 'Delete all' }).focus()
    await page.keyboard.press('Delete')
    await page.getByRole('listitem').filter({ hasText: 'Salle 201' }).focus()
    await page.keyboard.press('Control+Delete')
    // By the time another page stands there, a request would have been seen.
    await page.goto(`${gallery.origin}/en/help`)
    expect(sent).toEqual([])
    await page.context().close()
  })

  it('what was typed before a proof is confirmed or dropped, and stands in the place of the form', async () => {
    const page = await open('/en/account_protection_kept')
    const box = page.getByRole('group', { name: 'One more click' })
    await box.and(page.locator(':focus')).waitFor()
    const what = box.getByText('Change the protection of your account')
    expect(await what.isVisible()).toBe(true)
    expect(await page.getByRole('radio').count()).toBe(0)
    for (const [button, answer] of [
      ['Confirm', 'yes'],
      ['Drop it', 'no'],
    ]) {
      const [request] = await Promise.all([
        submitted(page),
        page.getByRole('button', { name: button ?? '' }).click(),
      ])
      expect(request.postData()).toBe(`csrf=csrf-token&kept=${answer}`)
      await page.reload()
    }
    await page.context().close()
  })

  it.each([
    'account_pin_kept',
    'account_devices_kept',
    'account_sessions_kept',
    'account_password_kept',
    'account_address_kept',
  ])('the page %s has no other form meanwhile', async (name) => {
    const page = await open(`/en/${name}`, { javaScriptEnabled: false })
    expect(await page.locator('main form').count()).toBe(1)
    expect(await page.locator('main form input:not([type=hidden])').count()).toBe(0)
    await page.context().close()
  })

  it('what was done is said first, and by the title', async () => {
    const page = await open('/en/account_devices_forgotten')
    expect(await page.getByRole('status').textContent()).toBe('The device is deleted.')
    expect(await page.title()).toMatch(/^The device is deleted\. – My recognised devices – /)
    await page.context().close()
  })

  it('a PIN is changed in three steps: the one in use, the new one, the new one again', async () => {
    const page = await open('/en/account_pin')
    const validate = page.getByRole('button', { name: 'Validate' })
    await page.keyboard.type('27')
    await validate.click()
    expect(await page.getByRole('alert').textContent()).toContain('4 to 12 digits')
    await page.keyboard.type('2741')
    await validate.click()
    await page.keyboard.type('8305')
    await page.keyboard.press('Enter')
    await page.keyboard.type('8306')
    await page.keyboard.press('Enter')
    expect(await page.getByRole('alert').textContent()).toContain('not the same')
    await page.keyboard.type('8305')
    await page.keyboard.press('Enter')
    await page.keyboard.type('8305')
    expect(await fieldsOf(page)).toEqual({
      csrf: 'csrf-token',
      current_pin: '2741',
      new_pin: '8305',
      confirm_pin: '8305',
    })
    await page.context().close()
  })

  it('what was wrong with a later step leads to the first one, which is shown', async () => {
    const page = await open('/en/account_pin_guessable')
    await page.getByRole('link', { name: /this is a year/ }).click()
    expect(await page.evaluate('document.activeElement.id')).toBe('current_pin')
    await page.context().close()
  })

  it('a person without scripts changes a PIN in three plain fields', async () => {
    const page = await open('/fr/account_pin', { javaScriptEnabled: false })
    for (const label of ['Code PIN actuel', 'Nouveau code PIN', 'Confirmez votre code PIN']) {
      expect(await page.getByLabel(label).isVisible()).toBe(true)
    }
    await page.context().close()
  })

  it('where the school decided, nothing is left to choose and the page says who did', async () => {
    const page = await open('/fr/account_protection_blocked')
    expect(await page.getByText('Votre établissement l’a décidé').isVisible()).toBe(true)
    expect(await page.getByRole('radio').count()).toBe(0)
    await page.context().close()
  })

  it('a PIN asked again on an added device comes with the help, and may be reset', async () => {
    const page = await open('/en/pin_asked_again')
    const help = page.getByRole('link', { name: 'Keep this device recognised' })
    expect(await help.getAttribute('href')).toBe('/help/cookies')
    const [request] = await Promise.all([
      submitted(page),
      page.getByRole('button', { name: 'Reset my PIN code' }).click(),
    ])
    expect(request.postData()).toBe('csrf=csrf-token')
    await page.context().close()
  })

  it('a PIN is spoken of only to whoever has one', () => {
    const [asked, secured] = ['not_me_no_pin', 'not_me_done_school'].map((wanted) =>
      SAMPLES.find(({ name }) => name === wanted),
    )
    const texts = [asked, secured].map((sample) => sample && html(sample, 'en'))
    expect(texts.filter((text) => text === undefined || /PIN/.test(text))).toEqual([])
  })

  it('a password is spoken of only to whoever has one', () => {
    const texts = SAMPLES.filter(({ name }) => /^not_me\w*_no_password$/.test(name)).map((sample) =>
      html(sample, 'en'),
    )
    expect(texts).toHaveLength(2)
    expect(texts.filter((text) => /password/i.test(text.split('<main')[1] ?? ''))).toEqual([])
  })

  it('“This wasn’t me” says what it does, and is sent by its button only', async () => {
    const page = await open('/en/not_me')
    const button = page.getByRole('button', { name: /^This wasn’t me/ })
    expect(await page.locator('.advice li').count()).toBe(4)
    const [request] = await Promise.all([submitted(page), button.click()])
    expect(request.postData()).toBe('csrf=csrf-token&token=token')
    await page.context().close()
  })

  it('a mailed code and a new address are two forms of one page', async () => {
    const page = await open('/en/account_address_pending')
    await page.getByLabel('Code received by mail').fill('123 456')
    expect(await fieldsOf(page)).toEqual({ csrf: 'csrf-token', code: '123 456' })
    await page.context().close()
  })

  it('a key given just now is the first thing that the help speaks of', async () => {
    const page = await open('/en/login', { javaScriptEnabled: false })
    await page.getByText('I can’t sign in').click()
    const first = page.locator('.answers dt').first()
    expect(await first.textContent()).toBe('I have just been given an OTP key')
    await page.context().close()
  })

  it('links to the help lead to the entry that they mean', () => {
    const help = samples.find(({ name, locale }) => name === 'help' && locale === 'en')
    const ids = help && [...html(help, 'en').matchAll(/ id="(help-\w+)"/g)].map(([, id]) => id)
    const meant = (name: string) => {
      const sample = SAMPLES.find((each) => each.name === name)
      return sample && /href="\/help#([\w-]+)"/.exec(html(sample, 'en'))?.[1]
    }
    const named = samples.flatMap((sample) =>
      [...html(sample, sample.locale).matchAll(/\/help#([\w-]+)/g)].map(([, id]) => id),
    )
    expect(named.filter((id) => !ids?.includes(id))).toEqual([])
    expect(['pin', 'otp', 'first_use_code', 'first_use_pin', 'account_keys'].map(meant)).toEqual([
      'help-pin',
      'help-key_pin',
      'help-first_use',
      'help-first_use',
      'help-key',
    ])
  })

  it('the help says what to write, and opens the support form', async () => {
    const page = await open('/fr/help')
    const items = await page.locator('.advice li').allInnerTexts()
    expect(items).toContain('le numéro de la clé')
    expect(items).toHaveLength(10)
    const support = page.getByRole('link', { name: 'Ouvrir le formulaire d’assistance' })
    expect(await support.getAttribute('href')).toBe('https://assistance.exemple.fr')
    await page.context().close()
  })

  it('a double click sends a form once', async () => {
    const page = await open('/en/login')
    const sent: string[] = []
    page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()))
    const button = page.getByRole('button', { name: 'Sign in' })
    await Promise.all([submitted(page), button.click()])
    await button.click()
    // By the time another page stands there, a second request would have been seen.
    await page.goto(`${gallery.origin}/en/help`)
    expect(sent).toHaveLength(1)
    await page.context().close()
  })

  it('leaving an application that proved the person asks nothing more', async () => {
    const page = await open('/en/help')
    const [request] = await Promise.all([
      submitted(page),
      page.goto(`${gallery.origin}/en/logout_auto`, { waitUntil: 'commit' }),
    ])
    expect(request.postData()).toBe('xsrf=xsrf&logout=yes')
    await page.context().close()
  })

  it('a password can be looked at before it is sent', async () => {
    const page = await open('/en/login')
    const password = page.locator('#password')
    const reveal = page.getByRole('button', { name: 'Show the password' })
    await reveal.click()
    expect(await password.getAttribute('type')).toBe('text')
    const sent = submitted(page)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await sent
    expect(await password.getAttribute('type')).toBe('password')
    await page.context().close()
  })

  it('what went wrong takes the focus and leads to the field', async () => {
    const page = await open('/en/login_empty')
    const summary = page.getByRole('group', { name: 'Please check' })
    await summary.and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('identifier')
    await page.context().close()
  })

  it('each line of what went wrong names its field', async () => {
    const page = await open('/en/login_empty')
    expect(await page.locator('.notice-error li').allInnerTexts()).toEqual([
      'Type your identifier.',
      'Type your password or your passcode.',
    ])
    await page.context().close()
  })

  it.each([
    ['define_pin', ''], // A choice stands above the field.
    ['pin', 'pin'],
    ['device_vague', 'device_name'],
  ])('the page %s begins at %j', async (name, field) => {
    const page = await open(`/en/${name}`)
    await page.evaluate('new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)))')
    expect(await page.evaluate('document.activeElement.id')).toBe(field)
    await page.context().close()
  })

  it('the keyboard may go past what stands above the page', async () => {
    const page = await open('/en/portal')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toBe('application')
    await page.context().close()
  })

  it('nothing was refused by the content security policy and no script failed', () => {
    expect(complaints).toEqual([])
  })
}, 60_000)
