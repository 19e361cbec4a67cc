import { setImmediate as nextTurn } from 'node:timers/promises'
import { FADE_MS } from '../policies/lockout.ts'
import type { Sqlite } from './sqlite.ts'

/** Rows that go at once: few ms, so that nobody waits for it. */
const ROWS_MAX = 500
/** Ended ids of sessions are remembered longer than any request takes, so that none revives one. */
export const ENDED_IDS_KEPT_MS = 10 * 60_000
/** A place where somebody once succeeded is remembered this long after the last time. */
const PLACE_KEPT_MS = 400 * 24 * 3_600_000

interface Purge {
  readonly table: string
  readonly key: string
  /** With one `?` for each of `before`. */
  readonly where: string
  /** Times (ms) at or before which a row is past. */
  readonly before: (nowMs: number) => readonly number[]
}

const now = (nowMs: number): number[] => [nowMs]
const faded = (nowMs: number): number[] => [nowMs - FADE_MS]

/** What is past its end, table by table. */
const PURGES: readonly Purge[] = [
  { table: 'op_artifacts', key: 'model, id', where: 'expires_at <= ?', before: now },
  { table: 'op_sessions', key: 'uid', where: 'expires_at <= ?', before: now },
  {
    table: 'op_session_ids',
    key: 'id',
    where: 'ended_at <= ?',
    before: (nowMs) => [nowMs - ENDED_IDS_KEPT_MS],
  },
  {
    // Those of sessions that ran out, rather than ended.
    table: 'op_session_ids',
    key: 'id',
    where: `ended_at IS NULL AND made_at <= ? AND NOT EXISTS
      (SELECT 1 FROM op_sessions WHERE op_sessions.uid = op_session_ids.uid)`,
    before: now,
  },
  {
    table: 'password_failures',
    key: 'subject, place_kind, place_key, nth',
    where: 'at_ms <= ?',
    before: faded,
  },
  {
    table: 'password_places',
    key: 'subject, place_kind, place_key',
    where: `(last_failed_at IS NULL OR last_failed_at <= ?)
      AND (succeeded_at IS NULL OR succeeded_at <= ?)`,
    before: (nowMs) => [nowMs - FADE_MS, nowMs - PLACE_KEPT_MS],
  },
  { table: 'pin_tries', key: 'try_id', where: 'at_ms <= ?', before: faded },
]

/** Deletes the rows that `purge` names, `ROWS_MAX` at a time. Returns how many. */
const run = async (sqlite: Sqlite, purge: Purge, nowMs: number): Promise<number> => {
  const { table, key, where } = purge
  const statement = `DELETE FROM ${table} WHERE (${key}) IN
    (SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${ROWS_MAX})`
  for (let all = 0; ; await nextTurn()) {
    const { changes } = await sqlite.write(({ prepare }) =>
      prepare(statement).run(...purge.before(nowMs)),
    )
    all += Number(changes)
    if (changes < ROWS_MAX) {
      return all
    }
  }
}

/** Forgets what is past its end at `nowMs`. Returns how many rows went. */
export const purgeExpired = async (sqlite: Sqlite, nowMs: number): Promise<number> => {
  let all = 0
  for (const purge of PURGES) {
    all += await run(sqlite, purge, nowMs)
  }
  return all
}
