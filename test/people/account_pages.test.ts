import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localeOfAccount } from '../../accounts/account.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { ENT, application as likeTheEnt, silently } from '../protocol/steps.ts'
import type { Browser, View } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { HOUR_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { acts, enter, formIn, postByHand } from './acts.ts'
import { type At, doneOn, formOf, isKept, muchLater, openAccount, prove } from './at_account.ts'
import { lettersTo, mailedTo, WRITES_MAILS } from './letters.ts'

const CHROME =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const END = formOf('sessions', 'end')
const END_OTHERS = formOf('sessions', 'end_others')
const CHOOSE = formOf('language', 'choose')
const DOWNLOAD = formOf('data', 'download')
const PAGES: readonly At[] = ['sessions', 'history', 'password', 'address', 'language', 'data']

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool({
    ...WRITES_MAILS,
    applications: [ENT, likeTheEnt('library', { client_name: 'Library' })],
  })
  application = await school.application()
})
afterAll(() => school.stop())

const somebody = (identifier: string, more: Parameters<School['person']>[0] = {}) =>
  school.person({ identifier, protection: 'none', ...more })

const wordsOf = ({ html }: View): string =>
  html.querySelector('main')?.text.replaceAll(/\s+/g, ' ') ?? ''

const toldTo = async (sub: string): Promise<string[]> =>
  (await school.gateway.core.deps.store.notices.list(sub, 100)).map(({ code }) => code)

const languageOf = ({ html }: View) => html.querySelector('html')?.getAttribute('lang')

const download = (browser: Browser): Promise<View> => browser.submit({}, { form: DOWNLOAD })

describe('each page of the account', () => {
  it.each(PAGES)('%s asks who it is, and comes back to itself', async (page) => {
    await somebody(`ac.each.${page}`)
    const browser = school.browser()
    await browser.open(`/account/${page}`)
    expect(browser.view.step).toBe('login')
    await openAccount(browser, page, `ac.each.${page}`)
    expect(browser.view.url.href).toBe(`${school.issuer}/account/${page}`)
    expect(browser.view.headers.get('cache-control')).toBe('no-store')
    expect(browser.view.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  it.each(PAGES)('%s speaks French', async (page) => {
    await somebody(`ac.french.${page}`, { locale: 'fr' })
    const browser = await openAccount(school.browser(), page, `ac.french.${page}`)
    expect(languageOf(browser.view)).toBe('fr')
  })

  it.each([
    ['sessions', 'end_others'],
    ['sessions', 'end'],
    ['language', 'choose'],
    ['data', 'download'],
  ])('%s/%s is refused without its own token, or from elsewhere', async (page, form) => {
    const identifier = `ac.csrf.${page}.${form}`
    await somebody(identifier)
    await enter(application, school.browser(), identifier)
    const browser = await openAccount(school.browser(), page as At, identifier)
    const other = await openAccount(school.browser(), 'history', identifier)
    const path = `/account/${page}/${form}`
    for (const csrf of ['', 'x']) {
      expect((await browser.post(path, { csrf })).status).toBe(403)
    }
    await browser.open(`/account/${page}`)
    const { csrf } = formIn(browser.view)
    const elsewhere = { 'sec-fetch-site': 'cross-site' }
    expect((await browser.post(path, { csrf }, elsewhere)).status).toBe(403)
    // The token of one session is worth nothing in another, the same person's included.
    expect((await other.post(path, { csrf })).status).toBe(403)
  })
})

describe('sessions', () => {
  it('are listed with where they began, what they opened, and which one this is', async () => {
    await somebody('ac.list')
    const phone = school.browser({ userAgent: CHROME, address: '203.0.113.77' })
    await enter(application, phone, 'ac.list')
    await (await school.application('library')).start(phone)
    school.later(HOUR_MS)
    const browser = await openAccount(school.browser(), 'sessions', 'ac.list')
    const rows = browser.view.html.querySelectorAll('main li.row').map(({ text }) => text)
    expect(rows).toHaveLength(2)
    expect(rows[0]).toContain('Firefox')
    expect(rows[0]).toContain('This session')
    expect(rows[1]).toContain('Chrome')
    expect(rows[1]).toContain('203.0.113.0/24')
    expect(rows[1]).toContain('ENT')
    expect(rows[1]).toContain('Library')
    const session = await phone.cookie('vestibule_session')
    expect(browser.view.text).not.toContain(session ?? 'no cookie')
  })

  it('one is ended, and the others go on', async () => {
    const { sub } = await somebody('ac.one')
    const [first, second] = [school.browser(), school.browser({ userAgent: CHROME })]
    await enter(application, first, 'ac.one')
    school.later(HOUR_MS)
    await enter(application, second, 'ac.one')
    const browser = await openAccount(school.browser(), 'sessions', 'ac.one')
    // Newest first: this one has no such form, then the second.
    await browser.submit({}, { form: END })
    expect(doneOn(browser.view)).toBe('The session is closed.')
    expect(await silently(application, second)).toBe('login_required')
    expect(await silently(application, first)).toBeNull()
    expect(wordsOf(browser.view)).not.toContain('Chrome')
    expect(await acts(school, sub)).toContain('sessions_ended')
    expect(await toldTo(sub)).toEqual(['sessions_ended_by_owner'])
  })

  it('all others are ended, and this one goes on', async () => {
    const { sub } = await somebody('ac.all', { email: 'all@home.example' })
    const others = [school.browser(), school.browser()]
    for (const other of others) {
      await enter(application, other, 'ac.all')
    }
    const browser = await openAccount(school.browser(), 'sessions', 'ac.all')
    const csrf =
      browser.view.html.querySelector(`${END_OTHERS} [name=csrf]`)?.getAttribute('value') ?? ''
    await browser.submit({}, { form: END_OTHERS })
    expect(doneOn(browser.view)).toBe('Your other sessions are closed.')
    expect(await toldTo(sub)).toEqual(['sessions_ended_by_owner'])
    expect(mailedTo(school, sub)).toEqual(['sessions_ended_by_owner'])
    // Pressed again, there is nobody to end, and nothing to tell.
    await browser.post('/account/sessions/end_others', { csrf })
    expect(browser.view.step).toBe('account_sessions')
    expect(await toldTo(sub)).toHaveLength(1)
    for (const other of others) {
      expect((await other.open('/')).step).toBe('login')
    }
    expect(await silently(application, browser)).toBeNull()
    expect(browser.view.step).toBe('callback')
  })

  it('of somebody else stay, whatever id is sent', async () => {
    await somebody('ac.mine')
    await somebody('ac.theirs')
    await enter(application, school.browser(), 'ac.mine')
    const theirs = school.browser()
    await enter(application, theirs, 'ac.theirs')
    const list = await openAccount(await theirs.copy(), 'sessions', 'ac.theirs')
    await enter(application, school.browser(), 'ac.theirs')
    await list.open('/account/sessions')
    const browser = await openAccount(school.browser(), 'sessions', 'ac.mine')
    const [theirSession] = await school.gateway.core.opened.op.listSessions(
      (await school.account('ac.theirs')).sub,
    )
    const id = list.view.html.querySelector('[name=session]')?.getAttribute('value') ?? ''
    expect(id).not.toBe('')
    for (const session of [id, theirSession?.uid ?? '', '']) {
      await browser.submit({ session }, { form: END })
      expect(browser.view.step).toBe('account_sessions')
    }
    const { sub } = await school.account('ac.theirs')
    expect(await school.gateway.core.opened.op.listSessions(sub)).toHaveLength(2)
  })

  it('cannot be ended by a stranger with the cookie but an old proof', async () => {
    await somebody('ac.stranger')
    const other = school.browser()
    await enter(application, other, 'ac.stranger')
    const owner = await openAccount(school.browser(), 'sessions', 'ac.stranger')
    muchLater(school)
    const stranger = await owner.copy()
    await stranger.open('/account/sessions')
    await stranger.submit({}, { form: END_OTHERS })
    expect(stranger.view.step).toBe('login')
    expect(await silently(application, other)).toBeNull()
    // Whoever proves it goes on where they were.
    await prove(stranger, 'ac.stranger')
    expect(isKept(stranger.view)).toBe(true)
    await stranger.submit({ kept: 'yes' }, { form: END_OTHERS })
    expect(await silently(application, other)).toBe('login_required')
  })
})

describe('the history', () => {
  it('tells sign-ins, failures and what was opened, with place and application', async () => {
    await somebody('ac.history', { protection: 'pin', pin: PIN })
    const browser = school.browser({ address: '198.51.100.7' })
    await enter(application, browser, 'ac.history', { password: 'Wrong-Wrong-99' })
    await browser.submit({ identifier: 'ac.history', password: PASSWORD })
    await browser.submit({ pin: '5061' })
    await browser.submit({ pin: PIN })
    await openAccount(browser, 'history', 'ac.history')
    const words = wordsOf(browser.view)
    expect(words).toContain('198.51.100.0/24')
    expect(words).toContain('ENT')
    expect(browser.view.html.querySelectorAll('main tbody tr')).toHaveLength(4)
    expect(browser.view.html.querySelectorAll('main li.row')).toHaveLength(1)
    expect(words).not.toContain('undefined')
  })

  it('tells nothing of somebody else', async () => {
    await somebody('ac.history.mine')
    await somebody('ac.history.theirs')
    await enter(application, school.browser({ address: '198.51.100.7' }), 'ac.history.theirs')
    const browser = await openAccount(school.browser(), 'history', 'ac.history.mine')
    expect(wordsOf(browser.view)).not.toContain('198.51.100')
  })
})

describe('the language', () => {
  it('is that of the very next page, of every browser and of the mails', async () => {
    const { sub } = await somebody('ac.language', { locale: 'en', email: 'x@home.example' })
    const browser = await openAccount(school.browser(), 'language', 'ac.language')
    // Clicked before on this browser: the choice comes first all the same.
    await browser.open('/account/language?lang=en')
    await browser.submit({ locale: 'fr' }, { form: CHOOSE })
    expect(languageOf(browser.view)).toBe('fr')
    expect(doneOn(browser.view)).toContain('langue')
    expect((await school.account('ac.language')).chosenLocale).toBe('fr')
    const { audit } = school.gateway.core.deps.store
    const [entry] = await audit.list({ sub, act: 'language_changed' }, 1)
    expect(entry).toMatchObject({ actor: sub, detail: { to: 'fr' } })
    const other = await openAccount(school.browser(), 'history', 'ac.language')
    expect(languageOf(other.view)).toBe('fr')
    expect(lettersTo(school, sub)).toEqual([])
    await browser.open('/account/language')
    await browser.submit({ locale: '' }, { form: CHOOSE })
    expect(languageOf(browser.view)).toBe('en')
    expect((await school.account('ac.language')).chosenLocale).toBe('browser')
    // Harmless: neither noted nor mailed.
    expect([await toldTo(sub), lettersTo(school, sub)]).toEqual([[], []])
  })

  it('"as my browser asks" comes before what the school says, on pages; mails are the school’s', async () => {
    const { sub } = await somebody('ac.language.browser', { locale: 'en', email: 'y@home.example' })
    const browser = await openAccount(school.browser(), 'language', 'ac.language.browser')
    const choice = ({ html }: View) => html.querySelector('input[checked]')?.getAttribute('value')
    // Nobody has chosen yet: what the school says is in force.
    expect(choice(browser.view)).toBe('en')
    await browser.submit({ locale: '' }, { form: CHOOSE })
    expect(choice(browser.view)).toBe('')
    for (const language of ['fr', 'en']) {
      const other = school.browser({ language })
      await openAccount(other, 'language', 'ac.language.browser')
      expect(languageOf(other.view)).toBe(language)
    }
    expect(localeOfAccount(await school.account('ac.language.browser'))).toBeNull()
    await browser.submit({ locale: 'en' }, { form: CHOOSE })
    expect(localeOfAccount(await school.account('ac.language.browser'))).toBe('en')
    expect(lettersTo(school, sub)).toEqual([])
  })

  it('that does not exist is refused', async () => {
    await somebody('ac.language.odd')
    const browser = await openAccount(school.browser(), 'language', 'ac.language.odd')
    await browser.submit({ locale: 'tlh' }, { form: CHOOSE })
    expect(browser.view.html.querySelectorAll('.notice-error li')).toHaveLength(1)
    expect((await school.account('ac.language.odd')).chosenLocale).toBeNull()
  })

  it('is not changed by a stranger with an old proof', async () => {
    await somebody('ac.language.old')
    const browser = await openAccount(school.browser(), 'language', 'ac.language.old')
    muchLater(school)
    await browser.submit({ locale: 'fr' }, { form: CHOOSE })
    expect(browser.view.step).toBe('login')
    expect((await school.account('ac.language.old')).chosenLocale).toBeNull()
    await prove(browser, 'ac.language.old')
    expect(browser.view.html.querySelector('.kept')?.text).toContain('Change the language of')
    await browser.submit({ kept: 'yes' }, { form: CHOOSE })
    expect((await school.account('ac.language.old')).chosenLocale).toBe('fr')
  })
})

describe('the copy of one’s data', () => {
  it('is a file with all that is kept of them, and no secret', async () => {
    const CANARIES = {
      password: 'Canari-Rossignol-7731',
      pin: '830657194026',
      wrong: 'Canari-Faux-9024',
    }
    const { sub } = await somebody('ac.data', {
      password: CANARIES.password,
      pin: CANARIES.pin,
      protection: 'pin',
      email: 'camille@school.example',
      birthDate: '2009-03-14',
      classes: ['3B'],
    })
    const key = await giveKey(school, sub)
    const browser = school.browser({ address: '198.51.100.7' })
    await enter(application, browser, 'ac.data', { password: CANARIES.wrong })
    await browser.submit({ identifier: 'ac.data', password: CANARIES.password })
    await browser.submit({ pin: CANARIES.pin, remember_device: 'yes', device_name: 'Room 201' })
    await browser.open('/account/address')
    await browser.submit({ email: 'camille@home.example' }, { form: formOf('address', 'change') })
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: key.passcode() })
    await browser.submit({ kept: 'yes' }, { form: formOf('address', 'change') })
    await browser.open('/account/data')
    const { text, headers } = await download(browser)
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="[\w.-]+\.json"$/)
    expect(headers.get('content-type')).toContain('application/json')
    expect(headers.get('cache-control')).toBe('no-store')
    const copy = JSON.parse(text)
    expect(copy.account).toMatchObject({
      identifier: 'ac.data',
      email: 'camille@school.example',
      birth_date: '2009-03-14',
      classes: ['3B'],
      pin: { origin: 'chosen' },
      password: { origin: 'personal' },
    })
    expect(copy.recognised_devices).toMatchObject([
      { name: 'Room 201', network: '198.51.100.0/24' },
    ])
    expect(copy.sessions).toMatchObject([{ applications: ['ENT'], from: { browser: 'Firefox' } }])
    expect(copy.otp_keys).toMatchObject([{ serial: key.serial, state: 'in_service' }])
    expect(copy.notices.map(({ code }: { code: string }) => code)).toContain('device_added')
    expect(copy.records[0]).toMatchObject({ act: 'data_copied', by: 'self' })
    expect(await acts(school, sub)).toContain('data_copied')
    expect((await toldTo(sub))[0]).toBe('data_copied')
    expect(mailedTo(school, sub)).toContain('data_copied')
    expect(copy.notices[0]).toMatchObject({ code: 'data_copied', answered_at: null })

    const account = await school.account('ac.data')
    const stored = await key.stored()
    const letters = lettersTo(school, sub)
    const [session] = await school.gateway.core.opened.op.listSessions(sub)
    const secrets = [
      ...Object.values(CANARIES),
      account.password?.sealed,
      account.pin?.sealed,
      stored.sealedSeed,
      stored.pin?.sealed,
      Buffer.from(key.seed).toString('base64'),
      Buffer.from(key.seed).toString('hex'),
      await browser.cookie('vestibule_device'),
      await browser.cookie('vestibule_session'),
      session?.uid,
      ...letters.flatMap((letter) =>
        'code' in letter && 'minutes' in letter ? [letter.code] : [],
      ),
      ...columnsOf('device_tokens', 'token_hash'),
      ...columnsOf('mailed_codes', 'code_hash'),
      ...columnsOf('password_places', 'subject'),
    ]
    expect(secrets.length).toBeGreaterThan(14)
    for (const secret of secrets) {
      expect(secret).toBeTruthy()
      expect(text).not.toContain(secret)
    }
    expect(text).not.toMatch(/sealed|argon2|seed|token|hash|"length"/)
  })

  it('names nobody of the staff, and nobody else', async () => {
    const { sub } = await somebody('ac.data.staff')
    await somebody('ac.data.neighbour')
    const { audit } = school.gateway.core.deps.store
    await audit.append({
      id: 'by-the-desk',
      atMs: Date.now(),
      act: 'pin_unblocked',
      outcome: 'done',
      actor: 'cli:secretary',
      sub,
      clientId: null,
      network: null,
      browserId: null,
      detail: {},
    })
    const browser = await openAccount(school.browser(), 'data', 'ac.data.staff')
    const { text } = await download(browser)
    expect(text).not.toContain('secretary')
    expect(text).not.toContain('neighbour')
    expect(JSON.parse(text).records).toContainEqual(
      expect.objectContaining({ act: 'pin_unblocked', by: 'school' }),
    )
  })

  it('is not given to a stranger with an old proof, nor by a link', async () => {
    const { sub } = await somebody('ac.data.stranger', { protection: 'pin', pin: PIN })
    const browser = await openAccount(school.browser(), 'data', 'ac.data.stranger')
    muchLater(school)
    const stranger = await browser.copy()
    await stranger.open('/account/data')
    await download(stranger)
    expect(stranger.view.step).toBe('login')
    await stranger.open('/account/data/download')
    expect(stranger.view.headers.get('content-disposition')).toBeNull()
    expect(await acts(school, sub)).not.toContain('data_copied')
    await stranger.open('/account/data')
    await stranger.submit({ kept: 'yes' }, { form: DOWNLOAD })
    expect(stranger.view.status).toBe(403)
    await stranger.open('/account/data')
    await download(stranger)
    await prove(stranger, 'ac.data.stranger')
    expect(stranger.view.step).toBe('account_data')
    expect(await postByHand(stranger, { kept: 'yes', csrf: 'x' })).toMatchObject({ status: 403 })
  })
})

/** Every value of one column of the database. */
const columnsOf = (table: string, column: string): string[] => {
  const database = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
  try {
    const rows = database.prepare(`SELECT ${column} AS value FROM ${table}`).all()
    return rows.map(({ value }) => String(value))
  } finally {
    database.close()
  }
}
