import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { PinTries } from '../accounts/ports.ts'
import { FADE_MS, PIN_TRIES_CAP, pinBlocked } from '../policies/lockout.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>
type Begun = Awaited<ReturnType<PinTries['begin']>>
type Judged = Awaited<ReturnType<PinTries['wrong']>>

/** A hash takes far less, whatever the queue: a reservation this old lost its process. */
export const RESERVATION_MS = 60_000

/** Reservations that nobody settled were guesses, for all we know. */
const settleLost = async (db: Db, sub: string, nowMs: number): Promise<void> => {
  await db
    .updateTable('pin_tries')
    .set({ state: 'wrong' })
    .where('sub', '=', sub)
    .where('state', '=', 'pending')
    .where('at_ms', '<=', nowMs - RESERVATION_MS)
    .execute()
}

const count = async (
  db: Db,
  sub: string,
  state: 'pending' | 'wrong',
  nowMs: number,
): Promise<number> => {
  const row = await db
    .selectFrom('pin_tries')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('sub', '=', sub)
    .where('state', '=', state)
    .where('at_ms', '>', nowMs - FADE_MS)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

const isBlocked = async (db: Db, sub: string): Promise<boolean> => {
  const row = await db
    .selectFrom('accounts')
    .select('pin_blocked_at')
    .where('sub', '=', sub)
    .executeTakeFirst()
  return row !== undefined && row.pin_blocked_at !== null
}

/** False: it was blocked already. */
const block = async (db: Db, sub: string, nowMs: number): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('accounts')
    .set({ pin_blocked_at: nowMs })
    .where('sub', '=', sub)
    .where('pin_blocked_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

const begin = async (
  db: Db,
  sub: string,
  browser: string,
  limit: number,
  nowMs: number,
): Promise<Begun> => {
  await settleLost(db, sub, nowMs)
  const wrong = await count(db, sub, 'wrong', nowMs)
  if (pinBlocked(wrong, limit)) {
    return { ok: false, reason: 'blocked', blockedNow: await block(db, sub, nowMs) }
  }
  if (await isBlocked(db, sub)) {
    return { ok: false, reason: 'blocked', blockedNow: false }
  }
  const pending = await count(db, sub, 'pending', nowMs)
  if (pinBlocked(wrong + pending, limit)) {
    return { ok: false, reason: 'busy' }
  }
  const tryId = randomUUID()
  await db
    .insertInto('pin_tries')
    .values({ try_id: tryId, sub, browser, at_ms: nowMs, state: 'pending' })
    .execute()
  return { ok: true, tryId }
}

const wrong = async (
  db: Db,
  sub: string,
  tryId: string,
  limit: number,
  nowMs: number,
): Promise<Judged> => {
  await db
    .updateTable('pin_tries')
    .set({ state: 'wrong' })
    .where('try_id', '=', tryId)
    .where('sub', '=', sub)
    .execute()
  await settleLost(db, sub, nowMs)
  const failures = await count(db, sub, 'wrong', nowMs)
  const blocked = pinBlocked(failures, limit)
  if (blocked) {
    await block(db, sub, nowMs)
  }
  const allowed = Math.min(Math.max(limit, 1), PIN_TRIES_CAP)
  return { blocked, left: Math.max(allowed - failures, 0) }
}

const right = async (db: Db, sub: string, tryId: string, browser: string): Promise<void> => {
  await db.deleteFrom('pin_tries').where('try_id', '=', tryId).where('sub', '=', sub).execute()
  // Only what is settled: a guess in flight from this browser still has to count.
  await db
    .deleteFrom('pin_tries')
    .where('sub', '=', sub)
    .where('browser', '=', browser)
    .where('state', '=', 'wrong')
    .execute()
}

/** PIN tries in SQL: reserved, then settled. */
export const createPinTries = ({ db, atomically }: Sql): PinTries => ({
  begin: (sub, browser, limit, nowMs) => atomically((tx) => begin(tx, sub, browser, limit, nowMs)),
  wrong: (sub, tryId, limit, nowMs) => atomically((tx) => wrong(tx, sub, tryId, limit, nowMs)),
  right: (sub, tryId, browser) => atomically((tx) => right(tx, sub, tryId, browser)),
  async release(tryId) {
    await db
      .deleteFrom('pin_tries')
      .where('try_id', '=', tryId)
      .where('state', '=', 'pending')
      .execute()
  },
  async clear(sub) {
    await db.deleteFrom('pin_tries').where('sub', '=', sub).execute()
  },
})
