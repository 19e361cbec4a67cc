import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PasswordRecord } from '../../accounts/account.ts'
import { remindOfExpiry } from '../../accounts/expiry_reminders.ts'
import { openLetter } from '../../accounts/outbox.ts'
import type { Deps, HolidayDays } from '../../accounts/ports.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { type Office, openOffice, START } from '../cli/office.ts'

const DAY_MS = 24 * 3_600_000
const HEADER = 'external_id,identifier,user_type,given_name,family_name,email,establishments'
const END = START + 90 * DAY_MS

let office: Office
let deps: Deps

const setPassword = (identifier: string, more: Partial<PasswordRecord> = {}) =>
  office.setPassword(identifier, null, more)

const expires = async (...types: ('student' | 'teacher')[]) =>
  deps.store.policies.save(
    {
      id: crypto.randomUUID(),
      atMs: office.now(),
      by: 'test',
      why: 'test',
      policies: {
        ...DEFAULT_POLICIES,
        ...Object.fromEntries(
          types.map((type) => [
            type,
            policySchema.parse({
              passwords: { force_change_at_expiration: true, max_lifetime_days: 90 },
            }),
          ]),
        ),
      },
    },
    (await deps.store.policies.newest())?.id ?? null,
  )

beforeEach(async () => {
  office = await openOffice()
  deps = { ...office.core.deps, mails: true }
  await office.import(
    [
      HEADER,
      'E1,lea,student,Léa,Martin,lea@tilleuls.example,0440001A',
      'E2,ali,student,Ali,Benali,,0750002B',
      'T1,prof,teacher,Zoé,Petit,zoe@tilleuls.example,0440001A',
      '',
    ].join('\n'),
  )
  for (const identifier of ['lea', 'ali', 'prof']) {
    await setPassword(identifier)
  }
  await expires('student')
})
afterEach(() => office.close())

/** Reminds at that time before the password would expire; how many were told. */
const remindAt = (beforeMs: number): Promise<number> => {
  office.later(END - beforeMs - office.now())
  return remindOfExpiry(deps)
}

const told = async (identifier: string) => {
  const { sub } = await office.person(identifier)
  const notices = await deps.store.notices.list(sub, 50)
  return notices.map(({ code, params }) => [code, Number(params['until'])]).reverse()
}

const mails = async () => {
  const items = await deps.store.outbox.take('mail', office.now(), 400 * DAY_MS, 50)
  return items.map((item) => openLetter(deps, item))
}

const holiday = (days: readonly HolidayDays[], establishment = '0440001A') =>
  deps.store.calendars.save({ establishment, atMs: office.now(), by: 'test', days })

describe('who is reminded that a password expires', () => {
  it('hears of it 14 and 3 days before, once each, by notice and by mail', async () => {
    expect(await remindAt(14 * DAY_MS + 1)).toBe(0)
    expect(await remindAt(14 * DAY_MS)).toBe(2)
    expect(await told('lea')).toEqual([['password_expires', END]])
    expect(await told('ali')).toEqual([['password_expires', END]])
    expect(await mails()).toMatchObject([
      { template: 'notice', code: 'password_expires', to: 'lea@tilleuls.example' },
    ])
    expect(await remindOfExpiry(deps)).toBe(0)
    expect(await remindAt(3 * DAY_MS + 1)).toBe(0)
    expect(await remindAt(3 * DAY_MS)).toBe(2)
    expect(await told('lea')).toHaveLength(2)
    expect(await remindOfExpiry(deps)).toBe(0)
    expect(await mails()).toHaveLength(1)
  })

  it('hears of it once, when first looked at in the last 3 days', async () => {
    expect(await remindAt(DAY_MS)).toBe(2)
    expect(await remindOfExpiry(deps)).toBe(0)
    expect(await told('lea')).toEqual([['password_expires', END]])
  })

  it('hears nothing from the last moment on', async () => {
    expect(await remindAt(0)).toBe(0)
    expect(await remindAt(-400 * DAY_MS)).toBe(0)
  })

  it('hears it until the very last ms', async () => {
    expect(await remindAt(1)).toBe(2)
  })

  it('is nobody where the policy lets passwords live', async () => {
    await remindAt(5 * DAY_MS)
    expect(await told('prof')).toEqual([])
    await expires()
    expect(await remindAt(2 * DAY_MS)).toBe(0)
    await expires('teacher')
    expect(await remindOfExpiry(deps)).toBe(1)
    expect(await told('prof')).toHaveLength(1)
  })

  it('is nobody who is disabled, or must change the password anyway', async () => {
    const { sub } = await office.person('lea')
    await setPassword('lea', { mustChange: true })
    await setPassword('ali', { voidedAt: office.now() })
    expect(await remindAt(5 * DAY_MS)).toBe(0)
    await setPassword('ali', { origin: 'temporary', setAt: START })
    await setPassword('lea', { setAt: START })
    await deps.store.accounts.setDisabled(sub, office.now())
    expect(await remindOfExpiry(deps)).toBe(0)
    await deps.store.accounts.setDisabled(sub, null)
    expect(await remindOfExpiry(deps)).toBe(1)
  })

  it('is reminded of a new password anew', async () => {
    await remindAt(2 * DAY_MS)
    const setAt = office.now()
    await setPassword('lea', { setAt })
    expect(await remindAt(-70 * DAY_MS)).toBe(0)
    office.later(setAt + 76 * DAY_MS - office.now())
    expect(await remindOfExpiry(deps)).toBe(1)
    expect((await told('lea')).at(-1)).toEqual(['password_expires', setAt + 90 * DAY_MS])
  })

  it('is reminded of the moment that a holiday of theirs puts it off to', async () => {
    // 13 December 2026 is a Sunday.
    await holiday([['2026-12-07', '2026-12-18']])
    const end = Date.parse('2026-12-22T00:00:00+01:00') - 1
    expect(await remindAt(14 * DAY_MS)).toBe(1)
    expect(await told('lea')).toEqual([])
    expect(await told('ali')).toEqual([['password_expires', END]])
    office.later(end - 14 * DAY_MS - office.now())
    expect(await remindOfExpiry(deps)).toBe(1)
    expect(await told('lea')).toEqual([['password_expires', end]])
  })

  it('is reminded 3 days before a moment that was put off after the first reminder', async () => {
    await remindAt(14 * DAY_MS)
    await holiday([['2026-12-07', '2026-12-18']])
    const end = Date.parse('2026-12-22T00:00:00+01:00') - 1
    expect(await remindAt(3 * DAY_MS)).toBe(1)
    expect(await told('lea')).toHaveLength(1)
    office.later(end - 3 * DAY_MS - office.now())
    expect(await remindOfExpiry(deps)).toBe(1)
    expect((await told('lea')).at(-1)).toEqual(['password_expires', end])
  })

  it('is told by one of several processes that look at the same time', async () => {
    office.later(END - 5 * DAY_MS - office.now())
    const all = await Promise.all([1, 2, 3].map(() => remindOfExpiry(deps)))
    expect(all.reduce((sum, one) => sum + one, 0)).toBe(2)
    expect(await told('lea')).toHaveLength(1)
    const entries = (await office.audit()).filter(({ act }) => act === 'password_expiry_reminded')
    expect(entries).toHaveLength(2)
    expect(entries[0]).toMatchObject({ actor: null, detail: { reminder: 1, last_ms: END } })
  })

  it('is not told of a password that is replaced at that moment', async () => {
    office.later(END - 5 * DAY_MS - office.now())
    const { passwordLists } = deps.store
    const raced: Deps = {
      ...deps,
      store: {
        ...deps.store,
        passwordLists: {
          ...passwordLists,
          toRemind: async (...asked) => {
            const page = await passwordLists.toRemind(...asked)
            await setPassword('lea')
            return page
          },
        },
      },
    }
    expect(await remindOfExpiry(raced)).toBe(1)
    expect(await told('lea')).toEqual([])
  })
})
