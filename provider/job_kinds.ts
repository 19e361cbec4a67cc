import { join } from 'node:path'
import type { Locale } from '../accounts/account.ts'
import type { JobFiles } from '../accounts/job_ports.ts'
import type { JobKind } from '../accounts/jobs.ts'
import { CHUNKED_ACTS, peopleJob } from '../accounts/people_acts.ts'
import type { JobReads } from '../accounts/people_job.ts'
import { sheetAtEnd } from '../accounts/pin_sheet.ts'
import type { Deps } from '../accounts/ports.ts'
import type { EndEverythingOf } from '../accounts/replace_passwords.ts'
import { temporaryJob } from '../accounts/temporary_job.ts'
import { undoJob } from '../accounts/undo_job.ts'
import { createJobFiles } from '../cards/job_files.ts'

export interface JobKindNeeds {
  readonly reads: JobReads
  readonly files: JobFiles
  readonly endEverythingOf: EndEverythingOf
  readonly isStopping: () => boolean
}

/** Where cards and sheets of jobs lie, in the data folder. */
export const jobFilesIn = (
  deps: Pick<Deps, 'schoolName' | 'timeZone' | 'clock'>,
  { dataFolder, issuer, locale }: { dataFolder: string; issuer: string; locale: Locale },
): JobFiles =>
  createJobFiles({
    folder: join(dataFolder, 'cards'),
    address: issuer,
    schoolName: deps.schoolName,
    timeZone: deps.timeZone,
    locale,
    clock: deps.clock,
  })

const NAMES = Object.keys(CHUNKED_ACTS) as (keyof typeof CHUNKED_ACTS)[]

/** Everything that the console does in the background on people. */
export const peopleJobKinds = (needs: JobKindNeeds): JobKind[] => [
  ...NAMES.map((name): JobKind => {
    const job = peopleJob(name, needs)
    return name === 'new_pin' ? { ...job, atEnd: sheetAtEnd(needs.files) } : job
  }),
  temporaryJob(needs),
  undoJob(needs),
]
