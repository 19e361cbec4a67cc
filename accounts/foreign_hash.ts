/** A password hash that another system made, read from its text. Bytes, not text, where decoded. */
export type ForeignHash =
  /** PHC string of argon2i, argon2d or argon2id, its parts in the usual order. */
  | { readonly kind: 'argon2'; readonly text: string }
  /** Modular crypt format, `$2b$…`. */
  | { readonly kind: 'bcrypt'; readonly text: string }
  | {
      readonly kind: 'pbkdf2'
      readonly digest: 'sha1' | 'sha256' | 'sha512'
      readonly iterations: number
      readonly salt: Uint8Array
      readonly hash: Uint8Array
    }
  /** SSHA and its like: one round, so that it is wrapped in argon2id before it is kept. */
  | {
      readonly kind: 'salted_sha'
      readonly digest: 'sha1' | 'sha256' | 'sha512'
      readonly salt: Uint8Array
      readonly hash: Uint8Array
    }

export type ReadHash =
  | { readonly ok: true; readonly hash: ForeignHash }
  /** In words that follow the name of a column; never anything of the value. */
  | { readonly ok: false; readonly reason: string }

type Digest = 'sha1' | 'sha256' | 'sha512'

/** A hash, or why it cannot be taken. */
type Read = ForeignHash | string

/** Longer than any text below can be. */
const TEXT_MAX = 1024

/**
 * Between what a guesser could hurry through and what would keep the gateway busy: the dearest
 * takes about a second and 128 MiB a try, until its person's first right one.
 */
const LIMITS = {
  argon2Memory: { min: 4_096, max: 131_072, unit: 'KiB of memory' },
  argon2Iterations: { min: 1, max: 10, unit: 'iterations' },
  argon2Lanes: { min: 1, max: 16, unit: 'lanes' },
  bcryptCost: { min: 8, max: 14, unit: '(log2 of the rounds) as its cost' },
  pbkdf2Iterations: { min: 10_000, max: 2_000_000, unit: 'iterations' },
  salt: { min: 8, max: 64, unit: 'bytes of salt' },
  /** OpenLDAP's are 4 or 8. */
  shaSalt: { min: 4, max: 64, unit: 'bytes of salt' },
  argon2Hash: { min: 16, max: 64, unit: 'bytes of hash' },
} as const

const DIGEST_BYTES: Readonly<Record<Digest, number>> = { sha1: 20, sha256: 32, sha512: 64 }

/** Why a number is not within its limits, or null. */
const outside = (name: keyof typeof LIMITS, value: number): string | null => {
  const { min, max, unit } = LIMITS[name]
  return value >= min && value <= max
    ? null
    : `has ${value} ${unit}: from ${min} to ${max} can be taken`
}

const firstOf = (reasons: readonly (string | null)[]): string | null =>
  reasons.find((reason) => reason !== null) ?? null

const MALFORMED = 'is not as a hash of its kind is written'

/** Base64, with or without padding; `.` for `+` as passlib and crypt(3) write it. Null: it is not. */
const bytesOf = (text: string): Buffer | null => {
  const plain = text.replace(/={1,2}$/, '').replaceAll('.', '+')
  const bytes = Buffer.from(plain, 'base64')
  const again = bytes.toString('base64').replace(/=+$/, '')
  return again === plain && bytes.length > 0 ? bytes : null
}

const ARGON2 =
  /^\$(argon2(?:i|d|id))(?:\$v=(16|19))?\$((?:[mtp]=\d{1,10},?){3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** The parameters come in any order; without a version it is the one from before there were any. */
const readArgon2 = (text: string): Read => {
  const [, name, version = '16', parameters = '', salt = '', hash = ''] = ARGON2.exec(text) ?? []
  const given = new Map(parameters.split(',').map((each) => [each[0], each.slice(2)]))
  const [m, t, p] = [given.get('m'), given.get('t'), given.get('p')]
  const [saltBytes, hashBytes] = [bytesOf(salt), bytesOf(hash)]
  if (!(name && m && t && p) || saltBytes === null || hashBytes === null) {
    return MALFORMED
  }
  const reason = firstOf([
    outside('argon2Memory', Number(m)),
    outside('argon2Iterations', Number(t)),
    outside('argon2Lanes', Number(p)),
    outside('salt', saltBytes.length),
    outside('argon2Hash', hashBytes.length),
  ])
  return (
    reason ?? { kind: 'argon2', text: `$${name}$v=${version}$m=${m},t=${t},p=${p}$${salt}$${hash}` }
  )
}

/** 22 signs of salt and 31 of hash. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

const readBcrypt = (text: string): Read => {
  const [, cost] = BCRYPT.exec(text) ?? []
  if (cost === undefined) {
    return MALFORMED
  }
  return outside('bcryptCost', Number(cost)) ?? { kind: 'bcrypt', text }
}

/** `rounds$salt$hash`. Django's salt is text, everybody else's is base64. */
const readPbkdf2 =
  (digest: Digest, saltIs: 'base64' | 'text') =>
  (text: string): Read => {
    const [, rounds, salt = '', kept = ''] = /^(\d{1,10})\$([^$]+)\$([^$]+)$/.exec(text) ?? []
    const saltBytes = saltIs === 'text' ? Buffer.from(salt) : bytesOf(salt)
    const hash = bytesOf(kept)
    // Just one block of the digest: as many bytes as everybody keeps, at the cost that is named.
    if (rounds === undefined || saltBytes === null || hash?.length !== DIGEST_BYTES[digest]) {
      return MALFORMED
    }
    const iterations = Number(rounds)
    const reason = firstOf([
      outside('pbkdf2Iterations', iterations),
      outside('salt', saltBytes.length),
    ])
    return reason ?? { kind: 'pbkdf2', digest, iterations, salt: saltBytes, hash }
  }

/** The digest, and after it the salt, in one base64. */
const readSaltedSha =
  (digest: Digest) =>
  (text: string): Read => {
    const bytes = bytesOf(text)
    const length = DIGEST_BYTES[digest]
    if (bytes === null || bytes.length < length) {
      return MALFORMED
    }
    const [hash, salt] = [bytes.subarray(0, length), bytes.subarray(length)]
    return outside('shaSalt', salt.length) ?? { kind: 'salted_sha', digest, salt, hash }
  }

const refuse = (reason: string) => (): Read => reason

const UNSALTED = 'has no salt: equal passwords show, and lists of them are found everywhere'
const CRYPT = 'is of a kind of crypt(3) that is not known here: of those, only bcrypt is'
const CLEAR = 'is a password, not a hash: it goes to the column personal_password'

/** By how a text begins; the first that fits. What follows is read. */
const KINDS: readonly {
  readonly start: RegExp
  readonly read: (text: string) => Read
}[] = [
  { start: /^(?:\{ARGON2\})?(?=\$argon2)/i, read: readArgon2 },
  { start: /^(?:\{(?:CRYPT|BCRYPT)\})?(?=\$2[aby]\$)/i, read: readBcrypt },
  { start: /^\$pbkdf2(?:-sha1)?\$/, read: readPbkdf2('sha1', 'base64') },
  { start: /^\$pbkdf2-sha256\$/, read: readPbkdf2('sha256', 'base64') },
  { start: /^\$pbkdf2-sha512\$/, read: readPbkdf2('sha512', 'base64') },
  { start: /^\{PBKDF2(?:-SHA1)?\}/i, read: readPbkdf2('sha1', 'base64') },
  { start: /^\{PBKDF2-SHA256\}/i, read: readPbkdf2('sha256', 'base64') },
  { start: /^\{PBKDF2-SHA512\}/i, read: readPbkdf2('sha512', 'base64') },
  { start: /^pbkdf2_sha1\$/, read: readPbkdf2('sha1', 'text') },
  { start: /^pbkdf2_sha256\$/, read: readPbkdf2('sha256', 'text') },
  { start: /^\{SSHA\}/i, read: readSaltedSha('sha1') },
  { start: /^\{SSHA256\}/i, read: readSaltedSha('sha256') },
  { start: /^\{SSHA512\}/i, read: readSaltedSha('sha512') },
  { start: /^\{(?:SHA|SHA1|SHA256|SHA384|SHA512|MD5|NT|LANMAN)\}/i, read: refuse(UNSALTED) },
  { start: /^\{SMD5\}/i, read: refuse('is of MD5, which is not taken') },
  { start: /^\{CRYPT\}|^\$(?:1|5|6|7|y|gy|2x|apr1)\$/i, read: refuse(CRYPT) },
  { start: /^\{(?:CLEARTEXT|CLEAR|PLAIN|PLAINTEXT)\}/i, read: refuse(CLEAR) },
]

const UNKNOWN =
  'is of no kind that is known here: argon2, bcrypt, PBKDF2, or salted SHA as directories write them'

/**
 * Reads a password hash that another system made: PHC argon2, bcrypt, PBKDF2 as passlib, OpenLDAP
 * and Django write it, salted SHA (`{SSHA}` and longer).
 */
export const parseForeignHash = (text: string): ReadHash => {
  const kind = KINDS.find(({ start }) => start.test(text))
  if (kind === undefined || text.length > TEXT_MAX) {
    return { ok: false, reason: UNKNOWN }
  }
  const read = kind.read(text.replace(kind.start, ''))
  return typeof read === 'string' ? { ok: false, reason: read } : { ok: true, hash: read }
}
