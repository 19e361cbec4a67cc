import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Writable } from 'node:stream'
import { Secret } from 'otpauth'
import pino from 'pino'
import { encode } from 'uqr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeAt } from '../../policies/otp_window.ts'
import { mergeSessions } from '../../provider/session_factors.ts'
import { enrolments } from '../../provider/session_records.ts'
import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { doneOn, formTo, isKept, prove, tokenFor } from './account_visit.ts'
import { acts, enter, errorsOf, formIn, noticesOf, postByHand, reopen } from './acts.ts'

const KEYS = '/account/keys'
const APP = '/account/keys/app'
const APP_PIN = '7294'
const ADD = formTo('keys/app')
const CANCEL = formTo('keys/app/cancel')
const ACR_OTP = 'urn:vestibule:acr:otp'
const ESSENTIAL_OTP = JSON.stringify({ id_token: { acr: { essential: true, value: ACR_OTP } } })

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

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool({}, { log })
  application = await school.application()
  await school.policies({ student: { otp_keys: { apps: false } }, guardian: { otp: 'off' } })
})
afterAll(() => school.stop())

type Wishes = Parameters<School['person']>[0]

const passwordOnly = (more: Wishes = {}) => school.person({ protection: 'none', ...more })

/** At the page of keys, signed in. */
const atKeys = async (
  { identifier }: { identifier: string },
  browser: Browser = school.browser(),
): Promise<Browser> => {
  await browser.open(KEYS)
  await prove(browser, identifier)
  expect(browser.view.step).toBe('account_keys')
  return browser
}

/** At the page that shows the secret, with a fresh proof. */
const atApp = async (who: { identifier: string }, browser?: Browser): Promise<Browser> => {
  const there = await atKeys(who, browser)
  await there.submit({}, ADD)
  await prove(there, who.identifier)
  if (isKept(there.view)) {
    await there.submit({ kept: 'yes' })
  }
  expect(there.view.step).toBe('enrol_app')
  return there
}

/** The secret as somebody types it into their app. */
const secretOn = ({ html }: View): string =>
  html
    .querySelectorAll('.secret-group')
    .map(({ text }) => text)
    .join('')

/** A page's words without the spaces and the groups that they stand in. */
const readOn = ({ html }: View): string => html.text.replaceAll(/\s/g, '')

const seedOf = (secret: string): Uint8Array => new Uint8Array(Secret.fromBase32(secret).buffer)

/** What the app shows, `steps` codes from now. */
const codeOf = (secret: string, steps = 0): string =>
  codeAt({ algorithm: 'SHA1', digits: 6 }, seedOf(secret), Math.floor(Date.now() / 30_000) + steps)

const wrongCodeOf = (secret: string): string => {
  const right = [-3, -2, -1, 0, 1, 2, 3].map((steps) => codeOf(secret, steps))
  return ['000001', '000002', '000003', '000004', '000005', '000006', '000007', '000008'].find(
    (code) => !right.includes(code),
  ) as string
}

const filled = (code: string, pin = APP_PIN) => ({ new_pin: pin, confirm_pin: pin, code })

const enrol = async (who: { identifier: string }, browser?: Browser) => {
  const there = await atApp(who, browser)
  const secret = secretOn(there.view)
  await there.submit(filled(codeOf(secret)))
  expect(there.view.step).toBe('account_keys')
  return { browser: there, secret }
}

const appsOf = (sub: string) => school.gateway.core.deps.store.otpKeys.ofPerson(sub)

const addButton = ({ html }: View) => html.querySelector(ADD.form)

describe('somebody with a password alone', () => {
  it('adds an authenticator app to their account', async () => {
    const who = await passwordOnly({ givenName: 'Léa' })
    const browser = await atKeys(who)
    expect(browser.view.url.href).toBe(`${school.issuer}${KEYS}`)
    expect(browser.view.text).toContain('No OTP key was assigned to you.')
    await browser.submit({}, ADD)
    expect(browser.view.url.href).toBe(`${school.issuer}${APP}`)
    const secret = secretOn(browser.view)
    expect(seedOf(secret)).toHaveLength(20)
    await browser.submit(filled(codeOf(secret)))
    expect(browser.view.url.href).toBe(`${school.issuer}${KEYS}`)
    expect(browser.view.text).toContain('Your authenticator app is in service.')
    const [key, ...others] = await appsOf(who.sub)
    expect(others).toEqual([])
    expect(key).toMatchObject({ source: 'app', state: 'in_service', kind: 'totp', digits: 6 })
    expect(key?.serial).toMatch(/^APP-[2-9A-HJKMNP-Z]{8}$/)
    expect(browser.view.text).toContain(`No.\u00a0${key?.serial}`)
    expect(await noticesOf(school, who.sub)).toEqual(['key_in_service'])
    expect((await acts(school, who.sub)).filter((act) => act.startsWith('key_'))).toEqual([
      'key_app_enrolled',
    ])
    await browser.open(KEYS)
    expect(browser.view.text).not.toContain('Your authenticator app is in service.')
    expect(browser.view.text).toContain(`No.\u00a0${key?.serial}`)
  })

  it('scans a code that holds the secret, the school and who they are', async () => {
    const who = await passwordOnly({ identifier: 'scan.me' })
    const { view } = await atApp(who)
    const school_ = encodeURIComponent('Collège des Tilleuls')
    const uri = `otpauth://totp/${school_}:scan.me?issuer=${school_}&secret=${secretOn(view)}&algorithm=SHA1&digits=6&period=30`
    const { size, data } = encode(uri, { ecc: 'M', border: 4 })
    const dark = new Set<string>()
    const path = view.html.querySelector('svg.qr path')?.getAttribute('d') ?? ''
    for (const [, x, y, run] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
      for (let at = 0; at < Number(run); at += 1) {
        dark.add(`${Number(x) + at},${y}`)
      }
    }
    const expected = data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`${x},${y}`] : [])))
    expect([...dark].sort()).toEqual(expected.sort())
    expect(view.html.querySelector('svg.qr')?.getAttribute('viewBox')).toBe(`0 0 ${size} ${size}`)
  })

  it('signs in by passcode the next time, and only from then on by that app', async () => {
    const who = await passwordOnly()
    const { browser, secret } = await enrol(who)
    // In the sign-in that enrolled it, it proves nothing.
    await application.start(browser, { claims: ESSENTIAL_OTP })
    expect(browser.view.step).toBe('unmet')
    school.later(MINUTE_MS)
    await browser.open(KEYS)
    expect(browser.view.step).toBe('account_keys')
    await reopen(browser)
    await enter(application, browser, who.identifier, { password: APP_PIN + codeOf(secret) })
    const { claims } = await application.finish(browser)
    expect(claims).toMatchObject({ amr: ['pin', 'otp', 'mfa'] })
    // The code that confirmed it, or one typed before, is used up.
    await reopen(browser)
    await enter(application, browser, who.identifier, { password: APP_PIN + codeOf(secret) })
    expect(browser.view.step).toBe('login')
  })

  it('cannot sign in with the code that confirmed the app', async () => {
    const who = await passwordOnly()
    const { browser, secret } = await enrol(who)
    await reopen(browser)
    await enter(application, browser, who.identifier, { password: APP_PIN + codeOf(secret) })
    expect(browser.view.step).toBe('login')
  })

  it('reads everything in French where they read French', async () => {
    const who = await passwordOnly()
    const browser = school.browser({ language: 'fr' })
    await atApp(who, browser)
    expect(browser.view.html.querySelector('html')?.getAttribute('lang')).toBe('fr')
    await browser.open(`${APP}?lang=en`)
    expect(browser.view.html.querySelector('html')?.getAttribute('lang')).toBe('en')
  })
})

describe('a fresh proof', () => {
  it('is not asked to look at the keys, nor within five minutes; to see the secret, after them', async () => {
    const who = await passwordOnly()
    const browser = await atKeys(who)
    school.later(4 * MINUTE_MS)
    await browser.submit({}, ADD)
    expect(browser.view.step).toBe('enrol_app')
    school.later(2 * MINUTE_MS)
    await browser.open(KEYS)
    expect(browser.view.step).toBe('account_keys')
    await browser.open(APP)
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('enrol_app')
  })

  it('is asked before an app is begun, which is then confirmed once', async () => {
    const who = await passwordOnly()
    const browser = await atKeys(who)
    school.later(6 * MINUTE_MS)
    await browser.submit({}, ADD)
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('account_keys')
    expect(isKept(browser.view)).toBe(true)
    await browser.submit({ kept: 'yes' })
    expect(browser.view.step).toBe('enrol_app')
  })

  it('is asked before each form too; what was begun waits for it', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    school.later(6 * MINUTE_MS)
    await browser.submit(filled(codeOf(secret)))
    expect(browser.view.step).toBe('login')
    expect(await appsOf(who.sub)).toEqual([])
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('enrol_app')
    expect(secretOn(browser.view)).toBe(secret)
    await browser.submit(filled(codeOf(secret)))
    expect(await appsOf(who.sub)).toHaveLength(1)
  })

  it('is the PIN where the account has one, also on a recognised device', async () => {
    const who = await school.person({ pin: PIN })
    const browser = school.browser()
    await enter(application, browser, who.identifier)
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await reopen(browser)
    await enter(application, browser, who.identifier)
    expect(browser.view.step).toBe('callback')
    await atKeys(who, browser)
    await browser.submit({}, ADD)
    expect(browser.view.step).toBe('pin')
    expect(browser.view.text).toContain('Collège des Tilleuls asks for your PIN code.')
    await browser.submit({ pin: PIN })
    await browser.submit({ kept: 'yes' })
    expect(browser.view.step).toBe('enrol_app')
  })

  it('is the PIN even where somebody arrives with a new sign-in', async () => {
    const who = await school.person({ pin: PIN })
    const browser = school.browser()
    await enter(application, browser, who.identifier)
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await reopen(browser)
    await atKeys(who, browser)
    await browser.submit({}, ADD)
    expect(browser.view.step).toBe('pin')
  })

  it('is the passcode where a key is in service: neither password nor PIN will do', async () => {
    const who = await school.person({ pin: PIN })
    const { browser, secret } = await enrol(who)
    await reopen(browser)
    school.later(MINUTE_MS)
    await enter(application, browser, who.identifier)
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
    await atKeys(who, browser)
    await browser.submit({}, ADD)
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: APP_PIN + codeOf(secret) })
    await browser.submit({ kept: 'yes' })
    expect(browser.view.step).toBe('enrol_app')
  })

  it('that a blocked PIN makes impossible is refused with its reason, and leads to the portal', async () => {
    const who = await school.person({ pin: PIN })
    const browser = school.browser()
    await enter(application, browser, who.identifier)
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await school.gateway.core.deps.store.accounts.setPinBlocked(who.sub, Date.now())
    await browser.open('/')
    expect(browser.view.step).toBe('portal')
    school.later(6 * MINUTE_MS)
    await atKeys(who, browser)
    await browser.submit({}, ADD)
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('unmet')
    expect(browser.view.text).toContain('yours is blocked')
    await browser.submit({})
    expect(browser.view.step).toBe('portal')
    await browser.open(APP)
    expect(browser.view.step).toBe('unmet')
    expect(await appsOf(who.sub)).toEqual([])
  })

  it('by a PIN that was defined in this sign-in without counting is asked for in a new one', async () => {
    const who = await school.person({ protection: 'pin' })
    // One mailbox must not open both doors: a PIN defined so soon after does not count yet.
    const database = new DatabaseSync(join(school.dataFolder, 'vestibule.sqlite'))
    database
      .prepare('UPDATE accounts SET password_reset_by_mail_at = ? WHERE sub = ?')
      .run(Date.now(), who.sub)
    database.close()
    const browser = school.browser()
    await enter(application, browser, who.identifier)
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ define_pin: 'yes', new_pin: '9160', confirm_pin: '9160' })
    await browser.submit({}) // The device is not added.
    expect(browser.view.step).toBe('callback')
    school.later(MINUTE_MS)
    await atKeys(who, browser)
    await browser.submit({}, ADD)
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: '9160' })
    await browser.submit({ kept: 'yes' })
    expect(browser.view.step).toBe('enrol_app')
  })

  it.each(['/account/signed-in', '/account/proved'])(
    'shows a page, not a loop, where it comes back to nobody at %s',
    async (path) => {
      for (const query of ['?code=x', '', '?error=access_denied', '?error=a&error=b']) {
        const browser = school.browser()
        await browser.open(`${path}${query}`)
        expect(browser.view.step).toBe('error')
        expect(browser.view.status).toBeLessThan(500)
      }
    },
  )

  it('shows a page, not a loop, where it comes back without the proof', async () => {
    const who = await passwordOnly()
    const browser = await atKeys(who)
    school.later(6 * MINUTE_MS)
    await browser.open('/account/proved?code=x&state=keys')
    expect(browser.view.step).toBe('error')
  })

  it('leads nowhere else than to the pages of the account', async () => {
    const browser = await atKeys(await passwordOnly())
    await browser.open('/account/proved?state=https://thief.example/')
    expect(browser.view.step).toBe('error')
    expect(browser.view.url.host).toBe(new URL(school.issuer).host)
  })
})

describe('where apps are not offered', () => {
  it.each(['student', 'guardian'] as const)(
    'a %s sees no way to one and cannot force it',
    async (userType) => {
      const { sub, identifier } = await passwordOnly({ userType })
      const browser = await atKeys({ identifier })
      expect(addButton(browser.view)).toBeNull()
      // As somebody would post it who has found out how the token is made.
      const [session] = await school.gateway.core.opened.op.listSessions(sub)
      const csrf = tokenFor(school, String(session?.uid), 'keys/app')
      await browser.post(APP, { csrf })
      expect(browser.view).toMatchObject({ step: 'error', status: 404 })
      await browser.open(APP)
      expect(browser.view.step).toBe('account_keys')
    },
  )

  it('what was begun before the policy changed is refused', async () => {
    const who = await passwordOnly({ userType: 'staff' })
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    await school.policies({ staff: { otp_keys: { apps: false } } })
    await browser.submit(filled(codeOf(secret)))
    expect(browser.view).toMatchObject({ step: 'error', status: 404 })
    await school.policies({ staff: {} })
    const keys = await atKeys(who, browser)
    await school.policies({ staff: { otp_keys: { apps: false } } })
    await keys.submit({}, ADD)
    expect(keys.view).toMatchObject({ step: 'error', status: 404 })
    await school.policies({ staff: {} })
    expect(await appsOf(who.sub)).toEqual([])
  })

  it('nobody has more than five', async () => {
    const who = await passwordOnly()
    const browser = school.browser()
    for (let app = 0; app < 5; app += 1) {
      await enrol(who, browser)
    }
    expect(await appsOf(who.sub)).toHaveLength(5)
    expect(addButton(browser.view)).toBeNull()
  })
})

describe('the form', () => {
  it('says that the code is wrong, and forgets the secret after ten of them', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    await browser.submit(filled(wrongCodeOf(secret)))
    expect(browser.view).toMatchObject({ step: 'enrol_app', status: 200 })
    expect(errorsOf(browser.view)[0]).toContain('This is not the code that the app shows now.')
    expect(secretOn(browser.view)).toBe(secret)
    for (let wrong = 2; wrong <= 10; wrong += 1) {
      expect(browser.view.step).toBe('enrol_app')
      await browser.submit(filled(wrongCodeOf(secret)))
    }
    expect(browser.view.step).toBe('account_keys')
    expect(doneOn(browser.view)).toContain('Nothing was changed: too many codes were wrong.')
    await browser.submit({}, ADD)
    expect(secretOn(browser.view)).not.toBe(secret)
    expect(errorsOf(browser.view)).toEqual([])
    expect(await appsOf(who.sub)).toEqual([])
    expect((await acts(school, who.sub)).filter((act) => act === 'key_app_enrolled')).toHaveLength(
      10,
    )
  })

  it.each([
    [{ new_pin: '7777', confirm_pin: '7777' }, 'the same digits come again and again'],
    [{ new_pin: '7294', confirm_pin: '7295' }, 'The two codes are not the same.'],
    [{ new_pin: '72945', confirm_pin: '72945' }, 'Type 4 digits'],
    [{ new_pin: '', confirm_pin: '7294' }, 'Type a new PIN code.'],
  ])('refuses the PIN of %j and says why', async (pins, words) => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    await browser.submit({ ...pins, code: codeOf(secret) })
    expect(errorsOf(browser.view).join()).toContain(words)
    expect(browser.view.html.querySelectorAll('input[value="7294"]')).toEqual([])
    expect(await appsOf(who.sub)).toEqual([])
    await browser.submit(filled(codeOf(secret)))
    expect(await appsOf(who.sub)).toHaveLength(1)
  })

  it('takes codes and PINs with the spaces that apps put into them', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const code = codeOf(secretOn(browser.view))
    await browser.submit(filled(`${code.slice(0, 3)} ${code.slice(3)}`, '72 94'))
    expect(await appsOf(who.sub)).toHaveLength(1)
  })

  it('sent twice adds one key, whichever comes first and however late', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const typed = filled(codeOf(secretOn(browser.view)))
    const answers = await Promise.all([1, 2, 3, 4].map(() => postByHand(browser, typed)))
    for (const { status, headers } of answers) {
      expect([status, headers.get('location')]).toEqual([303, KEYS])
    }
    expect((await postByHand(browser, typed)).headers.get('location')).toBe(KEYS)
    expect(await appsOf(who.sub)).toHaveLength(1)
    expect(await noticesOf(school, who.sub)).toEqual(['key_in_service'])
  })

  it('to begin, pressed in two tabs, shows one secret', async () => {
    const who = await passwordOnly()
    const browser = await atKeys(who)
    const other = await browser.copy()
    await other.open(KEYS)
    await browser.submit({}, ADD)
    await other.submit({}, ADD)
    expect(secretOn(other.view)).toBe(secretOn(browser.view))
  })

  it('given up leaves nothing behind', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    const confirmed = await browser.copy()
    await confirmed.open(APP)
    await browser.submit({}, CANCEL)
    expect(browser.view.step).toBe('account_keys')
    await confirmed.submit(filled(codeOf(secret)))
    expect(await appsOf(who.sub)).toEqual([])
    await browser.open(APP)
    expect(browser.view.step).toBe('account_keys')
    await browser.submit({}, ADD)
    expect(secretOn(browser.view)).not.toBe(secret)
  })

  it('is too late after a quarter of an hour', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    school.later(4 * MINUTE_MS)
    for (let proved = 0; proved < 3; proved += 1) {
      school.later(4 * MINUTE_MS)
      await browser.open(APP)
      if (browser.view.step === 'login') {
        await browser.submit({ identifier: who.identifier, password: PASSWORD })
      }
    }
    expect(browser.view.step).toBe('account_keys')
    expect(doneOn(browser.view)).toContain('Nothing was changed: adding the app took too long.')
    expect(readOn(browser.view)).not.toContain(secret)
    await browser.open(KEYS)
    expect(doneOn(browser.view)).toBeUndefined()
  })

  it.each([
    ['another token', { csrf: 'x' }, {}],
    ['another site', {}, { 'sec-fetch-site': 'cross-site' }],
  ])('is refused with %s, and leads back to its page', async (_, fields, headers) => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const { action, csrf } = formIn(browser.view)
    const typed = filled(codeOf(secretOn(browser.view)))
    await browser.post(action, { csrf, ...typed, ...fields }, headers as Record<string, string>)
    expect(browser.view).toMatchObject({ step: 'error', status: 403 })
    expect(browser.view.html.querySelector(`main a[href="${APP}"]`)).not.toBeNull()
    expect(await appsOf(who.sub)).toEqual([])
  })
})

describe('the secret', () => {
  /** Whatever spelling of it lies in the data folder, the pages to come or the log. */
  const spellings = (secret: string): Buffer[] => {
    const seed = Buffer.from(seedOf(secret))
    return [
      seed,
      ...[secret, seed.toString('hex'), seed.toString('base64url'), seed.toString('base64')].map(
        (text) => Buffer.from(text),
      ),
    ]
  }

  const leaksIn = (bytes: Buffer, secret: string): number =>
    spellings(secret).filter((spelling) => bytes.includes(spelling)).length

  const filesOf = (folder: string): Buffer[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name)))

  it('is in no file and no log, and on no page once the app is in service', async () => {
    const who = await passwordOnly()
    const browser = await atApp(who)
    const secret = secretOn(browser.view)
    expect(readOn(browser.view)).toContain(secret)
    expect(browser.view.url.href).not.toContain(secret)
    expect(browser.view.html.querySelectorAll('input').join()).not.toContain(secret)
    const during = filesOf(school.dataFolder)
    await browser.submit(filled(wrongCodeOf(secret)))
    await browser.submit(filled(codeOf(secret)))
    expect(readOn(browser.view)).not.toContain(secret)
    await browser.open(APP)
    expect(browser.view.step).toBe('account_keys')
    expect(readOn(browser.view)).not.toContain(secret)
    const files = [...during, ...filesOf(school.dataFolder)]
    const [{ serial = '' } = {}] = await appsOf(who.sub)
    expect(files.some((file) => file.includes(serial))).toBe(true)
    expect(files.map((file) => leaksIn(file, secret)).filter(Boolean)).toEqual([])
    expect(logged).toContain('ready')
    expect(leaksIn(Buffer.from(logged), secret)).toBe(0)
  })

  it('is not shown to somebody else who signs in on the same browser', async () => {
    const browser = await atApp(await passwordOnly())
    const secret = secretOn(browser.view)
    const other = await passwordOnly()
    school.later(6 * MINUTE_MS)
    await browser.open(APP)
    await browser.submit({ identifier: other.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('continue')
    await browser.submit({ logout: 'yes' })
    await atKeys(other, browser)
    await browser.open(APP)
    expect(browser.view.step).toBe('account_keys')
    expect(readOn(browser.view)).not.toContain(secret)
  })
})

describe('the record of a session', () => {
  const session = (revision?: number, value: object = { step: 'none' }) => ({
    accountId: 'sub',
    factors: { sub: 'sub', proofs: {} },
    ...(revision === undefined ? {} : { enrolment: { sub: 'sub', revision, value } }),
  })
  const begun = session(1, { step: 'under_way' })

  it.each([
    ['a request beside it that began before', begun, session(), begun],
    ['one that carries an older state', session(2), begun, session(2)],
    ['nothing: the newer one is kept', begun, session(2), session(2)],
  ])('loses no enrolment, and brings none back, to %s', (_, stored, incoming, kept) => {
    expect(mergeSessions(stored, incoming)['enrolment']).toEqual(kept.enrolment)
  })

  it('keeps the enrolment of one person from another', () => {
    expect(enrolments.read(begun)).toEqual({ step: 'under_way' })
    expect(enrolments.read({ ...begun, accountId: 'other' })).toEqual({ step: 'none' })
  })
})
