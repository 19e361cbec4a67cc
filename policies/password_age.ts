import type { PasswordState } from './next_step.ts'
import type { Policy } from './policy.ts'

const DAY_MS = 24 * 3_600_000

interface PasswordFacts {
  readonly origin: 'personal' | 'initial' | 'temporary'
  readonly setAt: number
  readonly mustChange: boolean
  readonly voidedAt: number | null
}

/** What is due for a password that was just typed or stands in a session. Times in ms. */
export const passwordState = (
  password: PasswordFacts | null,
  policy: Policy,
  nowMs: number,
): PasswordState => {
  if (password === null) {
    return 'none'
  }
  if (password.voidedAt !== null) {
    return 'must_change' // Whoever gets in without it.
  }
  if (password.origin !== 'personal') {
    return 'temporary'
  }
  if (password.mustChange) {
    return 'must_change'
  }
  const { force_change_at_expiration, max_lifetime_days } = policy.passwords
  const expired = force_change_at_expiration && nowMs - password.setAt >= max_lifetime_days * DAY_MS
  return expired ? 'expired' : 'personal'
}

/** An initial or temporary password nobody used in time is refused like a wrong one. */
export const isLapsed = (password: PasswordFacts, policy: Policy, nowMs: number): boolean =>
  password.origin !== 'personal' &&
  nowMs - password.setAt >= policy.passwords.temporary_lifetime_days * DAY_MS
