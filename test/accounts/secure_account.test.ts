import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { disable } from '../../accounts/administer.ts'
import { secureAccount } from '../../accounts/secure_account.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { LANE, type Office, openOffice } from '../cli/office.ts'

const BY = 'cli:office'
const HEADER = 'external_id,identifier,user_type,given_name,family_name,password'
const CAMILLE = 'T1,camille,teacher,Camille,Moreau,secret-of-camille'
const SACHA = 'T2,sacha,teacher,Sacha,Petit,'

let office: Office
let sub: string
/** `valid_after` of each account, at the moment when its sessions were ended. */
let ended: [string, number | undefined][]

const endEverything = async (whom: string): Promise<void> => {
  const account = await office.core.deps.store.accounts.bySub(whom)
  ended.push([whom, account?.validAfter])
}

const shut = (whom = sub) =>
  secureAccount(office.core.deps, endEverything, whom, 'password_voided', BY)

beforeEach(async () => {
  office = await openOffice()
  ended = []
  await office.import([HEADER, CAMILLE, SACHA, ''].join('\n'))
  sub = (await office.person('camille')).sub
  const { store, hasher } = office.core.deps
  await store.accounts.setPin(sub, {
    sealed: await hasher.hash('8306', pinOwner(sub), LANE),
    origin: 'chosen',
    setAt: office.now(),
    length: 4,
    blockedAt: null,
  })
  for (const id of ['one', 'two']) {
    await store.devices.add({
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
  }
  office.later(60_000)
})
afterEach(() => office.close())

const notices = async (whom = sub): Promise<string[]> =>
  (await office.core.deps.store.notices.list(whom, 10)).map(({ code }) => code)

describe('the school that voids a password', () => {
  it('shuts everybody out: durable first, then the sessions end', async () => {
    const nowMs = office.now()
    expect(await shut()).toEqual({
      ok: true,
      changed: true,
      passwordVoided: true,
      pinBlocked: true,
      devicesForgotten: 2,
    })
    const account = await office.person('camille')
    expect(account).toMatchObject({
      password: { voidedAt: nowMs },
      pin: { blockedAt: nowMs },
      validAfter: nowMs,
    })
    expect(await office.core.deps.store.devices.list(sub)).toEqual([])
    expect(ended).toEqual([[sub, nowMs]])
    expect(await notices()).toEqual(['password_voided'])
    expect((await office.audit())[0]).toMatchObject({
      act: 'password_voided',
      actor: BY,
      sub,
      detail: { password_voided: true, pin_blocked: true, devices_forgotten: 2 },
    })
  })

  it('keeps the PIN and the password as they are stored: nothing is missing that could be set', async () => {
    const before = await office.person('camille')
    await shut()
    const after = await office.person('camille')
    expect(after.pin?.sealed).toBe(before.pin?.sealed)
    expect(after.password?.sealed).toBe(before.password?.sealed)
    expect(after.hadPin).toBe(true)
    expect(after.protection).toBe(before.protection)
  })

  it('does it again without telling the person twice, and keeps when it was first done', async () => {
    await shut()
    const first = await office.person('camille')
    office.later(60_000)
    expect(await shut()).toMatchObject({ ok: true, changed: false, devicesForgotten: 0 })
    const second = await office.person('camille')
    expect(second.password?.voidedAt).toBe(first.password?.voidedAt)
    expect(second.pin?.blockedAt).toBe(first.pin?.blockedAt)
    // An earlier try may have stopped before the sessions ended.
    expect(ended).toHaveLength(2)
    expect(second.validAfter).toBe(office.now())
    expect(await notices()).toEqual(['password_voided'])
  })

  it('leaves a PIN that was blocked before as it was', async () => {
    const { accounts } = office.core.deps.store
    await accounts.setPinBlocked(sub, 1)
    expect(await shut()).toMatchObject({ pinBlocked: false, passwordVoided: true, changed: true })
    expect((await office.person('camille')).pin?.blockedAt).toBe(1)
  })

  it('takes what there is of an account without password and PIN', async () => {
    const { sub: whom } = await office.person('sacha')
    expect(await shut(whom)).toEqual({
      ok: true,
      changed: true,
      passwordVoided: false,
      pinBlocked: false,
      devicesForgotten: 0,
    })
    expect(await office.person('sacha')).toMatchObject({
      password: null,
      pin: null,
      validAfter: office.now(),
    })
    expect(ended.map(([each]) => each)).toEqual([whom])
    expect(await notices(whom)).toEqual(['password_voided'])
  })

  it('touches nobody else', async () => {
    const before = await office.person('sacha')
    await shut()
    expect(await office.person('sacha')).toEqual(before)
  })

  it('changes nothing of a disabled account’s being disabled', async () => {
    await disable(office.core.deps, endEverything, sub, BY)
    const { disabledAt } = await office.person('camille')
    await shut()
    expect((await office.person('camille')).disabledAt).toBe(disabledAt)
  })

  it('is told when there is nobody of that name, and ends nothing', async () => {
    expect(await shut('sub-nobody')).toEqual({ ok: false, reason: 'unknown_account' })
    expect(ended).toEqual([])
  })

  it('does nothing at all when something fails half way', async () => {
    const { deps } = office.core
    const before = await office.person('camille')
    const failing = {
      ...deps,
      random: {
        ...deps.random,
        bytes: (): Uint8Array => {
          throw new Error('no entropy')
        },
      },
    }
    await expect(secureAccount(failing, endEverything, sub, 'password_voided', BY)).rejects.toThrow(
      'no entropy',
    )
    expect(await office.person('camille')).toEqual(before)
    expect(ended).toEqual([])
  })

  it('is not undone by an import of the same people', async () => {
    const { sub: whom } = await office.person('camille')
    await shut(whom)
    await office.import([HEADER, CAMILLE, ''].join('\n'))
    expect((await office.person('camille')).password?.voidedAt).not.toBeNull()
  })
})

describe('vestibule people void-password', () => {
  it('says what was done, and what was so already', async () => {
    const first = await office.vestibule('people', 'void-password', 'camille')
    expect([first.code, first.stdout, first.stderr]).toEqual([
      0,
      '"camille": shut: password void, PIN blocked, devices forgotten; sessions ended\n',
      '',
    ])
    const account = await office.person('camille')
    expect(account.password?.voidedAt).not.toBeNull()
    expect(account.pin?.blockedAt).not.toBeNull()
    const again = await office.vestibule('people', 'void-password', 'camille', '--json')
    expect(again.code).toBe(0)
    expect(JSON.parse(again.stdout)).toMatchObject({ identifier: 'camille', changed: false })
    const acts = (await office.audit()).filter(({ act }) => act === 'password_voided')
    expect(acts.map(({ actor }) => actor?.startsWith('cli:'))).toEqual([true, true])
    expect((await office.vestibule('people', 'show', 'camille')).stdout).toMatch(/password +void/)
  })

  it('refuses somebody who is not there', async () => {
    expect((await office.vestibule('people', 'void-password', 'nobody')).code).toBe(1)
  })
})
