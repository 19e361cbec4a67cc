import { randomBytes } from 'node:crypto'
import { setImmediate as settled } from 'node:timers/promises'
import { hash as bcryptHash } from 'bcrypt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { HashParameters } from '../../accounts/argon2_text.ts'
import { AppError } from '../../accounts/errors.ts'
import { parseForeignHash } from '../../accounts/foreign_hash.ts'
import {
  createHashQueue,
  type HashQueue,
  KNOWN_TURNS,
  RETRY_AFTER_SECONDS_MAX,
} from '../../accounts/hash_queue.ts'
import { createHasher } from '../../accounts/hasher.ts'
import { createKeyedHash } from '../../accounts/keyed_hash.ts'
import type { HashLane, Random } from '../../accounts/ports.ts'
import { createSealer, type VersionedKeys } from '../../accounts/seal.ts'
import { FOREIGN_HASHES, MOVED } from '../support/foreign_hashes.ts'

const home = (key: string): HashLane => ({ known: false, key })
const browser = (key: string): HashLane => ({ known: true, key })
const random: Random = { bytes: (size) => randomBytes(size), below: () => 0 }

interface Limits {
  concurrency?: number
  queueMax?: number
  perKeyMax?: number
  knownPerKeyMax?: number
}

/** A queue whose works end when the test says so, and a record of what happened in it. */
function bench({
  concurrency = 1,
  queueMax = 1000,
  perKeyMax = 1000,
  knownPerKeyMax = perKeyMax,
}: Limits = {}) {
  let nowMs = 0
  const limits = { concurrency, queueMax, perKeyMax, knownPerKeyMax }
  const queue = createHashQueue({ ...limits, clock: () => nowMs })
  const started: string[] = []
  const done: string[] = []
  const refused: { name: string; error: unknown }[] = []
  const running: (() => void)[] = []
  const work = (name: string) => () =>
    new Promise<string>((resolve) => {
      started.push(name)
      running.push(() => resolve(name))
    })
  /** Ends the oldest work under way, `tookMs` after it began. */
  const finish = async (tookMs = 0): Promise<void> => {
    nowMs += tookMs
    running.shift()?.()
    await settled()
  }
  return {
    queue,
    started,
    done,
    refused,
    running,
    ask(place: HashLane, name: string): void {
      queue.run(place, work(name)).then(
        (result) => done.push(result),
        (error: unknown) => refused.push({ name, error }),
      )
    },
    finish,
    /** Works everything off. */
    async drain(): Promise<void> {
      while (running.length > 0) await finish()
    },
  }
}

const busy = (queue: HashQueue, place: HashLane): AppError | undefined => {
  try {
    queue.reserve(place).leave()
    return undefined
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

describe('the hashing queue', () => {
  it('gives back what a work gives, and what it throws', async () => {
    const { queue } = bench()
    await expect(queue.run(home('a'), async () => 7)).resolves.toBe(7)
    await expect(
      queue.run(home('a'), async () => Promise.reject(new TypeError('bad salt'))),
    ).rejects.toThrow('bad salt')
    await expect(
      queue.run(home('a'), () => {
        throw new TypeError('at once')
      }),
    ).rejects.toThrow('at once')
    await expect(queue.run(home('a'), async () => 8)).resolves.toBe(8)
  })

  it('never does more at once than it may, and starts the next as soon as one ends', async () => {
    const { ask, finish, started, running } = bench({ concurrency: 2 })
    for (const name of ['1', '2', '3', '4']) ask(home(name), name)
    expect(started).toEqual(['1', '2'])
    await finish()
    expect(started).toEqual(['1', '2', '3'])
    expect(running).toHaveLength(2)
  })

  it('keeps the order within one browser or network', async () => {
    const { ask, drain, started } = bench()
    for (const name of ['1', '2', '3', '4', '5']) ask(home('a'), name)
    await drain()
    expect(started).toEqual(['1', '2', '3', '4', '5'])
  })

  it('serves somebody at home next but one, though a network floods it', async () => {
    const { ask, finish, started } = bench({ perKeyMax: 300 })
    for (let i = 0; i < 300; i += 1) ask(home('flood'), `junk ${i}`)
    ask(home('family'), 'Anne')
    ask(home('farm'), 'Bruno')
    await finish()
    await finish()
    await finish()
    expect(started.slice(1)).toEqual(['junk 1', 'Anne', 'Bruno'])
  })

  it('serves a known browser next, whatever waits in the other lane', async () => {
    const { ask, finish, started } = bench({ queueMax: 500 })
    for (let i = 0; i < 501; i += 1) ask(home(`network ${i}`), `junk ${i}`)
    ask(browser('laptop'), 'Anne')
    await finish()
    expect(started.slice(1)).toEqual(['Anne'])
  })

  it('has room for known browsers when the other lane is full', () => {
    const { ask, queue } = bench({ queueMax: 50 })
    for (let i = 0; i < 500; i += 1) ask(home(`network ${i}`), `junk ${i}`)
    expect(busy(queue, home('family'))?.code).toBe('busy')
    expect(busy(queue, browser('laptop'))).toBeUndefined()
  })

  it('has room for other networks when one has filled its part', () => {
    const { ask, queue } = bench({ queueMax: 50, perKeyMax: 10 })
    for (let i = 0; i < 500; i += 1) ask(home('flood'), `junk ${i}`)
    expect(busy(queue, home('flood'))?.code).toBe('busy')
    expect(busy(queue, home('family'))).toBeUndefined()
  })

  it('has a few places for each person on browsers of theirs, and many for a network', () => {
    const { ask, queue } = bench({ perKeyMax: 300, knownPerKeyMax: 16 })
    for (let i = 0; i < 17; i += 1) ask(browser('anne'), `anne ${i}`)
    for (let i = 0; i < 17; i += 1) ask(home('school'), `pupil ${i}`)
    expect(busy(queue, browser('anne'))?.code).toBe('busy')
    expect(busy(queue, browser('bruno'))).toBeUndefined()
    expect(busy(queue, home('school'))).toBeUndefined()
  })

  it('takes in a whole school behind one address', async () => {
    const { ask, drain, done, refused } = bench({ concurrency: 2, queueMax: 400, perKeyMax: 300 })
    for (let i = 0; i < 302; i += 1) ask(home('school'), `pupil ${i}`)
    await drain()
    expect(refused).toEqual([])
    expect(done).toHaveLength(302)
  })

  it('leaves the others one turn in four while known browsers keep coming', async () => {
    const { ask, drain, started } = bench()
    ask(browser('first'), 'known')
    for (let i = 0; i < 20; i += 1) ask(browser(`laptop ${i}`), 'known')
    for (let i = 0; i < 20; i += 1) ask(home(`network ${i}`), 'other')
    await drain()
    const both = started.slice(1, 1 + 24)
    const turn = [...Array.from({ length: KNOWN_TURNS }, () => 'known'), 'other']
    expect(both).toEqual(Array.from({ length: 6 }, () => turn).flat())
  })

  it('refuses at once, before the work is begun, and says when to come back', async () => {
    const { ask, queue, refused, started } = bench({ queueMax: 2 })
    for (const name of ['1', '2', '3', 'late']) ask(home('a'), name)
    await settled()
    expect(refused.map(({ name }) => name)).toEqual(['late'])
    expect(refused[0]?.error).toMatchObject({ code: 'busy', retryAfterSeconds: 1 })
    expect(busy(queue, home('a'))).toMatchObject({ code: 'busy', retryAfterSeconds: 1 })
    expect(started).toEqual(['1'])
  })

  it('keeps a place for whoever reserved one, and sends the others away before they begin', async () => {
    const { ask, queue, refused, started, finish } = bench({ queueMax: 2 })
    const kept = queue.reserve(home('a'))
    queue.reserve(home('b'))
    expect(busy(queue, home('c'))?.code).toBe('busy')
    ask(home('c'), 'unannounced')
    ask(kept, 'kept')
    await settled()
    expect(refused.map(({ name }) => name)).toEqual(['unannounced'])
    expect(started).toEqual(['kept'])
    await finish()
    kept.leave() // Used up: there is nothing to give back.
    queue.reserve(home('c'))
    expect(busy(queue, home('d'))?.code).toBe('busy')
  })

  it('takes back a place that was not used, once', () => {
    const { queue } = bench({ queueMax: 1, perKeyMax: 1 })
    const place = queue.reserve(home('a'))
    place.leave()
    place.leave()
    queue.reserve(home('a'))
    expect(busy(queue, home('a'))?.code).toBe('busy')
  })

  it('reckons the wait from the length of the queue and how long works took', async () => {
    const { ask, finish, queue } = bench({ concurrency: 2, queueMax: 40 })
    for (let i = 0; i < 200; i += 1) ask(home('a'), 'past')
    for (let i = 0; i < 42; i += 1) await finish(500)
    for (let i = 0; i < 42; i += 1) ask(home('a'), 'now')
    // 42 are ahead, two at a time, and each took a second: two ends of 500 ms each.
    expect(busy(queue, home('a'))?.retryAfterSeconds).toBe(21)
  })

  it('never sends anybody away for more than a minute', async () => {
    const { ask, finish, queue } = bench({ queueMax: 300 })
    ask(home('a'), 'slow')
    await finish(3_600_000)
    for (let i = 0; i < 301; i += 1) ask(home('a'), 'now')
    expect(busy(queue, home('a'))?.retryAfterSeconds).toBe(RETRY_AFTER_SECONDS_MAX)
  })

  it('takes a clock that is put back for no time at all', async () => {
    const { ask, finish, queue } = bench({ queueMax: 1 })
    ask(home('a'), 'before')
    await finish(-3_600_000)
    for (const name of ['1', '2']) ask(home('a'), name)
    expect(busy(queue, home('a'))?.retryAfterSeconds).toBe(1)
  })

  it.each([
    { concurrency: 0 },
    { queueMax: 0 },
    { perKeyMax: 0 },
    { knownPerKeyMax: 0 },
    { concurrency: 1.5 },
    { queueMax: Number.NaN },
  ])('is not made with limits that let nothing through: %j', (limits) => {
    expect(() => bench(limits)).toThrow(RangeError)
  })
})

/** One step of a random day at the queue: somebody asks, or the oldest work ends. */
type Step = 'finish' | HashLane

const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ known: fc.boolean(), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    },
    { weight: 2, arbitrary: fc.constant<Step>('finish') },
  ),
  { maxLength: 120 },
)

/** Who asked, and how the queue stood at that moment. */
interface Asked {
  readonly name: string
  readonly place: HashLane
  readonly inLane: number
  readonly ofKey: number
  readonly startedBefore: number
}

const sameLane = (a: Asked, place: HashLane) => a.place.known === place.known
const sameKey = (a: Asked, place: HashLane) => sameLane(a, place) && a.place.key === place.key

/** Lives through one random day, then works off what is left. */
async function live(day: readonly Step[], limits: Required<Limits>) {
  const { ask, finish, drain, started, running, refused, done } = bench(limits)
  const asked: Asked[] = []
  const isRefused = ({ name }: Asked) => refused.some((one) => one.name === name)
  const waiting = () => asked.filter((a) => !isRefused(a) && !started.includes(a.name))
  const loads: { running: number; waiting: number }[] = []
  for (const [i, step] of day.entries()) {
    if (step === 'finish') {
      await finish()
    } else {
      const inLane = waiting().filter((a) => sameLane(a, step)).length
      const ofKey = waiting().filter((a) => sameKey(a, step)).length
      const name = `work ${i}`
      asked.push({ name, place: step, inLane, ofKey, startedBefore: started.length })
      ask(step, name)
      await settled()
    }
    loads.push({ running: running.length, waiting: waiting().length })
  }
  await drain()
  const accepted = asked.filter((a) => !isRefused(a))
  return { asked, accepted, isRefused, loads, started, done }
}

describe('whatever comes to the hashing queue', () => {
  const limits = fc.record({
    concurrency: fc.integer({ min: 1, max: 4 }),
    queueMax: fc.integer({ min: 1, max: 12 }),
    perKeyMax: fc.integer({ min: 1, max: 5 }),
    knownPerKeyMax: fc.integer({ min: 1, max: 5 }),
  })

  it('keeps its limits, and never idles while somebody waits', async () => {
    await fc.assert(
      fc.asyncProperty(limits, steps, async (limit, day) => {
        const { asked, isRefused, loads } = await live(day, limit)
        for (const a of asked) {
          const ofKeyMax = a.place.known ? limit.knownPerKeyMax : limit.perKeyMax
          expect(isRefused(a)).toBe(a.inLane >= limit.queueMax || a.ofKey >= ofKeyMax)
        }
        for (const load of loads) {
          expect(load.running).toBeLessThanOrEqual(limit.concurrency)
          expect(load.waiting === 0 || load.running === limit.concurrency).toBe(true)
        }
      }),
    )
  })

  it('does each work once, those of one key in their order', async () => {
    await fc.assert(
      fc.asyncProperty(limits, steps, async (limit, day) => {
        const { accepted, started, done } = await live(day, limit)
        const names = accepted.map(({ name }) => name)
        expect([...started].sort()).toEqual([...names].sort())
        expect([...done].sort()).toEqual([...names].sort())
        for (const { place } of accepted) {
          const own = accepted.filter((a) => sameKey(a, place)).map(({ name }) => name)
          expect(started.filter((name) => own.includes(name))).toEqual(own)
        }
      }),
    )
  })

  it('lets nobody be passed twice by the same key of their lane', async () => {
    const unlimited = { concurrency: 1, queueMax: 1000, perKeyMax: 1000, knownPerKeyMax: 1000 }
    await fc.assert(
      fc.asyncProperty(steps, async (day) => {
        const { accepted, started } = await live(day, unlimited)
        // Only the first of a key waits for others alone; the rest wait for it as well.
        for (const a of accepted.filter(({ ofKey }) => ofKey === 0)) {
          const before = started.slice(a.startedBefore, started.indexOf(a.name))
          const passed = accepted
            .filter((one) => sameLane(one, a.place) && before.includes(one.name))
            .map(({ place }) => place.key)
          expect(new Set(passed).size).toBe(passed.length)
        }
      }),
    )
  })

  it('lets nobody first of their key wait for more than their share of turns', async () => {
    const unlimited = { concurrency: 1, queueMax: 1000, perKeyMax: 1000, knownPerKeyMax: 1000 }
    await fc.assert(
      fc.asyncProperty(steps, async (day) => {
        const { accepted, started } = await live(day, unlimited)
        for (const a of accepted.filter(({ ofKey }) => ofKey === 0)) {
          const waited = started.indexOf(a.name) - a.startedBefore
          // At most the three other keys go first, each with a round of the other lane.
          const ownTurns = 4
          const turns = a.place.known ? 2 * ownTurns : (KNOWN_TURNS + 1) * ownTurns
          expect(waited).toBeLessThan(turns)
        }
      }),
    )
  })
})

// The least that the package takes, so that the tests spend their time elsewhere.
const CHEAP: HashParameters = { memoryKib: 1024, iterations: 2, parallelism: 1 }
const DEARER: HashParameters = { memoryKib: 2048, iterations: 2, parallelism: 1 }
const k1 = randomBytes(32)
const k2 = randomBytes(32)
const pepper = (current: string, keys: Record<string, Uint8Array>): VersionedKeys => ({
  current,
  keys: new Map(Object.entries(keys)),
})
const OLD_PEPPER = pepper('k1', { k1 })
const NEW_PEPPER = pepper('k2', { k2, k1 })

const hasherWith = (parameters = CHEAP, keys = OLD_PEPPER, limits: Limits = {}) =>
  createHasher({
    sealer: createSealer(keys, 'pepper'),
    keyed: createKeyedHash(keys),
    queue: bench({ concurrency: 2, ...limits }).queue,
    parameters,
    random,
  })

const PLACE = home('192.0.2.0/24')
const PASSWORD = 'trois chats gris dorment'
const OWNER = 'password:anne'

describe('a hashed password', () => {
  it('is right for the one who chose it, and wrong for whatever else is typed', async () => {
    const hasher = hasherWith()
    const sealed = await hasher.hash(PASSWORD, OWNER, PLACE)
    expect(await hasher.verify(PASSWORD, sealed, OWNER, PLACE)).toEqual({
      right: true,
      stale: false,
    })
    for (const typed of ['', 'trois chats gris', `${PASSWORD} `, PASSWORD.toUpperCase()]) {
      expect((await hasher.verify(typed, sealed, OWNER, PLACE)).right).toBe(false)
    }
  })

  it('counts to its last character, and with what is not ASCII', async () => {
    const hasher = hasherWith()
    const long = `${'é🔑'.repeat(128)}`
    const sealed = await hasher.hash(long, OWNER, PLACE)
    expect((await hasher.verify(long, sealed, OWNER, PLACE)).right).toBe(true)
    expect((await hasher.verify(long.slice(0, -2), sealed, OWNER, PLACE)).right).toBe(false)
  })

  it('is argon2id at the cost asked for, with a salt of 16 bytes, once the pepper is off', async () => {
    const sealed = await hasherWith().hash(PASSWORD, OWNER, PLACE)
    const [, name, version, cost, salt = '', hash = ''] = createSealer(OLD_PEPPER, 'pepper')
      .open(sealed, OWNER)
      .toString()
      .split('$')
    expect([name, version, cost]).toEqual(['argon2id', 'v=19', 'm=1024,t=2,p=1'])
    expect(Buffer.from(salt, 'base64')).toHaveLength(16)
    expect(Buffer.from(hash, 'base64')).toHaveLength(32)
    expect(sealed).not.toContain('argon2')
  })

  it('is another each time, so that equal passwords do not show', async () => {
    const hasher = hasherWith()
    const open = (sealed: string) =>
      createSealer(OLD_PEPPER, 'pepper').open(sealed, OWNER).toString()
    const one = open(await hasher.hash(PASSWORD, OWNER, PLACE))
    const two = open(await hasher.hash(PASSWORD, OWNER, PLACE))
    expect(one).not.toBe(two)
  })

  it('is worth nothing at another account', async () => {
    const hasher = hasherWith()
    const sealed = await hasher.hash(PASSWORD, OWNER, PLACE)
    await expect(hasher.verify(PASSWORD, sealed, 'password:bruno', PLACE)).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  it('lets nobody in under another pepper', async () => {
    const sealed = await hasherWith().hash(PASSWORD, OWNER, PLACE)
    const stranger = hasherWith(CHEAP, pepper('k1', { k1: k2 }))
    await expect(stranger.verify(PASSWORD, sealed, OWNER, PLACE)).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  it.each<[what: string, parameters: HashParameters, keys: VersionedKeys]>([
    ['parameters', DEARER, OLD_PEPPER],
    ['pepper', CHEAP, NEW_PEPPER],
  ])('stays right and turns stale when the %s changed, until hashed again', async (_, p, keys) => {
    const sealed = await hasherWith().hash(PASSWORD, OWNER, PLACE)
    const later = hasherWith(p, keys)
    expect(await later.verify(PASSWORD, sealed, OWNER, PLACE)).toEqual({ right: true, stale: true })
    const again = await later.hash(PASSWORD, OWNER, PLACE)
    expect(await later.verify(PASSWORD, again, OWNER, PLACE)).toEqual({ right: true, stale: false })
  })
})

const GENERATED = 'KXR4-7PQM-2TWD'

describe('a generated password', () => {
  it('is kept at once, without argon2id, and is right for its owner alone', async () => {
    const hasher = hasherWith()
    const kept = hasher.keep(GENERATED, OWNER)
    expect(hasher.stats().runs).toBe(0)
    expect(await hasher.verify(GENERATED, kept, OWNER, PLACE)).toEqual({
      right: true,
      stale: false,
    })
    for (const typed of ['', GENERATED.toLowerCase(), GENERATED.slice(1), `${GENERATED} `]) {
      expect(await hasher.verify(typed, kept, OWNER, PLACE)).toEqual({ right: false, stale: false })
    }
    await expect(hasher.verify(GENERATED, kept, 'password:bruno', PLACE)).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  it('is another for each owner, once the seal is off', () => {
    const hasher = hasherWith()
    const open = (owner: string) =>
      createSealer(OLD_PEPPER, 'pepper').open(hasher.keep(GENERATED, owner), owner).toString()
    expect(open(OWNER)).toMatch(/^\$hmac\$k1\$[\w-]{43}$/)
    expect(open(OWNER)).not.toBe(open('password:bruno'))
  })

  it('stays right when the pepper changes, as it soon ends, and needs the key it was kept by', async () => {
    const kept = hasherWith().keep(GENERATED, OWNER)
    const later = hasherWith(CHEAP, NEW_PEPPER)
    expect(await later.verify(GENERATED, kept, OWNER, PLACE)).toEqual({ right: true, stale: false })
    const without = hasherWith(CHEAP, pepper('k2', { k2 }))
    await expect(without.verify(GENERATED, kept, OWNER, PLACE)).rejects.toMatchObject({
      code: 'unavailable',
    })
    const stranger = createKeyedHash(pepper('k1', { k1: k2 }))
    const text = createKeyedHash(OLD_PEPPER).make(GENERATED, OWNER)
    expect(stranger.matches(GENERATED, OWNER, text)).toBe(false)
    expect(() => createKeyedHash(pepper('k2', { k2 })).matches(GENERATED, OWNER, text)).toThrow(
      AppError,
    )
  })
})

describe('a password hashed by another system', () => {
  const read = (text: string) => {
    const result = parseForeignHash(text)
    if (!result.ok) throw new Error(result.reason)
    return result.hash
  }
  const costs = (hasher: ReturnType<typeof hasherWith>) => [...hasher.stats().runsByCost]

  for (const [kind, text] of Object.entries(FOREIGN_HASHES)) {
    it(`is right, alone, and to be hashed anew: ${kind}`, async () => {
      const hasher = hasherWith()
      const sealed = await hasher.adopt(read(text), OWNER, PLACE)
      const check = (typed: string) => hasher.verify(typed, sealed, OWNER, PLACE)
      expect(await check(MOVED)).toEqual({ right: true, stale: true })
      for (const typed of ['', MOVED.slice(0, -1), `${MOVED} `, MOVED.normalize('NFD'), text]) {
        expect((await check(typed)).right).toBe(false)
      }
      await expect(hasher.verify(MOVED, sealed, 'password:bruno', PLACE)).rejects.toMatchObject({
        code: 'unavailable',
      })
      const opened = createSealer(OLD_PEPPER, 'pepper').open(sealed, OWNER).toString()
      expect(opened).toMatch(/^\$adopted\$/)
    })
  }

  it('agrees with the reference program of argon2', async () => {
    const text = '$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG'
    const hasher = hasherWith()
    const sealed = await hasher.adopt(read(text), OWNER, PLACE)
    expect((await hasher.verify('password', sealed, OWNER, PLACE)).right).toBe(true)
  })

  it('never passes for one of ours, though it costs the same', async () => {
    const parameters = { memoryKib: 4096, iterations: 3, parallelism: 1 }
    const hasher = hasherWith(parameters)
    const sealed = await hasher.adopt(read(FOREIGN_HASHES.argon2id), OWNER, PLACE)
    expect(await hasher.verify(MOVED, sealed, OWNER, PLACE)).toEqual({ right: true, stale: true })
    expect(costs(hasher)).toEqual([['m=4096,t=3,p=1', 1]])
  })

  it.each(['SSHA, its salt of 4 bytes', 'SSHA256', 'SSHA512'] as const)(
    'is wrapped in one argon2id where its own is quick, and costs one at each try: %s',
    async (kind) => {
      const hasher = hasherWith()
      const hash = read(FOREIGN_HASHES[kind])
      const sealed = await hasher.adopt(hash, OWNER, PLACE)
      expect(costs(hasher)).toEqual([['m=1024,t=2,p=1', 1]])
      await hasher.verify(MOVED, sealed, OWNER, PLACE)
      await hasher.verify('wrong', sealed, OWNER, PLACE)
      expect(costs(hasher)).toEqual([['m=1024,t=2,p=1', 3]])
      const opened = createSealer(OLD_PEPPER, 'pepper').open(sealed, OWNER).toString()
      const digest = 'hash' in hash ? Buffer.from(hash.hash).toString('base64').slice(0, 24) : ''
      expect(digest).not.toBe('')
      expect(opened).not.toContain(digest)
    },
  )

  it('is checked in the queue, and no work of it is begun where that is full', async () => {
    const { queue, ask } = bench({ queueMax: 1 })
    const sealer = createSealer(OLD_PEPPER, 'pepper')
    const keyed = createKeyedHash(OLD_PEPPER)
    const hasher = createHasher({ sealer, keyed, queue, parameters: CHEAP, random })
    const sealed = await hasher.adopt(read(FOREIGN_HASHES['bcrypt 2b']), OWNER, PLACE)
    for (const name of ['1', '2']) ask(PLACE, name)
    await expect(hasher.verify(MOVED, sealed, OWNER, PLACE)).rejects.toMatchObject({ code: 'busy' })
    await expect(hasher.adopt(read(FOREIGN_HASHES.SSHA256), OWNER, PLACE)).rejects.toMatchObject({
      code: 'busy',
    })
  })

  it('is wrong for all that bcrypt would take the beginning of for the whole', async () => {
    const hasher = hasherWith()
    const whole = 'x'.repeat(72)
    const verify = async (made: string, typed: string) => {
      const sealed = await hasher.adopt(read(await bcryptHash(made, 8)), OWNER, PLACE)
      return (await hasher.verify(typed, sealed, OWNER, PLACE)).right
    }
    expect(await verify(whole, whole)).toBe(true)
    expect(await verify(whole, `${whole}y`)).toBe(false)
    expect(await verify(`${whole}y`, `${whole}z`)).toBe(false)
    expect(await verify('short', 'short\0and more')).toBe(false)
  })
})

describe('the work of a try', () => {
  it('is one argon2id of the same cost for right, wrong, generated and unknown', async () => {
    const hasher = hasherWith()
    const sealed = await hasher.hash(PASSWORD, OWNER, PLACE)
    const kept = hasher.keep(GENERATED, OWNER)
    const tries: [typed: string, sealed: string | null][] = [
      [PASSWORD, sealed],
      ['wrong', sealed],
      [GENERATED, kept],
      ['wrong', kept],
      ['', kept],
      [PASSWORD, null],
      ['', null],
    ]
    for (const [typed, stored] of tries) {
      const before = hasher.stats()
      await hasher.verify(typed, stored, OWNER, PLACE)
      const after = hasher.stats()
      expect(after.runs - before.runs).toBe(1)
      expect([...after.runsByCost]).toEqual([['m=1024,t=2,p=1', after.runs]])
    }
  })

  it('is never right where there is nothing to check', async () => {
    const hasher = hasherWith()
    for (const typed of ['', 'dummy', PASSWORD]) {
      expect(await hasher.verify(typed, null, OWNER, PLACE)).toEqual({ right: false, stale: false })
    }
  })

  it('is not begun when the queue is full', async () => {
    const { queue, ask } = bench({ queueMax: 1 })
    const sealer = createSealer(OLD_PEPPER, 'pepper')
    const hasher = createHasher({
      sealer,
      keyed: createKeyedHash(OLD_PEPPER),
      queue,
      parameters: CHEAP,
      random,
    })
    for (const name of ['1', '2']) ask(PLACE, name)
    expect(() => hasher.reserve(PLACE)).toThrow(AppError)
    await expect(hasher.verify(PASSWORD, null, OWNER, PLACE)).rejects.toMatchObject({
      code: 'busy',
    })
    await expect(hasher.hash(PASSWORD, OWNER, PLACE)).rejects.toMatchObject({ code: 'busy' })
    expect(hasher.stats().runs).toBe(0)
    expect(() => hasher.reserve(browser('laptop'))).not.toThrow()
  })
})
