import {
  createDecipheriv,
  createHmac,
  pbkdf2 as pbkdf2Callback,
  timingSafeEqual,
} from 'node:crypto'
import { KeyFileRefusal } from './key_entry.ts'

const WRONG_SECRET = 'wrong passphrase or key, or the file was changed'

/**
 * The passphrase or key is not the file's, or the file was changed: which of them, nobody can
 * tell, so both are named.
 */
export class WrongSecret extends KeyFileRefusal {
  constructor(message = WRONG_SECRET, options?: ErrorOptions) {
    super(message, null, options)
  }
}

const XMLENC = 'http://www.w3.org/2001/04/xmlenc#'
const XMLENC11 = 'http://www.w3.org/2009/xmlenc11#'
const XMLDSIG = 'http://www.w3.org/2000/09/xmldsig#'
const XMLDSIG_MORE = 'http://www.w3.org/2001/04/xmldsig-more#'
const PKCS5 = 'http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5'

interface Cipher {
  readonly name: string
  readonly keyBytes: number
  /** Notices by itself that a value was changed (RFC 3394 §2.2.3); CBC does not. */
  readonly wraps: boolean
}

const cbc = (bits: number): [string, Cipher] => [
  `${XMLENC}aes${bits}-cbc`,
  { name: `aes-${bits}-cbc`, keyBytes: bits / 8, wraps: false },
]
const wrap = (bits: number): [string, Cipher] => [
  `${XMLENC}kw-aes${bits}`,
  { name: `id-aes${bits}-wrap`, keyBytes: bits / 8, wraps: true },
]
const AES_BITS = [128, 192, 256]
const CIPHERS = new Map([...AES_BITS.map(cbc), ...AES_BITS.map(wrap)])

const HMACS = new Map([
  [`${XMLDSIG}hmac-sha1`, 'sha1'],
  [`${XMLDSIG_MORE}hmac-sha256`, 'sha256'],
  [`${XMLDSIG_MORE}hmac-sha384`, 'sha384'],
  [`${XMLDSIG_MORE}hmac-sha512`, 'sha512'],
])

/** The hash of an HMAC by its identifier. */
export const hashOfHmac = (identifier: string, what: string): string => {
  const hash = HMACS.get(identifier)
  if (hash === undefined) {
    throw new KeyFileRefusal(`${what} is not an HMAC that is known here`)
  }
  return hash
}

/** An encrypted value, as a file has it. */
export interface EncryptedValue {
  /** Identifier of the cipher. */
  readonly algorithm: string
  /** With its initialisation vector in front. */
  readonly value: Buffer
  /** `ValueMAC`. */
  readonly mac: Buffer | null
}

/** What opens the values of one file. */
export interface Lock {
  readonly key: Buffer
  /** Null: the file has none. */
  readonly mac: { readonly hash: string; readonly key: Buffer } | null
}

const BLOCK_BYTES = 16
/** RFC 3394 §2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6)

const decipher = (name: string, key: Buffer, iv: Buffer, body: Buffer, padded: boolean): Buffer => {
  try {
    const opening = createDecipheriv(name, key, iv).setAutoPadding(padded)
    return Buffer.concat([opening.update(body), opening.final()])
  } catch (cause) {
    throw new WrongSecret(WRONG_SECRET, { cause })
  }
}

const decryptCbc = (name: string, key: Buffer, value: Buffer): Buffer => {
  if (value.length < 2 * BLOCK_BYTES || value.length % BLOCK_BYTES !== 0) {
    throw new KeyFileRefusal('an encrypted value has no initialisation vector or no whole blocks')
  }
  const iv = value.subarray(0, BLOCK_BYTES)
  const plain = decipher(name, key, iv, value.subarray(BLOCK_BYTES), false)
  // XML Encryption §5.2: the last byte counts the padding, the others may be anything.
  const padding = plain.at(-1) ?? 0
  if (padding < 1 || padding > BLOCK_BYTES) {
    throw new WrongSecret()
  }
  return plain.subarray(0, -padding)
}

const cipherOf = (algorithm: string): Cipher => {
  const cipher = CIPHERS.get(algorithm)
  if (cipher === undefined) {
    throw new KeyFileRefusal('is encrypted with something else than AES-CBC or AES key wrap')
  }
  return cipher
}

const decrypt = (key: Buffer, { algorithm, value }: EncryptedValue): Buffer => {
  const { name, keyBytes, wraps } = cipherOf(algorithm)
  if (key.length !== keyBytes) {
    throw new WrongSecret(
      `the key has ${key.length * 8} bits, and the file is encrypted with one of ${keyBytes * 8}`,
    )
  }
  return wraps ? decipher(name, key, WRAP_IV, value, true) : decryptCbc(name, key, value)
}

/**
 * Decrypts the key of the MAC, the one value that no MAC stands beside (RFC 6030 §6.1.1). A wrong
 * one shows at the first value's own MAC.
 */
export const openMacKey = (key: Buffer, encrypted: EncryptedValue): Buffer =>
  decrypt(key, encrypted)

const sameBytes = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)

/**
 * Opens a value: its MAC first, over the encrypted bytes, and only then the cipher (RFC 6030 §6.2).
 * Throws `WrongSecret` where it does not match, `KeyFileRefusal` where there is none.
 */
export const openValue = ({ key, mac }: Lock, encrypted: EncryptedValue): Buffer => {
  if (mac === null) {
    if (!cipherOf(encrypted.algorithm).wraps) {
      throw new KeyFileRefusal('is encrypted without a MAC: a change would go unnoticed')
    }
    return decrypt(key, encrypted)
  }
  if (encrypted.mac === null) {
    throw new KeyFileRefusal('has no ValueMAC beside its encrypted value')
  }
  const expected = createHmac(mac.hash, mac.key).update(encrypted.value).digest()
  if (!sameBytes(expected, encrypted.mac)) {
    throw new WrongSecret()
  }
  return decrypt(key, encrypted)
}

const KDFS: ReadonlySet<string> = new Set([
  `${PKCS5}v2-0#pbkdf2`,
  `${PKCS5}#pbkdf2`,
  `${XMLENC11}pbkdf2`,
])

/** How a passphrase becomes a key. */
export interface Derivation {
  readonly algorithm: string
  readonly salt: Buffer
  readonly iterations: number
  readonly keyBytes: number
  readonly hash: string
}

/** RFC 8018 §4.2 asks for no fewer; RFC 6030 §6.2's own example has as many. */
const ITERATIONS_MIN = 1_000
/** Ten times what is advised today for SHA-1 (OWASP), some seconds; more only stalls us. */
const ITERATIONS_MAX = 10_000_000
/** RFC 8018 §4.1. */
const SALT_BYTES_MIN = 8
const SALT_BYTES_MAX = 1_024

/** What is wrong with a derivation, or null. To be asked before anybody types a passphrase. */
export const refusedDerivation = (derivation: Derivation): string | null => {
  const { algorithm, salt, iterations, keyBytes } = derivation
  if (!KDFS.has(algorithm)) {
    return 'the key is derived from the passphrase by something else than PBKDF2'
  }
  if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
    return `PBKDF2 runs from ${ITERATIONS_MIN} to ${ITERATIONS_MAX} times`
  }
  if (salt.length < SALT_BYTES_MIN || salt.length > SALT_BYTES_MAX) {
    return `the salt of PBKDF2 has from ${SALT_BYTES_MIN} to ${SALT_BYTES_MAX} bytes`
  }
  return AES_BITS.includes(keyBytes * 8) ? null : 'the derived key has 16, 24 or 32 bytes'
}

/** PBKDF2 (RFC 8018 §5.2), beside the event loop. */
export const deriveKey = (
  passphrase: string,
  { salt, iterations, keyBytes, hash }: Derivation,
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    pbkdf2Callback(passphrase, salt, iterations, keyBytes, hash, (error, key) => {
      if (error === null) {
        resolve(key)
      } else {
        reject(error)
      }
    })
  })
