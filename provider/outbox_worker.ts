import type { Logger } from 'pino'
import type { Deps, OutboxItem } from '../accounts/ports.ts'
import type { Deliver, Delivery } from './deliveries.ts'
import { MAILS_AT_ONCE, type NotSent, SENDING_MAX_MS } from './mailer.ts'
import { repeat } from './repeat.ts'

export interface OutboxWorkerOptions {
  readonly deps: Pick<Deps, 'store' | 'clock'>
  readonly deliveries: Readonly<Record<OutboxItem['kind'], Deliver>>
  readonly log: Logger
  /** Between two looks at an outbox where nothing is due. */
  readonly pauseMs?: number
}

export interface OutboxWorker {
  /** Takes nothing more, and waits for what is being sent. */
  stop(): Promise<void>
}

const LOOK_PAUSE_MS = 1_000
/** How many of each kind are on their way at once: no kind holds the other up. */
const LANES: Readonly<Record<OutboxItem['kind'], number>> = { mail: MAILS_AT_ONCE, logout: 8 }
/** Longer than anything takes to be sent: meanwhile nobody else takes it. */
export const LEASE_MS = 2 * SENDING_MAX_MS
const MINUTE_MS = 60_000
const PAUSE_MAX_MS = 60 * MINUTE_MS
/** So long after an act, what it told is tried for the last time. */
export const GIVE_UP_MS = 24 * 60 * MINUTE_MS

/** 1, 2, 4 … at most 60 minutes after a try, and a last time at the very end; null: that was it. */
export const nextTryAt = (
  { attempts, createdAt }: Pick<OutboxItem, 'attempts' | 'createdAt'>,
  nowMs: number,
): number | null => {
  const end = createdAt + GIVE_UP_MS
  const pause = Math.min(MINUTE_MS * 2 ** (attempts - 1), PAUSE_MAX_MS)
  return nowMs >= end ? null : Math.min(nowMs + pause, end)
}

/**
 * Delivers what acts have queued: each thing by one worker at a time, a few of each kind at once,
 * whatever number of processes there is. It goes when it was delivered, is tried again for a day where that
 * failed for now, and is given up after that, or where it was refused for good: told to the audit
 * and the log. See docs/decisions/0016 for what may be sent twice.
 */
export const startOutboxWorker = ({
  deps: { store, clock },
  deliveries,
  log,
  pauseMs = LOOK_PAUSE_MS,
}: OutboxWorkerOptions): OutboxWorker => {
  let stopping = false
  const running = new Set<Promise<void>>()

  /** Over, for good. False: the lease ended meanwhile, and nothing was done. */
  const close = (item: OutboxItem, { entry }: Delivery): Promise<boolean> =>
    store.transact(async (tables) => {
      const isMine = await tables.outbox.remove(item)
      if (isMine && entry !== null) {
        await tables.audit.append(entry)
      }
      return isMine
    })

  const putOff = async (item: OutboxItem, delivery: Delivery, sent: NotSent): Promise<boolean> => {
    const { id, kind, attempts } = item
    const { why, answer } = sent
    const nextAt = sent.forGood ? null : nextTryAt(item, clock())
    const isMine = await (nextAt === null
      ? close(item, delivery)
      : store.outbox.postpone(item, nextAt))
    if (isMine && nextAt === null) {
      log.error({ id, kind, attempts, why, answer }, 'not delivered: given up')
    } else if (isMine) {
      log.debug({ id, kind, attempts, why, answer }, 'not delivered yet')
    }
    return isMine
  }

  /** True while it is worth going on: there was something, and it could have been delivered. */
  const deliverNext = async (kind: OutboxItem['kind']): Promise<boolean> => {
    const [item] = await store.outbox.take(kind, clock(), LEASE_MS, 1)
    if (item === undefined) {
      return false
    }
    const delivery = await deliveries[kind](item)
    const { sent } = delivery
    const isMine = await (sent.ok ? close(item, delivery) : putOff(item, delivery, sent))
    if (!isMine) {
      // Whoever has it now tells what becomes of it.
      const { id, attempts } = item
      log.warn({ id, kind, attempts }, 'took longer than its lease: it was begun again')
    }
    return sent.ok || !sent.unusable
  }

  const deliverAll = async (kind: OutboxItem['kind']): Promise<void> => {
    try {
      while (!stopping && (await deliverNext(kind))) {
        // Until nothing is due.
      }
    } catch (error) {
      log.error({ err: error }, 'the outbox cannot be worked off')
    }
  }

  const runLane = (kind: OutboxItem['kind']): Promise<void> => {
    const run = deliverAll(kind).finally(() => running.delete(run))
    running.add(run)
    return run
  }

  const lanesFor = (kind: OutboxItem['kind']) =>
    Array.from({ length: LANES[kind] }, () => repeat(pauseMs, () => runLane(kind)))
  const lanes = [...lanesFor('mail'), ...lanesFor('logout')]
  return {
    stop: async () => {
      stopping = true
      for (const one of lanes) {
        one.stop()
      }
      await Promise.all(running)
    },
  }
}
