import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
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
      '\ufeffétablissement;classe;nom;prénom;identifiant;mot de passe temporaire;' +
        'valable jusqu’au;adresse\r\n' +
        `0750001A;6e B;Lefèvre;Zoé;zoe.lefevre;kfrt-7m3x-hn4p;2026-09-30;${ADDRESS}\r\n`,
    )
  })

  it('has an English heading for an English school', async () => {
    const folder = await written([someone()], { formats: ['csv'], locale: 'en' })
    expect(Object.keys(rowsOf(folder)[0] ?? {})).toContain('temporary password')
  })

  it('keeps quotes, separators and line ends of names', async () => {
    const names = ['d’Estrées; "Zoé"', '""', 'a\r\nb', 'Ὀδυσσεύς', 'محمد', ' ']
    const folder = await csvOf(...names.map((familyName) => someone({ familyName })))
    expect(rowsOf(folder).map(({ nom }) => nom)).toEqual(names)
  })

  it.each(['=1+1', '+33', '-2', '@SUM(A1)', '\tx', '\rx'])(
    'gives a spreadsheet no formula to work out: %j',
    async (odd) => {
      const folder = await csvOf(someone({ identifier: odd, classes: [odd], givenName: odd }))
      const [row] = rowsOf(folder)
      expect([row?.['identifiant'], row?.['classe'], row?.['prénom']]).toEqual(
        Array(3).fill(`'${odd}`),
      )
    },
  )

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
