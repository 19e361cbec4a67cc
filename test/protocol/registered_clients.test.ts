import * as oidc from 'openid-client'
import { afterEach, describe, expect, it } from 'vitest'
import {
  changeApplication,
  endPreviousSecret,
  removeApplication,
  rotateSecret,
} from '../../accounts/applications.ts'
import { startGateway } from '../../provider/wire.ts'
import type { Browser } from '../support/browser.ts'
import { register } from '../support/registered.ts'
import { registerRelyingParty, type Tokens } from '../support/relying_party.ts'
import { CALLBACK, DAY_MS, PASSWORD, type School, SECRET, startSchool } from '../support/school.ts'

let school: School
afterEach(() => school.stop())

const by = 'test'
const ID = 'exercises'
const REFRESHING = { grant_types: ['authorization_code', 'refresh_token'] }

const party = (secret: string, clientId = ID) =>
  registerRelyingParty(school.issuer, clientId, secret, CALLBACK)

const answer = (browser: Browser, identifier: string) =>
  browser.submit({ identifier, password: PASSWORD })

/** Somebody signs in to the application; its tokens. */
const signIn = async (secret: string, browser = school.browser()): Promise<Tokens> => {
  const application = await party(secret)
  const view = await application.start(browser)
  if (view.step === 'login') {
    const { identifier } = await school.person({ protection: 'none' })
    await answer(browser, identifier)
  }
  return application.finish(browser)
}

const version = async (): Promise<number> =>
  (await school.gateway.core.deps.store.applications.find(ID))?.version ?? 0

const changing = async () => ({ clientId: ID, version: await version(), by })

const refusal = (error: unknown): string =>
  error instanceof oidc.ResponseBodyError ? error.error : String(error)

/** `invalid_client` or the like; `ok` when the tokens were given. */
const outcomeOf = (act: Promise<unknown>): Promise<string> => act.then(() => 'ok', refusal)

describe('an application that the console registered', () => {
  it('signs people in at once, with the claims that it may have', async () => {
    school = await startSchool()
    const secret = await register(school, { claims: ['given_name', 'user_type'] })
    const tokens = await signIn(secret)
    const userinfo = await (await party(secret)).userinfo(tokens)
    expect(userinfo).toEqual({
      sub: tokens.claims.sub,
      given_name: 'Camille',
      user_type: 'teacher',
    })
  })

  it('is refused with another secret', async () => {
    school = await startSchool()
    await register(school)
    expect(await outcomeOf(signIn('not-the-secret-of-this-application'))).toBe('invalid_client')
  })

  it('holds what was changed at once: the level asked for, the claims, the return address', async () => {
    school = await startSchool()
    const secret = await register(school)
    await signIn(secret)
    const found = await school.gateway.core.deps.store.applications.find(ID)
    const registration = found?.registration
    if (registration === undefined) throw new Error('not registered')
    const done = await changeApplication(school.gateway.core.deps, await changing(), {
      kind: 'other',
      registration: {
        ...registration,
        client_name: 'Renamed',
        least_acr: 'urn:vestibule:acr:pin',
        redirect_uris: ['http://127.0.0.1:9/elsewhere'],
      },
    })
    expect(done).toEqual({ ok: true, secret: null })
    const application = await party(secret)
    const refused = await application.start(school.browser())
    expect(refused).toMatchObject({ step: 'error', status: 400 })
    const { identifier } = await school.person({ protection: 'none' })
    const browser = school.browser()
    await application.start(browser, { redirect_uri: 'http://127.0.0.1:9/elsewhere' })
    expect(browser.view.text).toContain('Renamed')
    expect((await answer(browser, identifier)).step).toBe('define_pin')
  })

  it('is known to another process that runs beside', async () => {
    school = await startSchool()
    const { settings } = school
    const beside = await startGateway(
      { ...settings, listen: { ...settings.listen, port: 0 } },
      { clock: () => Date.now(), log: (await import('pino')).pino({ level: 'silent' }) },
    )
    try {
      const ask = () =>
        fetch(`http://127.0.0.1:${beside.address.port}/auth?client_id=${ID}&response_type=code`, {
          redirect: 'manual',
        }).then((response) => response.text())
      expect(await ask()).toContain('invalid_client')
      await register(school)
      expect(await ask()).not.toContain('invalid_client')
    } finally {
      await beside.stop()
    }
  })

  it('proves itself by two secrets while they are changed, and then by one', async () => {
    school = await startSchool()
    const first = await register(school)
    const { deps } = school.gateway.core
    const rotated = await rotateSecret(deps, await changing(), 7)
    const second = rotated.ok ? rotated.secret : ''
    expect(second).not.toBe(first)
    expect(await outcomeOf(signIn(first))).toBe('ok')
    expect(await outcomeOf(signIn(second))).toBe('ok')
    school.later(7 * DAY_MS)
    expect(await outcomeOf(signIn(first))).toBe('invalid_client')
    expect(await outcomeOf(signIn(second))).toBe('ok')
  })

  it('knows the old secret no more once that is ended, or once there is a third', async () => {
    school = await startSchool()
    const first = await register(school)
    const { deps } = school.gateway.core
    const rotated = await rotateSecret(deps, await changing(), 7)
    const second = rotated.ok ? rotated.secret : ''
    expect(await endPreviousSecret(deps, await changing())).toEqual({ ok: true })
    expect(await outcomeOf(signIn(first))).toBe('invalid_client')
    const again = await rotateSecret(deps, await changing(), 30)
    await rotateSecret(deps, await changing(), 30)
    expect(await outcomeOf(signIn(second))).toBe('invalid_client')
    expect(await outcomeOf(signIn(again.ok ? again.secret : ''))).toBe('ok')
  })

  it('keeps no secret that can be read from the database', async () => {
    school = await startSchool()
    const secret = await register(school)
    const { store } = school.gateway.core.deps
    const kept = JSON.stringify([await store.applications.list(), await store.audit.list({}, 100)])
    expect(kept).toContain(ID)
    expect(kept).not.toContain(secret)
  })
})

describe('an application that was removed', () => {
  const removed = async () => {
    school = await startSchool()
    const secret = await register(school, REFRESHING)
    const application = await party(secret)
    const browser = school.browser()
    const tokens = await signIn(secret, browser)
    const ent = await school.application()
    await ent.start(browser)
    const others = await ent.finish(browser)
    expect(await removeApplication(school.gateway.core.deps, await changing())).toEqual({
      ok: true,
    })
    return { application, tokens, secret, browser, ent, others }
  }

  it('signs nobody in, and what it was given is refused', async () => {
    const { application, tokens, browser, ent, others } = await removed()
    expect((await application.start(browser)).status).toBe(400)
    expect(await outcomeOf(application.refresh(tokens))).toBe('invalid_client')
    await expect(application.userinfo(tokens)).rejects.toThrow()
    expect(await outcomeOf(ent.userinfo(others))).toBe('ok')
    await ent.start(browser)
    expect(browser.view.step).toBe('callback')
  })

  it('leaves nothing to a namesake that is registered later', async () => {
    const { tokens } = await removed()
    school.later(60_000)
    const secret = await register(school, REFRESHING)
    const namesake = await party(secret)
    expect(await outcomeOf(namesake.refresh(tokens))).toBe('invalid_grant')
    await expect(namesake.userinfo(tokens)).rejects.toThrow()
    expect(await outcomeOf(signIn(secret))).toBe('ok')
  })
})

describe('applications of the settings file', () => {
  it('win: a name that stands there is registered by nobody else', async () => {
    school = await startSchool()
    await expect(register(school, { client_id: 'ent' })).rejects.toThrow('taken')
    await register(school)
    await expect(register(school)).rejects.toThrow('taken')
  })

  it('win also over what was registered before they were written there', async () => {
    school = await startSchool()
    const { deps } = school.gateway.core
    const secret = await register(school)
    const found = await deps.store.applications.find(ID)
    if (found === null) throw new Error('not registered')
    const { registration } = found
    // As if the settings had not named it then.
    await deps.store.applications.add({
      ...found,
      clientId: 'ent',
      registration: { ...registration, client_id: 'ent', client_name: 'An intruder' },
    })
    const browser = school.browser()
    const ent = await registerRelyingParty(school.issuer, 'ent', SECRET, CALLBACK)
    await ent.start(browser)
    expect(browser.view.text).not.toContain('An intruder')
    const { identifier } = await school.person({ protection: 'none' })
    await answer(browser, identifier)
    expect((await ent.finish(browser)).claims.aud).toBe('ent')
    const other = await party(secret, 'ent')
    await other.start(browser)
    expect(await outcomeOf(other.finish(browser))).toBe('invalid_client')
  })

  it.each(['vestibule-portal', 'vestibule-console', 'Vestibule-x'])(
    'nor can anybody register %s, which is kept for the gateway',
    async (client_id) => {
      school = await startSchool()
      await expect(register(school, { client_id })).rejects.toThrow('client_id')
    },
  )
})

describe('how often applications are opened', () => {
  it('is counted once for each session, by the day', async () => {
    school = await startSchool()
    const secret = await register(school)
    const browser = school.browser()
    await signIn(secret, browser)
    await signIn(secret, browser)
    await signIn(secret)
    school.later(DAY_MS)
    await signIn(secret)
    const { launches } = school.gateway.core.deps.store
    expect(await launches.days(ID, '2026-01-01')).toEqual([
      { day: '2026-09-14', launches: 2 },
      { day: '2026-09-15', launches: 1 },
    ])
    expect(await launches.totals('2026-09-15')).toEqual(new Map([[ID, 1]]))
  })

  it('counts two tabs that open one at the same moment as one', async () => {
    school = await startSchool()
    await register(school)
    const { deps } = school.gateway.core
    const { sub } = await school.person({})
    const origin = { address: '192.0.2.7', userAgent: '', deviceToken: null, clientId: ID }
    const { openApplication } = await import('../../accounts/complete_sign_in.ts')
    await Promise.all([1, 2].map(() => openApplication(deps, sub, origin, 'one-opening')))
    expect(await deps.store.launches.totals('2026-01-01')).toEqual(new Map([[ID, 1]]))
  })
})
