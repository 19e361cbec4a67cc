import type { PasswordState } from './next_step.ts'
import type { Policy } from './policy.ts'

const DAY_MS = 24 * 3_600_000

/** A time without school (ms): from the first moment of a day to that of the next day of school. */
export interface Holiday {
  readonly fromMs: number
  readonly toMs: number
  /** When that first day of school is over: days are not all as long. */
  readonly firstDayEndMs: number
}

/** Days before the last moment at which its owner is reminded. */
export const REMINDER_DAYS = [14, 3] as const

type ExpiringRules = Pick<Policy, 'passwords'>

/**
 * The last moment (ms) of a personal password where the policy lets passwords expire. One that
 * would be in a holiday is put off to the end of the first day of school after it, so that nobody
 * is asked for a change while nobody is there to help; null: it does not expire.
 */
export const lastMoment = (
  { setAt, origin }: Pick<PasswordFacts, 'setAt' | 'origin'>,
  { passwords }: ExpiringRules,
  holidays: readonly Holiday[],
): number | null => {
  if (!passwords.force_change_at_expiration || origin !== 'personal') {
    return null
  }
  let moment = setAt + passwords.max_lifetime_days * DAY_MS
  // In order, a moment that was put off can only meet a later one.
  for (const { fromMs, toMs, firstDayEndMs } of [...holidays].sort((a, b) => a.fromMs - b.fromMs)) {
    moment = moment >= fromMs && moment < toMs ? firstDayEndMs - 1 : moment
  }
  return moment
}

/** How many of the reminders are due by now: 0, 1 or 2; nobody is reminded of what is past. */
export const remindersDue = (lastMs: number, nowMs: number): number =>
  nowMs >= lastMs ? 0 : REMINDER_DAYS.filter((days) => lastMs - nowMs <= days * DAY_MS).length

interface PasswordFacts {
  readonly origin: 'personal' | 'initial' | 'temporary'
  readonly setAt: number
  readonly mustChange: boolean
  readonly voidedAt: number | null
}

/** What is due for a password that was just typed or stands in a session. Times in ms. */
export const passwordState = (
  password: PasswordFacts | null,
  policy: ExpiringRules,
  holidays: readonly Holiday[],
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
  const lastMs = lastMoment(password, policy, holidays)
  return lastMs !== null && nowMs >= lastMs ? 'expired' : 'personal'
}

/** When an initial or temporary password that was set then (ms) ends, if nobody uses it (ms). */
export const lapsesAt = (setAt: number, { passwords }: ExpiringRules): number =>
  setAt + passwords.temporary_lifetime_days * DAY_MS

/** An initial or temporary password nobody used in time is refused like a wrong one. */
export const isLapsed = (password: PasswordFacts, policy: Policy, nowMs: number): boolean =>
  password.origin !== 'personal' && nowMs >= lapsesAt(password.setAt, policy)
