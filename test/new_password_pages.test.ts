import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { JudgedPassword } from '../views/pages.ts'
import { openGallery } from './fixtures/gallery.ts'
import { startChromium } from './support/chromium.ts'

const SHORT = { ok: false, refusals: ['Too short.', 'Too easy to guess.'] }
const FINE = { ok: true, refusals: [] }

describe('a new password while it is typed', () => {
  let gallery: Awaited<ReturnType<typeof openGallery>>
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    gallery = await openGallery()
    browser = await startChromium()
  })
  afterEach(() => page.context().close())
  afterAll(async () => {
    await browser?.close()
    await gallery?.close()
  })

  type Judge = (password: string) => Promise<JudgedPassword | number> | JudgedPassword | number

  /** What was asked of the judge, whose answers the test chooses; a number: a status without words. */
  const open = async (name: string, judge: Judge, options: BrowserContextOptions = {}) => {
    const asked: Request[] = []
    page = await (await browser.newContext(options)).newPage()
    await page.route('**/judge_password', async (route) => {
      asked.push(route.request())
      const answer = await judge(passwordIn(route.request()) ?? '')
      await route.fulfill(typeof answer === 'number' ? { status: answer } : { json: answer })
    })
    await page.goto(`${gallery.origin}/en/${name}`)
    return asked
  }
  const passwordIn = (request: Request) =>
    new URLSearchParams(request.postData() ?? '').get('new_password')
  const type = (text: string) => page.getByLabel('New password', { exact: true }).fill(text)
  const leave = () => page.keyboard.press('Tab')
  const said = () => page.getByRole('status').textContent()
  const hears = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor()
  const answered = () => page.waitForResponse('**/judge_password')

  it.each(['change_password', 'account_password', 'password_reset_define'])(
    'on the page %s is judged by the server, and all that is wrong is said',
    async (name) => {
      const asked = await open(name, (password) => (password.length < 12 ? SHORT : FINE))
      expect(await said()).toBe('')
      await type('azerty')
      await hears('Too short.')
      expect(await said()).toBe('Too short.\nToo easy to guess.')
      expect(asked[0]?.postData()).toBe('csrf=csrf-token&new_password=azerty')
      expect(asked[0]?.headers()['accept']).toBe('application/json')
      await type('marmot clarinet drizzle')
      await hears('This password will do.')
    },
  )

  it('is judged once the keys rest, and at once when the field is left', async () => {
    const asked = await open('change_password', () => SHORT)
    await page.getByLabel('New password', { exact: true }).pressSequentially('azerty')
    await hears('Too short.')
    await leave()
    await Promise.all([type('azertyuiop').then(leave), answered()])
    expect(asked.map(passwordIn)).toEqual(['azerty', 'azertyuiop'])
  })

  it('is not told what was wrong with what stood there before', async () => {
    const { promise: late, resolve: answer } = Promise.withResolvers<void>()
    const asked = await open('change_password', async (password) => {
      if (password !== 'azerty') return FINE
      await late
      return SHORT
    })
    await Promise.all([page.waitForRequest('**/judge_password'), type('azerty').then(leave)])
    await type('marmot clarinet drizzle')
    await hears('This password will do.')
    answer()
    expect(await said()).toBe('This password will do.')
    expect(asked[0]?.failure()?.errorText).toContain('ABORTED')
  })

  it.each([403, 429, 503])('hears nothing where the answer is %i', async (status) => {
    await open('change_password', (password) => (password === 'azerty' ? SHORT : status))
    await type('azerty')
    await hears('Too short.')
    await Promise.all([answered(), type('azertyuiop').then(leave)])
    await page.waitForFunction('document.querySelector("[data-judge]").textContent === ""')
  })

  it('is no more spoken of once it is taken away', async () => {
    const asked = await open('change_password', () => SHORT)
    await type('azerty')
    await hears('Too short.')
    await type('')
    await page.waitForFunction('document.querySelector("[data-judge]").textContent === ""')
    expect(asked).toHaveLength(1)
  })

  it.each([320, 1280])('moves nothing below it (%i px)', async (width) => {
    const refusals = ['Too easy to guess: these words are tried first. Add one or two other ones.']
    await open('change_password', () => ({ ok: false, refusals }), {
      viewport: { width, height: 740 },
    })
    const place = async () => (await page.locator('#confirm_password').boundingBox())?.y
    const before = await place()
    await type('azerty')
    await hears('Too easy')
    expect(await place()).toBe(before)
  })

  it('may be sent whatever was said', async () => {
    await open('change_password', () => SHORT)
    await type('azerty')
    await hears('Too short.')
    const [request] = await Promise.all([
      page.waitForRequest((sent) => sent.url().endsWith('/interaction/x')),
      page.getByRole('button', { name: 'Change my password' }).click(),
    ])
    expect(passwordIn(request)).toBe('azerty')
  })

  it('has its rules read with its field, and nothing else without scripts', async () => {
    const asked = await open('change_password_strict', () => SHORT, { javaScriptEnabled: false })
    const field = page.getByLabel('New password', { exact: true })
    const ids = (await field.getAttribute('aria-describedby'))?.split(' ').filter(Boolean) ?? []
    const texts = await Promise.all(ids.map((id) => page.locator(`#${id}`).textContent()))
    expect(texts).toEqual([
      expect.stringMatching(/at least 12 characters.*with a small letter, a capital letter, a/s),
      expect.stringContaining('Add at least one digit.'),
    ])
    await field.fill('azerty')
    await leave()
    expect([await said(), asked]).toEqual(['', []])
  })
}, 60_000)
