import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Device, DeviceStore } from '../../accounts/ports.ts'
import { CANDIDATES_MAX } from '../../adapters/browser_tokens.ts'
import { NOW } from './record.ts'
import { temporaryStore } from './temporary.ts'

/** Mints values nobody has seen: c1, c2 … each with a browser of its own in case one is needed. */
const createMint = () => {
  let minted = 0
  return () => {
    minted += 1
    return { tokenHash: `c${minted}`, browserId: `browser-${minted}` }
  }
}

/** A sign-in on the server's side. Returns the cookie that the answer carries, null: none. */
const createServer = (devices: DeviceStore) => {
  const mint = createMint()
  return async (cookie: string | null) => {
    const next = mint()
    const used = await devices.use(cookie, next, NOW)
    return { ...used, cookie: used.kind === 'known' ? next.tokenHash : null }
  }
}

interface Round {
  readonly tabs: readonly { readonly arrives: boolean; readonly rank: number }[]
  readonly crashes: boolean
}

interface Turn {
  readonly who: 'thief' | 'owner'
  readonly act: 'signs in' | 'adds'
  readonly arrives: boolean
}

const server = async () => {
  const { store } = await temporaryStore()
  return { devices: store.devices, signIn: createServer(store.devices) }
}

describe('the device cookie', () => {
  it('makes a new browser of one without a cookie, or with one nobody knows', async () => {
    const { devices, signIn } = await server()
    const first = await signIn(null)
    const second = await signIn('invented')
    expect(first).toMatchObject({ kind: 'known' })
    expect(second.browserId).not.toBe(first.browserId)
    expect(await devices.present('invented')).toEqual({ kind: 'unknown' })
    expect(await devices.present(first.cookie ?? '')).toEqual({
      kind: 'known',
      browserId: first.browserId,
    })
  })

  it('stays good when the answer with the next one was lost', async () => {
    const { signIn } = await server()
    const first = await signIn(null)
    for (let lost = 0; lost < 3 * CANDIDATES_MAX; lost += 1) {
      expect(await signIn(first.cookie)).toMatchObject({
        kind: 'known',
        browserId: first.browserId,
      })
    }
  })

  it('is stale once its successor was presented, with every other successor', async () => {
    const { devices, signIn } = await server()
    const { cookie: old, browserId } = await signIn(null)
    const { cookie: lost } = await signIn(old)
    const { cookie: kept } = await signIn(old)
    expect((await devices.present(old ?? '')).kind).toBe('known')
    await signIn(kept)
    for (const each of [old, lost]) {
      expect(await devices.present(each ?? '')).toEqual({ kind: 'stale', browserId })
      expect(await signIn(each)).toEqual({ kind: 'stale', browserId, cookie: null })
    }
    expect((await signIn(kept)).kind).toBe('known')
  })

  it('has few successors at a time: the oldest go', async () => {
    const { devices, signIn } = await server()
    const first = await signIn(null)
    const { cookie: current } = await signIn(first.cookie)
    await signIn(current)
    const minted: (string | null)[] = []
    for (let index = 0; index < CANDIDATES_MAX + 2; index += 1) {
      minted.push((await signIn(current)).cookie)
    }
    const kinds = await Promise.all(minted.map((each) => devices.present(each ?? '')))
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'stale',
      'stale',
      ...Array.from({ length: CANDIDATES_MAX }, () => 'known'),
    ])
  })

  it('looked at is not used up', async () => {
    const { devices, signIn } = await server()
    const first = await signIn(null)
    const second = await signIn(first.cookie)
    await devices.present(second.cookie ?? '')
    expect((await devices.present(first.cookie ?? '')).kind).toBe('known')
  })

  it('never makes an honest browser stale, whatever answers it loses and tabs it opens', async () => {
    const { store } = await temporaryStore()
    // Tabs sign in at once with what the browser has; some answers arrive, in some order; it may
    // crash before it has written the last one down.
    const tab = fc.record({ arrives: fc.boolean(), rank: fc.nat(100) })
    const round = fc.record({
      tabs: fc.array(tab, { minLength: 1, maxLength: CANDIDATES_MAX }),
      crashes: fc.boolean(),
    })
    const mint = createMint()
    const play = async (devices: DeviceStore, jar: string | null, { tabs, crashes }: Round) => {
      const answers: { arrives: boolean; rank: number; cookie: string }[] = []
      for (const each of tabs) {
        const next = mint()
        expect((await devices.use(jar, next, NOW)).kind).toBe('known')
        answers.push({ ...each, cookie: next.tokenHash })
      }
      const arrived = answers.filter(({ arrives }) => arrives).sort((a, b) => a.rank - b.rank)
      return crashes ? jar : (arrived.at(-1)?.cookie ?? jar)
    }
    await fc.assert(
      fc.asyncProperty(fc.array(round, { maxLength: 12 }), (rounds) =>
        store.transact(async ({ devices }) => {
          let jar: string | null = null
          for (const each of rounds) {
            jar = await play(devices, jar, each)
          }
        }),
      ),
      { numRuns: 100 },
    )
  })

  it('of two browsers that share one, makes one stale as soon as both have gone on', async () => {
    const { devices } = await server()
    const mint = createMint()
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 2, maxLength: 16 }), async (turns) => {
        const start = mint()
        await devices.use(null, start, NOW)
        const jars = { thief: start.tokenHash, owner: start.tokenHash }
        const kinds: string[] = []
        const whose = turns.map((turn) => (turn ? 'thief' : 'owner'))
        for (const who of whose) {
          const next = mint()
          const { kind } = await devices.use(jars[who], next, NOW)
          kinds.push(kind)
          jars[who] = kind === 'known' ? next.tokenHash : jars[who]
        }
        // Whoever signs in twice has presented a successor: from then on one of two is found out.
        const twice = (who: string) => whose.filter((each) => each === who).length >= 2
        expect(kinds.includes('stale') || !(twice('thief') && twice('owner'))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

/** Adds a device of `sub` on the server's side. Returns the cookie that the answer carries. */
const addOne = async (
  devices: DeviceStore,
  cookie: string | null,
  sub: string,
  next: { tokenHash: string; browserId: string },
) => {
  const browserId = await devices.renew(cookie, next, NOW)
  const id = `device-of-${next.tokenHash}`
  await devices.add(device(id, { browserId, sub }))
  await devices.bind(id, next.tokenHash)
  return { cookie: next.tokenHash, browserId, id }
}

const isRecognised = async (devices: DeviceStore, cookie: string, sub: string) =>
  (await devices.recognised(cookie, sub)) !== null

describe('the device cookie, when a device is added', () => {
  it('is a new one, and the only one that is good for the device', async () => {
    const { devices, signIn } = await server()
    const { cookie: first, browserId } = await signIn(null)
    const { cookie: second } = await signIn(first)
    const { cookie: third } = await signIn(second)
    const next = { tokenHash: 'next', browserId: 'unused' }
    const added = await addOne(devices, third, 'lea', next)
    expect(added.browserId).toBe(browserId)
    for (const each of [first, second, third]) {
      expect(await isRecognised(devices, each ?? '', 'lea')).toBe(false)
    }
    expect(await devices.recognised('next', 'lea')).toMatchObject({ id: added.id, browserId })
    expect(await isRecognised(devices, 'next', 'noe')).toBe(false)
    // The one it was minted from stays what it was until the new one is presented.
    expect((await devices.present(third ?? '')).kind).toBe('known')
    await signIn('next')
    expect((await devices.present(third ?? '')).kind).toBe('stale')
  })

  it('hands the device on to what is minted from it, until it is stale', async () => {
    const { devices, signIn } = await server()
    const mint = { tokenHash: 'added', browserId: 'family' }
    const { id } = await addOne(devices, null, 'lea', mint)
    const { cookie: second } = await signIn('added')
    const { cookie: third } = await signIn(second)
    expect(await devices.recognised(third ?? '', 'lea')).toMatchObject({ id })
    expect(await devices.recognised(second ?? '', 'lea')).toMatchObject({ id })
    expect(await devices.recognised('added', 'lea')).toBeNull()
  })

  it('makes a browser of its own of none, of one nobody knows and of a stale copy', async () => {
    const { devices, signIn } = await server()
    const { cookie: old } = await signIn(null)
    const { cookie: current, browserId } = await signIn(old)
    await signIn(current)
    for (const [index, each] of [null, 'invented', old].entries()) {
      const next = { tokenHash: `n${index}`, browserId: `new-${index}` }
      expect(await devices.renew(each, next, NOW)).toBe(`new-${index}`)
      expect(await devices.present(`n${index}`)).toEqual({
        kind: 'known',
        browserId: `new-${index}`,
      })
    }
    expect(await devices.present(current ?? '')).toEqual({ kind: 'known', browserId })
  })

  it('replaced by the same person, is good for it no more', async () => {
    const { devices } = await server()
    await addOne(devices, null, 'lea', { tokenHash: 'one', browserId: 'family' })
    await addOne(devices, 'one', 'lea', { tokenHash: 'two', browserId: 'unused' })
    expect(await isRecognised(devices, 'one', 'lea')).toBe(false)
    expect(await isRecognised(devices, 'two', 'lea')).toBe(true)
  })

  it('is worth nothing to whoever shared it before, whatever each does before and after', async () => {
    const { store } = await temporaryStore()
    const mint = createMint()
    const turns = fc.array(
      fc.record({
        who: fc.constantFrom<Turn['who']>('thief', 'owner'),
        act: fc.constantFrom<Turn['act']>('signs in', 'adds'),
        arrives: fc.boolean(),
      }),
      { maxLength: 14 },
    )
    /** Returns the value that the answer carries, null: none. */
    const act = async (devices: DeviceStore, jar: string, turn: Turn): Promise<string | null> => {
      const next = mint()
      if (turn.act === 'adds') {
        return (await addOne(devices, jar, turn.who, next)).cookie
      }
      const { kind } = await devices.use(jar, next, NOW)
      return kind === 'known' ? next.tokenHash : null
    }
    const play = async (devices: DeviceStore, all: readonly Turn[]) => {
      const start = mint()
      await devices.use(null, start, NOW)
      // From here on each has a copy; the thief has a device of their own to add, as a pupil has.
      const jars = { thief: start.tokenHash, owner: start.tokenHash }
      const seen = { thief: [start.tokenHash], owner: [start.tokenHash] }
      for (const turn of all) {
        const cookie = (await act(devices, jars[turn.who], turn)) ?? jars[turn.who]
        seen[turn.who].push(cookie)
        jars[turn.who] = turn.arrives ? cookie : jars[turn.who]
      }
      for (const each of seen.thief) {
        expect(await isRecognised(devices, each, 'owner')).toBe(false)
      }
    }
    await fc.assert(
      fc.asyncProperty(turns, (all) => store.transact(({ devices }) => play(devices, all))),
      { numRuns: 150 },
    )
  })

  it('lost with its answer costs its person one PIN, and the family none', async () => {
    const { store } = await temporaryStore()
    const mint = createMint()
    const family = ['ana', 'sam', 'tom']
    const visits = fc.array(fc.record({ who: fc.constantFrom(...family), arrives: fc.boolean() }), {
      maxLength: 12,
    })
    const recognisedOn = async (devices: DeviceStore, jar: string) => {
      const found = await Promise.all(family.map((each) => devices.recognised(jar, each)))
      return found.flatMap((one) => (one === null ? [] : [one.sub]))
    }
    const addUnless = async (devices: DeviceStore, kept: boolean, jar: string, who: string) =>
      kept ? jar : (await addOne(devices, jar, who, mint())).cookie
    const play = async (
      devices: DeviceStore,
      all: readonly { who: string; arrives: boolean }[],
    ) => {
      let jar: string | null = null
      const kept = new Set<string>()
      for (const { who, arrives } of all) {
        const next = mint()
        expect((await devices.use(jar, next, NOW)).kind).toBe('known')
        // Whoever had the answer of adding is asked no more; nobody is for what another lost.
        const found = await recognisedOn(devices, next.tokenHash)
        expect(found).toEqual(family.filter((each) => kept.has(each)))
        const added = await addUnless(devices, kept.has(who), next.tokenHash, who)
        jar = arrives ? added : next.tokenHash
        kept.add(arrives ? who : '')
      }
    }
    await fc.assert(
      fc.asyncProperty(visits, (all) => store.transact(({ devices }) => play(devices, all))),
      { numRuns: 100 },
    )
  })
})

describe('two copies of one cookie', () => {
  it('are found out when the stale one comes again after the good one', async () => {
    const { store } = await temporaryStore()
    const { devices } = store
    expect(await devices.staleCopyUsed('b', 'lea', NOW)).toBe(false)
    expect(await devices.staleCopyUsed('b', 'lea', NOW)).toBe(false)
    await devices.goodCopyUsed('b', 'lea')
    expect(await devices.staleCopyUsed('b', 'noe', NOW)).toBe(false)
    expect(await devices.staleCopyUsed('b', 'lea', NOW)).toBe(true)
    expect(await devices.staleCopyUsed('b', 'lea', NOW)).toBe(false)
  })

  it('say nothing where only the good one is used', async () => {
    const { store } = await temporaryStore()
    await store.devices.goodCopyUsed('b', 'lea')
    expect(await store.devices.staleCopyUsed('b', 'lea', NOW)).toBe(false)
  })
})

const device = (id: string, more: Partial<Device> = {}): Device => ({
  id,
  sub: 'lea',
  browserId: `browser-of-${id}`,
  name: 'Room 201',
  browserName: 'Firefox',
  systemName: 'Linux',
  network: '192.0.2.0/24',
  addedAt: NOW,
  lastSeenAt: NOW,
  addedUnder: 'pin',
  ...more,
})

describe('devices', () => {
  it('are one a person and browser, several people on one browser', async () => {
    const { store } = await temporaryStore()
    const { devices } = store
    const family = { browserId: 'family' }
    await devices.add(device('1', family))
    await devices.add(device('2', { ...family, name: 'Kitchen' }))
    await devices.add(device('3', { ...family, sub: 'noe' }))
    expect(await devices.find('family', 'lea')).toEqual(device('2', { ...family, name: 'Kitchen' }))
    expect(await devices.find('family', 'noe')).toEqual(device('3', { ...family, sub: 'noe' }))
    expect(await devices.list('lea')).toHaveLength(1)
  })

  it('added anew start without the suspicion of their predecessor', async () => {
    const { store } = await temporaryStore()
    const { devices } = store
    await devices.staleCopyUsed('b', 'lea', NOW)
    await devices.goodCopyUsed('b', 'lea')
    await devices.add(device('1', { browserId: 'b' }))
    expect(await devices.staleCopyUsed('b', 'lea', NOW)).toBe(false)
  })

  it('are listed by when they were last seen', async () => {
    const { store } = await temporaryStore()
    const { devices } = store
    await devices.add(device('1'))
    await devices.add(device('2'))
    await devices.seen('1', '198.51.100.0/24', NOW + 1)
    const list = await devices.list('lea')
    expect(list.map(({ id }) => id)).toEqual(['1', '2'])
    expect(list[0]).toMatchObject({ network: '198.51.100.0/24', lastSeenAt: NOW + 1, addedAt: NOW })
  })

  it('are forgotten one by one, by how they were added, or all', async () => {
    const { store } = await temporaryStore()
    const { devices } = store
    await devices.add(device('1'))
    await devices.add(device('2', { addedUnder: 'notification' }))
    await devices.add(device('3'))
    await devices.add(device('4', { sub: 'noe' }))
    await devices.remove('1')
    expect(await devices.removeAll('lea', 'notification')).toBe(1)
    expect((await devices.list('lea')).map(({ id }) => id)).toEqual(['3'])
    expect(await devices.removeAll('lea')).toBe(1)
    expect(await devices.list('noe')).toHaveLength(1)
  })

  it('and cookies go at their end', async () => {
    const { store } = await temporaryStore()
    const { devices } = store
    await devices.add(device('1', { addedAt: NOW - 1 }))
    await devices.add(device('2'))
    await devices.use(null, { tokenHash: 'old', browserId: 'a' }, NOW - 2)
    await devices.use(null, { tokenHash: 'used', browserId: 'b' }, NOW - 2)
    await devices.use('used', { tokenHash: 'next', browserId: 'c' }, NOW)
    expect(await devices.purge({ cookiesMs: NOW, devicesMs: NOW })).toBe(1)
    expect((await devices.list('lea')).map(({ id }) => id)).toEqual(['2'])
    expect((await devices.present('old')).kind).toBe('unknown')
    expect((await devices.present('used')).kind).toBe('known')
  })
})
