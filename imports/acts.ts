import { auditEntry, randomId } from '../accounts/audit.ts'
import type { ImportFile, ImportPlan } from '../accounts/import_ports.ts'
import type { Job } from '../accounts/job_ports.ts'
import { addJob } from '../accounts/jobs.ts'
import type { LeaversScope } from '../accounts/leavers.ts'
import type { PeopleColumn } from '../accounts/person_row.ts'
import type { Deps, Tables } from '../accounts/ports.ts'
import { headerKey } from './columns.ts'
import type { FileProblem } from './file_problem.ts'
import { fileProblemOf } from './file_problem.ts'
import { asJson, CHECK_KIND, IMPORT_KIND, importCursor, importParams } from './job_params.ts'
import { openTable } from './table_file.ts'
import type { UploadFolder } from './upload_folder.ts'

const NAME_LENGTH_MAX = 100

/** As it may be shown: its own name, without folders, nothing that turns text around. */
const shownName = (name: string): string =>
  Array.from(
    (name.split(/[\\/]/).at(-1) ?? '').replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '\ufffd'),
  )
    .slice(0, NAME_LENGTH_MAX)
    .join('') || 'people.csv'

export type Uploaded =
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly problem: FileProblem }

/** Takes in a file that was written to its place in the folder; refuses the whole where it is none. */
export const takeUpload = async (
  deps: Deps,
  folder: UploadFolder,
  { id, name, bytes, by }: { id: string; name: string; bytes: number; by: string },
): Promise<Uploaded> => {
  const opened = await openTable(folder.pathOf(id))
  const problem = opened.ok
    ? opened.table.count === 0
      ? fileProblemOf('nobody')
      : null
    : opened.problem
  if (problem !== null || !opened.ok) {
    await folder.remove(id)
    return { ok: false, problem: problem ?? fileProblemOf('not_csv') }
  }
  const { headerLine: _, ...layout } = opened.table
  await deps.store.transact(async (tables) => {
    const atMs = deps.clock()
    await tables.importFiles.add({ id, name: shownName(name), by, atMs, bytes, layout })
    const detail = { import: id, lines: layout.count, bytes }
    await tables.audit.append(auditEntry(deps, { act: 'import_uploaded', actor: by, detail }))
  })
  return { ok: true, id }
}

export const newUploadId = ({ random }: Pick<Deps, 'random'>): string => randomId(random)

/** What was said of the columns, by the header of each. */
const meaningsOf = (
  header: readonly string[],
  { columns }: ImportPlan,
): ReadonlyMap<string, PeopleColumn | null> =>
  new Map(
    header.flatMap((name, index): [string, PeopleColumn | null][] => {
      const key = headerKey(name)
      return key === '' ? [] : [[key, columns[index] ?? null]]
    }),
  )

/** Begins the dry run of a plan, and remembers what its columns are; null: too late. */
export const startCheck = (
  deps: Deps,
  { id, layout }: ImportFile,
  plan: ImportPlan,
  by: string,
): Promise<string | null> =>
  deps.store.transact(async (tables) => {
    const params = asJson({ file: id, plan, leaving: null })
    const found = await tables.importFiles.find(id)
    if (found === null || found.importJob !== null || found.removedAt !== null) {
      return null
    }
    const { count: total } = layout
    const job = await addJob(deps, tables, { kind: CHECK_KIND, params, by, total })
    await tables.importFiles.setPlan(id, plan, job)
    await tables.importMappings.remember(meaningsOf(layout.header, plan), by, deps.clock())
    return job
  })

export interface Leaving {
  /** Null: nobody is looked for. */
  readonly scope: LeaversScope | null
  /** Who leaves the establishment: shut out, or staying in others. */
  readonly count: number
}

/** Who would leave, as the dry run found. */
export const leavingOf = ({ params, counts }: Job): Leaving => ({
  scope: importParams({ params }).plan.leavers,
  count: (counts['left'] ?? 0) + (counts['moved'] ?? 0),
})

export type StartedImport =
  | { readonly ok: true; readonly job: string }
  | { readonly ok: false; readonly reason: 'gone' | 'not_checked' | 'wrong_number' }

const checkOf = async (
  tables: Pick<Tables, 'jobs'>,
  { checkJob }: ImportFile,
): Promise<Job | null> => {
  const job = checkJob === null ? null : await tables.jobs.find(checkJob)
  return job?.state === 'done' ? job : null
}

/**
 * Begins the import that the dry run has shown. `confirmed`: how many leave, as it was typed; the
 * import itself refuses when it finds another number.
 */
export const startImport = (
  deps: Deps,
  id: string,
  seenCheck: string,
  confirmed: number | null,
  by: string,
): Promise<StartedImport> =>
  deps.store.transact(async (tables): Promise<StartedImport> => {
    const file = await tables.importFiles.find(id)
    if (file === null || file.removedAt !== null || file.importJob !== null) {
      return { ok: false, reason: 'gone' }
    }
    const check = await checkOf(tables, file)
    if (check === null || check.id !== seenCheck) {
      return { ok: false, reason: 'not_checked' }
    }
    const { scope, count } = leavingOf(check)
    if (scope !== null && count > 0 && confirmed !== count) {
      return { ok: false, reason: 'wrong_number' }
    }
    const { plan } = importParams(check)
    const leaving = scope === null ? null : count
    const params = asJson({ file: id, plan, leaving })
    const { count: total } = file.layout
    const job = await addJob(deps, tables, { kind: IMPORT_KIND, params, by, total })
    await tables.importFiles.setImport(id, check.id, job)
    return { ok: true, job }
  })

/** After an import that was refused with nothing done: false where something was. */
export const chooseAgain = (deps: Deps, id: string): Promise<boolean> =>
  deps.store.transact(async (tables) => {
    const file = await tables.importFiles.find(id)
    const job = file?.importJob == null ? null : await tables.jobs.find(file.importJob)
    const nothingDone = job !== null && job.endedAt !== null && importCursor(job) === null
    return nothingDone ? tables.importFiles.reopen(id, job.id) : false
  })
