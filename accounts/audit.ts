import { truncateNetwork } from '../policies/network.ts'
import type { AuditEntry, Deps, Origin } from './ports.ts'

/** Every act that the audit may hold. Closed: a search by act can list them all. */
export const AUDIT_ACTS = [
  // Signing in
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
  'consent_given',
  'consent_refused',
  'consent_taken_back',
  'logout',
  'sessions_ended',
  'data_copied',
  // What protects an account
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
  'device_added',
  'device_forgotten',
  'device_dropped',
  'address_changed',
  'address_removed',
  'address_code_wrong',
  'language_changed',
  'not_me',
  // OTP keys
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
  // Tokens
  'code_reused',
  'refresh_reused',
  'token_refused',
  'back_channel_failed',
  'back_channel_told',
  // Mail
  'mail_sent',
  'mail_failed',
  // Administration
  'people_imported',
  'people_exported',
  'import_uploaded',
  'person_added',
  'person_changed',
  'person_left',
  'account_disabled',
  'account_enabled',
  'person_erased',
  'password_voided',
  'password_replaced',
  'password_given_back',
  'password_change_forced',
  'passwords_generated',
  'passwords_taken_back',
  'calendar_saved',
  'calendar_removed',
  'policy_applied',
  'policy_undone',
  'application_registered',
  'application_changed',
  'application_secret_rotated',
  'application_secret_ended',
  'application_removed',
  'application_tested',
  'claims_previewed',
  'subject_looked_up',
  'console_opened',
  'admin_invited',
  'admin_invite_refused',
  'role_granted',
  'role_revoked',
  'audit_exported',
  'command_run',
  'job_started',
  'job_cancelled',
  'job_resumed',
  'job_undone',
  'password_change_unforced',
  'cards_taken',
] as const

/** Entries and notices are kept 12 months, the most that CNIL deliberation 2021-122 advises for logs. */
export const AUDIT_KEPT_MS = 365 * 24 * 3_600_000

export type AuditAct = (typeof AUDIT_ACTS)[number]

const KNOWN: ReadonlySet<unknown> = new Set(AUDIT_ACTS)

export const isAuditAct = (value: unknown): value is AuditAct => KNOWN.has(value)

const ID_BYTES = 16

export const randomId = (random: Deps['random']): string =>
  Buffer.from(random.bytes(ID_BYTES)).toString('hex')

const NTH_BYTES = 3

/**
 * As `randomId`, for many rows at once, and in order: in an index they lie side by side, where
 * random ones would each touch a page of their own.
 */
export const idsInOrder = (random: Deps['random']): (() => string) => {
  const begin = Buffer.from(random.bytes(ID_BYTES - NTH_BYTES)).toString('hex')
  let nth = 0
  return () => {
    nth += 1
    return `${begin}${nth.toString(16).padStart(2 * NTH_BYTES, '0')}`
  }
}

type Fields = { readonly act: AuditAct } & Partial<Omit<AuditEntry, 'atMs' | 'act'>> & {
    /** The request: its network (truncated) and application. */
    readonly origin?: Origin
  }

/**
 * An entry of now. What is left out is null, the outcome `done`; somebody who acts by a request
 * acts on themselves. `detail` holds facts, never a secret or what was typed in place of one.
 */
export const auditEntry = (
  deps: Pick<Deps, 'clock' | 'random'>,
  { origin, id = randomId(deps.random), ...fields }: Fields,
): AuditEntry => ({
  id,
  atMs: deps.clock(),
  outcome: 'done',
  actor: fields.outcome === 'refused' ? null : (fields.sub ?? null),
  sub: null,
  clientId: origin?.clientId ?? null,
  network: origin === undefined ? null : truncateNetwork(origin.address),
  browserId: null,
  detail: {},
  ...fields,
})
