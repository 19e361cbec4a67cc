import { describe, expect, it } from 'vitest'
import type { Admission, Store } from '../../accounts/ports.ts'
import {
  ACCOUNT_FAILURES_MAX,
  FADE_MS,
  FIRST_DELAY_MS,
  FREE_TRIES,
  NETWORK_FAILURES_MAX,
  NETWORK_PACE_MS,
  NETWORK_WINDOW_MS,
} from '../../policies/lockout.ts'
import { NOW, person } from './record.ts'
import { temporaryStore } from './temporary.ts'

const SCHOOL = '192.0.2.0/24'
const HOME = '198.51.100.0/24'

const admittedOf = (admissions: Admission[]): number =>
  admissions.filter(({ admitted }) => admitted).length

const tryOften = async (
  { passwordTries }: Store,
  times: number,
  network: string,
  nowMs = NOW,
  browser: string | null = null,
): Promise<Admission[]> => {
  const admissions: Admission[] = []
  for (let index = 0; index < times; index += 1) {
    admissions.push(await passwordTries.begin('lea', browser, network, nowMs))
  }
  return admissions
}

/** A person signs in from a browser on a network. */
const signIn = async (store: Store, browser: string, network: string, nowMs = NOW) => {
  const { place } = await store.passwordTries.begin('lea', browser, network, nowMs)
  await store.passwordTries.succeed('lea', place, browser, network, nowMs)
}

describe('password tries', () => {
  it('admit no more in parallel than one after another', async () => {
    const { store } = await temporaryStore()
    const admissions = await Promise.all(
      Array.from({ length: 20 }, () => store.passwordTries.begin('lea', null, SCHOOL, NOW)),
    )
    expect(admittedOf(admissions)).toBe(FREE_TRIES)
    expect(admissions.at(-1)).toEqual({
      admitted: false,
      place: { kind: 'network', key: SCHOOL },
      why: 'delayed',
    })
  })

  it('refused during a delay do not make it longer', async () => {
    const { store } = await temporaryStore()
    await tryOften(store, FREE_TRIES, SCHOOL)
    await tryOften(store, 10, SCHOOL, NOW + FIRST_DELAY_MS - 1)
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW + FIRST_DELAY_MS))).toBe(1)
  })

  it('on one network do not delay another, nor somebody else', async () => {
    const { store } = await temporaryStore()
    await tryOften(store, 20, SCHOOL)
    expect(admittedOf(await tryOften(store, 1, HOME))).toBe(1)
    const { admitted } = await store.passwordTries.begin('noe', null, SCHOOL, NOW)
    expect(admitted).toBe(true)
  })

  it('of a classmate do not shut out the pupil whose browser is known', async () => {
    const { store } = await temporaryStore()
    await signIn(store, 'laptop', SCHOOL)
    await tryOften(store, 20, SCHOOL)
    const [mine] = await tryOften(store, 1, SCHOOL, NOW, 'laptop')
    expect(mine).toEqual({ admitted: true, place: { kind: 'browser', key: 'laptop' } })
  })

  it('do not take a browser for known because it says so', async () => {
    const { store } = await temporaryStore()
    const [first] = await tryOften(store, 1, SCHOOL, NOW, 'invented')
    expect(first?.place).toEqual({ kind: 'network', key: SCHOOL })
  })

  it('know a browser only for whoever succeeded on it', async () => {
    const { store } = await temporaryStore()
    const { passwordTries } = store
    await signIn(store, 'laptop', HOME)
    await tryOften(store, 1, HOME, NOW, 'tablet')
    expect(await passwordTries.isKnown('lea', 'laptop')).toBe(true)
    expect(await passwordTries.isKnown('lea', 'tablet')).toBe(false)
    expect(await passwordTries.isKnown('noe', 'laptop')).toBe(false)
  })

  it('know a browser that was remembered, and owe it nothing else', async () => {
    const { store } = await temporaryStore()
    await tryOften(store, 4, SCHOOL)
    await store.passwordTries.remember('lea', 'laptop', SCHOOL, NOW)
    expect(await store.passwordTries.isKnown('lea', 'laptop')).toBe(true)
    expect(await store.passwordTries.isKnown('noe', 'laptop')).toBe(false)
    expect(admittedOf(await tryOften(store, 9, SCHOOL))).toBe(FREE_TRIES - 4)
  })

  it('that succeed clear what their own place caused, and nothing else', async () => {
    const { store } = await temporaryStore()
    await signIn(store, 'laptop', HOME)
    await tryOften(store, 4, SCHOOL)
    await tryOften(store, 3, SCHOOL, NOW, 'laptop')
    await signIn(store, 'laptop', SCHOOL)
    expect(admittedOf(await tryOften(store, 9, SCHOOL, NOW, 'laptop'))).toBe(FREE_TRIES)
    expect(admittedOf(await tryOften(store, 9, SCHOOL))).toBe(FREE_TRIES - 4)
  })

  it('given back untried do not count', async () => {
    const { store } = await temporaryStore()
    await tryOften(store, 4, SCHOOL, NOW - 1000)
    for (let index = 0; index < 10; index += 1) {
      const { admitted, place } = await store.passwordTries.begin('lea', null, SCHOOL, NOW)
      expect(admitted).toBe(true)
      await store.passwordTries.release('lea', place)
    }
    await tryOften(store, 1, SCHOOL, NOW)
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW + FIRST_DELAY_MS - 1))).toBe(0)
  })

  it('fade after a day', async () => {
    const { store, purge } = await temporaryStore()
    await tryOften(store, 20, SCHOOL)
    expect(admittedOf(await tryOften(store, 9, SCHOOL, NOW + FADE_MS))).toBe(FREE_TRIES)
    expect(await purge(NOW + FADE_MS)).toBe(0) // The same rows count anew.
    expect(await purge(NOW + 2 * FADE_MS)).toBe(FREE_TRIES + 1)
  })

  it('too many in all close the account to new places only, for a day', async () => {
    const { store } = await temporaryStore()
    await signIn(store, 'laptop', HOME)
    for (let index = 0; index < ACCOUNT_FAILURES_MAX / FREE_TRIES; index += 1) {
      await tryOften(store, FREE_TRIES, `203.0.${index}.0/24`)
    }
    const [stranger] = await tryOften(store, 1, SCHOOL)
    expect(stranger).toMatchObject({ admitted: false, why: 'account_refused' })
    expect(admittedOf(await tryOften(store, 1, HOME))).toBe(1)
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW, 'laptop'))).toBe(1)
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW + FADE_MS))).toBe(1)
  })

  it('that were made good do not count against the account', async () => {
    const { store } = await temporaryStore()
    for (let index = 0; index < ACCOUNT_FAILURES_MAX / 4; index += 1) {
      await tryOften(store, 4, `203.0.${index}.0/24`)
      const { place } = await store.passwordTries.begin('lea', null, `203.0.${index}.0/24`, NOW)
      await store.passwordTries.succeed('lea', place, 'laptop', place.key, NOW)
    }
    expect(admittedOf(await tryOften(store, 1, SCHOOL))).toBe(1)
  })

  /** One wrong password on many people, from one network. */
  const spray = (store: Store, times: number, network: string, nowMs = NOW) =>
    store.transact(async ({ passwordTries }) => {
      const admissions: Admission[] = []
      for (let index = 0; index < times; index += 1) {
        admissions.push(await passwordTries.begin(`pupil ${index}`, null, network, nowMs))
      }
      return admissions
    })

  it('on many people from one network are paced, but for those who signed in there', async () => {
    const { store } = await temporaryStore()
    await signIn(store, 'laptop', HOME)
    await store.passwordTries.succeed('noe', { kind: 'network', key: SCHOOL }, 'pc', SCHOOL, NOW)
    const sprayed = await spray(store, NETWORK_FAILURES_MAX + 200, SCHOOL)
    expect(admittedOf(sprayed)).toBe(NETWORK_FAILURES_MAX)
    expect(sprayed.at(-1)).toEqual({
      admitted: false,
      place: { kind: 'network', key: SCHOOL },
      why: 'network_refused',
    })
    expect(admittedOf(await tryOften(store, 1, SCHOOL))).toBe(0)
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW, 'laptop'))).toBe(1)
    expect((await store.passwordTries.begin('noe', null, SCHOOL, NOW)).admitted).toBe(true)
    expect(admittedOf(await tryOften(store, 1, '203.0.113.0/24'))).toBe(1)
    // Noe's was the last that counted.
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW + NETWORK_PACE_MS - 1))).toBe(0)
    expect(admittedOf(await tryOften(store, 1, SCHOOL, NOW + NETWORK_PACE_MS))).toBe(1)
  })

  it('on a paced network are admitted one every two seconds, in parallel too', async () => {
    const { store } = await temporaryStore()
    await spray(store, NETWORK_FAILURES_MAX, SCHOOL)
    const at = (nowMs: number) =>
      Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.passwordTries.begin(`teacher ${index}`, null, SCHOOL, nowMs),
        ),
      )
    expect(admittedOf(await at(NOW + NETWORK_PACE_MS - 1))).toBe(0)
    expect(admittedOf(await at(NOW + NETWORK_PACE_MS))).toBe(1)
    expect(admittedOf(await at(NOW + 2 * NETWORK_PACE_MS - 1))).toBe(0)
    expect(admittedOf(await at(NOW + 2 * NETWORK_PACE_MS))).toBe(1)
  })

  it('on a paced network that succeed leave the turn to the next', async () => {
    const { store } = await temporaryStore()
    await spray(store, NETWORK_FAILURES_MAX, SCHOOL)
    const later = NOW + NETWORK_PACE_MS
    await signIn(store, 'laptop', SCHOOL, later)
    expect((await store.passwordTries.begin('noe', null, SCHOOL, later)).admitted).toBe(true)
    expect((await store.passwordTries.begin('zoe', null, SCHOOL, later)).admitted).toBe(false)
  })

  it('on many people in parallel are admitted no more often', async () => {
    const { store } = await temporaryStore()
    await spray(store, NETWORK_FAILURES_MAX - 10, SCHOOL)
    const more = Array.from({ length: 40 }, (_, index) =>
      store.passwordTries.begin(`teacher ${index}`, null, SCHOOL, NOW),
    )
    expect(admittedOf(await Promise.all(more))).toBe(10)
  })

  it('refused for the network are not counted: the pace ends an hour later', async () => {
    const { store } = await temporaryStore()
    await spray(store, NETWORK_FAILURES_MAX, SCHOOL)
    const paced = await spray(store, 100, SCHOOL, NOW + NETWORK_WINDOW_MS - 1)
    expect(admittedOf(paced)).toBe(1)
    const again = await spray(store, 100, SCHOOL, NOW + NETWORK_WINDOW_MS)
    expect(admittedOf(again)).toBe(100)
  })

  it('remember where somebody succeeded when the failures are forgotten', async () => {
    const { store, purge } = await temporaryStore()
    await signIn(store, 'laptop', HOME)
    await purge(NOW + 2 * FADE_MS)
    const [again] = await tryOften(store, 1, HOME, NOW + 2 * FADE_MS, 'laptop')
    expect(again?.place.kind).toBe('browser')
  })
})

const MINUTE = 60_000

describe('PIN tries', () => {
  const withPupil = async () => {
    const { store, purge } = await temporaryStore()
    await store.accounts.insert('lea', person('lea'), NOW)
    await store.accounts.setPin('lea', {
      sealed: 's',
      origin: 'chosen',
      setAt: NOW,
      length: 4,
      blockedAt: null,
    })
    const begin = async (browser = 'laptop', nowMs = NOW): Promise<string> => {
      const begun = await store.pinTries.begin('lea', browser, 3, nowMs)
      return begun.ok ? begun.tryId : begun.reason
    }
    return {
      store,
      purge,
      begin,
      wrong: async (browser = 'laptop', nowMs = NOW) =>
        store.pinTries.wrong('lea', await begin(browser, nowMs), 3, nowMs),
      right: async (browser = 'laptop', nowMs = NOW) =>
        store.pinTries.right('lea', await begin(browser, nowMs), browser),
      blockedAt: async () => (await store.accounts.bySub('lea'))?.pin?.blockedAt,
    }
  }

  it('of twenty in parallel, admit as many as the limit', async () => {
    const { begin } = await withPupil()
    const begun = await Promise.all(Array.from({ length: 20 }, (_, index) => begin(`b${index}`)))
    expect(begun.filter((each) => each !== 'busy' && each !== 'blocked')).toHaveLength(3)
    expect(begun.filter((each) => each === 'busy')).toHaveLength(17)
  })

  it('count down, then block the PIN until it is cleared', async () => {
    const { store, begin, wrong, blockedAt } = await withPupil()
    expect(await wrong()).toEqual({ blocked: false, left: 2 })
    expect(await wrong('tablet')).toEqual({ blocked: false, left: 1 })
    expect(await blockedAt()).toBeNull()
    expect(await wrong('phone')).toEqual({ blocked: true, left: 0 })
    expect(await blockedAt()).toBe(NOW)
    expect(await begin()).toBe('blocked')
    expect(await begin('laptop', NOW + 2 * FADE_MS)).toBe('blocked')
    await store.pinTries.clear('lea')
    await store.accounts.setPinBlocked('lea', null)
    expect(await wrong()).toEqual({ blocked: false, left: 2 })
  })

  it('say when beginning one is what blocks it: the limit was lowered', async () => {
    const { store, wrong } = await withPupil()
    await wrong()
    const refused = { ok: false, reason: 'blocked' }
    const { pinTries } = store
    expect(await pinTries.begin('lea', 'a', 1, NOW)).toEqual({ ...refused, blockedNow: true })
    expect(await pinTries.begin('lea', 'a', 1, NOW)).toEqual({ ...refused, blockedNow: false })
    expect(await pinTries.begin('lea', 'a', 3, NOW)).toEqual({ ...refused, blockedNow: false })
  })

  it('refuse a PIN that an administrator blocked', async () => {
    const { store, begin } = await withPupil()
    await store.accounts.setPinBlocked('lea', NOW)
    expect(await begin()).toBe('blocked')
  })

  it('that are right clear only what their browser caused', async () => {
    const { wrong, right } = await withPupil()
    await wrong('laptop')
    await wrong('thief')
    await right('laptop')
    expect(await wrong('laptop')).toEqual({ blocked: false, left: 1 })
    expect(await wrong('laptop')).toEqual({ blocked: true, left: 0 })
  })

  it('that are right do not hide a guess in flight from the same browser', async () => {
    const { store, begin, right } = await withPupil()
    const inFlight = await begin()
    await right()
    expect(await store.pinTries.wrong('lea', inFlight, 3, NOW)).toEqual({ blocked: false, left: 2 })
  })

  it('that nobody settled within a minute count as wrong, and may block', async () => {
    const { begin, wrong, blockedAt } = await withPupil()
    await begin('crashed')
    await begin('crashed too')
    expect(await wrong('laptop', NOW + MINUTE - 1)).toEqual({ blocked: false, left: 2 })
    expect(await begin('laptop', NOW + MINUTE - 1)).toBe('busy')
    expect(await begin('laptop', NOW + MINUTE)).toBe('blocked')
    expect(await blockedAt()).toBe(NOW + MINUTE)
  })

  it('given back make room again', async () => {
    const { store, begin } = await withPupil()
    const [first = ''] = [await begin(), await begin(), await begin()]
    expect(await begin()).toBe('busy')
    await store.pinTries.release(first)
    expect(await begin()).not.toBe('busy')
    expect(await begin()).toBe('busy')
  })

  it('already judged are not given back', async () => {
    const { store, begin, wrong } = await withPupil()
    const tryId = await begin()
    await store.pinTries.wrong('lea', tryId, 3, NOW)
    await store.pinTries.release(tryId)
    expect(await wrong()).toEqual({ blocked: false, left: 1 })
  })

  it('fade after a day, unless they blocked', async () => {
    const { wrong, purge } = await withPupil()
    await wrong()
    await wrong()
    expect(await wrong('laptop', NOW + FADE_MS)).toEqual({ blocked: false, left: 2 })
    expect(await purge(NOW + FADE_MS)).toBe(2)
  })

  it('never allow more than ten, whatever the limit says', async () => {
    const { store } = await withPupil()
    const begun = await Promise.all(
      Array.from({ length: 15 }, () => store.pinTries.begin('lea', 'laptop', 1000, NOW)),
    )
    expect(begun.filter(({ ok }) => ok)).toHaveLength(10)
  })
})
