import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forceChange } from '../../accounts/force_change.ts'
import { secureAccount } from '../../accounts/secure_account.ts'
import { type Card, generatePasswords, takeBack } from '../../accounts/temporary_passwords.ts'
import { application as settingsOf, silently } from '../protocol/steps.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  DAY_MS,
  MINUTE_MS,
  PASSWORD,
  type PersonWishes,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'
import { acts, devicesOf, enter, errorsOf, noticesOf, reopen } from './acts.ts'

const NEXT = 'Nuage-Boussole-31'
const REFUSED = /We could not sign you in/
const BY = 'cli:secretary'
const LISTENS = { backchannel_logout_uri: 'https://ent.example/logout' }

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool({ applications: [settingsOf('ent', LISTENS)] })
  application = await school.application()
})
afterAll(() => school.stop())

/** Cards for these people; also the batch that they are of. */
const handOut = async (...identifiers: string[]): Promise<{ cards: Card[]; batchId: string }> => {
  const cards: Card[] = []
  const { deps, endEverythingOf } = school.gateway.core
  const generation = { selection: { identifiers }, keepPersonal: false, by: BY, dryRun: false }
  const generated = await generatePasswords(deps, endEverythingOf, generation, async () => ({
    write: async (card) => {
      cards.push(card)
    },
    close: async () => ({ files: [] }),
    abandon: async () => undefined,
  }))
  if (!generated.ok || generated.batchId === null) throw new Error(JSON.stringify(generated))
  return { cards, batchId: generated.batchId }
}

const cardFor = async (wishes: Partial<PersonWishes>) => {
  const person = await school.person({ userType: 'student', protection: 'none', ...wishes })
  const { cards, batchId } = await handOut(person.identifier)
  const [card] = cards
  if (card === undefined) throw new Error('no card')
  return { ...person, card: card.password, batchId }
}

const change = (browser: Browser, password: string) =>
  browser.submit({ new_password: password, confirm_password: password })

const comesWith = async (identifier: string, password: string): Promise<Browser> => {
  const browser = school.browser()
  await enter(application, browser, identifier, { password })
  return browser
}

const expectRefused = async (identifier: string, password: string): Promise<void> => {
  const { view } = await comesWith(identifier, password)
  expect(view.step).toBe('login')
  expect(errorsOf(view)[0]).toMatch(REFUSED)
}

describe('a card', () => {
  it('signs in once, up to a password of one’s own, and is worth nothing then', async () => {
    const { sub, identifier, card } = await cardFor({ identifier: 'card.once' })
    await expectRefused(identifier, PASSWORD)
    const browser = await comesWith(identifier, card)
    expect(browser.view.step).toBe('change_password')
    expect(browser.view.text).toContain('Your password was temporary.')
    // Not used up by the sign-in: whoever was called away comes back with it.
    expect((await comesWith(identifier, card)).view.step).toBe('change_password')
    await application.start(browser)
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
    await expectRefused(identifier, card)
    expect((await comesWith(identifier, NEXT)).view.step).toBe('callback')
    expect(await noticesOf(school, sub)).toEqual(['password_replaced', 'password_changed'])
  })

  it('may be typed as phones and children do', async () => {
    const { identifier, card } = await cardFor({ identifier: 'card.typed' })
    for (const typed of [
      card.toUpperCase(),
      `${card.charAt(0).toUpperCase()}${card.slice(1)}`,
      card.replaceAll('-', ''),
      card.replaceAll('-', ' '),
      ` ${card} `,
    ]) {
      expect((await comesWith(identifier, typed)).view.step, typed).toBe('change_password')
    }
    const wrong = card.replace(/.$/, (last) => (last === 'b' ? 'c' : 'b'))
    await expectRefused(identifier, wrong)
    await expectRefused(identifier, card.slice(0, -1))
  })

  it('forgives nothing once the password is one’s own', async () => {
    const { identifier, card } = await cardFor({ identifier: 'card.own' })
    await change(await comesWith(identifier, card), NEXT)
    await expectRefused(identifier, NEXT.toLowerCase())
    await expectRefused(identifier, NEXT.replaceAll('-', ''))
  })

  it('is no password of one’s own, however it is typed', async () => {
    const { identifier, card } = await cardFor({ identifier: 'card.kept' })
    const browser = await comesWith(identifier, card)
    for (const typed of [card, card.replaceAll('-', ''), card.toUpperCase()]) {
      await change(browser, typed)
      expect(browser.view.step, typed).toBe('change_password')
      expect(errorsOf(browser.view)).toHaveLength(1)
    }
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
  })

  it('given after a theft does not bring the stolen password back', async () => {
    const { sub, identifier } = await school.person({
      identifier: 'card.theft',
      protection: 'none',
    })
    const { deps, endEverything } = school.gateway.core
    await secureAccount(deps, endEverything, sub, 'password_voided', BY)
    const { cards } = await handOut(identifier)
    const browser = await comesWith(identifier, cards[0]?.password ?? '')
    await change(browser, PASSWORD)
    expect(browser.view.step).toBe('change_password')
    expect(errorsOf(browser.view)[0]).toContain('Choose another one')
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
  })

  it('serves for the days of the policy, to the very moment', async () => {
    const { identifier, card } = await cardFor({ identifier: 'card.days' })
    school.later(30 * DAY_MS - 1)
    expect((await comesWith(identifier, card)).view.step).toBe('change_password')
    school.later(1)
    await expectRefused(identifier, card)
  })

  it('is replaced by the next one', async () => {
    const { identifier, card } = await cardFor({ identifier: 'card.next' })
    const { cards } = await handOut(identifier)
    await expectRefused(identifier, card)
    expect((await comesWith(identifier, cards[0]?.password ?? '')).view.step).toBe(
      'change_password',
    )
  })

  it('with which somebody waits at the change is worth nothing once there is a next one', async () => {
    const { identifier, card } = await cardFor({ identifier: 'card.waiting' })
    const browser = await comesWith(identifier, card)
    school.later(MINUTE_MS)
    const { cards } = await handOut(identifier)
    school.later(MINUTE_MS)
    await change(browser, NEXT)
    // Their session is gone, and with it the page.
    expect(browser.view.text).toContain('This page is too old')
    await expectRefused(identifier, NEXT)
    expect((await comesWith(identifier, cards[0]?.password ?? '')).view.step).toBe(
      'change_password',
    )
  })

  it('of somebody with a PIN asks the PIN first, on a device that is not known', async () => {
    const { identifier, card } = await cardFor({
      identifier: 'card.pin',
      pin: PIN,
      protection: 'pin',
    })
    const browser = await comesWith(identifier, card)
    expect(browser.view.step).toBe('pin')
    expect((await browser.submit({ pin: PIN })).step).toBe('change_password')
  })

  it('is worth nothing where the account was secured since', async () => {
    const { sub, identifier, card, batchId } = await cardFor({ identifier: 'card.secured' })
    const { deps, endEverything } = school.gateway.core
    await secureAccount(deps, endEverything, sub, 'password_voided', BY)
    await expectRefused(identifier, card)
    // And a take-back does not bring back the password that was voided with it.
    expect(await takeBack(deps, batchId, BY)).toMatchObject({ ok: true, people: 0 })
    await expectRefused(identifier, PASSWORD)
  })
})

describe('a change that was asked for while cards were out', () => {
  it('is due still for the password that comes back', async () => {
    const { sub, identifier, batchId } = await cardFor({ identifier: 'forced.meanwhile' })
    const { deps } = school.gateway.core
    const selection = { identifiers: [identifier] }
    const asked = { olderThanRules: false, by: BY, dryRun: false }
    expect(await forceChange(deps, selection, asked)).toMatchObject({ forced: 0, alreadyDue: 1 })
    expect(await takeBack(deps, batchId, BY)).toMatchObject({ ok: true, people: 1 })
    expect((await comesWith(identifier, PASSWORD)).view.step).toBe('change_password')
    expect((await deps.store.accounts.bySub(sub))?.password?.origin).toBe('personal')
  })
})

describe('two browsers with one card', () => {
  it('both reach the change; one saves, the other is sent back to the sign-in', async () => {
    const { identifier, card } = await cardFor({ identifier: 'two.browsers' })
    const [first, second] = [await comesWith(identifier, card), await comesWith(identifier, card)]
    for (const { view } of [first, second]) expect(view.step).toBe('change_password')
    school.later(MINUTE_MS)
    await change(first, NEXT)
    expect(first.view.step).toBe('callback')
    await change(second, 'Corbeau-Lanterne-58')
    expect(second.view.step).toBe('login')
    await expectRefused(identifier, 'Corbeau-Lanterne-58')
    expect((await comesWith(identifier, NEXT)).view.step).toBe('callback')
  })

  it('that save at the same moment: one of the two passwords is in force', async () => {
    const { sub, identifier, card } = await cardFor({ identifier: 'two.at.once' })
    const chosen = [NEXT, 'Corbeau-Lanterne-58']
    const browsers = [await comesWith(identifier, card), await comesWith(identifier, card)]
    school.later(MINUTE_MS)
    await Promise.all(browsers.map((browser, nth) => change(browser, chosen[nth] ?? '')))
    expect(browsers.map(({ view }) => view.step).sort()).toEqual(['callback', 'login'])
    const saved = browsers.findIndex(({ view }) => view.step === 'callback')
    expect((await comesWith(identifier, chosen[saved] ?? '')).view.step).toBe('callback')
    await expectRefused(identifier, chosen[1 - saved] ?? '')
    const changed = (await acts(school, sub)).filter((act) => act === 'password_changed')
    expect(changed).toHaveLength(1)
  })
})

describe('whoever is signed in while their password is replaced', () => {
  it('is signed out, their applications are told, and their device stays known', async () => {
    const { sub, identifier } = await school.person({
      identifier: 'in.session',
      pin: PIN,
      protection: 'pin',
    })
    const browser = await comesWith(identifier, PASSWORD)
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Salle 12' })
    if (browser.view.step === 'device') {
      await browser.submit({ remember_device: 'yes', device_name: 'Salle 12' })
    }
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['Salle 12'])
    const bystander = await school.person({ identifier: 'by.stander', protection: 'none' })
    const other = await comesWith(bystander.identifier, PASSWORD)
    school.later(MINUTE_MS)

    const { cards } = await handOut(identifier)
    expect(await school.gateway.core.opened.op.listSessions(sub)).toEqual([])
    const { outbox } = school.gateway.core.deps.store
    expect(await outbox.take('logout', Date.now(), 0, 10)).toHaveLength(1)
    expect((await application.start(browser)).step).toBe('login')
    expect((await application.start(other)).step).toBe('callback')

    await reopen(browser)
    await enter(application, browser, identifier, { password: cards[0]?.password ?? '' })
    expect(browser.view.step).toBe('change_password')
  })

  it('has nothing that still serves, whatever their application holds', async () => {
    const { identifier } = await school.person({ identifier: 'in.app', protection: 'none' })
    const browser = await comesWith(identifier, PASSWORD)
    expect(browser.view.step).toBe('callback')
    const tokens = await application.finish(browser)
    school.later(MINUTE_MS)
    await handOut(identifier)
    await expect(application.refresh(tokens)).rejects.toThrow()
    expect(await silently(application, browser)).toBe('login_required')
  })
})

describe('a take-back', () => {
  it('lets people in with what they had, and no card', async () => {
    const { identifier, card, batchId } = await cardFor({ identifier: 'back.own' })
    expect(await takeBack(school.gateway.core.deps, batchId, BY)).toMatchObject({ ok: true })
    await expectRefused(identifier, card)
    expect((await comesWith(identifier, PASSWORD)).view.step).toBe('callback')
  })

  it('is refused once somebody has signed in with a card, though nothing was changed yet', async () => {
    await school.person({ identifier: 'back.a', protection: 'none' })
    await school.person({ identifier: 'back.b', protection: 'none' })
    const { cards, batchId } = await handOut('back.a', 'back.b')
    const { deps } = school.gateway.core
    await comesWith('back.a', cards.find((one) => one.identifier === 'back.a')?.password ?? '')
    expect(await takeBack(deps, batchId, BY)).toEqual({ ok: false, reason: 'used' })
    await expectRefused('back.b', PASSWORD)
  })

  it('is not prevented by a wrong card, nor by somebody who comes otherwise', async () => {
    const { identifier, batchId } = await cardFor({ identifier: 'back.wrong' })
    await expectRefused(identifier, 'bcdf-ghjk-mnpr')
    expect(await takeBack(school.gateway.core.deps, batchId, BY)).toMatchObject({ ok: true })
  })

  it('refuses a card as a wrong password is refused, and counts it', async () => {
    const { sub, identifier, card, batchId } = await cardFor({ identifier: 'back.late' })
    const { passwordBatches } = school.gateway.core.deps.store
    // Being taken back, and not yet this one's turn.
    expect(await passwordBatches.leave(batchId, Date.now())).toBe('ok')
    await expectRefused(identifier, card)
    expect((await acts(school, sub)).at(-1)).toBe('login_refused')
    for (let tries = 0; tries < 4; tries += 1) await expectRefused(identifier, card)
    const { audit } = school.gateway.core.deps.store
    const why = async () => (await audit.list({ sub }, 1))[0]?.detail['why']
    expect(await why()).toBe('password_replaced')
    await expectRefused(identifier, card)
    expect(await why()).not.toBe('password_replaced') // Delayed by now.
  })

  it('at the moment of a sign-in: either the card is refused, or the take-back is', async () => {
    const ROUNDS = 12
    const outcomes = new Set<string>()
    let tookMs = 0
    for (let nth = 0; nth <= ROUNDS; nth += 1) {
      const { identifier, card, batchId } = await cardFor({ identifier: `race.${nth}` })
      const browser = school.browser()
      await application.start(browser)
      const startedAt = performance.now()
      const signIn = browser.submit({ identifier, password: card })
      // First after the sign-in, which tells how long one takes; then ever sooner.
      const waitMs = tookMs * (1 - nth / ROUNDS)
      if (nth === 0) {
        await signIn
        tookMs = performance.now() - startedAt
      }
      while (performance.now() - startedAt < waitMs) await nextTurn()
      const back = await takeBack(school.gateway.core.deps, batchId, BY)
      const view = await signIn
      const isIn = view.step === 'change_password'
      expect(isIn, `${view.step}, ${JSON.stringify(back)}`).toBe(!back.ok)
      outcomes.add(view.step)
      const now = (await school.account(identifier)).password?.origin
      expect(now).toBe(isIn ? 'temporary' : 'personal')
    }
    expect([...outcomes].sort()).toEqual(['change_password', 'login'])
  })
})
