import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

/** A rule as its path is written in names of messages: `pin_tries`. */
type RuleId = string

/** What a rule says, in words; several for a list. */
export type RuleValue = readonly ConsoleMessage[]

export interface PolicyOption {
  readonly value: string
  readonly ticked: boolean
}

/** One rule of the form. */
export interface PolicyField {
  /** Of the input; those of tick boxes have `.value` behind it. */
  readonly name: string
  readonly id: RuleId
  readonly kind: 'number' | 'tick' | 'choice' | 'ticks' | 'networks' | 'text'
  /** Of a number, a text, or one network a line. */
  readonly text: string
  readonly ticked: boolean
  readonly options: readonly PolicyOption[]
  readonly min: number
  readonly max: number
  /** Of a number: `days`. Empty: none. */
  readonly unit: string
  /** Where the policy in force departs from what is recommended: why it matters. */
  readonly warnings: readonly string[]
}

export interface PolicyFrame {
  readonly name: string
  readonly fields: readonly PolicyField[]
}

/** One rule that changes. */
export interface RuleChange {
  readonly userType: UserType
  readonly id: RuleId
  readonly from: RuleValue
  readonly to: RuleValue
  /** Somebody else changed the same one. */
  readonly both?: boolean
}

/** Whom a change touches, of one type. */
export interface TouchedType {
  readonly userType: UserType
  readonly people: number
  /** `loud`: they would be shut out. */
  readonly effects: readonly {
    readonly key: string
    readonly count: number
    readonly loud: boolean
  }[]
}

export interface VersionRow {
  readonly id: string
  readonly shortId: string
  readonly at: string
  readonly by: ConsoleMessage
  readonly why: string
  readonly userTypes: readonly UserType[]
  readonly rules: number
  readonly href: string
}

type Hidden = Readonly<Record<string, string>>

export interface PoliciesPages {
  /** User types on the left, the policy of one on the right. */
  'console/policies_type': {
    readonly types: readonly { readonly type: UserType; readonly href: string }[]
    readonly type: UserType
    readonly action: string
    readonly tryAction: string
    readonly versionsHref: string
    /** Version that what is shown was made from. */
    readonly madeFrom: string
    /** The file that is the master; null: it is changed here. */
    readonly file: string | null
    /** This role may change it, here. */
    readonly editable: boolean
    readonly frames: readonly PolicyFrame[]
    /** A type that is edited together with this one; null: none. */
    readonly partner: {
      readonly type: UserType
      readonly ticked: boolean
      readonly differences: readonly RuleChange[]
    } | null
    readonly rulesVersion: number
    readonly errors: readonly ConsoleError[]
  }
  /** What would change, and whom it touches, before it is saved. */
  'console/policies_preview': {
    readonly type: UserType
    readonly saveAction: string
    readonly backAction: string
    readonly backHref: string
    readonly hidden: Hidden
    readonly changes: readonly RuleChange[]
    readonly touched: readonly TouchedType[]
    /** What is advised against, newly. */
    readonly warnings: readonly { readonly userType: UserType; readonly key: string }[]
    /** Types whose rules of passwords change, and how many passwords were made under the old ones. */
    readonly unversioned: readonly { readonly userType: UserType; readonly people: number }[]
    readonly shutsOut: number
    readonly typed: { readonly why: string; readonly raise: boolean; readonly accept: boolean }
    readonly errors: readonly ConsoleError[]
  }
  /** Somebody else saved meanwhile. */
  'console/policies_conflict': {
    readonly type: UserType
    readonly by: ConsoleMessage
    readonly at: string
    readonly why: string
    readonly theirs: readonly RuleChange[]
    readonly mine: readonly RuleChange[]
    /** Previews what was typed on top of what is in force. */
    readonly applyAction: string
    readonly hidden: Hidden
    readonly dropHref: string
  }
  'console/policies_versions': {
    readonly versions: readonly VersionRow[]
    readonly older: string | null
    readonly first: string | null
    readonly compareAction: string
    readonly policiesHref: string
    /** Of the newest; null: none was ever saved. */
    readonly newest: string | null
  }
  'console/policies_version': {
    readonly version: VersionRow
    readonly changes: readonly RuleChange[]
    /** Null: this role may not, a file is the master, or nothing would change. */
    readonly undoHref: string | null
    readonly versionsHref: string
  }
  'console/policies_compare': {
    readonly from: ConsoleMessage
    readonly to: ConsoleMessage
    readonly changes: readonly RuleChange[]
    readonly versionsHref: string
  }
  /** Back to what was in force before a version. */
  'console/policies_undo': {
    readonly version: VersionRow
    /** More versions were saved since, and go with it. */
    readonly later: number
    readonly action: string
    readonly madeFrom: string
    readonly changes: readonly RuleChange[]
    readonly touched: readonly TouchedType[]
    readonly shutsOut: number
    readonly typed: { readonly why: string; readonly accept: boolean }
    readonly versionsHref: string
    readonly errors: readonly ConsoleError[]
  }
}

export interface SimulatorPages {
  'console/simulator': {
    readonly action: string
    /** Whose situation; null: somebody of a type. */
    readonly person: {
      readonly name: string
      readonly identifier: string
      readonly href: string
    } | null
    readonly types: readonly UserType[]
    readonly typed: Readonly<Record<string, string>>
    readonly applications: readonly { readonly id: string; readonly name: string }[]
    /** Versions that may be tried; none for who may not see policies. */
    readonly versions: readonly {
      readonly id: string
      readonly shortId: string
      readonly why: string
    }[]
    readonly hasDraft: boolean
    readonly errors: readonly ConsoleError[]
    /** Null: nothing was asked yet. */
    readonly result: {
      readonly userType: UserType
      readonly rules: 'in_force' | 'draft' | 'version'
      readonly steps: readonly {
        readonly screens: readonly string[]
        /** `pin_new_device`: the rule that asked for it, and why. */
        readonly reason: string
        readonly changes: readonly string[]
      }[]
      readonly outcome: string
      /** What the application is told, and how long the session lasts; empty unless it ends there. */
      readonly acr: string
      readonly absoluteHours: number
      readonly idleMinutes: number
    } | null
  }
}
