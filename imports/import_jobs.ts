import type { EndEverything } from '../accounts/administer.ts'
import { auditEntry } from '../accounts/audit.ts'
import { firstPace, type ImportRun, takeChunk } from '../accounts/import_chunk.ts'
import type { LineEvent } from '../accounts/import_line.ts'
import { auditOfLeavers, type BrokenRow, readRow } from '../accounts/import_people.ts'
import type { ImportFile } from '../accounts/import_ports.ts'
import type { Job, JobProgress, JobResult } from '../accounts/job_ports.ts'
import type { ChunkEnd, Commit, JobKind } from '../accounts/jobs.ts'
import {
  isInScope,
  type Leaver,
  type LeaversScope,
  leaveIn,
  type WentAway,
  type WhoLeft,
  whoLeft,
} from '../accounts/leavers.ts'
import { nameLine, nobodyNamed } from '../accounts/named_people.ts'
import { nextTurn } from '../accounts/next_turn.ts'
import type { PeopleRow, PersonLine } from '../accounts/person_row.ts'
import type { Deps } from '../accounts/ports.ts'
import { type Why, why } from '../accounts/why.ts'
import {
  asJson,
  CHECK_KIND,
  COUNT_ALL,
  COUNT_KEPT,
  IMPORT_KIND,
  type ImportCursor,
  type ImportParams,
  importCursor,
  importParams,
  LEAVERS_REFUSED,
  type ResultDetail,
} from './job_params.ts'
import { rowsOf } from './people_file.ts'

export interface ImportNeeds {
  readonly endEverything: EndEverything
  /** Where the file of an upload lies. */
  readonly pathOf: (id: string) => string
  /** Deletes it: it is done with. */
  readonly remove: (deps: Deps, id: string) => Promise<void>
}

/** Half of a chunk is reading, and looking up line by line: others have their turn meanwhile. */
const REST_PART = 0.1
/** Lines whose names are read in one go, before anything is written. */
const NAMES_AT_ONCE = 5_000
const LEAVERS_AT_ONCE = 50
const RESULTS_AT_ONCE = 1_000

/** What is in memory of one job while it runs; made again from the file when it is not. */
interface Reading {
  readonly job: string
  readonly rows: AsyncIterator<PeopleRow | BrokenRow>
  readonly run: ImportRun
  at: number
  /** Known once all lines are done. */
  left: WhoLeft | null
}

const detailOf = (detail: ResultDetail): string => JSON.stringify(detail)

/** What is kept of a line; nothing of one that changed nothing. */
const resultOf = (event: LineEvent): JobResult[] => {
  const { identifier, line, outcome } = event
  const subject = String(line)
  if (event.outcome === 'rejected') {
    return [{ subject, outcome, detail: detailOf({ identifier, why: event.why }) }]
  }
  if (event.outcome === 'unchanged' && !event.disabled) {
    return []
  }
  const { columns, disabled } = event
  const more = { ...(columns.length > 0 && { columns }), ...(disabled && { disabled }) }
  return [{ subject, outcome, detail: detailOf({ identifier, ...more }) }]
}

const progressOf = (events: readonly LineEvent[], cursor: ImportCursor): JobProgress => {
  const results = events.flatMap(resultOf)
  const silent = events.length - results.length
  const disabled = events.filter((event) => 'disabled' in event && event.disabled).length
  return {
    cursor: asJson(cursor),
    results,
    counts: { ...(silent > 0 && { unchanged: silent }), ...(disabled > 0 && { disabled }) },
    done: events.length,
  }
}

const refusal = (reason: Why): JobResult => ({
  subject: '-',
  outcome: LEAVERS_REFUSED,
  detail: detailOf({ why: reason }),
})

/** Lines that were rejected before this process took the job over: they make nobody a duplicate. */
const rejectedLines = async ({ store }: Deps, job: string): Promise<ReadonlySet<number>> => {
  const lines = new Set<number>()
  for (let after = 0; ; ) {
    const results = await store.jobs.results(job, { outcome: 'rejected' }, after, RESULTS_AT_ONCE)
    for (const { subject } of results) {
      lines.add(Number(subject))
    }
    const last = results.at(-1)
    if (last === undefined) {
      return lines
    }
    after = last.nth
  }
}

const nextRow = async ({ rows }: Pick<Reading, 'rows'>): Promise<PeopleRow | BrokenRow | null> => {
  const { done, value } = await rows.next()
  return done === true ? null : value
}

const nameRow = (
  { named, leavers }: Pick<ImportRun, 'named' | 'leavers'>,
  row: PeopleRow | BrokenRow,
  rejected: ReadonlySet<number>,
): void => {
  const read = readRow(named, row)
  if ('outcome' in read) {
    return
  }
  const good = !rejected.has(row.line)
  nameLine(named, read, good ? row.line : 0)
  named.inScope ||= good && leavers !== null && isInScope(read, leavers)
}

/**
 * A dry run of a file, or its import. `lines`: each chunk of them is one transaction together with
 * how far the file is done; `leavers`: likewise. What the file has named so far is in memory, and
 * read anew from the file by whoever goes on.
 */
const importJob = (kind: string, dryRun: boolean, needs: ImportNeeds): JobKind => {
  let reading: Reading | null = null

  const fileOf = async ({ store }: Deps, { file }: ImportParams): Promise<ImportFile | null> => {
    const found = await store.importFiles.find(file)
    return found === null || found.removedAt !== null ? null : found
  }

  const forget = async (): Promise<void> => {
    const { rows } = reading ?? {}
    reading = null
    await rows?.return?.()
  }

  const begin = async (deps: Deps, job: Job, file: ImportFile): Promise<Reading> => {
    await forget()
    const { plan } = importParams(job)
    const run: ImportRun = {
      deps,
      policies: await deps.store.policies.current(),
      dryRun,
      by: job.by,
      leavers: plan.leavers,
      named: nobodyNamed(),
      pace: firstPace(),
      endEverything: needs.endEverything,
    }
    const rows = rowsOf(needs.pathOf(file.id), file.layout, plan)
    return { job: job.id, rows, run, at: 0, left: null }
  }

  /** Brings what is in memory to where the job is; a long file takes several turns. */
  const catchUp = async (deps: Deps, job: Job, file: ImportFile, at: number): Promise<Reading> => {
    if (reading?.job === job.id && reading.at === at) {
      return reading
    }
    const anew = await begin(deps, job, file)
    const rejected = at === 0 ? new Set<number>() : await rejectedLines(deps, job.id)
    for (; anew.at < at; anew.at += 1) {
      const row = await nextRow(anew)
      if (row === null) {
        throw new Error('the file is shorter than it was')
      }
      nameRow(anew.run, row, rejected)
    }
    reading = anew
    return anew
  }

  const lines = async (
    deps: Deps,
    job: Job,
    commit: Commit,
    file: ImportFile,
    at: number,
  ): Promise<ChunkEnd> => {
    const here = await catchUp(deps, job, file, at)
    const { run } = here
    const { people, refused, read } = await readLines(here)
    if (read === 0) {
      const phase = run.leavers === null ? 'end' : 'leavers'
      await commit(async () => progressOf([], { phase, at }))
      return 'more'
    }
    const next = { phase: 'lines', at: at + read } as const
    const done = await takeChunk(run, people, refused, async (work) => {
      let events: LineEvent[] = []
      const committed = await commit(async (tables) => {
        events = await work(tables)
        return progressOf(events, next)
      })
      return committed ? events : null
    })
    if (done === null) {
      await forget()
    } else {
      here.at = next.at
    }
    return 'more'
  }

  const findLeavers = async (
    deps: Deps,
    job: Job,
    file: ImportFile,
    at: number,
  ): Promise<WhoLeft> => {
    const here = await catchUp(deps, job, file, at)
    const { run } = here
    here.left ??=
      run.leavers === null
        ? { ok: true, left: [], all: 0, keptForRole: 0 }
        : await whoLeft(deps, run.named, run.leavers)
    return here.left
  }

  /** Before the first of them: whether they are those that were confirmed. */
  const beginLeavers = async (
    deps: Deps,
    job: Job,
    commit: Commit,
    file: ImportFile,
    at: number,
  ): Promise<ChunkEnd> => {
    const found = await findLeavers(deps, job, file, at)
    const { leaving } = importParams(job)
    const reason = found.ok ? whyNotThese(found.left.length, leaving) : found.reason
    const counts: Record<string, number> = found.ok
      ? { [COUNT_ALL]: found.all, [COUNT_KEPT]: found.keptForRole }
      : {}
    await commit(async () =>
      reason === null
        ? { cursor: asJson({ phase: 'leavers', at, gone: 0 }), results: [], counts, done: 0 }
        : { cursor: asJson({ phase: 'end', at }), results: [refusal(reason)], done: 0 },
    )
    return 'more'
  }

  /**
   * The next of them. Whoever goes on after a crash lists them anew: those who are gone are in that
   * list no more. In a dry run, all still are.
   */
  const leavers = async (
    deps: Deps,
    job: Job,
    commit: Commit,
    file: ImportFile,
    { at, gone }: ImportCursor,
  ): Promise<ChunkEnd> => {
    if (gone === undefined) {
      return beginLeavers(deps, job, commit, file, at)
    }
    const scope = importParams(job).plan.leavers
    const found = await findLeavers(deps, job, file, at)
    const from = dryRun ? gone : 0
    const some = found.ok ? found.left.slice(from, from + LEAVERS_AT_ONCE) : []
    if (scope === null || some.length === 0) {
      await commit(async () => progressOf([], { phase: 'end', at }))
      return 'more'
    }
    const result = await leaveSome(deps, job, commit, { some, scope, at, gone })
    if (result && !dryRun) {
      forgetDone(found, some.length)
    }
    return 'more'
  }

  const leaveSome = async (
    deps: Deps,
    job: Job,
    commit: Commit,
    part: { some: readonly Leaver[]; scope: LeaversScope; at: number; gone: number },
  ): Promise<boolean> => {
    const { some, scope, at, gone } = part
    let shutOut: string[] = []
    const committed = await commit(async (tables) => {
      const results: JobResult[] = []
      for (const leaver of some) {
        const event = await leaveIn(deps, tables, leaver, scope, { by: job.by, dryRun })
        results.push(...leaverResult(leaver, event))
      }
      shutOut = results.filter(({ outcome }) => outcome === 'left').map(({ subject }) => subject)
      const cursor = asJson({ phase: 'leavers', at, gone: gone + some.length })
      return { cursor, results, done: 0 }
    })
    for (const sub of committed && !dryRun ? shutOut : []) {
      await needs.endEverything(sub)
    }
    return committed
  }

  /** Whom the whole file names, before a line of it is taken; null: it can begin. */
  const whyNot = async (deps: Deps, job: Job, file: ImportFile): Promise<Why | null> => {
    const { plan, leaving } = importParams(job)
    if (plan.leavers === null) {
      return null
    }
    const run = { named: nobodyNamed(), leavers: plan.leavers }
    let at = 0
    for await (const row of rowsOf(needs.pathOf(file.id), file.layout, plan)) {
      nameRow(run, row, NOBODY)
      at += 1
      if (at % NAMES_AT_ONCE === 0) {
        await nextTurn()
      }
    }
    const found = await whoLeft(deps, run.named, plan.leavers)
    return found.ok ? whyNotThese(found.left.length, leaving) : found.reason
  }

  const end = async (deps: Deps, job: Job, commit: Commit, at: number): Promise<ChunkEnd> => {
    await forget()
    if (!dryRun) {
      const { file, plan } = importParams(job)
      const found = await deps.store.importFiles.find(file)
      const detail = {
        source: found?.name ?? file,
        job: job.id,
        ...job.counts,
        ...auditOfLeavers(plan.leavers),
      }
      // With a cursor of its own, so that it is written once.
      await commit(async (tables) => {
        await tables.audit.append(
          auditEntry(deps, { act: 'people_imported', actor: job.by, detail }),
        )
        return { cursor: asJson({ phase: 'over', at }), results: [], done: 0 }
      })
      await needs.remove(deps, file)
    }
    return 'over'
  }

  const first = async (
    deps: Deps,
    job: Job,
    commit: Commit,
    file: ImportFile,
  ): Promise<ChunkEnd> => {
    const reason = dryRun ? null : await whyNot(deps, job, file)
    if (reason !== null) {
      await commit(async () => ({ cursor: null, results: [refusal(reason)], done: 0 }))
      return { failed: reason.code }
    }
    const total = file.layout.count
    await commit(async () => ({ cursor: asJson({ phase: 'lines', at: 0 }), results: [], total }))
    return 'more'
  }

  const next = async (deps: Deps, job: Job, commit: Commit): Promise<ChunkEnd> => {
    const cursor = importCursor(job)
    if (cursor?.phase === 'over') {
      return 'over'
    }
    if (cursor?.phase === 'end') {
      return end(deps, job, commit, cursor.at)
    }
    const file = await fileOf(deps, importParams(job))
    if (file === null) {
      return { failed: 'file_gone' }
    }
    if (cursor === null) {
      return first(deps, job, commit, file)
    }
    return cursor.phase === 'lines'
      ? lines(deps, job, commit, file, cursor.at)
      : leavers(deps, job, commit, file, cursor)
  }

  return {
    kind,
    restPart: REST_PART,
    async chunk(deps, job, commit) {
      try {
        return await next(deps, job, commit)
      } catch (error) {
        // Lines were read, and not taken: they are read again from where the job is.
        await forget()
        throw error
      }
    },
  }
}

const forgetDone = (found: WhoLeft, count: number): void => {
  if (found.ok) {
    found.left.splice(0, count)
  }
}

const NOBODY: ReadonlySet<number> = new Set()

const whyNotThese = (found: number, confirmed: number | null): Why | null =>
  confirmed === null || found === confirmed ? null : why('leavers_differ', { found, confirmed })

const leaverResult = ({ sub, identifier, name }: Leaver, event: WentAway | null): JobResult[] => {
  if (event === null) {
    return []
  }
  const where = event.outcome === 'moved' ? { establishments: event.establishments } : {}
  return [
    { subject: sub, outcome: event.outcome, detail: detailOf({ identifier, name, ...where }) },
  ]
}

/** The lines of the next chunk: people to take, and what was refused at sight. */
const readLines = async (
  here: Reading,
): Promise<{ people: PersonLine[]; refused: LineEvent[]; read: number }> => {
  const people: PersonLine[] = []
  const refused: LineEvent[] = []
  let read = 0
  for (; read < here.run.pace.lines; read += 1) {
    const row = await nextRow(here)
    if (row === null) {
      break
    }
    const line = readRow(here.run.named, row)
    if ('outcome' in line) {
      refused.push(line)
    } else {
      people.push(line)
    }
  }
  return { people, refused, read }
}

/** The dry run of an uploaded file, and its import. */
export const importJobKinds = (needs: ImportNeeds): JobKind[] => [
  importJob(CHECK_KIND, true, needs),
  importJob(IMPORT_KIND, false, needs),
]
