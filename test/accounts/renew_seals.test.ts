import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resyncKey, testKey } from '../../accounts/desk_codes.ts'
import { assignKey } from '../../accounts/desk_keys.ts'
import { block, type OtpKey } from '../../accounts/otp_key.ts'
import { openSeed } from '../../accounts/otp_seed.ts'
import type { Deps } from '../../accounts/ports.ts'
import { renewSeals, sealRenewal } from '../../accounts/renew_seals.ts'
import { createSealer } from '../../accounts/seal.ts'
import { signIn } from '../../accounts/sign_in.ts'
import { giveKey, type HeldKey } from '../support/otp_key.ts'
import { type School, startSchool } from '../support/school.ts'

const ORIGIN = { address: '203.0.113.7', userAgent: '', deviceToken: null, clientId: 'ent' }
const OLD = randomBytes(32)
const NEW = randomBytes(32)

/** A school under the old key, under both once it was rotated, and without the old one. */
const under = (deps: Deps, current: string, keys: Record<string, Uint8Array>): Deps => ({
  ...deps,
  seeds: createSealer({ current, keys: new Map(Object.entries(keys)) }, 'otp_seed'),
})

let school: School
let before: Deps
let rotated: Deps
let after: Deps
beforeEach(async () => {
  school = await startSchool()
  const { deps } = school.gateway.core
  before = under(deps, 'old', { old: OLD })
  rotated = under(deps, 'new', { new: NEW, old: OLD })
  after = under(deps, 'new', { new: NEW })
})
afterEach(() => school.stop())

/** A key that was sealed before the rotation. */
const give = (sub: string, wishes: Parameters<typeof giveKey>[2] = {}): Promise<HeldKey> =>
  giveKey({ gateway: { core: { deps: before } }, later: school.later }, sub, wishes)

const all = (): Promise<OtpKey[]> => before.store.otpKeys.list({}, null, 1_000)
const stale = async (): Promise<string[]> =>
  (await all())
    .filter(({ sealedSeed }) => !rotated.seeds.isCurrent(sealedSeed))
    .map(({ serial }) => serial)

const enters = async (deps: Deps, identifier: string, key: HeldKey): Promise<boolean> =>
  (await signIn(deps, { identifier, secret: key.passcode() }, ORIGIN)).ok

describe('once the sealing key was rotated', () => {
  it('every seed is sealed anew, whatever the state of its key, and the old one can go', async () => {
    const { sub, identifier } = await school.person({})
    const key = await give(sub)
    const unused = await give(sub, { state: 'assigned', digits: 8 })
    const stock = await give(sub, { state: 'in_stock', kind: 'hotp' })
    const { serial } = await give(sub, { digits: 7 })
    const blocked = block((await before.store.otpKeys.find(serial)) as OtpKey, 0)
    await before.store.otpKeys.save((blocked as { key: OtpKey }).key)
    const was = await all()
    expect(await stale()).toHaveLength(4)
    expect(await renewSeals(rotated)).toEqual({ renewed: 4, closed: [] })
    expect(await stale()).toEqual([])
    // Nothing else of them has changed.
    const plain = (keys: OtpKey[]) => keys.map(({ sealedSeed, ...more }) => more)
    expect(plain(await all())).toEqual(plain(was))
    for (const held of [key, unused, stock]) {
      expect(Buffer.from(openSeed(after, await held.stored()))).toEqual(Buffer.from(held.seed))
    }
    expect(await enters(after, identifier, key)).toBe(true)
    expect((await testKey(after, stock.serial, stock.code(), 'cli:office')).ok).toBe(true)
    expect(await renewSeals(rotated)).toEqual({ renewed: 0, closed: [] })
  })

  it('a key is sealed anew by its passcode, too, before its turn comes', async () => {
    const { sub, identifier } = await school.person({})
    const [key, other] = [await give(sub), await give(sub)]
    expect(await enters(rotated, identifier, key)).toBe(true)
    expect(await stale()).toEqual([other.serial])
    key.wait()
    expect(await enters(after, identifier, key).catch(() => 'unavailable')).toBe('unavailable')
    expect(await renewSeals(rotated)).toMatchObject({ renewed: 1 })
    key.wait()
    expect(await enters(after, identifier, key)).toBe(true)
  })

  it('a whole school is, more than one transaction at a time takes', async () => {
    for (let nth = 0; nth < 230; nth += 1) {
      await give('nobody', { state: 'in_stock', serial: `S${1_000 + nth}` })
    }
    expect(await renewSeals(rotated)).toEqual({ renewed: 230, closed: [] })
    expect(await stale()).toEqual([])
  })

  it('nothing that happens to a key meanwhile is undone', async () => {
    const { sub } = await school.person({})
    const keys = await Promise.all(
      ['A', 'B', 'C'].map((serial) => give(sub, { serial, state: 'in_stock', kind: 'hotp' })),
    )
    await Promise.all([
      renewSeals(rotated),
      ...keys.map(({ serial }) => assignKey(rotated, serial, sub, 'cli:office')),
      renewSeals(rotated),
      ...keys.map((key) =>
        resyncKey(rotated, key.serial, { first: key.code(20), second: key.code(21) }, 'cli:office'),
      ),
    ])
    expect((await all()).map(({ state, next }) => [state, next])).toEqual([
      ['assigned', 22],
      ['assigned', 22],
      ['assigned', 22],
    ])
    expect(await stale()).toEqual([])
  })

  it('what another process has sealed under a still newer key is left as it is', async () => {
    const newest = under(rotated, 'newest', { newest: randomBytes(32), new: NEW, old: OLD })
    await give('nobody', { state: 'in_stock' })
    const { deps } = listing(rotated, async () => {
      await renewSeals(newest)
    })
    expect(await renewSeals(deps)).toEqual({ renewed: 0, closed: [] })
    expect((await all()).map(({ sealedSeed }) => newest.seeds.isCurrent(sealedSeed))).toEqual([
      true,
    ])
  })
})

describe('the gateway', () => {
  it('goes on until all seeds are sealed anew, and then rests', async () => {
    const { deps, reads } = listing(rotated)
    const renew = sealRenewal(deps)
    await give('nobody', { state: 'in_stock' })
    await renew()
    expect(await stale()).toEqual([])
    await renew()
    const read = reads()
    await renew()
    expect(reads()).toBe(read)
  })

  it('says once which seeds do not open, after all others', async () => {
    const [lost] = [await give('nobody', { serial: 'A', state: 'in_stock' })]
    const stored = await lost.stored()
    await before.store.otpKeys.save({ ...stored, sealedSeed: stored.sealedSeed.slice(0, -4) })
    await give('nobody', { serial: 'B', state: 'in_stock' })
    const renew = sealRenewal(rotated)
    await renew()
    expect(await stale()).toEqual(['A'])
    await expect(renew()).rejects.toThrow('seeds of 1 OTP keys do not open')
    await expect(renew()).resolves.toBeUndefined()
  })
})

/** Counts how often keys are read, and lets something happen right after. */
const listing = (
  deps: Deps,
  then: () => Promise<void> = async () => {},
): { deps: Deps; reads(): number } => {
  let count = 0
  const { store } = deps
  const otpKeys: typeof store.otpKeys = {
    ...store.otpKeys,
    list: async (...wanted) => {
      count += 1
      const keys = await store.otpKeys.list(...wanted)
      await then()
      return keys
    },
  }
  return { deps: { ...deps, store: { ...store, otpKeys } }, reads: () => count }
}
