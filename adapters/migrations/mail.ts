import type { Migration } from '../migrate.ts'

/** What is told outside, codes sent by mail, proved addresses, and passwords that serve no more. */
export const mail: Migration = {
  name: 'mail',
  statements: ({ serialKey }) => [
    `CREATE TABLE outbox (
      seq ${serialKey},
      id TEXT NOT NULL UNIQUE,
      kind TEXT NOT NULL,
      priority INTEGER NOT NULL,
      sealed TEXT NOT NULL,
      created_at BIGINT NOT NULL,
      due_at BIGINT NOT NULL,
      attempts INTEGER NOT NULL
    )`,
    `CREATE INDEX outbox_by_due ON outbox (kind, due_at, priority, seq)`,
    `CREATE TABLE mailed_codes (
      id TEXT PRIMARY KEY,
      sub TEXT NOT NULL,
      purpose TEXT NOT NULL,
      bound_to TEXT NOT NULL,
      code_hash TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      expires_at BIGINT NOT NULL,
      tries INTEGER NOT NULL,
      ended INTEGER NOT NULL
    )`,
    `CREATE INDEX mailed_codes_by_account ON mailed_codes (sub, purpose, at_ms)`,
    `CREATE INDEX mailed_codes_by_time ON mailed_codes (at_ms)`,
    `ALTER TABLE accounts ADD COLUMN verified_email TEXT`,
    `ALTER TABLE accounts ADD COLUMN verified_at BIGINT`,
    `ALTER TABLE accounts ADD COLUMN previous_verified_email TEXT`,
    `ALTER TABLE accounts ADD COLUMN chosen_locale TEXT`,
    `ALTER TABLE accounts ADD COLUMN password_voided_at BIGINT`,
    `ALTER TABLE notices ADD COLUMN answered_at BIGINT`,
  ],
}
