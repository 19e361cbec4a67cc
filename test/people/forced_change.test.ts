import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { secureAccount } from '../../accounts/secure_account.ts'
import { PAGES } from '../../interactions/account.ts'
import { CANCEL_PATH, CONFIRM_PATH } from '../../interactions/enrol_app.ts'
import { ACCOUNT_PAGES } from '../../interactions/fresh_proof.ts'
import { ACR_OTP, ENT, application as likeTheEnt, signIn, silently } from '../protocol/steps.ts'
import type { Browser, View } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
import type { RelyingParty, Tokens } from '../support/relying_party.ts'
import { DAY_MS, MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { tokenFor } from './account_visit.ts'
import { acts, enter, errorsOf, formIn, noticesOf } from './acts.ts'

const NEXT = 'Nuage-Boussole-31'
const OFFLINE = { scope: 'openid profile email school offline_access', prompt: 'consent' }

let school: School
let ent: RelyingParty
let notes: RelyingParty
let pushed: RelyingParty
beforeAll(async () => {
  school = await startSchool({
    applications: [
      ENT,
      likeTheEnt('notes'),
      likeTheEnt('pushed', { require_pushed_authorization_requests: true }),
    ],
  })
  ent = await school.application()
  notes = await school.application('notes')
  pushed = await school.application('pushed')
  await school.policies({
    staff: { passwords: { force_change_at_expiration: true, max_lifetime_days: 180 } },
  })
})
afterAll(() => school.stop())

/** A way in which a password comes to be changed, done to somebody who has one of their own. */
interface State {
  readonly put: (account: Account) => Promise<unknown>
  /** The password serves no more: they come in by the passcode of a key. */
  readonly byPasscode?: true
}

const STATES: Record<string, State> = {
  'the school asks for a change': {
    put: (account) => withPassword(account, { mustChange: true }),
  },
  'their password is temporary': {
    put: (account) => withPassword(account, { origin: 'temporary' }),
  },
  'their password is from the directory': {
    put: (account) => withPassword(account, { origin: 'initial' }),
  },
  'their password has expired': {
    put: (account) => withPassword(account, { setAt: Date.now() - 181 * DAY_MS }),
  },
  'the school has made their password void': {
    put: ({ sub }) => {
      const { deps, endEverything } = school.gateway.core
      return secureAccount(deps, endEverything, sub, 'password_voided', 'test')
    },
    byPasscode: true,
  },
}

const withPassword = async (
  { sub, identifier }: Account,
  changes: Partial<NonNullable<Account['password']>>,
): Promise<void> => {
  const { password } = await school.account(identifier)
  if (password !== null) {
    const { accounts } = school.gateway.core.deps.store
    await accounts.setPassword(sub, { ...password, ...changes })
  }
}

let people = 0
/** Staff: their passwords may expire. */
const somebody = (wishes: Parameters<School['person']>[0] = {}): Promise<Account> => {
  people += 1
  const identifier = `fc.${people}`
  return school.person({ identifier, userType: 'staff', protection: 'none', ...wishes })
}

const change = (browser: Browser): Promise<View> =>
  browser.submit({ new_password: NEXT, confirm_password: NEXT })

/** Audited when somebody is let in anywhere. */
const OPENED = new Set(['sign_in_completed', 'application_opened', 'step_up_completed'])
const openedFor = async (sub: string): Promise<string[]> =>
  (await acts(school, sub)).filter((act) => OPENED.has(act))

/** Every form of the account, by its address. */
const ACCOUNT_FORMS = [
  ...Object.entries(PAGES).flatMap(([page, { forms }]) =>
    Object.keys(forms).map((form) => `/account/${page}/${form}`),
  ),
  CONFIRM_PATH,
  CANCEL_PATH,
]

/** What those forms ask for, and those of the steps. */
const FILLED_IN = {
  protection: 'pin',
  define_pin: 'yes',
  pin: PIN,
  new_pin: PIN,
  confirm_pin: PIN,
  current_password: PASSWORD,
  password: PASSWORD,
  new_password: NEXT,
  confirm_password: NEXT,
  passcode: '123456',
  code: '123456',
  email: 'ailleurs@example.org',
  locale: 'en',
  remember_device: 'yes',
  device_name: 'Room 201',
}

/** Every form of a sign-in but the change's own, and the one that leaves it to somebody else. */
const STEPS_OF_A_SIGN_IN = [
  'login',
  'otp',
  'pin',
  'define_pin',
  'device',
  'unmet',
  'refused',
  'first_use_code',
  'first_use_password',
  'first_use_pin',
  'first_use_passcode',
  'first_use_again',
  'pin_reset',
  'pin_reset_back',
  'pin_reset_code',
  'pin_reset_define',
  'password_reset',
  'password_reset_back',
  'password_reset_code',
  'password_reset_define',
]

const ESSENTIAL_OTP = {
  claims: JSON.stringify({ id_token: { acr: { essential: true, value: ACR_OTP } } }),
}

const pushedRequest = async (browser: Browser): Promise<View> => {
  const { searchParams } = await pushed.request(browser)
  return browser.open(await client.buildAuthorizationUrlWithPAR(pushed.config, searchParams))
}

/** Somebody at the change. */
interface Waiting {
  readonly browser: Browser
  readonly account: Account
  /** What lets them in who are asked again who they are. */
  readonly secret: () => string
}

/** Addresses that all lead to the change. */
const READ: Record<string, (waiting: Waiting) => Promise<View>> = {
  'the application': ({ browser }) => ent.start(browser),
  'another application': ({ browser }) => notes.start(browser),
  'a request that was pushed': ({ browser }) => pushedRequest(browser),
  'an application content with any sign-in': ({ browser }) =>
    ent.start(browser, { max_age: '36000' }),
  'an application that asks for consent': ({ browser }) => ent.start(browser, OFFLINE),
  'an application that asks for another level': ({ browser }) =>
    ent.start(browser, { acr_values: 'urn:vestibule:acr:password' }),
  'the portal': ({ browser }) => browser.open('/'),
  'the account': ({ browser }) => browser.open('/account'),
  ...Object.fromEntries(
    Object.values(ACCOUNT_PAGES).map((path) => [
      path,
      ({ browser }: Waiting) => browser.open(path),
    ]),
  ),
  'the well-known address of the change': ({ browser }) =>
    browser.open('/.well-known/change-password'),
  'the address of a form': async ({ browser }) => {
    await ent.start(browser)
    return browser.open(`${browser.view.url.pathname}/change_password`)
  },
  'a second tab': async ({ browser }) => {
    const tab = school.browser({ jar: browser.jar })
    await ent.start(browser)
    await ent.start(tab)
    return tab.view
  },
  'the page again': async ({ browser }) => {
    await ent.start(browser)
    return browser.open(browser.view.url)
  },
}

/** At the change, in a new sign-in. */
const newSignIn = async ({ put, byPasscode }: State): Promise<Waiting> => {
  const account = await somebody()
  const key = byPasscode === true ? await giveKey(school, account.sub) : null
  await put(account)
  const browser = school.browser()
  const secret = (): string => {
    key?.wait()
    return key?.passcode() ?? PASSWORD
  }
  await enter(ent, browser, account.identifier, { password: secret() })
  expect(browser.view.step).toBe('change_password')
  return { browser, account, secret }
}

/** Due in a session that was opened before. */
const runningSession = async ({ put }: State): Promise<Waiting & { tokens: Tokens }> => {
  const account = await somebody()
  const browser = school.browser()
  const tokens = await signIn(ent, browser, account.identifier, OFFLINE)
  school.later(MINUTE_MS)
  await put(account)
  return { browser, account, tokens, secret: () => PASSWORD }
}

const IN_FORCE = Object.entries(STATES).filter(([, { byPasscode }]) => byPasscode !== true)

/** Each state in each sign-in that it can be met in. */
const SITUATIONS: [name: string, begin: () => Promise<Waiting>][] = [
  ...Object.entries(STATES).map(([name, state]): [string, () => Promise<Waiting>] => [
    name,
    () => newSignIn(state),
  ]),
  ...IN_FORCE.map(([name, state]): [string, () => Promise<Waiting>] => [
    `${name}, in a running session`,
    () => runningSession(state),
  ]),
]

describe.each(SITUATIONS)('while %s, a person', (_name, begin) => {
  it('reaches nothing else by any address', async () => {
    const waiting = await begin()
    const before = await school.account(waiting.account.identifier)
    const opened = await openedFor(before.sub)
    for (const [what, open] of Object.entries(READ)) {
      const { step, status } = await open(waiting)
      expect.soft([what, step, status]).toEqual([what, 'change_password', 200])
    }
    expect(await openedFor(before.sub)).toEqual(opened)
    expect(await school.account(before.identifier)).toEqual(before)
  })

  it('is not passed on without a page, and the application is told why', async () => {
    const { browser } = await begin()
    expect(await silently(ent, browser)).toBe('interaction_required')
    expect(await silently(notes, browser, { max_age: '36000' })).toBe('interaction_required')
    expect(browser.view.url.searchParams.get('code')).toBeNull()
  })

  it('who signs in anew meets the change again', async () => {
    const { browser, account, secret } = await begin()
    for (const parameters of [{ prompt: 'login' }, { max_age: '0' }]) {
      school.later(1_000)
      await ent.start(browser, parameters)
      expect(browser.view.step).toBe('login')
      await browser.submit({ identifier: account.identifier, password: secret() })
      expect(browser.view.step).toBe('change_password')
    }
  })

  it('changes nothing by a form, whose token is right', async () => {
    const { browser, account } = await begin()
    const before = await school.account(account.identifier)
    const uids = (await school.gateway.core.opened.op.listSessions(account.sub)).map(
      ({ uid }) => uid ?? '',
    )
    expect(uids).not.toEqual([])
    const opened = await openedFor(account.sub)
    for (const path of ACCOUNT_FORMS) {
      for (const uid of uids) {
        const csrf = tokenFor(school, uid, path.replace('/account/', ''))
        const { step } = await browser.post(path, { ...FILLED_IN, csrf })
        expect.soft([path, step]).toEqual([path, 'change_password'])
      }
    }
    expect(await school.account(account.identifier)).toEqual(before)
    expect(await openedFor(account.sub)).toEqual(opened)
    expect(await noticesOf(school, account.sub)).not.toContain('sessions_ended_by_owner')
  })

  it('gets past it by no other step’s form', async () => {
    const { browser, account } = await begin()
    const before = await school.account(account.identifier)
    await ent.start(browser)
    const [, , uid = ''] = browser.view.url.pathname.split('/')
    for (const step of STEPS_OF_A_SIGN_IN) {
      const csrf = tokenFor(school, uid, step)
      const { step: met, status } = await browser.post(`/interaction/${uid}/${step}`, {
        ...FILLED_IN,
        identifier: account.identifier,
        csrf,
      })
      const shown = met === 'error' ? met : 'change_password'
      expect.soft([step, met, status]).toEqual([step, shown, met === 'error' ? 409 : 200])
    }
    expect((await ent.start(browser)).step).toBe('change_password')
    expect(await school.account(account.identifier)).toEqual(before)
  })

  it('still signs out', async () => {
    const { browser, account } = await begin()
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    expect((await ent.start(browser)).step).toBe('login')
    expect(await school.account(account.identifier)).toMatchObject({ sub: account.sub })
  })

  it('goes on once it is saved: here, in another tab and at another application', async () => {
    const { browser, account } = await begin()
    const tab = school.browser({ jar: browser.jar })
    await notes.start(tab)
    await ent.start(browser)
    expect([browser.view.step, tab.view.step]).toEqual(['change_password', 'change_password'])
    await change(browser)
    expect((await ent.finish(browser)).claims.sub).toBe(account.sub)
    // The other tab's page is behind: reloaded, it goes on.
    await tab.open(tab.view.url)
    expect((await notes.finish(tab)).claims.sub).toBe(account.sub)
    expect((await browser.open('/')).step).toBe('portal')
    expect(await silently(ent, browser)).toBeNull()
    expect((await school.account(account.identifier)).password).toMatchObject({
      origin: 'personal',
      mustChange: false,
      setAt: Date.now(),
    })
  })
})

describe.each(IN_FORCE)('while %s, a person', (_name, state) => {
  it('gets no new tokens for those of an earlier sign-in, until it is saved', async () => {
    const { browser, account, tokens } = await runningSession(state)
    await expect(ent.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
    await ent.start(browser)
    await change(browser)
    const renewed = await ent.finish(browser)
    expect(renewed.claims.sub).toBe(account.sub)
    // It has waited, and goes on.
    expect((await ent.refresh(tokens)).access_token).toEqual(expect.any(String))
  })

  it('keeps the application’s request and the session, when it is changed in a running one', async () => {
    const { browser, account, tokens } = await runningSession(state)
    const session = await school.gateway.core.opened.op.listSessions(account.sub)
    school.later(MINUTE_MS)
    await ent.start(browser, { state: 'page-12', scope: 'openid school' })
    await change(browser)
    expect(browser.view.url.searchParams.get('state')).toBe('page-12')
    const again = await school.gateway.core.opened.op.listSessions(account.sub)
    expect(again.map(({ uid }) => uid)).toEqual(session.map(({ uid }) => uid))
    await ent.start(browser)
    const { claims } = await ent.finish(browser)
    expect([claims.auth_time, claims['acr']]).toEqual([
      tokens.claims.auth_time,
      tokens.claims['acr'],
    ])
    expect((await acts(school, account.sub)).filter((act) => act === 'sign_in_completed')).toEqual([
      'sign_in_completed',
    ])
  })

  it('who goes back to a page that is behind is led on, never past it', async () => {
    const account = await somebody()
    await state.put(account)
    const browser = school.browser()
    await ent.start(browser)
    const { url } = browser.view
    const { csrf } = formIn(browser.view)
    await browser.submit({ identifier: account.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('change_password')
    await browser.open(url)
    expect(['error', 'change_password']).toContain(browser.view.step)
    await browser.post(`${url.pathname}/login`, {
      csrf,
      identifier: account.identifier,
      password: PASSWORD,
    })
    expect(['error', 'change_password']).toContain(browser.view.step)
    expect((await ent.start(browser)).step).toBe('change_password')
  })

  it('who resumes the request by its address is asked again', async () => {
    const { browser } = await newSignIn(state)
    const resume = browser.view.url.pathname.replace('/interaction/', '/auth/')
    await browser.open(resume)
    expect(browser.view.step).toBe('change_password')
  })

  it('is asked first for the PIN', async () => {
    const account = await somebody({ pin: PIN, protection: 'pin' })
    await state.put(account)
    const browser = school.browser()
    await enter(ent, browser, account.identifier)
    expect(browser.view.step).toBe('pin')
    expect((await notes.start(browser)).step).toBe('pin')
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('change_password')
    await change(browser)
    expect(browser.view.step).toBe('callback')
  })

  it('is asked first for the passcode, then for the PIN where one would be due', async () => {
    const account = await somebody({ pin: PIN, protection: 'pin' })
    const key = await giveKey(school, account.sub)
    await state.put(account)
    const browser = school.browser()
    await enter(ent, browser, account.identifier, { parameters: ESSENTIAL_OTP })
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('change_password')
    await change(browser)
    expect((await ent.finish(browser)).claims['acr']).toBe(ACR_OTP)
  })

  it('is asked first for what an application wants of a running session', async () => {
    const { browser, account } = await runningSession(state)
    const key = await giveKey(school, account.sub)
    await ent.start(browser, ESSENTIAL_OTP)
    expect(browser.view.step).toBe('otp')
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('change_password')
    await change(browser)
    expect((await ent.finish(browser)).claims['acr']).toBe(ACR_OTP)
  })
})

describe('somebody who sends one bad password after the other', () => {
  it('is asked to wait, and chooses a good one a moment later', async () => {
    const account = await somebody({ mustChange: true })
    const browser = school.browser()
    await enter(ent, browser, account.identifier)
    const asks = () => errorsOf(browser.view).join()
    for (let time = 0; time < 15; time += 1) {
      await browser.submit({ new_password: 'azerty', confirm_password: 'azerty' })
      expect(asks()).not.toContain('Wait a moment')
    }
    await change(browser)
    expect([browser.view.step, asks()]).toEqual([
      'change_password',
      expect.stringContaining('Wait a moment'),
    ])
    school.later(5_000)
    await change(browser)
    expect(browser.view.step).toBe('callback')
  })
})

describe('at a computer that was left unlocked', () => {
  it.each(IN_FORCE)('nobody else changes the password (%s)', async (_name, state) => {
    const { browser, account, secret } = await runningSession(state)
    school.later(15 * MINUTE_MS)
    const before = await school.account(account.identifier)
    for (const [what, open] of Object.entries(READ)) {
      const { step } = await open({ browser, account, secret })
      expect.soft([what, step]).toEqual([what, 'login'])
    }
    await ent.start(browser)
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier: account.identifier, password: secret() })
    expect(browser.view.step).toBe('change_password')
    expect(await school.account(account.identifier)).toEqual(before)
    await change(browser)
    expect((await ent.finish(browser)).claims.sub).toBe(account.sub)
  })
})

describe('a password that the school has made void', () => {
  it('ends what was open: nothing leads on but a new sign-in, by another way', async () => {
    const account = await somebody()
    const key = await giveKey(school, account.sub)
    const browser = school.browser()
    const tokens = await signIn(ent, browser, account.identifier, OFFLINE)
    school.later(MINUTE_MS)
    await STATES['the school has made their password void']?.put(account)
    await expect(ent.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(ent.userinfo(tokens)).rejects.toThrow()
    for (const [what, open] of Object.entries(READ)) {
      const { step } = await open({ browser, account, secret: () => PASSWORD })
      expect.soft([what, step]).toEqual([what, 'login'])
    }
    expect(await silently(ent, browser)).toBe('login_required')
    await enter(ent, browser, account.identifier)
    expect(browser.view.step).toBe('login')
    key.wait()
    await enter(ent, browser, account.identifier, { password: key.passcode() })
    expect(browser.view.step).toBe('change_password')
    await change(browser)
    expect((await ent.finish(browser)).claims.sub).toBe(account.sub)
  })
})

describe('two sign-ins with one temporary password', () => {
  it('both reach the change, one saves, the other returns to the login page', async () => {
    const account = await somebody({ passwordOrigin: 'temporary' })
    const browsers = [school.browser(), school.browser()]
    const typed = ['Nuage-Boussole-31', 'Corbeau-Lanterne-58']
    for (const browser of browsers) {
      await enter(ent, browser, account.identifier)
      expect(browser.view.step).toBe('change_password')
    }
    school.later(MINUTE_MS)
    await Promise.all(
      browsers.map((browser, index) => {
        const password = typed[index] ?? ''
        return browser.submit({ new_password: password, confirm_password: password })
      }),
    )
    expect(browsers.map(({ view }) => view.step).sort()).toEqual(['callback', 'login'])
    const winner = browsers.findIndex(({ view }) => view.step === 'callback')
    const password = typed[winner] ?? ''
    expect(
      (await acts(school, account.sub)).filter((act) => act === 'password_changed'),
    ).toHaveLength(1)
    // Whoever came too late is told, and goes on with the password that now is.
    const loser = browsers[1 - winner] as Browser
    expect((await notes.start(loser)).step).toBe('login')
    await loser.submit({ identifier: account.identifier, password: typed[1 - winner] ?? '' })
    expect(loser.view.step).toBe('login')
    await loser.submit({ identifier: account.identifier, password })
    expect(loser.view.step).toBe('callback')
    const card = school.browser()
    await enter(ent, card, account.identifier)
    expect(card.view.step).toBe('login')
  })
})
