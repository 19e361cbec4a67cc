import { timingSafeEqual } from 'node:crypto'
import { auditEntry } from './audit.ts'
import { AppError } from './errors.ts'
import type { FileKey, KeyEntry } from './key_entry.ts'
import { keyInStock, type OtpKey } from './otp_key.ts'
import { openSeed, sealSeed } from './otp_seed.ts'
import type { Deps } from './ports.ts'

/** What became of one key of the file. Where one is rejected, none is added. */
export type KeyEvent =
  | {
      readonly outcome: 'added' | 'unchanged'
      readonly line: number
      readonly serial: string
    }
  | {
      readonly outcome: 'rejected'
      readonly line: number
      readonly serial: string | null
      readonly reason: string
    }

export interface ImportKeysOptions {
  /** Judges and reports all, writes nothing. */
  readonly dryRun: boolean
  /** For the audit: who imports, and from what file. */
  readonly by: string
  readonly source: string
  /** Of the file's bytes, hex. */
  readonly sha256: string
  readonly on: (event: KeyEvent) => void
}

export interface KeysReport {
  /** New keys; in stock from now on only where `imported`. */
  readonly added: number
  /** There already, with the same seed and parameters. */
  readonly unchanged: number
  readonly rejected: number
  /** Whether the file was imported: false for a dry run, and where one key was rejected. */
  readonly imported: boolean
}

const sameSeed = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b)

const PARAMETERS = ['kind', 'algorithm', 'digits', 'periodSeconds'] as const

/** Why a key of the file is not the one that has its serial here; null: it is the same. */
const differs = (deps: Deps, key: FileKey, stored: OtpKey): string | null => {
  if (!sameSeed(openSeed(deps, stored), key.seed)) {
    return 'this serial is here already, with another seed'
  }
  if (PARAMETERS.some((name) => stored[name] !== key[name])) {
    return 'this serial is here already, with other parameters'
  }
  // A counter goes on with every use; the file's stays behind, and never sets it back.
  return key.kind === 'hotp' && key.counter > stored.next
    ? 'this serial is here already, with a smaller counter'
    : null
}

interface Judged {
  readonly events: readonly KeyEvent[]
  readonly fresh: readonly FileKey[]
}

const judgeKey = async (deps: Deps, line: number, key: FileKey): Promise<KeyEvent> => {
  const { serial } = key
  const stored = await deps.store.otpKeys.find(serial)
  const reason = stored === null ? null : differs(deps, key, stored)
  return reason === null
    ? { outcome: stored === null ? 'added' : 'unchanged', line, serial }
    : { outcome: 'rejected', line, serial, reason }
}

/** On which line of the file something stood first. */
interface Seen {
  readonly serials: Map<string, number>
  /** By the seed in base64. */
  readonly seeds: Map<string, number>
}

/** Why a key cannot stand beside those before it; null: it can, and is one of them from now on. */
const repeats = (
  { serials, seeds }: Seen,
  line: number,
  { serial, seed }: FileKey,
): string | null => {
  const sameSerial = serials.get(serial)
  if (sameSerial !== undefined) {
    return `this serial stands on line ${sameSerial} already`
  }
  serials.set(serial, line)
  const mark = Buffer.from(seed).toString('base64')
  const sharing = seeds.get(mark)
  if (sharing !== undefined) {
    // Whoever holds one of them would make the codes of the other.
    return `its seed stands on line ${sharing} already, for another serial`
  }
  seeds.set(mark, line)
  return null
}

const judge = async (deps: Deps, entries: readonly KeyEntry[]): Promise<Judged> => {
  const seen: Seen = { serials: new Map(), seeds: new Map() }
  const events: KeyEvent[] = []
  const fresh: FileKey[] = []
  for (const entry of entries) {
    const { line } = entry
    if (!entry.ok) {
      events.push({ outcome: 'rejected', line, serial: entry.serial, reason: entry.reason })
      continue
    }
    const { key } = entry
    const reason = repeats(seen, line, key)
    if (reason !== null) {
      events.push({ outcome: 'rejected', line, serial: key.serial, reason })
      continue
    }
    const event = await judgeKey(deps, line, key)
    events.push(event)
    if (event.outcome === 'added') {
      fresh.push(key)
    }
  }
  return { events, fresh }
}

type Counts = Record<KeyEvent['outcome'], number>

const countsOf = (events: readonly KeyEvent[]): Counts => {
  const counts: Counts = { added: 0, unchanged: 0, rejected: 0 }
  for (const { outcome } of events) {
    counts[outcome] += 1
  }
  return counts
}

const stockOf = (deps: Deps, fresh: readonly FileKey[]): OtpKey[] =>
  fresh.map(({ seed, ...key }) =>
    keyInStock({ ...key, sealedSeed: sealSeed(deps, key.serial, seed) }, deps.clock()),
  )

/** Another import brought one of these serials in between. */
class Overtaken extends Error {}

/** All or nothing, the audit entry included. Sealing was done before: here are statements alone. */
const write = async (
  deps: Deps,
  keys: readonly OtpKey[],
  counts: Counts,
  { by, source, sha256 }: ImportKeysOptions,
): Promise<boolean> => {
  const detail = { source, sha256, ...counts }
  const entry = auditEntry(deps, { act: 'keys_imported', actor: by, detail })
  try {
    await deps.store.transact(async ({ otpKeys, audit }) => {
      for (const key of keys) {
        if (!(await otpKeys.add(key))) {
          throw new Overtaken()
        }
      }
      await audit.append(entry)
    })
    return true
  } catch (error) {
    if (error instanceof Overtaken) {
      return false
    }
    throw error
  }
}

const refuse = async (
  deps: Deps,
  counts: Counts,
  { by, source, sha256 }: ImportKeysOptions,
): Promise<void> => {
  const detail = { source, sha256, ...counts, added: 0 }
  await deps.store.audit.append(
    auditEntry(deps, { act: 'keys_imported', outcome: 'refused', actor: by, detail }),
  )
}

/** Each round the other import has brought in more; two do not chase each other for ever. */
const ROUNDS_MAX = 5

/**
 * Imports the keys of a file into the stock: all of them, or none where one is rejected. A repeat
 * changes nothing. Seeds are sealed before they reach the store, and are in no event.
 */
export const importKeys = async (
  deps: Deps,
  entries: readonly KeyEntry[],
  options: ImportKeysOptions,
): Promise<KeysReport> => {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { events, fresh } = await judge(deps, entries)
    const counts = countsOf(events)
    const good = counts.rejected === 0 && !options.dryRun
    const imported = good && (await write(deps, stockOf(deps, fresh), counts, options))
    if (imported || !good) {
      if (!good && !options.dryRun) {
        await refuse(deps, counts, options)
      }
      events.forEach(options.on)
      return { ...counts, imported }
    }
  }
  throw new AppError('busy', 'other imports kept bringing in the same keys: import the file again')
}
