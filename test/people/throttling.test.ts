import { StatementSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { disable } from '../../accounts/administer.ts'
import { NETWORK_FAILURES_MAX, NETWORK_PACE_MS } from '../../policies/lockout.ts'
import type { Browser, View } from '../support/browser.ts'
import { handOut } from '../support/handed_out.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  PASSWORD,
  type School,
  startSchool,
} from '../support/school.ts'
import { enter, errorsOf, isSentBack, postByHand, reopen } from './acts.ts'

const WRONG = 'Wrong-Wrong-99'
const AT_SCHOOL = '198.51.100.7'
const AT_HOME = '203.0.113.9'
const SPRAYED = '198.18.7.7'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool({}, { seals: false })
  application = await school.application()
})
afterAll(() => school.stop())

const open = async (browser: Browser): Promise<Browser> => {
  await application.start(browser)
  expect(browser.view.step).toBe('login')
  return browser
}

/** A browser at the login page, at some address. */
const at = (address: string): Promise<Browser> => open(school.browser({ address }))

const fail = async (browser: Browser, identifier: string, times: number): Promise<void> => {
  for (let time = 0; time < times; time += 1) {
    await browser.submit({ identifier, password: WRONG })
    expect(browser.view.step).toBe('login')
  }
}

const signsIn = async (
  browser: Browser,
  identifier: string,
  password = PASSWORD,
): Promise<boolean> => {
  await browser.submit({ identifier, password })
  return browser.view.step === 'callback'
}

const whyRefused = async (sub: string): Promise<unknown[]> => {
  const { audit } = school.gateway.core.deps.store
  const entries = await audit.list({ sub, act: 'login_refused' }, 1_000)
  return entries.map(({ detail }) => detail['why']).reverse()
}

/** One wrong password on as many people, from one network. */
const spray = async (address: string, people: number): Promise<void> => {
  const browser = await at(address)
  for (let done = 0; done < people; done += 20) {
    const answers = Array.from({ length: 20 }, (_, index) => {
      const fields = { identifier: `sprayed.${done + index}`, password: WRONG }
      return postByHand(browser, fields, { 'x-forwarded-for': address })
    })
    expect((await Promise.all(answers)).every(isSentBack)).toBe(true)
  }
}

const failuresFromManyNetworks = async (identifier: string, failures: number): Promise<void> => {
  const browser = await at(AT_HOME)
  for (let done = 0; done < failures; done += 1) {
    const address = `192.0.${Math.floor(done / 5)}.1`
    const fields = { identifier, password: WRONG }
    const answer = await postByHand(browser, fields, { 'x-forwarded-for': address })
    expect(isSentBack(answer)).toBe(true)
  }
}

describe('one answer, for the same work', () => {
  /** What differs between two sign-ins anyway. */
  const comparable = ({ text, url }: View, identifier: string): string =>
    text
      .replaceAll(url.pathname.split('/')[2] ?? '', 'UID')
      .replace(/name="csrf" value="[^"]*"/, 'CSRF')
      .replaceAll(identifier, 'IDENTIFIER')

  const answers = async () => {
    const { deps } = school.gateway.core
    const person = { protection: 'none' as const }
    await school.person({ identifier: 'same.wrong', ...person })
    await school.person({ identifier: 'same.delayed', ...person })
    await school.person({ identifier: 'same.locked', ...person })
    await school.person({ identifier: 'same.nopassword', password: null })
    await school.person({ identifier: 'same.sprayed', ...person })
    await school.person({ identifier: 'same.lapsed', passwordOrigin: 'temporary' })
    school.later(31 * DAY_MS)
    await school.person({ identifier: 'same.card', ...person })
    await handOut(school, { identifiers: ['same.card'] })
    const { sub } = await school.person({ identifier: 'same.disabled', ...person })
    await disable(deps, async () => {}, sub, 'cli:test')
    await fail(await at(AT_HOME), 'same.delayed', 5)
    await fail(await at(AT_HOME), 'same.unknown.delayed', 5)
    await failuresFromManyNetworks('same.locked', 100)
    await spray(SPRAYED, NETWORK_FAILURES_MAX)
    return [
      ['same.unknown', PASSWORD],
      ['same.wrong', WRONG],
      ['same.delayed', PASSWORD],
      ['same.delayed', WRONG],
      ['same.unknown.delayed', PASSWORD],
      ['same.locked', PASSWORD],
      ['same.nopassword', PASSWORD],
      ['same.lapsed', PASSWORD],
      ['same.card', PASSWORD],
      ['same.disabled', PASSWORD],
      ['same.sprayed', PASSWORD, SPRAYED],
      ['same.unknown.sprayed', PASSWORD, SPRAYED],
      ['same.sprayed', WRONG, SPRAYED, NETWORK_PACE_MS],
      ['same.sprayed', PASSWORD, SPRAYED],
      ['same.unknown.sprayed', PASSWORD, SPRAYED, NETWORK_PACE_MS],
      ['same.unknown.sprayed', PASSWORD, SPRAYED],
    ] as const
  }

  it('to unknown, wrong, delayed, locked, disabled, lapsed, with a card and without a password', async () => {
    const cases = await answers()
    const statements = [
      vi.spyOn(StatementSync.prototype, 'all'),
      vi.spyOn(StatementSync.prototype, 'run'),
    ]
    const work = () => ({
      hashes: school.gateway.core.hasher.stats().runs,
      statements: statements.reduce((sum, spy) => sum + spy.mock.calls.length, 0),
    })
    const seen: unknown[] = []
    for (const [identifier, password, address = AT_HOME, waitMs = 0] of cases) {
      const browser = await at(address)
      school.later(waitMs)
      const before = work()
      await browser.submit({ identifier, password })
      const after = work()
      seen.push({
        status: browser.view.status,
        page: comparable(browser.view, identifier),
        hashes: after.hashes - before.hashes,
        statements: after.statements - before.statements,
      })
    }
    for (const spy of statements) {
      spy.mockRestore()
    }
    const [first] = seen
    expect(first).toMatchObject({ status: 200, hashes: 1 })
    expect(first).toMatchObject({ page: expect.stringContaining('wait a few minutes') })
    for (const [index, one] of seen.entries()) {
      expect(one, cases[index]?.join(' ')).toEqual(first)
    }
  })
})

describe('from a browser that is known, but to others', () => {
  it('unknown and wrong are the same work too', async () => {
    await school.person({ identifier: 'k.known', protection: 'none' })
    await school.person({ identifier: 'k.wrong', protection: 'none' })
    const known = await at(AT_HOME)
    expect(await signsIn(known, 'k.known')).toBe(true)
    const seen: number[] = []
    for (const identifier of ['k.nobody', 'k.wrong']) {
      await reopen(known)
      await open(known)
      const spies = [
        vi.spyOn(StatementSync.prototype, 'all'),
        vi.spyOn(StatementSync.prototype, 'run'),
        vi.spyOn(StatementSync.prototype, 'get'),
      ]
      await known.submit({ identifier, password: WRONG })
      seen.push(spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0))
      for (const spy of spies) {
        spy.mockRestore()
      }
      expect(known.view.step).toBe('login')
    }
    expect(seen[0]).toBeGreaterThan(5)
    expect(seen[1]).toBe(seen[0])
  })
})

describe('after five failures', () => {
  it('one must wait, and the right password waits too, for the same answer', async () => {
    const { sub } = await school.person({ identifier: 'w.five', protection: 'none' })
    const browser = await at(AT_HOME)
    await fail(browser, 'w.five', 4)
    school.later(MINUTE_MS)
    await fail(browser, 'w.five', 1)
    expect(await signsIn(browser, 'w.five')).toBe(false)
    expect(errorsOf(browser.view)).toEqual([
      'We could not sign you in. Check your identifier and your password or passcode. After several tries, wait a few minutes, or ask your school.',
    ])
    school.later(MINUTE_MS)
    expect(await signsIn(browser, 'w.five')).toBe(false)
    school.later(2_000)
    expect(await signsIn(browser, 'w.five')).toBe(true)
    expect(await whyRefused(sub)).toEqual([
      ...Array.from({ length: 5 }, () => 'wrong_password'),
      'delayed',
      'delayed',
    ])
  })

  it('the wait doubles with each further failure, up to two hours', async () => {
    await school.person({ identifier: 'w.growing', protection: 'none' })
    await fail(await at(AT_HOME), 'w.growing', 5)
    for (const minutes of [1, 2, 4, 8, 16, 32, 65, 120, 120]) {
      school.later(minutes * MINUTE_MS - 2_000)
      expect(await signsIn(await at(AT_HOME), 'w.growing'), `${minutes} min`).toBe(false)
      school.later(minutes * 1_100 + 2_000)
      await fail(await at(AT_HOME), 'w.growing', 1)
    }
    school.later(2 * HOUR_MS)
    expect(await signsIn(await at(AT_HOME), 'w.growing')).toBe(true)
  })

  it('tries during the wait do not prolong it', async () => {
    await school.person({ identifier: 'w.knocking', protection: 'none' })
    const browser = await at(AT_HOME)
    await fail(browser, 'w.knocking', 5)
    for (let knock = 0; knock < 10; knock += 1) {
      school.later(6_000)
      await fail(browser, 'w.knocking', 1)
    }
    school.later(1_001)
    expect(await signsIn(browser, 'w.knocking')).toBe(true)
  })

  it('a success clears them', async () => {
    await school.person({ identifier: 'w.cleared', protection: 'none' })
    const browser = await at(AT_HOME)
    await fail(browser, 'w.cleared', 4)
    expect(await signsIn(browser, 'w.cleared')).toBe(true)
    await reopen(browser)
    await open(browser)
    await fail(browser, 'w.cleared', 4)
    expect(await signsIn(browser, 'w.cleared')).toBe(true)
  })

  it('also when thirty arrive in parallel: no more are tried than one after another', async () => {
    const { sub } = await school.person({ identifier: 'w.parallel', protection: 'none' })
    const browser = await at(AT_HOME)
    const fields = { identifier: 'w.parallel', password: WRONG }
    const tries = await Promise.all(Array.from({ length: 30 }, () => postByHand(browser, fields)))
    expect(tries.every(isSentBack)).toBe(true)
    const why = await whyRefused(sub)
    expect(why.filter((each) => each === 'wrong_password')).toHaveLength(5)
    expect(why.filter((each) => each === 'delayed')).toHaveLength(25)
  })

  it('across a restart', async () => {
    await school.person({ identifier: 'w.restart', protection: 'none' })
    await fail(await at(AT_HOME), 'w.restart', 5)
    await school.restart()
    expect(await signsIn(await at(AT_HOME), 'w.restart')).toBe(false)
  })

  it('whatever the spelling of the identifier', async () => {
    await school.person({ identifier: 'w.spelling', protection: 'none' })
    const browser = await at(AT_HOME)
    for (const spelling of [
      'w.spelling',
      'W.Spelling',
      ' w.SPELLING ',
      'ｗ.spelling',
      'W.spelling',
    ]) {
      await fail(browser, spelling, 1)
    }
    expect(await signsIn(browser, 'w.spelling')).toBe(false)
  })
})

describe('the failures of a classmate', () => {
  it('elsewhere do not shut a pupil out', async () => {
    await school.person({ identifier: 'p.elsewhere', userType: 'student', protection: 'none' })
    await fail(await at(AT_SCHOOL), 'p.elsewhere', 8)
    expect(await signsIn(await at(AT_HOME), 'p.elsewhere')).toBe(true)
    expect(await signsIn(await at(AT_SCHOOL), 'p.elsewhere')).toBe(false)
  })

  it('on the same network do not shut out the browser that the pupil has used before', async () => {
    await school.person({ identifier: 'p.same', userType: 'student', protection: 'none' })
    const own = await at(AT_SCHOOL)
    expect(await signsIn(own, 'p.same')).toBe(true)
    await fail(await at('198.51.100.200'), 'p.same', 8)
    await reopen(own)
    expect(await signsIn(await open(own), 'p.same')).toBe(true)
    expect(await signsIn(await at('198.51.100.201'), 'p.same')).toBe(false)
  })

  it('do not shut out anybody else', async () => {
    await school.person({ identifier: 'p.victim', userType: 'student', protection: 'none' })
    await school.person({ identifier: 'p.neighbour', userType: 'student', protection: 'none' })
    await fail(await at(AT_SCHOOL), 'p.victim', 8)
    expect(await signsIn(await at(AT_SCHOOL), 'p.neighbour')).toBe(true)
  })
})

describe('a hundred failures from many networks', () => {
  it('close the account to new places for a day, while known ones go on', async () => {
    const { sub } = await school.person({ identifier: 'h.many', protection: 'none' })
    const known = await at(AT_HOME)
    expect(await signsIn(known, 'h.many')).toBe(true)
    await failuresFromManyNetworks('h.many', 100)
    expect(await signsIn(await at(AT_SCHOOL), 'h.many')).toBe(false)
    expect((await whyRefused(sub)).at(-1)).toBe('account_refused')
    // The network where the person signed in before, and the browser wherever it is.
    expect(await signsIn(await at(AT_HOME), 'h.many')).toBe(true)
    await reopen(known)
    const travelling = school.browser({ jar: known.jar, address: AT_SCHOOL })
    expect(await signsIn(await open(travelling), 'h.many')).toBe(true)
    expect(await signsIn(await at('198.18.0.1'), 'h.many')).toBe(false)
    school.later(DAY_MS + 1)
    expect(await signsIn(await at('198.18.0.1'), 'h.many')).toBe(true)
  })
})

describe('one password tried on everybody from one network', () => {
  it('is soon tried slowly, while those who signed in there before go on', async () => {
    const { sub } = await school.person({ identifier: 's.new', protection: 'none' })
    await school.person({ identifier: 's.known', protection: 'none' })
    await school.person({ identifier: 's.browser', protection: 'none' })
    const address = '198.18.9.9'
    expect(await signsIn(await at(address), 's.known')).toBe(true)
    const own = await at(AT_HOME)
    expect(await signsIn(own, 's.browser')).toBe(true)
    await reopen(own)
    await spray(address, NETWORK_FAILURES_MAX)
    expect(await signsIn(await at(address), 's.new')).toBe(false)
    expect(await whyRefused(sub)).toEqual(['network_refused'])
    expect(await signsIn(await at(address), 's.known')).toBe(true)
    expect(await signsIn(await open(school.browser({ jar: own.jar, address })), 's.browser')).toBe(
      true,
    )
    expect(await signsIn(await at(AT_SCHOOL), 's.new')).toBe(true)
    school.later(HOUR_MS)
    for (const identifier of ['s.later', 's.later.too']) {
      await school.person({ identifier, protection: 'none' })
      await fail(await at(address), identifier, 1)
      expect(await signsIn(await at(address), identifier)).toBe(true)
    }
  })

  it('does not shut out who signs in there for the first time: two seconds later they are in', async () => {
    const pupil = { userType: 'student', passwordOrigin: 'temporary' } as const
    await school.person({ identifier: 's.first', ...pupil })
    const { sub } = await school.person({ identifier: 's.second', ...pupil })
    const address = '198.18.10.10'
    await spray(address, NETWORK_FAILURES_MAX)
    const first = await at('198.18.10.20')
    await first.submit({ identifier: 's.first', password: PASSWORD })
    expect(first.view.step).toBe('login')
    school.later(NETWORK_PACE_MS - 1)
    await first.submit({ identifier: 's.first', password: PASSWORD })
    expect(first.view.step).toBe('login')
    school.later(1)
    await first.submit({ identifier: 's.first', password: PASSWORD })
    expect(first.view.step).toBe('change_password')
    // One wrong guess takes the turn of everybody new there, for two seconds.
    await fail(await at(address), 's.stranger', 1)
    const second = await at('198.18.10.30')
    await second.submit({ identifier: 's.second', password: PASSWORD })
    expect(await whyRefused(sub)).toEqual(['network_refused'])
    school.later(NETWORK_PACE_MS)
    await second.submit({ identifier: 's.second', password: PASSWORD })
    expect(second.view.step).toBe('change_password')
  })
})

describe('when too many are signing in at once', () => {
  it('some are asked to come back, which counts as no failure', async () => {
    const crowded = await startSchool({
      hashing: {
        memory_kib: 65_536,
        iterations: 2,
        concurrency: 1,
        queue_max: 1,
        insecure_for_tests: true,
      },
    })
    try {
      const { sub } = await crowded.person({ identifier: 'q.full', protection: 'none' })
      const ent = await crowded.application()
      const browser = crowded.browser()
      await ent.start(browser)
      const fields = { identifier: 'q.full', password: WRONG }
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => postByHand(browser, fields)),
      )
      const busy = answers.filter(({ status }) => status === 503)
      expect(busy.length).toBeGreaterThan(5)
      for (const answer of busy) {
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
        const text = await answer.text()
        expect(text).toContain('data-step="error"')
        expect(text).toContain('Many people are signing in')
      }
      const { audit } = crowded.gateway.core.deps.store
      const refused = await audit.list({ sub, act: 'login_refused' }, 100)
      expect(refused).toHaveLength(answers.length - busy.length)
      const again = crowded.browser()
      expect((await enter(ent, again, 'q.full')).step).toBe('callback')
    } finally {
      await crowded.stop()
      vi.useFakeTimers({ toFake: ['Date'] }) // The other school's clock goes on.
    }
  })
})
