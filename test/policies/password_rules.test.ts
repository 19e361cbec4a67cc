import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  computedEntropyBits,
  judgePassword,
  normalizePassword,
  PASSWORD_LENGTH_MAX,
} from '../../policies/password_rules.ts'

const rules = { minLength: 12, minEntropyBits: 50 }
const claire = {
  identifier: 'c.lefevre27',
  givenName: 'Claire-Élise',
  familyName: 'Lefèvre',
  birthDate: '1984-03-14',
  schoolName: 'Collège Jean Moulin',
}
const reasonsFor = (password: string, about = claire, kept = rules) => {
  const judgement = judgePassword(password, kept, about)
  return judgement.ok ? [] : judgement.refusals.map(({ reason }) => reason)
}

describe('computed entropy', () => {
  it('finds too little in 10 lowercase letters and enough in 11', () => {
    expect(computedEntropyBits('hvbqzmpxkt')).toBeCloseTo(47.0, 1)
    expect(computedEntropyBits('hvbqzmpxktw')).toBeCloseTo(51.7, 1)
    const short = { minLength: 8, minEntropyBits: 50 }
    expect(judgePassword('hvbqzmpxkt', short, claire)).toEqual({
      ok: false,
      refusals: [{ reason: 'entropy', bits: 47, min: 50 }],
    })
    expect(reasonsFor('hvbqzmpxktw', claire, short)).toEqual([])
  })

  it.each([
    ['a', 26],
    ['A', 26],
    ['7', 10],
    [' ', 33],
    ['~', 33],
    ['é', 32],
    ['aA', 52],
    ['aA7', 62],
    ['aA7!', 95],
    ['aA7!é', 127],
  ])('counts the alphabets of %j as %i signs', (password, size) => {
    expect(computedEntropyBits(password)).toBeCloseTo(password.length * Math.log2(size), 9)
  })

  it('is nothing for nothing', () => {
    expect(computedEntropyBits('')).toBe(0)
  })

  it('never falls when something is added at the end', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'grapheme-ascii' }),
        (one, more) => {
          expect(computedEntropyBits(one + more)).toBeGreaterThanOrEqual(computedEntropyBits(one))
        },
      ),
    )
  })
})

describe('a new password', () => {
  it.each([
    'la girafe mange tard le jeudi',
    'vQ7-kd92-Lmx4',
    'correct horse battery',
    'Zoé préfère les kiwis',
    '葉っぱが静かに落ちる秋の夕暮れ',
    'Le collège de Lefèvre est ouvert',
  ])('is accepted: %s', (password) => {
    expect(judgePassword(password, rules, claire)).toEqual({ ok: true })
  })

  it('is told everything that is wrong with it at once', () => {
    expect(judgePassword('82730', rules, claire)).toEqual({
      ok: false,
      refusals: [
        { reason: 'short', min: 12 },
        { reason: 'digits_only' },
        { reason: 'entropy', bits: 16.6, min: 50 },
      ],
    })
  })

  it('is counted in code points of its NFC form', () => {
    const twelve = 'e\u0301kw\u{1F98A}dvbqzmpx'
    expect(normalizePassword(twelve)).toBe('ékw🦊dvbqzmpx')
    expect(reasonsFor(twelve)).toEqual([])
    expect(reasonsFor(twelve.slice(0, -1))).toEqual(['short'])
  })

  it('is judged alike however its accents were typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (text) => {
        expect(reasonsFor(text.normalize('NFD'))).toEqual(reasonsFor(text.normalize('NFC')))
      }),
    )
  })

  it('may have 256 code points and not one more', () => {
    const long = Array.from({ length: 64 }, (_, index) => `${index + 100}k`).join('')
    expect(long).toHaveLength(PASSWORD_LENGTH_MAX)
    expect(reasonsFor(long)).toEqual([])
    expect(judgePassword(`${long}y`, rules, claire)).toEqual({
      ok: false,
      refusals: [{ reason: 'long', max: 256 }],
    })
  })

  it.each(['804615827361940275', '8046 1582 7361 9402', '٨٠٤٦١٥٨٢٧٣٦١٩٤٠٢٧'])(
    'is never digits only: %s',
    (password) => {
      expect(reasonsFor(password)).toContain('digits_only')
    },
  )

  it.each([
    'MotDePasse2024!',
    'motdepasse123456',
    'Password12345!',
    'Bienvenue2025!!',
    'azertyuiop123',
    'AZERTYUIOPQSDF',
    'qwertyuiop[]12',
    'abcdefghijkl',
    'poiuytrezamlkj',
    '1q2w3e4r5t6y',
    'azerqsdfwxcv',
    'totototototo',
    'soleilsoleil',
    'chien-chien-chien',
    'Bonjour!Bonjour!',
    '!!!!!!!!!!!!',
    'aaaaaaaaaaaaaaa',
    'Liberté-Égalité-Fraternité',
  ])('is refused as common: %s', (password) => {
    expect(reasonsFor(password)).toContain('common')
  })

  it.each([
    'claire.lefevre',
    'LefevreClaire84',
    'Claire14031984',
    'c.lefevre27!!!',
    'JeanMoulin2025',
    'college-jean-moulin',
    'Vestibule-2025!',
    'LEFÈVRE 14/03/84',
  ])("is refused as the person's own data: %s", (password) => {
    expect(reasonsFor(password)).toContain('personal')
    const somebody = { identifier: 'zz', givenName: 'Ko', familyName: 'Wu' }
    const judgement = judgePassword(password, rules, somebody)
    const others = judgement.ok ? [] : judgement.refusals.map(({ reason }) => reason)
    expect(others.includes('personal')).toBe(password.startsWith('Vestibule'))
  })

  it('gets one answer for any text and any person, and no exception', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    fc.assert(
      fc.property(text, text, text, (password, identifier, familyName) => {
        const judgement = judgePassword(password, rules, { ...claire, identifier, familyName })
        if (judgement.ok) expect(Array.from(normalizePassword(password)).length).toBeGreaterThan(11)
        else expect(judgement.refusals.length).toBeGreaterThan(0)
      }),
    )
  })
})
