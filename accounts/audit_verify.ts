import {
  type AuditAnchor,
  type AuditBatch,
  type AuditCheckpoint,
  CHAIN_START,
  type ChainEnd,
  type ChainReader,
  type ProvedEntry,
} from './audit_chain.ts'
import {
  type AuditKeys,
  anchorMacOf,
  batchMac,
  entryFault,
  isOurCheckpoint,
  isSameMac,
} from './audit_seal.ts'

export type FindingKind =
  /** An entry is not what was sealed: altered, moved, or its seal taken away. */
  | 'altered'
  /** What an entry said of somebody was removed, and not by the gateway. */
  | 'emptied'
  | 'removed'
  /** Stands among sealed entries and was never sealed. */
  | 'slipped_in'
  /** A link of the chain is not what was written, or is not there. */
  | 'seal_altered'
  | 'seal_missing'
  /** Sealed entries behind the end of the chain: their seals were cut off. */
  | 'cut_off'
  /** The chain begins too late, and no purge of ours accounts for it. */
  | 'beginning'
  /** A checkpoint vouches for what is not there, or is otherwise there. */
  | 'checkpoint_ahead'
  | 'checkpoint_differs'
  /** The gateway did not sign it. */
  | 'checkpoint_forged'

export interface Finding {
  readonly kind: FindingKind
  /** Place, or first and last place, where it is known. */
  readonly first: number
  readonly last: number
  /** When the entry, or what was sealed last before it, was written (ms); null: not known. */
  readonly atMs: number | null
  /** Of the chain; of a checkpoint, the line of its file (0: of the database). */
  readonly batch: number | null
  readonly line: number | null
}

export interface Verified {
  /** Sealed entries that were looked at. */
  readonly entries: number
  readonly batches: number
  readonly erased: number
  /** Up to which place the chain goes, and how many entries it ever had. */
  readonly end: ChainEnd
  /** Entries that were purged after their time. */
  readonly purged: number
  readonly unsealed: number
  readonly unsealedSinceMs: number | null
  readonly checkpoints: number
  /** Lines of the file that are none. */
  readonly unreadable: number
  /** The newest one that fits. */
  readonly lastCheckpoint: AuditCheckpoint | null
  readonly findings: number
}

export interface VerifyParts {
  readonly chain: ChainReader
  readonly keys: AuditKeys
  readonly lines: Iterable<{ readonly line: number; readonly checkpoint: AuditCheckpoint | null }>
  readonly found: (finding: Finding) => void
  readonly progress: (entries: number) => void
}

const PROGRESS_EACH = 10_000

type Found = (finding: Partial<Finding> & Pick<Finding, 'kind' | 'first'>) => void

/** One entry after the other, with a look at the next one. */
const cursorOf = (entries: Iterable<ProvedEntry>) => {
  const iterator = entries[Symbol.iterator]()
  let next = iterator.next()
  return {
    peek: (): ProvedEntry | null => (next.done === true ? null : next.value),
    take: (): void => {
      next = iterator.next()
    },
  }
}

type Cursor = ReturnType<typeof cursorOf>

/** Where the chain begins: at nothing, or where a purge of ours has ended. */
const beginning = (anchor: AuditAnchor | null, keys: AuditKeys, found: Found): ChainEnd => {
  if (anchor === null) {
    return CHAIN_START
  }
  if (!isSameMac(anchorMacOf(keys, anchor), anchor.anchorMac)) {
    found({ kind: 'beginning', first: anchor.lastSeq })
  }
  return anchor
}

interface Counts {
  entries: number
  erased: number
  batches: number
}

/** Where an entry was expected and is none: what is no gap is gone. */
const tellRemoved = (batch: AuditBatch, from: number, to: number, found: Found): void => {
  let first = from
  for (const [gapFirst, gapLast] of batch.gaps) {
    if (gapFirst <= to && gapLast >= first) {
      if (gapFirst > first) {
        found({ kind: 'removed', first, last: gapFirst - 1, atMs: batch.newestMs })
      }
      first = Math.max(first, gapLast + 1)
    }
  }
  if (first <= to) {
    found({ kind: 'removed', first, last: to, atMs: batch.newestMs })
  }
}

const isGap = ({ gaps }: AuditBatch, seq: number): boolean =>
  gaps.some(([first, last]) => seq >= first && seq <= last)

const KIND_OF_FAULT = { unsealed: 'altered', altered: 'altered', emptied: 'emptied' } as const

/** One entry where it is expected; null: it has no place in the chain, and no digest. */
const judgeEntry = (
  keys: AuditKeys,
  batch: AuditBatch,
  entry: ProvedEntry,
  tell: Found,
): string | null => {
  const { seq: first, atMs, digest } = entry
  if (digest === null && isGap(batch, first)) {
    tell({ kind: 'slipped_in', first, atMs })
    return null
  }
  const fault = entryFault(keys, entry)
  if (fault !== null) {
    tell({ kind: KIND_OF_FAULT[fault], first, atMs })
  }
  return digest ?? ''
}

const count = ({ salt, digest }: ProvedEntry, counts: Counts, progress: (n: number) => void) => {
  counts.entries += 1
  counts.erased += salt === null && digest !== null ? 1 : 0
  if (counts.entries % PROGRESS_EACH === 0) {
    progress(counts.entries)
  }
}

/** The entries of one batch; returns their digests, and whether all was as it should be. */
const verifyEntries = (
  batch: AuditBatch,
  cursor: Cursor,
  { keys, progress }: VerifyParts,
  counts: Counts,
  found: Found,
): { digests: string[]; clean: boolean } => {
  const digests: string[] = []
  let clean = true
  const tell: Found = (finding) => {
    clean = false
    found({ batch: batch.nth, ...finding })
  }
  let expected = batch.afterSeq + 1
  for (let entry = cursor.peek(); entry !== null && entry.seq <= batch.lastSeq; ) {
    tellRemoved(batch, expected, entry.seq - 1, tell)
    const digest = judgeEntry(keys, batch, entry, tell)
    if (digest !== null) {
      digests.push(digest)
    }
    count(entry, counts, progress)
    expected = entry.seq + 1
    cursor.take()
    entry = cursor.peek()
  }
  tellRemoved(batch, expected, batch.lastSeq, tell)
  return { digests, clean }
}

/** Entries that stand where no batch is: those before the chain's beginning are not there to be. */
const tellStrays = (cursor: Cursor, upTo: number, end: ChainEnd, found: Found): void => {
  for (let entry = cursor.peek(); entry !== null && entry.seq <= upTo; entry = cursor.peek()) {
    const kind = entry.digest === null || end.nth === 0 ? 'slipped_in' : 'seal_missing'
    found({ kind, first: entry.seq, atMs: entry.atMs })
    cursor.take()
  }
}

/** One link. The next one is judged by what this one says of itself: one fault, one finding. */
const verifyBatch = (
  before: ChainEnd,
  batch: AuditBatch,
  cursor: Cursor,
  parts: VerifyParts,
  counts: Counts,
  found: Found,
): ChainEnd => {
  const follows = batch.nth === before.nth + 1
  if (!follows) {
    const first = before.lastSeq + 1
    const kind = before.nth === 0 ? 'beginning' : 'seal_missing'
    found({ kind, first, last: batch.afterSeq, batch: before.nth + 1, atMs: batch.newestMs })
    while ((cursor.peek()?.seq ?? Number.POSITIVE_INFINITY) <= batch.afterSeq) {
      cursor.take() // Told by this finding, all of them.
    }
  } else {
    tellStrays(cursor, batch.afterSeq, before, found)
  }
  const { digests, clean } = verifyEntries(batch, cursor, parts, counts, found)
  const { mac, ...rest } = batch
  const expected = batchMac(parts.keys, before.mac, rest, digests)
  if (follows && clean && !isSameMac(expected, mac)) {
    const { afterSeq, lastSeq, nth, newestMs } = batch
    found({ kind: 'seal_altered', first: afterSeq + 1, last: lastSeq, batch: nth, atMs: newestMs })
  }
  counts.batches += 1
  return batch
}

/** What is behind the end of the chain: not sealed yet, or not any more. */
const verifyTail = (
  cursor: Cursor,
  found: Found,
): { unsealed: number; unsealedSinceMs: number | null } => {
  let unsealed = 0
  let unsealedSinceMs: number | null = null
  for (let entry = cursor.peek(); entry !== null; entry = cursor.peek()) {
    if (entry.digest === null) {
      unsealed += 1
      unsealedSinceMs = Math.min(unsealedSinceMs ?? entry.atMs, entry.atMs)
    } else {
      found({ kind: 'cut_off', first: entry.seq, atMs: entry.atMs })
    }
    cursor.take()
  }
  return { unsealed, unsealedSinceMs }
}

const verifyCheckpoint = (
  checkpoint: AuditCheckpoint,
  line: number,
  { chain, keys }: VerifyParts,
  { begin, end }: { readonly begin: ChainEnd; readonly end: ChainEnd },
  found: Found,
): boolean => {
  const { batch, lastSeq, mac, atMs } = checkpoint
  const place = { first: lastSeq, last: lastSeq, batch, line, atMs }
  if (!isOurCheckpoint(keys, checkpoint)) {
    found({ kind: 'checkpoint_forged', ...place })
    return false
  }
  if (batch > end.nth) {
    found({ kind: 'checkpoint_ahead', ...place, first: Math.min(end.lastSeq + 1, lastSeq) })
    return false
  }
  if (batch < begin.nth) {
    return true // Of what was purged since: the place where that ended is in the chain.
  }
  const stored = batch === begin.nth ? begin.mac : chain.macOf(batch)
  if (stored === null || !isSameMac(stored, mac)) {
    found({ kind: 'checkpoint_differs', ...place })
    return false
  }
  return true
}

const verifyCheckpoints = (
  parts: VerifyParts,
  ends: { readonly begin: ChainEnd; readonly end: ChainEnd },
  found: Found,
): Pick<Verified, 'checkpoints' | 'unreadable' | 'lastCheckpoint'> => {
  let checkpoints = 0
  let unreadable = 0
  let lastCheckpoint: AuditCheckpoint | null = null
  const judge = (checkpoint: AuditCheckpoint, line: number): void => {
    checkpoints += 1
    const fits = verifyCheckpoint(checkpoint, line, parts, ends, found)
    if (fits && checkpoint.batch > (lastCheckpoint?.batch ?? -1)) {
      lastCheckpoint = checkpoint
    }
  }
  for (const checkpoint of parts.chain.checkpoints()) {
    judge(checkpoint, 0)
  }
  for (const { line, checkpoint } of parts.lines) {
    if (checkpoint === null) {
      unreadable += 1
    } else {
      judge(checkpoint, line)
    }
  }
  return { checkpoints, unreadable, lastCheckpoint }
}

/**
 * Checks all of the chain, entry by entry, and what checkpoints say of it. Each thing that is not as
 * it was sealed is told through `found`.
 */
export const verifyAudit = (parts: VerifyParts): Verified => {
  let findings = 0
  const found: Found = (finding) => {
    findings += 1
    parts.found({ last: finding.first, atMs: null, batch: null, line: null, ...finding })
  }
  const begin = beginning(parts.chain.anchor(), parts.keys, found)
  const counts: Counts = { entries: 0, erased: 0, batches: 0 }
  const cursor = cursorOf(parts.chain.entries())
  let end = begin
  for (const batch of parts.chain.batches()) {
    end = verifyBatch(end, batch, cursor, parts, counts, found)
  }
  const { nth, lastSeq, total, mac } = end
  const tail = verifyTail(cursor, found)
  const checked = verifyCheckpoints(parts, { begin, end }, found)
  return {
    ...counts,
    ...tail,
    ...checked,
    end: { nth, lastSeq, total, mac },
    purged: begin.total,
    findings,
  }
}
