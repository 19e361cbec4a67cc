import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { disable } from '../../accounts/administer.ts'
import { resyncKey, testKey } from '../../accounts/desk_codes.ts'
import {
  assignKey,
  lendKey,
  reopenKey,
  reportKeyLost,
  resetKeyPin,
  unblockKey,
  withdrawKey,
} from '../../accounts/desk_keys.ts'
import { writeDownDeadlines } from '../../accounts/key_deadlines.ts'
import { block, keyInStock, type OtpKey, putInService } from '../../accounts/otp_key.ts'
import { sealSeed } from '../../accounts/otp_seed.ts'
import type { Deps, OtpKeyStore } from '../../accounts/ports.ts'
import { codeAt } from '../../policies/otp_window.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { type Office, openOffice } from '../cli/office.ts'

const BY = 'cli:office'
const MINUTE_MS = 60_000
const DAY_MS = 24 * 3_600_000
const SEED = Buffer.from('12345678901234567890')
const PIN = { sealed: 'a hash', length: 4, setAt: 0 }

let office: Office
let deps: Deps
let keys: OtpKeyStore
let sub: string
let ended: string[]

const endEverything = async (whom: string): Promise<void> => {
  ended.push(whom)
}

beforeEach(async () => {
  office = await openOffice()
  deps = office.core.deps
  keys = deps.store.otpKeys
  ended = []
  await office.import(
    'external_id,identifier,user_type,given_name,family_name\n' +
      'T1,camille,teacher,Camille,Moreau\nS1,zoe,staff,Zoé,Petit\n',
  )
  sub = (await office.person('camille')).sub
  await addKey('K1')
})
afterEach(() => office.close())

const addKey = async (serial: string, kind: 'totp' | 'hotp' = 'totp'): Promise<void> => {
  const made = { serial, kind, algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const
  const sealedSeed = sealSeed(deps, serial, SEED)
  await keys.add(keyInStock({ ...made, sealedSeed, counter: 0 }, office.now()))
}

const key = async (serial = 'K1'): Promise<OtpKey> =>
  (await keys.find(serial)) ?? expect.fail(`there is no key ${serial}`)

/** What the person did with a key that the school gave them. */
const inService = async (serial = 'K1'): Promise<void> => {
  await assignKey(deps, serial, sub, BY)
  const put = putInService(await key(serial), office.now(), PIN)
  await keys.save(put.ok ? put.key : expect.fail('the key cannot be put in service'))
}

const blocked = async (): Promise<void> => {
  await inService()
  const now = block({ ...(await key()), wrongPins: 10 }, office.now())
  await keys.save(now.ok ? now.key : expect.fail('the key cannot be blocked'))
}

/** What a TOTP key shows whose clock is ahead of ours. */
const shown = async (aheadMs = 0, serial = 'K1'): Promise<string> =>
  codeAt(await key(serial), SEED, Math.floor((office.now() + aheadMs) / 30_000))

const newestAudit = async () => (await office.audit())[0]
const acts = async () =>
  (await office.audit()).map(({ act }) => act).filter((act) => /^key_/.test(act))
const told = async (whom = sub) =>
  (await deps.store.notices.list(whom, 50)).map(({ code, params }) => [code, params['key']])

const policyOf = async (teacher: object): Promise<boolean> =>
  deps.store.policies.save(
    {
      id: JSON.stringify(teacher),
      atMs: office.now(),
      by: 'test',
      why: '',
      policies: { ...DEFAULT_POLICIES, teacher: policySchema.parse(teacher) },
    },
    (await deps.store.policies.newest())?.id ?? null,
  )

describe('an administrator who gives a key to somebody', () => {
  it('sets the deadline of the policy, tells the person, and leaves a trace', async () => {
    await policyOf({ otp_keys: { first_use_days: 3 } })
    const firstUseBy = office.now() + 3 * DAY_MS
    const result = await assignKey(deps, 'K1', sub, BY)
    expect(result).toMatchObject({ ok: true, key: { state: 'assigned', sub, firstUseBy } })
    expect(await key()).toMatchObject({ state: 'assigned', sub, firstUseBy, loanUntil: null })
    expect((await office.person('camille')).hasOtpKeys).toBe(true)
    expect(await told()).toEqual([['key_assigned', 'K1']])
    expect(await newestAudit()).toMatchObject({
      act: 'key_assigned',
      actor: BY,
      sub,
      detail: { key: 'K1' },
    })
  })

  it('cannot give it to nobody, to a disabled account, or where the policy has no keys', async () => {
    const reasons = async (serial: string, whom: string) => {
      const results = [
        await assignKey(deps, serial, whom, BY),
        await lendKey(deps, serial, whom, BY),
      ]
      return results.map((result) => (result.ok ? 'given' : result.reason))
    }
    expect(await reasons('K2', sub)).toEqual(['unknown_key', 'unknown_key'])
    expect(await reasons('K1', 'nobody')).toEqual(['unknown_account', 'unknown_account'])
    const { sub: zoe } = await office.person('zoe')
    await disable(deps, endEverything, zoe, BY)
    expect(await reasons('K1', zoe)).toEqual(['account_disabled', 'account_disabled'])
    await policyOf({ otp: 'off' })
    expect(await reasons('K1', sub)).toEqual(['otp_off', 'otp_off'])
    expect([await acts(), await told(), (await key()).state]).toEqual([[], [], 'in_stock'])
  })

  it('cannot give away a key that somebody has', async () => {
    await inService()
    const { sub: zoe } = await office.person('zoe')
    expect(await assignKey(deps, 'K1', zoe, BY)).toEqual({
      ok: false,
      reason: 'illegal',
      state: 'in_service',
    })
    expect(await key()).toMatchObject({ state: 'in_service', sub })
    expect(await told(zoe)).toEqual([])
  })

  it('of two at once gives it to one person', async () => {
    const { sub: zoe } = await office.person('zoe')
    const results = await Promise.all([sub, zoe].map((whom) => assignKey(deps, 'K1', whom, BY)))
    const [winner, ...others] = results.flatMap((result) => (result.ok ? [result.key.sub] : []))
    expect(others).toEqual([])
    expect((await key()).sub).toBe(winner)
  })

  it('lends it for a day; then it is free for somebody else, whether or not anybody looked', async () => {
    expect(await lendKey(deps, 'K1', sub, BY)).toMatchObject({
      ok: true,
      key: { firstUseBy: office.now() + DAY_MS, loanUntil: office.now() + DAY_MS },
    })
    expect(await told()).toEqual([['key_lent', 'K1']])
    office.later(DAY_MS)
    const { sub: zoe } = await office.person('zoe')
    expect(await assignKey(deps, 'K1', zoe, BY)).toMatchObject({ ok: true })
    expect(await key()).toMatchObject({ state: 'assigned', sub: zoe, loanUntil: null })
    expect(await acts()).toEqual(['key_assigned', 'key_loan_ended', 'key_lent'])
  })
})

describe('an administrator who takes a key back', () => {
  it('withdraws it: it is nobody’s, its PIN is gone, and who had it is told', async () => {
    await inService()
    expect(await withdrawKey(deps, 'K1', BY)).toMatchObject({ ok: true })
    expect(await key()).toMatchObject({ state: 'withdrawn', sub: null, pin: null })
    expect((await office.person('camille')).hasOtpKeys).toBe(false)
    expect(await told()).toEqual([
      ['key_withdrawn', 'K1'],
      ['key_assigned', 'K1'],
    ])
    expect(await newestAudit()).toMatchObject({ act: 'key_withdrawn', actor: BY, sub })
    expect(await withdrawKey(deps, 'K1', BY)).toMatchObject({ ok: false, state: 'withdrawn' })
    expect(await withdrawKey(deps, 'K9', BY)).toEqual({ ok: false, reason: 'unknown_key' })
  })

  it('tells nobody where nobody had it', async () => {
    expect(await withdrawKey(deps, 'K1', BY)).toMatchObject({ ok: true })
    expect(await newestAudit()).toMatchObject({ act: 'key_withdrawn', sub: null })
  })
})

describe('an administrator who is told that a key is lost', () => {
  it('shuts out whoever holds it: what they proved is void, all their sessions end', async () => {
    await inService()
    office.later(MINUTE_MS)
    expect(await reportKeyLost(deps, endEverything, 'K1', BY)).toMatchObject({ ok: true })
    expect(await key()).toMatchObject({ state: 'lost', sub, pin: null })
    expect((await office.person('camille')).validAfter).toBe(office.now())
    expect(ended).toEqual([sub])
    expect((await told())[0]).toEqual(['key_lost', 'K1'])
    expect(await newestAudit()).toMatchObject({ act: 'key_lost', actor: BY, sub })
  })

  it('does so for a blocked key, and for one whose PIN was reset after it had been in use', async () => {
    await blocked()
    office.later(MINUTE_MS)
    await resetKeyPin(deps, 'K1', BY)
    office.later(MINUTE_MS)
    expect(await reportKeyLost(deps, endEverything, 'K1', BY)).toMatchObject({ ok: true })
    await addKey('K2')
    await inService('K2')
    const now = block(await key('K2'), office.now())
    await keys.save(now.ok ? now.key : expect.fail('not blocked'))
    expect(await reportKeyLost(deps, endEverything, 'K2', BY)).toMatchObject({ ok: true })
    expect(ended).toEqual([sub, sub])
  })

  it('leaves people signed in when the key had never served them', async () => {
    const before = (await office.person('camille')).validAfter
    await inService()
    await withdrawKey(deps, 'K1', BY)
    office.later(MINUTE_MS)
    const { sub: zoe } = await office.person('zoe')
    await assignKey(deps, 'K1', zoe, BY)
    expect(await reportKeyLost(deps, endEverything, 'K1', BY)).toMatchObject({ ok: true })
    expect(ended).toEqual([])
    expect((await office.person('camille')).validAfter).toBe(before)
  })

  it('can give the key to somebody else once it was found and withdrawn', async () => {
    await inService()
    await reportKeyLost(deps, endEverything, 'K1', BY)
    expect(await assignKey(deps, 'K1', sub, BY)).toMatchObject({ ok: false, state: 'lost' })
    await withdrawKey(deps, 'K1', BY)
    expect(await assignKey(deps, 'K1', sub, BY)).toMatchObject({ ok: true })
  })
})

describe('an administrator who helps somebody on with their key', () => {
  it('unblocks it: the PIN stays, its wrong tries are forgotten', async () => {
    await blocked()
    expect(await unblockKey(deps, 'K1', BY)).toMatchObject({ ok: true })
    expect(await key()).toMatchObject({ state: 'in_service', pin: PIN, wrongPins: 0 })
    expect((await told())[0]).toEqual(['key_unblocked', 'K1'])
    expect(await newestAudit()).toMatchObject({ act: 'key_unblocked', actor: BY, sub })
    expect(await unblockKey(deps, 'K1', BY)).toMatchObject({ ok: false, state: 'in_service' })
  })

  it('reopens a first use that came too late, with as much time as at first', async () => {
    await assignKey(deps, 'K1', sub, BY)
    expect(await reopenKey(deps, 'K1', BY)).toMatchObject({ ok: false, state: 'assigned' })
    office.later(14 * DAY_MS)
    expect(await reopenKey(deps, 'K1', BY)).toMatchObject({ ok: true })
    const firstUseBy = office.now() + 14 * DAY_MS
    expect(await key()).toMatchObject({ state: 'assigned', sub, firstUseBy, firstUseTries: 0 })
    expect(await acts()).toEqual([
      'key_activation_reopened',
      'key_activation_closed',
      'key_assigned',
    ])
    expect((await told())[0]).toEqual(['key_activation_reopened', 'K1'])
  })

  it('resets its PIN: first use again, by the same person, whose sessions stay', async () => {
    await inService()
    const before = (await office.person('camille')).validAfter
    office.later(DAY_MS)
    expect(await resetKeyPin(deps, 'K1', BY)).toMatchObject({ ok: true })
    const firstUseBy = office.now() + 14 * DAY_MS
    expect(await key()).toMatchObject({ state: 'assigned', sub, pin: null, firstUseBy })
    expect([(await office.person('camille')).validAfter, ended]).toEqual([before, []])
    expect((await told())[0]).toEqual(['key_pin_reset', 'K1'])
    expect(await newestAudit()).toMatchObject({ act: 'key_pin_reset', actor: BY, sub })
  })

  it('gives no new first use beyond the end of a loan', async () => {
    await lendKey(deps, 'K1', sub, BY)
    const { loanUntil } = await key()
    const put = putInService(await key(), office.now(), PIN)
    await keys.save(put.ok ? put.key : expect.fail('not in service'))
    office.later(DAY_MS / 2)
    expect(await resetKeyPin(deps, 'K1', BY)).toMatchObject({ ok: true })
    expect(await key()).toMatchObject({ firstUseBy: loanUntil, loanUntil })
    office.later(DAY_MS / 2)
    expect(await reopenKey(deps, 'K1', BY)).toMatchObject({ ok: false, state: 'in_stock' })
  })
})

describe('a key tested at the desk', () => {
  it('is good, with how far its clock is from ours; the code is used up by that', async () => {
    await inService()
    office.later(DAY_MS)
    const code = await shown(40_000)
    const result = await testKey(deps, 'K1', code, BY)
    const ahead = result.ok && result.position.kind === 'totp' ? result.position.aheadMs : 0
    expect(Math.abs(ahead - 40_000)).toBeLessThanOrEqual(15_000)
    expect(await newestAudit()).toMatchObject({
      act: 'key_tested',
      outcome: 'done',
      actor: BY,
      sub,
      detail: { key: 'K1', ahead_seconds: Math.round(ahead / 1000) },
    })
    expect(await testKey(deps, 'K1', code, BY)).toEqual({ ok: false, reason: 'wrong_code' })
    expect(await newestAudit()).toMatchObject({ act: 'key_tested', outcome: 'refused' })
    expect((await key()).wrongPins).toBe(0)
  })

  it('is good in stock, where nobody has it yet, with a code of a counter too', async () => {
    expect(await testKey(deps, 'K1', await shown(), BY)).toMatchObject({ ok: true })
    await addKey('H1', 'hotp')
    expect(await testKey(deps, 'H1', codeAt(await key('H1'), SEED, 4), BY)).toEqual({
      ok: true,
      position: { kind: 'hotp', counter: 4 },
    })
    expect((await key('H1')).next).toBe(5)
  })

  it('needs a second code when it is far out, and is right again after that', async () => {
    await inService()
    const far = 7 * MINUTE_MS
    const first = await testKey(deps, 'K1', await shown(far), BY)
    expect(first).toEqual({ ok: false, reason: 'needs_two_codes' })
    office.later(30_000)
    const second = await testKey(deps, 'K1', await shown(far), BY)
    const ahead = second.ok && second.position.kind === 'totp' ? second.position.aheadMs : 0
    expect(Math.abs(ahead - far)).toBeLessThanOrEqual(15_000)
  })

  it('does not move its counter for one code that is far out', async () => {
    await addKey('H1', 'hotp')
    const code = codeAt(await key('H1'), SEED, 57)
    expect(await testKey(deps, 'H1', code, BY)).toMatchObject({ reason: 'needs_two_codes' })
    expect((await key('H1')).next).toBe(0)
  })

  it('is not there when it is lost, withdrawn or unknown', async () => {
    await withdrawKey(deps, 'K1', BY)
    expect(await testKey(deps, 'K1', await shown(), BY)).toMatchObject({ state: 'withdrawn' })
    await reportKeyLost(deps, endEverything, 'K1', BY)
    const codes = { first: await shown(), second: await shown(30_000) }
    expect(await resyncKey(deps, 'K1', codes, BY)).toMatchObject({ ok: false, state: 'lost' })
    expect(await testKey(deps, 'K9', '123456', BY)).toEqual({ ok: false, reason: 'unknown_key' })
  })
})

describe('a key put right at the desk', () => {
  it.each([-9, -2, 0, 2, 9])('by two codes in a row, %i minutes out', async (minutes) => {
    await inService()
    office.later(DAY_MS)
    const far = minutes * MINUTE_MS
    const first = await shown(far)
    office.later(30_000)
    const second = await shown(far)
    const result = await resyncKey(deps, 'K1', { first, second }, BY)
    const ahead = result.ok && result.position.kind === 'totp' ? result.position.aheadMs : Infinity
    expect(Math.abs(ahead - far)).toBeLessThanOrEqual(15_000)
    expect(await newestAudit()).toMatchObject({
      act: 'key_resynchronised',
      outcome: 'done',
      sub,
      detail: { key: 'K1', ahead_seconds: Math.round(ahead / 1000) },
    })
    for (const code of [first, second]) {
      expect(await testKey(deps, 'K1', code, BY)).toEqual({ ok: false, reason: 'wrong_code' })
    }
    office.later(30_000)
    expect(await testKey(deps, 'K1', await shown(far), BY)).toMatchObject({ ok: true })
  })

  it('whoever has it, or nobody, and whatever its state', async () => {
    const pair = async (serial: string) => {
      const first = await shown(3 * MINUTE_MS, serial)
      office.later(30_000)
      return { first, second: await shown(3 * MINUTE_MS, serial) }
    }
    expect(await resyncKey(deps, 'K1', await pair('K1'), BY)).toMatchObject({ ok: true })
    office.later(60_000)
    await blocked()
    expect(await resyncKey(deps, 'K1', await pair('K1'), BY)).toMatchObject({ ok: true })
    expect(await key()).toMatchObject({ state: 'blocked', wrongPins: 10 })
  })

  it('by two codes of counters, up to a hundred further on', async () => {
    await addKey('H1', 'hotp')
    const pair = async (step: number) => ({
      first: codeAt(await key('H1'), SEED, step),
      second: codeAt(await key('H1'), SEED, step + 1),
    })
    expect(await resyncKey(deps, 'H1', await pair(101), BY)).toMatchObject({ reason: 'wrong_code' })
    expect(await resyncKey(deps, 'H1', await pair(100), BY)).toEqual({
      ok: true,
      position: { kind: 'hotp', counter: 101 },
    })
    expect(await resyncKey(deps, 'H1', await pair(100), BY)).toMatchObject({ reason: 'wrong_code' })
    expect((await key('H1')).next).toBe(102)
  })

  it('not by one code twice, nor by two that do not follow each other', async () => {
    const far = 5 * MINUTE_MS
    const once = await shown(far)
    expect(await resyncKey(deps, 'K1', { first: once, second: once }, BY)).toEqual({
      ok: false,
      reason: 'not_in_a_row',
    })
    const apart = { first: await shown(far + 60_000), second: await shown(far + 120_000) }
    expect(await resyncKey(deps, 'K1', apart, BY)).toMatchObject({ reason: 'not_in_a_row' })
    expect(await newestAudit()).toMatchObject({
      act: 'key_resynchronised',
      outcome: 'refused',
      detail: { key: 'K1', why: 'not_in_a_row' },
    })
    for (const code of [once, apart.first, apart.second]) {
      expect(await testKey(deps, 'K1', code, BY)).toEqual({ ok: false, reason: 'wrong_code' })
    }
  })

  it('nor by two that would both be good alone, but do not follow each other', async () => {
    const near = { first: await shown(-30_000), second: await shown(30_000) }
    expect(await resyncKey(deps, 'K1', near, BY)).toMatchObject({ reason: 'not_in_a_row' })
    await addKey('H1', 'hotp')
    const [first, second] = [2, 4].map((step) =>
      codeAt({ algorithm: 'SHA1', digits: 6 }, SEED, step),
    )
    const counters = { first: first ?? '', second: second ?? '' }
    expect(await resyncKey(deps, 'H1', counters, BY)).toMatchObject({ reason: 'not_in_a_row' })
    for (const code of [counters.first, counters.second]) {
      expect(await testKey(deps, 'H1', code, BY)).toMatchObject({ reason: 'wrong_code' })
    }
  })

  it('with no code of it in the audit, right or wrong', async () => {
    const typed = [await shown(), await shown(30_000), '000000']
    await testKey(deps, 'K1', typed[0] ?? '', BY)
    await resyncKey(deps, 'K1', { first: typed[1] ?? '', second: typed[2] ?? '' }, BY)
    await testKey(deps, 'K1', typed[2] ?? '', BY)
    const details = (await office.audit())
      .filter(({ act }) => /^key_/.test(act))
      .map(({ detail }) => detail)
    expect(details).toHaveLength(3)
    expect(typed.filter((code) => JSON.stringify(details).includes(code))).toEqual([])
  })

  it('never goes back behind a code that was used, and takes none twice', async () => {
    const steps = fc.array(
      fc.record({
        serial: fc.constantFrom('K1', 'H1'),
        twice: fc.boolean(),
        from: fc.integer({ min: -25, max: 25 }),
        laterMs: fc.constantFrom(0, 30_000, 300_000),
      }),
      { minLength: 1, maxLength: 12 },
    )
    await addKey('H1', 'hotp')
    const accepted = new Set<string>()
    const go = async (serial: string, twice: boolean, from: number): Promise<void> => {
      const before = await key(serial)
      const here = before.kind === 'totp' ? Math.floor(office.now() / 30_000) : before.next
      const [at, next] = [Math.max(0, here + from), Math.max(0, here + from) + 1]
      const [first, second] = [codeAt(before, SEED, at), codeAt(before, SEED, next)]
      const result = twice
        ? await resyncKey(deps, serial, { first, second }, BY)
        : await testKey(deps, serial, first, BY)
      const after = await key(serial)
      expect(after.next).toBeGreaterThanOrEqual(before.next)
      if (result.ok) {
        const last = `${serial} ${after.next - 1}`
        expect(accepted).not.toContain(last)
        accepted.add(last)
      }
    }
    await fc.assert(
      fc.asyncProperty(steps, async (each) => {
        for (const { serial, twice, from, laterMs } of each) {
          office.later(laterMs)
          await go(serial, twice, from)
        }
      }),
      { numRuns: 40 },
    )
    expect(accepted.size).toBeGreaterThan(10)
  })
})

describe('deadlines that have passed', () => {
  it('are written down once: the person is told that the activation is closed', async () => {
    await assignKey(deps, 'K1', sub, BY)
    expect(await writeDownDeadlines(deps)).toBe(0)
    office.later(14 * DAY_MS)
    expect(await writeDownDeadlines(deps)).toBe(1)
    expect(await key()).toMatchObject({ state: 'activation_closed', sub, firstUseBy: null })
    expect(await writeDownDeadlines(deps)).toBe(0)
    expect(await told()).toEqual([
      ['key_activation_closed', 'K1'],
      ['key_assigned', 'K1'],
    ])
    expect(await newestAudit()).toMatchObject({
      act: 'key_activation_closed',
      actor: null,
      sub,
      detail: { key: 'K1', why: 'deadline' },
    })
  })

  it('of loans put the keys in stock, used or not', async () => {
    await addKey('K2')
    await lendKey(deps, 'K1', sub, BY)
    await lendKey(deps, 'K2', sub, BY)
    const put = putInService(await key(), office.now(), PIN)
    await keys.save(put.ok ? put.key : expect.fail('not in service'))
    office.later(DAY_MS)
    expect(await writeDownDeadlines(deps)).toBe(2)
    for (const serial of ['K1', 'K2']) {
      expect(await key(serial)).toMatchObject({ state: 'in_stock', sub: null, pin: null })
    }
    expect(await acts()).toEqual(['key_loan_ended', 'key_loan_ended', 'key_lent', 'key_lent'])
    expect(await newestAudit()).toMatchObject({ actor: null, sub })
  })

  it('are written down for a whole school, by two processes at once, each key once', async () => {
    const serials = Array.from({ length: 120 }, (_, i) => `N${i}`)
    for (const serial of serials) {
      await addKey(serial)
      await assignKey(deps, serial, sub, BY)
    }
    office.later(14 * DAY_MS)
    const written = await Promise.all([writeDownDeadlines(deps), writeDownDeadlines(deps)])
    expect(written.reduce((sum, each) => sum + each, 0)).toBe(120)
    const closed = (await acts()).filter((act) => act === 'key_activation_closed')
    expect(closed).toHaveLength(120)
  })
})
