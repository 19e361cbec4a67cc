import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import { AppError } from './errors.ts'
import type { VersionedKeys } from './seal.ts'

/** Hashes that whoever has no key can neither make nor try: for what was generated, not chosen. */
export interface KeyedHash {
  /** `$hmac$<key id>$<base64url>`, under the current key. */
  make(secret: string, owner: string): string
  /** Compares in constant time. Throws `AppError('unavailable')` where the key is not here. */
  matches(secret: string, owner: string, text: string): boolean
}

export const KEYED_HASH_PREFIX = '$hmac$'

const KEY_BYTES = 32
const INFO = 'vestibule keyed hash'

/** HMAC-SHA-256 under keys derived from the master keys for this alone. */
export function createKeyedHash(masters: VersionedKeys): KeyedHash {
  // RFC 5869 §3.2: `info` binds the derived key to its use; §3.1: a uniform key needs no salt.
  const keys = new Map(
    [...masters.keys].map(([id, master]) => [
      id,
      // A key object is prepared once; bytes would be at each use.
      createSecretKey(new Uint8Array(hkdfSync('sha256', master, '', INFO, KEY_BYTES))),
    ]),
  )
  const mac = (id: string, secret: string, owner: string): Buffer => {
    const key = keys.get(id)
    if (key === undefined) {
      throw new AppError('unavailable', `a keyed hash needs the key "${id}", which is not here`)
    }
    // An owner has no line break: the two parts are told apart.
    return createHmac('sha256', key).update(`${owner}\n${secret}`).digest()
  }
  return {
    make(secret, owner) {
      const { current } = masters
      return `${KEYED_HASH_PREFIX}${current}$${mac(current, secret, owner).toString('base64url')}`
    },
    matches(secret, owner, text) {
      const [, , id = '', kept = ''] = text.split('$')
      const expected = mac(id, secret, owner)
      const given = Buffer.from(kept, 'base64url')
      return given.length === expected.length && timingSafeEqual(given, expected)
    },
  }
}
