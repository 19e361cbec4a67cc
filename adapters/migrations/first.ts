import type { Migration } from '../migrate.ts'

/** Everything that the first version keeps. */
export const first: Migration = {
  name: 'first',
  statements: ({ serialKey }) => [
    `CREATE TABLE accounts (
      sub TEXT PRIMARY KEY,
      external_id TEXT UNIQUE,
      identifier TEXT NOT NULL,
      identifier_key TEXT NOT NULL UNIQUE,
      user_type TEXT NOT NULL,
      given_name TEXT NOT NULL,
      family_name TEXT NOT NULL,
      email TEXT,
      birth_date TEXT,
      establishments TEXT NOT NULL,
      classes TEXT NOT NULL,
      children TEXT NOT NULL,
      locale TEXT,
      protection TEXT,
      password_sealed TEXT,
      password_origin TEXT,
      password_set_at BIGINT,
      password_rules_version INTEGER,
      password_must_change INTEGER,
      import_mark TEXT,
      pin_sealed TEXT,
      pin_origin TEXT,
      pin_set_at BIGINT,
      pin_length INTEGER,
      pin_blocked_at BIGINT,
      had_pin INTEGER NOT NULL,
      password_reset_by_mail_at BIGINT NOT NULL,
      valid_after BIGINT NOT NULL,
      disabled_at BIGINT,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL
    )`,
    // The lists of an account, where they are searched.
    `CREATE TABLE account_establishments (
      establishment TEXT NOT NULL,
      sub TEXT NOT NULL REFERENCES accounts (sub) ON DELETE CASCADE,
      PRIMARY KEY (establishment, sub)
    )`,
    `CREATE INDEX account_establishments_by_sub ON account_establishments (sub)`,
    // Outlives its account: an identifier is never given to somebody else.
    `CREATE TABLE identifier_history (
      identifier_key TEXT PRIMARY KEY,
      sub TEXT NOT NULL,
      external_id TEXT,
      first_held_at BIGINT NOT NULL
    )`,
    `CREATE INDEX identifier_history_by_sub ON identifier_history (sub)`,
    `CREATE TABLE password_places (
      subject TEXT NOT NULL,
      place_kind TEXT NOT NULL,
      place_key TEXT NOT NULL,
      failures INTEGER NOT NULL,
      last_failed_at BIGINT,
      succeeded_at BIGINT,
      PRIMARY KEY (subject, place_kind, place_key)
    )`,
    `CREATE TABLE password_failures (
      subject TEXT NOT NULL,
      place_kind TEXT NOT NULL,
      place_key TEXT NOT NULL,
      nth INTEGER NOT NULL,
      at_ms BIGINT NOT NULL,
      PRIMARY KEY (subject, place_kind, place_key, nth)
    )`,
    `CREATE INDEX password_failures_by_time ON password_failures (at_ms)`,
    `CREATE TABLE pin_tries (
      try_id TEXT PRIMARY KEY,
      sub TEXT NOT NULL,
      browser TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      state TEXT NOT NULL
    )`,
    `CREATE INDEX pin_tries_by_sub ON pin_tries (sub)`,
    `CREATE INDEX pin_tries_by_time ON pin_tries (at_ms)`,
    `CREATE TABLE browser_tokens (
      seq ${serialKey},
      token_hash TEXT NOT NULL UNIQUE,
      browser_id TEXT NOT NULL,
      state TEXT NOT NULL,
      used_at BIGINT NOT NULL
    )`,
    `CREATE INDEX browser_tokens_by_browser ON browser_tokens (browser_id)`,
    `CREATE INDEX browser_tokens_by_use ON browser_tokens (used_at)`,
    `CREATE TABLE browser_copies (
      browser_id TEXT NOT NULL,
      sub TEXT NOT NULL,
      stale_used_at BIGINT NOT NULL,
      good_used_since INTEGER NOT NULL,
      PRIMARY KEY (browser_id, sub)
    )`,
    `CREATE TABLE devices (
      id TEXT PRIMARY KEY,
      sub TEXT NOT NULL,
      browser_id TEXT NOT NULL,
      name TEXT NOT NULL,
      browser_name TEXT NOT NULL,
      system_name TEXT NOT NULL,
      network TEXT NOT NULL,
      added_at BIGINT NOT NULL,
      last_seen_at BIGINT NOT NULL,
      added_under TEXT NOT NULL,
      UNIQUE (browser_id, sub)
    )`,
    `CREATE INDEX devices_by_sub ON devices (sub)`,
    `CREATE INDEX devices_by_age ON devices (added_at)`,
    `CREATE TABLE notices (
      seq ${serialKey},
      id TEXT NOT NULL UNIQUE,
      sub TEXT NOT NULL,
      code TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      params TEXT NOT NULL
    )`,
    `CREATE INDEX notices_by_sub ON notices (sub, seq)`,
    `CREATE TABLE audit_log (
      seq ${serialKey},
      id TEXT NOT NULL UNIQUE,
      at_ms BIGINT NOT NULL,
      act TEXT NOT NULL,
      outcome TEXT NOT NULL,
      actor TEXT,
      sub TEXT,
      client_id TEXT,
      network TEXT,
      browser_id TEXT,
      detail TEXT NOT NULL
    )`,
    `CREATE INDEX audit_log_by_sub ON audit_log (sub, seq)`,
    `CREATE INDEX audit_log_by_act ON audit_log (act, seq)`,
    `CREATE TABLE policy_versions (
      seq ${serialKey},
      id TEXT NOT NULL UNIQUE,
      at_ms BIGINT NOT NULL,
      saved_by TEXT NOT NULL,
      why TEXT NOT NULL,
      policies TEXT NOT NULL
    )`,
    `CREATE TABLE key_checks (
      name TEXT NOT NULL,
      key_id TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (name, key_id)
    )`,
    `CREATE TABLE op_artifacts (
      model TEXT NOT NULL,
      id TEXT NOT NULL,
      payload TEXT NOT NULL,
      grant_id TEXT,
      account_id TEXT,
      user_code TEXT,
      consumed_at BIGINT,
      expires_at BIGINT,
      PRIMARY KEY (model, id)
    )`,
    `CREATE INDEX op_artifacts_by_grant ON op_artifacts (grant_id) WHERE grant_id IS NOT NULL`,
    `CREATE INDEX op_artifacts_by_account ON op_artifacts (account_id) WHERE account_id IS NOT NULL`,
    `CREATE INDEX op_artifacts_by_user_code ON op_artifacts (user_code) WHERE user_code IS NOT NULL`,
    `CREATE INDEX op_artifacts_by_end ON op_artifacts (expires_at)`,
    `CREATE TABLE op_sessions (
      uid TEXT PRIMARY KEY,
      account_id TEXT,
      payload TEXT NOT NULL,
      expires_at BIGINT
    )`,
    `CREATE INDEX op_sessions_by_account ON op_sessions (account_id)`,
    `CREATE INDEX op_sessions_by_end ON op_sessions (expires_at)`,
    // Cookie values of a session. Ended ones stay a while, so that no late writer revives them.
    `CREATE TABLE op_session_ids (
      id TEXT PRIMARY KEY,
      uid TEXT NOT NULL,
      made_at BIGINT NOT NULL,
      ended_at BIGINT
    )`,
    `CREATE INDEX op_session_ids_by_uid ON op_session_ids (uid)`,
    `CREATE INDEX op_session_ids_by_end ON op_session_ids (ended_at)`,
  ],
}
