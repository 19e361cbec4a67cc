import { stat } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'

const WORKER = new URL('./sqlite_checkpoint_worker.ts', import.meta.url)

/** Pages of the log from which on it is worth copying them: SQLite's own measure. */
const PAGES_MIN = 1_000
const LOG_BYTES_MIN = PAGES_MIN * 4_096
const BUSY_PAUSE_MS = 100
const CALM_PAUSE_MS = 2_000

/** What a checkpoint has come to: pages in the log, and those that are in the database by now. */
interface Checked {
  readonly log: number
  readonly done: number
}

/** Moves what the log holds into the database, in a thread of its own. */
export interface Checkpoints {
  /** Something was committed. Never waits. */
  committed(): void
  close(): Promise<void>
}

/**
 * A commit that finds the log long copies it into the database at once, in the event loop: of a job
 * on many people each would take tens of ms more. A PASSIVE checkpoint beside keeps neither readers
 * nor writers waiting (https://sqlite.org/c3ref/wal_checkpoint_v2.html), and leaves little for those
 * commits to copy. The thread starts once the log is long for the first time.
 */
export const createCheckpoints = (file: string): Checkpoints => {
  let worker: Worker | null = null
  let isLooking = false
  let nextAt = 0
  let isClosed = false

  const ready = ({ log, done }: Checked): void => {
    isLooking = false
    const isLong = log >= PAGES_MIN || done < log
    nextAt = performance.now() + (isLong ? BUSY_PAUSE_MS : CALM_PAUSE_MS)
  }

  const started = (): Worker => {
    const thread = new Worker(WORKER, { workerData: { file }, execArgv: [] })
    thread.unref()
    thread.on('message', ready)
    // Whatever ends it: commits do it themselves, later and all at once.
    thread.on('error', () => {})
    thread.on('exit', () => {
      worker = null
      isLooking = false
    })
    return thread
  }

  const look = async (): Promise<void> => {
    const size = worker === null ? (await stat(`${file}-wal`)).size : LOG_BYTES_MIN
    if (isClosed || size < LOG_BYTES_MIN) {
      ready({ log: 0, done: 0 })
      return
    }
    worker ??= started()
    worker.postMessage('checkpoint')
  }

  return {
    committed() {
      if (isLooking || isClosed || performance.now() < nextAt) {
        return
      }
      isLooking = true
      look().catch(() => ready({ log: 0, done: 0 })) // No log: nothing to copy.
    },
    async close() {
      isClosed = true
      if (worker !== null) {
        const ended = new Promise((resolve) => worker?.once('exit', resolve))
        worker.ref()
        worker.postMessage('close')
        await ended
      }
    },
  }
}
