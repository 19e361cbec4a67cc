import type { Migration } from '../migrate.ts'

/** Roles, the first administrator's code, sessions of the console, and who does what alone. */
export const consoleTables: Migration = {
  name: 'console',
  statements: () => [
    `ALTER TABLE accounts ADD COLUMN role TEXT`,
    `ALTER TABLE accounts ADD COLUMN role_user_types TEXT`,
    `ALTER TABLE accounts ADD COLUMN role_establishments TEXT`,
    `ALTER TABLE accounts ADD COLUMN role_granted_at BIGINT`,
    `ALTER TABLE accounts ADD COLUMN role_granted_by TEXT`,
    `CREATE INDEX accounts_by_role ON accounts (role) WHERE role IS NOT NULL`,
    // One row at most.
    `CREATE TABLE admin_invites (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      code_hash TEXT NOT NULL,
      made_by TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      expires_at BIGINT NOT NULL,
      tries INTEGER NOT NULL
    )`,
    `CREATE TABLE console_sessions (
      id_hash TEXT PRIMARY KEY,
      sub TEXT NOT NULL REFERENCES accounts (sub) ON DELETE CASCADE,
      session_uid TEXT NOT NULL,
      began_at BIGINT NOT NULL,
      seen_at BIGINT NOT NULL,
      done TEXT,
      kept TEXT
    )`,
    `CREATE INDEX console_sessions_by_sub ON console_sessions (sub)`,
    `CREATE INDEX console_sessions_by_seen ON console_sessions (seen_at)`,
    `CREATE TABLE leases (
      name TEXT PRIMARY KEY,
      holder TEXT NOT NULL,
      until_ms BIGINT NOT NULL
    )`,
  ],
}
