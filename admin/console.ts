import type { JobFiles, Json } from '../accounts/job_ports.ts'
import type { Lists } from '../accounts/lists.ts'
import type { UploadFolder } from '../imports/upload_folder.ts'
import type { OwnClient, Site } from '../interactions/site.ts'
import type { ConsoleApplications } from './applications_part.ts'
import type { OverviewCounts } from './overview.ts'

/** Work in the background: see `accounts/jobs.ts`. */
export interface Jobs {
  /** Puts a job in the queue, and begins as soon as there is a turn. Returns its id. */
  start(kind: string, params: Json, options: { by: string; total: number | null }): Promise<string>
  /** There is something to do: nobody need wait for the next look. */
  wake(): void
}

/** What the pages of the console are made of; composed once. */
export interface Console {
  readonly site: Site
  /** The console as a relying party of the gateway, with a host of its own or not. */
  readonly client: OwnClient
  /** Scheme and host of the console, without a trailing slash. */
  readonly origin: string
  readonly secureCookies: boolean
  /** Reads over many people, beside the writers. */
  readonly lists: Lists
  /** Counts of the first page. */
  readonly overview: OverviewCounts
  readonly jobs: Jobs
  /** The file that is the master of policies; null: they are changed here. */
  readonly policyFile: string | null
  /** Cards and sheets of jobs. */
  readonly jobFiles: JobFiles
  /** Uploaded files of people, and how long (days) those who left are kept. */
  readonly imports: { readonly folder: UploadFolder; readonly keptDays: number }
  readonly applications: ConsoleApplications
}
