import type { AdminScope } from '../policies/admin_rights.ts'
import type { UserType } from '../policies/user_type.ts'
import { AUDIT_ACTS, type AuditAct } from './audit.ts'
import type { ChainState } from './audit_chain.ts'
import type { AuditEntry } from './ports.ts'

/** Acts that are looked for together; what is in no other group is administration. */
const GROUPED = {
  signing_in: [
    'login_right',
    'login_refused',
    'pin_right',
    'pin_wrong',
    'pin_blocked',
    'passcode_right',
    'passcode_wrong',
    'first_use_begun',
    'first_use_refused',
    'sign_in_completed',
    'sign_in_refused',
    'step_up_completed',
    'application_opened',
    'logout',
    'sessions_ended',
  ],
  protection: [
    'protection_chosen',
    'protection_changed',
    'pin_defined',
    'pin_changed',
    'pin_generated',
    'pin_unblocked',
    'pin_reset_requested',
    'pin_reset_refused',
    'pin_reset_code_right',
    'pin_reset_code_wrong',
    'pin_reset_done',
    'password_imported',
    'password_changed',
    'password_change_refused',
    'password_reset_requested',
    'password_reset_code_right',
    'password_reset_code_wrong',
    'password_reset_done',
    'password_expiry_reminded',
    'password_voided',
    'password_replaced',
    'password_given_back',
    'password_change_forced',
    'password_change_unforced',
    'device_added',
    'device_forgotten',
    'device_dropped',
    'address_changed',
    'address_removed',
    'address_code_wrong',
    'not_me',
  ],
  keys: [
    'keys_imported',
    'key_assigned',
    'key_lent',
    'key_loan_ended',
    'key_in_service',
    'key_app_enrolled',
    'key_activation_closed',
    'key_activation_reopened',
    'key_blocked',
    'key_unblocked',
    'key_pin_reset',
    'key_lost',
    'key_withdrawn',
    'key_resynchronised',
    'key_tested',
  ],
  tokens: [
    'code_reused',
    'refresh_reused',
    'token_refused',
    'back_channel_failed',
    'back_channel_told',
    'mail_sent',
    'mail_failed',
  ],
} as const satisfies Record<string, readonly AuditAct[]>

export const ACT_GROUPS = ['signing_in', 'protection', 'keys', 'tokens', 'administration'] as const
export type ActGroup = (typeof ACT_GROUPS)[number]

const ELSEWHERE: ReadonlySet<AuditAct> = new Set(Object.values(GROUPED).flat())

export const actsOf = (group: ActGroup): readonly AuditAct[] =>
  group === 'administration' ? AUDIT_ACTS.filter((act) => !ELSEWHERE.has(act)) : GROUPED[group]

/** Entries to list; those that all that is given holds for. */
export interface AuditFilter {
  /** Whom they concern. */
  readonly sub?: string
  /** Who did it to somebody else: a `sub`, or `cli:<system user>`. */
  readonly actor?: string
  readonly acts?: readonly string[]
  readonly outcome?: AuditEntry['outcome']
  readonly clientId?: string
  /** Ms, from then on. */
  readonly fromMs?: number
  /** Ms, before then. */
  readonly toMs?: number
}

export interface AuditListed extends AuditEntry {
  readonly seq: number
  readonly sealed: boolean
}

export interface AuditPage {
  readonly entries: readonly AuditListed[]
  /** Where the next page begins, for `before`; null: this was the last one. */
  readonly next: number | null
  /**
   * The page is not full, but there are older entries that were not looked at: those before this
   * moment (ms). Null: it is full, or there are none.
   */
  readonly lookedBackToMs: number | null
}

/** The audit. Reads only, beside the writers. */
export interface AuditSearch {
  /** Newest first, from before the place `before`. */
  page(filter: AuditFilter, before: number | null, limit: number): Promise<AuditPage>
  chain(): Promise<ChainState>
}

/** How many of a type have which PIN; those that are not disabled. */
export interface Coverage {
  readonly userType: UserType
  readonly people: number
  readonly pins: Readonly<Record<'in_use' | 'generated' | 'blocked' | 'none', number>>
}

export interface ClassPending {
  readonly className: string
  readonly people: number
  /** Who never chose a password of their own. */
  readonly pending: number
}

/** Counts of everybody in reach. Reads only, and not at every request. */
export interface Overview {
  /** The place of the first entry from `atMs` on; null: there is none. */
  placeAt(atMs: number): Promise<number | null>
  /** Entries of these acts from the place `from`, before the place `before` (null: to the end). */
  countActs(
    acts: readonly AuditAct[],
    from: number,
    before: number | null,
    scope: AdminScope,
  ): Promise<number>
  coverage(scope: AdminScope): Promise<Coverage[]>
  /** Keys whose PIN is blocked. */
  blockedKeys(scope: AdminScope): Promise<number>
  /** By class of an establishment, worst first. */
  pendingByClass(establishment: string, scope: AdminScope): Promise<ClassPending[]>
}
