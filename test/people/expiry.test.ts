import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { remindOfExpiry } from '../../accounts/expiry_reminders.ts'
import { forceChange } from '../../accounts/force_change.ts'
import type { Browser } from '../support/browser.ts'
import { type Arrived, type Mailbox, openMailbox } from '../support/mailbox.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, HOUR_MS, type PersonWishes, type School, startSchool } from '../support/school.ts'
import { acts, devicesOf, enter, noticesOf } from './acts.ts'
import { openAccount } from './at_account.ts'

const NEXT = 'Nuage-Boussole-31'
const LIFETIME_DAYS = 90
const EXPIRES = {
  passwords: { force_change_at_expiration: true, max_lifetime_days: LIFETIME_DAYS },
}

let mailbox: Mailbox
let school: School
let application: RelyingParty
beforeAll(async () => {
  mailbox = await openMailbox()
  school = await startSchool(
    { smtp_url: `smtp://127.0.0.1:${mailbox.port}`, mail_from: 'ecole@tilleuls.example' },
    { delivers: true },
  )
  application = await school.application()
  await school.policies({ student: EXPIRES, guardian: EXPIRES })
})
afterAll(async () => {
  await school.stop()
  await mailbox.down()
})

const pupil = (identifier: string, more: Partial<PersonWishes> = {}) =>
  school.person({
    identifier,
    userType: 'student',
    protection: 'none',
    email: `${identifier}@tilleuls.example`,
    ...more,
  })

const remind = (): Promise<number> => remindOfExpiry(school.gateway.core.deps)

const mailsTo = (identifier: string, count: number): Promise<Arrived[]> =>
  vi.waitFor(
    () => {
      const to = `${identifier}@tilleuls.example`
      const mails = mailbox.mails.filter((mail) => mail.to.includes(to))
      expect(mails).toHaveLength(count)
      return mails
    },
    { timeout: 15_000 },
  )

const change = (browser: Browser) => browser.submit({ new_password: NEXT, confirm_password: NEXT })

describe('a pupil whose password expires', () => {
  it('is told in good time, by mail in their language and in the account', async () => {
    const { sub } = await pupil('x.told', { locale: 'fr' })
    const end = Date.now() + LIFETIME_DAYS * DAY_MS
    school.later((LIFETIME_DAYS - 14) * DAY_MS)
    expect(await remind()).toBeGreaterThan(0)
    const [mail] = await mailsTo('x.told', 1)
    const day = new Intl.DateTimeFormat('fr-FR', { dateStyle: 'full', timeZone: 'Europe/Paris' })
    expect(mail?.headers.get('subject')).toBe('Votre mot de passe est bientôt à changer')
    expect(mail?.text.replaceAll(/\s+/g, ' ')).toContain(
      `À changer au plus tard le ${day.format(end)}`,
    )
    expect(mail?.text).toContain(`${school.issuer}/account/password`)
    expect(mail?.text).not.toContain('not-me')
    const browser = await openAccount(school.browser(), 'history', 'x.told')
    expect(browser.view.text).toContain('Votre mot de passe est bientôt à changer.')
    const long = new Intl.DateTimeFormat('fr-FR', { dateStyle: 'long', timeZone: 'Europe/Paris' })
    expect(browser.view.text.replaceAll(/\s+/g, ' ')).toContain(
      `À changer au plus tard le ${long.format(end)}`,
    )
    expect(await acts(school, sub)).toContain('password_expiry_reminded')
  })

  it('is told again 3 days before, and no more once it is changed', async () => {
    const { sub } = await pupil('x.twice')
    school.later((LIFETIME_DAYS - 3) * DAY_MS - HOUR_MS)
    await remind()
    school.later(HOUR_MS)
    await remind()
    await remind()
    await mailsTo('x.twice', 2)
    school.later(3 * DAY_MS)
    const browser = school.browser()
    await enter(application, browser, 'x.twice')
    expect(browser.view.step).toBe('change_password')
    await remind()
    await change(browser)
    expect(browser.view.step).toBe('callback')
    school.later(DAY_MS)
    await remind()
    expect(
      (await noticesOf(school, sub)).filter((code) => code === 'password_expires'),
    ).toHaveLength(2)
  })

  it('is not asked for a change in the holidays, and is in the evening of the first day of school', async () => {
    const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
    const end = Date.now() + LIFETIME_DAYS * DAY_MS
    await pupil('x.holiday', { establishments: ['0750007H'], userType: 'guardian' })
    await pupil('x.term', { userType: 'guardian' })
    await school.gateway.core.deps.store.calendars.save({
      establishment: '0750007H',
      atMs: Date.now(),
      by: 'test',
      days: [[day(end - 5 * DAY_MS), day(end + 5 * DAY_MS)]],
    })
    school.later(LIFETIME_DAYS * DAY_MS)
    expect((await enter(application, school.browser(), 'x.term')).step).toBe('change_password')
    expect((await enter(application, school.browser(), 'x.holiday')).step).toBe('callback')
    // With a weekend after it, the first day of school is over 9 days later at most.
    school.later(9 * DAY_MS)
    expect((await enter(application, school.browser(), 'x.holiday')).step).toBe('change_password')
  })
})

describe('a pupil whose school asks for a new password', () => {
  it('meets the step in a running session, at the next authorization, and goes on in it', async () => {
    const { sub } = await pupil('x.asked', { userType: 'teacher' })
    const browser = school.browser()
    await enter(application, browser, 'x.asked')
    expect(browser.view.step).toBe('callback')
    const { deps } = school.gateway.core
    const identifiers = ['x.asked']
    const options = { olderThanRules: false, dryRun: false, by: 'cli:office' }
    expect(await forceChange(deps, { identifiers }, options)).toMatchObject({ forced: 1 })
    const before = await devicesOf(school, sub)
    await application.start(browser)
    expect(browser.view.step).toBe('change_password')
    await change(browser)
    expect(browser.view.step).toBe('callback')
    await application.start(browser)
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(before)
    expect(await forceChange(deps, { identifiers }, options)).toMatchObject({ forced: 1 })
  })
})
