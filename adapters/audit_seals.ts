import type {
  AuditAnchor,
  AuditBatch,
  AuditCheckpoint,
  AuditSeals,
  ChainEnd,
  ChainEntry,
  ProvedEntry,
  SeqRange,
} from '../accounts/audit_chain.ts'
import { CHAIN_START } from '../accounts/audit_chain.ts'
import type { Direct, Sqlite } from './sqlite.ts'

/** Who acted on whom is told apart here: `self`, or `by` somebody else. */
export const CHAIN_COLUMNS = `seq, id, at_ms, act, outcome, actor, sub, client_id, network, browser_id,
  detail, commitment, salt, digest, erased`

interface EntryRow {
  readonly seq: number
  readonly id: string
  readonly at_ms: number
  readonly act: string
  readonly outcome: string
  readonly actor: string | null
  readonly sub: string | null
  readonly client_id: string | null
  readonly network: string | null
  readonly browser_id: string | null
  readonly detail: string
  readonly commitment: string | null
  readonly salt: string | null
  readonly digest: string | null
  readonly erased: string | null
}

export const provedEntryOf = (value: unknown): ProvedEntry => {
  const row = value as EntryRow
  const self = row.actor !== null && row.actor === row.sub
  return {
    seq: row.seq,
    id: row.id,
    atMs: row.at_ms,
    act: row.act,
    outcome: row.outcome,
    by: self ? null : row.actor,
    clientId: row.client_id,
    sub: row.sub,
    self,
    network: row.network,
    browserId: row.browser_id,
    detail: row.detail,
    commitment: row.commitment,
    salt: row.salt,
    digest: row.digest,
    erased: row.erased,
  }
}

interface BatchRow {
  readonly nth: number
  readonly after_seq: number
  readonly last_seq: number
  readonly entries: number
  readonly total: number
  readonly gaps: string
  readonly newest_ms: number
  readonly sealed_at: number
  readonly mac: string
}

/** What somebody wrote there who is not the gateway is no list, and the mac says so. */
const gapsIn = (text: string): SeqRange[] => {
  try {
    const gaps: unknown = JSON.parse(text)
    return Array.isArray(gaps) ? (gaps as SeqRange[]) : []
  } catch {
    return []
  }
}

export const batchOf = (value: unknown): AuditBatch => {
  const row = value as BatchRow
  return {
    nth: row.nth,
    afterSeq: row.after_seq,
    lastSeq: row.last_seq,
    count: row.entries,
    total: row.total,
    gaps: gapsIn(row.gaps),
    newestMs: row.newest_ms,
    sealedAt: row.sealed_at,
    mac: row.mac,
  }
}

export const anchorOf = (value: unknown): AuditAnchor => {
  const row = value as Pick<BatchRow, 'nth' | 'last_seq' | 'total' | 'mac'> & { anchor_mac: string }
  return {
    nth: row.nth,
    lastSeq: row.last_seq,
    total: row.total,
    mac: row.mac,
    anchorMac: row.anchor_mac,
  }
}

export const checkpointOf = (value: unknown): AuditCheckpoint => {
  const row = value as {
    batch: number
    last_seq: number
    total: number
    mac: string
    at_ms: number
    signature: string
  }
  return {
    batch: row.batch,
    lastSeq: row.last_seq,
    total: row.total,
    mac: row.mac,
    atMs: row.at_ms,
    signature: row.signature,
  }
}

const FIRST_ANCHOR = 'SELECT nth, last_seq, total, mac, anchor_mac FROM audit_anchor'
const LAST_BATCH = 'SELECT * FROM audit_batches ORDER BY nth DESC LIMIT 1'
const FIRST_BATCH = 'SELECT * FROM audit_batches ORDER BY nth LIMIT 1'

const anchorIn = ({ prepare }: Direct): ChainEnd => {
  const row = prepare(FIRST_ANCHOR).get()
  return row === undefined ? CHAIN_START : anchorOf(row)
}

const endIn = (direct: Direct): ChainEnd => {
  const row = direct.prepare(LAST_BATCH).get()
  return row === undefined ? anchorIn(direct) : batchOf(row)
}

const insertBatch = ({ prepare }: Direct, batch: AuditBatch): void => {
  prepare(`INSERT INTO audit_batches
    (nth, after_seq, last_seq, entries, total, gaps, newest_ms, sealed_at, mac)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
    batch.nth,
    batch.afterSeq,
    batch.lastSeq,
    batch.count,
    batch.total,
    JSON.stringify(batch.gaps),
    batch.newestMs,
    batch.sealedAt,
    batch.mac,
  )
}

/** Entries after a place, up to another one. */
const BETWEEN = `SELECT ${CHAIN_COLUMNS} FROM audit_log WHERE seq > ? AND seq <= ? ORDER BY seq`

const replaceAnchor = ({ prepare }: Direct, anchor: AuditAnchor): void => {
  prepare('DELETE FROM audit_anchor').run()
  prepare(`INSERT INTO audit_anchor (one, nth, last_seq, total, mac, anchor_mac)
    VALUES (1, ?, ?, ?, ?, ?)`).run(
    anchor.nth,
    anchor.lastSeq,
    anchor.total,
    anchor.mac,
    anchor.anchorMac,
  )
}

const NOTHING_DROPPED = { dropped: 0, refused: null }

type MakeAnchor = Parameters<AuditSeals['dropOldest']>[1]

const dropOldestIn = (direct: Direct, cutoffMs: number, makeAnchor: MakeAnchor) => {
  const { prepare } = direct
  const row = prepare(FIRST_BATCH).get()
  if (row === undefined || batchOf(row).newestMs > cutoffMs) {
    return NOTHING_DROPPED
  }
  const batch = batchOf(row)
  const entries = prepare(BETWEEN).all(batch.afterSeq, batch.lastSeq).map(provedEntryOf)
  const anchor = makeAnchor(anchorIn(direct), batch, entries)
  if (anchor === null) {
    return { dropped: 0, refused: batch }
  }
  const { afterSeq, lastSeq, nth } = batch
  prepare('DELETE FROM audit_log WHERE seq > ? AND seq <= ?').run(afterSeq, lastSeq)
  prepare('DELETE FROM audit_batches WHERE nth = ?').run(nth)
  prepare('DELETE FROM audit_checkpoints WHERE batch < ?').run(nth)
  replaceAnchor(direct, anchor)
  return { dropped: entries.length, refused: null }
}

type Seal = Parameters<AuditSeals['sealNext']>[2]

const sealNextIn = (direct: Direct, upTo: number, limit: number, seal: Seal): boolean => {
  const { prepare } = direct
  const end = endIn(direct)
  const entries: ChainEntry[] = prepare(`${BETWEEN} LIMIT ?`)
    .all(end.lastSeq, upTo, limit)
    .map(provedEntryOf)
  if (entries.length === 0) {
    return false
  }
  const { batch, seals } = seal(end, entries)
  const update = prepare('UPDATE audit_log SET commitment = ?, salt = ?, digest = ? WHERE seq = ?')
  for (const { seq, commitment, salt, digest } of seals) {
    update.run(commitment, salt, digest, seq)
  }
  insertBatch(direct, batch)
  return true
}

/**
 * The chain in SQLite. What was sealed but did not reach the disk before a power cut is sealed
 * again; a checkpoint waits for the disk, and for all before it.
 */
export const createAuditSeals = (sqlite: Sqlite): AuditSeals => ({
  extent: () =>
    sqlite.read((direct) => {
      const row = direct.prepare('SELECT max(seq) AS newest FROM audit_log').get()
      const newest = row?.['newest']
      return {
        newestSeq: typeof newest === 'number' ? newest : 0,
        sealedSeq: endIn(direct).lastSeq,
      }
    }),
  sealNext: (upTo, limit, seal) => sqlite.write((direct) => sealNextIn(direct, upTo, limit, seal)),
  chainEnd: () => sqlite.read(endIn),
  lastCheckpoint: () =>
    sqlite.read(({ prepare }) => {
      const row = prepare('SELECT * FROM audit_checkpoints ORDER BY batch DESC LIMIT 1').get()
      return row === undefined ? null : checkpointOf(row)
    }),
  addCheckpoint: async ({ batch, lastSeq, total, mac, atMs, signature }) => {
    await sqlite.db
      .insertInto('audit_checkpoints')
      .values({ batch, last_seq: lastSeq, total, mac, at_ms: atMs, signature })
      .onConflict((conflict) => conflict.column('batch').doNothing())
      .execute()
  },
  dropOldest: (cutoffMs, makeAnchor) =>
    sqlite.write((direct) => dropOldestIn(direct, cutoffMs, makeAnchor)),
})
