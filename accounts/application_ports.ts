import type { Registration } from './registration.ts'

/** What an application is, as far as its instructions go. */
export const APPLICATION_KINDS = ['moodle', 'nextcloud', 'mod_auth_openidc', 'other'] as const
export type ApplicationKind = (typeof APPLICATION_KINDS)[number]

/** One application that the console registered. */
export interface RegisteredApplication {
  readonly clientId: string
  readonly kind: ApplicationKind
  /** Counts its changes, from 1. */
  readonly version: number
  readonly registration: Registration
  /** Nothing that was issued to a namesake before it counts. */
  readonly createdAt: number
  /** Of its last change. */
  readonly atMs: number
  readonly by: string
  /** Sealed, and bound to the application; null: it has none. */
  readonly secret: { readonly sealed: string; readonly atMs: number } | null
  /** The secret before, which serves until then (ms). */
  readonly previous: { readonly sealed: string; readonly untilMs: number } | null
}

export type ApplicationChange =
  | 'registered'
  | 'changed'
  | 'secret_rotated'
  | 'secret_ended'
  | 'removed'

/** One change of an application, without its secrets. */
export interface ApplicationVersion {
  readonly version: number
  readonly act: ApplicationChange
  readonly atMs: number
  readonly by: string
  readonly registration: Registration
}

/** Applications that the console registers. */
export interface ApplicationStore {
  /** A number that grows with every change of any of them: a cheap read. */
  stamp(): Promise<number>
  /** By client id. */
  list(): Promise<RegisteredApplication[]>
  find(clientId: string): Promise<RegisteredApplication | null>
  /** False: there is one of this name. */
  add(application: RegisteredApplication): Promise<boolean>
  /**
   * Replaces one whose version is still the one before `application.version`: of two who save at
   * once one is true, the other false.
   */
  save(application: RegisteredApplication, act: ApplicationChange): Promise<boolean>
  /** False: it was changed since, or is gone. */
  remove(clientId: string, version: number, by: string, atMs: number): Promise<boolean>
  /** Seals its secrets anew, as long as nobody has changed them. Not a change. */
  reseal(
    clientId: string,
    version: number,
    sealed: { readonly secret: string | null; readonly previous: string | null },
  ): Promise<void>
  /** Newest first. */
  versions(clientId: string, limit: number): Promise<ApplicationVersion[]>
}

/** How often applications are opened. */
export interface LaunchStore {
  /**
   * Counts one on a day (ISO), in the transaction that writes the audit entry `opening`, and before
   * it: what has its entry already is not counted again.
   */
  count(clientId: string, day: string, opening: string): Promise<void>
  /** From a day on, by application. */
  totals(fromDay: string): Promise<ReadonlyMap<string, number>>
  /** Days on which it was opened, oldest first. */
  days(clientId: string, fromDay: string): Promise<{ day: string; launches: number }[]>
  /** Forgets days before. Returns how many rows. */
  purge(beforeDay: string): Promise<number>
}

/** What somebody allowed one application to learn. */
export interface Consent {
  readonly sub: string
  readonly clientId: string
  /** Names of claims; `offline_access`: also while they are away. */
  readonly learns: readonly string[]
  readonly atMs: number
}

export interface ConsentStore {
  find(sub: string, clientId: string): Promise<Consent | null>
  /** Replaces what was allowed before. */
  save(consent: Consent): Promise<void>
  /** By client id. */
  list(sub: string): Promise<Consent[]>
  /** False: there was none. */
  remove(sub: string, clientId: string): Promise<boolean>
  /** Some of those given to an application, at most `limit`. Returns how many went. */
  removeSomeOf(clientId: string, limit: number): Promise<number>
}
