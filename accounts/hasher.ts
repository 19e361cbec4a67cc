import { verify as argon2Verify } from 'argon2'
import { ADOPTED_PREFIX, type Argon2Check, adoptedText, checkAdopted } from './adopted_hash.ts'
import {
  costOf,
  HASH_BYTES,
  type HashParameters,
  hashText,
  headerOf,
  phc,
  SALT_BYTES,
} from './argon2_text.ts'
import type { HashQueue } from './hash_queue.ts'
import { KEYED_HASH_PREFIX, type KeyedHash } from './keyed_hash.ts'
import type { Hasher, HashLane, Random } from './ports.ts'
import type { Sealer } from './seal.ts'

export interface HasherOptions {
  /** Seals under the pepper. */
  readonly sealer: Sealer
  /** Under keys derived from the pepper. */
  readonly keyed: KeyedHash
  readonly queue: HashQueue
  readonly parameters: HashParameters
  readonly random: Random
}

/** argon2id runs since the start: all, and by their cost such as `m=19456,t=2,p=1`. */
export interface HashStats {
  readonly runs: number
  readonly runsByCost: ReadonlyMap<string, number>
}

export interface MeasuredHasher extends Hasher {
  stats(): HashStats
}

/** One kind of text that may stand inside a seal. */
interface Kind {
  readonly prefix: string
  readonly check: (secret: string, text: string, owner: string) => Promise<boolean>
  /** Whether it is to be hashed anew once its secret is known. */
  readonly isOld: (text: string, sealed: string) => boolean
}

/** A prefix of its own: no account's secret is bound to this. */
const DUMMY_OWNER = 'dummy'

/**
 * Hashes with argon2id and seals the result under the pepper. What is hashed comes in Unicode
 * NFC already. A text that does not open (another pepper, another owner) rejects with
 * `AppError('unavailable')`: nobody gets in, and the log says why.
 */
export function createHasher(options: HasherOptions): MeasuredHasher {
  const { sealer, keyed, queue, parameters, random } = options
  const header = headerOf(parameters)
  // In the place of a hash, random bytes: as costly to check as any, and right for no secret.
  const dummyText = phc(header, random.bytes(SALT_BYTES), random.bytes(HASH_BYTES))
  const dummy = sealer.seal(dummyText, DUMMY_OWNER, random)
  const runsByCost = new Map<string, number>()

  const count = (text: string): void => {
    const cost = costOf(text)
    if (cost !== null) {
      runsByCost.set(cost, (runsByCost.get(cost) ?? 0) + 1)
    }
  }
  const argon2Matches: Argon2Check = (text, secret) => {
    count(text)
    return argon2Verify(text, secret)
  }
  const argon2 = (secret: string | Buffer, lane: HashLane): Promise<string> =>
    queue.run(lane, () => {
      count(header)
      return hashText(secret, random.bytes(SALT_BYTES), parameters)
    })

  const ours: Kind = {
    prefix: '$argon2id$',
    check: (secret, text) => argon2Matches(text, secret),
    isOld: (text, sealed) => !text.startsWith(header) || !sealer.isCurrent(sealed),
  }
  const kinds: readonly Kind[] = [
    ours,
    {
      prefix: KEYED_HASH_PREFIX,
      check: async (secret, text, owner) => {
        // As much work as for a password of one's own: which of the two it is does not show.
        await argon2Matches(dummyText, secret)
        return keyed.matches(secret, owner, text)
      },
      isOld: () => false,
    },
    {
      prefix: ADOPTED_PREFIX,
      check: (secret, text) => checkAdopted(secret, text, argon2Matches),
      isOld: () => true,
    },
  ]

  return {
    reserve: (lane) => queue.reserve(lane),
    async hash(secret, owner, lane) {
      return sealer.seal(await argon2(secret, lane), owner, random)
    },
    keep: (generated, owner) => sealer.seal(keyed.make(generated, owner), owner, random),
    async adopt(hash, owner, lane) {
      const text = await adoptedText(hash, (digest) => argon2(digest, lane))
      return sealer.seal(text, owner, random)
    },
    async verify(secret, sealed, owner, lane) {
      const isDummy = sealed === null
      const text = (
        isDummy ? sealer.open(dummy, DUMMY_OWNER) : sealer.open(sealed, owner)
      ).toString()
      const kind = kinds.find(({ prefix }) => text.startsWith(prefix)) ?? ours
      const matches = await queue.run(lane, () => kind.check(secret, text, owner))
      return { right: matches && !isDummy, stale: kind.isOld(text, sealed ?? dummy) }
    },
    stats: () => ({
      runs: [...runsByCost.values()].reduce((sum, runs) => sum + runs, 0),
      runsByCost: new Map(runsByCost),
    }),
  }
}
