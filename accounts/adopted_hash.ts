import { createHash, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { compare as bcryptCompare } from 'bcrypt'
import type { ForeignHash } from './foreign_hash.ts'

/** Before the text of whatever another system hashed, so that it never passes for one of ours. */
export const ADOPTED_PREFIX = '$adopted'

const BCRYPT_BYTES_MAX = 72

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const fromBase64 = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64')

const isSame = (one: Buffer, other: Buffer): boolean =>
  one.length === other.length && timingSafeEqual(one, other)

/**
 * The text that is kept. `wrap` hashes a digest that is too quick to guess alone with argon2id, to
 * a PHC string; what comes out tells nothing of the digest.
 */
export const adoptedText = async (
  hash: ForeignHash,
  wrap: (digest: Buffer) => Promise<string>,
): Promise<string> => {
  switch (hash.kind) {
    case 'argon2':
    case 'bcrypt':
      return `${ADOPTED_PREFIX}${hash.text}`
    case 'pbkdf2': {
      const { digest, iterations, salt, hash: bytes } = hash
      return `${ADOPTED_PREFIX}$pbkdf2-${digest}$${iterations}$${base64(salt)}$${base64(bytes)}`
    }
    case 'salted_sha': {
      const { digest, salt, hash: bytes } = hash
      return `${ADOPTED_PREFIX}$salted-${digest}$${base64(salt)}${await wrap(Buffer.from(bytes))}`
    }
  }
}

/** Whether a secret is the one of a PHC string of argon2. */
export type Argon2Check = (text: string, secret: string | Buffer) => Promise<boolean>

interface Kept {
  readonly text: string
  /** Of the text, between its `$`. */
  readonly parts: readonly string[]
  readonly argon2Matches: Argon2Check
}

type Check = (secret: string, kept: Kept) => Promise<boolean>

const checkArgon2: Check = (secret, { text, argon2Matches }) => argon2Matches(text, secret)

/**
 * bcrypt reads 72 bytes, and in some versions up to the first NUL: of anything longer it would
 * take the beginning for the whole. Its three names differ in flaws that such texts alone show.
 */
const checkBcrypt: Check = async (secret, { text }) => {
  const whole = Buffer.byteLength(secret) <= BCRYPT_BYTES_MAX && !secret.includes('\0')
  const matches = await bcryptCompare(secret, text.replace(/^\$2[ay]\$/, '$2b$'))
  return matches && whole
}

const derive = promisify(pbkdf2)

const checkPbkdf2: Check = async (secret, { parts }) => {
  const [name = '', iterations, salt, kept] = parts
  const expected = fromBase64(kept)
  const digest = name.slice('pbkdf2-'.length)
  const found = await derive(secret, fromBase64(salt), Number(iterations), expected.length, digest)
  return isSame(found, expected)
}

/** The salt follows the secret (RFC 2307 and its successors in LDAP). */
const checkSaltedSha: Check = (secret, { parts, argon2Matches }) => {
  const [name = '', salt, ...argon2] = parts
  const digest = createHash(name.slice('salted-'.length))
    .update(secret)
    .update(fromBase64(salt))
    .digest()
  return argon2Matches(`$${argon2.join('$')}`, digest)
}

/** By the first part of the kept text. */
const CHECKS: readonly { readonly name: RegExp; readonly check: Check }[] = [
  { name: /^argon2(i|d|id)$/, check: checkArgon2 },
  { name: /^2[aby]$/, check: checkBcrypt },
  { name: /^pbkdf2-sha(1|256|512)$/, check: checkPbkdf2 },
  { name: /^salted-sha(1|256|512)$/, check: checkSaltedSha },
]

/** Whether a secret is the one of a text that `adoptedText` made. Costs what its maker chose. */
export const checkAdopted = async (
  secret: string,
  kept: string,
  argon2Matches: Argon2Check,
): Promise<boolean> => {
  const text = kept.slice(ADOPTED_PREFIX.length)
  const parts = text.split('$').slice(1)
  const found = CHECKS.find(({ name }) => name.test(parts[0] ?? ''))
  return found !== undefined && (await found.check(secret, { text, parts, argon2Matches }))
}
