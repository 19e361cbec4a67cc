import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { AuditFilter, AuditListed, AuditSearch } from '../accounts/audit_search.ts'
import { type AuditRow, entryOf } from './audit_log.ts'
import type { Schema } from './schema.ts'

type Db = Kysely<Schema>
type Condition = RawBuilder<unknown>

/** Entries that one page looks at, at most, where no index finds what is asked for: 40 ms. */
const LOOKED_AT_MAX = 20_000
const LOOKED_AT_MIN = 500
/** Entries are written in the order of commits; their times, a moment before, may be in another one. */
const DISORDER_MS = 60_000
/** Where two indexes could serve, this many entries tell which one is the better. */
const COUNTED_MAX = 2_000

const AND = sql` AND `
const all = (conditions: readonly Condition[]): Condition =>
  sql`(${sql.join(conditions.length === 0 ? [sql`1 = 1`] : [...conditions], AND)})`

/** Not for an index: another one is to serve. */
const beside = (column: 'act' | 'outcome' | 'client_id', value: string): Condition =>
  sql`(${sql.ref(column)} || '') = ${value}`

const BY_OTHERS = sql`(actor <> sub OR sub IS NULL)`

type Driver = 'sub' | 'actor' | 'acts' | 'client' | 'none'

/** What an index finds, in the order of places: one stream a value. */
const streamsOf = (filter: AuditFilter, driver: Driver): readonly Condition[] => {
  const { sub = '', actor = '', acts = [], clientId = '' } = filter
  const streams: Readonly<Record<Driver, readonly Condition[]>> = {
    sub: [sql`sub = ${sub}`],
    actor: [sql`actor = ${actor} AND ${BY_OTHERS}`],
    acts: acts.map((act) => sql`act = ${act}`),
    client: [sql`client_id = ${clientId}`],
    none: [sql`1 = 1`],
  }
  return streams[driver]
}

/** What is looked at entry by entry. */
const restOf = (filter: AuditFilter, driver: Driver): readonly Condition[] => {
  const { actor, acts, outcome, clientId } = filter
  return [
    ...(actor !== undefined && driver !== 'actor'
      ? [sql`(actor || '') = ${actor}`, BY_OTHERS]
      : []),
    ...(acts !== undefined && driver !== 'acts'
      ? [sql`(act || '') IN (${sql.join(acts.length === 0 ? [''] : [...acts])})`]
      : []),
    ...(clientId !== undefined && driver !== 'client' ? [beside('client_id', clientId)] : []),
    ...(outcome !== undefined ? [beside('outcome', outcome)] : []),
  ]
}

interface Bounds {
  /** First place that may be listed. */
  readonly low: number
  /** The place after the last one. */
  readonly high: number
}

const within = ({ low, high }: Bounds): Condition => sql`seq >= ${low} AND seq < ${high}`

const one = async <T>(db: Db, query: RawBuilder<T>): Promise<T | undefined> =>
  (await query.execute(db)).rows[0]

const boundsOf = async (
  db: Db,
  { fromMs, toMs }: AuditFilter,
  before: number | null,
): Promise<Bounds> => {
  const seqOf = async (query: RawBuilder<{ seq: number }>) => (await one(db, query))?.seq
  const low =
    fromMs === undefined
      ? 1
      : await seqOf(sql`SELECT seq FROM audit_log WHERE at_ms >= ${fromMs - DISORDER_MS}
          ORDER BY at_ms, seq LIMIT 1`)
  const high =
    toMs === undefined
      ? Number.MAX_SAFE_INTEGER
      : await seqOf(sql`SELECT seq FROM audit_log WHERE at_ms < ${toMs + DISORDER_MS}
          ORDER BY at_ms DESC, seq DESC LIMIT 1`)
  const end = high === undefined ? 0 : Math.min(high, Number.MAX_SAFE_INTEGER - 1) + 1
  return { low: low ?? Number.MAX_SAFE_INTEGER, high: Math.min(before ?? end, end) }
}

const sizeOf = async (db: Db, streams: readonly Condition[], bounds: Bounds): Promise<number> => {
  const counts = await Promise.all(
    streams.map((stream) =>
      one(
        db,
        sql<{ n: number }>`SELECT count(*) AS n FROM (SELECT 1 AS x FROM audit_log
          WHERE ${all([stream, within(bounds)])} LIMIT ${COUNTED_MAX}) AS some`,
      ),
    ),
  )
  return counts.reduce((sum, count) => sum + (count?.n ?? 0), 0)
}

const driverOf = async (db: Db, filter: AuditFilter, bounds: Bounds): Promise<Driver> => {
  if (filter.sub !== undefined) {
    return 'sub'
  }
  if (filter.actor !== undefined) {
    return 'actor'
  }
  if (filter.acts !== undefined && filter.clientId !== undefined) {
    const [acts, client] = await Promise.all([
      sizeOf(db, streamsOf(filter, 'acts'), bounds),
      sizeOf(db, streamsOf(filter, 'client'), bounds),
    ])
    return acts <= client ? 'acts' : 'client'
  }
  if (filter.acts !== undefined) {
    return 'acts'
  }
  return filter.clientId === undefined ? 'none' : 'client'
}

type Row = AuditRow & { readonly seq: number; readonly sealed: number }

const listed = (row: Row): AuditListed => ({
  ...entryOf(row),
  seq: row.seq,
  sealed: row.sealed === 1,
})

/** The place down to which one stream is looked at. */
const floorOf = async (
  db: Db,
  stream: Condition,
  bounds: Bounds,
  lookedAt: number,
): Promise<number> => {
  const row = await one(
    db,
    sql<{ seq: number }>`SELECT seq FROM audit_log WHERE ${all([stream, within(bounds)])}
      ORDER BY seq DESC LIMIT 1 OFFSET ${lookedAt}`,
  )
  return row?.seq ?? bounds.low
}

const timesOf = ({ fromMs, toMs }: AuditFilter): readonly Condition[] => [
  ...(fromMs === undefined ? [] : [sql`at_ms >= ${fromMs}`]),
  ...(toMs === undefined ? [] : [sql`at_ms < ${toMs}`]),
]

/**
 * The audit in SQL that any index serves. What no index finds is looked for in as many entries as a
 * page may cost; the page then says how far back that was.
 */
export const createAuditSearch = (db: Db): AuditSearch => ({
  async page(filter, before, limit) {
    const bounds = await boundsOf(db, filter, before)
    const driver = await driverOf(db, filter, bounds)
    const streams = streamsOf(filter, driver)
    const rest = restOf(filter, driver)
    const lookedAt = Math.max(LOOKED_AT_MIN, Math.floor(LOOKED_AT_MAX / (streams.length || 1)))
    const found = await Promise.all(
      streams.map(async (stream) => {
        const floor = rest.length === 0 ? bounds.low : await floorOf(db, stream, bounds, lookedAt)
        const here = [stream, within({ ...bounds, low: floor }), ...rest, ...timesOf(filter)]
        const { rows } = await sql<Row>`SELECT seq, id, at_ms, act, outcome, actor, sub, client_id,
            network, browser_id, detail, CASE WHEN digest IS NULL THEN 0 ELSE 1 END AS sealed
          FROM audit_log WHERE ${all(here)} ORDER BY seq DESC LIMIT ${limit + 1}`.execute(db)
        return { floor, rows }
      }),
    )
    // Below the highest floor one of the streams was not looked at.
    const floor = found.reduce((most, each) => Math.max(most, each.floor), bounds.low)
    const rows = found
      .flatMap((each) => each.rows)
      .filter(({ seq }) => seq >= floor)
      .sort((a, b) => b.seq - a.seq)
    const entries = rows.slice(0, limit).map(listed)
    if (rows.length > limit) {
      return { entries, next: entries.at(-1)?.seq ?? null, lookedBackToMs: null }
    }
    const wasAll = floor <= bounds.low
    const last = wasAll
      ? undefined
      : await one(db, sql<{ at_ms: number }>`SELECT at_ms FROM audit_log WHERE seq = ${floor}`)
    return { entries, next: wasAll ? null : floor, lookedBackToMs: last?.at_ms ?? null }
  },
  async chain() {
    const batch = await one(
      db,
      sql<{ last_seq: number; newest_ms: number; total: number }>`SELECT last_seq, newest_ms, total
        FROM audit_batches ORDER BY nth DESC LIMIT 1`,
    )
    const anchor = await one(
      db,
      sql<{ last_seq: number; total: number }>`SELECT last_seq, total FROM audit_anchor`,
    )
    const sealedSeq = batch?.last_seq ?? anchor?.last_seq ?? 0
    const tail = await one(
      db,
      sql<{ n: number; since: number | null }>`SELECT count(*) AS n, min(at_ms) AS since
        FROM audit_log WHERE seq > ${sealedSeq}`,
    )
    const checkpoint = await one(
      db,
      sql<{ at_ms: number; last_seq: number }>`SELECT at_ms, last_seq FROM audit_checkpoints
        ORDER BY batch DESC LIMIT 1`,
    )
    return {
      sealedSeq,
      sealedToMs: batch?.newest_ms ?? null,
      total: batch?.total ?? anchor?.total ?? 0,
      unsealed: tail?.n ?? 0,
      unsealedSinceMs: tail?.since ?? null,
      checkpoint:
        checkpoint === undefined ? null : { atMs: checkpoint.at_ms, lastSeq: checkpoint.last_seq },
    }
  },
})
