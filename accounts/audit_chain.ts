/** What an entry says of people: apart from its proof, so that it can go while the proof stays. */
export interface PersonalPart {
  readonly sub: string | null
  /** Whoever it concerns did it themselves. */
  readonly self: boolean
  readonly network: string | null
  readonly browserId: string | null
  /** JSON, as stored. */
  readonly detail: string
}

/** An entry as the chain sees it. Column by column: nothing is parsed to be proved. */
export interface ChainEntry extends PersonalPart {
  readonly seq: number
  readonly id: string
  readonly atMs: number
  readonly act: string
  readonly outcome: string
  /** Who did it to somebody else: an opaque `sub`, or `cli:<system user>`; null: nobody else. */
  readonly by: string | null
  readonly clientId: string | null
}

/** What proves an entry. */
export interface EntrySeal {
  readonly seq: number
  /** Says nothing of the personal part without its salt. */
  readonly commitment: string
  readonly salt: string
  readonly digest: string
}

/** An entry with its proof; all null: not sealed yet. */
export interface ProvedEntry extends ChainEntry {
  readonly commitment: string | null
  /** Null: the personal part was erased, and nobody can try what it said. */
  readonly salt: string | null
  readonly digest: string | null
  /** Proves that it was erased by the gateway; null: it was not. */
  readonly erased: string | null
}

/** First and last place, both included. */
export type SeqRange = readonly [first: number, last: number]

/** A link of the chain: the entries after the place `afterSeq` up to `lastSeq`. */
export interface AuditBatch {
  /** From 1. */
  readonly nth: number
  readonly afterSeq: number
  readonly lastSeq: number
  readonly count: number
  /** Entries in the chain so far, with these. */
  readonly total: number
  /**
   * Places between that had no entry when it was sealed: a transaction that was given one and rolled
   * back, where the database does not take it back; or what was purged before the chain began.
   */
  readonly gaps: readonly SeqRange[]
  /** Of its newest entry, ms. */
  readonly newestMs: number
  readonly sealedAt: number
  readonly mac: string
}

/** What stands for the batches that were purged. */
export interface AuditAnchor extends Pick<AuditBatch, 'nth' | 'lastSeq' | 'total' | 'mac'> {
  /** Only the gateway can make it. */
  readonly anchorMac: string
}

/** The state of the chain at a moment, signed: for elsewhere. */
export interface AuditCheckpoint {
  readonly batch: number
  readonly lastSeq: number
  readonly total: number
  readonly mac: string
  readonly atMs: number
  /** Ed25519, base64url. */
  readonly signature: string
}

/** Where the next batch begins. */
export type ChainEnd = Pick<AuditBatch, 'nth' | 'lastSeq' | 'total' | 'mac'>

export const CHAIN_START: ChainEnd = { nth: 0, lastSeq: 0, total: 0, mac: '' }

/** What the sealer writes. */
export interface AuditSeals {
  /** The place of the newest entry, 0: none; and of the last one that is sealed. */
  extent(): Promise<{ readonly newestSeq: number; readonly sealedSeq: number }>
  /**
   * Seals the next entries up to the place `upTo`, at most `limit`, in one atomic act whatever else
   * seals meanwhile; false: there was none. `seal` works it out, and is pure.
   */
  sealNext(
    upTo: number,
    limit: number,
    seal: (
      end: ChainEnd,
      entries: readonly ChainEntry[],
    ) => { readonly batch: AuditBatch; readonly seals: readonly EntrySeal[] },
  ): Promise<boolean>
  chainEnd(): Promise<ChainEnd>
  /** The newest one; null: none yet. */
  lastCheckpoint(): Promise<AuditCheckpoint | null>
  /** It is on the disk afterwards, with all that it vouches for. */
  addCheckpoint(checkpoint: AuditCheckpoint): Promise<void>
  /**
   * Drops the oldest batch with its entries, if all of it is from `cutoffMs` or before; `anchor`
   * works out what stands for it, null: it is not as it was sealed, and stays. One atomic act.
   */
  dropOldest(
    cutoffMs: number,
    anchor: (
      before: ChainEnd,
      batch: AuditBatch,
      entries: readonly ProvedEntry[],
    ) => AuditAnchor | null,
  ): Promise<{ readonly dropped: number; readonly refused: AuditBatch | null }>
}

/** All of the chain as it stands, for who checks it: read once, in order, nothing kept. */
export interface ChainReader {
  anchor(): AuditAnchor | null
  batches(): Iterable<AuditBatch>
  entries(): Iterable<ProvedEntry>
  /** Those that the database keeps. */
  checkpoints(): Iterable<AuditCheckpoint>
  /** The mac of a batch; null: it is not there. */
  macOf(nth: number): string | null
}

/** What the personal part of an erased entry is. */
export const ERASED_PART: PersonalPart = {
  sub: null,
  self: false,
  network: null,
  browserId: null,
  detail: '{}',
}

/** How far the chain is, for people. */
export interface ChainState {
  readonly sealedSeq: number
  /** When the newest sealed entry was written (ms); null: none is sealed. */
  readonly sealedToMs: number | null
  readonly total: number
  /** Not sealed yet, and since when. */
  readonly unsealed: number
  readonly unsealedSinceMs: number | null
  readonly checkpoint: Pick<AuditCheckpoint, 'atMs' | 'lastSeq'> | null
}
