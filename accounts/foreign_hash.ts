/** A password hash that another system made, read from its text. Bytes, not text, where decoded. */
export type ForeignHash =
  /** PHC string of argon2i, argon2d or argon2id, within our limits of cost. */
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
