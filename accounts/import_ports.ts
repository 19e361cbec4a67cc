import type { LeaversScope } from './leavers.ts'
import type { PeopleColumn } from './person_row.ts'

/** What each column of a file is, and what holds for every line. */
export interface ColumnPlan {
  /** One for each column of the file; null: not used. */
  readonly columns: readonly (PeopleColumn | null)[]
  /** Values of columns that the file does not have. */
  readonly fixed: Readonly<Partial<Record<PeopleColumn, string>>>
}

export interface ImportPlan extends ColumnPlan {
  /** Null: nobody leaves. */
  readonly leavers: LeaversScope | null
}

/** How a file is written, as it was found when it came. */
export interface FileLayout {
  readonly encoding: 'utf-8' | 'windows-1252'
  readonly delimiter: ',' | ';' | '\t'
  readonly header: readonly string[]
  /** Lines of people below the header. */
  readonly count: number
}

/** A file of people that was uploaded. */
export interface ImportFile {
  readonly id: string
  /** As its sender's machine calls it. */
  readonly name: string
  readonly by: string
  readonly atMs: number
  readonly bytes: number
  readonly layout: FileLayout
  /** What was chosen last; null: nothing yet. */
  readonly plan: ImportPlan | null
  /** The dry run of that plan. */
  readonly checkJob: string | null
  /** From then on nothing can be chosen any more. */
  readonly importJob: string | null
  /** When the file itself was deleted; null: it is there. */
  readonly removedAt: number | null
}

export interface ImportFiles {
  add(file: Omit<ImportFile, 'plan' | 'checkJob' | 'importJob' | 'removedAt'>): Promise<void>
  find(id: string): Promise<ImportFile | null>
  /** Newest first. */
  list(limit: number): Promise<ImportFile[]>
  /** False: it is imported already, or gone. */
  setPlan(id: string, plan: ImportPlan, checkJob: string): Promise<boolean>
  /** For exactly one caller, and only behind the dry run that they have seen. */
  setImport(id: string, checkJob: string, importJob: string): Promise<boolean>
  /** Its import has failed with nothing done: it can be chosen anew. */
  reopen(id: string, importJob: string): Promise<boolean>
  setRemoved(id: string, atMs: number): Promise<void>
  /** Whose file is still there. */
  present(): Promise<ImportFile[]>
  /** Forgets files that came before then and are deleted. */
  forget(beforeMs: number): Promise<void>
}

/** What columns of files were last said to be, by `headerKey`; null: not used. */
export interface ImportMappings {
  /** Of these headers, those that are known. */
  of(headers: readonly string[]): Promise<ReadonlyMap<string, PeopleColumn | null>>
  remember(
    mappings: ReadonlyMap<string, PeopleColumn | null>,
    by: string,
    nowMs: number,
  ): Promise<void>
}
