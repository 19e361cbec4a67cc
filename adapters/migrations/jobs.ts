import type { Migration } from '../migrate.ts'

/** Acts on many people in the background, what became of each, and who was issued which secret. */
export const jobs: Migration = {
  name: 'jobs',
  statements: ({ serialKey }) => [
    `CREATE TABLE jobs (
      seq ${serialKey},
      id TEXT NOT NULL UNIQUE,
      kind TEXT NOT NULL,
      made_by TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      state TEXT NOT NULL,
      params TEXT NOT NULL,
      cursor_at TEXT NOT NULL,
      total INTEGER,
      done INTEGER NOT NULL,
      results INTEGER NOT NULL,
      counts TEXT NOT NULL,
      started_at BIGINT,
      ended_at BIGINT,
      failure TEXT,
      undone_by TEXT
    )`,
    `CREATE INDEX jobs_by_maker ON jobs (made_by, seq)`,
    `CREATE INDEX jobs_unfinished ON jobs (seq) WHERE ended_at IS NULL`,
    `CREATE INDEX jobs_by_end ON jobs (ended_at)`,
    `CREATE TABLE job_results (
      job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
      nth INTEGER NOT NULL,
      subject TEXT NOT NULL,
      outcome TEXT NOT NULL,
      detail TEXT,
      PRIMARY KEY (job_id, nth)
    )`,
    `CREATE INDEX job_results_by_outcome ON job_results (job_id, outcome, nth)`,
    `CREATE TABLE job_secrets (
      job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
      subject TEXT NOT NULL,
      sealed TEXT NOT NULL,
      PRIMARY KEY (job_id, subject)
    )`,
    // Who issued a password or a PIN last; of each kind one row a person and administrator.
    `CREATE TABLE issued_secrets (
      sub TEXT NOT NULL REFERENCES accounts (sub) ON DELETE CASCADE,
      kind TEXT NOT NULL,
      issued_by TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      PRIMARY KEY (sub, kind, issued_by)
    )`,
    `CREATE INDEX issued_secrets_by_time ON issued_secrets (at_ms)`,
  ],
}
