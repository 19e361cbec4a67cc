import type { Notice } from '../pages.ts'
import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

type Role = 'identity_admin' | 'helpdesk' | 'auditor'

/** Something to do to one person; its words are `console.person.acts.<name>`. */
export interface PersonAct {
  readonly name: string
  readonly href: string
  /** Leads to a page that says what happens first; else it is done at once. */
  readonly asksFirst: boolean
}

interface NamedLink {
  readonly name: string
  readonly href: string
}

/** Somebody whom a page is about. */
interface Whom {
  readonly personName: string
  readonly identifier: string
  readonly personHref: string
}

export interface PersonPages {
  /** Everything about one person. */
  'console/people_person': Whom & {
    readonly externalId: string | null
    readonly userType: UserType
    readonly establishments: readonly string[]
    readonly classes: readonly string[]
    readonly address: string | null
    readonly children: readonly NamedLink[]
    readonly guardians: readonly NamedLink[]
    readonly role: Role | null
    readonly disabledAt: string | null
    /** Why they cannot sign in, `console.person.cannot.<code>`. */
    readonly cannot: readonly string[]
    readonly protection: 'pin' | 'notification' | 'none' | 'unchosen'
    readonly pin: 'none' | 'in_use' | 'generated' | 'blocked'
    readonly password: {
      readonly state: string
      readonly since: string | null
      readonly until: string | null
      /** A new one is asked for at the next sign-in. */
      readonly toChange: boolean
    }
    readonly devices: readonly {
      readonly name: string
      readonly browser: string
      readonly system: string
      readonly lastSeenAt: string
      readonly forget: string
    }[]
    readonly sessions: readonly {
      readonly browser: string
      readonly system: string
      readonly network: string
      readonly startedAt: string
      readonly applications: readonly string[]
      readonly end: string
    }[]
    readonly keys: readonly {
      readonly serial: string
      readonly source: 'hardware' | 'app'
      readonly state: string
      readonly href: string
    }[]
    readonly notices: readonly Notice[]
    /** Null: not for this role. */
    readonly history:
      | readonly { readonly at: string; readonly act: string; readonly refused: boolean }[]
      | null
    readonly historyHref: string
    readonly simulatorHref: string
    /** What can be done now. */
    readonly acts: readonly PersonAct[]
    /** Why nothing can be: `console.person.no_acts.<code>`; null: it can. */
    readonly noActs: string | null
    readonly refused: ConsoleMessage | null
  }
  /** Asks before something is done to one person. */
  'console/people_one': Whom & {
    readonly act: string
    readonly action: string
    /** How their secrets stood when the page was made. */
    readonly asOf: string
    /** Where a new PIN can go besides the administrator's lips: null: this is no new PIN. */
    readonly mail: 'offered' | 'no_address' | 'recent_mail_reset' | null
    /** Their identifier is to be typed. */
    readonly typesIdentifier: boolean
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
  }
  /** A secret that was just made; nowhere else, and never again. */
  'console/people_secret': Whom & {
    readonly kind: 'pin' | 'password'
    readonly secret: string
    /** Where it is typed. */
    readonly signInAddress: string
    readonly validUntil: string | null
    readonly devicesForgotten: number | null
  }
}
