import { hash as argon2Hash, argon2id, verify as argon2Verify } from 'argon2'
import type { HashQueue } from './hash_queue.ts'
import type { Hasher, HashLane, Random } from './ports.ts'
import type { Sealer } from './seal.ts'

/** The cost of one argon2id. OWASP's least is 19456 KiB, 2 iterations, 1 lane. */
export interface HashParameters {
  readonly memoryKib: number
  readonly iterations: number
  readonly parallelism: number
}

export interface HasherOptions {
  /** Seals under the pepper. */
  readonly sealer: Sealer
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

const SALT_BYTES = 16
const HASH_BYTES = 32
const ARGON2_VERSION = 0x13
/** A prefix of its own: no account's secret is bound to this. */
const DUMMY_OWNER = 'dummy'

/**
 * Hashes with argon2id and seals the result under the pepper. What is hashed comes in Unicode
 * NFC already. A text that does not open (another pepper, another owner) rejects with
 * `AppError('unavailable')`: nobody gets in, and the log says why.
 */
export function createHasher(options: HasherOptions): MeasuredHasher {
  const { sealer, queue, parameters, random } = options
  const header = headerOf(parameters)
  // In the place of a hash, random bytes: as costly to check as any, and right for no secret.
  const dummyText = phc(header, random.bytes(SALT_BYTES), random.bytes(HASH_BYTES))
  const dummy = sealer.seal(dummyText, DUMMY_OWNER, random)
  const runsByCost = new Map<string, number>()

  const counted = <T>(text: string, lane: HashLane, run: () => Promise<T>): Promise<T> =>
    queue.run(lane, () => {
      const cost = costOf(text)
      runsByCost.set(cost, (runsByCost.get(cost) ?? 0) + 1)
      return run()
    })

  return {
    reserve: (lane) => queue.reserve(lane),
    async hash(secret, owner, lane) {
      const salt = random.bytes(SALT_BYTES)
      const result = await counted(header, lane, () => rawHash(secret, salt, parameters))
      return sealer.seal(phc(header, salt, result), owner, random)
    },
    async verify(secret, sealed, owner, lane) {
      const isDummy = sealed === null
      const text = (
        isDummy ? sealer.open(dummy, DUMMY_OWNER) : sealer.open(sealed, owner)
      ).toString()
      const matches = await counted(text, lane, () => argon2Verify(text, secret))
      const isCurrent = text.startsWith(header) && sealer.isCurrent(sealed ?? dummy)
      return { right: matches && !isDummy, stale: !isCurrent }
    },
    stats: () => ({
      runs: [...runsByCost.values()].reduce((sum, runs) => sum + runs, 0),
      runsByCost: new Map(runsByCost),
    }),
  }
}

const rawHash = (secret: string, salt: Uint8Array, parameters: HashParameters): Promise<Buffer> =>
  argon2Hash(secret, {
    type: argon2id,
    version: ARGON2_VERSION,
    memoryCost: parameters.memoryKib,
    timeCost: parameters.iterations,
    parallelism: parameters.parallelism,
    hashLength: HASH_BYTES,
    salt: Buffer.from(salt),
    raw: true,
  })

/** Start of the PHC string, up to the salt: the algorithm, its version and its cost. */
const headerOf = ({ memoryKib, iterations, parallelism }: HashParameters): string =>
  `$argon2id$v=${ARGON2_VERSION}$m=${memoryKib},t=${iterations},p=${parallelism}$`

const costOf = (text: string): string => text.split('$')[3] ?? ''

/** The PHC string format, whose base64 has no padding. */
const phc = (header: string, salt: Uint8Array, hash: Uint8Array): string =>
  `${header}${unpadded(salt)}$${unpadded(hash)}`

const unpadded = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString('base64').replace(/=+$/, '')
