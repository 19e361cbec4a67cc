import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  computedEntropyBits,
  judgePassword,
  normalizePassword,
  PASSWORD_LENGTH_MAX,
} from '../../policies/password_rules.ts'
import { loadStrength } from '../../policies/password_strength.ts'
import { SIGN_CLASSES, type SignClass } from '../../policies/policy.ts'

const strength = await loadStrength()
const rules = {
  minLength: 12,
  minEntropyBits: 50,
  minStrength: 3,
  requiredClasses: [] as readonly SignClass[],
}
/** The least that a policy may ask, its risk accepted. */
const weakest = { ...rules, minLength: 8, minEntropyBits: 30, minStrength: 2 }
const claire = {
  identifier: 'c.lefevre27',
  givenName: 'Claire-Élise',
  familyName: 'Lefèvre',
  birthDate: '1984-03-14',
  schoolName: 'Collège Jean Moulin',
}
const reasonsFor = (password: string, about = claire, kept = rules) => {
  const judgement = judgePassword(password, kept, about, strength)
  return judgement.ok ? [] : judgement.refusals.map(({ reason }) => reason)
}

describe('computed entropy', () => {
  it('finds too little in 10 lowercase letters and enough in 11', () => {
    expect(computedEntropyBits('hvbqzmpxkt')).toBeCloseTo(47.0, 1)
    expect(computedEntropyBits('hvbqzmpxktw')).toBeCloseTo(51.7, 1)
    const short = { ...rules, minLength: 8 }
    expect(judgePassword('hvbqzmpxkt', short, claire, strength)).toEqual({
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
    'tortue lampe nuage violon',
    'tortuelampenuageviolon',
    'Parapluie-Sept-Giraffe',
  ])('is accepted: %s', (password) => {
    expect(judgePassword(password, rules, claire, strength)).toEqual({ ok: true })
  })

  it('is told everything that is wrong with it at once', () => {
    expect(judgePassword('82730', rules, claire, strength)).toEqual({
      ok: false,
      refusals: [
        { reason: 'short', min: 12 },
        { reason: 'digits_only' },
        { reason: 'entropy', bits: 16.6, min: 50 },
        { reason: 'guessable_date' },
      ],
    })
    const all = { ...rules, requiredClasses: SIGN_CLASSES }
    expect(reasonsFor('lefevre', claire, all)).toEqual([
      'short',
      'entropy',
      'needs_uppercase',
      'needs_digit',
      'needs_sign',
      'guessable_name',
      'personal',
    ])
  })

  it('is not told twice that it is short', () => {
    expect(reasonsFor('kzq')).toEqual(['short', 'entropy'])
    const strongest = { ...rules, minLength: 8, minStrength: 4 }
    expect(reasonsFor('hvbq7#mpxk', claire, strongest)).toEqual(['guessable_short'])
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
    expect(judgePassword(`${long}y`, rules, claire, strength)).toEqual({
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
    ['common', 'MotDePasse2024!'],
    ['common', 'Motdepasse2026!'],
    ['common', 'motdepasse123456'],
    ['common', 'Password12345!'],
    ['common', 'P@ssw0rd2026!'],
    ['common', 'Azertyuiop123'],
    ['common', '1q2w3e4r5t6y'],
    ['common', 'Éléphant1998!'],
    ['word', 'Bienvenue2025!!'],
    ['name', 'Marie-Claude75'],
    ['keyboard', 'AZERTYUIOPQSDF'],
    ['keyboard', 'poiuytrezamlkj'],
    ['keyboard', 'mlkjhgfdsq&é'],
    ['sequence', 'abcdefghijkl'],
    ['date', 'p+12/03/1987'],
    ['repeat', 'totototototo'],
    ['repeat', 'soleilsoleil'],
    ['repeat', 'chien-chien-chien'],
    ['repeat', 'Bonjour!Bonjour!'],
    ['repeat', '!!!!!!!!!!!!'],
    ['repeat', 'aaaaaaaaaaaaaaa'],
    // Over and over, from a beginning that is longer than what is estimated.
    ['repeat', 'x9#Lk2vQ7-kd92-Lmx4-wPz8$tGh3&bNq5'.repeat(2)],
  ])('is refused as %s: %s', (by, password) => {
    expect(reasonsFor(password)).toContain(`guessable_${by}`)
  })

  it('is refused where it is one of the 10,000 most common, whatever the policy', async () => {
    const { dictionary } = await import('@zxcvbn-ts/language-common')
    const common = dictionary['passwords-common'].slice(0, 10_000).map(String)
    expect(common).toHaveLength(10_000)
    const accepted = common.filter((password) => reasonsFor(password, claire, weakest).length === 0)
    expect(accepted).toEqual([])
  })

  it.each([
    ['lowercase', 'VQ7-KD92-LMX4', 'VQ7-KD92-LmX4'],
    ['uppercase', 'vq7-kd92-lmx4', 'vq7-kd92-lMx4'],
    ['digit', 'vQw-kdpz-Lmxk', 'vQw-kdpz-Lmx4'],
    ['sign', 'vQ7 kd92 Lmx4', 'vQ7 kd92+Lmx4'],
  ] as const)('has what the policy insists on: %s', (name, without, having) => {
    const asked = { ...rules, requiredClasses: [name] }
    expect(reasonsFor(without, claire, asked)).toEqual([`needs_${name}`])
    expect(reasonsFor(having, claire, asked)).toEqual([])
    expect(reasonsFor(without, claire, rules)).toEqual([])
  })

  it('may be made of letters with accents where small letters and capitals are asked', () => {
    const asked = { ...rules, requiredClasses: ['lowercase', 'uppercase'] as const }
    expect(reasonsFor('éèàçù ÉÀÇÙ êôîâë', claire, asked)).toEqual([])
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
    const judgement = judgePassword(password, rules, somebody, strength)
    const others = judgement.ok ? [] : judgement.refusals.map(({ reason }) => reason)
    expect(others.includes('personal')).toBe(password.startsWith('Vestibule'))
  })

  it('is easy to guess where it is mostly what is known of the person, and a little more', () => {
    const marc = { identifier: 'mk', givenName: 'Marc', familyName: 'Kerzhervelin' }
    expect(reasonsFor('Kerzhervelin1234567')).toEqual([])
    const judgement = judgePassword('Kerzhervelin1234567', rules, marc, strength)
    expect(judgement).toEqual({ ok: false, refusals: [{ reason: 'guessable_name' }] })
  })

  it('gets one answer for any text and any person, and no exception', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    fc.assert(
      fc.property(text, text, text, (password, identifier, familyName) => {
        const judgement = judgePassword(
          password,
          rules,
          { ...claire, identifier, familyName },
          strength,
        )
        if (judgement.ok) expect(Array.from(normalizePassword(password)).length).toBeGreaterThan(11)
        else expect(judgement.refusals.length).toBeGreaterThan(0)
      }),
    )
  })
})
