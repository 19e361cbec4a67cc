import type { Account } from './account.ts'
import { disableIn, enableIn } from './administer.ts'
import { auditEntry, idsInOrder } from './audit.ts'
import type { Job, JobResult } from './job_ports.ts'
import { addJob, type ChunkEnd, type Commit, type JobKind } from './jobs.ts'
import { type Acted, isPeopleAct, type PeopleActName, resultOf } from './people_act.ts'
import { askerOf, sortOut } from './people_job.ts'
import type { Deps, Tables } from './ports.ts'
import { type EndEverythingOf, giveBackAll } from './replace_passwords.ts'
import { batchOf } from './temporary_job.ts'
import { takeBack } from './temporary_passwords.ts'

export const UNDO = 'undo'

/** What can be taken back. */
export const UNDONE_ACTS = [
  'force_change',
  'temporary_passwords',
  'disable',
  'enable',
] as const satisfies readonly PeopleActName[]
type UndoneAct = (typeof UNDONE_ACTS)[number]

export interface UndoParams {
  /** The job that is taken back. */
  readonly of: string
  readonly act: UndoneAct
}

interface UndoCursor {
  /** Results of the first job that were looked at. */
  readonly nth: number
}

const PEOPLE_AT_ONCE = 100

const undoneAct = ({ kind }: Pick<Job, 'kind'>): UndoneAct | null =>
  UNDONE_ACTS.find((act) => act === kind) ?? null

export const undoParamsOf = ({ params }: Pick<Job, 'params'>): UndoParams =>
  params as unknown as UndoParams

type CannotUndo = 'unknown' | 'not_over' | 'undone' | 'nobody' | 'cannot' | 'used' | 'forgotten'

/** Why a job cannot be taken back; null: it can. */
export const whyNotUndone = async (
  tables: Pick<Tables, 'passwordBatches'>,
  job: Job | null,
): Promise<CannotUndo | null> => {
  if (job === null) {
    return 'unknown'
  }
  const act = undoneAct(job)
  if (act === null || !isPeopleAct(job.kind)) {
    return 'cannot'
  }
  if (job.endedAt === null) {
    return 'not_over'
  }
  if (job.undoneBy !== null) {
    return 'undone'
  }
  if ((job.counts['done'] ?? 0) === 0) {
    return 'nobody'
  }
  return act === 'temporary_passwords' ? whyBatchStays(tables, job) : null
}

const whyBatchStays = async (
  { passwordBatches }: Pick<Tables, 'passwordBatches'>,
  job: Job,
): Promise<CannotUndo | null> => {
  const batch = await passwordBatches.find(batchOf(job) ?? '')
  if (batch?.state !== 'in_force') {
    return 'forgotten'
  }
  return batch.firstUsedAt === null ? null : 'used'
}

export type UndoStarted =
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly reason: CannotUndo }

/** Puts the job that takes another one back in the queue; of two who ask, one does. */
export const startUndo = (deps: Deps, id: string, by: string): Promise<UndoStarted> =>
  deps.store.transact(async (tables): Promise<UndoStarted> => {
    const job = await tables.jobs.find(id)
    const reason = await whyNotUndone(tables, job)
    const act = job === null ? null : undoneAct(job)
    if (reason !== null || job === null || act === null) {
      return { ok: false, reason: reason ?? 'cannot' }
    }
    const params = { of: id, act }
    const total = job.counts['done'] ?? 0
    const undo = await addJob(deps, tables, { kind: UNDO, params, by, total, detail: params })
    if (!(await tables.jobs.markUndone(id, undo))) {
      throw new Error(`the job ${id} was being taken back`)
    }
    await tables.audit.append(
      auditEntry(deps, { act: 'job_undone', actor: by, detail: { job: id, undone_by: undo } }),
    )
    return { ok: true, id: undo }
  })

/** Only what the job did, and nobody has changed since. */
const undoForced = async (
  deps: Deps,
  tables: Tables,
  by: string,
  accounts: readonly Account[],
  job: Job,
): Promise<Acted[]> => {
  const subs = accounts.map(({ sub }) => sub)
  const freed =
    subs.length === 0
      ? []
      : await tables.passwordLists.unforceChange(subs, job.startedAt ?? job.atMs)
  const nextId = idsInOrder(deps.random)
  const act = { act: 'password_change_unforced', actor: by, detail: { job: job.id } } as const
  await tables.audit.appendAll(freed.map((sub) => auditEntry(deps, { ...act, id: nextId(), sub })))
  const done = new Set(freed)
  return subs.map((sub) => ({ sub, outcome: done.has(sub) ? 'done' : 'changed_since' }))
}

const wasWithin = ({ atMs: beganAt, endedAt }: Job, atMs: number): boolean =>
  atMs >= beganAt && (endedAt === null || atMs <= endedAt)

const undoDisabled = async (
  deps: Deps,
  tables: Tables,
  by: string,
  accounts: readonly Account[],
  job: Job,
): Promise<Acted[]> => {
  const acted: Acted[] = []
  for (const account of accounts) {
    const { sub, disabledAt } = account
    if (disabledAt === null || !wasWithin(job, disabledAt)) {
      acted.push({ sub, outcome: 'changed_since' })
    } else {
      await enableIn(deps, tables, account, by)
      acted.push({ sub, outcome: 'done' })
    }
  }
  return acted
}

const undoEnabled = async (
  deps: Deps,
  tables: Tables,
  by: string,
  accounts: readonly Account[],
): Promise<Acted[]> => {
  const acted: Acted[] = []
  for (const account of accounts) {
    const result = await disableIn(deps, tables, account, by)
    const changed = result.ok && result.changed
    acted.push({ sub: account.sub, outcome: changed ? 'done' : 'changed_since', ends: changed })
  }
  return acted
}

const UNDOES = {
  force_change: undoForced,
  disable: undoDisabled,
  enable: undoEnabled,
} as const

const undoSome = async (
  deps: Deps,
  tables: Tables,
  undo: Job,
  job: Job,
  act: keyof typeof UNDOES,
  subs: readonly string[],
): Promise<Acted[]> => {
  const who = await askerOf(tables, undo.by, act)
  if (who === null) {
    return subs.map((sub) => ({ sub, outcome: 'no_right' }))
  }
  const { accounts, refused } = await sortOut(tables, who, subs, { onDisabled: true })
  return [...(await UNDOES[act](deps, tables, undo.by, accounts, job)), ...refused]
}

const nthOf = ({ cursor }: Job): number => (cursor as unknown as UndoCursor | null)?.nth ?? 0

const undoChunk = async (
  deps: Deps,
  undo: Job,
  job: Job,
  act: keyof typeof UNDOES,
  endEverythingOf: EndEverythingOf,
  commit: Commit,
): Promise<ChunkEnd> => {
  const done = await deps.store.jobs.results(
    job.id,
    { outcome: 'done' },
    nthOf(undo),
    PEOPLE_AT_ONCE,
  )
  const last = done.at(-1)
  if (last === undefined) {
    return 'over'
  }
  const subs = done.map(({ subject }) => subject)
  let ends: string[] = []
  const committed = await commit(async (tables) => {
    const acted = await undoSome(deps, tables, undo, job, act, subs)
    ends = acted.flatMap(({ sub, ends: doEnd }) => (doEnd === true ? [sub] : []))
    return { cursor: { nth: last.nth }, results: acted.map(resultOf) }
  })
  if (committed && ends.length > 0) {
    await endEverythingOf(ends)
  }
  return 'more'
}

/** What was replaced comes back by the batch's own way; then it is noted for whom. */
const takeCardsBack = async (
  deps: Deps,
  undo: Job,
  job: Job,
  commit: Commit,
): Promise<ChunkEnd> => {
  const batchId = batchOf(job) ?? ''
  const batch = await deps.store.passwordBatches.find(batchId)
  if (batch?.state === 'in_force') {
    const taken = await takeBack(deps, batchId, undo.by)
    if (!taken.ok) {
      return { failed: taken.reason }
    }
    return 'more'
  }
  if (batch?.state === 'leaving') {
    await giveBackAll(deps, batchId, undo.by) // Whoever began it may have died.
    return 'more'
  }
  const done = await deps.store.jobs.results(
    job.id,
    { outcome: 'done' },
    nthOf(undo),
    PEOPLE_AT_ONCE,
  )
  const last = done.at(-1)
  if (last === undefined) {
    return 'over'
  }
  await commit(async () => ({
    cursor: { nth: last.nth },
    results: done.map(({ subject }): JobResult => ({ subject, outcome: 'done', detail: null })),
  }))
  return 'more'
}

/** Takes back what another job has done, where nobody has changed it since. */
export const undoJob = ({
  endEverythingOf,
}: {
  readonly endEverythingOf: EndEverythingOf
}): JobKind => ({
  kind: UNDO,
  async chunk(deps, undo, commit) {
    const { of, act } = undoParamsOf(undo)
    const job = await deps.store.jobs.find(of)
    if (job === null) {
      return { failed: 'unknown' }
    }
    return act === 'temporary_passwords'
      ? takeCardsBack(deps, undo, job, commit)
      : undoChunk(deps, undo, job, act, endEverythingOf, commit)
  },
})
