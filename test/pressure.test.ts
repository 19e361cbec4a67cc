import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Browser, createBrowser } from './support/browser.ts'
import type { RelyingParty } from './support/relying_party.ts'
import { PASSWORD, PIN, type School, startSchool } from './support/school.ts'

const JUNK = 300
const QUEUE = 8

interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  readonly text: string
}

describe('while strangers flood the gateway with sign-ins', () => {
  let school: School
  let application: RelyingParty
  beforeAll(async () => {
    school = await startSchool({
      hashing: {
        memory_kib: 8192,
        iterations: 1,
        concurrency: 1,
        queue_max: QUEUE,
        insecure_for_tests: true,
      },
    })
    application = await school.application()
  })
  afterAll(() => school.stop())

  /** A person's own browser, recognised, and signed out again. */
  const knownBrowser = async (identifier: string): Promise<Browser> => {
    await school.person({ identifier, pin: PIN })
    const browser = school.browser({ address: '192.0.2.1' })
    await application.start(browser)
    await browser.submit({ identifier, password: PASSWORD })
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    expect(browser.view.step).toBe('callback')
    await browser.forget('vestibule_session')
    return browser
  }

  /** One page of the login is enough for any number of tries. */
  const flood = async (address: (nth: number) => string): Promise<Promise<Answer>[]> => {
    const stranger = school.browser({ address: '203.0.113.1' })
    await application.start(stranger)
    const form = stranger.view.html.querySelector('main form')
    const csrf = form?.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    const action = form?.getAttribute('action') ?? ''
    return Array.from({ length: JUNK }, async (_, nth) => {
      const one = createBrowser(school.issuer, { address: address(nth), jar: stranger.jar })
      const fields = { csrf, identifier: `nobody.${nth}`, password: `wrong ${nth}` }
      const { status, headers, text } = await one.post(action, fields)
      return { status, retryAfter: headers.get('retry-after'), text }
    })
  }

  const expectTurnedAway = (answers: readonly Answer[]): void => {
    const busy = answers.filter(({ status }) => status === 503)
    const refused = answers.filter(({ status }) => status === 200)
    expect(busy.length + refused.length).toBe(JUNK)
    expect(busy.length).toBeGreaterThan(0)
    expect(busy.map(({ retryAfter }) => Number(retryAfter)).every((after) => after >= 1)).toBe(true)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ text }) => text.includes('data-step="login"'))).toBe(true)
  }

  it.each<[from: string, person: string, address: (nth: number) => string]>([
    ['many networks', 'anne', (nth) => `10.${nth % 250}.${Math.floor(nth / 250)}.7`],
    ['one network', 'bruno', () => '198.51.100.7'],
  ])(
    'from %s, a person on a known browser gets in at the first try',
    async (_, person, address) => {
      const browser = await knownBrowser(person)
      await application.start(browser)
      const junk = await flood(address)
      const answers = Promise.all(junk)
      await browser.submit({ identifier: person, password: PASSWORD })
      expect(browser.view.step).toBe('callback')
      expect((await application.finish(browser)).claims['acr']).toBe('urn:vestibule:acr:password')
      expectTurnedAway(await answers)
    },
  )

  it('with cookies that one pupil collected, a person on a known browser gets in at the first try', async () => {
    const browser = await knownBrowser('david')
    await school.person({ identifier: 'pupil', userType: 'student', protection: 'none' })
    const jars: Browser[] = []
    for (let nth = 0; nth < 3 * QUEUE; nth += 1) {
      const one = school.browser({ address: '203.0.113.1' })
      await application.start(one)
      await one.submit({ identifier: 'pupil', password: PASSWORD })
      expect(one.view.step).toBe('callback')
      await one.forget('vestibule_session')
      await application.start(one)
      jars.push(one)
    }
    await application.start(browser)
    const answers = Promise.all(
      Array.from({ length: JUNK }, (_, nth) => {
        const one = jars[nth % jars.length] as Browser
        const form = one.view.html.querySelector('main form')
        const csrf = form?.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
        const fields = { csrf, identifier: `nobody.${nth}`, password: `wrong ${nth}` }
        const tab = createBrowser(school.issuer, { address: '203.0.113.1', jar: one.jar })
        return tab.post(form?.getAttribute('action') ?? '', fields)
      }),
    )
    await browser.submit({ identifier: 'david', password: PASSWORD })
    expect(browser.view.step).toBe('callback')
    const statuses = (await answers).map(({ status }) => status)
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0)
  })

  it('who is told to come back was not counted, and nothing was written for them', async () => {
    const { audit } = school.gateway.core.deps.store
    const refusals = async () => (await audit.list({ act: 'login_refused' }, 100_000)).length
    const hashes = () => school.gateway.core.hasher.stats().runs
    const before = { refusals: await refusals(), hashes: hashes() }
    const answers = await Promise.all(await flood((nth) => `10.${nth % 250}.9.7`))
    expectTurnedAway(answers)
    const refused = answers.filter(({ status }) => status === 200).length
    expect(await refusals()).toBe(before.refusals + refused)
    expect(hashes()).toBe(before.hashes + refused)
  })

  it('from one network, another network still finds room', async () => {
    await school.person({ identifier: 'chloe' })
    const home = school.browser({ address: '192.0.2.200' })
    await application.start(home)
    const answers = Promise.all(await flood(() => '198.51.100.7'))
    await home.submit({ identifier: 'chloe', password: PASSWORD })
    expect(home.view.step).toBe('define_pin')
    expectTurnedAway(await answers)
  })
})
