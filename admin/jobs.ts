import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { fullName } from '../accounts/account.ts'
import { auditEntry } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import { JOB_FILES_KEPT_MS } from '../accounts/forget_job_files.ts'
import type { Job, TakenFile } from '../accounts/job_ports.ts'
import { cancelJob, resumeJob } from '../accounts/jobs.ts'
import { isPeopleAct } from '../accounts/people_act.ts'
import { rightFor } from '../accounts/people_job.ts'
import { PURGE_KIND } from '../accounts/purge_leavers.ts'
import { startUndo, UNDO, undoParamsOf, whyNotUndone } from '../accounts/undo_job.ts'
import { csvCell } from '../cards/csv_cell.ts'
import { hasRight, needsFreshProof, type Right } from '../policies/admin_rights.ts'
import type { ConsoleMessage, ConsolePages } from '../views/console/pages.ts'
import { importOfJob, isImportJob } from './import_report.ts'
import { namesOf } from './people_act.ts'
import { goTo, proveNow, sendConsolePage, type Visit } from './visit.ts'

const JOBS_PATH = '/admin/jobs'
const JOBS_ON_PAGE = 50
const RESULTS_ON_PAGE = 100
const RESULTS_AT_ONCE = 500

const isOfPeople = ({ kind }: Pick<Job, 'kind'>): boolean => isPeopleAct(kind) || kind === UNDO

/** A helpdesk sees what it did itself; others see all. */
const maySee = ({ who, by }: Visit, job: Job): boolean => who.role !== 'helpdesk' || job.by === by

/** Throws as for a job that there is not: whose it is, is nobody else's matter. */
const jobOf = async (visit: Visit): Promise<Job> => {
  const id = visit.params['id'] ?? ''
  const job = await visit.console.site.deps.store.jobs.find(id)
  if (job === null || !maySee(visit, job)) {
    throw new AppError('not_found', `no job ${id} for ${visit.by}`)
  }
  return job
}

/** What going on with a job asks for: as much as beginning it did. */
const rightOfJob = ({ kind }: Job): Right => {
  if (kind === PURGE_KIND) {
    return 'purge_leavers'
  }
  return isPeopleAct(kind) ? rightFor(kind) : 'act_on_people'
}

const hrefOf = (id: string): string => `${JOBS_PATH}/${id}`

const instant = (ms: number): string => new Date(ms).toISOString()

const kindOf = (job: Job): string =>
  job.kind === UNDO ? `undo_${undoParamsOf(job).act}` : job.kind

const lineOf = (job: Job, nameOf: (sub: string) => string) => ({
  href: hrefOf(job.id),
  kind: kindOf(job),
  by: nameOf(job.by),
  at: instant(job.atMs),
  state: job.state,
  done: job.done,
  total: job.total,
})

/** `GET /admin/jobs` */
export const showJobs = async (visit: Visit): Promise<void> => {
  const { console, who, by, query } = visit
  const before = query['before'] ?? null
  const own = who.role === 'helpdesk'
  const jobs = await console.site.deps.store.jobs.list(own ? { by } : {}, before, JOBS_ON_PAGE + 1)
  const shown = jobs.slice(0, JOBS_ON_PAGE)
  const nameOf = await namesOf(
    visit,
    shown.map((job) => job.by),
  )
  const last = shown.at(-1)
  await sendConsolePage(visit, 'console/jobs_list', {
    jobs: shown.map((job) => lineOf(job, nameOf)),
    own,
    firstHref: before === null ? undefined : JOBS_PATH,
    nextHref:
      jobs.length > JOBS_ON_PAGE && last !== undefined
        ? `${JOBS_PATH}?before=${last.id}`
        : undefined,
  })
}

/** Reasons that have words of their own; any other one is for the log. */
const FAILURES = new Set([
  'no_right',
  'more_people',
  'too_many_to_name',
  'overtaken',
  'dropped',
  'used',
  'forgotten',
  'not_in_force',
])

const failureOf = ({ state, failure }: Job): ConsoleMessage | undefined => {
  if (state !== 'failed') {
    return undefined
  }
  const known = failure !== null && FAILURES.has(failure)
  return { key: `console.jobs.failures.${known ? failure : 'surprise'}` }
}

const resultsOf = async (
  { console }: Visit,
  job: Job,
  outcome: string | undefined,
  after: number,
) => {
  const { jobs, accounts } = console.site.deps.store
  const filter = outcome === undefined ? {} : { outcome }
  const found = await jobs.results(job.id, filter, after, RESULTS_ON_PAGE + 1)
  const shown = found.slice(0, RESULTS_ON_PAGE)
  const subs = isOfPeople(job) ? shown.map(({ subject }) => subject) : []
  const people = new Map(
    (subs.length === 0 ? [] : await accounts.bySubs(subs)).map((one) => [one.sub, one]),
  )
  const results = shown.map(({ subject, outcome: became, detail }) => {
    const account = people.get(subject)
    return {
      name: account === undefined ? subject : fullName(account),
      hint: account?.identifier ?? detail ?? '',
      href: account === undefined ? undefined : `/admin/people/${subject}`,
      outcome: became,
    }
  })
  const next = found.length > RESULTS_ON_PAGE ? shown.at(-1)?.nth : undefined
  return { results, next }
}

const UNDO_REASONS = new Set(['used', 'forgotten'])

const filesOf = async ({ console, by }: Visit, job: Job) => {
  const files = job.by === by ? await console.jobFiles.list(job.id) : []
  return files.map(({ name, bytes }) => ({
    name,
    kib: Math.max(1, Math.round(bytes / 1024)),
    action: `${hrefOf(job.id)}/files/${encodeURIComponent(name)}`,
  }))
}

const withQuery = (id: string, query: Readonly<Record<string, string | number>>): string => {
  const text = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
  return text === '' ? hrefOf(id) : `${hrefOf(id)}?${text}`
}

/** Which results are looked at: those of one outcome, from behind one of them. */
const viewOf = ({ query }: Visit, { counts }: Job) => {
  const chosen = query['outcome']
  const outcome = chosen !== undefined && chosen in counts ? chosen : undefined
  return { outcome, after: Math.max(0, Math.trunc(Number(query['after'] ?? 0)) || 0) }
}

const listOf = async (visit: Visit, job: Job) => {
  const { outcome, after } = viewOf(visit, job)
  const { results, next } = await resultsOf(visit, job, outcome, after)
  const narrowed = outcome === undefined ? {} : { outcome }
  return {
    counts: Object.entries(job.counts).map(([name, count]) => ({
      name,
      count,
      href: withQuery(job.id, { outcome: name }),
      current: name === outcome,
    })),
    allHref: hrefOf(job.id),
    results,
    firstHref: after > 0 ? withQuery(job.id, narrowed) : undefined,
    nextHref: next === undefined ? undefined : withQuery(job.id, { ...narrowed, after: next }),
    exportHref: job.done > 0 ? `${hrefOf(job.id)}/results` : undefined,
  }
}

const waysOn = async ({ who, console }: Visit, job: Job) => {
  const whyNot = await whyNotUndone(console.site.deps.store, job)
  const mayAct = hasRight(who.role, 'cancel_jobs')
  return {
    goesOn: job.endedAt === null,
    can: {
      cancel: mayAct && (job.state === 'waiting' || job.state === 'running'),
      resume: mayAct && isResumable(job),
      undo: mayAct && whyNot === null ? (job.counts['done'] ?? 0) : 0,
    },
    stays: whyNot !== null && UNDO_REASONS.has(whyNot) ? whyNot : undefined,
    undoes: job.kind === UNDO ? hrefOf(undoParamsOf(job).of) : undefined,
    undoneBy: job.undoneBy === null ? undefined : hrefOf(job.undoneBy),
  }
}

const isWriting = ({ endedAt, cursor }: Job): boolean =>
  endedAt === null && (cursor as { phase?: string } | null)?.phase === 'write'

const modelOf = async (
  visit: Visit,
  job: Job,
  refused: ConsoleMessage | undefined,
): Promise<ConsolePages['console/jobs_job']> => {
  const { endedAt } = job
  const nameOf = await namesOf(visit, [job.by])
  const files = await filesOf(visit, job)
  const goneAt = files.length > 0 && endedAt !== null ? endedAt + JOB_FILES_KEPT_MS : null
  return {
    ...lineOf(job, nameOf),
    endedAt: endedAt === null ? undefined : instant(endedAt),
    failure: failureOf(job),
    writing: isWriting(job),
    ...(await listOf(visit, job)),
    ...(await waysOn(visit, job)),
    files,
    filesUntil: goneAt === null ? undefined : instant(goneAt),
    refused,
  }
}

const isResumable = ({ state, undoneBy }: Job): boolean =>
  (state === 'failed' || state === 'cancelled') && undoneBy === null

const sendJob = async (visit: Visit, job: Job, refused?: ConsoleMessage): Promise<void> =>
  sendConsolePage(visit, 'console/jobs_job', await modelOf(visit, job, refused), {
    status: refused === undefined ? 200 : 422,
  })

/** `GET /admin/jobs/:id` */
export const showJob = async (visit: Visit): Promise<void> => {
  const job = await jobOf(visit)
  // An import has pages of its own.
  await (isImportJob(job) ? goTo(visit, importOfJob(job)) : sendJob(visit, job))
}

/** `POST /admin/jobs/:id/cancel` */
export const cancelHere = async (visit: Visit): Promise<void> => {
  const { id } = await jobOf(visit)
  const cancelled = await cancelJob(visit.console.site.deps, id, visit.by)
  visit.console.jobs.wake()
  await goTo(visit, hrefOf(id), {
    key: cancelled ? 'console.jobs.done.cancelled' : 'console.jobs.done.over',
  })
}

/** `POST /admin/jobs/:id/resume` */
export const resumeHere = async (visit: Visit): Promise<void> => {
  const job = await jobOf(visit)
  const { id } = job
  const right = rightOfJob(job)
  if (!hasRight(visit.who.role, right)) {
    throw new AppError('not_allowed', `the role ${visit.who.role} has no right ${right}`)
  }
  if (needsFreshProof(right) && !visit.fresh) {
    await proveNow(visit, hrefOf(id))
    return
  }
  const resumed = await resumeJob(visit.console.site.deps, id, visit.by)
  visit.console.jobs.wake()
  await goTo(visit, hrefOf(id), {
    key: resumed ? 'console.jobs.done.resumed' : 'console.jobs.done.over',
  })
}

/** `POST /admin/jobs/:id/undo` */
export const undoHere = async (visit: Visit): Promise<void> => {
  const job = await jobOf(visit)
  const started = await startUndo(visit.console.site.deps, job.id, visit.by)
  if (!started.ok) {
    const key = `console.jobs.stays.${started.reason}`
    return sendJob(visit, await jobOf(visit), { key })
  }
  visit.console.jobs.wake()
  await goTo(visit, hrefOf(started.id))
}

const HEADER = ['identifier', 'family_name', 'given_name', 'outcome', 'detail'] as const
const LAYOUT = { delimiter: ';', record_delimiter: 'windows' } as const

/** Result by result, some at a time; what a spreadsheet would work out is text. */
async function* rowsOf({ console }: Visit, job: Job): AsyncGenerator<string> {
  const { jobs, accounts } = console.site.deps.store
  yield `\ufeff${stringify([[...HEADER]], LAYOUT)}`
  for (let after = 0; ; ) {
    const some = await jobs.results(job.id, {}, after, RESULTS_AT_ONCE)
    const last = some.at(-1)
    if (last === undefined) {
      return
    }
    const subs = isOfPeople(job) ? some.map(({ subject }) => subject) : []
    const found = subs.length === 0 ? [] : await accounts.bySubs(subs)
    const people = new Map(found.map((one) => [one.sub, one]))
    const rows = some.map(({ subject, outcome, detail }) => {
      const account = people.get(subject)
      const { identifier = subject, familyName = '', givenName = '' } = account ?? {}
      return [identifier, familyName, givenName, outcome, detail ?? ''].map(csvCell)
    })
    yield stringify(rows, LAYOUT)
    after = last.nth
  }
}

/** `GET /admin/jobs/:id/results` */
export const exportResults = async (visit: Visit): Promise<void> => {
  const job = await jobOf(visit)
  const { ctx } = visit
  ctx.type = 'text/csv; charset=utf-8'
  ctx.attachment(`job-${job.id.slice(0, 8)}.csv`)
  ctx.body = Readable.from(rowsOf(visit, job))
}

/** It is gone here once it has arrived; a connection that breaks leaves it there. */
const deliver = ({ ctx }: Visit, file: TakenFile, name: string): void => {
  ctx.type = name.endsWith('.pdf') ? 'application/pdf' : 'text/csv; charset=utf-8'
  ctx.attachment(name)
  ctx.length = file.bytes
  let arrived = false
  ctx.res.once('finish', () => {
    arrived = true
  })
  ctx.res.once('close', () => {
    void (arrived ? file.arrived() : file.back()).catch((error: unknown) => {
      ctx.app.emit('error', error, ctx)
    })
  })
  ctx.body = Readable.from(file.content)
}

/** `POST /admin/jobs/:id/files/:name`: for whoever started the job, once. */
export const takeFile = async (visit: Visit): Promise<void> => {
  const job = await jobOf(visit)
  const name = visit.params['name'] ?? ''
  const file = job.by === visit.by ? await visit.console.jobFiles.take(job.id, name) : null
  if (file === null) {
    return sendJob(visit, job, { key: 'console.jobs.errors.no_file' })
  }
  const { deps } = visit.console.site
  const detail = { job: job.id, file: name }
  await deps.store.audit.append(auditEntry(deps, { act: 'cards_taken', actor: visit.by, detail }))
  deliver(visit, file, name)
}
