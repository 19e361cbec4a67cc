import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AuditEntry } from '../../accounts/ports.ts'
import { PORTAL_CLIENT_ID } from '../../provider/clients.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { APPLICATIONS, type School, startSchool } from '../support/school.ts'
import { enter, postByHand, reopen } from './acts.ts'

/** Each appears nowhere by chance. */
const CANARIES = {
  password: 'Canari-Rossignol-7731',
  wrongPassword: 'Canari-Bouvreuil-9024',
  nextPassword: 'Canari-Chardonneret-4418',
  pin: '830657194026',
  wrongPin: '519274063881',
  nextPin: '740391582604',
}

const lines: string[] = []
const log = pino(
  { level: 'trace' },
  new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  }),
)

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool(
    { applications: [...APPLICATIONS, { ...APPLICATIONS[0], client_id: 'library' }] },
    { log },
  )
  application = await school.application()
})
afterAll(() => school.stop())

/** As the home page asks when nobody is signed in. */
const OF_THE_PORTAL = {
  client_id: PORTAL_CLIENT_ID,
  response_type: 'code',
  scope: 'openid',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}

const entriesOf = async (sub: string): Promise<AuditEntry[]> =>
  (await school.gateway.core.deps.store.audit.list({ sub }, 1_000)).reverse()

describe('the audit', () => {
  it('tells a sign-in from its first failure to its end, by whom, where and for which application', async () => {
    const { sub } = await school.person({
      identifier: 'u.story',
      password: CANARIES.password,
      pin: CANARIES.pin,
    })
    const browser = school.browser({ address: '203.0.113.77' })
    await enter(application, browser, 'u.story', { password: CANARIES.wrongPassword })
    await enter(application, browser, 'u.story', { password: CANARIES.password })
    await browser.submit({ pin: CANARIES.wrongPin })
    await browser.submit({ pin: CANARIES.pin, remember_device: 'yes', device_name: 'Room 201' })
    const entries = await entriesOf(sub)
    expect(
      entries.map(({ act, outcome, actor }) => [act, outcome, actor === sub ? 'self' : actor]),
    ).toEqual([
      ['login_refused', 'refused', null],
      ['login_right', 'done', 'self'],
      ['pin_wrong', 'refused', null],
      ['pin_right', 'done', 'self'],
      ['device_added', 'done', 'self'],
      ['sign_in_completed', 'done', 'self'],
      ['application_opened', 'done', 'self'],
    ])
    for (const { network, clientId, atMs, act } of entries) {
      expect([act, network, clientId]).toEqual([act, '203.0.113.0/24', 'ent'])
      expect(atMs).toBe(Date.now())
    }
    expect(entries[0]?.detail).toMatchObject({ why: 'wrong_password' })
    expect(entries[2]?.detail).toEqual({ left: 2 })
    expect(entries.at(-2)?.detail).toMatchObject({
      acr: 'urn:vestibule:acr:pin',
      amr: 'pwd pin',
      recognised: true,
    })
    const browsers = new Set(entries.slice(1, 5).map(({ browserId }) => browserId))
    expect(browsers.size).toBe(1)
  })

  it('tells each application that is opened in a session, once, and the portal is none', async () => {
    const { sub } = await school.person({ identifier: 'u.opens', protection: 'none' })
    const other = await school.application('library')
    const browser = school.browser({ address: '203.0.113.77' })
    await enter(application, browser, 'u.opens')
    await application.start(browser)
    const tabs = await Promise.all([1, 2, 3, 4].map(() => browser.copy()))
    const views = await Promise.all(tabs.map((tab) => other.start(tab)))
    expect(views.map(({ step }) => step)).toEqual(['callback', 'callback', 'callback', 'callback'])
    const redirect_uri = `${school.issuer}/portal/signed-in`
    await browser.open(`/auth?${new URLSearchParams({ ...OF_THE_PORTAL, redirect_uri })}`)
    expect(browser.view.url.pathname).toBe('/portal/signed-in') // Of no sign-in that it began.
    await browser.open('/')
    expect(browser.view.step).toBe('portal')
    const opened = async () =>
      (await entriesOf(sub)).filter(({ act }) => act === 'application_opened')
    expect((await opened()).map(({ clientId, actor }) => [clientId, actor])).toEqual([
      ['ent', sub],
      ['library', sub],
    ])
    await reopen(browser)
    await enter(application, browser, 'u.opens')
    expect((await opened()).at(-1)).toMatchObject({
      clientId: 'ent',
      outcome: 'done',
      network: '203.0.113.0/24',
    })
    expect(await opened()).toHaveLength(3)
  })

  it('tells failures of identifiers that nobody has, without the identifier', async () => {
    const browser = school.browser({ address: '2001:db8:7:8::9' })
    await enter(application, browser, 'u.nobody.at.all')
    const { audit } = school.gateway.core.deps.store
    const [entry] = await audit.list({ act: 'login_refused' }, 1)
    expect(entry).toMatchObject({
      sub: null,
      actor: null,
      network: '2001:db8:7::/48',
      detail: { why: 'unknown_identifier' },
    })
    expect(JSON.stringify(entry)).not.toContain('u.nobody')
  })

  it('and notices, log, addresses and database hold no secret of anybody', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch')
    await school.person({
      identifier: 'u.canary',
      password: CANARIES.password,
      pin: CANARIES.pin,
      pinOrigin: 'generated',
      mustChange: true,
    })
    const browser = school.browser()
    const cookies: string[] = []
    const keep = async (): Promise<void> => {
      cookies.push((await browser.cookie('vestibule_device')) ?? '')
    }
    await enter(application, browser, 'u.canary', { password: CANARIES.wrongPassword })
    await enter(application, browser, 'u.canary', { password: CANARIES.password })
    await keep()
    await browser.submit({ pin: CANARIES.wrongPin })
    await postByHand(browser, { pin: CANARIES.wrongPin }, { origin: 'https://elsewhere.example' })
    await browser.submit({ pin: CANARIES.pin, remember_device: 'yes', device_name: 'Room 201' })
    expect(browser.view.step).toBe('change_password')
    const next = CANARIES.nextPassword
    await browser.submit({ new_password: next, confirm_password: CANARIES.password })
    await browser.submit({ new_password: next, confirm_password: next })
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ new_pin: CANARIES.nextPin, confirm_pin: CANARIES.pin })
    await browser.submit({ new_pin: CANARIES.nextPin, confirm_pin: CANARIES.nextPin })
    expect(browser.view.step).toBe('callback')
    await reopen(browser)
    await enter(application, browser, 'u.canary', { password: next })
    await keep()
    for (const body of ['password=%', CANARIES.password, `pin=${CANARIES.pin}&pin=1`]) {
      await fetch(new URL('/interaction/x/login', school.issuer), { method: 'POST', body })
    }

    const { store } = school.gateway.core.deps
    const { sub } = await school.account('u.canary')
    const records = {
      audit: JSON.stringify(await store.audit.list({}, 10_000)),
      notices: JSON.stringify(await store.notices.list(sub, 1_000)),
      log: lines.join(''),
      addresses: fetched.mock.calls.map(([target]) => String(target)).join('\n'),
      database: readdirSync(school.dataFolder)
        .filter((name) => name.includes('.sqlite'))
        .map((name) => readFileSync(join(school.dataFolder, name), 'latin1'))
        .join(''),
    }
    fetched.mockRestore()
    expect(records.log).toContain('form_expired') // It is the gateway's log, and it is full.
    expect(records.audit).toContain('pin_right')
    expect(records.addresses).toContain('/interaction/')
    expect(records.database).toContain('u.canary')
    expect(cookies.every((cookie) => cookie.length === 43)).toBe(true)
    for (const secret of [...Object.values(CANARIES), ...cookies]) {
      for (const [where, text] of Object.entries(records)) {
        expect(text.includes(secret), `${secret} in ${where}`).toBe(false)
      }
    }
  })
})
