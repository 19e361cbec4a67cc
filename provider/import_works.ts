import type { JobKind } from '../accounts/jobs.ts'
import { PURGE_BY, purgeJob, purgeLeavers } from '../accounts/purge_leavers.ts'
import { importJobKinds } from '../imports/import_jobs.ts'
import {
  createUploadFolder,
  forgetUploads,
  removeUpload,
  type UploadFolder,
} from '../imports/upload_folder.ts'
import type { Settings } from './settings.ts'
import type { Core } from './wire.ts'

/** What the console needs to import people, and what goes on by itself. */
export interface Imports {
  readonly folder: UploadFolder
  /** How long people who left are kept, in days. */
  readonly keptDays: number
}

export const importsOf = (settings: Settings): Imports => ({
  folder: createUploadFolder(settings.data),
  keptDays: settings.leavers_kept_days,
})

export const importKinds = (core: Core, { folder }: Imports): JobKind[] => [
  ...importJobKinds({
    endEverything: core.endEverything,
    pathOf: folder.pathOf,
    remove: (deps, id) => removeUpload(deps, folder, id),
  }),
  purgeJob(core.endEverything),
]

/** Repeating work, by the name under which its failure is logged. */
export const importWorks = (
  core: Core,
  { folder, keptDays }: Imports,
  isOver: () => boolean,
): Readonly<Record<string, () => Promise<unknown>>> => ({
  'purge of uploads': () => forgetUploads(core.deps, folder),
  'purge of people who left': () =>
    purgeLeavers(core.deps, core.endEverything, { keptDays, by: PURGE_BY, isOver }),
})
