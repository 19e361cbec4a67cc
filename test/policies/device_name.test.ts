import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanName, isVagueName, suggestName } from '../../policies/device_name.ts'

describe('a vague name gets a hint', () => {
  it.each([
    'School',
    'École',
    'ECOLE',
    'e\u0301cole',
    'PC',
    'pc 1',
    'PC1',
    'Mon PC',
    'my pc',
    'Le PC',
    'The PC',
    'Home',
    'home 2',
    'Maison',
    'à la maison',
    'Chez moi',
    'Ordinateur',
    'Ordinateur portable',
    "L'ordinateur de l'école",
    'Computer',
    'School computer',
    'Laptop',
    'Work',
    'Travail',
    'Collège',
    'Lycée',
    'Téléphone',
    'Mon téléphone',
    'Phone',
    'iPhone',
    'Test',
    'test 1',
    'x',
    'É',
    'aaaa',
    '1',
    '1234',
    '',
    '   ',
    '🏠',
    'Room',
    'Salle',
    'Salle de classe',
    "Salle d'école",
    'Bureau',
    'Mon bureau',
    'Poste 12',
    'azerty',
  ])('%j', (name) => {
    expect(isVagueName(name)).toBe(true)
  })

  it.each([
    'Room 201',
    'Salle 201',
    'salle B',
    'Salle D',
    'Salle n°3',
    'Room201',
    'B12',
    'Classe 3B',
    'PC 201',
    'PC salle 4',
    "Teachers' lounge",
    'Salle des professeurs',
    'CDI',
    'PC de Marie',
    'Marie',
    'Chrome on Windows',
    'Bureau 3',
    'Portable bleu',
    'Ordinateur du salon',
    'HP ProBook',
    '職員室',
    '家',
  ])('but not %j', (name) => {
    expect(isVagueName(name)).toBe(false)
  })
})

describe('a suggested name', () => {
  it.each([
    [
      { browser: 'Chrome', os: 'Windows', platform: 'desktop' },
      'Chrome on Windows',
      'Chrome sous Windows',
    ],
    [{ browser: 'Firefox' }, 'Firefox', 'Firefox'],
    [{ os: 'Android', platform: 'mobile' }, 'Phone on Android', 'Téléphone sous Android'],
    [{ platform: 'tablet' }, 'Tablet', 'Tablette'],
    [{ platform: 'constructor' }, 'Device', 'Appareil'],
    [{ browser: '', os: ' ' }, 'Device', 'Appareil'],
    [{}, 'Device', 'Appareil'],
  ])('for %j', (browser, english, french) => {
    expect(suggestName(browser, 'en')).toBe(english)
    expect(suggestName(browser, 'fr')).toBe(french)
  })

  it('can always be kept as it is, whatever the browser claims to be', () => {
    const claim = fc.option(fc.string({ unit: 'binary', maxLength: 90 }), { nil: undefined })
    fc.assert(
      fc.property(claim, claim, claim, (browser, os, platform) => {
        const name = suggestName({ browser, os, platform }, 'fr')
        expect(cleanName(name)).toEqual({ ok: true, name })
      }),
    )
  })
})

describe('a name is cleaned before it is kept', () => {
  it.each([
    ['  Room \t 201\n', 'Room 201'],
    ['Cafe\u0301', 'Café'],
    ['Salle\u0000 \u202e201\u2066', 'Salle 201'],
    ['\ufeffS\u200bal\u00adle 3', 'Salle 3'],
    ['👩\u200d🏫 CDI', '👩\u200d🏫 CDI'],
  ])('%j', (raw, name) => {
    expect(cleanName(raw)).toEqual({ ok: true, name })
  })

  it.each(['', ' \n ', '\u200d', '\u202e\u2066', '\u0301', '\u3164'])(
    'nothing to see in %j',
    (raw) => {
      expect(cleanName(raw)).toEqual({ ok: false, reason: 'required' })
    },
  )

  it('may have 60 code points and not one more', () => {
    expect(cleanName('🦊'.repeat(60))).toEqual({ ok: true, name: '🦊'.repeat(60) })
    expect(cleanName('é'.repeat(61))).toEqual({ ok: false, reason: 'too_long' })
  })

  it('changes nothing when cleaned again, and never holds a control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (raw) => {
        const cleaned = cleanName(raw)
        if (!cleaned.ok) return
        expect(cleanName(cleaned.name)).toEqual(cleaned)
        expect(cleaned.name).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
      }),
    )
  })
})
