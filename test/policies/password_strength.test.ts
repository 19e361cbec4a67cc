import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadStrength } from '../../policies/password_strength.ts'

const strength = await loadStrength()

describe('the strength of a password', () => {
  it('is loaded once, whoever asks', async () => {
    expect(await loadStrength()).toBe(strength)
  })

  it('is that of its first 32 code points, so that no text takes long', () => {
    const unit = fc.constantFrom('4', '@', 'a', '1', '!', 'l', '|', '🦊', 'é', 'ab')
    fc.assert(
      fc.property(fc.string({ unit, minLength: 40, maxLength: 80 }), (text) => {
        const beginning = Array.from(text).slice(0, 32).join('')
        expect(strength(text, [])).toEqual(strength(beginning, []))
      }),
      { numRuns: 30 },
    )
    const weak = 'azertyuiop'.repeat(4).slice(0, 32)
    expect(strength(`${weak}vQ7-kd92-Lmx4`, [])).toEqual(strength(weak, []))
    expect(strength(`${weak.slice(0, 19)}vQ7-kd92-Lmx4`, []).score).toBe(4)
  })

  it('counts signs and not halves of them', () => {
    const foxes = '🦊'.repeat(17)
    expect(strength(foxes, []).score).toBeLessThan(2)
    expect(strength(`${foxes}🐢🦉🐙🦔🐝🦋🐌🦂🐍🦎🐊🦓`, []).score).toBe(4)
  })

  it('is none for a common password, however its capitals are set', () => {
    for (const password of ['mOtDePaSsE', 'mOtDePaSsE2026', '1q2W3e4R5t6Y', '1Q2w3E4r!']) {
      expect(strength(password, [])).toEqual({ score: 0, weakest: 'common' })
    }
  })

  it.each([
    ['common', 'iloveyou'],
    ['common', 'ILOVEYOU'],
    ['common', '123456789'],
    ['common', 'monkey!2027'],
    ['common', 'élodie1989'],
    ['word', 'parapluie'],
    ['word', 'PARAPLUIE!'],
    ['name', 'Maximilien'],
    ['keyboard', 'mlkjhgfdsq&é'],
    ['sequence', 'lmnopqrst'],
    ['repeat', 'kvkvkvkvkv'],
    ['date', '14/07/1789'],
    ['short', 'k8#Pz'],
  ])('is little, as everybody guesses it by its kind (%s): %s', (weakest, password) => {
    const estimate = strength(password, [])
    expect(estimate.weakest).toBe(weakest)
    expect(estimate.score).toBeLessThan(3)
  })

  it('is no more where a word is dressed up with a year, a number or a sign', () => {
    for (const password of ['Marécage1998!', '!Marécage42!!', 'marécage777']) {
      expect(strength(password, [])).toEqual({ score: 2, weakest: 'word' })
    }
    expect(strength('Marécage-Girouette-42', []).score).toBe(4)
  })

  it('is next to nothing where it is a word known of the person, with accents or without', () => {
    const alone = strength('Kerzhervelin', [])
    expect(alone.score).toBe(4)
    for (const known of ['kerzhervelin', 'Kerzhervélin']) {
      expect(strength('Kerzhervelin', [known])).toEqual({ score: 0, weakest: 'name' })
      expect(strength('kerzhervélin', [known]).score).toBe(0)
    }
    // One person's words are not kept for the next.
    expect(strength('Kerzhervelin', [])).toEqual(alone)
  })
})
