import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import {
  addJob,
  JOBS_LEASE_RENEWED_MS,
  type JobKind,
  type JobRun,
  renewJobsLease,
  runJobs,
} from '../accounts/jobs.ts'
import type { Deps } from '../accounts/ports.ts'
import type { Jobs } from '../admin/console.ts'

/** Another process may have added one, or have died in the middle of it. */
const LOOK_MS = 2_000
/**
 * People who sign in go first. A chunk also waits for the disk and for who reads beside, and the
 * gateway is theirs meanwhile: with this, for about as long as the chunk kept them waiting.
 */
const REST_FACTOR = 0.6
const REST_MS_MIN = 2
const REST_MS_MAX = 100

export interface JobWorker extends Jobs {
  /** Finishes the chunk under way. */
  stop(): Promise<void>
}

const rest = (ms: number): Promise<void> =>
  wait(Math.min(REST_MS_MAX, Math.max(REST_MS_MIN, ms * REST_FACTOR)))

/**
 * Runs jobs in this process, when none other does. `kinds` are made with what says that it stops.
 */
export const startJobWorker = (
  deps: Deps,
  log: Logger,
  kindsOf: (isStopping: () => boolean) => readonly JobKind[],
): JobWorker => {
  let stopping = false
  let woken = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  const isStopping = (): boolean => stopping
  const run: JobRun = {
    deps,
    kinds: kindsOf(isStopping),
    holder: randomUUID(),
    isStopping,
    rest,
    onFailure: ({ id, kind }, error) => log.error({ err: error, job: id, kind }, 'a job failed'),
  }

  const renew = async (): Promise<void> => {
    await renewJobsLease(run).catch((error: unknown) => {
      log.warn({ err: error }, 'the lease on jobs was not renewed')
    })
  }

  const once = async (): Promise<void> => {
    const renewal = setInterval(() => void renew(), JOBS_LEASE_RENEWED_MS)
    try {
      await runJobs(run)
    } catch (error) {
      log[stopping ? 'debug' : 'error']({ err: error }, 'jobs wait')
    } finally {
      clearInterval(renewal)
    }
  }

  const look = (): void => {
    clearTimeout(timer)
    if (stopping || running !== null) {
      return
    }
    woken = false
    running = once().then(() => {
      running = null
      if (woken) {
        look()
      } else if (!stopping) {
        timer = setTimeout(look, LOOK_MS)
        timer.unref()
      }
    })
  }

  const wake = (): void => {
    woken = true
    look()
  }

  timer = setTimeout(look, 0)
  timer.unref()
  return {
    wake,
    async start(kind, params, { by, total }) {
      const job = { kind, params, by, total }
      const id = await deps.store.transact((tables) => addJob(deps, tables, job))
      wake()
      return id
    },
    async stop() {
      stopping = true
      clearTimeout(timer)
      await running
    },
  }
}
