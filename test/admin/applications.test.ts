import { afterEach, describe, expect, it } from 'vitest'
import type { Browser, View } from '../support/browser.ts'
import { administrator, enterConsole, signInToConsole } from '../support/console.ts'
import { register } from '../support/registered.ts'
import { registerRelyingParty } from '../support/relying_party.ts'
import {
  CALLBACK,
  DAY_MS,
  PASSWORD,
  PIN,
  type School,
  SECRET,
  startSchool,
} from '../support/school.ts'

let school: School
afterEach(() => school.stop())

const LIST = '/admin/applications'
const ID = 'exercises'
const ONE = `${LIST}/${ID}`

const start = async (settings: Record<string, unknown> = {}): Promise<Browser> => {
  school = await startSchool(settings)
  return signInToConsole(school)
}

const form = (path: string) => ({ form: `form[action="${path}"]` })

/** What an administrator types to register one; the rest is as the form has it. */
const TYPED = { client_name: 'Exercices', redirect_uris: CALLBACK, kind: 'other' }

const registerHere = async (
  browser: Browser,
  typed: Readonly<Record<string, string>> = {},
): Promise<View> => {
  await browser.open(`${LIST}/new`)
  return browser.submit({ ...TYPED, ...typed }, form(`${LIST}/new`))
}

const secretOn = (view: View): string => view.html.querySelector('#secret')?.text ?? ''

const signIn = async (clientId: string, secret: string) => {
  const application = await registerRelyingParty(school.issuer, clientId, secret, CALLBACK)
  const browser = school.browser()
  await application.start(browser)
  const { identifier } = await school.person({ protection: 'none', classes: ['6A'] })
  await browser.submit({ identifier, password: PASSWORD })
  const tokens = await application.finish(browser)
  return { tokens, application, identifier }
}

const acts = async (): Promise<string[]> => {
  const entries = await school.gateway.core.deps.store.audit.list({}, 200)
  return entries.map(({ act }) => act).filter((act) => act.startsWith('application_'))
}

describe('registering an application', () => {
  it('asks for a name and an address, and shows a secret that works, once', async () => {
    const browser = await start()
    const view = await registerHere(browser)
    expect(view.step).toBe('console/applications_secret')
    const secret = secretOn(view)
    const [clientId = ''] = view.text.match(/exercices-[0-9a-f]{6}/) ?? []
    const { tokens } = await signIn(clientId, secret)
    expect(tokens.claims.aud).toBe(clientId)
    for (const page of ['', '/edit', '/connect', '/rotate']) {
      expect((await browser.open(`${LIST}/${clientId}${page}`)).text).not.toContain(secret)
    }
    expect(await acts()).toContain('application_registered')
  })

  it('gives it what was ticked, and nothing else', async () => {
    const browser = await start()
    const view = await registerHere(browser, { client_id: ID, claim_classes: 'yes' })
    const { tokens, application } = await signIn(ID, secretOn(view))
    const userinfo = await application.userinfo(tokens)
    expect(Object.keys(userinfo).sort()).toEqual([
      'classes',
      'family_name',
      'given_name',
      'name',
      'sub',
    ])
  })

  it('says what is wrong by the rules of the settings file, and keeps what was typed', async () => {
    const browser = await start()
    const view = await registerHere(browser, {
      client_name: '',
      redirect_uris: 'https://one.example/back\nhttp://two.example/back',
      auth_method: 'none',
      pkce_optional: 'yes',
    })
    expect(view.status).toBe(422)
    expect(view.text).toContain('Line 2 is no address that begins with https://')
    expect(view.text).toContain('Give it a name')
    expect(view.text).toContain('must use PKCE')
    expect(view.text).toContain('http://two.example/back')
    expect(await acts()).toEqual([])
  })

  it.each([
    ['that the settings file names', 'ent', 'of this name already'],
    ['of the gateway itself', 'vestibule-console', 'must not begin with'],
  ])('refuses a client ID %s', async (_, client_id, why) => {
    const browser = await start()
    const view = await registerHere(browser, { client_id })
    expect(view.status).toBe(422)
    expect(view.text).toContain(why)
  })

  it('keeps the form of whoever has to prove again who they are', async () => {
    const browser = await start()
    await browser.open(`${LIST}/new`)
    school.later(6 * 60_000)
    const asked = await browser.submit({ ...TYPED, client_id: ID }, form(`${LIST}/new`))
    expect(asked.step).toBe('login')
    expect(await acts()).toEqual([])
  })
})

describe('changing an application', () => {
  it('holds at once', async () => {
    const browser = await start()
    const secret = secretOn(await registerHere(browser, { client_id: ID }))
    await browser.open(`${ONE}/edit`)
    const view = await browser.submit(
      { client_name: 'Renommée', least_acr: 'urn:vestibule:acr:pin' },
      form(`${ONE}/edit`),
    )
    expect(view.step).toBe('console/applications_one')
    expect(view.text).toContain('Renommée')
    expect(view.text).toContain('Password and PIN code')
    const application = await registerRelyingParty(school.issuer, ID, secret, CALLBACK)
    const somebody = school.browser()
    await application.start(somebody)
    const { identifier } = await school.person({ pin: PIN })
    await somebody.submit({ identifier, password: PASSWORD })
    expect(somebody.view.step).toBe('pin')
  })

  it('changes nothing where nothing was changed', async () => {
    const browser = await start()
    await registerHere(browser, { client_id: ID, kind: 'moodle', pairwise: 'yes', refresh: 'yes' })
    const { applications } = school.gateway.core.deps.store
    const before = await applications.find(ID)
    await browser.open(`${ONE}/edit`)
    await browser.submit({}, form(`${ONE}/edit`))
    const after = await applications.find(ID)
    expect(after?.version).toBe(2)
    expect(after?.registration).toEqual(before?.registration)
  })

  it('tells the second of two who save at once, and saves nothing of theirs', async () => {
    const one = await start()
    await registerHere(one, { client_id: ID })
    const other = await enterConsole(school.browser(), await administrator(school))
    await one.open(`${ONE}/edit`)
    await other.open(`${ONE}/edit`)
    await one.submit({ client_name: 'First' }, form(`${ONE}/edit`))
    const view = await other.submit({ client_name: 'Second' }, form(`${ONE}/edit`))
    expect(view.status).toBe(422)
    expect(view.text).toContain('Somebody else has changed this application')
    const found = await school.gateway.core.deps.store.applications.find(ID)
    expect(found?.registration.client_name).toBe('First')
  })
})

describe('the secret of an application', () => {
  it('is replaced; the old one serves for the days that were chosen, or until it is ended', async () => {
    const browser = await start()
    const first = secretOn(await registerHere(browser, { client_id: ID }))
    await browser.open(`${ONE}/rotate`)
    const second = secretOn(await browser.submit({ days: '3' }, form(`${ONE}/rotate`)))
    expect(second).not.toBe('')
    await expect(signIn(ID, first)).resolves.toBeDefined()
    await expect(signIn(ID, second)).resolves.toBeDefined()
    await browser.open(ONE)
    const ended = await browser.submit({}, form(`${ONE}/end-secret`))
    expect(ended.text).toContain('no longer accepted')
    await expect(signIn(ID, first)).rejects.toThrow()
    await expect(signIn(ID, second)).resolves.toBeDefined()
  })

  it.each(['', '-1', '91', 'week'])('is not replaced for %j days', async (days) => {
    const browser = await start()
    await registerHere(browser, { client_id: ID })
    await browser.open(`${ONE}/rotate`)
    expect((await browser.submit({ days }, form(`${ONE}/rotate`))).status).toBe(422)
    expect(await acts()).toEqual(['application_registered'])
  })
})

describe('removing an application', () => {
  it('says what happens first, then nobody signs in to it', async () => {
    const browser = await start()
    const secret = secretOn(await registerHere(browser, { client_id: ID }))
    await signIn(ID, secret)
    const asked = await browser.open(`${ONE}/remove`)
    expect(asked.text).toContain('It was opened 1 time')
    const view = await browser.submit({}, form(`${ONE}/remove`))
    expect(view.step).toBe('console/applications_list')
    expect(view.text).toContain('is removed')
    await expect(signIn(ID, secret)).rejects.toThrow()
    expect((await browser.open(ONE)).status).toBe(404)
  })
})

describe('the list of applications', () => {
  it('shows those of the settings file, who changed the others, and how often they are opened', async () => {
    const browser = await start()
    const secret = secretOn(await registerHere(browser, { client_id: ID }))
    school.later(-31 * DAY_MS)
    const { launches } = school.gateway.core.deps.store
    await launches.count(ID, '2026-08-14', 'long ago')
    school.later(31 * DAY_MS)
    await signIn(ID, secret)
    await signIn(ID, secret)
    const rows = (await browser.open(LIST)).html
      .querySelectorAll('tbody tr')
      .map((row) => row.text.replace(/\s+/g, ' ').trim())
    expect(rows[0]).toContain('ENT settings file')
    expect(rows[1]).toMatch(/^Exercices .*Alix Admin\d+ 2$/)
  })

  it('offers no change of one that stands in the settings file', async () => {
    const browser = await start()
    const view = await browser.open(`${LIST}/ent`)
    expect(view.text).toContain('stands in the settings file')
    expect(view.text).not.toContain('/edit')
    expect(view.text).not.toContain(SECRET)
    for (const page of ['edit', 'rotate', 'remove']) {
      expect((await browser.open(`${LIST}/ent/${page}`)).status).toBe(403)
    }
  })

  it('is read by an auditor, who changes nothing, and not by the helpdesk', async () => {
    school = await startSchool()
    await register(school)
    const auditor = await signInToConsole(school, { role: 'auditor' })
    expect((await auditor.open(ONE)).status).toBe(200)
    expect((await auditor.open(`${ONE}/edit`)).status).toBe(403)
    const desk = await signInToConsole(school, { role: 'helpdesk' })
    expect((await desk.open(LIST)).status).toBe(403)
  })
})

describe('instructions', () => {
  it.each([
    ['moodle', 'Service base URL'],
    ['nextcloud', '/apps/user_oidc/backchannel-logout/'],
    ['mod_auth_openidc', 'OIDCProviderMetadataURL'],
    ['other', 'client_secret_basic'],
  ])('for %s have the real values in them', async (kind, word) => {
    const browser = await start()
    await registerHere(browser, { client_id: ID, kind })
    const { text } = await browser.open(`${ONE}/connect`)
    expect(text).toContain(word)
    expect(text).toContain(school.issuer)
    expect(text).toContain(ID)
    expect(text).toContain(CALLBACK)
  })
})

const rowsOf = (view: View, nth = 0): Record<string, string> =>
  Object.fromEntries(
    (view.html.querySelectorAll('table')[nth]?.querySelectorAll('tbody tr') ?? []).map((row) => [
      row.querySelector('th')?.text.trim() ?? '',
      row.querySelector('td')?.text.trim() ?? '',
    ]),
  )

describe('what an application learns of somebody', () => {
  it.each(['public', 'pairwise'])(
    'is what it is told at a sign-in (%s), and noted',
    async (subject) => {
      const browser = await start()
      const secret = secretOn(
        await registerHere(browser, {
          client_id: ID,
          claim_classes: 'yes',
          claim_email: 'yes',
          claim_user_type: 'yes',
          ...(subject === 'pairwise' ? { pairwise: 'yes' } : {}),
        }),
      )
      const { tokens, application, identifier } = await signIn(ID, secret)
      const userinfo = await application.userinfo(tokens)
      await browser.open(`${ONE}/claims`)
      const view = await browser.submit({ person: identifier }, form(`${ONE}/claims`))
      const shown = rowsOf(view)
      const told = Object.fromEntries(
        Object.entries(userinfo).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      )
      expect(shown).toEqual(told)
      expect(shown['sub']).toBe(tokens.claims.sub)
      const { sub } = await school.account(identifier)
      const entries = await school.gateway.core.deps.store.audit.list({ sub }, 50)
      expect(entries.map(({ act }) => act)).toContain('claims_previewed')
    },
  )

  it('says so when nobody has the identifier', async () => {
    const browser = await start()
    await register(school)
    await browser.open(`${ONE}/claims`)
    const view = await browser.submit({ person: 'nobody.here' }, form(`${ONE}/claims`))
    expect(view.status).toBe(422)
  })
})

describe('a test sign-in', () => {
  const test = async (browser: Browser, id: string, prompt = ''): Promise<View> => {
    await browser.open(`${LIST}/${id}/test`)
    return browser.submit({ prompt }, form(`${LIST}/${id}/test`))
  }

  it.each(['ent', ID])('of %s ends at its claims', async (id) => {
    const browser = await start()
    await register(school, { token_endpoint_auth_method: 'client_secret_post' })
    const view = await test(browser, id)
    expect(view.step).toBe('console/applications_tested')
    expect(rowsOf(view, 0)).toMatchObject({ aud: id, acr: 'urn:vestibule:acr:pin' })
    expect(rowsOf(view, 1)).toMatchObject({ given_name: 'Alix' })
    expect(await acts()).toContain('application_tested')
  })

  it('asks for everything again with prompt=login', async () => {
    const browser = await start()
    await register(school)
    expect((await test(browser, ID, 'login')).step).toBe('login')
  })

  it.each([
    ['PAR', { require_pushed_authorization_requests: true }],
    ['DPoP', { dpop_bound_access_tokens: true }],
    ['no secret', { token_endpoint_auth_method: 'none' }],
    ['identifiers of its own', { subject_type: 'pairwise' }],
  ])('works for an application with %s', async (_, given) => {
    const browser = await start()
    await register(school, given)
    expect(rowsOf(await test(browser, ID))).toMatchObject({ aud: ID })
  })

  it('shows what an application hears that is not allowed', async () => {
    const browser = await start()
    await register(school, { consent: true })
    const asked = await test(browser, ID)
    expect(asked.step).toBe('consent')
    const view = await browser.submit({ answer: 'refuse' })
    expect(view.step).toBe('console/applications_tested')
    expect(view.text).toContain('access_denied')
  })

  it('has an address that only a test we began may come back to', async () => {
    const browser = await start()
    await register(school)
    const address = `${school.issuer}/admin/application-test`
    const query = new URLSearchParams({
      client_id: ID,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: address,
      state: 'x',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    })
    const view = await browser.open(`/auth?${query}`)
    expect(view.status).toBe(400)
    expect(view.text).toContain('redirect_uri')
    expect((await browser.open(`${address}?code=x&state=x`)).text).toContain('no test')
  })

  it('is shown to nobody but the browser that began it', async () => {
    const one = await start()
    await register(school)
    await one.open(`${ONE}/test`)
    await one.submit({}, form(`${ONE}/test`))
    const { url } = one.view
    const other = await signInToConsole(school)
    const view = await other.open(url)
    expect(view.text).toContain('no test')
  })
})

describe('who is behind an identifier', () => {
  const known = async () => {
    const browser = await start()
    const secret = await register(school, { subject_type: 'pairwise' })
    const { tokens, identifier } = await signIn(ID, secret)
    return { browser, subject: tokens.claims.sub, account: await school.account(identifier) }
  }

  const ask = async (browser: Browser, fields: Record<string, string>): Promise<View> => {
    await browser.open('/admin/subjects')
    return browser.submit({ client: ID, ...fields }, form('/admin/subjects'))
  }

  it('is found by application, and noted', async () => {
    const { browser, subject, account } = await known()
    expect(subject).not.toBe(account.sub)
    const view = await ask(browser, { subject })
    expect(view.text).toContain(`/admin/people/${account.sub}`)
    const [entry] = await school.gateway.core.deps.store.audit.list({ act: 'subject_looked_up' }, 1)
    expect(entry).toMatchObject({ sub: account.sub, detail: { found: true } })
  })

  it('is found by the host of an application that is gone', async () => {
    const { browser, subject, account } = await known()
    await browser.open(`${ONE}/remove`)
    await browser.submit({}, form(`${ONE}/remove`))
    const view = await ask(browser, { subject, client: 'ent', sector: '127.0.0.1:9' })
    expect(view.text).toContain(`/admin/people/${account.sub}`)
  })

  it('is not found for another application, and that is noted too', async () => {
    const { browser, subject } = await known()
    const view = await ask(browser, { subject, client: 'ent' })
    expect(view.text).toContain('Nobody is known')
    const [entry] = await school.gateway.core.deps.store.audit.list({ act: 'subject_looked_up' }, 1)
    expect(entry).toMatchObject({ sub: null, detail: { found: false } })
  })

  it('is noted with no more text than a name is long', async () => {
    const { browser, subject } = await known()
    await ask(browser, { subject, sector: 'x'.repeat(20_000) })
    const [entry] = await school.gateway.core.deps.store.audit.list({ act: 'subject_looked_up' }, 1)
    expect(String(entry?.detail['sector'])).toHaveLength(255)
  })

  it('is found by the helpdesk among the people they look after alone', async () => {
    const { subject, account } = await known()
    const students = await signInToConsole(school, { role: 'helpdesk', userTypes: ['student'] })
    expect((await ask(students, { subject })).text).toContain('Nobody is known')
    const teachers = await signInToConsole(school, { role: 'helpdesk', userTypes: ['teacher'] })
    expect((await ask(teachers, { subject })).text).toContain(account.sub)
  })
})
