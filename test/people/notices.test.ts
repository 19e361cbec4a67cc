import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { resetPin } from '../../accounts/administer.ts'
import {
  assignKey,
  lendKey,
  reportKeyLost,
  resetKeyPin,
  withdrawKey,
} from '../../accounts/desk_keys.ts'
import { tell } from '../../accounts/notices.ts'
import type { Notice } from '../../accounts/ports.ts'
import { secureAccount } from '../../accounts/secure_account.ts'
import type { Browser } from '../support/browser.ts'
import { giveKey, KEY_PIN } from '../support/otp_key.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import {
  HOUR_MS,
  MINUTE_MS,
  type PersonWishes,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'
import { enter, formIn, noticesOf, reopen } from './acts.ts'
import { mailedTo, noticeLettersTo, WRITES_MAILS } from './letters.ts'

const NEW_PASSWORD = 'Marronnier-Encre-58'
const BY = 'cli:office'
const HERE = { browser: 'Firefox', system: 'Windows', network: '203.0.113.0/24' }
const EDGE =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool(WRITES_MAILS)
  application = await school.application()
  await school.policies({ internship_counsellor: { devices: { most_per_person: 1 } } })
})
afterAll(() => school.stop())

const browserAt = (address = '203.0.113.9', userAgent?: string): Browser =>
  school.browser({ address, ...(userAgent === undefined ? {} : { userAgent }) })

let people = 0
const somebody = (wishes: Partial<PersonWishes> = {}): Promise<Account> => {
  people += 1
  const identifier = `told.${people}`
  return school.person({ identifier, email: `${identifier}@tilleuls.example`, ...wishes })
}

/** Signs in; the offer to add the device is declined, or taken. */
const signIn = async (
  { identifier }: Account,
  browser = browserAt(),
  { add, password }: { add?: string; password?: string } = {},
): Promise<Browser> => {
  await enter(application, browser, identifier, password === undefined ? {} : { password })
  const device = add === undefined ? {} : { remember_device: 'yes', device_name: add }
  if (browser.view.step === 'pin') {
    await browser.submit({ pin: PIN, ...device })
  }
  if (browser.view.step === 'device') {
    await browser.submit(device)
  }
  expect(browser.view.step).toBe('callback')
  return browser
}

const noticesTo = async ({ sub }: Account): Promise<Notice[]> =>
  (await school.gateway.core.deps.store.notices.list(sub, 500)).reverse()

/** A table of what is done, and what its person is told: in the account and by mail alike. */
type Row = readonly [
  what: string,
  wishes: Partial<PersonWishes>,
  act: (person: Account) => Promise<unknown>,
  told: readonly string[],
  /** What each notice says beside its code. */
  facts?: Readonly<Record<string, unknown>>,
]

const tells = (rows: readonly Row[]): void => {
  for (const [what, wishes, act, told, facts = HERE] of rows) {
    it(what, async () => {
      const person = await somebody(wishes)
      await act(person)
      const notices = await noticesTo(person)
      expect(notices.map(({ code, params }) => [code, params])).toEqual(
        told.map((code) => [code, facts]),
      )
      const letters = noticeLettersTo(school, person.sub)
      expect(
        letters.map(({ noticeId, code, atMs, params, to }) => [noticeId, code, atMs, params, to]),
      ).toEqual(notices.map(({ id, code, atMs, params }) => [id, code, atMs, params, person.email]))
    })
  }
}

describe('a sign-in is told', () => {
  tells([
    [
      'with "notification only", from a device that is not recognised',
      { protection: 'notification' },
      (person) => signIn(person),
      ['new_connection'],
    ],
    ['not with a PIN, which nobody else has', { pin: PIN }, (person) => signIn(person), []],
    [
      'not with no protection, on any device',
      { protection: 'none' },
      async (person) => {
        await signIn(person)
        await signIn(person, browserAt('198.51.100.7'))
      },
      [],
    ],
    [
      'with a PIN, once it adds the device, and not from that device later',
      { pin: PIN },
      async (person) => {
        const browser = await signIn(person, browserAt(), { add: 'Room 201' })
        await reopen(browser)
        await signIn(person, browser)
      },
      ['device_added'],
      { device: 'Room 201', ...HERE },
    ],
    [
      'with "notification only", by a passcode too',
      { protection: 'notification', userType: 'staff' },
      async (person) => {
        const key = await giveKey(school, person.sub)
        await signIn(person, browserAt(), { password: key.passcode() })
      },
      ['new_connection'],
    ],
  ])

  it('with "notification only" when it adds the device, which then spares the notice', async () => {
    const person = await somebody({ protection: 'notification' })
    const browser = await signIn(person, browserAt(), { add: 'Room 201' })
    const told = ['device_added', 'new_connection']
    expect(await noticesOf(school, person.sub)).toEqual(told)
    await reopen(browser)
    await signIn(person, browser)
    expect(await noticesOf(school, person.sub)).toEqual(told)
    expect(mailedTo(school, person.sub)).toEqual(told)
  })

  it('not when an application asks for more in a session that was told of', async () => {
    const person = await somebody({ protection: 'notification', userType: 'staff' })
    const key = await giveKey(school, person.sub)
    const browser = await signIn(person)
    await application.start(browser, { acr_values: 'urn:vestibule:acr:otp' })
    await browser.submit({ passcode: key.passcode() })
    expect(browser.view.step).toBe('callback')
    expect(await noticesOf(school, person.sub)).toEqual(['new_connection'])
  })

  it('in the account alone where there is no address', async () => {
    const person = await somebody({ protection: 'notification', email: null })
    await signIn(person)
    expect(await noticesOf(school, person.sub)).toEqual(['new_connection'])
    expect(mailedTo(school, person.sub)).toEqual([])
  })

  it('to nobody, when it fails', async () => {
    const person = await somebody({ protection: 'notification' })
    await enter(application, browserAt(), person.identifier, { password: 'Not-Hers-At-All-1' })
    expect(await noticesOf(school, person.sub)).toEqual([])
    expect(mailedTo(school, person.sub)).toEqual([])
  })
})

describe('sign-ins again and again from one new place', () => {
  const mails = (person: Account): number => mailedTo(school, person.sub).length
  const notices = async (person: Account): Promise<number> => (await noticesTo(person)).length

  it('are mailed once an hour, also while they go on, and told in the account each time', async () => {
    const person = await somebody({ protection: 'notification' })
    const mailed = []
    for (let quarter = 0; quarter < 12; quarter += 1) {
      await signIn(person)
      mailed.push(mails(person))
      school.later(15 * MINUTE_MS)
    }
    expect(mailed).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    expect(await notices(person)).toBe(12)
  })

  it('are one mail when they come at once', async () => {
    const person = await somebody({ protection: 'notification' })
    await Promise.all(Array.from({ length: 4 }, () => signIn(person)))
    expect([await notices(person), mails(person)]).toEqual([4, 1])
  })

  it('are one mail however many they are', async () => {
    const person = await somebody({ protection: 'notification' })
    const { deps } = school.gateway.core
    await deps.store.transact(async (tables) => {
      for (let time = 0; time < 200; time += 1) {
        await tell(deps, tables, person.sub, 'new_connection', { params: HERE })
      }
    })
    expect([await notices(person), mails(person)]).toEqual([200, 1])
  })

  it('are mailed from each place apart: another network, another browser', async () => {
    const person = await somebody({ protection: 'notification' })
    const places = [browserAt(), browserAt('198.51.100.7'), browserAt('203.0.113.9', EDGE)]
    for (const browser of [...places, ...places]) {
      await reopen(browser)
      await signIn(person, browser)
    }
    expect([await notices(person), mails(person)]).toEqual([6, 3])
    // Same network, another address of it.
    await signIn(person, browserAt('203.0.113.77'))
    expect([await notices(person), mails(person)]).toEqual([7, 3])
  })

  it('are the only notices of which the second is not mailed', async () => {
    const person = await somebody({ protection: 'notification' })
    const { deps } = school.gateway.core
    for (const code of ['pin_blocked', 'pin_blocked', 'device_added', 'device_added'] as const) {
      await deps.store.transact((tables) => tell(deps, tables, person.sub, code, { params: HERE }))
    }
    expect([await notices(person), mails(person)]).toEqual([4, 4])
  })

  it('of a key say until when it is to be used, or is lent', async () => {
    const person = await somebody({ userType: 'staff', protection: 'none' })
    const { deps } = school.gateway.core
    const [own, lent] = [
      await giveKey(school, person.sub, { state: 'in_stock' }),
      await giveKey(school, person.sub, { state: 'in_stock' }),
    ]
    expect(await assignKey(deps, own.serial, person.sub, BY)).toMatchObject({ ok: true })
    expect(await lendKey(deps, lent.serial, person.sub, BY)).toMatchObject({ ok: true })
    const { text } = await (await signIn(person)).open('/')
    const dayOf = (ms: number) =>
      new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'Europe/Paris' }).format(ms)
    expect(text).toContain(
      `First use not later than ${dayOf(deps.clock() + 14 * 24 * HOUR_MS)} at `,
    )
    expect(text).toContain(`Yours until ${dayOf(deps.clock() + 24 * HOUR_MS)} at `)
    expect(text).not.toMatch(/\d{13}/)
  })

  it('of a password say until when it is to be changed', async () => {
    const person = await somebody({ protection: 'none' })
    const { deps } = school.gateway.core
    const until = String(Date.UTC(2026, 9, 2, 10))
    await deps.store.transact((tables) =>
      tell(deps, tables, person.sub, 'password_expires', { params: { until } }),
    )
    const { text } = await (await signIn(person)).open('/')
    expect(text).toContain('Your password must be changed soon.')
    expect(text).toContain('2 October 2026 at 12:00')
    expect(text).not.toContain(until)
  })

  it('show nothing of this on pages', async () => {
    const person = await somebody({ protection: 'notification' })
    await signIn(person)
    const browser = await signIn(person)
    const portal = await browser.open('/')
    expect(portal.step).toBe('portal')
    expect(portal.text).toContain('203.0.113.0/24')
    expect(portal.text).not.toMatch(/mailed_at|\d{13}/)
  })

  it('of somebody else are none of this one’s', async () => {
    const [one, other] = [
      await somebody({ protection: 'notification' }),
      await somebody({ protection: 'notification' }),
    ]
    await signIn(one)
    await signIn(other)
    expect([mails(one), mails(other)]).toEqual([1, 1])
  })
})

describe('somebody who changes one thing back and forth', () => {
  it('gets five mails about it within an hour, and all of it in the account', async () => {
    const { deps } = school.gateway.core
    const { sub } = await school.person({ email: 'back.forth@tilleuls.example' })
    const change = () =>
      deps.store.transact((tables) => tell(deps, tables, sub, 'protection_changed'))
    for (let time = 0; time < 70; time += 1) {
      await change()
      school.later(1_000)
    }
    expect(mailedTo(school, sub)).toHaveLength(5)
    expect(await noticesOf(school, sub)).toHaveLength(70)
    school.later(HOUR_MS)
    await change()
    expect(mailedTo(school, sub)).toHaveLength(6)
  })

  it('has the warning go to the address it was meant for, whatever is the address by then', async () => {
    const { deps } = school.gateway.core
    const { sub } = await school.person({ email: 'meant.for@tilleuls.example' })
    await deps.store.transact((tables) => tell(deps, tables, sub, 'new_connection'))
    await deps.store.accounts.setVerifiedEmail(sub, 'thief@elsewhere.example')
    expect(noticeLettersTo(school, sub).map(({ to }) => to)).toEqual(['meant.for@tilleuls.example'])
  })
})

describe('the PIN: its person is told', () => {
  const core = () => school.gateway.core
  tells([
    [
      'when it is defined',
      {},
      async (person) => {
        const browser = browserAt()
        await enter(application, browser, person.identifier)
        await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
        await browser.submit({})
      },
      ['pin_defined'],
    ],
    [
      'when another protection is chosen at the first connection',
      {},
      async (person) => {
        const browser = browserAt()
        await enter(application, browser, person.identifier)
        const { action, csrf } = formIn(browser.view)
        await browser.post(action, { csrf, protection: 'none' })
        expect(browser.view.step).toBe('callback')
      },
      ['protection_chosen'],
    ],
    [
      'of the first wrong one of a day on a new device, and when it is blocked',
      { pin: PIN },
      async (person) => {
        const browser = browserAt()
        await enter(application, browser, person.identifier)
        for (const pin of ['5061', '5062', '5063', '5064']) {
          await browser.submit({ pin }).catch(() => undefined)
        }
      },
      ['pin_wrong', 'pin_blocked'],
    ],
    [
      'when the school generates one',
      { pin: PIN },
      ({ sub }) => resetPin(core().deps, core().endEverything, sub, BY),
      ['pin_reset'],
      {},
    ],
  ])
})

describe('the password: its person is told', () => {
  tells([
    [
      'when it is changed',
      { protection: 'none', mustChange: true },
      async (person) => {
        const browser = browserAt()
        await enter(application, browser, person.identifier)
        await browser.submit({ new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD })
        expect(browser.view.step).toBe('callback')
      },
      ['password_changed'],
    ],
    [
      'when the school voids it',
      { protection: 'none' },
      ({ sub }) => {
        const { deps, endEverything } = school.gateway.core
        return secureAccount(deps, endEverything, sub, 'password_voided', BY)
      },
      ['password_voided'],
      {},
    ],
  ])
})

describe('devices: their person is told', () => {
  it('when one more than allowed is added, which one went', async () => {
    const person = await somebody({ pin: PIN, userType: 'internship_counsellor' })
    await signIn(person, browserAt(), { add: 'Room 201' })
    school.later(MINUTE_MS)
    await signIn(person, browserAt(), { add: 'Room 202' })
    const told = (await noticesTo(person)).map(({ code, params }) => [code, params])
    expect(told).toEqual([
      ['device_added', { device: 'Room 201', ...HERE }],
      ['device_dropped', { device: 'Room 201', ...HERE }],
      ['device_added', { device: 'Room 202', ...HERE }],
    ])
    expect(mailedTo(school, person.sub)).toEqual(told.map(([code]) => code))
  })

  it('when two copies of one are in use, and from where the copy was', async () => {
    const person = await somebody({ pin: PIN })
    const owner = await signIn(person, browserAt(), { add: 'Room 201' })
    const thief = await owner.copy()
    const again = async (browser: Browser): Promise<string> => {
      await reopen(browser)
      return (await enter(application, browser, person.identifier)).step
    }
    for (const browser of [owner, owner, thief, owner, thief]) {
      await again(browser)
    }
    expect((await noticesTo(person)).at(-1)).toMatchObject({
      code: 'device_forgotten_copied',
      params: { device: 'Room 201', ...HERE },
    })
    expect(mailedTo(school, person.sub).at(-1)).toBe('device_forgotten_copied')
  })
})

describe('OTP keys: their holder is told', () => {
  const deps = () => school.gateway.core.deps
  const staff: Partial<PersonWishes> = { userType: 'staff', protection: 'none' }

  it.each([
    ['assigned', 'key_assigned', 'in_stock'],
    ['withdrawn', 'key_withdrawn', 'in_service'],
    ['lost', 'key_lost', 'in_service'],
    ['reset', 'key_pin_reset', 'in_service'],
  ] as const)('when one is %s by the school', async (act, told, state) => {
    const person = await somebody(staff)
    const { serial } = await giveKey(school, person.sub, { state })
    const { endEverything } = school.gateway.core
    const acts = {
      assigned: () => assignKey(deps(), serial, person.sub, BY),
      withdrawn: () => withdrawKey(deps(), serial, BY),
      lost: () => reportKeyLost(deps(), endEverything, serial, BY),
      reset: () => resetKeyPin(deps(), serial, BY),
    }
    expect((await acts[act]()).ok).toBe(true)
    const notices = await noticesTo(person)
    expect(notices).toMatchObject([{ code: told, params: { key: serial } }])
    expect(mailedTo(school, person.sub)).toEqual([told])
  })

  it('when one is put in service, and from where', async () => {
    const person = await somebody({ ...staff, password: null })
    const key = await giveKey(school, person.sub, { state: 'assigned' })
    const browser = browserAt()
    await enter(application, browser, person.identifier, { password: key.code() })
    await browser.submit({ new_pin: KEY_PIN, confirm_pin: KEY_PIN })
    key.wait()
    await browser.submit({ passcode: key.passcode() })
    const notices = await noticesTo(person)
    expect(notices.map(({ code, params }) => [code, params])).toEqual([
      ['key_in_service', { key: key.serial, ...HERE }],
    ])
    expect(mailedTo(school, person.sub)).toEqual(['key_in_service'])
  })

  it('when one is blocked by wrong PINs beside right codes, and from where', async () => {
    const person = await somebody(staff)
    const key = await giveKey(school, person.sub)
    for (let time = 0; time < 10; time += 1) {
      const password = `0000${key.code()}`
      await enter(application, browserAt(), person.identifier, { password })
      school.later(3 * HOUR_MS)
      key.wait()
    }
    expect((await key.stored()).state).toBe('blocked')
    const notices = await noticesTo(person)
    expect(notices.map(({ code, params }) => [code, params])).toEqual([
      ['key_blocked', { key: key.serial, ...HERE }],
    ])
    expect(mailedTo(school, person.sub)).toEqual(['key_blocked'])
  })
})
