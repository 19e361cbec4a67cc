import { hash as argon2Hash, argon2id } from 'argon2'

/** The cost of one argon2id. OWASP's least is 19456 KiB, 2 iterations, 1 lane. */
export interface HashParameters {
  readonly memoryKib: number
  readonly iterations: number
  readonly parallelism: number
}

export const SALT_BYTES = 16
export const HASH_BYTES = 32
const ARGON2_VERSION = 0x13

/** Start of the PHC string, up to the salt: the algorithm, its version and its cost. */
export const headerOf = ({ memoryKib, iterations, parallelism }: HashParameters): string =>
  `$argon2id$v=${ARGON2_VERSION}$m=${memoryKib},t=${iterations},p=${parallelism}$`

const COST = /^\$argon2id\$v=\d+\$(m=\d+,t=\d+,p=\d+)\$/

/** Such as `m=19456,t=2,p=1`; null: the text is of no argon2id. */
export const costOf = (text: string): string | null => COST.exec(text)?.[1] ?? null

/** The PHC string format, whose base64 has no padding. */
export const phc = (header: string, salt: Uint8Array, hash: Uint8Array): string =>
  `${header}${unpadded(salt)}$${unpadded(hash)}`

const unpadded = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString('base64').replace(/=+$/, '')

/** One argon2id, as a PHC string. */
export const hashText = async (
  secret: string | Buffer,
  salt: Uint8Array,
  parameters: HashParameters,
): Promise<string> => {
  const hash = await argon2Hash(secret, {
    type: argon2id,
    version: ARGON2_VERSION,
    memoryCost: parameters.memoryKib,
    timeCost: parameters.iterations,
    parallelism: parameters.parallelism,
    hashLength: HASH_BYTES,
    salt: Buffer.from(salt),
    raw: true,
  })
  return phc(headerOf(parameters), salt, hash)
}
