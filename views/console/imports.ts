import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

/** Why a line was not taken: the column by its name of ours, the value as it may be shown. */
interface WhyShown {
  readonly code: string
  readonly column: string | undefined
  readonly value: string | undefined
  readonly params: Readonly<Record<string, string | number>>
}

interface ReportResult {
  /** Undefined: a person who left. */
  readonly line: string | undefined
  readonly who: string
  readonly hint: string
  readonly outcome: string
  readonly columns: readonly string[]
  readonly disabled: boolean
  readonly establishments: readonly string[]
  readonly why: WhyShown | undefined
}

/** Files of people, from upload to report. */
export interface ImportsPages {
  'console/imports_list': {
    readonly action: string
    readonly megabytes: number
    readonly files: readonly {
      readonly href: string
      readonly name: string
      readonly by: string
      readonly at: string
      readonly lines: number
      readonly state: 'columns' | 'checking' | 'checked' | 'importing' | 'done' | 'stopped' | 'gone'
    }[]
    /** What was wrong with a file that was sent just now. */
    readonly problem: (ConsoleMessage & { readonly line: number | undefined }) | undefined
    readonly errors: readonly ConsoleError[]
  }
  'console/imports_columns': {
    readonly name: string
    readonly lines: number
    readonly encoding: 'utf-8' | 'windows-1252'
    readonly delimiter: 'comma' | 'semicolon' | 'tab'
    readonly action: string
    readonly discardAction: string
    readonly backHref: string
    readonly columns: readonly {
      /** Name of its field. */
      readonly field: string
      readonly header: string
      readonly samples: readonly string[]
      /** Empty: not used. */
      readonly chosen: string
      /** Chosen so the last time. */
      readonly remembered: boolean
    }[]
    /** Names of ours, for the choice. */
    readonly known: readonly string[]
    readonly required: readonly string[]
    readonly userTypes: readonly UserType[]
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
  }
  'console/imports_report': {
    readonly kind: 'check' | 'import'
    readonly name: string
    readonly href: string
    readonly state: 'waiting' | 'running' | 'cancelling' | 'done' | 'cancelled' | 'failed'
    readonly goesOn: boolean
    readonly done: number
    readonly total: number
    readonly failure: ConsoleMessage | undefined
    readonly counts: readonly {
      readonly name: string
      readonly count: number
      readonly href: string | undefined
      readonly current: boolean
    }[]
    readonly results: readonly ReportResult[]
    readonly firstHref: string | undefined
    readonly nextHref: string | undefined
    readonly exportHref: string | undefined
    /** Who leaves, where that is looked for. */
    readonly leavers:
      | {
          readonly count: number
          readonly all: number
          readonly kept: number
          readonly establishment: string
          readonly userType: UserType
          /** More than half of them. */
          readonly many: boolean
          readonly refused: WhyShown | undefined
          readonly href: string
        }
      | undefined
    /** What is to be confirmed; undefined: nothing, or not yet. */
    readonly confirm:
      | { readonly action: string; readonly check: string; readonly changes: number }
      | undefined
    readonly cancelAction: string | undefined
    readonly resumeAction: string | undefined
    /** Back to the columns. */
    readonly againAction: string | undefined
    readonly columnsHref: string | undefined
    readonly listHref: string
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
  }
  'console/imports_leavers': {
    readonly all: number
    readonly due: number
    readonly days: number
    /** When the next of them is erased; undefined: nobody. */
    readonly next: string | undefined
    readonly action: string
    readonly backHref: string
  }
  'console/imports_new_year': {
    readonly year: string
    readonly steps: readonly {
      readonly name: 'holidays' | 'imports' | 'passwords' | 'leavers'
      readonly state: 'done' | 'part' | 'todo'
      readonly done: number
      readonly of: number
      readonly href: string
    }[]
    readonly establishments: readonly {
      readonly code: string
      readonly holidays: boolean
      readonly imports: readonly { readonly userType: UserType; readonly at: string }[]
    }[]
    readonly backHref: string
  }
}
