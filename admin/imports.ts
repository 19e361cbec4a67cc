import { AppError } from '../accounts/errors.ts'
import type { ImportFile } from '../accounts/import_ports.ts'
import type { Job } from '../accounts/job_ports.ts'
import { cancelJob, resumeJob } from '../accounts/jobs.ts'
import { chooseAgain } from '../imports/acts.ts'
import type { FileProblem } from '../imports/file_problem.ts'
import { removeUpload, UPLOAD_BYTES_MAX } from '../imports/upload_folder.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { namesOf } from './people_act.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

export const IMPORTS_PATH = '/admin/imports'
const LISTED = 50
export const MEGABYTES_MAX = UPLOAD_BYTES_MAX / 1_000_000

export const importHref = ({ id }: Pick<ImportFile, 'id'>, page = ''): string =>
  `${IMPORTS_PATH}/${id}${page}`

/** The upload of this address. Throws for one that there is not. */
export const fileOfVisit = async ({ console, params }: Visit): Promise<ImportFile> => {
  const file = await console.site.deps.store.importFiles.find(params['id'] ?? '')
  if (file === null) {
    throw new AppError('not_found', 'no upload of this id')
  }
  return file
}

/** The job that stands for where a file is; null: its columns are to be chosen. */
export const jobOfFile = async (
  { console }: Visit,
  { importJob, checkJob }: ImportFile,
): Promise<Job | null> => {
  const id = importJob ?? checkJob
  return id === null ? null : console.site.deps.store.jobs.find(id)
}

type State = ConsolePages['console/imports_list']['files'][number]['state']

const stateOf = (file: ImportFile, job: Job | null): State => {
  if (job?.endedAt === null) {
    return file.importJob === null ? 'checking' : 'importing'
  }
  if (file.importJob !== null) {
    return job?.state === 'done' ? 'done' : 'stopped'
  }
  if (file.removedAt !== null) {
    return 'gone'
  }
  return job?.state === 'done' ? 'checked' : 'columns'
}

/** Where the next step of a file is. */
const stepOf = (file: ImportFile): string => {
  if (file.importJob !== null) {
    return importHref(file, '/result')
  }
  return importHref(file, file.checkJob === null ? '/columns' : '/check')
}

const problemOf = ({ code, params, line }: FileProblem) => ({
  key: `console.imports.problems.${code ?? 'not_csv'}`,
  params,
  line: line ?? undefined,
})

export const sendList = async (
  visit: Visit,
  { problem, errors = [] }: { problem?: FileProblem; errors?: readonly ConsoleError[] } = {},
): Promise<void> => {
  const files = await visit.console.site.deps.store.importFiles.list(LISTED)
  const nameOf = await namesOf(
    visit,
    files.map(({ by }) => by),
  )
  const jobs = await Promise.all(files.map((file) => jobOfFile(visit, file)))
  await sendConsolePage(
    visit,
    'console/imports_list',
    {
      action: `${IMPORTS_PATH}/upload`,
      megabytes: MEGABYTES_MAX,
      files: files.map((file, index) => ({
        href: importHref(file),
        name: file.name,
        by: nameOf(file.by),
        at: new Date(file.atMs).toISOString(),
        lines: file.layout.count,
        state: stateOf(file, jobs[index] ?? null),
      })),
      problem: problem === undefined ? undefined : problemOf(problem),
      errors,
    },
    { status: problem === undefined && errors.length === 0 ? 200 : 422 },
  )
}

/** `GET /admin/imports` */
export const showImports = (visit: Visit): Promise<void> => sendList(visit)

/** `GET /admin/imports/:id` */
export const showImport = async (visit: Visit): Promise<void> =>
  goTo(visit, stepOf(await fileOfVisit(visit)))

/** `POST /admin/imports/:id/discard` */
export const discardImport = async (visit: Visit): Promise<void> => {
  const file = await fileOfVisit(visit)
  const { deps } = visit.console.site
  const job = await jobOfFile(visit, file)
  if (job !== null && job.endedAt === null) {
    return goTo(visit, importHref(file))
  }
  await removeUpload(deps, visit.console.imports.folder, file.id)
  await goTo(visit, IMPORTS_PATH, { key: 'console.imports.done.discarded' })
}

/** `POST /admin/imports/:id/cancel` */
export const cancelImport = async (visit: Visit): Promise<void> => {
  const file = await fileOfVisit(visit)
  const id = file.importJob ?? file.checkJob ?? ''
  const cancelled = await cancelJob(visit.console.site.deps, id, visit.by)
  visit.console.jobs.wake()
  const key = `console.imports.done.${cancelled ? 'cancelled' : 'over'}`
  await goTo(visit, importHref(file), { key })
}

/** `POST /admin/imports/:id/resume` */
export const resumeImport = async (visit: Visit): Promise<void> => {
  const file = await fileOfVisit(visit)
  const resumed = await resumeJob(visit.console.site.deps, file.importJob ?? '', visit.by)
  visit.console.jobs.wake()
  const key = `console.imports.done.${resumed ? 'resumed' : 'over'}`
  await goTo(visit, importHref(file), { key })
}

/** `POST /admin/imports/:id/again`: after an import that was refused with nothing done. */
export const importAgain = async (visit: Visit): Promise<void> => {
  const file = await fileOfVisit(visit)
  await chooseAgain(visit.console.site.deps, file.id)
  await goTo(visit, importHref(file))
}
