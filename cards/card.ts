import type { UserType } from '../policies/user_type.ts'

/** What one person is handed: how to come in the first time. */
export interface Card {
  readonly sub: string
  readonly identifier: string
  readonly givenName: string
  readonly familyName: string
  readonly userType: UserType
  /** Their own; of a guardian, their children's. They are put with those of the first. */
  readonly classes: readonly string[]
  /** UAI code of the establishment that hands it out; null: of none. */
  readonly home: string | null
  readonly password: string
  /** The password lapses then (ms). */
  readonly validUntil: number
}
