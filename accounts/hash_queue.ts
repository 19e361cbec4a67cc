import { AppError } from './errors.ts'
import type { Clock, HashLane, HashPlace } from './ports.ts'

export interface HashQueueOptions {
  /** Works under way at once. They and token signing share four threads: leave it one. */
  readonly concurrency: number
  /** Works that may wait in each of the two lanes, so that neither can fill the other's. */
  readonly queueMax: number
  /** Of them, for one network. A whole school may stand behind one address. */
  readonly perKeyMax: number
  /** Of them, for one person on browsers of theirs. */
  readonly knownPerKeyMax: number
  readonly clock: Clock
}

/** Bounds expensive work, and shares it out so that nobody's flood keeps others waiting. */
export interface HashQueue {
  /**
   * Keeps a place for one work to come, so that whoever reads or counts beforehand does it for
   * nothing. Throws `AppError('busy')`, with the seconds to wait, where `run` would.
   */
  reserve(lane: HashLane): HashPlace
  /**
   * Does `work` when its turn comes, and passes on what it gives or throws. Rejects at once with
   * `AppError('busy')` where the lane, or this person's or network's part of it, is full; never
   * for a place that is reserved, which it uses up.
   */
  run<T>(lane: HashLane, work: () => Promise<T>): Promise<T>
}

/** Turns that known browsers get before one goes to the others, while both wait. */
export const KNOWN_TURNS = 3
export const RETRY_AFTER_SECONDS_MAX = 60

/** Before anything was measured: argon2id at 19 MiB takes about 30 ms. */
const FIRST_WORK_MS = 30
/** How much the newest measure counts in the mean. */
const NEWEST_WEIGHT = 1 / 8

type Start = () => void

interface Lane {
  /** Works that wait; places kept for others count for `hasRoom` only. */
  size(): number
  /** Keeps `places` more, or fewer, for works to come. */
  keep(key: string, places: 1 | -1): void
  hasRoom(key: string): boolean
  add(key: string, start: Start): void
  take(): Start | undefined
}

/** A queue with two lanes, people on browsers of theirs and others. Throws `RangeError` for limits below 1. */
export function createHashQueue(options: HashQueueOptions): HashQueue {
  const { concurrency, queueMax, perKeyMax, knownPerKeyMax, clock } = options
  assertLimits({ concurrency, queueMax, perKeyMax, knownPerKeyMax })
  const known = createLane(queueMax, knownPerKeyMax)
  const others = createLane(queueMax, perKeyMax)
  let running = 0
  let knownInRow = 0
  let meanMs = FIRST_WORK_MS

  const laneOf = (place: HashLane): Lane => (place.known ? known : others)

  const take = (): Start | undefined => {
    const fromKnown = known.size() > 0 && (others.size() === 0 || knownInRow < KNOWN_TURNS)
    knownInRow = fromKnown && others.size() > 0 ? knownInRow + 1 : 0
    return (fromKnown ? known : others).take()
  }

  const startNext = (): void => {
    while (running < concurrency) {
      const start = take()
      if (start === undefined) return
      running += 1
      start()
    }
  }

  const perform = async <T>(work: () => Promise<T>): Promise<T> => {
    const startedMs = clock()
    try {
      return await work()
    } finally {
      meanMs += (Math.max(0, clock() - startedMs) - meanMs) * NEWEST_WEIGHT
      running -= 1
      startNext()
    }
  }

  const retryAfterSeconds = (): number => {
    const ahead = known.size() + others.size() + running
    const seconds = Math.ceil((ahead * meanMs) / concurrency / 1000)
    return Math.min(Math.max(seconds, 1), RETRY_AFTER_SECONDS_MAX)
  }

  const reserved = new WeakMap<HashLane, HashPlace>()

  const assertRoom = (place: HashLane): void => {
    if (laneOf(place).hasRoom(place.key)) return
    const message = `no room to hash for ${place.known ? 'a known browser' : 'others'}`
    throw new AppError('busy', message, { retryAfterSeconds: retryAfterSeconds() })
  }

  const reserve = (lane: HashLane): HashPlace => {
    assertRoom(lane)
    laneOf(lane).keep(lane.key, 1)
    const place: HashPlace = {
      ...lane,
      leave: () => {
        if (reserved.delete(place)) laneOf(lane).keep(lane.key, -1)
      },
    }
    reserved.set(place, place)
    return place
  }

  return {
    reserve,
    run: <T>(place: HashLane, work: () => Promise<T>) =>
      new Promise<T>((resolve) => {
        const kept = reserved.get(place)
        if (kept === undefined) assertRoom(place)
        else kept.leave()
        laneOf(place).add(place.key, () => resolve(perform(work)))
        startNext()
      }),
  }
}

function assertLimits(limits: Readonly<Record<string, number>>): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`${name} is a number from 1`)
  }
}

/** First come, first served within a key; the keys take turns, so that none can crowd out others. */
function createLane(sizeMax: number, perKeyMax: number): Lane {
  // A map keeps the order of insertion: the first key is the next to be served.
  const byKey = new Map<string, Start[]>()
  let size = 0
  const keptByKey = new Map<string, number>()
  let kept = 0
  const ofKey = (key: string): number => (byKey.get(key)?.length ?? 0) + (keptByKey.get(key) ?? 0)
  return {
    size: () => size,
    keep(key, places) {
      const left = (keptByKey.get(key) ?? 0) + places
      if (left === 0) keptByKey.delete(key)
      else keptByKey.set(key, left)
      kept += places
    },
    hasRoom: (key) => size + kept < sizeMax && ofKey(key) < perKeyMax,
    add(key, start) {
      const waiting = byKey.get(key)
      if (waiting === undefined) byKey.set(key, [start])
      else waiting.push(start)
      size += 1
    },
    take() {
      const [entry] = byKey
      if (entry === undefined) return undefined
      const [key, waiting] = entry
      const start = waiting.shift()
      byKey.delete(key)
      if (waiting.length > 0) byKey.set(key, waiting)
      size -= 1
      return start
    },
  }
}
