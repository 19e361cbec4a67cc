import type { AdminScope, Role } from '../policies/admin_rights.ts'
import type { PasswordState, PinState } from '../policies/next_step.ts'
import type { Protection } from '../policies/policy.ts'
import type { UserType } from '../policies/user_type.ts'
import type { PasswordOrigin } from './account.ts'

/** State of a password as lists show it: as stored, without what the calendar says of its expiry. */
export type ListedPassword = Exclude<PasswordState, 'expired'> | 'void'

/** People to list; those whom all that is given holds for. */
export interface PeopleFilter {
  /** As typed: beginnings of names, of identifiers, of a class; without accents or capitals. */
  readonly text?: string
  readonly userType?: UserType
  /** UAI code. A guardian without one is where their children are. */
  readonly establishment?: string
  readonly className?: string
  /** What was chosen; `unchosen`: not yet. */
  readonly protection?: Protection | 'unchosen'
  readonly password?: ListedPassword
  readonly pin?: PinState
  /** Not yet personalised: never chose a password of their own. */
  readonly passwordOrigin?: PasswordOrigin
  /** Default: those who are not disabled. */
  readonly disabled?: 'no' | 'only' | 'any'
  readonly role?: Role | 'any'
  /** Whom the administrator reaches. */
  readonly scope: AdminScope
}

export interface PersonListed {
  readonly sub: string
  readonly identifier: string
  readonly givenName: string
  readonly familyName: string
  readonly userType: UserType
  readonly establishments: readonly string[]
  readonly classes: readonly string[]
  readonly protection: Protection | null
  readonly password: ListedPassword
  readonly pin: PinState
  readonly hasOtpKeys: boolean
  readonly disabledAt: number | null
  readonly role: Role | null
}

/** Some of all people, in the order in which they came. */
export interface Stretch {
  readonly subs: readonly string[]
  /** Where the way goes on behind each of them; it stays good when people are erased. */
  readonly ats: readonly string[]
  /** Where it goes on behind the last one; null: nobody is left. */
  readonly next: string | null
}

export interface PeoplePage {
  readonly people: readonly PersonListed[]
  /** Where the next page begins, for `after`; null: this was the last one. */
  readonly next: string | null
  /** How many there are on all pages, no further than asked for; undefined: was not asked. */
  readonly count?: number
}

/** The people of a filter. Reads only, beside the writers. */
export interface PeopleSearch {
  /** By name, or by the word that was found; from after `after`. */
  page(
    filter: PeopleFilter,
    after: string | null,
    limit: number,
    /** To be counted in the same go, as `count` does. */
    most?: number,
  ): Promise<PeoplePage>
  /** How many; those above `most` are not counted. */
  count(filter: PeopleFilter, most?: number): Promise<number>
  /** By `sub`, from after `after`: for acts on all of them. */
  subs(filter: PeopleFilter, after: string | null, limit: number): Promise<string[]>
  /** In the order in which people came, who then lie side by side: for acts that change many. */
  walk(filter: PeopleFilter, after: string | null, limit: number): Promise<Stretch>
  establishments(): Promise<string[]>
  /** Classes there, in order. */
  classes(establishment: string): Promise<string[]>
}
