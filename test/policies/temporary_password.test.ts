import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateTemporaryPassword, readFromCard } from '../../policies/temporary_password.ts'

const below = (most: number): number => randomInt(most)
const many = Array.from({ length: 5000 }, () => generateTemporaryPassword(below))
const signsOf = (passwords: readonly string[]): Set<string> => new Set(passwords.join(''))

/** Draws that a test decides, over and over. */
const drawing = (draws: readonly number[]) => {
  let drawn = 0
  return () => {
    drawn += 1
    return draws[(drawn - 1) % draws.length] ?? 0
  }
}

describe('a temporary password', () => {
  it('is three groups of four signs, the first a letter', () => {
    for (const password of many) {
      expect(password).toMatch(/^[a-z][a-z0-9]{3}-[a-z0-9]{4}-[a-z0-9]{4}$/)
    }
  })

  it('has no two signs that are taken for one another', () => {
    const signs = signsOf(many)
    for (const alike of ['0oQ', '1li7', '2z', '5s', '6b', '9gq', 'uvy', 'wm', '3e', '4a']) {
      const there = [...alike].filter((sign) => signs.has(sign))
      expect(there.length, `${there.join(' and ')} are both there`).toBeLessThan(2)
    }
    expect([...signs].filter((sign) => sign !== '-')).toHaveLength(19)
  })

  it('has no vowels, nor digits that are read as one, and nothing that pupils laugh at', () => {
    for (const password of many) {
      expect(password).not.toMatch(/[aeiouy0134]/)
      expect(password).not.toMatch(/pd|tg|ss|kk|xx|fdp|ntm/)
    }
  })

  it('is nothing that a spreadsheet reckons with', () => {
    for (const password of many) {
      expect(password).not.toMatch(/^[=+\-@\t\r0-9]/)
      expect(Number(password)).toBeNaN()
    }
  })

  it('is drawn again where pupils would laugh', () => {
    const letters = 'bcdfghjkmnprstvx278'
    const draws = (text: string) => text.split('').map((sign) => letters.indexOf(sign))
    const drawn = [...draws('kpdkbcbcbcbc'), ...draws('bcdfghjkmnpr')]
    expect(generateTemporaryPassword(drawing(drawn))).toBe('bcdf-ghjk-mnpr')
    expect(() => generateTemporaryPassword(drawing(draws('pd')))).toThrow(RangeError)
  })

  it('is drawn again where a sign comes three times in a row, also across a hyphen', () => {
    for (const password of many) {
      expect(password.replaceAll('-', '')).not.toMatch(/(.)\1\1/)
    }
    const letters = 'bcdfghjkmnprstvx278'
    const draws = (text: string) => text.split('').map((sign) => letters.indexOf(sign))
    const drawn = ['bfffmmrm2772', 'bcdffffghjkm', 'bcffhfmmrm22'].flatMap(draws)
    expect(generateTemporaryPassword(drawing(drawn))).toBe('bcff-hfmm-rm22')
  })

  it('is one of more than 2^50, all equally likely', () => {
    let drawn = 0
    const counting = (most: number): number => {
      drawn += 1
      return below(most)
    }
    const PASSWORDS = 20_000
    for (let nth = 0; nth < PASSWORDS; nth += 1) generateTemporaryPassword(counting)
    // Of 16 × 19^11 that are drawn, as many as are kept.
    const kept = (PASSWORDS * 12) / drawn
    expect(Math.log2(16 * 19 ** 11 * kept)).toBeGreaterThan(50.3)
    expect(signsOf(many.map((password) => password.charAt(0))).size).toBe(16)
  })
})

describe('what is typed from a card', () => {
  it('is read as printed, however a phone or a child writes it', () => {
    const printed = 'kd7m-2hxr-p8cf'
    for (const typed of [
      'kd7m-2hxr-p8cf',
      'KD7M-2HXR-P8CF',
      'Kd7m-2hxr-p8cf ',
      'kd7m2hxrp8cf',
      ' kd7m 2hxr p8cf',
      'kd7m–2hxr—p8cf',
      'kd7m-zhxr-p8cf',
    ]) {
      expect(readFromCard(typed), typed).toBe(printed)
    }
    expect(readFromCard('u5-6q')).toBe('vsbg')
  })

  it('never stands for two passwords', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
        const password = generateTemporaryPassword((most) => (numbers.next().value ?? 0) % most)
        expect(readFromCard(password)).toBe(password)
      }),
    )
  })

  it('of any kind and length is read without harm', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (typed) => {
        expect(readFromCard(readFromCard(typed))).toBe(readFromCard(typed))
      }),
    )
    expect(readFromCard('')).toBe('')
  })
})
