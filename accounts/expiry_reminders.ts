import { lastMoment, REMINDER_DAYS, remindersDue } from '../policies/password_age.ts'
import { type PolicySet, policyFor } from '../policies/policy.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { Account, PasswordRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { nextTurn } from './next_turn.ts'
import { tell } from './notices.ts'
import { type HolidaysOf, holidaysOfAll } from './password_due.ts'
import type { Deps, Tables } from './ports.ts'

const DAY_MS = 24 * 3_600_000
/** People looked at at once, and people told in one transaction: few ms, so that nobody waits. */
const LOOKED_AT_ONCE = 500
const TOLD_AT_ONCE = 25

interface Due {
  readonly sub: string
  readonly setAt: number
  readonly lastMs: number
  /** Reminders sent by then, with this one. */
  readonly sent: number
}

/** Its owner's own, and to be changed for no other reason. */
const mayExpire = ({ password, disabledAt }: Account): PasswordRecord | null =>
  password === null || password.mustChange || password.voidedAt !== null || disabledAt !== null
    ? null
    : password

/** The reminder that is due for somebody; null: none. */
const dueFor = (
  account: Account,
  policies: PolicySet,
  holidaysOf: HolidaysOf,
  nowMs: number,
): Due | null => {
  const password = mayExpire(account)
  if (password === null) {
    return null
  }
  const lastMs = lastMoment(password, policyFor(policies, account), holidaysOf(account))
  const sent = lastMs === null ? 0 : remindersDue(lastMs, nowMs)
  return lastMs === null || sent === 0
    ? null
    : { sub: account.sub, setAt: password.setAt, lastMs, sent }
}

const tellOne = async (
  deps: Deps,
  tables: Tables,
  { sub, setAt, lastMs, sent }: Due,
): Promise<boolean> => {
  if (!(await tables.passwordLists.remind(sub, setAt, sent))) {
    return false
  }
  await tell(deps, tables, sub, 'password_expires', { params: { until: String(lastMs) } })
  await tables.audit.append(
    auditEntry(deps, {
      act: 'password_expiry_reminded',
      actor: null,
      sub,
      detail: { reminder: sent, last_ms: lastMs },
    }),
  )
  return true
}

/** Tells those for whom it is due still, as they are in this transaction. Returns how many. */
const tellDue = (deps: Deps, due: readonly Due[], holidaysOf: HolidaysOf): Promise<number> =>
  deps.store.transact(async (tables) => {
    const policies = await tables.policies.current()
    const nowMs = deps.clock()
    let told = 0
    for (const account of await tables.accounts.bySubs(due.map(({ sub }) => sub))) {
      const still = dueFor(account, policies, holidaysOf, nowMs)
      told += still !== null && (await tellOne(deps, tables, still)) ? 1 : 0
    }
    return told
  })

/** Of one type, those who have not had their `sent`th reminder. */
const remindType = async (
  deps: Deps,
  userType: UserType,
  sent: number,
  holidaysOf: HolidaysOf,
): Promise<number> => {
  const policies = await deps.store.policies.current()
  const nowMs = deps.clock()
  const { passwords } = policies[userType]
  // Holidays only ever put a last moment off.
  const daysAgo = passwords.max_lifetime_days - (REMINDER_DAYS[sent - 1] ?? 0)
  const query = { userType, setBeforeMs: nowMs - daysAgo * DAY_MS, sent }
  let told = 0
  for (let after: string | null = null; ; ) {
    const page = await deps.store.passwordLists.toRemind(query, after, LOOKED_AT_ONCE)
    const due = page
      .map((account) => dueFor(account, policies, holidaysOf, nowMs))
      .filter((one) => one !== null)
    for (let at = 0; at < due.length; at += TOLD_AT_ONCE) {
      told += await tellDue(deps, due.slice(at, at + TOLD_AT_ONCE), holidaysOf)
    }
    if (page.length < LOOKED_AT_ONCE) {
      return told
    }
    after = page.at(-1)?.sub ?? null
    await nextTurn()
  }
}

/**
 * Reminds whoever's password expires within 14 days, and once more within 3, by a notice and a
 * mail; whoever is first looked at in the last 3 days, once. To be called every hour or so, by any
 * number of processes: each reminder is claimed with what tells it. Returns how many were told.
 */
export const remindOfExpiry = async (deps: Deps): Promise<number> => {
  const policies = await deps.store.policies.current()
  const types = USER_TYPES.filter((type) => policies[type].passwords.force_change_at_expiration)
  if (types.length === 0) {
    return 0
  }
  const holidaysOf = await holidaysOfAll(deps)
  let told = 0
  for (const userType of types) {
    for (const [index] of REMINDER_DAYS.entries()) {
      told += await remindType(deps, userType, index + 1, holidaysOf)
    }
  }
  return told
}
