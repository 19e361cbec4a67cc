import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CardFileError } from '../../cards/part_file.ts'
import { ADDRESS, END_OF_SEPTEMBER, emptyFolder, someone, writerIn, written } from './someone.ts'

const rowsOf = (folder: string): Record<string, string>[] =>
  parse(readFileSync(join(folder, 'rentree.csv'), 'utf8'), {
    bom: true,
    columns: true,
    delimiter: ';',
    record_delimiter: '\r\n',
  })

const csvOf = async (...cards: Parameters<typeof written>[0]): Promise<string> =>
  written(cards, { formats: ['csv'] })

describe('the files of a generation', () => {
  it('are one CSV, and one PDF for each establishment and for whoever is in none', async () => {
    const folder = emptyFolder()
    const writer = await writerIn(folder)
    await writer.write(someone())
    await writer.write(someone({ home: '0750002B' }))
    await writer.write(someone({ home: null }))
    const { files } = await writer.close()
    const names = [
      'rentree-0750001A.pdf',
      'rentree-0750002B.pdf',
      'rentree-without-establishment.pdf',
      'rentree.csv',
    ]
    expect(readdirSync(folder).sort()).toEqual(names)
    expect([...files].sort()).toEqual(names.map((name) => join(folder, name)))
  })

  it('can be read by nobody but their owner, from the first moment', async () => {
    const folder = emptyFolder()
    const writer = await writerIn(folder)
    await writer.write(someone())
    const modes = () => readdirSync(folder).map((file) => statSync(join(folder, file)).mode & 0o777)
    expect(readdirSync(folder).every((file) => file.endsWith('.part'))).toBe(true)
    expect(modes()).toEqual([0o600, 0o600])
    await writer.close()
    expect(modes()).toEqual([0o600, 0o600])
  })

  it('are gone when the generation is given up', async () => {
    const folder = emptyFolder()
    const writer = await writerIn(folder)
    await writer.write(someone())
    await writer.write(someone({ home: null }))
    await writer.abandon()
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    'rentree.csv',
    'rentree-0750009Z.pdf',
    'rentree-without-establishment.pdf',
    'rentree.csv.part',
  ])('are not begun where %s lies', async (name) => {
    const folder = emptyFolder()
    writeFileSync(join(folder, name), 'of last year')
    await expect(writerIn(folder)).rejects.toThrow(join(folder, name))
    await expect(writerIn(folder)).rejects.toThrow(CardFileError)
    expect(readdirSync(folder)).toEqual([name])
  })

  it('never replace one that came meanwhile, and then leave nothing', async () => {
    const folder = emptyFolder()
    const writer = await writerIn(folder)
    await writer.write(someone())
    const late = join(folder, 'rentree-0750001A.pdf')
    writeFileSync(late, 'of a colleague')
    await expect(writer.close()).rejects.toThrow(`${late}: exists already`)
    expect(readdirSync(folder)).toEqual(['rentree-0750001A.pdf'])
    expect(readFileSync(late, 'utf8')).toBe('of a colleague')
  })

  it('lie beside those of another name', async () => {
    const folder = emptyFolder()
    writeFileSync(join(folder, 'rentree 2025.csv'), '')
    writeFileSync(join(folder, 'rentreeB-0750001A.pdf'), '')
    const writer = await writerIn(folder)
    await writer.write(someone())
    await expect(writer.close()).resolves.toMatchObject({ files: { length: 2 } })
  })

  it('need a folder, and say which is missing', async () => {
    const folder = emptyFolder()
    const missing = join(folder, 'nowhere')
    await expect(writerIn(missing)).rejects.toThrow(`${missing}: there is no such folder`)
    writeFileSync(join(folder, 'file'), '')
    await expect(writerIn(join(folder, 'file'))).rejects.toThrow('there is no such folder')
  })

  it.each(['', '..', '../rentree', 'a/b'])('do not take "%s" for a name', async (name) => {
    await expect(writerIn(emptyFolder(), { name })).rejects.toThrow('no name for a file')
  })

  it('do not follow an establishment out of their folder', async () => {
    const folder = emptyFolder()
    mkdirSync(join(folder, 'in'))
    const writer = await writerIn(join(folder, 'in'))
    await expect(writer.write(someone({ home: '/../../x' }))).rejects.toThrow(CardFileError)
    expect(readdirSync(folder)).toEqual(['in'])
    expect(readdirSync(join(folder, 'in'))).toEqual([])
  })

  it('that find no room are taken away, and it is said why', () => {
    const folder = emptyFolder()
    const module = join(import.meta.dirname, '../../cards/card_writer.ts')
    const script = `
      const { createCardWriter } = await import(${JSON.stringify(module)})
      const options = ${JSON.stringify({ folder, name: 'full', address: ADDRESS })}
      const writer = await createCardWriter({ ...options, schoolName: 'S', timeZone: 'UTC',
        locale: 'fr', formats: ['csv'] })
      const card = ${JSON.stringify(someone())}
      try { for (let n = 0; n < 5000; n += 1) await writer.write(card) }
      catch (error) { process.stdout.write(error.name + ' ' + error.message) }`
    // Node sets SIGXFSZ aside, so that a write beyond the limit fails as one on a full disk does.
    const limited = 'ulimit -f 64; exec "$0" --input-type=module -e "$1"'
    const { stdout, stderr } = spawnSync('sh', ['-c', limited, process.execPath, script], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    })
    expect(stderr).toBe('')
    expect(stdout).toContain(`CardFileError ${join(folder, 'full.csv')}: the file may not grow`)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('the CSV', () => {
  it('opens in a French spreadsheet: BOM, semicolons, CRLF, and a heading', async () => {
    const text = readFileSync(join(await csvOf(someone()), 'rentree.csv'), 'utf8')
    expect(text).toBe(
      '\ufeffétablissement;type;classe;nom;prénom;identifiant;mot de passe provisoire;' +
        'valable jusqu’au;adresse\r\n' +
        `0750001A;Élève;6e B;Lefèvre;Zoé;zoe.lefevre;kfrt-7m3x-hn4p;2026-09-30;${ADDRESS}\r\n`,
    )
  })

  it('has an English heading for an English school', async () => {
    const folder = await written([someone()], { formats: ['csv'], locale: 'en' })
    expect(Object.keys(rowsOf(folder)[0] ?? {})).toContain('temporary password')
  })

  it('keeps quotes, separators and line ends of names', async () => {
    const names = ['d’Estrées; "Zoé"', '""', 'a\r\nb', 'b\nc', 'Ὀδυσσεύς', 'محمد', ' ']
    const folder = await csvOf(...names.map((familyName) => someone({ familyName })))
    expect(rowsOf(folder).map(({ nom }) => nom)).toEqual(names)
  })

  /** The three cells in which somebody else's words may stand. */
  const cellsOf = async (odd: string) => {
    const folder = await csvOf(someone({ identifier: odd, classes: [odd], givenName: odd }))
    const [row] = rowsOf(folder)
    return [row?.['identifiant'], row?.['classe'], row?.['prénom']]
  }
  /** What a spreadsheet shows of a cell; of any formula but a single text it is null. */
  const shownOf = (cell = ''): string | null => {
    const [, text] = /^="((?:[^"]|"")*)"$/.exec(cell) ?? []
    return text?.replaceAll('""', '"') ?? (/^\s*[=+\-@＝＋－＠]/u.test(cell) ? null : cell)
  }

  it.each([
    ...['0012345', '+33612345678', '6E1', '6e10', '3-4', '3/4', '1,5', '12:30', '6 A', '10 %'],
    ...[
      '12 mai',
      '1er',
      '3-MAR',
      'sept. 2',
      'MARS1',
      'vrai',
      '(12)',
      '٣٤',
      '-2',
      '12345678901234567',
    ],
  ])('shows a usual value as it is, also in a spreadsheet: %s', async (usual) => {
    const cells = await cellsOf(usual)
    expect(cells.map(shownOf)).toEqual(Array(3).fill(usual))
    expect(cells[0]?.startsWith('=')).toBe(usual !== '1er')
  })

  it.each([
    '6e B',
    '6B',
    '2nde 4',
    'T1-A',
    'mai',
    'julie.2',
    'dec1pierre',
    '3PM2',
    'D’Aout 2 fois',
  ])('leaves plain what a spreadsheet leaves alone: %s', async (plain) => {
    expect(await cellsOf(plain)).toEqual(Array(3).fill(plain))
  })

  it.each([
    ...['=1+1', '+33', '@SUM(A1)', ' =1+1', '\u00a0-2', '＝1+1', '=""', '="', '="a"&CMD("b")'],
    ...['" & CMD|\'/C calc\'!A0 & "', '="" & HYPERLINK("http://x","y")', '1" & 1', '1""+1'],
  ])('gives a spreadsheet a text and no formula of somebody’s making: %s', async (hostile) => {
    expect((await cellsOf(hostile)).map(shownOf)).toEqual(Array(3).fill(hostile))
  })

  it.each(['\tx', '\rx', '\n=1', '=1\r\n=2', '=＂&1&＂', `=${'x'.repeat(255)}`])(
    'puts an apostrophe before what fits in no text of a formula: %j',
    async (odd) => {
      expect(await cellsOf(odd)).toEqual(Array(3).fill(`'${odd}`))
    },
  )

  it('lets no value out of its cell, whatever it is made of', async () => {
    const signs = fc.string({ unit: fc.constantFrom(...'"=+-@&\';,1eE ()a\r\n\t'), maxLength: 12 })
    const values = fc.sample(signs, 3_000).filter((value) => value !== '')
    const folder = await csvOf(...values.map((familyName) => someone({ familyName })))
    const cells = rowsOf(folder).map(({ nom }) => nom ?? '')
    expect(cells).toHaveLength(values.length)
    for (const [nth, cell] of cells.entries()) {
      const value = values[nth]
      expect([value, `'${value}`], cell).toContain(shownOf(cell))
    }
  })

  it('says what kind of person each is', async () => {
    const folder = await csvOf(
      someone({ userType: 'guardian', classes: ['6e B'] }),
      someone({ userType: 'internship_counsellor', classes: [] }),
    )
    expect(rowsOf(folder).map(({ type }) => type)).toEqual(['Responsable', 'Maître de stage'])
  })

  it('has every card in order, many more than are written at once', async () => {
    const identifiers = Array.from({ length: 1_234 }, (_, nth) => `pupil.${nth}`)
    const folder = await csvOf(...identifiers.map((identifier) => someone({ identifier })))
    expect(rowsOf(folder).map(({ identifiant }) => identifiant)).toEqual(identifiers)
  })

  it('has nothing but its heading when nobody gets a card', async () => {
    const folder = await written([])
    expect(readdirSync(folder)).toEqual(['rentree.csv'])
    expect(rowsOf(folder)).toEqual([])
  })

  it('names the classes of all children of a guardian', async () => {
    const folder = await csvOf(someone({ userType: 'guardian', classes: ['6e B', '3e A'] }))
    expect(rowsOf(folder)[0]?.['classe']).toBe('6e B, 3e A')
  })

  it.each([
    ['at midnight', 0, '2026-09-30'],
    ['a millisecond before it', -1, '2026-09-30'],
    ['in the middle of the next day', 12 * 3_600_000, '2026-09-30'],
    ['an hour before midnight', -3_600_000, '2026-09-29'],
  ])('promises whole days only, to a password that lapses %s', async (_, off, day) => {
    const folder = await csvOf(someone({ validUntil: END_OF_SEPTEMBER + off }))
    expect(rowsOf(folder)[0]?.['valable jusqu’au']).toBe(day)
  })
})
