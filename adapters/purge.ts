import { setImmediate as nextTurn } from 'node:timers/promises'
import { AUDIT_KEPT_MS } from '../accounts/audit.ts'
import { BOTH_SECRETS_MS, CONSOLE_ABSOLUTE_MS } from '../policies/admin_rights.ts'
import { FADE_MS } from '../policies/lockout.ts'
import type { Direct, Sqlite } from './sqlite.ts'

/** Rows that go at once: few ms, so that nobody waits for it. */
const ROWS_MAX = 500
/** Ended ids of sessions are remembered longer than any request takes, so that none revives one. */
export const ENDED_IDS_KEPT_MS = 10 * 60_000
/** A place where somebody once succeeded is remembered this long after the last time. */
const PLACE_KEPT_MS = 400 * 24 * 3_600_000
/** Replaced values of the device cookie, by which a copy of one is told from a stranger's. */
export const REPLACED_COOKIES_MAX = 16
/** Browsers used this recently are looked at; another one is when it is used again. */
const BROWSERS_SEEN_MS = 3_600_000
const COOKIES_AT_ONCE = 100
/** Longer than any limit on mailed codes looks back. */
const MAILED_CODES_KEPT_MS = 2 * 24 * 3_600_000

interface Purge {
  readonly table: string
  readonly key: string
  /** With one `?` for each of `before`. An index finds what it names: it runs every minute. */
  readonly where: string
  /** Times (ms) at or before which a row is past. */
  readonly before: (nowMs: number) => readonly number[]
  /** Table whose rows of the same key go with them. */
  readonly with?: string
}

const now = (nowMs: number): number[] => [nowMs]
const faded = (nowMs: number): number[] => [nowMs - FADE_MS]
const issued = (nowMs: number): number[] => [nowMs - BOTH_SECRETS_MS]
const old = (nowMs: number): number[] => [nowMs - AUDIT_KEPT_MS]

const PLACE = { table: 'password_places', key: 'subject, place_kind, place_key' } as const

/** What is past its end, table by table. */
const PURGES: readonly Purge[] = [
  { table: 'op_artifacts', key: 'model, id', where: 'expires_at <= ?', before: now },
  {
    table: 'op_sessions',
    key: 'uid',
    where: 'expires_at <= ?',
    before: now,
    with: 'op_session_ids',
  },
  {
    table: 'op_session_ids',
    key: 'id',
    where: 'ended_at <= ?',
    before: (nowMs) => [nowMs - ENDED_IDS_KEPT_MS],
  },
  {
    table: 'password_failures',
    key: 'subject, place_kind, place_key, nth',
    where: 'at_ms <= ?',
    before: faded,
  },
  {
    table: 'console_sessions',
    key: 'id_hash',
    where: 'seen_at <= ?',
    before: (nowMs) => [nowMs - CONSOLE_ABSOLUTE_MS],
  },
  { ...PLACE, where: 'succeeded_at IS NULL AND last_failed_at IS NULL', before: () => [] },
  { ...PLACE, where: 'succeeded_at IS NULL AND last_failed_at <= ?', before: faded },
  {
    ...PLACE,
    where: 'succeeded_at <= ? AND (last_failed_at IS NULL OR last_failed_at <= ?)',
    before: (nowMs) => [nowMs - PLACE_KEPT_MS, nowMs - FADE_MS],
  },
  { table: 'pin_tries', key: 'try_id', where: 'at_ms <= ?', before: faded },
  {
    table: 'mailed_codes',
    key: 'id',
    where: 'at_ms <= ?',
    before: (nowMs) => [nowMs - MAILED_CODES_KEPT_MS],
  },
  { table: 'issued_secrets', key: 'sub, kind, issued_by', where: 'at_ms <= ?', before: issued },
  // Results first: those of a whole school would be too many to go with their job at once.
  {
    table: 'job_results',
    key: 'job_id, nth',
    where: 'job_id IN (SELECT id FROM jobs WHERE ended_at <= ?)',
    before: old,
  },
  {
    table: 'jobs',
    key: 'seq',
    where: 'ended_at <= ? AND NOT EXISTS (SELECT 1 FROM job_results WHERE job_id = jobs.id)',
    before: old,
  },
  { table: 'notices', key: 'seq', where: 'at_ms <= ?', before: old },
]

/** Of one purge: deletes from each of its tables what the same rows name, the named ones last. */
const statementsOf = ({ table, key, where, with: other }: Purge): string[] => {
  const past = `SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${ROWS_MAX}`
  const tables = other === undefined ? [table] : [other, table]
  return tables.map((one) => `DELETE FROM ${one} WHERE (${key}) IN (${past})`)
}

/** All that the purge asks of the tables above. */
export const PURGE_STATEMENTS: readonly string[] = PURGES.flatMap(statementsOf)

/** Deletes the rows that `purge` names, `ROWS_MAX` at a time. Returns how many. */
const run = async (sqlite: Sqlite, purge: Purge, nowMs: number): Promise<number> => {
  const statements = statementsOf(purge)
  const before = purge.before(nowMs)
  for (let all = 0; ; await nextTurn()) {
    const changes = await sqlite.write(({ prepare }) =>
      statements.map((statement) => Number(prepare(statement).run(...before).changes)),
    )
    all += changes.reduce((sum, each) => sum + each, 0)
    if ((changes.at(-1) ?? 0) < ROWS_MAX) {
      return all
    }
  }
}

const SEEN = `SELECT seq, used_at, browser_id FROM browser_tokens WHERE (used_at, seq) > (?, ?)
  ORDER BY used_at, seq LIMIT ${COOKIES_AT_ONCE}`
const TRIM = `DELETE FROM browser_tokens WHERE seq IN (SELECT seq FROM browser_tokens
  WHERE browser_id = ? AND state = 'superseded'
  ORDER BY seq DESC LIMIT ${ROWS_MAX} OFFSET ${REPLACED_COOKIES_MAX})`

interface Seen {
  readonly seq: number
  readonly used_at: number
  readonly browser_id: string
}

const trim = ({ prepare }: Direct, seen: readonly Seen[]): number => {
  const browsers = new Set(seen.map(({ browser_id }) => browser_id))
  return [...browsers].reduce((sum, one) => sum + Number(prepare(TRIM).run(one).changes), 0)
}

/**
 * Every sign-in replaces a value of the device cookie. Of each browser seen lately the newest few
 * replaced ones stay. Returns how many went.
 */
const trimCookies = async (sqlite: Sqlite, nowMs: number): Promise<number> => {
  let all = 0
  let last: Pick<Seen, 'seq' | 'used_at'> | undefined = {
    seq: 0,
    used_at: nowMs - BROWSERS_SEEN_MS,
  }
  while (last !== undefined) {
    const { used_at, seq } = last
    const seen = (await sqlite.read(({ prepare }) =>
      prepare(SEEN).all(used_at, seq),
    )) as unknown as Seen[]
    all += seen.length === 0 ? 0 : await sqlite.write((direct) => trim(direct, seen))
    last = seen.at(-1)
    await nextTurn()
  }
  return all
}

/** Forgets what is past its end at `nowMs`. Returns how many rows went. */
export const purgeExpired = async (sqlite: Sqlite, nowMs: number): Promise<number> => {
  let all = 0
  for (const purge of PURGES) {
    all += await run(sqlite, purge, nowMs)
  }
  return all + (await trimCookies(sqlite, nowMs))
}
