import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forceChange } from '../../accounts/force_change.ts'
import { USER_TYPES } from '../../policies/user_type.ts'
import { createTranslator } from '../../views/i18n.ts'
import { ENT, application as likeTheEnt, silently } from '../protocol/steps.ts'
import type { Browser, View } from '../support/browser.ts'
import { cardOf, handOut } from '../support/handed_out.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, PIN, type School, startSchool } from '../support/school.ts'
import { acts, devicesOf, enter, errorsOf, noticesOf, reopen } from './acts.ts'

const OWN = 'Nuage-Boussole-31'
const LATER = 'Corbeau-Lanterne-58'

let school: School
let ent: RelyingParty
let notes: RelyingParty
beforeAll(async () => {
  school = await startSchool({ applications: [ENT, likeTheEnt('notes')] })
  ent = await school.application()
  notes = await school.application('notes')
})
afterAll(() => school.stop())

const choose = (browser: Browser, password: string): Promise<View> =>
  browser.submit({ new_password: password, confirm_password: password })

/** What the page of the change begins with, without its markup. */
const leadOf = ({ html }: View): string => html.querySelector('main .lead')?.text.trim() ?? ''

/** Half of the people read French. */
const WHO = USER_TYPES.map((userType, index) => ({
  userType,
  locale: index % 2 === 0 ? ('fr' as const) : ('en' as const),
}))

describe.each(WHO)('of the ways to have passwords changed, for a $userType ($locale)', (who) => {
  const { userType, locale } = who
  const t = createTranslator(locale)
  const another = USER_TYPES.find((type) => type !== userType) ?? userType

  const somebody = (name: string, wishes: Parameters<School['person']>[0] = {}) =>
    school.person({
      identifier: `${name}.${userType}`,
      userType,
      locale,
      protection: 'none',
      ...wishes,
    })

  const isRefused = async (identifier: string, password: string): Promise<boolean> => {
    const browser = school.browser()
    await enter(ent, browser, identifier, { password })
    return browser.view.step === 'login' && errorsOf(browser.view).length === 1
  }

  const isDue = (browser: Browser, reason: 'temporary' | 'expired' | 'required'): void => {
    expect(browser.view.step).toBe('change_password')
    expect(leadOf(browser.view)).toBe(
      t(`change_password.${reason}`, { name: 'Camille Moreau' }).trim(),
    )
  }

  describe('new temporary passwords every year', () => {
    it('a card leads to a password of one’s own, and serves no more', async () => {
      await school.policies({ [userType]: {} })
      const { sub, identifier } = await somebody('yearly', { pin: PIN, protection: 'pin' })
      const bystander = await somebody('yearly.other', { userType: another })
      const [browser, theirs] = [school.browser(), school.browser()]
      await enter(ent, browser, identifier)
      await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
      expect(browser.view.step).toBe('callback')
      await enter(ent, theirs, bystander.identifier)
      school.later(HOUR_MS)

      const cards = await handOut(school, { userType })
      const { password } = cardOf(cards, identifier)
      expect(cards.has(bystander.identifier)).toBe(false)
      school.later(HOUR_MS)
      expect((await ent.start(browser)).step).toBe('login')
      expect(await silently(ent, theirs)).toBeNull()
      await browser.open('/')
      expect(browser.view.step).toBe('login')

      // Routine: the device is recognised still, elsewhere the PIN comes first.
      await enter(ent, browser, identifier, { password })
      isDue(browser, 'temporary')
      const elsewhere = school.browser()
      expect((await enter(ent, elsewhere, identifier, { password })).step).toBe('pin')
      school.later(MINUTE_MS)
      await choose(browser, password)
      expect(browser.view.step).toBe('change_password')
      await choose(browser, OWN)
      expect((await ent.finish(browser)).claims.sub).toBe(sub)
      expect((await school.account(identifier)).password).toMatchObject({
        origin: 'personal',
        batchId: null,
      })

      expect(await isRefused(identifier, password)).toBe(true)
      await reopen(browser)
      await enter(ent, browser, identifier, { password: OWN })
      expect(browser.view.step).toBe('callback')
      expect(await devicesOf(school, sub)).toEqual(['Room 201'])
      expect((await noticesOf(school, sub)).slice(-2)).toEqual([
        'password_replaced',
        'password_changed',
      ])
    })

    it('the password before it is dead, and so is a card once there is a newer one', async () => {
      const { identifier } = await somebody('again')
      const first = cardOf(await handOut(school, { identifiers: [identifier] }), identifier)
      school.later(MINUTE_MS)
      const second = cardOf(await handOut(school, { identifiers: [identifier] }), identifier)
      expect(second.password).not.toBe(first.password)
      expect(await isRefused(identifier, 'Tilleul-Papier-27')).toBe(true)
      expect(await isRefused(identifier, first.password)).toBe(true)
      const browser = school.browser()
      await enter(ent, browser, identifier, { password: second.password })
      isDue(browser, 'temporary')
      // Seen, not used up: it serves until a password of one's own is saved.
      const later = school.browser()
      await enter(ent, later, identifier, { password: second.password })
      isDue(later, 'temporary')
      await choose(later, OWN)
      expect(await isRefused(identifier, second.password)).toBe(true)
    })

    it('a card that nobody used ends with the days that the school gives it', async () => {
      await school.policies({ [userType]: { passwords: { temporary_lifetime_days: 10 } } })
      const { identifier } = await somebody('unused')
      const cards = await handOut(school, { identifiers: [identifier] })
      const { password, validUntil } = cardOf(cards, identifier)
      expect(validUntil).toBe(Date.now() + 10 * DAY_MS)
      school.later(10 * DAY_MS - 1)
      const browser = school.browser()
      await enter(ent, browser, identifier, { password })
      isDue(browser, 'temporary')
      school.later(1)
      expect(await isRefused(identifier, password)).toBe(true)
      await school.policies({ [userType]: {} })
    })

    it('somebody who never had a password begins with a card', async () => {
      const { sub, identifier } = await somebody('newcomer', { password: null })
      const { password } = cardOf(await handOut(school, { identifiers: [identifier] }), identifier)
      school.later(MINUTE_MS)
      const browser = school.browser()
      await enter(ent, browser, identifier, { password })
      isDue(browser, 'temporary')
      await choose(browser, OWN)
      expect((await ent.finish(browser)).claims.sub).toBe(sub)
      expect(await noticesOf(school, sub)).not.toContain('password_replaced')
    })
  })

  describe('a change at expiration', () => {
    beforeAll(() =>
      school.policies({
        [userType]: { passwords: { force_change_at_expiration: true, max_lifetime_days: 90 } },
      }),
    )
    afterAll(() => school.policies({ [userType]: {} }))

    it('comes with the last day, again and again', async () => {
      const { sub, identifier } = await somebody('expiry')
      const untouched = await somebody('expiry.other', { userType: another })
      school.later(90 * DAY_MS - 1)
      const early = school.browser()
      expect((await enter(ent, early, identifier)).step).toBe('callback')
      school.later(1)
      const browser = school.browser()
      await enter(ent, browser, identifier)
      isDue(browser, 'expired')
      await choose(browser, OWN)
      expect((await ent.finish(browser)).claims.sub).toBe(sub)
      expect((await enter(ent, school.browser(), untouched.identifier)).step).toBe('callback')

      school.later(90 * DAY_MS - 1)
      const next = school.browser()
      expect((await enter(ent, next, identifier, { password: OWN })).step).toBe('callback')
      school.later(1)
      // The session goes on, and meets the step at its next authorization, wherever it is for.
      expect((await notes.start(next)).step).toBe('change_password')
      isDue(next, 'expired')
      await choose(next, LATER)
      expect((await notes.finish(next)).claims.sub).toBe(sub)
      expect(await silently(ent, next)).toBeNull()
    })

    it('begins anew with a password that was changed in time', async () => {
      const { identifier } = await somebody('expiry.changed')
      school.later(80 * DAY_MS)
      const browser = school.browser()
      await browser.open('/account/password')
      await browser.submit({ identifier, password: 'Tilleul-Papier-27' })
      await browser.submit(
        { current_password: 'Tilleul-Papier-27', new_password: OWN, confirm_password: OWN },
        { form: 'form[action="/account/password/change"]' },
      )
      school.later(89 * DAY_MS)
      const later = school.browser()
      expect((await enter(ent, later, identifier, { password: OWN })).step).toBe('callback')
    })
  })

  describe('a change at the next connection', () => {
    const force = (selection: Parameters<typeof forceChange>[1], olderThanRules = false) =>
      forceChange(school.gateway.core.deps, selection, {
        olderThanRules,
        by: 'test',
        dryRun: false,
      })

    it('comes to those who were chosen, at once and in what is open, and is then over', async () => {
      const { sub, identifier } = await somebody('forced', { pin: PIN, protection: 'pin' })
      const spared = await somebody('spared', { userType: another })
      const [open, theirs, fresh] = [school.browser(), school.browser(), school.browser()]
      await enter(ent, open, identifier)
      await open.submit({ pin: PIN })
      await enter(ent, theirs, spared.identifier)
      school.later(MINUTE_MS)
      expect((await force({ userType })).forced).toBeGreaterThan(0)

      expect(await silently(ent, theirs)).toBeNull()
      await enter(ent, fresh, identifier)
      expect(fresh.view.step).toBe('pin')
      await fresh.submit({ pin: PIN })
      isDue(fresh, 'required')
      expect(await silently(ent, open)).toBe('interaction_required')
      expect((await notes.start(open)).step).toBe('change_password')
      school.later(MINUTE_MS)
      await choose(open, OWN)
      expect((await notes.finish(open)).claims.sub).toBe(sub)
      expect(await silently(ent, open)).toBeNull()

      // The other sign-in was not over: what it had proved is replaced.
      expect((await ent.start(fresh)).step).toBe('login')
      await fresh.submit({ identifier, password: OWN })
      expect(fresh.view.step).toBe('callback')
      expect((await acts(school, sub)).filter((act) => act === 'password_change_forced')).toEqual([
        'password_change_forced',
      ])
    })

    it('comes to those alone whose password is older than today’s rules', async () => {
      const old = await somebody('rules.old')
      await school.policies({
        [userType]: { passwords: { rules_version: 2, min_length: 16 } },
      })
      const current = await somebody('rules.current', { password: null })
      const { password } = cardOf(
        await handOut(school, { identifiers: [current.identifier] }),
        current.identifier,
      )
      const browser = school.browser()
      await enter(ent, browser, current.identifier, { password })
      await choose(browser, OWN)
      expect(browser.view.step).toBe('callback')

      const chosen = { identifiers: [old.identifier, current.identifier] }
      expect(await force(chosen, true)).toMatchObject({ forced: 1, upToDate: 1 })
      expect(await silently(ent, browser)).toBeNull()
      const older = school.browser()
      await enter(ent, older, old.identifier)
      isDue(older, 'required')
      await choose(older, 'Nuage-Bouss31')
      expect(errorsOf(older.view)).toContain(t('errors.password_short', { min: 16 }))
      await choose(older, LATER)
      expect(older.view.step).toBe('callback')
      expect((await school.account(old.identifier)).password?.rulesVersion).toBe(2)
      await school.policies({ [userType]: {} })
    })

    it('leaves alone whoever comes without a password', async () => {
      const { identifier } = await somebody('keyless', { password: null })
      expect(await force({ identifiers: [identifier] })).toMatchObject({
        forced: 0,
        withoutPassword: 1,
      })
      expect((await school.account(identifier)).password).toBeNull()
    })
  })
})
