import type { AccessPages } from './access.ts'
import type { ApplicationsPages } from './applications.ts'
import type { AuditPages, HomePages } from './audit.ts'
import type { ImportsPages } from './imports.ts'
import type { JobsPages } from './jobs.ts'
import type { KeyPages } from './keys.ts'
import type { PeopleListPages } from './people_list.ts'
import type { PersonPages } from './person.ts'
import type { PoliciesPages, SimulatorPages } from './policies.ts'

/** Around every page of the console. */
export interface ConsoleFrame {
  readonly personName: string
  readonly role: 'identity_admin' | 'helpdesk' | 'auditor'
  readonly section: string
  /** The menu: what this role may look at. */
  readonly sections: readonly { readonly name: string; readonly href: string }[]
  readonly homeHref: string
  readonly portalHref: string
  /** Posts to sign out. */
  readonly signOut: string
  /** Goes with every form. */
  readonly csrf: string
  /** What this role may do, by right. */
  readonly may: Readonly<Record<string, boolean>>
  /** Nobody is asked to prove again who they are before a change. */
  readonly fresh: boolean
  readonly done?: ConsoleMessage | undefined
}

/** A message and its values. */
export interface ConsoleMessage {
  readonly key: string
  readonly params?: Readonly<Record<string, string | number>> | undefined
}

/** An error in a form of the console: `field` is the input's name, none for the whole form. */
export interface ConsoleError extends ConsoleMessage {
  readonly field?: string | undefined
}

/** What each page of the console is given, by the name of its template. */
export interface ConsolePages
  extends PeopleListPages,
    AccessPages,
    ApplicationsPages,
    JobsPages,
    KeyPages,
    PersonPages,
    PoliciesPages,
    SimulatorPages,
    AuditPages,
    HomePages,
    ImportsPages {}

export type ConsolePageName = keyof ConsolePages
