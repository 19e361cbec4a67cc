import type { ImportPlan } from '../accounts/import_ports.ts'
import type { Job, Json } from '../accounts/job_ports.ts'

export const CHECK_KIND = 'import_check'
export const IMPORT_KIND = 'import'

/** What a dry run, and then the import, is asked to do. JSON. */
export interface ImportParams {
  /** Of the uploaded file. */
  readonly file: string
  readonly plan: ImportPlan
  /** How many were confirmed to leave; null: a dry run, or nobody is to. */
  readonly leaving: number | null
}

/** How far it is. JSON. */
export interface ImportCursor {
  readonly phase: 'lines' | 'leavers' | 'end' | 'over'
  /** Lines of the file that are done. */
  readonly at: number
  /** Leavers that are done; their number was the one that was confirmed. */
  readonly gone?: number
}

/** More of what became of a line or a leaver. JSON. */
export interface ResultDetail {
  readonly identifier?: string | null
  readonly name?: string
  readonly columns?: readonly string[]
  readonly disabled?: boolean
  readonly why?: {
    readonly code: string
    readonly params: Readonly<Record<string, string | number>>
  }
  readonly establishments?: readonly string[]
}

export const importParams = ({ params }: Pick<Job, 'params'>): ImportParams =>
  params as unknown as ImportParams

export const importCursor = ({ cursor }: Pick<Job, 'cursor'>): ImportCursor | null =>
  cursor as unknown as ImportCursor | null

export const asJson = (value: ImportParams | ImportCursor): Json => value as unknown as Json

/** Counted beside the outcomes: who could leave at all, and of them who stays for a role they hold. */
export const COUNT_ALL = 'leavers_of'
export const COUNT_KEPT = 'leavers_kept'
/** Its detail says why nobody is looked for who left. */
export const LEAVERS_REFUSED = 'leavers_refused'
