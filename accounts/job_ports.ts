import type { UserType } from '../policies/user_type.ts'
import type { CardWriter } from './temporary_passwords.ts'

/** Anything that JSON can say. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json }

/** Acts that the console does on many people, one kind a module. */
export type JobState = 'waiting' | 'running' | 'cancelling' | 'done' | 'cancelled' | 'failed'

/** Work that goes on in the background, chunk by chunk, whatever happens to this process. */
export interface Job {
  readonly id: string
  /** Such as `force_change`, `import`. */
  readonly kind: string
  /** A `sub`, or `cli:<system user>`. */
  readonly by: string
  readonly atMs: number
  readonly state: JobState
  /** What was asked; never a secret. */
  readonly params: Json
  /** How far it has come; null: not begun. Committed with what it has done. */
  readonly cursor: Json
  /** How many there are to do, as far as is known; null: not known. */
  readonly total: number | null
  readonly done: number
  /** How many had each outcome. */
  readonly counts: Readonly<Record<string, number>>
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** Why it failed, in words for the log and the page; null: it did not. */
  readonly failure: string | null
  /** The job that took it back; null: none. */
  readonly undoneBy: string | null
}

/** What became of one person, or one line. */
export interface JobResult {
  /** A `sub`; of an import a line such as `12`. */
  readonly subject: string
  readonly outcome: string
  /** More about it, in words or JSON; never a secret. */
  readonly detail: string | null
}

/** What one chunk has come to, committed together with what it did. */
export interface JobProgress {
  readonly cursor: Json
  readonly results: readonly JobResult[]
  /** Counted besides those of the results. */
  readonly counts?: Readonly<Record<string, number>>
  readonly total?: number
  /** How many are done by it; default: as many as there are results. */
  readonly done?: number
}

export interface JobStore {
  add(job: Pick<Job, 'id' | 'kind' | 'by' | 'atMs' | 'params' | 'total'>): Promise<void>
  find(id: string): Promise<Job | null>
  /** Newest first; `before`: the id of the last one seen. */
  list(filter: { readonly by?: string }, before: string | null, limit: number): Promise<Job[]>
  /** Waiting, running or being cancelled, oldest first. */
  unfinished(): Promise<Job[]>
  /**
   * In the transaction of a chunk. False: it was cancelled or ended meanwhile, and the chunk is not
   * to be done.
   */
  advance(id: string, progress: JobProgress, nowMs: number): Promise<boolean>
  /** Asks it to stop after the chunk under way; false: it was over. */
  cancel(id: string): Promise<boolean>
  finish(
    id: string,
    how: { readonly state: 'done' | 'cancelled' | 'failed'; readonly failure?: string },
    nowMs: number,
  ): Promise<void>
  /** One that failed or was cancelled waits for its turn again, behind what it has done; else false. */
  resume(id: string): Promise<boolean>
  /** In the order in which they came about, from after the `after`th; `nth` counts from 1. */
  results(
    id: string,
    filter: { readonly outcome?: string },
    after: number,
    limit: number,
  ): Promise<(JobResult & { readonly nth: number })[]>
  /** Keeps a sealed secret until the job's files are complete. */
  keepSecret(id: string, subject: string, sealed: string): Promise<void>
  /** By subject, from after `after`. */
  secrets(
    id: string,
    after: string | null,
    limit: number,
  ): Promise<{ readonly subject: string; readonly sealed: string }[]>
  /** At most so many; returns how many went. */
  forgetSecrets(id: string, limit: number): Promise<number>
  /** It is being taken back by that job; true for exactly one caller. */
  markUndone(id: string, by: string): Promise<boolean>
}

/** One file that a job has written: cards, or a sheet of PINs. */
export interface JobFile {
  readonly name: string
  readonly bytes: number
}

/** A file that is being sent to who asked for it; nobody else gets it meanwhile. */
export interface TakenFile {
  readonly bytes: number
  readonly content: AsyncIterable<Uint8Array>
  /** It arrived: it is gone here. */
  arrived(): Promise<void>
  /** It did not, and can be asked for again. */
  back(): Promise<void>
}

/** A PIN for the sheet. */
export interface PaperPin {
  readonly userType: UserType
  readonly classes: readonly string[]
  readonly familyName: string
  readonly givenName: string
  readonly identifier: string
  readonly pin: string
}

/** Files of jobs, which hold secrets: for who started the job alone, once, for a day. */
export interface JobFiles {
  /** What an earlier try left goes; a writer of cards into the job's own place. */
  openCards(jobId: string, batchId: string): Promise<CardWriter>
  /** Writes a sheet, in place of what an earlier try left; complete, or not there. */
  writePins(jobId: string, pins: AsyncIterable<readonly PaperPin[]>): Promise<void>
  list(jobId: string): Promise<JobFile[]>
  /** Null: there is none of this name, or somebody is fetching it. */
  take(jobId: string, name: string): Promise<TakenFile | null>
  /** Jobs that have files. */
  jobs(): Promise<string[]>
  remove(jobId: string): Promise<void>
}

/** What an administrator can issue that opens an account together with another one of these. */
export type IssuedKind = 'password' | 'pin' | 'key'

/** Who issued which secret to whom. */
export interface IssuedSecrets {
  /** When (ms) this administrator issued one of this kind to them last; null: never. */
  lastBy(sub: string, kind: IssuedKind, by: string): Promise<number | null>
  note(sub: string, kind: IssuedKind, by: string, nowMs: number): Promise<void>
  /** Whether anybody but `except` issued them anything since then (ms). */
  anyBySomebodyElse(sub: string, except: string, sinceMs: number): Promise<boolean>
}
