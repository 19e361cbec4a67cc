import type { Generated } from 'kysely'
import type { ChosenLocale, Locale, PasswordOrigin, PinRecord } from '../accounts/account.ts'
import type { OtpKey } from '../accounts/otp_key.ts'
import type {
  AuditEntry,
  Device,
  MailedCodePurpose,
  NoticeCode,
  OutboxItem,
  PasswordBatch,
  Place,
} from '../accounts/ports.ts'
import type { Protection } from '../policies/policy.ts'
import type { UserType } from '../policies/user_type.ts'

/** The tables as queries see them. Times are ms since 1970, truths 0 or 1, lists JSON. */
export interface Schema {
  accounts: AccountRow
  account_establishments: { establishment: string; sub: string }
  account_classes: { class: string; sub: string }
  account_children: { child: string; sub: string }
  identifier_history: {
    identifier_key: string
    sub: string
    external_id: string | null
    first_held_at: number
  }
  password_places: {
    subject: string
    place_kind: Place['kind']
    place_key: string
    failures: number
    last_failed_at: number | null
    succeeded_at: number | null
  }
  password_failures: {
    subject: string
    place_kind: Place['kind']
    place_key: string
    /** Which failure in a row of its place. */
    nth: number
    at_ms: number
  }
  pin_tries: {
    try_id: string
    sub: string
    browser: string
    at_ms: number
    state: 'pending' | 'wrong'
  }
  browser_tokens: {
    seq: Generated<number>
    token_hash: string
    browser_id: string
    state: 'current' | 'candidate' | 'superseded'
    /** When its browser was last seen with a good value. */
    used_at: number
  }
  browser_copies: {
    browser_id: string
    sub: string
    stale_used_at: number
    good_used_since: number
  }
  devices: {
    id: string
    sub: string
    browser_id: string
    name: string
    browser_name: string
    system_name: string
    network: string
    added_at: number
    last_seen_at: number
    added_under: Device['addedUnder']
  }
  device_tokens: { token_hash: string; device_id: string }
  otp_keys: OtpKeyRow
  otp_noted_steps: { serial: string; step: number }
  notices: {
    seq: Generated<number>
    id: string
    sub: string
    code: NoticeCode
    at_ms: number
    params: string
    answered_at: number | null
  }
  outbox: {
    seq: Generated<number>
    id: string
    kind: OutboxItem['kind']
    priority: number
    sealed: string
    created_at: number
    due_at: number
    attempts: number
  }
  mailed_codes: {
    id: string
    sub: string
    purpose: MailedCodePurpose
    bound_to: string
    code_hash: string
    at_ms: number
    expires_at: number
    tries: number
    ended: number
  }
  password_batches: {
    id: string
    at_ms: number
    made_by: string
    selection: string
    state: PasswordBatch['state']
    state_at: number
    size: number
    first_used_at: number | null
  }
  password_batch_entries: {
    batch_id: string
    sub: string
    sealed: string
    state: 'prepared' | 'in_force' | 'taken_back'
    /** The password that it replaced, column by column; all null: none, or not in force yet. */
    was_sealed: string | null
    was_origin: PasswordOrigin | null
    was_set_at: number | null
    was_rules_version: number | null
    was_must_change: number | null
    was_voided_at: number | null
    was_batch: string | null
  }
  password_reminders: { sub: string; set_at: number; sent: number }
  calendars: { establishment: string; at_ms: number; saved_by: string; days: string }
  audit_log: {
    seq: Generated<number>
    id: string
    at_ms: number
    act: string
    outcome: AuditEntry['outcome']
    actor: string | null
    sub: string | null
    client_id: string | null
    network: string | null
    browser_id: string | null
    detail: string
  }
  policy_versions: {
    seq: Generated<number>
    id: string
    at_ms: number
    saved_by: string
    why: string
    policies: string
  }
  key_checks: { name: string; key_id: string; value: string }
  schema_migrations: { number: number; name: string; checksum: string; applied_at: number }
}

export interface AccountRow {
  sub: string
  external_id: string | null
  identifier: string
  identifier_key: string
  user_type: UserType
  given_name: string
  family_name: string
  email: string | null
  birth_date: string | null
  establishments: string
  classes: string
  children: string
  locale: Locale | null
  protection: Protection | null
  password_sealed: string | null
  password_origin: PasswordOrigin | null
  password_set_at: number | null
  password_rules_version: number | null
  password_must_change: number | null
  password_voided_at: number | null
  password_batch: string | null
  password_void_sealed: string | null
  verified_email: string | null
  verified_at: number | null
  previous_verified_email: string | null
  chosen_locale: ChosenLocale | null
  import_mark: string | null
  pin_sealed: string | null
  pin_origin: PinRecord['origin'] | null
  pin_set_at: number | null
  pin_length: number | null
  pin_blocked_at: number | null
  had_pin: number
  password_reset_by_mail_at: number
  valid_after: number
  disabled_at: number | null
  created_at: number
  updated_at: number
}

export interface OtpKeyRow {
  serial: string
  source: OtpKey['source']
  kind: OtpKey['kind']
  algorithm: OtpKey['algorithm']
  digits: number
  period_seconds: number
  seed_sealed: string
  state: OtpKey['state']
  sub: string | null
  pin_sealed: string | null
  pin_length: number | null
  pin_set_at: number | null
  next_step: number
  first_step: number | null
  first_at: number | null
  ahead_min_ms: number
  ahead_max_ms: number
  clock_at: number
  wrong_pins: number
  first_use_tries: number
  first_use_tries_proved: number
  assigned_at: number | null
  first_use_by: number | null
  loan_until: number | null
  in_service_at: number | null
  last_used_at: number | null
  added_at: number
}
