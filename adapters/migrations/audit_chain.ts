import type { Migration } from '../migrate.ts'

/** What proves the audit; entries from before are sealed from then on, as new ones are. */
export const auditChain: Migration = {
  name: 'audit_chain',
  statements: () => [
    `ALTER TABLE audit_log ADD COLUMN commitment TEXT`,
    `ALTER TABLE audit_log ADD COLUMN salt TEXT`,
    `ALTER TABLE audit_log ADD COLUMN digest TEXT`,
    `ALTER TABLE audit_log ADD COLUMN erased TEXT`,
    `CREATE INDEX audit_log_by_actor ON audit_log (actor, seq) WHERE actor <> sub OR sub IS NULL`,
    `CREATE INDEX audit_log_by_client ON audit_log (client_id, seq) WHERE client_id IS NOT NULL`,
    `CREATE TABLE audit_batches (
      nth BIGINT PRIMARY KEY,
      after_seq BIGINT NOT NULL,
      last_seq BIGINT NOT NULL,
      entries INTEGER NOT NULL,
      total BIGINT NOT NULL,
      gaps TEXT NOT NULL,
      newest_ms BIGINT NOT NULL,
      sealed_at BIGINT NOT NULL,
      mac TEXT NOT NULL
    )`,
    // Stands for the batches that were purged; one row at most.
    `CREATE TABLE audit_anchor (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      nth BIGINT NOT NULL,
      last_seq BIGINT NOT NULL,
      total BIGINT NOT NULL,
      mac TEXT NOT NULL,
      anchor_mac TEXT NOT NULL
    )`,
    `CREATE TABLE audit_checkpoints (
      batch BIGINT PRIMARY KEY,
      last_seq BIGINT NOT NULL,
      total BIGINT NOT NULL,
      mac TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      signature TEXT NOT NULL
    )`,
  ],
}
