import type { Administrator } from '../policies/admin_rights.ts'

/** A role that somebody holds. */
export interface RoleGrant extends Administrator {
  /** Ms; from then on a new administrator may come with a PIN for a while. */
  readonly grantedAt: number
  /** A `sub`, or `cli:<system user>`. */
  readonly grantedBy: string
}

/** Who holds a role. */
export interface RoleStore {
  find(sub: string): Promise<RoleGrant | null>
  /** By `sub`. */
  list(): Promise<RoleGrant[]>
  /** Gives a role, in the place of another one. */
  grant(grant: RoleGrant): Promise<void>
  /** False: held none. */
  revoke(sub: string): Promise<boolean>
}

/** The one-time code that makes the first administrator; there is one at most. */
export interface InviteStore {
  /** Replaces any other. */
  add(invite: {
    readonly codeHash: string
    readonly by: string
    readonly atMs: number
    readonly expiresAt: number
  }): Promise<void>
  /**
   * Counts a try, then compares; a right one uses the code up. True for exactly one caller; false:
   * wrong, over, used, or tried `triesMax` times.
   */
  use(codeHash: string, triesMax: number, nowMs: number): Promise<boolean>
}

/** Told once on the next page: the key of a message, and its values. */
export interface ConsoleDone {
  readonly key: string
  readonly params?: Readonly<Record<string, string | number>>
}

/** Somebody signed in to the console, in one browser. */
export interface ConsoleSession {
  /** Hash of what the browser's cookie says. */
  readonly idHash: string
  readonly sub: string
  /** The session of the gateway that it stands on; when that ends, this one has. */
  readonly sessionUid: string
  readonly beganAt: number
  /** Last request (ms), to the minute. */
  readonly seenAt: number
  readonly done: ConsoleDone | null
  /** A form that was sent before the proof for it was given anew, sealed; null: none. */
  readonly kept: string | null
}

export interface ConsoleSessions {
  find(idHash: string): Promise<ConsoleSession | null>
  add(session: ConsoleSession): Promise<void>
  seen(idHash: string, nowMs: number): Promise<void>
  /** Takes what is to be told once; null: nothing. For exactly one caller. */
  takeDone(idHash: string): Promise<ConsoleDone | null>
  setDone(idHash: string, done: ConsoleDone): Promise<void>
  /** Takes what was kept; for exactly one caller. */
  takeKept(idHash: string): Promise<string | null>
  setKept(idHash: string, kept: string): Promise<void>
  remove(idHash: string): Promise<void>
  removeAllOf(sub: string): Promise<void>
}

/** What only one process does at a time. */
export interface Leases {
  /** True: it is this holder's until `nowMs + forMs`, newly or still. */
  take(name: string, holder: string, nowMs: number, forMs: number): Promise<boolean>
  release(name: string, holder: string): Promise<void>
}
