import type { UserType } from '../user_type.ts'

type Choice = 'protection' | 'password' | 'pin' | 'origin' | 'disabled' | 'role'

/** Somebody in the list. */
export interface PersonRow {
  readonly sub: string
  readonly href: string
  readonly name: string
  readonly identifier: string
  readonly userType: UserType
  readonly establishments: readonly string[]
  readonly classes: readonly string[]
  readonly protection: 'pin' | 'notification' | 'none' | null
  readonly password: 'none' | 'personal' | 'temporary' | 'must_change' | 'void'
  readonly pin: 'none' | 'in_use' | 'generated' | 'blocked'
  readonly hasKeys: boolean
  readonly disabled: boolean
  readonly role: 'identity_admin' | 'helpdesk' | 'auditor' | null
}

/** The people of a school, searched and filtered. */
export interface PeopleListPages {
  'console/people_list': {
    /** What the form says, by field. */
    readonly asked: Readonly<Record<string, string>>
    /** The same as the query of an address. */
    readonly filter: string
    /** By more than what was typed. */
    readonly narrowed: boolean
    readonly types: readonly UserType[]
    readonly choices: Readonly<Record<Choice, readonly string[]>>
    /** Null: too many to choose from; the code is typed. */
    readonly establishments: readonly string[] | null
    /** Of the establishment that is chosen. */
    readonly classes: readonly string[]
    readonly people: readonly PersonRow[]
    readonly count: number
    /** There are more than `count`. */
    readonly more: boolean
    /** What may be done with a selection, by groups. */
    readonly acts: readonly { readonly group: string; readonly acts: readonly string[] }[]
    readonly exportHref: string | null
    readonly firstHref: string | null
    readonly nextHref: string | null
  }
}
