import type { PinState } from '../policies/next_step.ts'
import type { Protection } from '../policies/policy.ts'
import type { UserType } from '../policies/user_type.ts'

/** People of one type, those who are not disabled. */
export interface PeopleOfType {
  readonly people: number
  /** By what they chose; `unchosen`: nothing yet. */
  readonly protection: Readonly<Record<Protection | 'unchosen', number>>
  readonly pin: Readonly<Record<PinState, number>>
  /** With a password of their own that serves. */
  readonly personalPasswords: number
}

/** After the first and not after the second (ms); null: from the beginning. */
export type Between = readonly [afterMs: number | null, untilMs: number]

/** Whom a policy reaches, in numbers. Reads only, beside the writers. */
export interface PolicyReach {
  people(): Promise<Readonly<Record<UserType, PeopleOfType>>>
  /** Passwords set then: those of people's own that serve, or those that were handed out. */
  passwordsSet(
    userType: UserType,
    origin: 'personal' | 'handed_out',
    between: Between,
  ): Promise<number>
  /** People with a key that lets them in; `passwordless`: and with nothing else. */
  keyHolders(userType: UserType, nowMs: number): Promise<{ all: number; passwordless: number }>
  /** Recognised devices that were added then. */
  devicesAdded(userType: UserType, between: Between): Promise<number>
  /** Sessions that are open, or about to be. */
  sessions(userType: UserType, nowMs: number): Promise<number>
}
