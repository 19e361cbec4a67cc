import type { Migration } from '../migrate.ts'

/** Temporary passwords and what they replaced, classes and children to select by, holidays. */
export const passwords: Migration = {
  name: 'passwords',
  statements: ({ eachText }) => [
    `CREATE TABLE account_classes (
      class TEXT NOT NULL,
      sub TEXT NOT NULL REFERENCES accounts (sub) ON DELETE CASCADE,
      PRIMARY KEY (class, sub)
    )`,
    `CREATE INDEX account_classes_by_sub ON account_classes (sub)`,
    `INSERT INTO account_classes (class, sub)
      SELECT DISTINCT each.value, accounts.sub FROM accounts, ${eachText('accounts.classes')}`,
    // Whoever answers for a pupil, by the pupil's key in the directory; it may come later.
    `CREATE TABLE account_children (
      child TEXT NOT NULL,
      sub TEXT NOT NULL REFERENCES accounts (sub) ON DELETE CASCADE,
      PRIMARY KEY (child, sub)
    )`,
    `CREATE INDEX account_children_by_sub ON account_children (sub)`,
    `INSERT INTO account_children (child, sub)
      SELECT DISTINCT each.value, accounts.sub FROM accounts, ${eachText('accounts.children')}`,
    `ALTER TABLE accounts ADD COLUMN password_batch TEXT`,
    // A password that was made void, until its person has another of their own.
    `ALTER TABLE accounts ADD COLUMN password_void_sealed TEXT`,
    `CREATE INDEX accounts_by_type ON accounts (user_type, sub)`,
    `CREATE INDEX accounts_by_password ON accounts (user_type, password_origin, password_set_at)`,
    `CREATE TABLE password_batches (
      id TEXT PRIMARY KEY,
      at_ms BIGINT NOT NULL,
      made_by TEXT NOT NULL,
      selection TEXT NOT NULL,
      state TEXT NOT NULL,
      state_at BIGINT NOT NULL,
      size INTEGER NOT NULL,
      first_used_at BIGINT
    )`,
    `CREATE INDEX password_batches_by_state ON password_batches (state, state_at)`,
    // A new password, and once it is in force the one that it replaced.
    `CREATE TABLE password_batch_entries (
      batch_id TEXT NOT NULL REFERENCES password_batches (id) ON DELETE CASCADE,
      sub TEXT NOT NULL,
      sealed TEXT NOT NULL,
      state TEXT NOT NULL,
      was_sealed TEXT,
      was_origin TEXT,
      was_set_at BIGINT,
      was_rules_version INTEGER,
      was_must_change INTEGER,
      was_voided_at BIGINT,
      was_batch TEXT,
      PRIMARY KEY (batch_id, sub)
    )`,
    `CREATE INDEX password_batch_entries_by_sub ON password_batch_entries (sub, was_batch)`,
    `CREATE INDEX password_batch_entries_by_state ON password_batch_entries (batch_id, state, sub)`,
    // Which reminders of an expiry were sent, for the password that was set then.
    `CREATE TABLE password_reminders (
      sub TEXT PRIMARY KEY REFERENCES accounts (sub) ON DELETE CASCADE,
      set_at BIGINT NOT NULL,
      sent INTEGER NOT NULL
    )`,
    `CREATE TABLE calendars (
      establishment TEXT PRIMARY KEY,
      at_ms BIGINT NOT NULL,
      saved_by TEXT NOT NULL,
      days TEXT NOT NULL
    )`,
  ],
}
