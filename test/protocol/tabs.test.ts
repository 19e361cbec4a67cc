import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { HOUR_MS, MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { ACR_PASSWORD, ACR_PIN, answer, application, ENT, signIn, silently } from './steps.ts'

/**
 * A store that answers as late as one on another machine would: without it requests that come at
 * once are in truth answered one after the other.
 */
const slowDown = (school: School): void => {
  const { accounts } = school.gateway.core.deps.store
  const bySub = accounts.bySub.bind(accounts)
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  Object.assign(accounts, {
    bySub: async (sub: string) => {
      for (let turns = 0; turns < 10; turns += 1) {
        await turn()
      }
      return bySub(sub)
    },
  })
}

const APPLICATIONS = ['notes', 'agenda', 'canteen', 'library']

describe('a person with several tabs', () => {
  let school: School
  let ent: RelyingParty
  beforeAll(async () => {
    school = await startSchool({
      applications: [ENT, ...APPLICATIONS.map((id) => application(id)), application('marks')],
    })
    ent = await school.application()
    slowDown(school)
  })
  afterAll(() => school.stop())

  /** Another tab: the same cookies, a page of its own. */
  const tabOf = (browser: Browser): Browser => school.browser({ jar: browser.jar })

  const cookies = async (browser: Browser): Promise<string[]> =>
    (await browser.jar.getCookies(school.issuer)).map(({ key, value }) => `${key}=${value}`)

  it('signs in in both, one after the other, and is asked for the PIN once', async () => {
    const who = await school.person({ pin: PIN })
    const first = school.browser()
    const second = tabOf(first)
    await ent.start(first)
    await ent.start(second)
    await first.submit({ identifier: who.identifier, password: PASSWORD })
    await first.submit({ pin: PIN })
    expect((await ent.finish(first)).claims['acr']).toBe(ACR_PIN)
    await second.submit({ identifier: who.identifier, password: PASSWORD })
    expect((await ent.finish(second)).claims).toMatchObject({ sub: who.sub, acr: ACR_PIN })
    expect(await silently(ent, first)).toBeNull()
  })

  it('signs in in both at the same time, and both get in', async () => {
    const who = await school.person({ protection: 'none' })
    const first = school.browser()
    const second = tabOf(first)
    await Promise.all([ent.start(first), ent.start(second)])
    const typed = { identifier: who.identifier, password: PASSWORD }
    await Promise.all([first.submit(typed), second.submit(typed)])
    const both = await Promise.all([ent.finish(first), ent.finish(second)])
    expect(both.map(({ claims }) => claims.sub)).toEqual([who.sub, who.sub])
    expect(await silently(ent, first)).toBeNull()
  })

  it('does each step in the tab where it was asked, while another waits for its PIN', async () => {
    const who = await school.person({ pin: PIN })
    const first = school.browser()
    const second = tabOf(first)
    await ent.start(first)
    await first.submit({ identifier: who.identifier, password: PASSWORD })
    await ent.start(second)
    expect([first.view.step, second.view.step]).toEqual(['pin', 'pin'])
    await second.submit({ pin: PIN })
    expect((await ent.finish(second)).claims['acr']).toBe(ACR_PIN)
    await first.submit({ pin: PIN })
    expect((await ent.finish(first)).claims['acr']).toBe(ACR_PIN)
  })

  it('goes straight on in a waiting tab once the PIN was given in another', async () => {
    const who = await school.person({ pin: PIN })
    const first = school.browser()
    const second = tabOf(first)
    await ent.start(first)
    await first.submit({ identifier: who.identifier, password: PASSWORD })
    await ent.start(second)
    await second.submit({ pin: PIN })
    await first.open(first.view.url)
    expect((await ent.finish(first)).claims['acr']).toBe(ACR_PIN)
  })

  it('loses no exchange when the portal opens four applications at once, twenty times', async () => {
    const who = await school.person({ protection: 'none' })
    const parties = await Promise.all(APPLICATIONS.map((id) => school.application(id)))
    for (let round = 0; round < 20; round += 1) {
      const browser = school.browser()
      await signIn(ent, browser, who.identifier)
      const tabs = await Promise.all(
        parties.map(async (party) => {
          const tab = tabOf(browser)
          return { party, tab, url: await party.request(tab) }
        }),
      )
      await Promise.all(tabs.map(({ tab, url }) => tab.open(url)))
      const subs = await Promise.all(
        tabs.map(async ({ party, tab }) => {
          const tokens = await party.finish(tab)
          await party.userinfo(tokens)
          await party.refresh(tokens)
          return tokens.claims.sub
        }),
      )
      expect(subs).toEqual(APPLICATIONS.map(() => who.sub))
    }
  })

  it('opens four applications at once while a step-up is under way, and all work', async () => {
    const who = await school.person({ pin: PIN })
    const browser = school.browser()
    await ent.start(browser)
    await browser.submit({ identifier: who.identifier, password: PASSWORD })
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 12' })
    const parties = await Promise.all(APPLICATIONS.map((id) => school.application(id)))
    for (let round = 0; round < 5; round += 1) {
      await browser.forget('vestibule_session')
      await ent.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PASSWORD)
      await ent.start(browser, { acr_values: ACR_PIN })
      const stepUp = browser.submit({ pin: PIN })
      const tabs = await Promise.all(
        parties.map(async (party) => {
          const tab = tabOf(browser)
          await party.start(tab, { prompt: 'none' })
          return [party, tab] as const
        }),
      )
      await stepUp
      expect((await ent.finish(browser)).claims['acr']).toBe(ACR_PIN)
      for (const [party, tab] of tabs) {
        // One that came with the old cookie may be told to ask again, but signs nobody out.
        if (tab.view.url.searchParams.has('code')) {
          expect((await party.finish(tab)).claims.sub).toBe(who.sub)
        }
      }
      expect(await silently(ent, browser, { acr_values: ACR_PIN })).toBeNull()
    }
  })

  it('is not signed out by a request that was still on its way with the old cookie', async () => {
    const who = await school.person({ pin: PIN })
    const browser = school.browser()
    await signIn(ent, browser, who.identifier)
    const late = await browser.copy()
    await ent.start(browser, { prompt: 'login' })
    await answer(browser, who.identifier)
    await ent.finish(browser)
    school.later(2 * MINUTE_MS)
    const before = await cookies(late)
    await ent.start(late)
    expect(late.view.step).toBe('login')
    const session = (all: string[]) => all.filter((one) => one.includes('session'))
    expect(session(await cookies(late))).toEqual(session(before))
    expect(await silently(ent, browser)).toBeNull()
  })

  describe('and the back button', () => {
    it('is told that the sign-in is over, with a way on, and stays signed in', async () => {
      const who = await school.person({ protection: 'none' })
      const browser = school.browser()
      await ent.start(browser)
      const page = browser.view.url
      const form = browser.view.html.querySelector('main form')
      const csrf = form?.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
      await answer(browser, who.identifier)
      await ent.finish(browser)
      await browser.open(page)
      expect(browser.view).toMatchObject({ step: 'error', status: 409 })
      const again = { identifier: who.identifier, password: PASSWORD, csrf }
      await browser.post(form?.getAttribute('action') ?? '', again)
      expect(browser.view).toMatchObject({ step: 'error', status: 409 })
      await browser.open(
        browser.view.html.querySelector('main a.button')?.getAttribute('href') ?? '',
      )
      expect(browser.view).toMatchObject({ step: 'portal', status: 200 })
    })

    it('is led on from the password page to the PIN that is due', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser)
      const page = browser.view.url
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('pin')
      await browser.open(page)
      expect(browser.view.step).toBe('error')
      expect(browser.view.status).toBeLessThan(500)
      await ent.start(browser)
      expect(browser.view.step).toBe('pin')
    })
  })

  describe('and a double click', () => {
    it('on the password ends signed in or on a page that says so, never signed out', async () => {
      const who = await school.person({ protection: 'none' })
      const browser = school.browser()
      await ent.start(browser)
      const action = browser.view.html.querySelector('main form')?.getAttribute('action') ?? ''
      const csrf =
        browser.view.html.querySelector('main form [name=csrf]')?.getAttribute('value') ?? ''
      const typed = { identifier: who.identifier, password: PASSWORD, csrf }
      const tabs = [tabOf(browser), tabOf(browser), tabOf(browser)]
      await Promise.all(tabs.map((tab) => tab.post(action, typed)))
      const steps = tabs.map(({ view }) => view.step)
      expect(steps).toContain('callback')
      for (const { view } of tabs) {
        expect(['callback', 'error']).toContain(view.step)
        expect(view.status).toBeLessThan(500)
      }
      expect(await silently(ent, browser)).toBeNull()
    })

    it('on the PIN counts one try', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      const form = browser.view.html.querySelector('main form')
      const csrf = form?.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
      const tabs = [tabOf(browser), tabOf(browser)]
      await Promise.all(
        tabs.map((tab) => tab.post(form?.getAttribute('action') ?? '', { csrf, pin: PIN })),
      )
      expect(await silently(ent, browser)).toBeNull()
    })
  })

  describe('who waits too long, or comes from elsewhere', () => {
    it('is told that the page is too old, with a way to start again', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser)
      school.later(20 * MINUTE_MS)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect(browser.view).toMatchObject({ step: 'error', status: 400 })
      expect(browser.view.html.querySelector('main a.button')?.getAttribute('href')).toBe('/')
    })

    it('cannot go on with a sign-in that another browser began', async () => {
      const mine = school.browser()
      await ent.start(mine)
      const theirs = school.browser()
      await signIn(ent, theirs, (await school.person({ protection: 'none' })).identifier)
      await theirs.open(mine.view.url)
      expect(theirs.view).toMatchObject({ step: 'error', status: 403 })
      const form = mine.view.html.querySelector('main form')
      const csrf = form?.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
      const who = await school.person({ protection: 'none' })
      await theirs.post(form?.getAttribute('action') ?? '', {
        csrf,
        identifier: who.identifier,
        password: PASSWORD,
      })
      expect(theirs.view).toMatchObject({ step: 'error', status: 403 })
      await ent.start(theirs)
      const { claims } = await ent.finish(theirs)
      expect(claims.sub).not.toBe(who.sub)
      // Mine goes on.
      await answer(mine, who.identifier)
      expect((await ent.finish(mine)).claims.sub).toBe(who.sub)
    })

    it('cannot finish a sign-in on the address where another browser returns', async () => {
      const who = await school.person({ protection: 'none' })
      const mine = school.browser()
      await ent.start(mine)
      const uid = mine.view.url.pathname.split('/').at(-1)
      const theirs = school.browser()
      await theirs.open(`/auth/${uid}`)
      expect(theirs.view).toMatchObject({ step: 'error', status: 400 })
      await answer(mine, who.identifier)
      expect(mine.view.step).toBe('callback')
    })

    it('is told so where cookies are blocked, without a loop', async () => {
      const browser = school.browser({ cookies: false })
      await ent.start(browser)
      expect(browser.view).toMatchObject({ step: 'error', status: 400 })
      expect(browser.view.html.querySelector('a[href="/help/cookies"]')).not.toBeNull()
      await browser.open('/')
      expect(browser.view).toMatchObject({ step: 'error', status: 400 })
    })

    it('leaves no cookie of a finished sign-in behind', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await signIn(ent, browser, who.identifier)
      const { cookies: all } = (await browser.jar.serialize()) as {
        cookies: { key: string; expires?: string }[]
      }
      const names = all
        .filter(({ expires }) => expires === undefined || Date.parse(expires) > Date.now())
        .map(({ key }) => key)
      expect(names.sort()).toEqual([
        'vestibule_device',
        'vestibule_session',
        'vestibule_session.sig',
      ])
    })
  })

  describe('when somebody else signs in on the same browser', () => {
    /** The session of the other person ends first, by a page that sends itself where scripts run. */
    const confirmSwitch = async (browser: Browser): Promise<void> => {
      expect(browser.view).toMatchObject({ step: 'continue', status: 200 })
      expect(browser.view.text).toContain('Another account was signed in on this browser')
      await browser.submit({ logout: 'yes' })
    }

    it('they are asked for their own PIN, and inherit nothing', async () => {
      const [anne, bruno] = [
        await school.person({ pin: PIN }),
        await school.person({ pin: '5928' }),
      ]
      const browser = school.browser()
      const held = await signIn(ent, browser, anne.identifier)
      await ent.start(browser, { prompt: 'login' })
      await browser.submit({ identifier: bruno.identifier, password: PASSWORD })
      await confirmSwitch(browser)
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: '5928' })
      expect((await ent.finish(browser)).claims).toMatchObject({ sub: bruno.sub, acr: ACR_PIN })
      // What the other held is over.
      await expect(ent.userinfo(held)).rejects.toThrow()
      // And back again.
      await ent.start(browser, { prompt: 'login' })
      await browser.submit({ identifier: anne.identifier, password: PASSWORD })
      await confirmSwitch(browser)
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect((await ent.finish(browser)).claims).toMatchObject({ sub: anne.sub, acr: ACR_PIN })
    })

    it('a PIN page left open by the first is worth nothing in the session of the second', async () => {
      const [anne, bruno] = [
        await school.person({ pin: PIN }),
        await school.person({ pin: '5928' }),
      ]
      const annes = school.browser()
      await ent.start(annes)
      const brunos = tabOf(annes)
      await ent.start(brunos)
      await annes.submit({ identifier: anne.identifier, password: PASSWORD })
      expect(annes.view.step).toBe('pin')
      await brunos.submit({ identifier: bruno.identifier, password: PASSWORD })
      await confirmSwitch(brunos)
      expect(brunos.view.step).toBe('pin')
      await annes.submit({ pin: PIN })
      expect(annes.view.step).toBe('error')
      expect(annes.view.status).toBeLessThan(500)
      expect(await silently(ent, annes)).toBe('login_required')
      await brunos.submit({ pin: '5928' })
      expect((await ent.finish(brunos)).claims).toMatchObject({ sub: bruno.sub, acr: ACR_PIN })
    })

    it('a page left open by the first is over once their very session is the second’s', async () => {
      const [anne, bruno] = [await school.person({}), await school.person({})]
      const browser = school.browser()
      await ent.start(browser)
      await browser.submit({ identifier: anne.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('define_pin')
      const { op } = school.gateway.core.opened
      const [session] = await op.listSessions(anne.sub)
      const factors = { sub: bruno.sub, proofs: { password: Date.now() } }
      await op
        .Adapter('Session')
        .upsert(session?.jti ?? '', { ...session, accountId: bruno.sub, factors } as never, 600)
      await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
      expect(browser.view).toMatchObject({ step: 'error', status: 400 })
      expect((await school.account(anne.identifier)).pin).toBeNull()
    })

    it('a PIN that the first gave earlier in this very request is not the second’s', async () => {
      const anne = await school.person({ pin: PIN, mustChange: true })
      const bruno = await school.person({ pin: '5928' })
      const browser = school.browser()
      await ent.start(browser)
      await answer(browser, anne.identifier)
      expect(browser.view.step).toBe('change_password')
      school.later(1000)
      await school.gateway.core.deps.store.accounts.voidBefore(anne.sub, Date.now())
      await browser.open(browser.view.url)
      expect(browser.view.step).toBe('login')
      await browser.submit({ identifier: bruno.identifier, password: PASSWORD })
      await confirmSwitch(browser)
      expect(browser.view.step).toBe('pin')
    })

    it('two people who log in in two tabs: the later one holds the browser, alone', async () => {
      const anne = await school.person({ protection: 'none' })
      const bruno = await school.person({ pin: PIN })
      const first = school.browser()
      const second = tabOf(first)
      await ent.start(first)
      await ent.start(second)
      await answer(first, anne.identifier)
      const annes = await ent.finish(first)
      await second.submit({ identifier: bruno.identifier, password: PASSWORD })
      await confirmSwitch(second)
      expect(second.view.step).toBe('pin')
      await second.submit({ pin: PIN })
      expect((await ent.finish(second)).claims.sub).toBe(bruno.sub)
      await expect(ent.userinfo(annes)).rejects.toThrow()
      await ent.start(first)
      expect((await ent.finish(first)).claims.sub).toBe(bruno.sub)
    })

    it('an application that hints at one of them does not get the other', async () => {
      const [anne, bruno] = [
        await school.person({ protection: 'none' }),
        await school.person({ protection: 'none' }),
      ]
      const browser = school.browser()
      const { response } = await signIn(ent, browser, anne.identifier)
      const other = school.browser()
      await signIn(ent, other, bruno.identifier)
      const id_token_hint = response.id_token ?? ''
      expect(await silently(ent, other, { id_token_hint })).toBe('login_required')
      expect(await silently(ent, browser, { id_token_hint })).toBeNull()
    })
  })

  describe('half way through a sign-in', () => {
    it('nothing is open: no application, no portal, no page of ours', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('pin')
      const marks = await school.application('marks')
      expect(await silently(ent, browser)).toBe('login_required')
      expect(await silently(marks, browser)).toBe('login_required')
      expect(await silently(marks, browser, { acr_values: ACR_PASSWORD })).toBe('login_required')
      await browser.open('/')
      expect(browser.view.step).toBe('pin')
      await browser.open('/portal/signed-in?code=x')
      expect(browser.view.step).toBe('error')
    })

    it('the half-open session is short', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      school.later(16 * MINUTE_MS)
      await ent.start(browser)
      expect(browser.view.step).toBe('login')
    })

    it('its end is fixed, whatever is opened meanwhile', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await ent.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      school.later(8 * MINUTE_MS)
      await ent.start(browser)
      expect(browser.view.step).toBe('pin')
      school.later(6 * MINUTE_MS)
      await browser.open('/')
      expect(browser.view.step).toBe('pin')
      school.later(MINUTE_MS - 1000)
      await ent.start(browser)
      expect(browser.view.step).toBe('pin')
      school.later(1000)
      await browser.open(browser.view.url)
      expect(browser.view.step).toBe('login')
    })

    it('a step-up that is never finished leaves the running session as it was', async () => {
      const who = await school.person({ pin: PIN })
      const browser = school.browser()
      await signIn(ent, browser, who.identifier)
      await browser.forget('vestibule_session')
      await ent.start(browser)
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 12' })
      await ent.finish(browser)
      school.later(MINUTE_MS)
      await ent.start(browser, { prompt: 'login', acr_values: ACR_PIN })
      await browser.submit({ identifier: who.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('pin')
      school.later(HOUR_MS)
      const marks = await school.application('marks')
      expect(await silently(marks, browser)).toBeNull()
      await browser.open('/')
      expect(browser.view.step).toBe('portal')
    })
  })
})
