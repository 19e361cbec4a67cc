import { createHmac, createSecretKey } from 'node:crypto'

/** OpenID Connect Core §8.1: stable for a person and a sector, and tells nobody who it is. */
export const pairwiseIdentifier = (salt: Uint8Array) => {
  // A key object is prepared once: a look-up works out a million of these.
  const key = createSecretKey(salt)
  return (sector: string, sub: string): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([sector, sub]))
      .digest('base64url')
}
