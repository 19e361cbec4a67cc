import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../accounts/errors.ts'
import type { Random } from '../../accounts/ports.ts'
import { createSealer, type VersionedKeys } from '../../accounts/seal.ts'

const random: Random = { bytes: (size) => randomBytes(size), below: () => 0 }
const first = randomBytes(32)
const second = randomBytes(32)
const masters = (current: string, keys: Record<string, Uint8Array>): VersionedKeys => ({
  current,
  keys: new Map(Object.entries(keys)),
})
const sealer = createSealer(masters('k1', { k1: first }), 'pepper')

/** What opening throws, so that a test can look at its code and its message. */
const refusalOf = (act: () => unknown): AppError => {
  try {
    act()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('it opened')
}

describe('a sealed value', () => {
  it('opens to what was sealed, whatever it is and whoever owns it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (plain, owner) => {
        expect(sealer.open(sealer.seal(plain, owner, random), owner)).toEqual(Buffer.from(plain))
      }),
    )
  })

  it('keeps text as it was typed', () => {
    expect(sealer.open(sealer.seal('été 🔑', 'a', random), 'a').toString()).toBe('été 🔑')
  })

  it('says under which key it is, and shows nothing else', () => {
    const sealed = sealer.seal('secret', 'owner', random)
    expect(sealed).toMatch(/^v1\.k1\.[A-Za-z0-9_-]+$/)
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString()).not.toContain('secret')
  })

  it('is never twice the same: two people with one password cannot be seen', () => {
    const sealed = Array.from({ length: 100 }, () => sealer.seal('same', 'owner', random))
    expect(new Set(sealed).size).toBe(100)
  })

  it('does not open beside another owner', () => {
    const sealed = sealer.seal('secret', 'pin:anne', random)
    const error = refusalOf(() => sealer.open(sealed, 'pin:bruno'))
    expect(error.code).toBe('unavailable')
    expect(error.message).toContain('another owner')
  })

  it('does not open once any bit of it was changed', () => {
    const sealed = sealer.seal('secret', 'owner', random)
    const [version, id, text = ''] = sealed.split('.')
    const body = Buffer.from(text, 'base64url')
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(body)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        const forged = [version, id, changed.toString('base64url')].join('.')
        expect(refusalOf(() => sealer.open(forged, 'owner')).code).toBe('unavailable')
      }),
    )
  })

  it('does not open when cut short: a short tag is easy to forge', () => {
    const sealed = sealer.seal('secret', 'owner', random)
    const start = 'v1.k1.'.length
    for (let length = start; length < sealed.length - 1; length += 1) {
      expect(refusalOf(() => sealer.open(sealed.slice(0, length), 'owner')).code).toBe(
        'unavailable',
      )
    }
  })

  it('does not open for another purpose of the same master key', () => {
    const seeds = createSealer(masters('k1', { k1: first }), 'otp_seed')
    expect(refusalOf(() => seeds.open(sealer.seal('x', 'a', random), 'a')).code).toBe('unavailable')
  })

  it('does not open under another key that has its name', () => {
    const other = createSealer(masters('k1', { k1: second }), 'pepper')
    expect(refusalOf(() => other.open(sealer.seal('x', 'a', random), 'a')).code).toBe('unavailable')
  })

  it('does not open when it is renamed to a key with the same bytes', () => {
    const twin = createSealer(masters('k1', { k1: first, k2: first }), 'pepper')
    const renamed = twin.seal('x', 'a', random).replace('v1.k1.', 'v1.k2.')
    expect(refusalOf(() => twin.open(renamed, 'a')).code).toBe('unavailable')
  })

  it.each(['', 'v1', 'v2.k1.AAAA', 'v1..AAAA', 'v1.k1.', 'v1.k1.=', 'v1.k1.AA.AA', '$argon2id$x'])(
    'is told from what was never sealed: %j',
    (text) => {
      expect(refusalOf(() => sealer.open(text, 'a')).code).toBe('unavailable')
      expect(refusalOf(() => sealer.open(text, 'a')).message).toContain('pepper')
    },
  )
})

describe('a key that is rotated', () => {
  const rotated = createSealer(masters('k2', { k2: second, k1: first }), 'pepper')

  it('still opens what is older, and knows it for older', () => {
    const old = sealer.seal('secret', 'owner', random)
    expect(rotated.open(old, 'owner').toString()).toBe('secret')
    expect([sealer.isCurrent(old), rotated.isCurrent(old)]).toEqual([true, false])
  })

  it('seals what is new under the new key', () => {
    const sealed = rotated.seal('secret', 'owner', random)
    expect(sealed).toMatch(/^v1\.k2\./)
    expect(rotated.isCurrent(sealed)).toBe(true)
  })

  it('names the key that is missing, for the log', () => {
    const error = refusalOf(() => sealer.open(rotated.seal('secret', 'a', random), 'a'))
    expect(error.message).toContain('"k2"')
    expect(error.message).not.toContain('secret')
  })
})

describe('keys to seal with', () => {
  it.each<[why: string, keys: VersionedKeys]>([
    ['is not there', masters('k2', { k1: first })],
    ['is too short', masters('k1', { k1: randomBytes(31) })],
    ['has a dot in its name', masters('k.1', { 'k.1': first })],
    ['has no name', masters('', { '': first })],
  ])('are refused where the current one %s', (_, keys) => {
    expect(() => createSealer(keys, 'pepper')).toThrow(RangeError)
  })
})
