import { createHmac } from 'node:crypto'

/** OpenID Connect Core §8.1: stable for a person and a sector, and tells nobody who it is. */
export const pairwiseIdentifier =
  (salt: Uint8Array) =>
  (sector: string, sub: string): string =>
    createHmac('sha256', salt).update(JSON.stringify([sector, sub])).digest('base64url')
