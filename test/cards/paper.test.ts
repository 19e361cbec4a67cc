import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Card } from '../../accounts/temporary_passwords.ts'
import { ADDRESS, END_OF_SEPTEMBER, someone, written } from './someone.ts'

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** The words in the order in which they were written; what only steers the direction is not one. */
const textOf = (pdf: string): string => run('pdftotext', '-raw', pdf, '-')

/** Long values are broken, and Arabic comes in forms of its letters and between marks. */
const unbroken = (text: string): string =>
  text.normalize('NFKC').replace(/[\s\p{Bidi_Control}]/gu, '')

const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKC')
    .replace(/\p{Bidi_Control}/gu, '')
    .split(/\s+/)

const boxesOf = (pdf: string): number[][] =>
  [
    ...run('pdftotext', '-bbox', pdf, '-').matchAll(
      /xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)"/g,
    ),
  ].map((found) => found.slice(1).map(Number))

const qrCodesOf = (pdf: string, folder: string): string[] => {
  const picture = join(folder, 'page')
  run('pdftoppm', '-r', '150', '-gray', '-f', '1', '-l', '1', '-singlefile', '-png', pdf, picture)
  return run('zbarimg', '-q', '--raw', `${picture}.png`).trim().split('\n')
}

const HARD_NAMES: readonly Partial<Card>[] = [
  { givenName: 'Łukasz', familyName: 'Żółć-Wiśniewski', identifier: 'lukasz.zolc' },
  { givenName: 'Ἀλέξανδρος', familyName: 'Παπαδόπουλος', identifier: 'Αλέξανδρος.1' },
  { givenName: 'Наталья', familyName: 'Щербакова', identifier: 'наталья.щ' },
  { givenName: 'محمد أمين', familyName: 'بن عبد العزيز', identifier: 'm.abdelaziz' },
  { givenName: 'Nguyễn Thị', familyName: 'Ánh Tuyết', identifier: 'anh.tuyet' },
  { givenName: 'Zoe\u0308', familyName: 'İpekçi ß Åström', identifier: 'zoe.ipekci' },
  { givenName: 'Fiona', familyName: 'O’Connor-d’Affligny', identifier: 'f.o-connor_d.a' },
  { givenName: 'M'.repeat(80), familyName: 'W'.repeat(80), identifier: 'w'.repeat(80) },
]

const pupils = (count: number, card: Partial<Card>): Card[] =>
  Array.from({ length: count }, (_, nth) =>
    someone({
      familyName: `Famille${nth}`,
      identifier: `eleve.${card.home}.${nth}`,
      password: `kfrt-${card.home?.toLowerCase()}-${String(nth).padStart(4, '0')}`,
      ...card,
    }),
  )

describe('the cards on paper', () => {
  it('are all in the file of their establishment, in the order in which they came', async () => {
    const homes = ['0750001A', '0750002B']
    const cards = homes.flatMap((home) => pupils(19, { home }))
    const folder = await written(cards)
    for (const home of homes) {
      const words = wordsOf(textOf(join(folder, `rentree-${home}.pdf`)))
      const own = cards.filter((card) => card.home === home)
      const others = cards.filter((card) => card.home !== home)
      const printed = new Set(own.flatMap((one) => [one.familyName, one.identifier, one.password]))
      expect(words.filter((word) => printed.has(word))).toEqual(
        own.flatMap(({ familyName, identifier, password }) => [familyName, identifier, password]),
      )
      expect(others.filter(({ password }) => words.includes(password))).toEqual([])
    }
  })

  it.each(HARD_NAMES)('show $givenName $familyName whole, and within the card', async (who) => {
    const card = someone(who)
    const folder = await written([card])
    const pdf = join(folder, 'rentree-0750001A.pdf')
    const text = unbroken(textOf(pdf))
    expect(text).toContain(unbroken(card.identifier))
    expect(text).toContain(card.password)
    for (const word of wordsOf(`${card.givenName} ${card.familyName}`)) {
      expect(text).toContain(word)
    }
    const card1 = boxesOf(pdf).filter(([, top = 0]) => top > 41)
    expect(card1.length).toBeGreaterThan(20)
    for (const [left = 0, , right = 0, bottom = 0] of card1) {
      expect(left).toBeGreaterThanOrEqual(22)
      expect(right).toBeLessThanOrEqual(23 + 251 + 0.5)
      expect(bottom).toBeLessThanOrEqual(41 + 200)
    }
  })

  it('set the words of an Arabic name from right to left, also between others', async () => {
    const folder = await written([
      someone({ givenName: 'Marie محمد', familyName: 'العزيز Dupont' }),
    ])
    // With places, pdftotext gives the letters of a word as they stand, from left to right.
    const places = run('pdftotext', '-bbox', join(folder, 'rentree-0750001A.pdf'), '-')
    const leftOf = (word: string): number => {
      const asItStands = [...word].reverse().join('')
      const [, left] = new RegExp(`xMin="([\\d.]+)"[^>]*>${asItStands}</word>`).exec(places) ?? []
      return Number(left)
    }
    expect(leftOf('محمد')).toBeGreaterThan(leftOf('العزيز'))
  })

  it('carry the address, and nothing else, in the code of each', async () => {
    const folder = await written(pupils(8, { home: '0750001A' }))
    const codes = qrCodesOf(join(folder, 'rentree-0750001A.pdf'), folder)
    expect(codes).toEqual(Array(8).fill(ADDRESS))
    expect(unbroken(textOf(join(folder, 'rentree-0750001A.pdf')))).toContain(ADDRESS)
  })

  it('say the first steps and the last day in the language of the school', async () => {
    const pdf = 'rentree-0750001A.pdf'
    const french = textOf(join(await written([someone()]), pdf)).replaceAll('\n', ' ')
    expect(french).toContain('Choisissez votre propre mot de passe et gardez-le pour vous.')
    expect(french).toContain('valable jusqu’au 30 septembre 2026')
    const first = someone({ validUntil: END_OF_SEPTEMBER + 86_400_000 })
    expect(textOf(join(await written([first]), pdf))).toContain('jusqu’au 1er octobre 2026')
    const folder = await written([someone()], { locale: 'en' })
    const english = textOf(join(folder, pdf)).replaceAll('\n', ' ')
    expect(english).toContain('Choose a password of your own and keep it to yourself.')
    expect(english).toContain('valid until 30 September 2026')
  })

  it('begin a sheet with each class, eight to a sheet, and number the sheets', async () => {
    const home = '0750001A'
    const folder = await written([
      ...pupils(9, { home, classes: ['6e A'] }),
      ...pupils(1, { home, classes: ['6e B'] }),
      ...pupils(1, { home, classes: [] }),
    ])
    const sheets = textOf(join(folder, `rentree-${home}.pdf`))
      .split('\f')
      .slice(0, -1)
    expect(sheets.map((sheet) => sheet.split('\n')[0])).toEqual([
      '0750001A · 6e A Feuille 1',
      '0750001A · 6e A Feuille 2',
      '0750001A · 6e B Feuille 3',
      '0750001A · Sans classe Feuille 4',
    ])
    expect(sheets.map((sheet) => sheet.split('kfrt-').length - 1)).toEqual([8, 1, 1, 1])
  })

  it.each([
    ['fr', ['Sans classe', 'Enseignants', 'Personnels']],
    ['en', ['Without class', 'Teachers', 'Staff']],
  ] as const)(
    'head those of people without classes with what they are (%s)',
    async (locale, heads) => {
      const kinds = ['guardian', 'teacher', 'staff'] as const
      const cards = kinds.map((userType) => someone({ userType, classes: [] }))
      const folder = await written(cards, { locale })
      const sheets = textOf(join(folder, 'rentree-0750001A.pdf')).split('\f').slice(0, -1)
      expect(sheets.map((sheet) => sheet.split(' · ')[1]?.split(/ (Feuille|Sheet)/)[0])).toEqual(
        heads,
      )
    },
  )

  it('put a guardian with the class of the first child, and name all of them', async () => {
    const guardian = someone({ userType: 'guardian', classes: ['6e B', '3e A'] })
    const folder = await written([someone(), guardian])
    const sheets = textOf(join(folder, 'rentree-0750001A.pdf')).split('\f').slice(0, -1)
    expect(sheets).toHaveLength(1)
    expect(sheets[0]).toContain('Responsable · 6e B, 3e A')
  })

  it('tell of nobody in the properties of the file', async () => {
    const card = someone({ home: null })
    const folder = await written([card])
    const pdf = join(folder, 'rentree-without-establishment.pdf')
    const properties = run('pdfinfo', pdf) + run('pdfinfo', '-meta', pdf)
    expect(properties).toContain('Cartes de première connexion – Sans établissement')
    expect(properties).toContain('Collège Jeanne-d’Arc')
    const raw = readFileSync(pdf, 'latin1')
    expect(raw).toContain('/Lang (fr)')
    for (const secret of [card.password, card.identifier, card.sub, card.familyName]) {
      expect(properties).not.toContain(secret)
      expect(raw).not.toContain(secret)
    }
  })
})
