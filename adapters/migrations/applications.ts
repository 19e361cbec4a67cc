import type { Migration } from '../migrate.ts'

/** Applications that the console registers, how often they were opened, and what people allowed. */
export const applications: Migration = {
  name: 'applications',
  statements: ({ serialKey }) => [
    `CREATE TABLE applications (
      client_id TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      version INTEGER NOT NULL,
      registration TEXT NOT NULL,
      created_at BIGINT NOT NULL,
      at_ms BIGINT NOT NULL,
      saved_by TEXT NOT NULL,
      secret_sealed TEXT,
      secret_at BIGINT,
      previous_sealed TEXT,
      previous_until BIGINT
    )`,
    // One row a change, removals too: the newest number says whether anything has changed.
    `CREATE TABLE application_versions (
      seq ${serialKey},
      client_id TEXT NOT NULL,
      version INTEGER NOT NULL,
      act TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      saved_by TEXT NOT NULL,
      registration TEXT NOT NULL
    )`,
    `CREATE INDEX application_versions_by_client ON application_versions (client_id, seq)`,
    `CREATE TABLE application_launches (
      client_id TEXT NOT NULL,
      day TEXT NOT NULL,
      launches INTEGER NOT NULL,
      PRIMARY KEY (client_id, day)
    )`,
    `CREATE TABLE consents (
      sub TEXT NOT NULL REFERENCES accounts (sub) ON DELETE CASCADE,
      client_id TEXT NOT NULL,
      learns TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      PRIMARY KEY (sub, client_id)
    )`,
    `CREATE INDEX consents_by_client ON consents (client_id)`,
  ],
}
