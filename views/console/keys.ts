import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

interface Holder {
  readonly name: string
  readonly href: string
}

/** Where a serial is scanned or typed, on every page of the desk. */
interface Scan {
  readonly scanned: string
  readonly errors: readonly ConsoleError[]
}

export interface KeyPages {
  /** The desk: a serial to scan, and lists by state. */
  'console/keys_desk': Scan & {
    readonly tabs: readonly {
      readonly state: string
      readonly count: number
      readonly href: string
      readonly current: boolean
    }[]
    /** The state that is listed. */
    readonly state: string
    readonly keys: readonly {
      readonly serial: string
      readonly href: string
      readonly source: 'hardware' | 'app'
      readonly state: string
      /** Null: nobody, or somebody out of reach. */
      readonly holder: Holder | null
      readonly outOfReach: boolean
      readonly until: string | null
      readonly lastUsedAt: string | null
    }[]
    readonly firstHref: string | null
    readonly nextHref: string | null
  }
  /** One key, and what can be done with it now. */
  'console/keys_key': Scan & {
    readonly serial: string
    readonly path: string
    readonly source: 'hardware' | 'app'
    readonly kind: 'totp' | 'hotp'
    readonly digits: number
    readonly state: string
    readonly holder: Holder | null
    /** Moments by name, `console.keys.at.<name>`. */
    readonly moments: readonly { readonly name: string; readonly at: string }[]
    /** Why nothing can be done: `console.keys.no_acts.<code>`; null: it can. */
    readonly noActs: string | null
    readonly acts: readonly {
      readonly name: string
      readonly href: string
      readonly asksFirst: boolean
    }[]
    readonly assigns: boolean
    readonly tests: boolean
    readonly resyncs: boolean
    readonly receiptHref: string | null
    /** Whom to give it to, as was looked for; null: not looked for. */
    readonly candidates:
      | readonly {
          readonly sub: string
          readonly name: string
          readonly identifier: string
          readonly userType: UserType
          readonly hasOtpKeys: boolean
        }[]
      | null
    readonly looked: string
    /** What a code has come to, or why nothing was done. */
    readonly told: (ConsoleMessage & { readonly tone: 'done' | 'error' }) | null
  }
  /** Asks before a key is taken away. */
  'console/keys_one': {
    readonly serial: string
    readonly path: string
    readonly act: string
    readonly action: string
    readonly holderName: string | null
  }
  /** To be printed and signed. */
  'console/keys_receipt': {
    readonly serial: string
    readonly path: string
    readonly personName: string
    readonly identifier: string
    readonly assignedAt: string
    readonly firstUseBy: string | null
    readonly loanUntil: string | null
    readonly printedAt: string
  }
  'console/keys_import': {
    readonly action: string
    readonly mbMax: number
    /** What a first try came to; null: not tried yet. */
    readonly report: {
      readonly file: string
      readonly added: number
      readonly unchanged: number
      readonly rejected: number
      readonly imported: boolean
      readonly notes: readonly string[]
      readonly lines: readonly {
        readonly line: number
        readonly serial: string
        readonly reason: string
      }[]
      /** There are more rejected lines than are shown. */
      readonly more: boolean
      /** The file that may be imported now has this SHA-256; null: none may. */
      readonly sha256: string | null
    } | null
    readonly secret: 'none' | 'passphrase' | 'key'
    readonly errors: readonly ConsoleError[]
  }
}
