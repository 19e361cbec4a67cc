import { auditEntry, randomId } from './audit.ts'
import { AppError } from './errors.ts'
import type { Job, JobProgress, Json } from './job_ports.ts'
import { nextTurn } from './next_turn.ts'
import type { Pace } from './pace.ts'
import type { Deps, Tables } from './ports.ts'

/**
 * Runs one transaction: what `work` does to its tables, and how far the job has come by it. False,
 * and nothing is done: it was cancelled meanwhile, or another process has gone on with it; the chunk
 * then ends with `more`, and what the job has become is looked at.
 */
export type Commit = (
  work: (tables: Tables) => Promise<JobProgress>,
  /** Told how long (ms) the transaction kept everybody else waiting. */
  pace?: Pick<Pace, 'took'>,
) => Promise<boolean>

/** `failed`: it cannot go on, for a reason that can be expected; a closed code. */
export type ChunkEnd = 'more' | 'over' | { readonly failed: string }

/** What a job of this kind does. */
export interface JobKind {
  readonly kind: string
  /**
   * Does the next chunk, from `job.cursor` on, with one `commit` at most of few ms. What follows
   * the commit (ending sessions) must do no harm when it is done again, or not at all: `kill -9` may
   * come right behind it. Throws for surprises: the job has then failed, and can be gone on with.
   */
  chunk(deps: Deps, job: Job, commit: Commit): Promise<ChunkEnd>
  /** Part of the usual rest behind each chunk, where much of a chunk holds nobody up; default 1. */
  readonly restPart?: number
  /** Before it ends, in whatever way: may come again after a crash. */
  atEnd?(deps: Deps, job: Job): Promise<void>
}

/** Who runs jobs: one process at a time. */
export interface JobRun {
  readonly deps: Deps
  readonly kinds: readonly JobKind[]
  /** Names this process among those on one database. */
  readonly holder: string
  readonly isStopping: () => boolean
  /** Lets people's requests go first, after a chunk that kept them waiting for so long. */
  readonly rest: (ms: number) => Promise<void>
  readonly onFailure: (job: Job, error: unknown) => void
}

export const JOBS_LEASE = 'jobs'
/** A process that died is followed by another one after this long. */
export const JOBS_LEASE_MS = 15_000
export const JOBS_LEASE_RENEWED_MS = 4_000

/** For the log alone; the page says that it can be tried again. */
const FAILURE_LENGTH_MAX = 300

/** Cursors are JSON of ours, made in one way. */
const isAsRead = (now: Job, read: Job): boolean =>
  now.done === read.done && JSON.stringify(now.cursor) === JSON.stringify(read.cursor)

const isGoingOn = ({ state }: Job): boolean => state === 'waiting' || state === 'running'

/** How long (ms) the transactions of a chunk kept everybody else waiting. */
interface Busy {
  ms: number
}

const commitOf =
  (deps: Deps, read: Job, busy: Busy): Commit =>
  async (work, pace) => {
    let took = 0
    const committed = await deps.store.transact(async (tables) => {
      // From here: the wait for its turn, and for the disk, is nobody else's.
      const beganAt = deps.clock()
      const now = await tables.jobs.find(read.id)
      // Whoever lost the lease without knowing finds that somebody else has gone on.
      if (now === null || !isGoingOn(now) || !isAsRead(now, read)) {
        return false
      }
      const advanced = await tables.jobs.advance(read.id, await work(tables), deps.clock())
      took = deps.clock() - beganAt
      return advanced
    })
    if (committed) {
      pace?.took(took)
    }
    busy.ms += took
    return committed
  }

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, FAILURE_LENGTH_MAX)

const kindOf = ({ kinds }: JobRun, { kind }: Job): JobKind | undefined =>
  kinds.find((one) => one.kind === kind)

const chunkOnce = async (run: JobRun, job: Job, busy: Busy): Promise<ChunkEnd> => {
  const kind = kindOf(run, job)
  if (kind === undefined) {
    return { failed: 'unknown_kind' }
  }
  try {
    return await kind.chunk(run.deps, job, commitOf(run.deps, job, busy))
  } catch (error) {
    if (error instanceof AppError && error.code === 'busy') {
      throw error // Another process writes: the job waits, and has not failed.
    }
    run.onFailure(job, error)
    return { failed: reasonOf(error) }
  }
}

type JobEnd = Parameters<Deps['store']['jobs']['finish']>[1]

const finish = async (run: JobRun, job: Job, how: JobEnd): Promise<void> => {
  const { deps } = run
  let end = how
  try {
    await kindOf(run, job)?.atEnd?.(deps, job)
  } catch (error) {
    run.onFailure(job, error)
    end = { state: 'failed', failure: reasonOf(error) }
  }
  await deps.store.jobs.finish(job.id, end, deps.clock())
}

/** One chunk, or its end. False: there is nothing more to do for it. */
const step = async (run: JobRun, id: string, busy: Busy): Promise<boolean> => {
  const job = await run.deps.store.jobs.find(id)
  if (job === null || job.endedAt !== null) {
    return false
  }
  if (job.state === 'cancelling') {
    await finish(run, job, { state: 'cancelled' })
    return false
  }
  const end = await chunkOnce(run, job, busy)
  if (end === 'more') {
    return true
  }
  await finish(
    run,
    job,
    end === 'over' ? { state: 'done' } : { state: 'failed', failure: end.failed },
  )
  return false
}

const isOurs = ({ deps, holder }: JobRun): Promise<boolean> =>
  deps.store.leases.take(JOBS_LEASE, holder, deps.clock(), JOBS_LEASE_MS)

/**
 * Keeps the lease while one chunk takes long, such as the files of a whole school. To be called
 * every `JOBS_LEASE_RENEWED_MS` while `runJobs` runs.
 */
export const renewJobsLease = (run: JobRun): Promise<boolean> => isOurs(run)

/** Writes now and then only: to write waits for the disk. */
const createHold = (run: JobRun): (() => Promise<boolean>) => {
  let heldAt: number | null = null
  return async () => {
    const nowMs = run.deps.clock()
    if (heldAt === null || nowMs - heldAt >= JOBS_LEASE_RENEWED_MS) {
      heldAt = (await isOurs(run)) ? nowMs : null
    }
    return heldAt !== null
  }
}

/** True: there is another job to look for. False: the lease is another's, or we stop. */
const runOne = async (run: JobRun, hold: () => Promise<boolean>, job: Job): Promise<boolean> => {
  const restPart = kindOf(run, job)?.restPart ?? 1
  for (let goesOn = true; goesOn; ) {
    if (run.isStopping() || !(await hold())) {
      return false
    }
    const busy: Busy = { ms: 0 }
    goesOn = await step(run, job.id, busy)
    await run.rest(busy.ms * restPart)
    await nextTurn()
  }
  return true
}

/**
 * Does all that waits, oldest first, unless another process is at it: chunk by chunk, until nothing
 * is left or it is to stop. What is under way then goes on where it was, here or elsewhere.
 */
export const runJobs = async (run: JobRun): Promise<void> => {
  const { jobs, leases } = run.deps.store
  const hold = createHold(run)
  let isHeld = false
  for (let goesOn = true; goesOn; ) {
    const [next] = await jobs.unfinished()
    isHeld ||= next !== undefined
    goesOn = next !== undefined && (await runOne(run, hold, next))
  }
  if (isHeld) {
    await leases.release(JOBS_LEASE, run.holder)
  }
}

/** What is asked of a new job. */
export interface NewJob {
  readonly kind: string
  readonly params: Json
  readonly by: string
  /** How many there are to do, as far as is known. */
  readonly total: number | null
  /** Facts for the audit. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** In the caller's transaction. Returns its id. */
export const addJob = async (
  deps: Pick<Deps, 'clock' | 'random'>,
  tables: Pick<Tables, 'jobs' | 'audit'>,
  { kind, params, by, total, detail = {} }: NewJob,
): Promise<string> => {
  const id = randomId(deps.random)
  await tables.jobs.add({ id, kind, by, atMs: deps.clock(), params, total })
  await tables.audit.append(
    auditEntry(deps, {
      act: 'job_started',
      actor: by,
      detail: { job: id, kind, total, ...detail },
    }),
  )
  return id
}

/** Asks a job to stop after the chunk under way; false: it was over. */
export const cancelJob = (deps: Deps, id: string, by: string): Promise<boolean> =>
  deps.store.transact(async (tables) => {
    const cancelled = await tables.jobs.cancel(id)
    if (cancelled) {
      const detail = { job: id }
      await tables.audit.append(auditEntry(deps, { act: 'job_cancelled', actor: by, detail }))
    }
    return cancelled
  })

/** Lets one that has failed or was cancelled go on, behind what it has done; false: it has not. */
export const resumeJob = (deps: Deps, id: string, by: string): Promise<boolean> =>
  deps.store.transact(async (tables) => {
    const resumed = await tables.jobs.resume(id)
    if (resumed) {
      const detail = { job: id }
      await tables.audit.append(auditEntry(deps, { act: 'job_resumed', actor: by, detail }))
    }
    return resumed
  })
