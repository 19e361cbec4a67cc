import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { AppError } from '../accounts/errors.ts'
import type { ImportFile } from '../accounts/import_ports.ts'
import type { Job, JobResult } from '../accounts/job_ports.ts'
import { type Why, type WhyCode, whyWords } from '../accounts/why.ts'
import { csvCell } from '../cards/csv_cell.ts'
import { leavingOf, startImport } from '../imports/acts.ts'
import { isColumn } from '../imports/columns.ts'
import {
  CHECK_KIND,
  COUNT_ALL,
  COUNT_KEPT,
  IMPORT_KIND,
  importCursor,
  importParams,
  LEAVERS_REFUSED,
  type ResultDetail,
} from '../imports/job_params.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { fileOfVisit, IMPORTS_PATH, importHref } from './imports.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

type Report = ConsolePages['console/imports_report']
type Kind = Report['kind']

const RESULTS_ON_PAGE = 100
const RESULTS_AT_ONCE = 1_000

/** What is counted, in the order in which it is told; `disabled` is among the lines above it. */
const OUTCOMES = ['added', 'changed', 'unchanged', 'rejected', 'left', 'moved', 'disabled'] as const
const LISTED = new Set<string>(['added', 'changed', 'rejected', 'left', 'moved'])

const PAGES = { check: '/check', import: '/result' } as const

const jobOf = async (visit: Visit, file: ImportFile, kind: Kind): Promise<Job> => {
  const id = kind === 'check' ? file.checkJob : file.importJob
  const job = id === null ? null : await visit.console.site.deps.store.jobs.find(id)
  if (job === null) {
    throw new AppError('not_found', `no ${kind} of this upload`)
  }
  return job
}

const detailOf = ({ detail }: JobResult): ResultDetail =>
  detail === null ? {} : (JSON.parse(detail) as ResultDetail)

const whyShown = ({ why }: ResultDetail) => {
  if (why === undefined) {
    return undefined
  }
  const { column, value, ...params } = why.params
  return {
    code: why.code,
    column: typeof column === 'string' && isColumn(column) ? column : undefined,
    value: value === undefined ? undefined : String(value),
    params,
  }
}

const isLine = (subject: string): boolean => /^\d+$/.test(subject)
const LINE_OUTCOMES = new Set(['added', 'changed', 'rejected', 'unchanged'])

const rowOf = (result: JobResult): Report['results'][number] => {
  const detail = detailOf(result)
  const { subject, outcome } = result
  const isOfLine = LINE_OUTCOMES.has(outcome) && isLine(subject)
  return {
    line: isOfLine ? subject : undefined,
    who: detail.name ?? detail.identifier ?? '',
    hint: detail.name === undefined ? '' : (detail.identifier ?? ''),
    outcome,
    columns: detail.columns ?? [],
    disabled: detail.disabled === true,
    establishments: detail.establishments ?? [],
    why: whyShown(detail),
  }
}

const leaversOf = async (visit: Visit, job: Job, href: string): Promise<Report['leavers']> => {
  const { scope, count } = leavingOf(job)
  if (scope === null || job.endedAt === null) {
    return undefined
  }
  const { jobs } = visit.console.site.deps.store
  const refused = await jobs.results(job.id, { outcome: LEAVERS_REFUSED }, 0, 1)
  const all = job.counts[COUNT_ALL] ?? 0
  return {
    count,
    all,
    kept: job.counts[COUNT_KEPT] ?? 0,
    establishment: scope.establishment,
    userType: scope.userType,
    many: count * 2 > all,
    refused: refused[0] === undefined ? undefined : whyShown(detailOf(refused[0])),
    href: `${href}?outcome=left#results`,
  }
}

/** Reasons with words of their own. */
const FAILURES = new Set(['file_gone', 'leavers_differ', 'none_in_scope', 'line_about_nobody'])

const failureOf = ({ state, failure }: Job): Report['failure'] => {
  if (state !== 'failed') {
    return undefined
  }
  const known = failure !== null && FAILURES.has(failure)
  return { key: `console.imports.failures.${known ? failure : 'surprise'}` }
}

const changesOf = ({ counts }: Job): number =>
  ['added', 'changed', 'left', 'moved'].reduce((sum, name) => sum + (counts[name] ?? 0), 0)

/** What can be done of a check: confirm it, or choose the columns again. */
const afterCheck = (file: ImportFile, job: Job) => {
  const open = file.importJob === null && file.removedAt === null && job.endedAt !== null
  // Whoever is named again has not left: that too is worth an import.
  const changes = changesOf(job) || (job.counts['disabled'] ?? 0)
  return {
    confirm:
      open && job.state === 'done' && changes > 0
        ? { action: importHref(file, '/import'), check: job.id, changes }
        : undefined,
    resumeAction: undefined,
    againAction: undefined,
    columnsHref: open ? importHref(file, '/columns') : undefined,
  }
}

/** What can be done of an import that stopped: go on, or begin anew where nothing was done. */
const afterImport = (file: ImportFile, job: Job) => {
  const stopped = job.state === 'failed' || job.state === 'cancelled'
  const open = stopped && file.removedAt === null
  const begun = importCursor(job) !== null
  return {
    confirm: undefined,
    resumeAction: open && begun ? importHref(file, '/resume') : undefined,
    againAction: open && !begun ? importHref(file, '/again') : undefined,
    columnsHref: undefined,
  }
}

const whatNext = (file: ImportFile, job: Job, kind: Kind) => ({
  ...(kind === 'check' ? afterCheck(file, job) : afterImport(file, job)),
  cancelAction: job.endedAt === null ? importHref(file, '/cancel') : undefined,
})

const withQuery = (href: string, outcome: string | undefined, after = 0): string => {
  const query = new URLSearchParams({
    ...(outcome !== undefined && { outcome }),
    ...(after > 0 && { after: String(after) }),
  }).toString()
  return query === '' ? href : `${href}?${query}`
}

/** What is shown first: what somebody has to look at. */
const firstOutcome = ({ counts }: Job): string | undefined =>
  ['rejected', 'left'].find((name) => (counts[name] ?? 0) > 0)

const resultsOf = async (visit: Visit, job: Job) => {
  const { query, console } = visit
  const asked = query['outcome'] ?? firstOutcome(job)
  const outcome = asked !== undefined && LISTED.has(asked) ? asked : undefined
  const after = Math.max(0, Math.trunc(Number(query['after'] ?? 0)) || 0)
  const filter = outcome === undefined ? {} : { outcome }
  const found = await console.site.deps.store.jobs.results(
    job.id,
    filter,
    after,
    RESULTS_ON_PAGE + 1,
  )
  const shown = found.slice(0, RESULTS_ON_PAGE)
  const next = found.length > RESULTS_ON_PAGE ? shown.at(-1)?.nth : undefined
  return {
    outcome,
    after,
    next,
    results: shown.filter((one) => one.outcome !== LEAVERS_REFUSED).map(rowOf),
  }
}

const sendReport = async (
  visit: Visit,
  kind: Kind,
  errors: readonly ConsoleError[] = [],
): Promise<void> => {
  const file = await fileOfVisit(visit)
  const job = await jobOf(visit, file, kind)
  const href = importHref(file, PAGES[kind])
  const { outcome, after, next, results } = await resultsOf(visit, job)
  const { counts } = job
  await sendConsolePage(
    visit,
    'console/imports_report',
    {
      kind,
      name: file.name,
      href,
      state: job.state,
      goesOn: job.endedAt === null,
      done: importCursor(job)?.at ?? 0,
      total: job.total ?? file.layout.count,
      failure: failureOf(job),
      counts: OUTCOMES.filter((name) => (counts[name] ?? 0) > 0).map((name) => ({
        name,
        count: counts[name] ?? 0,
        href: LISTED.has(name) ? withQuery(href, name) : undefined,
        current: name === outcome,
      })),
      results,
      firstHref: after > 0 ? withQuery(href, outcome) : undefined,
      nextHref: next === undefined ? undefined : withQuery(href, outcome, next),
      exportHref: job.endedAt === null ? undefined : `${href}.csv`,
      leavers: await leaversOf(visit, job, href),
      ...whatNext(file, job, kind),
      listHref: IMPORTS_PATH,
      typed: visit.form.all(),
      errors,
    },
    { status: errors.length > 0 ? 422 : 200 },
  )
}

/** `GET /admin/imports/:id/check` */
export const showCheck = (visit: Visit): Promise<void> => sendReport(visit, 'check')

/** `GET /admin/imports/:id/result` */
export const showResult = (visit: Visit): Promise<void> => sendReport(visit, 'import')

/** `POST /admin/imports/:id/import` */
export const confirmImport = async (visit: Visit): Promise<void> => {
  const { form, by, console } = visit
  const file = await fileOfVisit(visit)
  const typed = form.digits('leaving')
  const confirmed = /^\d+$/.test(typed) ? Number(typed) : null
  const { deps } = console.site
  const started = await startImport(deps, file.id, form.text('check'), confirmed, by)
  if (started.ok) {
    console.jobs.wake()
    return goTo(visit, importHref(file, '/result'))
  }
  if (started.reason === 'wrong_number') {
    return sendReport(visit, 'check', [
      { field: 'leaving', key: 'console.imports.errors.wrong_number' },
    ])
  }
  const key = `console.imports.errors.${started.reason === 'gone' ? 'too_late' : started.reason}`
  await goTo(visit, importHref(file), { key })
}

const HEADER = ['line', 'identifier', 'name', 'outcome', 'detail'] as const
const LAYOUT = { delimiter: ';', record_delimiter: 'windows' } as const

const detailWords = ({ why, columns, establishments, disabled }: ResultDetail): string =>
  [
    ...(why === undefined ? [] : [whyWords({ ...why, code: why.code as WhyCode } satisfies Why)]),
    ...(columns ?? []),
    ...(establishments ?? []),
    ...(disabled === true ? ['disabled'] : []),
  ].join(' ')

/** Result by result, some at a time; what a spreadsheet would work out is text. */
async function* csvOf({ console }: Visit, job: Job): AsyncGenerator<string> {
  const { jobs } = console.site.deps.store
  yield `\ufeff${stringify([[...HEADER]], LAYOUT)}`
  for (let after = 0; ; ) {
    const some = await jobs.results(job.id, {}, after, RESULTS_AT_ONCE)
    const last = some.at(-1)
    if (last === undefined) {
      return
    }
    const rows = some.map((result) => {
      const detail = detailOf(result)
      const { line = '' } = rowOf(result)
      const texts = [
        detail.identifier ?? '',
        detail.name ?? '',
        result.outcome,
        detailWords(detail),
      ]
      return [line, ...texts.map(csvCell)]
    })
    yield stringify(rows, LAYOUT)
    after = last.nth
  }
}

const exportReport = async (visit: Visit, kind: Kind): Promise<void> => {
  const job = await jobOf(visit, await fileOfVisit(visit), kind)
  const { ctx } = visit
  ctx.type = 'text/csv; charset=utf-8'
  ctx.attachment(`${kind}-${job.id.slice(0, 8)}.csv`)
  ctx.body = Readable.from(csvOf(visit, job))
}

/** `GET /admin/imports/:id/check.csv` */
export const exportCheck = (visit: Visit): Promise<void> => exportReport(visit, 'check')

/** `GET /admin/imports/:id/result.csv` */
export const exportResult = (visit: Visit): Promise<void> => exportReport(visit, 'import')

export const isImportJob = ({ kind }: Job): boolean => kind === CHECK_KIND || kind === IMPORT_KIND

/** Of the job pages: an import has its own. */
export const importOfJob = (job: Job): string => importHref({ id: importParams(job).file })
