import type { Migration } from '../migrate.ts'

/** OTP keys of the school: their sealed seeds, their holders, and what of their codes is used up. */
export const otpKeys: Migration = {
  name: 'otp_keys',
  statements: () => [
    `CREATE TABLE otp_keys (
      serial TEXT PRIMARY KEY,
      source TEXT NOT NULL,
      kind TEXT NOT NULL,
      algorithm TEXT NOT NULL,
      digits INTEGER NOT NULL,
      period_seconds INTEGER NOT NULL,
      seed_sealed TEXT NOT NULL,
      state TEXT NOT NULL,
      sub TEXT,
      pin_sealed TEXT,
      pin_length INTEGER,
      pin_set_at BIGINT,
      next_step BIGINT NOT NULL,
      first_step BIGINT,
      first_at BIGINT,
      ahead_min_ms BIGINT NOT NULL,
      ahead_max_ms BIGINT NOT NULL,
      clock_at BIGINT NOT NULL,
      wrong_pins INTEGER NOT NULL,
      first_use_tries INTEGER NOT NULL,
      first_use_tries_proved INTEGER NOT NULL,
      assigned_at BIGINT,
      first_use_by BIGINT,
      loan_until BIGINT,
      in_service_at BIGINT,
      last_used_at BIGINT,
      added_at BIGINT NOT NULL
    )`,
    // Steps and counters too far out to be accepted when they were typed: they never will be.
    `CREATE TABLE otp_noted_steps (
      serial TEXT NOT NULL REFERENCES otp_keys (serial) ON DELETE CASCADE,
      step BIGINT NOT NULL,
      PRIMARY KEY (serial, step)
    )`,
    `CREATE INDEX otp_keys_by_sub ON otp_keys (sub)`,
    `CREATE INDEX otp_keys_by_first_use ON otp_keys (first_use_by)`,
    `CREATE INDEX otp_keys_by_loan ON otp_keys (loan_until)`,
  ],
}
