import { describe, expect, it } from 'vitest'
import { OTP_PIN_TRIES, type OtpKey } from '../../accounts/otp_key.ts'
import type { CodeClaim, CodeOutcome, Store } from '../../accounts/ports.ts'
import { openStore } from '../../adapters/open.ts'
import { claimOf, NOW, otpKey, person } from './record.ts'
import { startChild } from './second_process.ts'
import { temporaryFolder, temporaryStore } from './temporary.ts'

const NOTHING_YET = {
  sub: null,
  pin: null,
  firstOfTwo: null,
  wrongPins: 0,
  firstUseTries: 0,
  assignedAt: null,
  firstUseBy: null,
  loanUntil: null,
  inServiceAt: null,
  lastUsedAt: null,
} satisfies Partial<OtpKey>

/** What `lea` has in service, unused so far. */
const FRESH: Partial<OtpKey> = { wrongPins: 0, firstUseTries: 0, firstOfTwo: null, next: 100 }

const withKeys = async (...keys: OtpKey[]) => {
  const { store } = await temporaryStore()
  const { otpKeys } = store
  for (const key of keys) {
    await otpKeys.add(key)
  }
  const serial = keys[0]?.serial ?? 'KEY-1'
  return {
    store,
    otpKeys,
    claim: (more: Partial<CodeClaim> = {}) => otpKeys.claim(claimOf(more), NOW),
    settle: (outcome: CodeOutcome, serials = [serial]) =>
      otpKeys.settle(keys[0]?.sub ?? '', serials, outcome, NOW),
    key: () => otpKeys.find(serial),
  }
}

const serialsOf = (keys: readonly OtpKey[]): string[] => keys.map(({ serial }) => serial)
const trues = (claimed: readonly boolean[]): number => claimed.filter(Boolean).length

describe('OTP keys', () => {
  it('come back as they went in, each field in its place', async () => {
    const hotp = otpKey({ serial: 'KEY-2', kind: 'hotp', next: 2 ** 40, source: 'app' })
    const stock = otpKey({ serial: 'KEY-3', state: 'in_stock', ...NOTHING_YET })
    const { otpKeys } = await withKeys(otpKey(), hotp, stock)
    expect(await otpKeys.find('KEY-1')).toEqual(otpKey())
    expect(await otpKeys.find('KEY-2')).toEqual(hotp)
    expect(await otpKeys.find('KEY-3')).toEqual(stock)
    expect(await otpKeys.find('KEY-4')).toBeNull()
    expect(await otpKeys.find('')).toBeNull()
  })

  it('come back as they were saved, and no other is touched', async () => {
    const other = otpKey({ serial: 'KEY-2' })
    const { otpKeys } = await withKeys(otpKey(), other)
    const changed = otpKey({
      ...NOTHING_YET,
      state: 'withdrawn',
      sealedSeed: 'v1.k2.seed',
      algorithm: 'SHA512',
      digits: 6,
      periodSeconds: 30,
      next: 7,
      clock: { aheadMinMs: 1, aheadMaxMs: 2, atMs: 3 },
    })
    await otpKeys.save(changed)
    expect(await otpKeys.find('KEY-1')).toEqual(changed)
    expect(await otpKeys.find('KEY-2')).toEqual(other)
    await otpKeys.save(otpKey({ serial: 'KEY-9' }))
    expect(await otpKeys.find('KEY-9')).toBeNull()
  })

  it('that are there already are not added again, nor changed', async () => {
    const { otpKeys } = await withKeys(otpKey())
    expect(await otpKeys.add(otpKey({ sealedSeed: 'another', sub: 'noe' }))).toBe(false)
    expect(await otpKeys.find('KEY-1')).toEqual(otpKey())
    const added = [otpKey({ serial: 'KEY-2' }), otpKey({ serial: 'KEY-2', sub: 'noe' })]
    expect(await Promise.all(added.map((key) => otpKeys.add(key)))).toEqual([true, false])
  })

  it('leave nothing behind of an act that fails', async () => {
    const { store, otpKeys } = await withKeys(otpKey())
    const act = store.transact(async (tables) => {
      await tables.otpKeys.add(otpKey({ serial: 'KEY-2' }))
      await tables.otpKeys.save(otpKey({ state: 'lost' }))
      throw new Error('the second line of the file is wrong')
    })
    await expect(act).rejects.toThrow('the second line')
    expect(await otpKeys.find('KEY-2')).toBeNull()
    expect(await otpKeys.find('KEY-1')).toEqual(otpKey())
  })

  it('are found by their holder, first assigned first', async () => {
    const { otpKeys } = await withKeys(
      otpKey({ serial: 'C', assignedAt: 2 }),
      otpKey({ serial: 'B', assignedAt: 3, state: 'lost' }),
      otpKey({ serial: 'A', assignedAt: 3 }),
      otpKey({ serial: 'D', sub: 'noe' }),
      otpKey({ serial: 'E', ...NOTHING_YET }),
    )
    expect(serialsOf(await otpKeys.ofPerson('lea'))).toEqual(['C', 'A', 'B'])
    expect(await otpKeys.ofPerson('nobody')).toEqual([])
  })

  it('are listed by serial, page after page', async () => {
    const { otpKeys } = await withKeys(
      ...['E', 'B', 'D', 'A', 'C'].map((serial) => otpKey({ serial })),
    )
    expect(serialsOf(await otpKeys.list({}, null, 2))).toEqual(['A', 'B'])
    expect(serialsOf(await otpKeys.list({}, 'B', 2))).toEqual(['C', 'D'])
    expect(serialsOf(await otpKeys.list({}, 'D', 2))).toEqual(['E'])
    expect(await otpKeys.list({}, 'E', 2)).toEqual([])
    expect((await otpKeys.list({}, null, 1))[0]).toEqual(otpKey({ serial: 'A' }))
  })

  it('are listed by state and by holder', async () => {
    const { otpKeys } = await withKeys(
      otpKey({ serial: 'A', state: 'lost' }),
      otpKey({ serial: 'B', state: 'lost', sub: 'noe' }),
      otpKey({ serial: 'C' }),
      otpKey({ serial: 'D', state: 'in_stock', ...NOTHING_YET }),
    )
    const found = async (...[filter, after]: [Parameters<Store['otpKeys']['list']>[0], string?]) =>
      serialsOf(await otpKeys.list(filter, after ?? null, 9))
    expect(await found({ state: 'lost' })).toEqual(['A', 'B'])
    expect(await found({ state: 'lost' }, 'A')).toEqual(['B'])
    expect(await found({ sub: 'lea' })).toEqual(['A', 'C'])
    expect(await found({ sub: 'lea', state: 'lost' })).toEqual(['A'])
    expect(await found({ state: 'blocked' })).toEqual([])
  })

  it('whose deadline or loan is over are told, and no others', async () => {
    const none = { firstUseBy: null, loanUntil: null }
    const { otpKeys } = await withKeys(
      otpKey({ serial: 'late', state: 'assigned', ...none, firstUseBy: NOW }),
      otpKey({ serial: 'in time', state: 'assigned', ...none, firstUseBy: NOW + 1 }),
      otpKey({ serial: 'used in time', state: 'in_service', ...none, firstUseBy: NOW }),
      otpKey({ serial: 'lent', ...none, loanUntil: NOW }),
      otpKey({ serial: 'lent and blocked', state: 'blocked', ...none, loanUntil: NOW - 1 }),
      otpKey({ serial: 'lent until later', ...none, loanUntil: NOW + 1 }),
      otpKey({ serial: 'owned', ...none }),
    )
    const overdue = serialsOf(await otpKeys.overdue(NOW, 9))
    expect(overdue.toSorted()).toEqual(['late', 'lent', 'lent and blocked'])
    expect(await otpKeys.overdue(NOW, 2)).toHaveLength(2)
    expect(await otpKeys.overdue(NOW - 2, 9)).toEqual([])
  })

  it('are known to the account that has some, whatever their state', async () => {
    const { store, otpKeys } = await withKeys(otpKey({ sub: null }))
    await store.accounts.insert('lea', person('lea', { externalId: 'ENT-1' }), NOW)
    await store.accounts.insert('noe', person('noe'), NOW)
    const known = async () => {
      const { bySub, byIdentifier, byExternalId } = store.accounts
      const found = await Promise.all([bySub('lea'), byIdentifier('lea'), byExternalId('ENT-1')])
      return found.map((account) => account?.hasOtpKeys)
    }
    expect(await known()).toEqual([false, false, false])
    await otpKeys.save(otpKey({ state: 'lost' }))
    expect(await known()).toEqual([true, true, true])
    expect((await store.accounts.bySub('noe'))?.hasOtpKeys).toBe(false)
    await otpKeys.save(otpKey({ sub: null, state: 'withdrawn' }))
    expect(await known()).toEqual([false, false, false])
  })
})

describe('a code', () => {
  it('of twenty that claim it at once is given to exactly one', async () => {
    const { claim } = await withKeys(otpKey(FRESH))
    const claimed = await Promise.all(Array.from({ length: 20 }, () => claim()))
    expect(trues(claimed)).toBe(1)
    expect(await claim()).toBe(false)
  })

  it('is given to one of two processes, each time', async () => {
    const folder = temporaryFolder()
    const { store } = await temporaryStore({ dataFolder: folder })
    await store.otpKeys.add(otpKey({ ...FRESH, next: 0 }))
    const rounds = 80
    const child = await startChild(folder, 'claim', rounds)
    child.go()
    const ours: number[] = []
    for (let step = 0; step < rounds; step += 1) {
      const claimed = await Promise.all(
        [1, 2].map(() => store.otpKeys.claim(claimOf({ step }), NOW)),
      )
      ours.push(...claimed.filter(Boolean).map(() => step))
    }
    await child.ended
    expect(child.said).toHaveLength(rounds)
    const theirs = child.said
      .filter((line) => line.startsWith('claimed'))
      .map((line) => Number(line.split(' ')[1]))
    // Both go up step by step, so that whoever is first at a step has it.
    const all = [...ours, ...theirs].toSorted((a, b) => a - b)
    expect(all).toEqual(Array.from({ length: rounds }, (_, step) => step))
  })

  it('stays used up when the process is killed right after', async () => {
    const folder = temporaryFolder()
    const first = await openStore({ dataFolder: folder, clock: () => NOW })
    await first.store.otpKeys.add(otpKey({ ...FRESH, next: 0 }))
    await first.close()
    const child = await startChild(folder, 'claim', 100_000)
    child.go()
    while (child.said.length < 3) {
      await child.said_more()
    }
    child.kill()
    await child.ended
    const { store } = await temporaryStore({ dataFolder: folder })
    const told = child.said.filter((line) => line.startsWith('claimed')).length
    expect(told).toBeGreaterThanOrEqual(3)
    for (let step = 0; step < told; step += 1) {
      expect(await store.otpKeys.claim(claimOf({ step }), NOW)).toBe(false)
    }
  })

  it('older than one that was claimed is never given', async () => {
    const { claim, key } = await withKeys(otpKey(FRESH))
    expect(await claim({ step: 99 })).toBe(false)
    expect(await claim({ step: 105 })).toBe(true)
    expect(await claim({ step: 104 })).toBe(false)
    expect(await claim({ step: 105 })).toBe(false)
    expect((await key())?.next).toBe(106)
    expect(await claim({ step: 106 })).toBe(true)
  })

  const refused: readonly (readonly [string, Partial<OtpKey>, Partial<CodeClaim>])[] = [
    ['for somebody else', {}, { sub: 'noe' }],
    ['of another key', {}, { serial: 'KEY-2' }],
    ['of a key that is no longer in that state', { state: 'blocked' }, {}],
    ['of a key that has been put in service meanwhile', {}, { state: 'assigned' }],
    ['of a key that is nobody’s', { sub: null }, {}],
    ['of a key without PIN tries left', { wrongPins: OTP_PIN_TRIES }, {}],
    ['of a key with more wrong PINs than there are', { wrongPins: OTP_PIN_TRIES + 1 }, {}],
  ]
  it.each(refused)('is not given %s, and nothing changes', async (_, state, wanted) => {
    const before = otpKey({ ...FRESH, ...state })
    const { claim, key } = await withKeys(before)
    expect(await claim({ countsPin: true, ...wanted })).toBe(false)
    expect(await key()).toEqual(before)
  })

  it('of a key that awaits its first use is given while it does', async () => {
    const { claim } = await withKeys(otpKey({ ...FRESH, state: 'assigned' }))
    expect(await claim({ state: 'assigned' })).toBe(true)
  })

  it('that is none claims nothing', async () => {
    const { otpKeys, key } = await withKeys(otpKey(FRESH))
    expect(await otpKeys.claim(null, NOW)).toBe(false)
    expect(await key()).toEqual(otpKey(FRESH))
  })

  it('that is accepted tells of the clock, and ends what was noted', async () => {
    const before = otpKey({ ...FRESH, firstOfTwo: { step: 100, atMs: NOW } })
    const { claim, key } = await withKeys(before, otpKey({ ...FRESH, serial: 'KEY-2' }))
    const { clock } = claimOf()
    expect(await claim({ step: 101 })).toBe(true)
    expect(await key()).toEqual({ ...before, next: 102, clock, firstOfTwo: null })
  })

  it('touches no other key of its holder', async () => {
    const other = otpKey({ ...FRESH, serial: 'KEY-2' })
    const { claim, otpKeys } = await withKeys(otpKey(FRESH), other)
    await claim({ countsPin: true })
    expect(await otpKeys.find('KEY-2')).toEqual(other)
  })

  it('that is a first of two is noted, moves nothing, and is never accepted', async () => {
    const { claim, key } = await withKeys(otpKey(FRESH))
    expect(await claim({ step: 110, as: 'first_of_two', countsPin: true })).toBe(true)
    expect(await key()).toEqual(otpKey({ ...FRESH, firstOfTwo: { step: 110, atMs: NOW } }))
    expect(await claim({ step: 112, as: 'first_of_two' })).toBe(true)
    expect(await claim({ step: 110, as: 'first_of_two' })).toBe(false)
    expect(await claim({ step: 105 })).toBe(true)
    expect(await key()).toMatchObject({ next: 106, firstOfTwo: null })
    expect(await claim({ step: 110 })).toBe(false)
    expect(await claim({ step: 112 })).toBe(false)
    expect(await claim({ step: 111 })).toBe(true)
  })

  it('that is a first of two is noted by exactly one of twenty', async () => {
    const { claim } = await withKeys(otpKey(FRESH))
    const noted = await Promise.all(
      Array.from({ length: 20 }, () => claim({ step: 120, as: 'first_of_two' })),
    )
    expect(trues(noted)).toBe(1)
  })

  it('of a blocked key is given at the desk, whatever PINs it has left', async () => {
    const blocked = { ...FRESH, state: 'blocked', wrongPins: OTP_PIN_TRIES } as const
    const { claim } = await withKeys(otpKey(blocked))
    expect(await claim({ state: 'blocked' })).toBe(true)
  })
})

describe('what became of a code', () => {
  it('counts a wrong PIN before it is judged, so that a crash takes nothing back', async () => {
    const { claim, settle, key } = await withKeys(otpKey(FRESH))
    await claim({ countsPin: true })
    expect((await key())?.wrongPins).toBe(1)
    const [settled] = await settle('wrong_pin')
    expect(settled?.wrongPins).toBe(1)
    expect(settled).toEqual(await key())
  })

  it('after ten right codes with a wrong PIN leaves no more to claim', async () => {
    const { claim, settle } = await withKeys(otpKey(FRESH))
    const counted: (number | undefined)[] = []
    for (let step = 100; step < 100 + OTP_PIN_TRIES; step += 1) {
      expect(await claim({ step, countsPin: true })).toBe(true)
      counted.push((await settle('wrong_pin'))[0]?.wrongPins)
    }
    expect(counted).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(await claim({ step: 200, countsPin: true })).toBe(false)
    expect(await claim({ step: 200, countsPin: false })).toBe(false)
  })

  it('admits no more wrong PINs at once than one after another', async () => {
    const { claim, key } = await withKeys(otpKey(FRESH))
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => claim({ step: 100 + index, countsPin: true })),
    )
    expect((await key())?.wrongPins).toBe(OTP_PIN_TRIES)
  })

  it('is a success, which leaves no wrong PINs and tells when', async () => {
    const { claim, settle } = await withKeys(otpKey({ ...FRESH, wrongPins: 7 }))
    await claim({ countsPin: true })
    expect(await settle('right')).toMatchObject([{ wrongPins: 0, lastUsedAt: NOW }])
  })

  it('is left unjudged, and then counts for nothing', async () => {
    const { claim, settle } = await withKeys(otpKey({ ...FRESH, wrongPins: 7 }))
    await claim({ countsPin: true })
    expect(await settle('unjudged')).toMatchObject([{ wrongPins: 7, lastUsedAt: NOW - 3 }])
    expect(await claim()).toBe(false)
  })

  it('is left unjudged beside a success, which owes nobody an eleventh try', async () => {
    const { claim, settle } = await withKeys(otpKey(FRESH))
    await claim({ step: 100, countsPin: true })
    await claim({ step: 101, countsPin: true })
    await settle('right')
    expect(await settle('unjudged')).toMatchObject([{ wrongPins: 0 }])
  })

  it('is a first use that failed, counted on each of the keys that were tried', async () => {
    const keys = ['A', 'B', 'C'].map((serial) => otpKey({ ...FRESH, serial, state: 'assigned' }))
    const { settle, otpKeys } = await withKeys(...keys)
    const settled = await settle('wrong_first_use', ['A', 'B'])
    expect(settled.map(({ serial, firstUseTries }) => [serial, firstUseTries]).toSorted()).toEqual([
      ['A', 1],
      ['B', 1],
    ])
    await settle('wrong_first_use', ['A'])
    expect((await otpKeys.find('A'))?.firstUseTries).toBe(2)
    expect(await otpKeys.find('C')).toEqual(keys[2])
  })

  it.each<CodeOutcome>(['right', 'wrong_pin', 'unjudged', 'wrong_first_use'])(
    'changes nothing where there is no key: %s',
    async (outcome) => {
      const { settle, key } = await withKeys(otpKey())
      expect(await settle(outcome, [])).toEqual([])
      expect(await settle(outcome, ['KEY-2'])).toEqual([])
      expect(await key()).toEqual(otpKey())
    },
  )

  it.each<[CodeOutcome, Partial<OtpKey>]>([
    ['right', { wrongPins: 0, lastUsedAt: NOW }],
    ['wrong_pin', {}],
    ['unjudged', { wrongPins: 1 }],
    ['wrong_first_use', { firstUseTries: 4 }],
  ])('changes what it is about and nothing else: %s', async (outcome, changed) => {
    const { settle, key } = await withKeys(otpKey())
    expect(await settle(outcome)).toEqual([otpKey(changed)])
    expect(await key()).toEqual(otpKey(changed))
  })
})
