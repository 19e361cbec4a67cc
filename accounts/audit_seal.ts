import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import type {
  AuditAnchor,
  AuditBatch,
  AuditCheckpoint,
  AuditSeals,
  ChainEnd,
  ChainEntry,
  EntrySeal,
  PersonalPart,
  ProvedEntry,
  SeqRange,
} from './audit_chain.ts'
import { nextTurn } from './next_turn.ts'
import type { Clock, Random } from './ports.ts'

const KEY_BYTES = 32
const SALT_BYTES = 16
/** An Ed25519 private key in PKCS #8 (RFC 8410 §7), before its 32 bytes. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

type Part = string | number | boolean | null | readonly SeqRange[]

/** What only who has the keys can make. */
export interface AuditKeys {
  /** HMAC-SHA-256, base64url. */
  mac(parts: readonly Part[]): string
  /** Ed25519 (RFC 8032), base64url. */
  sign(text: string): string
  verify(text: string, signature: string): boolean
  /** Whoever has it can check checkpoints, and make none: base64url. */
  readonly publicKey: string
}

/** The keys of the chain, derived from the master key for this alone. */
export const createAuditKeys = (master: Uint8Array): AuditKeys => {
  // RFC 5869 §3.2: `info` binds the derived key to its use; §3.1: a uniform key needs no salt.
  const derived = (use: string): Buffer =>
    Buffer.from(hkdfSync('sha256', master, '', `vestibule audit ${use}`, KEY_BYTES))
  const key: KeyObject = createSecretKey(derived('chain'))
  const privateKey = createPrivateKey({
    key: Buffer.concat([ED25519_PKCS8, derived('checkpoints')]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = createPublicKey(privateKey)
  return {
    mac: (parts) => createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url'),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64url'),
    verify: (text, signature) =>
      verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64url')),
    publicKey: publicKey.export({ format: 'jwk' }).x ?? '',
  }
}

export const isSameMac = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Binds to the personal part without telling it: a salt of its own goes when the part goes. */
export const commitmentOf = (salt: string, entry: PersonalPart): string =>
  createHmac('sha256', Buffer.from(salt, 'base64url'))
    .update(JSON.stringify([entry.sub, entry.self, entry.network, entry.browserId, entry.detail]))
    .digest('base64url')

export const digestOf = (keys: AuditKeys, entry: ChainEntry, commitment: string): string =>
  keys.mac([
    'entry',
    entry.seq,
    entry.id,
    entry.atMs,
    entry.act,
    entry.outcome,
    entry.by,
    entry.clientId,
    commitment,
  ])

/** Stands beside an entry whose personal part was erased: nobody else can empty one unseen. */
export const erasedMark = (keys: AuditKeys, seq: number, commitment: string): string =>
  keys.mac(['erased', seq, commitment])

export const batchMac = (
  keys: AuditKeys,
  previousMac: string,
  batch: Omit<AuditBatch, 'mac'>,
  digests: readonly string[],
): string =>
  keys.mac([
    'batch',
    previousMac,
    batch.nth,
    batch.afterSeq,
    batch.lastSeq,
    batch.count,
    batch.total,
    batch.gaps,
    batch.newestMs,
    batch.sealedAt,
    ...digests,
  ])

export const anchorMacOf = (keys: AuditKeys, end: ChainEnd): string =>
  keys.mac(['anchor', end.nth, end.lastSeq, end.total, end.mac])

const checkpointText = (checkpoint: Omit<AuditCheckpoint, 'signature'>): string =>
  JSON.stringify([
    'vestibule audit checkpoint',
    checkpoint.batch,
    checkpoint.lastSeq,
    checkpoint.total,
    checkpoint.mac,
    checkpoint.atMs,
  ])

export const signCheckpoint = (keys: AuditKeys, end: ChainEnd, atMs: number): AuditCheckpoint => {
  const { nth: batch, lastSeq, total, mac } = end
  const checkpoint = { batch, lastSeq, total, mac, atMs }
  return { ...checkpoint, signature: keys.sign(checkpointText(checkpoint)) }
}

export const isOurCheckpoint = (keys: AuditKeys, checkpoint: AuditCheckpoint): boolean =>
  keys.verify(checkpointText(checkpoint), checkpoint.signature)

/** The places after `afterSeq` that none of these has, which are in order. */
export const gapsOf = (afterSeq: number, seqs: readonly number[]): SeqRange[] => {
  const gaps: SeqRange[] = []
  let last = afterSeq
  for (const seq of seqs) {
    if (seq > last + 1) {
      gaps.push([last + 1, seq - 1])
    }
    last = seq
  }
  return gaps
}

/** The next link of the chain: what proves these entries, which follow its end, in order. */
export const sealBatch = (
  keys: AuditKeys,
  random: Random,
  sealedAt: number,
  end: ChainEnd,
  entries: readonly ChainEntry[],
): { batch: AuditBatch; seals: EntrySeal[] } => {
  const seals = entries.map((entry) => {
    const salt = Buffer.from(random.bytes(SALT_BYTES)).toString('base64url')
    const commitment = commitmentOf(salt, entry)
    return { seq: entry.seq, salt, commitment, digest: digestOf(keys, entry, commitment) }
  })
  const batch = {
    nth: end.nth + 1,
    afterSeq: end.lastSeq,
    lastSeq: entries.at(-1)?.seq ?? end.lastSeq,
    count: entries.length,
    total: end.total + entries.length,
    gaps: gapsOf(
      end.lastSeq,
      entries.map(({ seq }) => seq),
    ),
    newestMs: entries.reduce((newest, { atMs }) => Math.max(newest, atMs), 0),
    sealedAt,
  }
  const digests = seals.map(({ digest }) => digest)
  return { batch: { ...batch, mac: batchMac(keys, end.mac, batch, digests) }, seals }
}

/** Why an entry is not what was sealed; null: it is. */
export const entryFault = (
  keys: AuditKeys,
  entry: ProvedEntry,
): 'unsealed' | 'altered' | 'emptied' | null => {
  const { commitment, salt, digest, erased } = entry
  if (commitment === null || digest === null) {
    return 'unsealed'
  }
  if (!isSameMac(digestOf(keys, entry, commitment), digest)) {
    return 'altered'
  }
  if (salt !== null) {
    return isSameMac(commitmentOf(salt, entry), commitment) ? null : 'altered'
  }
  const isEmpty =
    entry.sub === null &&
    !entry.self &&
    entry.network === null &&
    entry.browserId === null &&
    entry.detail === '{}'
  const isOurs = erased !== null && isSameMac(erasedMark(keys, entry.seq, commitment), erased)
  return isEmpty && isOurs ? null : 'emptied'
}

const isWhole = (
  keys: AuditKeys,
  before: ChainEnd,
  batch: AuditBatch,
  entries: readonly ProvedEntry[],
): boolean => {
  const { mac, ...rest } = batch
  const digests = entries.map(({ digest }) => digest ?? '')
  return (
    entries.every((entry) => entryFault(keys, entry) === null) &&
    entries.length === batch.count &&
    isSameMac(batchMac(keys, before.mac, rest, digests), mac)
  )
}

/** What stands for a batch that goes; null: it is not what was sealed, and is to be kept. */
export const anchorFor = (
  keys: AuditKeys,
  before: ChainEnd,
  batch: AuditBatch,
  entries: readonly ProvedEntry[],
): AuditAnchor | null => {
  if (!isWhole(keys, before, batch, entries)) {
    return null
  }
  const { nth, lastSeq, total, mac } = batch
  return { nth, lastSeq, total, mac, anchorMac: anchorMacOf(keys, { nth, lastSeq, total, mac }) }
}

/** Entries of one batch: few ms, so that no sign-in waits for it. */
export const BATCH_MAX = 250
/** Batches of one round: the rest waits for the next one, so that a long past is no flood. */
const BATCHES_A_ROUND = 40
export const CHECKPOINT_PAUSE_MS = 60_000

export interface SealerParts {
  readonly seals: AuditSeals
  readonly keys: AuditKeys
  readonly clock: Clock
  readonly random: Random
  /** Whether this process is the one that seals; asked only when there is something to seal. */
  readonly mayI: () => Promise<boolean>
  /** Brings a checkpoint to where it is copied from, on the disk, unless it is the last one there. */
  readonly publish: (checkpoint: AuditCheckpoint) => Promise<void>
}

export interface AuditSealer {
  /** Seals what there is to seal. To be called again and again, never twice at once. */
  round(): Promise<void>
  /** Seals all there is, with a checkpoint: at the stop. */
  finish(): Promise<void>
}

/**
 * The one who seals. A round seals what the round before has seen: SQLite gives places in the order
 * of commits, but elsewhere an entry may appear after one of a later place was seen, and one that
 * appears below the end of the chain would count as slipped in. Whoever takes longer than a round to
 * commit leaves a gap, which is sealed as such.
 */
export const createAuditSealer = (parts: SealerParts): AuditSealer => {
  const { seals, keys, clock, random } = parts
  let seenSeq = 0
  let publishedBatch = 0
  /** There is something that no checkpoint vouches for; at first nobody knows. */
  let isBehind = true

  const seal = async (upTo: number, most: number): Promise<void> => {
    for (let nth = 0; nth < most; nth += 1) {
      const sealed = await seals.sealNext(upTo, BATCH_MAX, (end, entries) =>
        sealBatch(keys, random, clock(), end, entries),
      )
      if (!sealed) {
        return
      }
      await nextTurn()
    }
  }

  /** In the file is the newest one, too, that somebody who was killed could not bring there. */
  const publish = async (checkpoint: AuditCheckpoint | null): Promise<void> => {
    if (checkpoint !== null && checkpoint.batch > publishedBatch) {
      await parts.publish(checkpoint)
      publishedBatch = checkpoint.batch
    }
  }

  const checkpoint = async (pauseMs: number): Promise<void> => {
    const last = await seals.lastCheckpoint()
    await publish(last)
    const end = await seals.chainEnd()
    const nowMs = clock()
    const isDue = last === null || Math.abs(nowMs - last.atMs) >= pauseMs
    const isNew = end.nth > (last?.batch ?? 0)
    if (isNew && isDue) {
      const signed = signCheckpoint(keys, end, nowMs)
      // First the database, with all that it vouches for: a power cut must not leave a checkpoint
      // elsewhere of what is lost here.
      await seals.addCheckpoint(signed)
      await publish(signed)
    }
    isBehind = isNew && !isDue
  }

  const round = async (): Promise<void> => {
    const { newestSeq, sealedSeq } = await seals.extent()
    const upTo = seenSeq
    seenSeq = newestSeq
    if ((newestSeq > sealedSeq || isBehind) && (await parts.mayI())) {
      await seal(upTo, BATCHES_A_ROUND)
      await checkpoint(CHECKPOINT_PAUSE_MS)
    }
  }

  return {
    round,
    async finish() {
      const { newestSeq } = await seals.extent()
      if (await parts.mayI()) {
        await seal(newestSeq, Number.POSITIVE_INFINITY)
        await checkpoint(0)
      }
    },
  }
}

/** Batches of one purge; the next one goes on. */
const DROPPED_AT_ONCE = 2_000

/**
 * Forgets whole batches from before `cutoffMs`. One that is not what was sealed is not forgotten,
 * nor anything after it: `refused`. Returns how many entries went.
 */
export const purgeAudit = async (
  { seals, keys }: Pick<SealerParts, 'seals' | 'keys'>,
  cutoffMs: number,
): Promise<{ dropped: number; refused: AuditBatch | null }> => {
  let all = 0
  for (let nth = 0; nth < DROPPED_AT_ONCE; nth += 1) {
    const { dropped, refused } = await seals.dropOldest(cutoffMs, (before, batch, entries) =>
      anchorFor(keys, before, batch, entries),
    )
    all += dropped
    if (dropped === 0) {
      return { dropped: all, refused }
    }
    await nextTurn()
  }
  return { dropped: all, refused: null }
}
