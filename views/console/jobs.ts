import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

/** What stands for somebody, or for several of one kind. */
interface Counted {
  readonly name: string
  readonly count: number
}

interface JobLine {
  readonly href: string
  readonly kind: string
  /** Whoever started it, by name. */
  readonly by: string
  /** ISO 8601 instant. */
  readonly at: string
  readonly state: 'waiting' | 'running' | 'cancelling' | 'done' | 'cancelled' | 'failed'
  readonly done: number
  readonly total: number | null
}

/** Acts on many people, and work in the background. */
export interface JobsPages {
  /** Before an act: how many people, what will happen to them, and who is left out. */
  'console/jobs_act': {
    readonly act: string
    readonly action: string
    readonly backHref: string
    readonly people: number
    readonly byType: readonly { readonly type: UserType; readonly count: number }[]
    /** As far as is known; by outcome. */
    readonly leftOut: readonly Counted[]
    /** The selection, as hidden fields of the form. */
    readonly fields: Readonly<Record<string, string>>
    /** Which options the act has. */
    readonly asks: {
      readonly olderThanRules: boolean
      readonly keepPersonal: boolean
      /** How a PIN reaches its owner. */
      readonly deliver: boolean
      /** The number is to be typed. */
      readonly number: boolean
    }
    /** There is a mail server. */
    readonly mails: boolean
    readonly undoable: boolean
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
  }
  'console/jobs_list': {
    readonly jobs: readonly JobLine[]
    /** Only one's own are shown. */
    readonly own: boolean
    readonly firstHref: string | undefined
    readonly nextHref: string | undefined
  }
  'console/jobs_job': JobLine & {
    readonly endedAt: string | undefined
    /** Why it failed, in words; undefined: it did not. */
    readonly failure: ConsoleMessage | undefined
    /** Cards are being written: nobody is counted yet. */
    readonly writing: boolean
    readonly counts: readonly (Counted & { readonly href: string; readonly current: boolean })[]
    readonly allHref: string
    readonly results: readonly {
      readonly name: string
      readonly hint: string
      readonly href: string | undefined
      readonly outcome: string
    }[]
    readonly firstHref: string | undefined
    readonly nextHref: string | undefined
    readonly exportHref: string | undefined
    readonly goesOn: boolean
    /** `undo`: for how many; 0: it cannot be taken back. */
    readonly can: { readonly cancel: boolean; readonly resume: boolean; readonly undo: number }
    /** Why it cannot be taken back, where one would look for that. */
    readonly stays: string | undefined
    readonly undoes: string | undefined
    readonly undoneBy: string | undefined
    /** For whoever started it. */
    readonly files: readonly {
      readonly name: string
      readonly kib: number
      readonly action: string
    }[]
    readonly filesUntil: string | undefined
    readonly refused?: ConsoleMessage | undefined
  }
}
