import { Secret } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { beginEnrolment, enrolApp, secretOf } from '../../accounts/enrol_app.ts'
import { confirmAddress, removeAddress, requestAddress } from '../../accounts/mail_address.ts'
import { notMeState, notMeToken, sayNotMe } from '../../accounts/not_me.ts'
import { tell } from '../../accounts/notices.ts'
import type { NoticeCode, Origin } from '../../accounts/ports.ts'
import { secureAccount } from '../../accounts/secure_account.ts'
import { signIn } from '../../accounts/sign_in.ts'
import { codeAt } from '../../policies/otp_window.ts'
import { giveKey } from '../support/otp_key.ts'
import { DAY_MS, MINUTE_MS, type School, startSchool } from '../support/school.ts'
import { lettersTo, noticeLettersTo, WRITES_MAILS } from './letters.ts'

const NOWHERE: Origin = {
  address: '203.0.113.9',
  userAgent: 'x',
  deviceToken: null,
  clientId: null,
}
const KEY_PIN = '7294'
const THIEF = 'thief@elsewhere.example'

let school: School
beforeAll(async () => {
  school = await startSchool(WRITES_MAILS)
})
afterAll(() => school.stop())

const core = () => school.gateway.core

const somebody = (identifier: string, more: Parameters<School['person']>[0] = {}) =>
  school.person({
    identifier,
    protection: 'notification',
    email: `${identifier}@tilleuls.example`,
    ...more,
  })

const stored = async (sub: string): Promise<Account> => {
  const account = await core().deps.store.accounts.bySub(sub)
  if (account === null) {
    throw new Error(`there is no ${sub}`)
  }
  return account
}

/** What the link of the newest notice of this code holds. */
const linkOf = async (sub: string, code: NoticeCode): Promise<string> => {
  const { deps } = core()
  const notice = (await deps.store.notices.list(sub, 50)).find((each) => each.code === code)
  if (notice === undefined) {
    throw new Error(`nothing was told of ${code}`)
  }
  return notMeToken(deps, { sub, noticeId: notice.id, atMs: notice.atMs })
}

const told = async (sub: string, code: NoticeCode): Promise<string> => {
  const { deps } = core()
  await deps.store.transact((tables) => tell(deps, tables, sub, code))
  const link = await linkOf(sub, code)
  school.later(MINUTE_MS)
  return link
}

const say = async (token: string): Promise<boolean> => {
  const { deps, endEverything } = core()
  const said = await sayNotMe(deps, endEverything, token, NOWHERE)
  school.later(MINUTE_MS)
  return said
}

const resetByMail = async (sub: string): Promise<void> => {
  const { accounts } = core().deps.store
  const { password } = await stored(sub)
  const record = { ...(password ?? expect.fail('a password')), setAt: core().deps.clock() }
  await accounts.resetPasswordByMail(sub, record.sealed, record)
}

/** Enrols an app, with a clock that goes on by `tickMs` at each reading. */
const enrol = async (sub: string, tickMs = 0) => {
  const { deps } = core()
  const account = await stored(sub)
  const policy = (await deps.store.policies.current())[account.userType]
  let ticked = 0
  const clock = () => {
    ticked += tickMs
    return deps.clock() + ticked
  }
  const ticking = { ...deps, clock }
  const begun = beginEnrolment(ticking)
  const { base32 } = secretOf(deps, begun, account)
  const seed = new Uint8Array(Secret.fromBase32(base32).buffer)
  const code = (): string =>
    codeAt({ algorithm: 'SHA1', digits: 6 }, seed, Math.floor(deps.clock() / 30_000))
  const typed = { pin: KEY_PIN, confirmation: KEY_PIN, code: code() }
  expect(await enrolApp(ticking, account, policy, begun, typed, NOWHERE)).toEqual({ ok: true })
  school.later(MINUTE_MS)
  return { serial: begun.serial, passcode: () => `${KEY_PIN}${code()}` }
}

const stateOf = async (serial: string) => (await core().deps.store.otpKeys.find(serial))?.state

/** Proves an address, as on the page of the account. */
const proveAddress = async (sub: string, email: string): Promise<void> => {
  const { deps } = core()
  const account = await stored(sub)
  const asking = { boundTo: 'session', locale: 'en' } as const
  const pending = await requestAddress(deps, account, email, asking)
  const letter = lettersTo(school, sub).at(-1)
  if (pending === null || letter?.template !== 'address_code') {
    throw new Error('no code was mailed')
  }
  const typed = { typed: letter.code, boundTo: 'session' }
  expect(await confirmAddress(deps, account, pending, typed, NOWHERE)).toBe(true)
  school.later(MINUTE_MS)
}

const securedMails = (sub: string) =>
  noticeLettersTo(school, sub)
    .filter(({ code }) => code === 'account_secured')
    .map(({ to }) => to)

const audited = async (sub: string, act: string) =>
  (await core().deps.store.audit.list({ sub, act }, 50)).map(({ detail }) => detail)

describe('"This wasn’t me" takes from the account what came to it in seven days', () => {
  it('an app, when said to the very mail about it, however the clock ticks in between', async () => {
    const { sub } = await somebody('nw.ticks')
    const { serial } = await enrol(sub, 1)
    expect(await say(await linkOf(sub, 'key_in_service'))).toBe(true)
    expect(await stateOf(serial)).toBe('lost')
  })

  it('an app that was enrolled before the notice which is answered', async () => {
    const { sub } = await somebody('nw.later')
    const app = await enrol(sub)
    school.later(2 * DAY_MS)
    await say(await told(sub, 'device_added'))
    expect(await stateOf(app.serial)).toBe('lost')
    expect(await audited(sub, 'key_lost')).toEqual([{ key: app.serial, why: 'not_me' }])
    const notices = await core().deps.store.notices.list(sub, 50)
    expect(notices.map(({ code }) => code)).toContain('key_lost')
    const typed = { identifier: 'nw.later', secret: app.passcode() }
    expect((await signIn(core().deps, typed, NOWHERE)).ok).toBe(false)
  })

  it('an app whose PIN the school has reset since', async () => {
    const { sub } = await somebody('nw.reset')
    const { serial } = await enrol(sub)
    const { otpKeys } = core().deps.store
    const key = await otpKeys.find(serial)
    if (key === null) {
      throw new Error('there is a key')
    }
    await otpKeys.save({ ...key, state: 'assigned', pin: null, inServiceAt: null })
    await say(await told(sub, 'new_connection'))
    expect(await stateOf(serial)).toBe('lost')
  })

  it('at the last moment that the notice about it can be answered, too', async () => {
    const { sub } = await somebody('nw.last')
    const { serial } = await enrol(sub, 5)
    const link = await linkOf(sub, 'key_in_service')
    const [notice] = await core().deps.store.notices.list(sub, 1)
    school.later((notice?.atMs ?? 0) + 7 * DAY_MS - 1 - core().deps.clock())
    expect(await say(link)).toBe(true)
    expect(await stateOf(serial)).toBe('lost')
  })

  it('a key of the school put in service in them; one from before stays, and an unused one', async () => {
    const { sub } = await somebody('nw.keys', { userType: 'staff' })
    const old = await giveKey(school, sub)
    school.later(8 * DAY_MS)
    const fresh = await giveKey(school, sub)
    const unused = await giveKey(school, sub, { state: 'assigned' })
    school.later(DAY_MS)
    await say(await told(sub, 'new_connection'))
    const states = await Promise.all([old, fresh, unused].map(({ serial }) => stateOf(serial)))
    expect(states).toEqual(['in_service', 'lost', 'assigned'])
  })

  it('but nothing that came before it was last said', async () => {
    const { sub } = await somebody('nw.twice', { userType: 'staff' })
    await say(await told(sub, 'new_connection'))
    const back = await giveKey(school, sub)
    const { otpKeys } = core().deps.store
    await otpKeys.save({ ...(await back.stored()), inServiceAt: core().deps.clock() - DAY_MS })
    await say(await told(sub, 'device_added'))
    expect(await stateOf(back.serial)).toBe('in_service')
  })

  it('also where the school has voided the password in between', async () => {
    const { sub } = await somebody('nw.voided')
    const { serial } = await enrol(sub)
    const link = await linkOf(sub, 'key_in_service')
    const { deps, endEverything } = core()
    await secureAccount(deps, endEverything, sub, 'password_voided', 'cli:test')
    school.later(MINUTE_MS)
    expect(await stateOf(serial)).toBe('in_service')
    expect(await say(link)).toBe(true)
    expect(await stateOf(serial)).toBe('lost')
  })

  it('an address that was proved before the notice; the one before it comes back', async () => {
    const { sub } = await somebody('nw.address')
    await proveAddress(sub, 'mine@home.example')
    school.later(8 * DAY_MS)
    await proveAddress(sub, THIEF)
    await proveAddress(sub, 'second.thief@elsewhere.example')
    await say(await told(sub, 'password_changed'))
    expect((await stored(sub)).verifiedEmail).toBe('mine@home.example')
    expect(await audited(sub, 'address_removed')).toEqual([{ why: 'not_me', restored: true }])
    expect(securedMails(sub)).toEqual(['mine@home.example', 'nw.address@tilleuls.example'])
    // It is not doubted the next time.
    await say(await told(sub, 'device_added'))
    expect((await stored(sub)).verifiedEmail).toBe('mine@home.example')
  })

  it('an address, where there was none before', async () => {
    const { sub } = await somebody('nw.first.address')
    await proveAddress(sub, THIEF)
    await say(await told(sub, 'password_changed'))
    expect((await stored(sub)).verifiedEmail).toBeNull()
    expect(await audited(sub, 'address_removed')).toEqual([{ why: 'not_me', restored: false }])
    expect(securedMails(sub)).toEqual(['nw.first.address@tilleuls.example'])
  })

  it('and is told to the address that was removed in them', async () => {
    const { sub } = await somebody('nw.removed')
    await proveAddress(sub, 'mine@home.example')
    school.later(8 * DAY_MS)
    await removeAddress(core().deps, await stored(sub), NOWHERE)
    await say(await told(sub, 'password_changed'))
    expect((await stored(sub)).verifiedEmail).toBeNull()
    expect(securedMails(sub)).toEqual(['nw.removed@tilleuls.example', 'mine@home.example'])
  })

  it('the address whose mailbox a password was reset by, however long it was theirs', async () => {
    const { sub } = await somebody('nw.mailbox')
    await proveAddress(sub, 'mine@home.example')
    school.later(8 * DAY_MS)
    await resetByMail(sub)
    await say(await told(sub, 'new_connection'))
    expect((await stored(sub)).verifiedEmail).toBeNull()
    expect(await audited(sub, 'address_removed')).toEqual([
      { why: 'password_reset_by_mail', restored: false },
    ])
    expect(securedMails(sub)).toEqual(['nw.mailbox@tilleuls.example', 'mine@home.example'])
  })

  it('but not the address of a reset that nobody doubted for seven days', async () => {
    const { sub } = await somebody('nw.mailbox.old')
    await proveAddress(sub, 'mine@home.example')
    await resetByMail(sub)
    school.later(8 * DAY_MS)
    await say(await told(sub, 'new_connection'))
    expect((await stored(sub)).verifiedEmail).toBe('mine@home.example')
  })

  it('of two addresses the one that the password was reset by', async () => {
    const { sub } = await somebody('nw.mailbox.thief')
    await proveAddress(sub, 'mine@home.example')
    school.later(8 * DAY_MS)
    await proveAddress(sub, THIEF)
    school.later(MINUTE_MS)
    await resetByMail(sub)
    await say(await told(sub, 'new_connection'))
    expect((await stored(sub)).verifiedEmail).toBe('mine@home.example')

    const other = await somebody('nw.mailbox.changed')
    await proveAddress(other.sub, 'mine@home.example')
    school.later(8 * DAY_MS)
    await resetByMail(other.sub)
    school.later(MINUTE_MS)
    await proveAddress(other.sub, THIEF)
    await say(await told(other.sub, 'new_connection'))
    expect((await stored(other.sub)).verifiedEmail).toBeNull()
  })

  it('but no address from before', async () => {
    const { sub } = await somebody('nw.own.address')
    await proveAddress(sub, 'mine@home.example')
    school.later(8 * DAY_MS)
    await say(await told(sub, 'password_changed'))
    expect((await stored(sub)).verifiedEmail).toBe('mine@home.example')
    expect(await audited(sub, 'address_removed')).toEqual([])
  })
})

describe('"This wasn’t me" that was cut short', () => {
  const killed = () => Promise.reject(new Error('killed'))

  it('ends the sessions when it is said again', async () => {
    const { deps } = core()
    const { sub } = await somebody('nw.killed')
    const link = await told(sub, 'new_connection')
    await expect(sayNotMe(deps, killed, link, NOWHERE)).rejects.toThrow('killed')
    const ended: string[] = []
    const end = async (whose: string) => void ended.push(whose)
    expect(await sayNotMe(deps, end, link, NOWHERE)).toBe(true)
    expect(ended).toEqual([sub])
    expect(await audited(sub, 'not_me')).toHaveLength(1)
  })

  it('ends none of whoever is back since', async () => {
    const { deps } = core()
    const { sub } = await somebody('nw.killed.back')
    const link = await told(sub, 'new_connection')
    await expect(sayNotMe(deps, killed, link, NOWHERE)).rejects.toThrow('killed')
    await recovered(sub)
    expect(await sayNotMe(deps, killed, link, NOWHERE)).toBe(false)
  })
})

/** The school has handed out another password. */
const recovered = async (sub: string): Promise<void> => {
  const { password } = await stored(sub)
  if (password === null) {
    throw new Error('there is a password')
  }
  const atMs = core().deps.clock()
  const { accounts } = core().deps.store
  await accounts.setPassword(sub, { ...password, voidedAt: null, setAt: atMs })
}

describe('a second mail from before', () => {
  const twoMails = async (identifier: string, more: Parameters<School['person']>[0] = {}) => {
    const { sub } = await somebody(identifier, more)
    const first = await told(sub, 'new_connection')
    return { sub, first, second: await told(sub, 'device_added') }
  }

  it('leads to the ways back while the account is shut', async () => {
    const { sub, first, second } = await twoMails('nw.second')
    await say(first)
    expect((await notMeState(core().deps, second)).step).toBe('done')
    expect(await say(second)).toBe(true)
    expect(await audited(sub, 'not_me')).toHaveLength(1)
  })

  it('voids nothing once its person is back in', async () => {
    const { sub, first, second } = await twoMails('nw.back')
    await say(first)
    await recovered(sub)
    const before = await stored(sub)
    expect((await notMeState(core().deps, second)).step).toBe('over')
    expect(await say(second)).toBe(false)
    expect(await stored(sub)).toEqual(before)
  })

  it('nor where it was the school that had voided the password', async () => {
    const { sub, first } = await twoMails('nw.school')
    const { deps, endEverything } = core()
    await secureAccount(deps, endEverything, sub, 'password_voided', 'cli:test')
    school.later(MINUTE_MS)
    expect((await notMeState(deps, first)).step).toBe('ask')
    await recovered(sub)
    expect((await notMeState(deps, first)).step).toBe('over')
    expect(await say(first)).toBe(false)
  })

  it('takes no new key from somebody who comes in by a key alone', async () => {
    const more = { userType: 'staff', password: null } as const
    const { sub, first, second } = await twoMails('nw.key.alone', more)
    await say(first)
    const key = await giveKey(school, sub)
    const typed = { identifier: 'nw.key.alone', secret: key.passcode() }
    expect((await signIn(core().deps, typed, NOWHERE)).ok).toBe(true)
    expect((await notMeState(core().deps, second)).step).toBe('over')
    expect(await say(second)).toBe(false)
    expect((await key.stored()).state).toBe('in_service')
  })

  it('is asked as ever where the school did something else since', async () => {
    const { sub, second } = await twoMails('nw.else')
    await core().deps.store.accounts.voidBefore(sub, core().deps.clock())
    school.later(MINUTE_MS)
    expect((await notMeState(core().deps, second)).step).toBe('ask')
  })
})
