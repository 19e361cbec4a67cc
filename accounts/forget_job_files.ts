import type { JobFiles } from './job_ports.ts'
import type { Deps } from './ports.ts'

/** Cards and sheets that nobody fetched within a day are gone. */
export const JOB_FILES_KEPT_MS = 24 * 3_600_000

/** Removes files of jobs that ended a day ago, and of jobs that there are no more. */
export const forgetJobFiles = async (deps: Deps, files: JobFiles): Promise<number> => {
  let removed = 0
  for (const id of await files.jobs()) {
    const job = await deps.store.jobs.find(id)
    const endedAt = job === null ? 0 : job.endedAt
    if (endedAt !== null && deps.clock() - endedAt >= JOB_FILES_KEPT_MS) {
      await files.remove(id)
      removed += 1
    }
  }
  return removed
}
