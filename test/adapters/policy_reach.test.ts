import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { effectsOf } from '../../accounts/policy_effects.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { policyChanges } from '../../policies/policy_changes.ts'
import { giveKey } from '../support/otp_key.ts'
import { DAY_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'

let school: School
beforeEach(async () => {
  school = await startSchool()
})
afterEach(() => school.stop())

const reach = () => school.gateway.core.opened.lists.policyReach
const store = () => school.gateway.core.deps.store

/** What a change of the students' policy does, in numbers. */
const touched = async (policy: object, from: object = {}) => {
  const before = { ...DEFAULT_POLICIES, student: policySchema.parse(from) }
  const after = { ...DEFAULT_POLICIES, student: policySchema.parse(policy) }
  const changes = policyChanges(before, after)
  const [found] = await effectsOf(reach(), before, after, changes, Date.now())
  return Object.fromEntries((found?.effects ?? []).map(({ key, count }) => [key, count]))
}

const student = (identifier: string, more: Parameters<School['person']>[0] = {}) =>
  school.person({ identifier, userType: 'student', ...more })

describe('whom a change of a policy touches', () => {
  it('are those of the type who are not disabled, by what they have and chose', async () => {
    await student('pin', { pin: PIN })
    await student('told', { protection: 'notification' })
    await student('new')
    const gone = await student('gone')
    await school.person({ identifier: 'teacher', userType: 'teacher' })
    await store().accounts.setDisabled(gone.sub, Date.now())
    const { student: students, teacher } = await reach().people()
    expect(students).toMatchObject({
      people: 3,
      protection: { pin: 1, notification: 1, none: 0, unchosen: 1 },
      pin: { none: 2, in_use: 1 },
      personalPasswords: 3,
    })
    expect(teacher.people).toBe(1)
    expect(await touched({ protections: ['pin'] })).toEqual({ pin_to_define: 2, choice_lost: 1 })
    expect(await touched({ protections: ['none'] })).toEqual({
      pin_not_asked: 1,
      choice_lost: 1,
      still_to_choose: 1,
    })
    expect(await touched({}, { protections: ['none'] })).toEqual({
      pin_asked_again: 1,
      still_to_choose: 1,
    })
  })

  it('are locked out without a key that serves, or without a password where keys serve no more', async () => {
    const [held, late, lent, none] = [
      await student('held', { password: null }),
      await student('late'),
      await student('lent'),
      await student('none'),
    ]
    await giveKey(school, held.sub)
    await giveKey(school, held.sub)
    await giveKey(school, late.sub, { state: 'assigned' })
    const loan = await (await giveKey(school, lent.sub)).stored()
    await store().otpKeys.save({ ...loan, loanUntil: Date.now() + DAY_MS })
    expect(await touched({ otp: 'required' })).toEqual({ locked_out: 1 })
    expect(await touched({ otp: 'off' })).toEqual({ keys_shut_out: 1 })
    school.later(15 * DAY_MS)
    expect(await touched({ otp: 'required' })).toEqual({ locked_out: 3 })
    expect(none.hasOtpKeys).toBe(false)
  })

  it('have passwords that expire, temporary ones that end, and devices, newly so', async () => {
    await student('old')
    const gone = await student('gone')
    const lost = await student('void')
    await student('card', { passwordOrigin: 'temporary' })
    await store().accounts.setDisabled(gone.sub, Date.now())
    await store().accounts.voidPassword(lost.sub, Date.now())
    school.later(20 * DAY_MS)
    await student('young')
    school.later(75 * DAY_MS)
    const expiring = (days: number) => ({
      passwords: { force_change_at_expiration: true, max_lifetime_days: days },
    })
    expect(await touched(expiring(90))).toEqual({ passwords_expire: 1 })
    expect(await touched(expiring(90), expiring(95))).toEqual({})
    expect(await touched(expiring(90), expiring(100))).toEqual({ passwords_expire: 1 })
    const card = { passwords: { temporary_lifetime_days: 60 } }
    const longer = { passwords: { temporary_lifetime_days: 90 } }
    expect(await touched(card, longer)).toEqual({})
    await student('card.2', { passwordOrigin: 'initial' })
    school.later(70 * DAY_MS)
    expect(await touched(card, longer)).toEqual({ temporary_end: 1 })
  })

  it('have devices that end, and sessions that end sooner', async () => {
    const { sub, identifier } = await student('at.home', { protection: 'none' })
    const browser = school.browser()
    await browser.open('/')
    await browser.submit({ identifier, password: PASSWORD })
    const device = {
      id: 'd1',
      sub,
      browserId: 'b1',
      name: 'Room 201',
      browserName: 'Firefox',
      systemName: 'Linux',
      network: '192.0.2.0',
      addedAt: Date.now() - 10 * DAY_MS,
      lastSeenAt: Date.now(),
      addedUnder: 'pin',
    } as const
    await store().devices.add(device)
    expect(await touched({ devices: { lifetime_days: 5 } })).toEqual({ devices_end: 1 })
    expect(await touched({ devices: { lifetime_days: 20 } })).toEqual({})
    expect(await touched({ devices: { trust: false } })).toEqual({ devices_end: 1 })
    expect(await touched({ sessions: { absolute_hours: 8 } })).toEqual({ sessions: 1 })
    expect(await touched({ sessions: { absolute_hours: 14 } })).toEqual({})
  })
})
