import type { AuditAct } from '../accounts/audit.ts'
import type { ClassPending, Coverage, Overview } from '../accounts/audit_search.ts'
import type { Clock } from '../accounts/ports.ts'
import type { AdminScope } from '../policies/admin_rights.ts'
import { dayAfter, dayAt, dayStart } from '../policies/days.ts'

/** Counting everybody takes a moment: what was counted serves this long, and says when it was. */
const KEPT_MS = 60_000
export const DAYS_SHOWN = 30
/** Days and scopes remembered; a few hundred helpdesks fit. */
const REMEMBERED_MAX = 10_000

const SIGN_INS: readonly AuditAct[] = ['sign_in_completed']
const FAILURES: readonly AuditAct[] = ['login_refused', 'pin_wrong', 'passcode_wrong']

export interface DayCounts {
  /** ISO date, by the school's clocks. */
  readonly date: string
  readonly signIns: number
  readonly failures: number
}

export interface Counted {
  readonly atMs: number
  readonly days: readonly DayCounts[]
  readonly coverage: readonly Coverage[]
  readonly blockedKeys: number
}

/** Counts of the first page, kept for a minute for everybody of the same reach. */
export interface OverviewCounts {
  of(scope: AdminScope): Promise<Counted>
  classes(establishment: string, scope: AdminScope): Promise<readonly ClassPending[]>
}

interface Kept<T> {
  readonly atMs: number
  readonly value: Promise<T>
}

/** Counts once for all who ask within a minute, also while it is being counted. */
const keeping = (clock: Clock) => {
  const kept = new Map<string, Kept<unknown>>()
  return <T>(key: string, count: (nowMs: number) => Promise<T>): Promise<T> => {
    const nowMs = clock()
    const known = kept.get(key)
    if (known !== undefined && Math.abs(nowMs - known.atMs) < KEPT_MS) {
      return known.value as Promise<T>
    }
    if (kept.size >= REMEMBERED_MAX) {
      kept.clear()
    }
    const value = count(nowMs)
    kept.set(key, { atMs: nowMs, value })
    value.catch(() => kept.delete(key)) // Told to those who waited for it.
    return value
  }
}

const keyOf = ({ userTypes, establishments }: AdminScope): string =>
  JSON.stringify([userTypes, establishments])

export const createOverviewCounts = (
  overview: Overview,
  clock: Clock,
  timeZone: string,
): OverviewCounts => {
  const keep = keeping(clock)
  /** Of days that are over: they are counted once. */
  const past = new Map<string, DayCounts>()

  const countDay = async (date: string, nowMs: number, scope: AdminScope): Promise<DayCounts> => {
    const key = `${date} ${keyOf(scope)}`
    const known = past.get(key)
    if (known !== undefined) {
      return known
    }
    const endMs = dayStart(date, 1, timeZone)
    const [from, before] = await Promise.all([
      overview.placeAt(dayStart(date, 0, timeZone)),
      overview.placeAt(endMs),
    ])
    const count = (acts: readonly AuditAct[]) =>
      from === null ? 0 : overview.countActs(acts, from, before, scope)
    const day = { date, signIns: await count(SIGN_INS), failures: await count(FAILURES) }
    if (nowMs > endMs + KEPT_MS) {
      if (past.size >= REMEMBERED_MAX) {
        past.clear()
      }
      past.set(key, day)
    }
    return day
  }

  /** Day by day, so that other lists are read in between. */
  const countDays = async (nowMs: number, scope: AdminScope): Promise<DayCounts[]> => {
    const today = dayAt(timeZone, nowMs).date
    const days: DayCounts[] = []
    for (let ago = DAYS_SHOWN - 1; ago >= 0; ago -= 1) {
      days.push(await countDay(dayAfter(today, -ago), nowMs, scope))
    }
    return days
  }

  return {
    of: (scope) =>
      keep(`counts ${keyOf(scope)}`, async (nowMs) => ({
        atMs: nowMs,
        coverage: await overview.coverage(scope),
        blockedKeys: await overview.blockedKeys(scope),
        days: await countDays(nowMs, scope),
      })),
    classes: (establishment, scope) =>
      keep(`classes ${establishment} ${keyOf(scope)}`, () =>
        overview.pendingByClass(establishment, scope),
      ),
  }
}
