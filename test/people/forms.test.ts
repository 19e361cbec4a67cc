import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { parse } from 'node-html-parser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { enter, errorsOf, formIn, postByHand } from './acts.ts'

const FORM = 'application/x-www-form-urlencoded'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

const LOGIN = { identifier: 'o.person', password: PASSWORD }
const OUR_OWN_WAYS: Record<string, Record<string, string>> = {
  'from our page': { origin: 'ISSUER', 'sec-fetch-site': 'same-origin' },
  'from our page, which sends no referrer': { origin: 'null', 'sec-fetch-site': 'same-origin' },
  'from an old browser': {},
  'from an old browser that names us': { origin: 'ISSUER' },
}
const FOREIGN_WAYS: Record<string, Record<string, string>> = {
  'from another site': { 'sec-fetch-site': 'cross-site' },
  'from another host of the site': { 'sec-fetch-site': 'same-site', origin: 'ISSUER' },
  'from another origin': { origin: 'https://elsewhere.example' },
  'from an origin that resembles ours': { origin: 'ISSUER.elsewhere.example' },
  'from our host without its scheme': { origin: 'https://127.0.0.1' },
}

const withIssuer = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace('ISSUER', school.issuer)]),
  )

const atTheLogin = async (): Promise<Browser> => {
  const browser = school.browser()
  await application.start(browser)
  return browser
}

const isErrorPage = async (response: Response): Promise<boolean> =>
  parse(await response.text())
    .querySelector('main')
    ?.getAttribute('data-step') === 'error'

describe('a form is taken', () => {
  beforeAll(async () => {
    await school.person({ identifier: LOGIN.identifier, protection: 'none' })
  })

  for (const [name, headers] of Object.entries(OUR_OWN_WAYS)) {
    it(name, async () => {
      const answer = await postByHand(await atTheLogin(), LOGIN, withIssuer(headers))
      expect(answer.status).toBe(303)
    })
  }

  for (const [name, headers] of Object.entries(FOREIGN_WAYS)) {
    it(`never ${name}`, async () => {
      const answer = await postByHand(await atTheLogin(), LOGIN, withIssuer(headers))
      expect(answer.status).toBe(403)
      expect(await isErrorPage(answer)).toBe(true)
      expect(answer.headers.getSetCookie().join()).not.toContain('vestibule_device')
    })
  }

  it('never with a token that is missing, invented, of another step or of another sign-in', async () => {
    await school.person({ identifier: 'o.pin', pin: PIN })
    const other = await atTheLogin()
    const browser = school.browser()
    await enter(application, browser, 'o.pin')
    expect(browser.view.step).toBe('pin')
    const { action } = formIn(browser.view)
    const browserAtLogin = await atTheLogin()
    const tokens = [
      undefined,
      '',
      'x',
      formIn(browser.view).csrf.slice(1),
      `${formIn(browser.view).csrf}A`,
      formIn(other.view).csrf,
      formIn(browserAtLogin.view).csrf,
    ]
    for (const csrf of tokens) {
      await browser.post(action, { pin: PIN, ...(csrf === undefined ? {} : { csrf }) })
      expect(browser.view.status).toBe(403)
      expect(browser.view.step).toBe('error')
    }
    const again = browser.view.html.querySelector('main a')?.getAttribute('href') ?? ''
    expect((await browser.open(again)).step).toBe('pin')
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  })

  it('never twice over, or larger than any form of ours', async () => {
    const browser = await atTheLogin()
    const { action, csrf } = formIn(browser.view)
    const cookie = await browser.jar.getCookieString(action.href)
    const big = 'x'.repeat(1_000_000)
    const bodies: [body: RequestInit['body'], type: string][] = [
      [`csrf=${csrf}&identifier=a&identifier=b&password=c`, FORM],
      [`csrf=${csrf}&csrf=${csrf}&identifier=a&password=c`, FORM],
      [`csrf=${csrf}&identifier=a&password=${'x'.repeat(2_049)}`, FORM],
      [`csrf=${csrf}&identifier=a&password=${big}`, FORM],
      [new Blob([`csrf=${csrf}&password=${big}`]).stream(), FORM],
      [JSON.stringify({ csrf, ...LOGIN }), 'application/json'],
      [`csrf=${csrf}&identifier=a&password=b`, 'text/plain'],
      [`csrf=${csrf}&identifier=a&password=b`, 'multipart/form-data; boundary=x'],
    ]
    for (const [body, type] of bodies) {
      const answer = await fetch(action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie, 'content-type': type },
        body: body ?? null,
        duplex: 'half',
      } as RequestInit)
      expect([type, answer.status]).toEqual([type, 400])
      expect(await isErrorPage(answer)).toBe(true)
    }
    expect((await postByHand(browser, LOGIN)).status).toBe(303)
  })

  it('keeps nothing in clear that was typed, not even into the wrong field', async () => {
    const browser = await atTheLogin()
    await browser.submit({ identifier: 'My-Secret-Password-77', password: 'x' })
    expect(browser.view.html.querySelector('input[name=identifier]')?.getAttribute('value')).toBe(
      'My-Secret-Password-77',
    )
    const files = readdirSync(school.dataFolder).filter((name) => name.startsWith('vestibule.'))
    expect(files.length).toBeGreaterThan(1)
    for (const name of files) {
      expect(readFileSync(join(school.dataFolder, name)).includes('My-Secret-Password-77')).toBe(
        false,
      )
    }
  })

  it('leads back to its page where its address is opened again', async () => {
    const browser = await atTheLogin()
    const { action } = formIn(browser.view)
    await browser.open(action)
    expect(browser.view).toMatchObject({ step: 'login', status: 200 })
  })

  it('with an empty field named in words, and what was typed kept but for secrets', async () => {
    const browser = await atTheLogin()
    await browser.submit({ identifier: '', password: 'something' })
    expect(errorsOf(browser.view)).toEqual(['Type your identifier.'])
    await browser.submit({ identifier: '<b>"o\'person</b>', password: '' })
    const field = browser.view.html.querySelector('input[name=identifier]')
    expect(field?.getAttribute('value')).toBe('<b>"o\'person</b>')
    expect(browser.view.text).not.toContain('<b>"o')
    await browser.submit({ identifier: 'o.person', password: 'Canari-Rossignol' })
    expect(browser.view.text).not.toContain('Canari-Rossignol')
  })
})

describe('whatever is posted', () => {
  const NAMES = [
    'csrf',
    'identifier',
    'password',
    'pin',
    'new_pin',
    'confirm_pin',
    'define_pin',
    'protection',
    'remember_device',
    'device_name',
    'vague_name',
    'new_password',
    'confirm_password',
    '__proto__',
    'constructor',
    'lang',
  ]
  const STEPS = [
    'login',
    'pin',
    'change_password',
    'define_pin',
    'device',
    'unmet',
    'refused',
    'other_account',
    'otp',
    '__proto__',
    'constructor',
  ]
  const OF_THE_OP = [
    '/auth',
    '/token',
    '/token/introspection',
    '/token/revocation',
    '/request',
    '/me',
    '/session/end',
    '/session/end/confirm',
    '/session/end/success',
  ]
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ maxLength: 30 }),
    fc.constantFrom('yes', PIN, PASSWORD, '\0', '%', '%00', 'none', 'a'.repeat(3_000), '８３０６'),
  )
  const fields = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...NAMES), text), text), {
    maxLength: 12,
  })
  /** As a form carries it: no half of a character. */
  const sent = (pairs: [string, string][]): [string, string][] =>
    pairs.map(([name, value]) => [name.toWellFormed(), value.toWellFormed()])
  const encoded = fields.map((pairs) => new URLSearchParams(sent(pairs)).toString())
  const bodies = fc.oneof(
    encoded,
    encoded.map((body) => body.replaceAll('%', '%%')),
    fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
    fields.map((pairs) => JSON.stringify(Object.fromEntries(pairs))),
    fc.constant('x'.repeat(200_000)),
  )
  const types = fc.oneof(
    fc.constantFrom(
      FORM,
      `${FORM}; charset=utf-16`,
      'application/json',
      'multipart/form-data; boundary=a',
      'text/plain',
      'application/x-www-form-urlencoded, text/html',
      ';;;',
    ),
    fc.constant(undefined),
  )

  const send = async (
    path: string,
    body: string | Buffer,
    type: string | undefined,
    cookie: string,
  ): Promise<Response> =>
    fetch(new URL(path, school.issuer), {
      method: 'POST',
      redirect: 'manual',
      headers: {
        cookie,
        accept: 'text/html',
        ...(type === undefined ? {} : { 'content-type': type }),
      },
      body: new Uint8Array(Buffer.from(body)),
    })

  it('to an address of ours is answered by a page that says so', async () => {
    await school.person({ identifier: 'z.pin', pin: PIN })
    const [login, pin] = [await atTheLogin(), school.browser()]
    await enter(application, pin, 'z.pin')
    const targets = await Promise.all(
      [login, pin].map(async ({ view, jar }) => ({
        uid: view.url.pathname.split('/')[2] ?? '',
        cookie: await jar.getCookieString(view.url.href),
      })),
    )
    const paths = fc.oneof(
      fc.constantFrom('/', '/help', '/portal/signed-in', '/interaction/x', '/assets/x', '/healthy'),
      fc.constantFrom(...STEPS).map((step) => `/interaction/UID/${step}`),
    )
    await fc.assert(
      fc.asyncProperty(
        paths,
        fc.constantFrom(...targets),
        bodies,
        types,
        async (path, { uid, cookie }, body, type) => {
          const answer = await send(path.replace('UID', uid), body, type, cookie)
          expect(answer.status).toBeGreaterThanOrEqual(400)
          expect(answer.status).toBeLessThan(500)
          expect(await isErrorPage(answer)).toBe(true)
        },
      ),
      { numRuns: 120 },
    )
    expect((await login.open(login.view.url)).step).toBe('login')
    expect((await pin.open(pin.view.url)).step).toBe('pin')
  })

  it('with the right token is a step that is asked again, done, or refused: never an error of ours', async () => {
    const PEOPLE: Record<string, Parameters<School['person']>[0]> = {
      login: {},
      define_pin: {},
      pin: { pin: PIN },
      device: { protection: 'notification' },
      change_password: { mustChange: true, protection: 'none' },
    }
    let count = 0
    const steps = fc.constantFrom(...Object.keys(PEOPLE))
    await fc.assert(
      fc.asyncProperty(steps, fields, async (step, pairs) => {
        count += 1
        const identifier = `z.${count}`
        await school.person({ identifier, ...PEOPLE[step] })
        const browser = await atTheLogin()
        if (step !== 'login') {
          await browser.submit({ identifier, password: PASSWORD })
        }
        expect(browser.view.step).toBe(step)
        const answer = await postByHand(browser, Object.fromEntries(sent(pairs)))
        expect([200, 303, 400, 403]).toContain(answer.status)
        await answer.body?.cancel()
      }),
      { numRuns: 100 },
    )
  })

  it('to an address of the protocol is no error of ours either', async () => {
    const cookie = await (await atTheLogin()).jar.getCookieString(school.issuer)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...OF_THE_OP), bodies, types, async (path, body, type) => {
        const answer = await send(path, body, type, cookie)
        expect(answer.status).toBeLessThan(500)
        await answer.body?.cancel()
      }),
      { numRuns: 100 },
    )
  })
})
