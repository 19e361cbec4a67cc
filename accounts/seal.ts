import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { AppError } from './errors.ts'
import type { Random } from './ports.ts'

/** Master keys by id. New values are sealed under `current`; the others only open older ones. */
export interface VersionedKeys {
  readonly current: string
  readonly keys: ReadonlyMap<string, Uint8Array>
}

/** Seals values for the database: whoever reads or edits it learns nothing and moves nothing. */
export interface Sealer {
  /** `v1.<key id>.<base64url>`. It opens only beside the same `associated`, such as its owner. */
  seal(plain: Uint8Array | string, associated: string, random: Random): string
  /**
   * Throws `AppError('unavailable')` where the value was changed, belongs elsewhere, or was
   * sealed under a key that this process does not have. The message names no value.
   */
  open(sealed: string, associated: string): Buffer
  /** False once the value is to be sealed again, under the current key. */
  isCurrent(sealed: string): boolean
}

/** What may name a key: the id stands in front of each sealed value, between dots. */
export const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/
export const MASTER_KEY_BYTES_MIN = 32

const VERSION = 'v1'
const CIPHER = 'aes-256-gcm'
const CIPHER_KEY_BYTES = 32
/** NIST SP 800-38D §8.2.2 and §8.3: random 96-bit nonces serve 2^32 values a key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SEALED = /^(v1)\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)$/

/**
 * AES-256-GCM under keys derived from the master keys for one `purpose`, so that a value sealed
 * for one purpose never opens for another, whatever else the master keys are used for.
 * Throws `RangeError` for a key that is too short, badly named, or missing though current.
 */
export function createSealer(masters: VersionedKeys, purpose: string): Sealer {
  const ciphers = new Map(
    [...masters.keys].map(([id, master]) => [id, cipherKey(id, master, purpose)]),
  )
  const currentKey = ciphers.get(masters.current)
  if (currentKey === undefined) {
    throw new RangeError(`there is no key "${masters.current}" to seal with`)
  }
  const currentHeader = `${VERSION}.${masters.current}`
  return {
    seal(plain, associated, random) {
      const nonce = random.bytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, currentKey, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(boundTo(currentHeader, associated))
      const body = [nonce, cipher.update(Buffer.from(plain)), cipher.final(), cipher.getAuthTag()]
      return `${currentHeader}.${Buffer.concat(body).toString('base64url')}`
    },
    open(sealed, associated) {
      const [, version, id, text] = SEALED.exec(sealed) ?? []
      if (version === undefined || id === undefined || text === undefined) {
        throw new AppError('unavailable', `a value for ${purpose} is not sealed as it should be`)
      }
      const key = ciphers.get(id)
      if (key === undefined) {
        throw new AppError('unavailable', `a value for ${purpose} needs the key "${id}", not here`)
      }
      const aad = boundTo(`${version}.${id}`, associated)
      return decipher(key, Buffer.from(text, 'base64url'), aad, purpose)
    },
    isCurrent: (sealed) => sealed.startsWith(`${currentHeader}.`),
  }
}

/** A key object is prepared once; bytes would be at each use. */
function cipherKey(id: string, master: Uint8Array, purpose: string): KeyObject {
  if (!KEY_ID.test(id)) throw new RangeError('a key id is 1 to 32 letters, digits, "-" or "_"')
  if (master.byteLength < MASTER_KEY_BYTES_MIN) {
    throw new RangeError(`the key "${id}" has fewer than ${MASTER_KEY_BYTES_MIN} bytes`)
  }
  // RFC 5869 §3.2: `info` binds the derived key to its use; §3.1: a uniform key needs no salt.
  const info = `vestibule seal ${purpose}`
  return createSecretKey(new Uint8Array(hkdfSync('sha256', master, '', info, CIPHER_KEY_BYTES)))
}

/** Header and owner in one unambiguous text: the header has exactly one dot, and no line break. */
const boundTo = (header: string, associated: string): Buffer =>
  Buffer.from(`${header}\n${associated}`)

function decipher(key: KeyObject, body: Buffer, aad: Buffer, purpose: string): Buffer {
  try {
    const nonce = body.subarray(0, NONCE_BYTES)
    const cipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(aad)
    cipher.setAuthTag(body.subarray(-TAG_BYTES))
    return Buffer.concat([cipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()])
  } catch (error) {
    throw notOpening(purpose, error)
  }
}

const notOpening = (purpose: string, cause: unknown): AppError => {
  const message = `a value for ${purpose} does not open: changed, or sealed for another owner`
  return new AppError('unavailable', message, { cause })
}
