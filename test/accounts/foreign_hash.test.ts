import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseForeignHash } from '../../accounts/foreign_hash.ts'
import { FOREIGN_HASHES } from '../support/foreign_hashes.ts'

const kinds = Object.entries(FOREIGN_HASHES)
const reason = (text: string): string => {
  const read = parseForeignHash(text)
  return read.ok ? '' : read.reason
}

const SALT = 'MDEyMzQ1Njc4OWFiY2RlZg'
const argon2 = (parameters: string, salt = SALT, hash = SALT) =>
  `$argon2id$v=19$${parameters}$${salt}$${hash}`
const bcrypt = (cost: string) => `$2b$${cost}$${'a'.repeat(53)}`
const pbkdf2 = (rounds: number, salt = SALT) => `$pbkdf2-sha256$${rounds}$${salt}$${'A'.repeat(43)}`
const ssha = (bytes: number) => `{SSHA}${Buffer.alloc(20 + bytes, 7).toString('base64')}`

describe('a hash of another system', () => {
  it.each(kinds)('is read: %s', (_, text) => {
    expect(parseForeignHash(text)).toMatchObject({ ok: true })
  })

  it('is known whole: cut anywhere, or with a sign of another alphabet, it is none', () => {
    for (const [kind, text] of kinds) {
      const odd = text.replace(/.$/, '!')
      expect([kind, parseForeignHash(odd).ok]).toEqual([kind, false])
      // A salt of a salted SHA ends where the text ends.
      const shortest = kind.startsWith('SSHA') ? text.length - 16 : text.length
      for (let length = 0; length < shortest; length += 1) {
        const read = parseForeignHash(text.slice(0, length))
        // A hash of argon2 may be of any length within limits, and padding may be left out.
        const fits = kind.startsWith('argon2') || text.slice(length) === '='
        expect([kind, length, read.ok && !fits]).toEqual([kind, length, false])
      }
    }
  })

  it.each([
    ['less memory', argon2('m=4095,t=1,p=1'), /4095 KiB of memory: from 4096 to 131072/],
    ['more memory', argon2('m=131073,t=1,p=1'), /131073 KiB of memory/],
    ['no iteration', argon2('m=4096,t=0,p=1'), /0 iterations: from 1 to 10/],
    ['more iterations', argon2('m=4096,t=11,p=1'), /11 iterations/],
    ['no lane', argon2('m=4096,t=1,p=0'), /0 lanes: from 1 to 16/],
    ['more lanes', argon2('m=4096,t=1,p=17'), /17 lanes/],
    ['a short salt', argon2('m=4096,t=1,p=1', 'AAAAAAAAAA'), /7 bytes of salt: from 8 to 64/],
    ['a short hash', argon2('m=4096,t=1,p=1', SALT, 'A'.repeat(20)), /15 bytes of hash/],
    ['a long hash', argon2('m=4096,t=1,p=1', SALT, 'A'.repeat(87)), /65 bytes of hash/],
    ['a lower cost', bcrypt('07'), /7 \(log2 of the rounds\) as its cost: from 8 to 14/],
    ['a higher cost', bcrypt('15'), /15 \(log2 of the rounds\) as its cost/],
    ['fewer rounds', pbkdf2(9_999), /9999 iterations: from 10000 to 2000000/],
    ['more rounds', pbkdf2(2_000_001), /2000001 iterations/],
    ['a short salt of PBKDF2', pbkdf2(10_000, 'AAAAAAAAAA'), /7 bytes of salt/],
    ['a short salt of SSHA', ssha(3), /3 bytes of salt: from 4 to 64/],
    ['a long salt of SSHA', ssha(65), /65 bytes of salt/],
  ])('costs neither too little nor too much: %s', (_, text, why) => {
    expect(reason(text)).toMatch(why)
  })

  it.each([
    argon2('m=4096,t=1,p=1'),
    argon2('m=131072,t=10,p=16'),
    bcrypt('08'),
    bcrypt('14'),
    pbkdf2(10_000),
    pbkdf2(2_000_000),
    ssha(4),
    ssha(64),
  ])('may cost as much as the limits say: %s', (text) => {
    expect(reason(text)).toBe('')
  })

  it.each([
    ['no salt', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', /no salt/],
    ['no salt, longer', `{SHA512}${'A'.repeat(88)}`, /no salt/],
    ['MD5', '{MD5}X03MO1qnZdYdgyfeuILPmQ==', /no salt/],
    ['salted MD5', '{SMD5}X03MO1qnZdYdgyfeuILPmQAAAAA=', /MD5/],
    ['DES', '{CRYPT}ab1CdEfGhIjKl', /crypt\(3\)/],
    ['crypt(3) with MD5', '{CRYPT}$1$abcdefgh$abcdefghijklmnopqrstuv', /crypt\(3\)/],
    ['crypt(3) with SHA-512', `$6$abcdefgh$${'a'.repeat(86)}`, /crypt\(3\)/],
    ['a password', '{CLEARTEXT}Canary-27', /personal_password/],
    ['a password alone', 'Canary-27', /no kind/],
    ['a scheme of somebody', '{Canary}Canary-27', /no kind/],
    ['three times one parameter', argon2('m=4096,m=4096,p=1'), /not as a hash of its kind/],
    ['a text without end', `{SSHA}${'A'.repeat(2_000)}`, /no kind/],
  ])('is refused, and the reason tells nothing of it: %s', (_, text, why) => {
    expect(reason(text)).toMatch(why)
    expect(reason(text)).not.toMatch(/canary|abcdefgh/i)
  })

  it('gets an answer for any text, in words of ours', () => {
    const starts = fc.constantFrom('', ...kinds.map(([, text]) => text.slice(0, 20)))
    fc.assert(
      fc.property(starts, fc.string({ unit: 'binary', maxLength: 60 }), (start, rest) => {
        expect(reason(`${start}${rest}`)).toMatch(/^$|^(?:is|has) [\w (),.:()]+$/)
      }),
    )
  })
})
