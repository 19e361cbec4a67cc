import type { UserType } from '../user_type.ts'
import type { ConsoleError } from './pages.ts'

/** A person of an entry. `href`: null where there is no page of theirs. */
interface Whom {
  readonly name: string
  readonly identifier: string | null
  readonly href: string | null
}

export interface AuditPages {
  'console/audit': {
    readonly chain: {
      /** Null: nothing is sealed. */
      readonly sealed: { readonly total: number; readonly upTo: string | null } | null
      readonly unsealed: { readonly count: number; readonly since: string } | null
      readonly checkpoint: string | null
    }
    /** What was searched for, as typed. */
    readonly typed: Readonly<Record<string, string>>
    readonly isSearch: boolean
    readonly groups: readonly string[]
    readonly acts: readonly string[]
    readonly applications: readonly { readonly id: string; readonly name: string }[]
    readonly entries: readonly {
      readonly seq: number
      readonly at: string
      readonly act: string
      readonly refused: boolean
      readonly sealed: boolean
      readonly whom: Whom | null
      /** Null: nobody known; `self`: whom it concerns. */
      readonly who: Whom | 'self' | null
      readonly application: string | null
      readonly network: string | null
      readonly browser: string | null
      readonly detail: readonly { readonly name: string; readonly value: string }[]
    }[]
    /** Older ones than this moment were not looked at. */
    readonly lookedBackTo: string | null
    readonly firstHref: string | null
    readonly nextHref: string | null
    readonly exportAction: string
    readonly errors: readonly ConsoleError[]
  }
}

type Pins = Readonly<Record<'in_use' | 'generated' | 'blocked' | 'none', number>>

export interface HomePages {
  'console/home': {
    readonly asOf: string
    readonly days: readonly {
      /** ISO date. */
      readonly date: string
      /** As people read it, short. */
      readonly label: string
      readonly signIns: number
      readonly failures: number
    }[]
    readonly signIns: number
    readonly failures: number
    readonly blocked: {
      readonly pins: number
      readonly pinsHref: string
      readonly keys: number
      readonly keysHref: string
    }
    readonly coverage: readonly {
      readonly userType: UserType
      readonly people: number
      readonly pins: Pins
      /** Of a hundred, those with a PIN. */
      readonly share: number
    }[]
    readonly establishments: readonly string[]
    readonly establishment: string | null
    readonly classes: readonly {
      readonly className: string
      readonly people: number
      readonly pending: number
      readonly href: string
    }[]
  }
}
