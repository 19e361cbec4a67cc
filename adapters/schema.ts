import type { Generated } from 'kysely'
import type { ChosenLocale, Locale, PasswordOrigin, PinRecord } from '../accounts/account.ts'
import type { ApplicationChange, ApplicationKind } from '../accounts/application_ports.ts'
import type { IssuedKind, Job } from '../accounts/job_ports.ts'
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
import type { Role } from '../policies/admin_rights.ts'
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
  erased_identifiers: { hash: string; sub: string; erased_at: number }
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
    /** Whom it is for; null: queued before that was kept. */
    sub: string | null
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
  applications: {
    client_id: string
    kind: ApplicationKind
    version: number
    registration: string
    created_at: number
    at_ms: number
    saved_by: string
    secret_sealed: string | null
    secret_at: number | null
    previous_sealed: string | null
    previous_until: number | null
  }
  application_versions: {
    seq: Generated<number>
    client_id: string
    version: number
    act: ApplicationChange
    at_ms: number
    saved_by: string
    registration: string
  }
  application_launches: { client_id: string; day: string; launches: number }
  consents: { sub: string; client_id: string; learns: string; at_ms: number }
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
    /** What proves it; null: not sealed yet. */
    commitment: string | null
    salt: string | null
    digest: string | null
    erased: string | null
  }
  audit_batches: {
    nth: number
    after_seq: number
    last_seq: number
    entries: number
    total: number
    gaps: string
    newest_ms: number
    sealed_at: number
    mac: string
  }
  audit_checkpoints: {
    batch: number
    last_seq: number
    total: number
    mac: string
    at_ms: number
    signature: string
  }
  policy_versions: {
    seq: Generated<number>
    id: string
    at_ms: number
    saved_by: string
    why: string
    policies: string
  }
  admin_invites: {
    one: number
    code_hash: string
    made_by: string
    at_ms: number
    expires_at: number
    tries: number
  }
  console_sessions: {
    id_hash: string
    sub: string
    session_uid: string
    began_at: number
    seen_at: number
    done: string | null
    kept: string | null
  }
  jobs: {
    seq: Generated<number>
    id: string
    kind: string
    made_by: string
    at_ms: number
    state: Job['state']
    params: string
    cursor_at: string
    total: number | null
    done: number
    /** How many results there are; the next one has the number after it. */
    results: number
    counts: string
    started_at: number | null
    ended_at: number | null
    failure: string | null
    undone_by: string | null
  }
  job_results: {
    job_id: string
    nth: number
    subject: string
    outcome: string
    detail: string | null
  }
  job_secrets: { job_id: string; subject: string; sealed: string }
  issued_secrets: { sub: string; kind: IssuedKind; issued_by: string; at_ms: number }
  import_files: {
    seq: Generated<number>
    id: string
    name: string
    made_by: string
    at_ms: number
    bytes: number
    layout: string
    plan: string | null
    check_job: string | null
    import_job: string | null
    removed_at: number | null
  }
  import_mappings: { header: string; meaning: string | null; made_by: string; at_ms: number }
  leases: { name: string; holder: string; until_ms: number }
  people_index: {
    id: Generated<number>
    sub: string
    facet: number
    sort_name: string
    /** All words, each behind a space. */
    words: string
  }
  /** `facet` and what follows as in `people_index`. */
  people_words: { word: string; id: number; facet: number; sort_name: string; words: string }
  people_places: { establishment: string; class: string; sort_name: string; id: number }
  people_fill: { one: number; after_sub: string }
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
  left_at: number | null
  role: Role | null
  role_user_types: string | null
  role_establishments: string | null
  role_granted_at: number | null
  role_granted_by: string | null
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
