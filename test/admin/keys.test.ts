import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { testKey } from '../../accounts/desk_codes.ts'
import { assignKey, withdrawKey } from '../../accounts/desk_keys.ts'
import { limitsOf } from '../../accounts/desk_limits.ts'
import type { OtpKey } from '../../accounts/otp_key.ts'
import { EVERYBODY } from '../../policies/admin_rights.ts'
import type { Browser, View } from '../support/browser.ts'
import { type AdministratorWishes, administrator, enterConsole } from '../support/console.ts'
import { giveKey, type HeldKey, type KeyWishes } from '../support/otp_key.ts'
import { DAY_MS, type School, startSchool } from '../support/school.ts'

let school: School
let noe: Account

beforeEach(async () => {
  school = await startSchool()
  noe = await school.person({
    identifier: 'noe.bernard',
    givenName: 'Noé',
    familyName: 'Bernard',
    userType: 'teacher',
  })
})
afterEach(() => school.stop())

/** A key of the desk; in stock, it is nobody's. */
const key = ({ sub = '', ...wishes }: Partial<KeyWishes>): Promise<HeldKey> =>
  giveKey(school, sub, wishes)

const signIn = async (wishes: AdministratorWishes = {}): Promise<Browser> =>
  enterConsole(school.browser(), await administrator(school, wishes), '/admin/keys')
const keys = () => school.gateway.core.deps.store.otpKeys
const stored = async (serial: string): Promise<OtpKey> =>
  (await keys().find(serial)) ?? expect.fail(`no key ${serial}`)
const at = (serial: string): string => `/admin/keys/${serial}`
const formTo = (serial: string, what: string) => ({ form: `form[action="${at(serial)}/${what}"]` })

const csrfOf = (view: View): string =>
  view.html.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''

/** Does what its page asks about first. */
const confirmed = async (browser: Browser, serial: string, act: string): Promise<View> => {
  await browser.open(`${at(serial)}/acts/${act}`)
  return browser.submit({}, formTo(serial, `acts/${act}`))
}

describe('the desk', () => {
  it('leads from a scanned serial to its key, and is ready for the next one', async () => {
    await key({ serial: 'K-0001', state: 'in_stock' })
    const browser = await signIn()
    const desk = await browser.open('/admin/keys')
    expect(desk.html.querySelector('#serial')?.hasAttribute('autofocus')).toBe(true)
    const found = await browser.open('/admin/keys?serial=k-0001%20')
    expect([found.step, found.url.pathname]).toEqual(['console/keys_key', at('K-0001')])
    expect(found.html.querySelector('#serial')?.hasAttribute('autofocus')).toBe(true)
    const unknown = await browser.open('/admin/keys?serial=K-9')
    expect([unknown.status, unknown.step]).toEqual([404, 'console/keys_desk'])
    expect(unknown.text).toContain('There is no key of this serial')
    expect(unknown.html.querySelector('#serial')?.getAttribute('value')).toBe('K-9')
  })

  it('counts and lists keys by state', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    await key({ serial: 'K-2', state: 'in_stock' })
    await key({ serial: 'K-3', sub: noe.sub, state: 'in_service' })
    const browser = await signIn()
    const stock = await browser.open('/admin/keys')
    const tabs = stock.html.querySelectorAll('.tabs a').map((one) => one.text.trim())
    expect(tabs).toContain('In stock (2)')
    expect(tabs).toContain('In service (1)')
    expect(tabs).toContain('Blocked (0)')
    expect(stock.html.querySelectorAll('tbody tr')).toHaveLength(2)
    const served = await browser.open('/admin/keys?state=in_service')
    expect(served.html.querySelector('tbody tr')?.text).toContain('Noé Bernard')
  })

  it('pages through more keys than one page shows, each once', async () => {
    for (let nth = 0; nth < 55; nth += 1) {
      await key({ serial: `K-${String(nth).padStart(3, '0')}`, state: 'in_stock' })
    }
    const browser = await signIn()
    const serials = (view: View) =>
      view.html.querySelectorAll('tbody th a').map((one) => one.text.trim())
    const first = await browser.open('/admin/keys')
    const next = first.html.querySelector('.pager a')?.getAttribute('href') ?? ''
    const second = await browser.open(next.replaceAll('&amp;', '&'))
    expect([serials(first).length, serials(second).length]).toEqual([50, 5])
    expect(new Set([...serials(first), ...serials(second)]).size).toBe(55)
  })
})

describe('a key', () => {
  it('is given to a person, who then has a receipt to sign', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await signIn()
    await browser.open(at('K-1'))
    const given = await browser.submit({ identifier: 'noe.bernard' }, formTo('K-1', 'assign'))
    expect(given.text).toContain('Key K-1 is given to Noé Bernard')
    expect(await stored('K-1')).toMatchObject({ sub: noe.sub, state: 'assigned', loanUntil: null })
    const receipt = await browser.open(`${at('K-1')}/receipt`)
    expect(receipt.text).toContain('Noé Bernard (noe.bernard) has received the OTP key number K-1')
    expect(receipt.text).toContain('Signature')
  })

  it('is lent for a day', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await signIn()
    await browser.open(at('K-1'))
    await browser.submit({ identifier: 'noe.bernard', how: 'lend' }, formTo('K-1', 'assign'))
    expect((await stored('K-1')).loanUntil).toBe(Date.now() + DAY_MS)
    const lent = await browser.open('/admin/keys?state=lent')
    expect(lent.html.querySelectorAll('tbody tr')).toHaveLength(1)
  })

  it('is given to whoever was looked for by name', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await signIn()
    const found = await browser.open(`${at('K-1')}?q=bern`)
    expect(found.html.querySelector('tbody tr')?.text).toContain('Noé Bernard')
    await browser.submit({}, { form: 'tbody form' })
    expect((await stored('K-1')).sub).toBe(noe.sub)
  })

  it('says that nobody has an identifier, and keeps the key', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await signIn()
    await browser.open(at('K-1'))
    const view = await browser.submit({ identifier: 'nobody' }, formTo('K-1', 'assign'))
    expect(view.status).toBe(422)
    expect((await stored('K-1')).state).toBe('in_stock')
  })

  it('has one code tested, which says how far its clock is off, and uses the code up', async () => {
    const held = await key({
      ...{ serial: 'K-1', sub: noe.sub, state: 'in_service', aheadMs: 20_000 },
    })
    const browser = await signIn()
    await browser.open(at('K-1'))
    const code = held.code()
    const right = await browser.submit({ code }, formTo('K-1', 'test'))
    expect(right.text).toContain('The code is right.')
    const again = await browser.submit({ code }, formTo('K-1', 'test'))
    expect(again.status).toBe(422)
    expect(again.text).toContain('used already')
  })

  it('is put right with two codes in a row', async () => {
    const held = await key({
      ...{ serial: 'K-1', sub: noe.sub, state: 'in_service', aheadMs: 300_000 },
    })
    const browser = await signIn()
    await browser.open(at('K-1'))
    const far = await browser.submit({ code: held.code() }, formTo('K-1', 'test'))
    expect(far.text).toContain('put it right with two codes')
    const codes = { first: held.code(1), second: held.code(3) }
    const wrong = await browser.submit(codes, formTo('K-1', 'resync'))
    expect(wrong.text).toContain('does not come right after')
    held.wait()
    const right = await browser.submit(
      { first: held.code(3), second: held.code(4) },
      formTo('K-1', 'resync'),
    )
    expect(right.text).toContain('The key is right again.')
  })

  it('has its PIN reset, is taken back, given again and reported lost', async () => {
    await key({ serial: 'K-1', sub: noe.sub, state: 'in_service' })
    const browser = await signIn()
    await confirmed(browser, 'K-1', 'reset_pin')
    expect(await stored('K-1')).toMatchObject({ state: 'assigned', pin: null, sub: noe.sub })
    await confirmed(browser, 'K-1', 'withdraw')
    expect(await stored('K-1')).toMatchObject({ state: 'withdrawn', sub: null })
    await browser.open(at('K-1'))
    await browser.submit({ identifier: 'noe.bernard' }, formTo('K-1', 'assign'))
    const lost = await confirmed(browser, 'K-1', 'lost')
    expect((await stored('K-1')).state).toBe('lost')
    expect(lost.text).toContain('opens nothing any more')
  })

  it('is unblocked, and its first use opened again', async () => {
    await key({ serial: 'K-1', sub: noe.sub, state: 'in_service' })
    await key({ serial: 'K-2', sub: noe.sub, state: 'assigned' })
    await keys().save({ ...(await stored('K-1')), state: 'blocked', wrongPins: 10 })
    await keys().save({ ...(await stored('K-2')), state: 'activation_closed', firstUseBy: null })
    const browser = await signIn()
    await browser.open(at('K-1'))
    await browser.submit({}, formTo('K-1', 'acts/unblock'))
    expect((await stored('K-1')).state).toBe('in_service')
    await browser.open(at('K-2'))
    await browser.submit({}, formTo('K-2', 'acts/reopen'))
    expect((await stored('K-2')).state).toBe('assigned')
  })

  it('offers only what its state allows, and says so where that has changed meanwhile', async () => {
    await key({ serial: 'K-1', sub: noe.sub, state: 'in_service' })
    const browser = await signIn()
    const view = await browser.open(at('K-1'))
    const offered = view.html.querySelectorAll('.person-acts li').map((one) => one.text.trim())
    expect(offered).toEqual(['Reset its PIN', 'Take it back', 'Report it lost'])
    const late = await browser.post(`${at('K-1')}/acts/unblock`, { csrf: csrfOf(view) })
    expect(late.status).toBe(409)
    expect(late.text).toContain('Nothing was done')
  })
})

describe('a helpdesk with limits', () => {
  it('sees no name of somebody else’s key, and does nothing with it', async () => {
    const held = await key({ serial: 'K-1', sub: noe.sub, state: 'in_service' })
    const browser = await signIn({ role: 'helpdesk', userTypes: ['student'] })
    const list = await browser.open('/admin/keys?state=in_service')
    expect(list.text).not.toContain('Bernard')
    expect(list.text).toContain('Somebody whom you do not look after')
    const page = await browser.open(at('K-1'))
    expect(page.text).not.toContain('Bernard')
    expect(page.html.querySelectorAll('.person-acts li')).toHaveLength(0)
    const csrf = csrfOf(page)
    for (const act of ['acts/lost', 'acts/withdraw', 'acts/reset_pin']) {
      expect((await browser.post(`${at('K-1')}/${act}`, { csrf })).status).toBe(403)
    }
    const tested = await browser.post(`${at('K-1')}/test`, { csrf, code: held.code() })
    expect(tested.status).toBe(403)
    expect((await browser.open(`${at('K-1')}/receipt`)).status).toBe(404)
    expect((await stored('K-1')).state).toBe('in_service')
  })

  it('gives no key to somebody out of reach, and none to whoever holds a role', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await signIn({ role: 'helpdesk', userTypes: ['student'] })
    const page = await browser.open(`${at('K-1')}?q=bern`)
    expect(page.text).not.toContain('Bernard')
    const given = await browser.submit({ identifier: 'noe.bernard' }, formTo('K-1', 'assign'))
    expect(given.status).toBe(422)
    expect(given.text).not.toContain('Bernard')
    expect((await stored('K-1')).sub).toBeNull()
  })
})

/** As a browser sends a form with a file. */
const upload = async (
  browser: Browser,
  fields: Record<string, string>,
  file: { readonly name: string; readonly content: string | Uint8Array<ArrayBuffer> },
): Promise<View & { readonly location: string | null }> => {
  const page = browser.view
  const body = new FormData()
  for (const [name, value] of Object.entries({ csrf: csrfOf(page), ...fields })) {
    body.append(name, value)
  }
  body.append('file', new Blob([file.content]), file.name)
  const response = await fetch(new URL('/admin/keys/import', school.address), {
    method: 'POST',
    body,
    headers: {
      cookie: await browser.jar.getCookieString(school.issuer),
      'accept-language': 'en',
      origin: school.issuer,
    },
    redirect: 'manual',
  })
  const text = await response.text()
  return { ...page, status: response.status, text, location: response.headers.get('location') }
}

const CSV = [
  'K-0001,3132333435363738393031323334353637383930,totp,6,30',
  'K-0002,4142434445464748494a4b4c4d4e4f5051525354,totp,6,30',
  '',
].join('\n')

const sha256On = (text: string): string =>
  /name="sha256" value="([0-9a-f]{64})"/.exec(text)?.[1] ?? ''

describe('the limits of a helpdesk', () => {
  const helpdesk = (): Promise<Browser> => signIn({ role: 'helpdesk', userTypes: ['teacher'] })
  const passwordFor = async (browser: Browser): Promise<View> => {
    const action = `/admin/people/${noe.sub}/acts/temporary_password`
    await browser.open(action)
    return browser.submit({}, { form: `form[action="${action}"]` })
  }
  const give = async (browser: Browser, serial: string): Promise<View> => {
    await browser.open(`${at(serial)}?q=noe`)
    const csrf = csrfOf(browser.view)
    return browser.post(`${at(serial)}/assign`, { csrf, identifier: 'noe.bernard', how: 'assign' })
  }

  it('keep it from giving one person a password and then a key, which open the account', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await helpdesk()
    expect((await passwordFor(browser)).status).toBe(200)
    const refused = await give(browser, 'K-1')
    expect([refused.status, (await stored('K-1')).state]).toEqual([409, 'in_stock'])
    expect(refused.text).toContain('ask a colleague')
    const colleague = await helpdesk()
    expect((await give(colleague, 'K-1')).status).toBe(200)
    expect((await stored('K-1')).sub).toBe(noe.sub)
  })

  it('keep it from giving them a key and then a password', async () => {
    await key({ serial: 'K-1', state: 'in_stock' })
    const browser = await helpdesk()
    expect((await give(browser, 'K-1')).status).toBe(200)
    const refused = await passwordFor(browser)
    expect([refused.status, refused.text]).toEqual([
      409,
      expect.stringContaining('ask a colleague'),
    ])
    expect((await passwordFor(await signIn())).status).toBe(200)
  })

  it('hold for whoever has the key by the time that it is done', async () => {
    const { deps } = school.gateway.core
    await key({ serial: 'K-1', sub: noe.sub, state: 'in_service' })
    await key({ serial: 'K-2', state: 'in_stock' })
    const desk = await administrator(school, { role: 'helpdesk', userTypes: ['teacher'] })
    const { sub: by } = await school.account(desk)
    const limits = limitsOf(deps, by, 'handle_keys')
    const grant = { sub: noe.sub, role: 'auditor', scope: EVERYBODY } as const
    await deps.store.roles.grant({ ...grant, grantedAt: 0, grantedBy: 'test' })
    const forbidden = { ok: false, reason: 'forbidden', why: 'role_holder' }
    expect(await withdrawKey(deps, 'K-1', by, limits)).toEqual(forbidden)
    expect(await assignKey(deps, 'K-2', noe.sub, by, limits)).toEqual(forbidden)
    expect(await testKey(deps, 'K-1', '000000', by, limits)).toEqual(forbidden)
    await deps.store.roles.revoke(by)
    const gone = { ok: false, reason: 'forbidden', why: 'no_right' }
    expect(await assignKey(deps, 'K-2', noe.sub, by, limits)).toEqual(gone)
    expect([(await stored('K-1')).state, (await stored('K-2')).state]).toEqual([
      'in_service',
      'in_stock',
    ])
  })
})

describe('importing keys', () => {
  it('tries the file first, and imports the same file once it is sent again', async () => {
    const browser = await signIn()
    await browser.open('/admin/keys/import')
    const tried = await upload(browser, {}, { name: 'keys.csv', content: CSV })
    expect(tried.status).toBe(200)
    expect(tried.text).toContain('Import 2 keys')
    expect(await keys().find('K-0001')).toBeNull()
    const sha256 = sha256On(tried.text)
    const other = { name: 'keys.csv', content: CSV.replace('K-0002', 'K-0003') }
    const refused = await upload(browser, { sha256 }, other)
    expect(refused.status).toBe(422)
    expect(refused.text).toContain('not the file that was tried')
    const done = await upload(browser, { sha256 }, { name: 'keys.csv', content: CSV })
    expect([done.status, done.location]).toEqual([303, '/admin/keys?state=in_stock'])
    expect((await stored('K-0001')).state).toBe('in_stock')
    expect((await stored('K-0002')).state).toBe('in_stock')
  })

  it('asks for the passphrase of an encrypted file, and keeps it nowhere', async () => {
    const content = new Uint8Array(
      readFileSync(new URL('../fixtures/pskc/figure_7.xml', import.meta.url)),
    )
    const browser = await signIn()
    await browser.open('/admin/keys/import')
    const file = { name: 'keys.xml', content }
    const asked = await upload(browser, {}, file)
    expect(asked.status).toBe(422)
    expect(asked.text).toContain('protected by a passphrase')
    const opened = await upload(browser, { secret_kind: 'passphrase', secret: 'qwerty' }, file)
    expect(opened.status).toBe(200)
    expect(opened.text).not.toContain('qwerty')
  })

  it('reports lines that cannot be imported, and imports none of the others', async () => {
    const browser = await signIn()
    await browser.open('/admin/keys/import')
    const content = CSV.replace('4142434445464748494a4b4c4d4e4f5051525354', 'abcd')
    const tried = await upload(browser, {}, { name: 'keys.csv', content })
    expect(tried.text).toContain('K-0002')
    expect(tried.text).toContain('whole or not at all')
    expect(sha256On(tried.text)).toBe('')
    expect(await keys().find('K-0001')).toBeNull()
  })

  it.each([
    ['nothing', ''],
    ['no text', new Uint8Array([0, 1, 2, 255])],
    ['more than the limit', new Uint8Array(10_000_001)],
  ])('refuses %s', async (_, content) => {
    const browser = await signIn()
    await browser.open('/admin/keys/import')
    const tried = await upload(browser, {}, { name: 'x', content })
    expect(tried.status).toBe(422)
  })

  it('refuses a form that is not of this session', async () => {
    const browser = await signIn()
    await browser.open('/admin/keys/import')
    const forged = await upload(browser, { csrf: 'x' }, { name: 'keys.csv', content: CSV })
    expect(forged.status).toBeGreaterThanOrEqual(400)
    expect(forged.text).not.toContain('Import 2 keys')
  })

  it('refuses an upload that says nothing of its parts', async () => {
    const browser = await signIn()
    await browser.open('/admin/keys/import')
    const headers = {
      cookie: await browser.jar.getCookieString(school.address),
      'content-type': 'multipart/form-data',
    }
    const sent = { method: 'POST', headers, body: 'csrf' }
    const answer = await fetch(new URL('/admin/keys/import', school.address), sent)
    expect(answer.status).toBe(400)
  })

  it('is not for a helpdesk', async () => {
    const browser = await signIn({ role: 'helpdesk', userTypes: ['teacher'] })
    expect((await browser.open('/admin/keys/import')).status).toBe(403)
    expect((await browser.open('/admin/keys')).text).not.toContain('/admin/keys/import')
  })
})
