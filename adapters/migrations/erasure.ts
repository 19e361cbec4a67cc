import type { Migration } from '../migrate.ts'

/** Who was erased, as far as that is kept; whom letters are for; keys by what they are. */
export const erasure: Migration = {
  name: 'erasure',
  statements: () => [
    // Keyed hashes of identifiers that somebody erased had, and the `sub` that says no more of them.
    `CREATE TABLE erased_identifiers (
      hash TEXT PRIMARY KEY,
      sub TEXT NOT NULL,
      erased_at BIGINT NOT NULL
    )`,
    // A letter is sealed: without this nobody would find those of one person.
    `ALTER TABLE outbox ADD COLUMN sub TEXT`,
    `CREATE INDEX outbox_by_sub ON outbox (sub) WHERE sub IS NOT NULL`,
    `CREATE INDEX otp_keys_by_state ON otp_keys (state, serial)`,
  ],
}
