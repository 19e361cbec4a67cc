import type { Kysely } from 'kysely'
import type { Admission, PasswordTries, Place } from '../accounts/ports.ts'
import {
  admit,
  FADE_MS,
  type FailuresAround,
  liveFailures,
  NETWORK_FAILURES_MAX,
  NETWORK_WINDOW_MS,
} from '../policies/lockout.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>

const placeRow = (db: Db, subject: string, { kind, key }: Place) =>
  db
    .selectFrom('password_places')
    .selectAll()
    .where('subject', '=', subject)
    .where('place_kind', '=', kind)
    .where('place_key', '=', key)
    .executeTakeFirst()

type PlaceState = Pick<Schema['password_places'], 'failures' | 'last_failed_at' | 'succeeded_at'>

const BLANK: PlaceState = { failures: 0, last_failed_at: null, succeeded_at: null }

const savePlace = async (
  db: Db,
  subject: string,
  { kind, key }: Place,
  state: Partial<PlaceState>,
): Promise<void> => {
  await db
    .insertInto('password_places')
    .values({ ...BLANK, subject, place_kind: kind, place_key: key, ...state })
    .onConflict((conflict) =>
      conflict.columns(['subject', 'place_kind', 'place_key']).doUpdateSet(state),
    )
    .execute()
}

const failuresOf = (db: Db, subject: string, { kind, key }: Place) => ({
  remove: db
    .deleteFrom('password_failures')
    .where('subject', '=', subject)
    .where('place_kind', '=', kind)
    .where('place_key', '=', key),
  last: db
    .selectFrom('password_failures')
    .select(({ fn }) => fn.max('at_ms').as('at_ms'))
    .where('subject', '=', subject)
    .where('place_kind', '=', kind)
    .where('place_key', '=', key),
})

/** The browser counts only where this person succeeded on it: anybody can send a cookie. */
const placeOf = async (
  db: Db,
  subject: string,
  browser: string | null,
  network: string,
): Promise<{ place: Place; state: PlaceState }> => {
  const known: Place = { kind: 'browser', key: browser ?? '' }
  const row = await placeRow(db, subject, known)
  if (row !== undefined && row.succeeded_at !== null) {
    return { place: known, state: row }
  }
  const place: Place = { kind: 'network', key: network }
  return { place, state: (await placeRow(db, subject, place)) ?? BLANK }
}

const accountFailures = async (db: Db, subject: string, nowMs: number): Promise<number> => {
  const { count } = await db
    .selectFrom('password_failures')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('subject', '=', subject)
    .where('at_ms', '>', nowMs - FADE_MS)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/**
 * Of all who tried there, up to the number that matters: it costs no more however many there are.
 * Newest first, so that the last of all is among them; the index by place has them in that order.
 */
const networkFailures = async (
  db: Db,
  network: string,
  nowMs: number,
): Promise<Pick<FailuresAround, 'network' | 'networkLastAt'>> => {
  const recent = db
    .selectFrom('password_failures')
    .select('at_ms')
    .where('place_kind', '=', 'network')
    .where('place_key', '=', network)
    .where('at_ms', '>', nowMs - NETWORK_WINDOW_MS)
    .orderBy('at_ms', 'desc')
    .limit(NETWORK_FAILURES_MAX)
    .as('recent')
  const { count, last } = await db
    .selectFrom(recent)
    .select(({ fn }) => [
      fn.countAll<number>().as('count'),
      fn.max<number | null>('at_ms').as('last'),
    ])
    .executeTakeFirstOrThrow()
  return { network: Number(count), networkLastAt: last === null ? null : Number(last) }
}

const countFailure = async (
  db: Db,
  subject: string,
  place: Place,
  nth: number,
  nowMs: number,
): Promise<void> => {
  await savePlace(db, subject, place, { failures: nth, last_failed_at: nowMs })
  await db
    .insertInto('password_failures')
    .values({ subject, place_kind: place.kind, place_key: place.key, nth, at_ms: nowMs })
    // The same number from an earlier row, long faded.
    .onConflict((conflict) =>
      conflict.columns(['subject', 'place_kind', 'place_key', 'nth']).doUpdateSet({ at_ms: nowMs }),
    )
    .execute()
}

/** As many statements as `countFailure`, and nothing changes: a refused try takes as long. */
const countNothing = async (
  db: Db,
  subject: string,
  place: Place,
  { failures, last_failed_at }: PlaceState,
): Promise<void> => {
  await savePlace(db, subject, place, { failures, last_failed_at })
  await db
    .updateTable('password_failures')
    .set(({ ref }) => ({ at_ms: ref('at_ms') }))
    .where('subject', '=', subject)
    .where('place_kind', '=', place.kind)
    .where('place_key', '=', place.key)
    .where('nth', '=', failures)
    .execute()
}

const begin = async (
  db: Db,
  subject: string,
  browser: string | null,
  network: string,
  nowMs: number,
): Promise<Admission> => {
  const { place, state } = await placeOf(db, subject, browser, network)
  const tries = {
    failures: state.failures,
    lastFailedAt: state.last_failed_at,
    everSucceeded: state.succeeded_at !== null,
  }
  const around = {
    account: await accountFailures(db, subject, nowMs),
    ...(await networkFailures(db, network, nowMs)),
  }
  const verdict = admit(tries, around, nowMs)
  if (!verdict.admitted) {
    await countNothing(db, subject, place, state)
    return { admitted: false, place, why: verdict.why }
  }
  await countFailure(db, subject, place, liveFailures(tries, nowMs) + 1, nowMs)
  return { admitted: true, place }
}

const release = async (db: Db, subject: string, place: Place): Promise<void> => {
  const { failures = 0 } = (await placeRow(db, subject, place)) ?? {}
  if (failures === 0) {
    return // Somebody succeeded here meanwhile, which took the count away.
  }
  const { remove, last } = failuresOf(db, subject, place)
  await remove.where('nth', '=', failures).execute()
  const row = await last.executeTakeFirst()
  await savePlace(db, subject, place, {
    failures: failures - 1,
    last_failed_at: row?.at_ms ?? null,
  })
}

const forgetFailures = async (db: Db, subject: string, place: Place): Promise<void> => {
  await failuresOf(db, subject, place).remove.execute()
  await savePlace(db, subject, place, { failures: 0, last_failed_at: null })
}

const remember = async (
  db: Db,
  subject: string,
  browser: string,
  network: string,
  nowMs: number,
): Promise<void> => {
  await savePlace(db, subject, { kind: 'browser', key: browser }, { succeeded_at: nowMs })
  await savePlace(db, subject, { kind: 'network', key: network }, { succeeded_at: nowMs })
}

/** Password tries in SQL, by the rules of `policies/lockout.ts`. */
export const createPasswordTries = ({ db, atomically }: Sql): PasswordTries => ({
  async isKnown(subject, browser) {
    const row = await placeRow(db, subject, { kind: 'browser', key: browser })
    return row !== undefined && row.succeeded_at !== null
  },
  begin: (subject, browser, network, nowMs) =>
    atomically((db) => begin(db, subject, browser, network, nowMs)),
  release: (subject, place) => atomically((db) => release(db, subject, place)),
  succeed: (subject, place, browser, network, nowMs) =>
    atomically(async (db) => {
      await forgetFailures(db, subject, place)
      await remember(db, subject, browser, network, nowMs)
    }),
  remember: (subject, browser, network, nowMs) =>
    atomically((db) => remember(db, subject, browser, network, nowMs)),
})
