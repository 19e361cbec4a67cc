import { createHash, createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { KEY_ID, type VersionedKeys } from '../accounts/seal.ts'

/** The algorithms that we sign with, the default first. */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** A private JWK. Its `kid` is its RFC 7638 thumbprint. */
export interface SigningKey extends JsonWebKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
}

export interface SigningKeySet {
  readonly keys: readonly SigningKey[]
}

/** What is wrong with one key. Its message is shown; it never holds any part of the key. */
export class KeyProblem extends Error {}

export const KEY_BYTES = 32
/** NIST SP 800-131A: RSA below 2048 bits is disallowed. */
export const RSA_BITS_MIN = 2048

const HOW_TO_MAKE = 'make one with: openssl rand -base64 32'
/** 32 bytes in base64 or base64url, padded or not. */
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/

/** One key: 32 bytes in base64. */
export function parseBytes(text: string): Buffer {
  const key = text.trim()
  if (!BASE64.test(key)) {
    throw new KeyProblem(`must be ${KEY_BYTES} bytes in base64; ${HOW_TO_MAKE}`)
  }
  return Buffer.from(key, 'base64')
}

/** `KEY,KEY…`, the newest first. */
export function parseCookieKeys(text: string): string[] {
  const keys = text.split(',').map((key) => key.trim())
  if (!keys.every((key) => BASE64.test(key))) {
    const form = `one key or more, the newest first, with commas between`
    throw new KeyProblem(`must be ${form}, each of ${KEY_BYTES} bytes in base64; ${HOW_TO_MAKE}`)
  }
  return keys
}

/** `ID:KEY,ID:KEY…`, the current one first. */
export function parseVersionedKeys(text: string): VersionedKeys {
  const entries = text.split(',').map((entry) => versionedKey(entry.trim()))
  const keys = new Map(entries)
  const [first] = entries
  if (first === undefined || keys.size !== entries.length) {
    throw new KeyProblem('names one id twice; every key needs an id of its own')
  }
  return { current: first[0], keys }
}

function versionedKey(entry: string): [id: string, key: Buffer] {
  const colon = entry.indexOf(':')
  const id = entry.slice(0, Math.max(colon, 0))
  const key = entry.slice(colon + 1)
  if (!KEY_ID.test(id) || !BASE64.test(key)) {
    const form = `ID:KEY, or several with commas between, the current one first; ID is a name such`
    const more = `as k1, KEY is ${KEY_BYTES} bytes in base64`
    throw new KeyProblem(`must be ${form} ${more}; ${HOW_TO_MAKE}`)
  }
  return [id, parseBytes(key)]
}

/** A JWK Set of private keys, at least one for each algorithm. */
export function parseSigningKeys(text: string): SigningKeySet {
  const keys = jwkList(text).map(signingKey)
  for (const alg of SIGNING_ALGORITHMS) {
    // OpenID Connect Discovery 1.0 §3: RS256 is not optional for a provider.
    if (!keys.some((key) => key.alg === alg)) throw new KeyProblem(`has no key for ${alg}`)
  }
  if (new Set(keys.map(({ kid }) => kid)).size !== keys.length) {
    throw new KeyProblem('has one key twice')
  }
  return { keys }
}

function jwkList(text: string): unknown[] {
  const set = parseJson(text)
  const keys = isRecord(set) ? set['keys'] : undefined
  if (!Array.isArray(keys)) {
    throw new KeyProblem('must be a JSON Web Key Set with private keys: {"keys":[…]}')
  }
  return keys
}

const FITS: Readonly<Record<SigningAlgorithm, (key: KeyObject) => boolean>> = {
  ES256: (key) =>
    key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
  RS256: (key) =>
    key.asymmetricKeyType === 'rsa' &&
    (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_MIN,
}

function signingKey(jwk: unknown, index: number): SigningKey {
  const key = privateKey(jwk)
  const alg = key && SIGNING_ALGORITHMS.find((one) => FITS[one](key))
  if (key === undefined || alg === undefined) {
    const kinds = `P-256 (ES256) or RSA of at least ${RSA_BITS_MIN} bits (RS256)`
    throw new KeyProblem(`must hold only private keys, ${kinds}; key ${index + 1} is not one`)
  }
  return asSigningKey(key, alg)
}

function privateKey(jwk: unknown): KeyObject | undefined {
  try {
    return isRecord(jwk) ? createPrivateKey({ key: jwk, format: 'jwk' }) : undefined
  } catch {
    // What Node says of a bad key may quote it.
    return undefined
  }
}

/** A private key as a JWK ready to sign. */
export function asSigningKey(key: KeyObject, alg: SigningAlgorithm): SigningKey {
  const jwk = key.export({ format: 'jwk' })
  return { ...jwk, kid: thumbprint(jwk), alg, use: 'sig' }
}

/** RFC 7638 §3.2: the required members only, in alphabetic order, without spaces. */
function thumbprint({ kty, crv, x, y, e, n }: JsonWebKey): string {
  const members = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

/** undefined: not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the text, which is secret.
    return undefined
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
