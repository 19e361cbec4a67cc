import type { Migration } from '../migrate.ts'

/** What is counted at every sign-in, and what the purge looks for, is found without reading all. */
export const indexes: Migration = {
  name: 'indexes',
  statements: () => [
    `CREATE INDEX password_failures_by_place ON password_failures (place_kind, place_key, at_ms)`,
    `CREATE INDEX password_places_by_success ON password_places (succeeded_at, last_failed_at)`,
    `CREATE INDEX audit_log_by_time ON audit_log (at_ms)`,
    `CREATE INDEX notices_by_time ON notices (at_ms)`,
  ],
}
