import type { Migration } from '../migrate.ts'

/** Uploaded files of people, what their columns were said to be, and since when somebody is gone. */
export const imports: Migration = {
  name: 'imports',
  statements: ({ serialKey }) => [
    `ALTER TABLE accounts ADD COLUMN left_at BIGINT`,
    `CREATE INDEX accounts_by_left ON accounts (left_at) WHERE left_at IS NOT NULL`,
    `CREATE TABLE import_files (
      seq ${serialKey},
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      made_by TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      bytes BIGINT NOT NULL,
      layout TEXT NOT NULL,
      plan TEXT,
      check_job TEXT,
      import_job TEXT,
      removed_at BIGINT
    )`,
    `CREATE INDEX import_files_present ON import_files (at_ms) WHERE removed_at IS NULL`,
    `CREATE TABLE import_mappings (
      header TEXT PRIMARY KEY,
      meaning TEXT,
      made_by TEXT NOT NULL,
      at_ms BIGINT NOT NULL
    )`,
  ],
}
