import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Secret } from 'otpauth'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { resyncKey, testKey } from '../../accounts/desk_codes.ts'
import { assignKey, resetKeyPin } from '../../accounts/desk_keys.ts'
import { importKeys } from '../../accounts/import_keys.ts'
import { codeAt } from '../../policies/otp_window.ts'
import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { HOUR_MS, MINUTE_MS, PASSWORD, type School, startSchool } from '../support/school.ts'
import { acts, enter, reopen } from './acts.ts'

const SERIAL = 'CANARY-1'
const SEED = Buffer.from('c4n4ry-0f-4-wh0l3-l1f3~?')
const FACE = { algorithm: 'SHA1', digits: 8 } as const
const STEP_MS = 30_000
const BY = 'cli:office'
const WHO = 'life.of.a.key'
const ACR_OTP = 'urn:vestibule:acr:otp'
const ESSENTIAL_OTP = JSON.stringify({ id_token: { acr: { essential: true, value: ACR_OTP } } })
const ENROL = 'form[action="/account/keys/app"]'

/** Eight digits each: none of them stands anywhere by chance. */
const PIN = '83065719'
const WRONG_PIN = '51927406'
const OTHER_PIN = '27408163'
const APP_PIN = '74039158'

/** Everything that was typed and has to appear nowhere. */
const typed = new Set([PIN, WRONG_PIN, OTHER_PIN, APP_PIN])
const types = (secret: string): string => {
  typed.add(secret)
  return secret
}

let logged = ''
const log = pino(
  { level: 'trace' },
  new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk)
      done()
    },
  }),
)

/** Every answer that any browser or application got, heads included, and the addresses asked for. */
const answers: string[] = []
const addresses: string[] = []
const overhear = (): void => {
  const { fetch } = globalThis
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
    const response = await fetch(target, init)
    addresses.push(String(target instanceof Request ? target.url : target))
    answers.push(JSON.stringify([...response.headers]) + (await response.clone().text()))
    return response
  })
}

let school: School
let application: RelyingParty
beforeAll(async () => {
  overhear()
  school = await startSchool({}, { log })
  application = await school.application()
  await school.policies({ staff: { otp_keys: { pin_length: 8 } } })
})
afterAll(async () => {
  vi.restoreAllMocks()
  await school.stop()
})

/** What lies on the disk in between counts, too: the database and what it has not merged yet. */
let stored = ''
const lookAtDisk = (): void => {
  const names = readdirSync(school.dataFolder).filter((name) => name.includes('.sqlite'))
  expect(names.some((name) => name.endsWith('-wal'))).toBe(true)
  stored += names.map((name) => readFileSync(join(school.dataFolder, name), 'latin1')).join('')
}

let pin = PIN
const code = (steps = 0): string =>
  types(codeAt(FACE, SEED, Math.floor(Date.now() / STEP_MS) + steps))
const passcode = (steps = 0): string => types(pin + code(steps))

const wait = (): void => school.later(STEP_MS)

let networks = 0
/** From a network that nothing has failed on. */
const somewhere = (): Browser => {
  networks += 1
  return school.browser({ address: `203.0.${networks}.7` })
}

const importsAndAssigns = async (sub: string): Promise<void> => {
  const { deps } = school.gateway.core
  const key = { serial: SERIAL, kind: 'totp', periodSeconds: 30, counter: 0, seed: SEED } as const
  const file = { by: BY, source: 'keys.csv', sha256: 'abc', on: () => {} }
  const lines = [{ ok: true, line: 1, key: { ...key, ...FACE } } as const]
  const refused = [...lines, { ok: true, line: 2, key: { ...key, ...FACE, serial: 'B2' } } as const]
  expect(await importKeys(deps, refused, { dryRun: false, ...file })).toMatchObject({ rejected: 1 })
  expect(await importKeys(deps, lines, { dryRun: false, ...file })).toMatchObject({ added: 1 })
  expect(await assignKey(deps, SERIAL, sub, BY)).toMatchObject({ ok: true })
}

const usesFirst = async (): Promise<void> => {
  const browser = somewhere()
  await enter(application, browser, WHO, { password: code(40) })
  expect(browser.view.step).toBe('login')
  await browser.submit({ identifier: WHO, password: code() })
  expect(browser.view.step).toBe('first_use_password')
  await browser.submit({ password: PASSWORD })
  expect(browser.view.step).toBe('first_use_pin')
  await browser.submit({ new_pin: pin, confirm_pin: WRONG_PIN })
  await browser.submit({ new_pin: types('12345678'), confirm_pin: '12345678' })
  expect(browser.view.step).toBe('first_use_pin')
  await browser.submit({ new_pin: pin, confirm_pin: pin })
  expect(browser.view.step).toBe('first_use_passcode')
  lookAtDisk()
  await browser.submit({ passcode: passcode() }) // The same code once more.
  wait()
  await browser.submit({ passcode: types(WRONG_PIN + code()) })
  expect(browser.view.step).toBe('first_use_passcode')
  wait()
  await browser.submit({ passcode: passcode() })
  expect(browser.view.step).toBe('first_use_done')
  await browser.submit({})
  expect(browser.view.step).toBe('callback')
}

const signsIn = async (): Promise<void> => {
  const browser = somewhere()
  wait()
  await enter(application, browser, WHO, { password: types(WRONG_PIN + code()) })
  await browser.submit({ identifier: WHO, password: passcode() })
  await browser.submit({ identifier: WHO, password: passcode(30) })
  expect(browser.view.step).toBe('login')
  wait()
  // A form that is refused is kept until it is shown again.
  const there = browser.view.url
  const form = browser.view.html.querySelector('main form')?.getAttribute('action') ?? ''
  const fields = { csrf: 'old', identifier: WHO, password: passcode() }
  await browser.post(new URL(form, there), fields)
  expect(browser.view.step).toBe('error')
  lookAtDisk()
  await browser.open(there)
  await browser.submit({ identifier: WHO, password: passcode() })
  expect(browser.view.step).toBe('callback')
}

const provesInAStep = async (): Promise<void> => {
  const browser = somewhere()
  await enter(application, browser, WHO, { parameters: { claims: ESSENTIAL_OTP } })
  expect(browser.view.step).toBe('otp')
  await browser.submit({ passcode: types(WRONG_PIN + code(1)) })
  await browser.submit({ passcode: types('not a passcode') })
  expect(browser.view.step).toBe('otp')
  school.later(3 * STEP_MS)
  await browser.submit({ passcode: passcode() })
  expect(browser.view.step).toBe('callback')
}

const standsAtTheDesk = async (): Promise<void> => {
  const { deps } = school.gateway.core
  wait()
  const tested = await testKey(deps, SERIAL, code(), BY)
  expect(tested).toMatchObject({ ok: true })
  expect(await testKey(deps, SERIAL, code(), BY)).toMatchObject({ ok: false })
  wait()
  const codes = { first: code(), second: code(1) }
  expect(await resyncKey(deps, SERIAL, codes, BY)).toMatchObject({ ok: true })
  expect(await resyncKey(deps, SERIAL, codes, BY)).toMatchObject({ ok: false })
  school.later(2 * STEP_MS)
}

const secretOn = ({ html }: View): string =>
  html
    .querySelectorAll('.secret-group')
    .map(({ text }) => text)
    .join('')

/** Enrols an authenticator app and signs in with it; returns its secret in base32. */
const enrolsApp = async (): Promise<string> => {
  const browser = somewhere()
  wait()
  await browser.open('/account/keys')
  await browser.submit({ identifier: WHO, password: passcode() })
  expect(browser.view.step).toBe('account_keys')
  await browser.submit({}, { form: ENROL })
  expect(browser.view.step).toBe('enrol_app')
  const secret = secretOn(browser.view)
  const seed = new Uint8Array(Secret.fromBase32(secret).buffer)
  const shown = (steps = 0): string =>
    codeAt({ algorithm: 'SHA1', digits: 6 }, seed, Math.floor(Date.now() / STEP_MS) + steps)
  const fill = { new_pin: APP_PIN, confirm_pin: APP_PIN }
  await browser.submit({ ...fill, code: shown(20) })
  await browser.submit({ ...fill, confirm_pin: WRONG_PIN, code: shown() })
  expect(browser.view.step).toBe('enrol_app')
  lookAtDisk()
  await browser.submit({ ...fill, code: shown() })
  expect(browser.view.step).toBe('account_keys')
  await reopen(browser)
  school.later(MINUTE_MS)
  await enter(application, browser, WHO, { password: types(WRONG_PIN + shown()) })
  expect(browser.view.step).toBe('login')
  school.later(STEP_MS)
  await browser.submit({ identifier: WHO, password: types(APP_PIN + shown()) })
  expect(browser.view.step).toBe('callback')
  return secret
}

const BASE64_OFFSETS = [0, 1, 2]

/** Whatever a seed may be written as, also in the middle of something longer. */
const formsOf = (seed: Buffer): string[] => {
  const base64 = BASE64_OFFSETS.map((offset) =>
    Buffer.concat([Buffer.alloc(offset), seed])
      .toString('base64')
      .replaceAll('=', '')
      // What the bytes around it have no part in.
      .slice(offset === 0 ? 0 : offset + 1, -1),
  )
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  const { base32 } = new Secret({ buffer: new Uint8Array(seed).buffer })
  return [seed.toString('latin1'), seed.toString('hex'), base32, ...base64, ...url]
}

/** The places where one of the texts stands, in small letters or capitals. */
const found = (places: Record<string, string>, texts: Iterable<string>): string[] => {
  const wanted = [...texts].map((text) => text.toLowerCase())
  return Object.entries(places).flatMap(([place, content]) => {
    const small = content.toLowerCase()
    return wanted.filter((text) => small.includes(text)).map((text) => `${text} in the ${place}`)
  })
}

describe('the whole life of a key', () => {
  it('leaves its seed, its PINs and its passcodes in no log, page, audit or database', async () => {
    const { sub } = await school.person({ identifier: WHO, userType: 'staff', protection: 'none' })
    await importsAndAssigns(sub)
    await usesFirst()
    school.later(HOUR_MS)
    await signsIn()
    await provesInAStep()
    await standsAtTheDesk()
    const secret = await enrolsApp()
    school.later(HOUR_MS)
    expect(await resetKeyPin(school.gateway.core.deps, SERIAL, BY)).toMatchObject({ ok: true })
    pin = OTHER_PIN
    await usesFirst()
    lookAtDisk()

    const { audit, notices } = school.gateway.core.deps.store
    const entries = await audit.list({}, 10_000)
    const own = answers.filter((answer) => answer.includes('data-step="enrol_app"'))
    const places = {
      log: logged,
      addresses: addresses.join('\n'),
      audit: JSON.stringify([entries, await notices.list(sub, 1_000)]),
      pages: answers.filter((answer) => !own.includes(answer)).join('\n'),
      database: stored,
    }
    // What is looked through is what it should be: it holds what is no secret.
    expect(await acts(school, sub)).toEqual(
      expect.arrayContaining(['key_assigned', 'first_use_refused', 'passcode_wrong', 'key_tested']),
    )
    expect(found(places, ['form_expired'])).toContain('form_expired in the log')
    expect(found(places, ['/interaction/'])).toContain('/interaction/ in the addresses')
    expect(found(places, [SERIAL])).toEqual(
      ['audit', 'pages', 'database'].map((place) => `canary-1 in the ${place}`),
    )
    expect(own.length).toBeGreaterThan(0)
    expect(typed.size).toBeGreaterThan(25)

    expect(found(places, typed)).toEqual([])
    expect(found({ 'page of the app': own.join('\n') }, typed)).toEqual([])
    expect(found({ ...places, 'page of the app': own.join('\n') }, formsOf(SEED))).toEqual([])
    const app = Buffer.from(Secret.fromBase32(secret).buffer)
    expect(found(places, [secret, ...formsOf(app)])).toEqual([])
  })
})
