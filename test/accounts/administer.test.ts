import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pinState } from '../../accounts/account.ts'
import { disable, enable, resetPin, unblockPin } from '../../accounts/administer.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { LANE, type Office, openOffice } from '../cli/office.ts'

const PIN = '8306'
const BY = 'cli:office'
const LIMIT = 3

let office: Office
let sub: string
let ended: string[]

const endEverything = async (whom: string): Promise<void> => {
  ended.push(whom)
}

beforeEach(async () => {
  office = await openOffice()
  ended = []
  await office.import(
    'external_id,identifier,user_type,given_name,family_name,birth_date\n' +
      'T1,camille,teacher,Camille,Moreau,1979-03-14\n',
  )
  const account = await office.person('camille')
  sub = account.sub
  const { store, hasher } = office.core.deps
  await store.accounts.setPin(sub, {
    sealed: await hasher.hash(PIN, pinOwner(sub), LANE),
    origin: 'chosen',
    setAt: office.now(),
    length: 4,
    blockedAt: null,
  })
  office.later(60_000)
})
afterEach(() => office.close())

const failPin = async (times: number): Promise<void> => {
  const { pinTries } = office.core.deps.store
  for (let i = 0; i < times; i += 1) {
    const begun = await pinTries.begin(sub, 'a-browser', LIMIT, office.now())
    if (begun.ok) {
      await pinTries.wrong(sub, begun.tryId, LIMIT, office.now())
    }
  }
}

const addDevice = (id: string): Promise<void> =>
  office.core.deps.store.devices.add({
    id,
    sub,
    browserId: `browser-${id}`,
    name: 'Room 201',
    browserName: 'Firefox',
    systemName: 'Windows',
    network: '192.0.2.0/24',
    addedAt: office.now(),
    lastSeenAt: office.now(),
    addedUnder: 'pin',
  })

const isPin = async (pin: string): Promise<boolean> => {
  const { pin: record } = await office.person('camille')
  const { hasher } = office.core.deps
  return (await hasher.verify(pin, record?.sealed ?? null, pinOwner(sub), LANE)).right
}

const newestAudit = async () => (await office.audit())[0]

describe('an administrator', () => {
  it('unblocks a PIN: it stays the same, and its wrong tries are forgotten', async () => {
    await failPin(LIMIT)
    expect(pinState((await office.person('camille')).pin)).toBe('blocked')
    expect(await unblockPin(office.core.deps, sub, BY)).toEqual({ ok: true, changed: true })
    expect(pinState((await office.person('camille')).pin)).toBe('in_use')
    expect(await isPin(PIN)).toBe(true)
    await failPin(LIMIT - 1)
    expect(pinState((await office.person('camille')).pin)).toBe('in_use')
    expect(await newestAudit()).toMatchObject({ act: 'pin_unblocked', actor: BY, sub })
  })

  it('resets a PIN: generated, told, every device and session gone', async () => {
    await failPin(LIMIT)
    await addDevice('one')
    await addDevice('two')
    const result = await resetPin(office.core.deps, endEverything, sub, BY)
    expect(result).toMatchObject({ ok: true, devicesForgotten: 2 })
    const pin = result.ok ? result.pin : ''
    expect(pin).toMatch(/^\d{4}$/)
    expect(await isPin(pin)).toBe(true)
    const account = await office.person('camille')
    expect(pinState(account.pin)).toBe('generated')
    expect(account.validAfter).toBe(office.now())
    const { devices, notices } = office.core.deps.store
    expect(await devices.list(sub)).toEqual([])
    expect((await notices.list(sub, 5)).map(({ code }) => code)).toEqual(['pin_reset'])
    expect(ended).toEqual([sub])
    const entry = await newestAudit()
    expect(entry).toMatchObject({ act: 'pin_generated', actor: BY, sub })
    expect(JSON.stringify(entry?.detail)).not.toContain(pin)
    await failPin(LIMIT - 1)
    expect(pinState((await office.person('camille')).pin)).toBe('generated')
  })

  it('resets the PIN of somebody who had chosen to do without: it is asked from then on', async () => {
    await office.core.deps.store.accounts.setProtection(sub, 'none')
    expect(await resetPin(office.core.deps, endEverything, sub, BY)).toMatchObject({ ok: true })
    expect((await office.person('camille')).protection).toBe('pin')
  })

  it('gives the PIN the length of the policy, and none where it offers none', async () => {
    const { policies } = office.core.deps.store
    const apply = async (id: string, teacher: object): Promise<boolean> =>
      policies.save(
        {
          id,
          atMs: office.now(),
          by: 'test',
          why: '',
          policies: { ...DEFAULT_POLICIES, teacher: policySchema.parse(teacher) },
        },
        (await policies.newest())?.id ?? null,
      )
    await apply('six', { pin: { min_length: 6 } })
    const result = await resetPin(office.core.deps, endEverything, sub, BY)
    expect(result.ok ? result.pin : '').toMatch(/^\d{6}$/)
    office.later(1000)
    await apply('without', { protections: ['none'] })
    expect(await resetPin(office.core.deps, endEverything, sub, BY)).toEqual({
      ok: false,
      reason: 'pin_not_offered',
    })
  })

  it('of two resets at once shows one PIN only, and that one holds', async () => {
    const results = await Promise.all(
      [1, 2].map(() => resetPin(office.core.deps, endEverything, sub, BY)),
    )
    const pins = results.flatMap((result) => (result.ok ? [result.pin] : []))
    expect(pins).toHaveLength(1)
    expect(await isPin(pins[0] ?? '')).toBe(true)
  })

  it('disables an account: nothing issued before holds, and a repeat changes nothing', async () => {
    expect(await disable(office.core.deps, endEverything, sub, BY)).toEqual({
      ok: true,
      changed: true,
    })
    const account = await office.person('camille')
    expect([account.disabledAt, account.validAfter]).toEqual([office.now(), office.now()])
    expect(ended).toEqual([sub])
    expect(await newestAudit()).toMatchObject({ act: 'account_disabled', actor: BY, sub })
    office.later(1000)
    expect(await disable(office.core.deps, endEverything, sub, BY)).toEqual({
      ok: true,
      changed: false,
    })
    expect((await office.person('camille')).disabledAt).toBe(account.disabledAt)
  })

  it('enables it again; what was void stays void', async () => {
    await disable(office.core.deps, endEverything, sub, BY)
    const { validAfter } = await office.person('camille')
    office.later(1000)
    expect(await enable(office.core.deps, sub, BY)).toEqual({ ok: true, changed: true })
    expect(await office.person('camille')).toMatchObject({ disabledAt: null, validAfter })
    expect(await enable(office.core.deps, sub, BY)).toEqual({ ok: true, changed: false })
  })

  it('is told when the account is not there, or has no PIN', async () => {
    const { deps } = office.core
    const gone = { ok: false, reason: 'unknown_account' }
    expect(await unblockPin(deps, 'nobody', BY)).toEqual(gone)
    expect(await resetPin(deps, endEverything, 'nobody', BY)).toEqual(gone)
    expect(await disable(deps, endEverything, 'nobody', BY)).toEqual(gone)
    expect(await enable(deps, 'nobody', BY)).toEqual(gone)
    await office.import('identifier,user_type,given_name,family_name\nnew,staff,A,B\n')
    const { sub: other } = await office.person('new')
    expect(await unblockPin(deps, other, BY)).toEqual({ ok: false, reason: 'no_pin' })
    expect(ended).toEqual([])
  })
})
