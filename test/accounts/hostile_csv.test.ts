import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { proposeColumns } from '../../imports/columns.ts'
import { rowsOf, samplesOf } from '../../imports/people_file.ts'
import { openTable, recordsOf } from '../../imports/table_file.ts'
import { createUploadFolder } from '../../imports/upload_folder.ts'
import { type Office, openOffice } from '../cli/office.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-csv-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (content: string | Uint8Array): string => {
  const path = join(folder, 'people.csv')
  writeFileSync(path, content)
  return path
}

const HEADER = 'identifier,user_type,given_name,family_name'
const LINE = 'lea,student,Léa,Martin'

/** What is wrong with a file, and where; null: nothing. */
const problemOf = async (content: string | Uint8Array) => {
  const opened = await openTable(file(content))
  return opened.ok ? null : [opened.problem.code, opened.problem.line]
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('a file that is no table of people', () => {
  it.each([
    ['is empty', '', ['empty', null]],
    ['has blank lines only', '\r\n\n\r\n', ['empty', null]],
    ['is a spreadsheet', Buffer.from('PK\u0003\u0004x', 'latin1'), ['no_csv', null]],
    ['is an old spreadsheet', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 1]), ['no_csv', null]],
    ['is UTF-16 with a mark', Buffer.from(`\ufeff${HEADER}`, 'utf16le'), ['utf16', null]],
    ['is UTF-16 without one', Buffer.from(`${HEADER}\n${LINE}`, 'utf16le'), ['nul', 1]],
    ['has a NUL in it', `${HEADER}\n${LINE}\nb\0b,student,A,B`, ['nul', 3]],
    [
      'mixes UTF-8 and Latin-1',
      Buffer.concat([Buffer.from(`${HEADER}\n${LINE}\n`), latin1('x,student,Zoé,Roy\n')]),
      ['mixed', 3],
    ],
    [
      'claims to be UTF-8',
      Buffer.concat([Buffer.from(`\ufeff${HEADER}\n`), latin1('x,student,Zoé,Roy\n')]),
      ['not_utf8', 2],
    ],
    [
      'is in no encoding that is read',
      Buffer.concat([latin1(`${HEADER}\nx,student,Zoé,R`), Buffer.from([0x81]), latin1('y\n')]),
      ['no_encoding', 2],
    ],
    [
      'has 10,000 columns',
      `${Array.from({ length: 10_000 }, (_, nth) => `c${nth}`).join(',')}\n`,
      ['too_many_columns', 1],
    ],
    ['has a quote that is never closed', `${HEADER}\n${LINE}\n"x,student`, ['quote_open', 3]],
    ['has text behind a quote', `${HEADER}\n"x"y,student,A,B\n`, ['quote_closed', 2]],
    ['has a quote inside a cell', `${HEADER}\nx"y,student,A,B\n`, ['quote_inside', 2]],
    [
      'has a line without an end',
      `${HEADER}\n${LINE}\n${'x'.repeat(300_000)}`,
      ['line_too_long', 3],
    ],
    [
      'hides a long row in quotes',
      `${HEADER}\n"${'x\n'.repeat(80_000)}",student,A,B\n`,
      ['line_too_long', 2],
    ],
  ])('that %s is refused as a whole, with its line', async (_, content, problem) => {
    expect(await problemOf(content)).toEqual(problem)
  })

  it('of one line of a gigabyte is refused while it is read, in little memory', async () => {
    const path = join(folder, 'endless')
    execFileSync('mkfifo', [path])
    const script = `process.stdout.on('error', () => process.exit(0))
      const piece = Buffer.alloc(65536, 120); let left = 16384
      const write = () => { while (left-- > 0) if (!process.stdout.write(piece)) return
        process.stdout.once('drain', write) }
      process.stdout.on('drain', write); write()`
    const writer = spawn('sh', ['-c', `"${process.execPath}" -e "$0" > "$1"`, script, path])
    const before = process.memoryUsage().rss
    const opened = await openTable(path)
    expect(opened).toMatchObject({ ok: false, problem: { code: 'line_too_long', line: 1 } })
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
    writer.kill()
  })

  it('leaves nothing behind when it is larger than an upload may be', async () => {
    const uploads = createUploadFolder(folder, 1_000)
    const { Readable } = await import('node:stream')
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(600, 120)
      })(),
    )
    expect(await uploads.save('a', endless)).toEqual({ ok: false, reason: 'too_large' })
    expect(await uploads.list()).toEqual([])
  })
})

describe('a file as spreadsheets write it', () => {
  const layoutOf = async (content: string | Uint8Array) => {
    const opened = await openTable(file(content))
    if (!opened.ok) throw new Error(opened.problem.message)
    return opened.table
  }

  it.each([
    ['commas', HEADER, ','],
    ['semicolons', HEADER.replaceAll(',', ';'), ';'],
    ['tabs', HEADER.replaceAll(',', '\t'), '\t'],
    ['a sign within quotes', '"a,b,c";"d,e";f', ';'],
    ['a line about it', 'sep=;\r\nidentifier;a,b,c,d', ';'],
  ])('is read with %s', async (_, text, delimiter) => {
    expect((await layoutOf(`${text}\n`)).delimiter).toBe(delimiter)
  })

  it('is read in Latin-1, with a mark of UTF-8, and with no line end at its end', async () => {
    const old = await layoutOf(latin1(`${HEADER}\nzoe,student,Zoé,Lefèvre`))
    expect([old.encoding, old.count]).toEqual(['windows-1252', 1])
    const marked = await layoutOf(`\ufeff${HEADER}\n${LINE}`)
    expect([marked.encoding, marked.header[0], marked.count]).toEqual(['utf-8', 'identifier', 1])
    expect((await layoutOf(`sep=;\r\n${HEADER.replaceAll(',', ';')}\r\n`)).header).toHaveLength(4)
  })

  it('keeps every cell and knows every line, whatever the line ends, quotes and signs', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', 'é', ' ', ',', ';', '\t', '"', '\n', '\r\n', '=', '€'),
      maxLength: 8,
    })
    const row = fc.array(cell, { minLength: 3, maxLength: 3 })
    const end = fc.constantFrom('\n', '\r\n', '\r')
    const lines = fc.array(fc.tuple(row, end), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(lines, fc.constantFrom(',', ';', '\t'), async (written, delimiter) => {
        const quoted = ([cells, lineEnd]: [string[], string]): string =>
          cells.map((one) => `"${one.replaceAll('"', '""')}"`).join(delimiter) + lineEnd
        const path = file(`x${delimiter}y${delimiter}z\n${written.map(quoted).join('')}`)
        const read: { cells: string[]; line: number }[] = []
        for await (const one of recordsOf(path, {
          encoding: 'utf-8',
          delimiter: delimiter as ',',
        })) {
          read.push(one)
        }
        expect(read.slice(1).map(({ cells }) => cells)).toEqual(written.map(([cells]) => cells))
        let line = 2
        const begins = written.map(([cells]) => {
          const begin = line
          line += 1 + cells.reduce((sum, one) => sum + (one.match(/\r\n|\r|\n/g)?.length ?? 0), 0)
          return begin
        })
        expect(read.slice(1).map((one) => one.line)).toEqual(begins)
      }),
      { numRuns: 60 },
    )
  })

  it('never throws, and never hides a line, whatever its bytes', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const text = fc.string({ unit: fc.constantFrom('a', ',', ';', '\n', '"', 'é', '=', '\r') })
    const contents = fc.oneof(bytes, text)
    await fc.assert(
      fc.asyncProperty(contents, async (content) => {
        const path = file(content)
        const opened = await openTable(path)
        if (!opened.ok) return
        const { table } = opened
        const plan = { columns: proposeColumns(table.header, new Map()), fixed: {} }
        let rows = 0
        for await (const row of rowsOf(path, table, plan)) {
          expect(row.line).toBeGreaterThan(1)
          rows += 1
        }
        expect(rows).toBe(table.count)
        await samplesOf(path, table, plan.columns)
      }),
      { numRuns: 200 },
    )
  })
})

describe('cells that a spreadsheet would work out', () => {
  let office: Office

  beforeEach(async () => {
    office = await openOffice()
  })
  afterEach(() => office.close())

  const PEOPLE = 'external_id,identifier,user_type,given_name,family_name,classes,password'

  it.each([
    ['E1,=cmd|x,student,A,B,,', 'identifier'],
    ['E1,a,student,"=HYPERLINK(""http://x"")",B,,', 'given_name'],
    ['E1,a,student,A,+1+1,,', 'family_name'],
    ['E1,a,student,A,-1,,', 'family_name'],
    ['E1,a,student,A,B,6A|@SUM(A1),', 'classes'],
    ['E1,a,student,A, \t=1,,', 'family_name'],
    ['E1,a,student,A,＝1,,', 'family_name'],
    ['=E1,a,student,A,B,,', 'external_id'],
  ])('are rejected with their line: %s', async (line, column) => {
    const { report, events } = await office.import([PEOPLE, line, ''].join('\n'))
    expect(report).toMatchObject({ added: 0, rejected: 1 })
    const [event] = events
    expect(event).toMatchObject({ line: 2, why: { code: 'formula', params: { column } } })
  })

  it('are taken for the text that they are in a file that we exported, and in passwords', async () => {
    const line = '"=""007""",a,student,A,B,"=""6E1""",=secret+1'
    const { report } = await office.import([PEOPLE, line, ''].join('\n'))
    expect(report).toMatchObject({ added: 1, rejected: 0 })
    expect(await office.person('a')).toMatchObject({ externalId: '007', classes: ['6E1'] })
    expect(await office.isPassword('a', '=secret+1')).toBe(true)
  })
})

describe('the command line and columns', () => {
  let office: Office

  beforeEach(async () => {
    office = await openOffice()
  })
  afterEach(() => office.close())

  const TEXT = 'Nom;Prénom;Login ENT;Truc\nMartin;Léa;lea;x\n'

  it('asks for names that it does not know, and takes them with --map and --set', async () => {
    const path = office.file('eleves.csv', TEXT)
    const asked = await office.vestibule('people', 'import', path)
    expect(asked.stderr).toContain('did you mean --map "nom=family_name"?')
    const args = [
      ...['--map', 'Nom=family_name', '--map', 'Prénom=given_name'],
      ...['--map', 'Login ENT=identifier', '--map', 'Truc=-'],
      ...['--set', 'user_type=student', '--set', 'establishments=0440001A'],
    ]
    const { code, stdout } = await office.vestibule('people', 'import', path, ...args)
    expect([code, stdout]).toEqual([0, '1 added, 0 changed, 0 unchanged, 0 rejected, 0 left\n'])
    expect(await office.person('lea')).toMatchObject({
      familyName: 'Martin',
      userType: 'student',
      establishments: ['0440001A'],
    })
  })

  it('reads columns as they were last chosen in the console, and says so', async () => {
    const { importMappings } = office.core.deps.store
    const meanings = new Map([
      ['nom', 'family_name'],
      ['prenom', 'given_name'],
      ['login ent', 'identifier'],
      ['truc', null],
    ] as const)
    await importMappings.remember(meanings, 'test', office.now())
    const path = office.file('eleves.csv', TEXT)
    const args = ['--set', 'user_type=student']
    const { stdout } = await office.vestibule('people', 'import', path, ...args)
    expect(stdout).toBe(
      'Columns read as last chosen in the console: Nom, Prénom, Login ENT, Truc\n' +
        '1 added, 0 changed, 0 unchanged, 0 rejected, 0 left\n',
    )
  })

  it.each([
    [['--map', 'Nom'], 'not of the form NAME=VALUE'],
    [['--map', 'Nom=nam'], 'there is no column "nam"'],
    [['--set', 'given_name=Léa'], 'given_name differs from line to line'],
  ])('does not understand %j', async (args, message) => {
    const path = office.file('eleves.csv', TEXT)
    const { code, stderr } = await office.vestibule('people', 'import', path, ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('erases people who left long ago, after saying whom it would', async () => {
    const header = 'external_id,identifier,user_type,given_name,family_name,establishments'
    const line = (nth: number) => `E${nth},p${nth},student,A,B,0440001A`
    await office.import([header, line(1), line(2), ''].join('\n'))
    const leavers = { establishment: '0440001A', userType: 'student' } as const
    await office.import([header, line(1), ''].join('\n'), { leavers })
    const DAYS_AGO = 400
    const { sub } = await office.person('p2')
    await office.core.deps.store.accounts.setLeft(sub, Date.now() - DAYS_AGO * 24 * 3_600_000)
    const dry = await office.vestibule('people', 'purge-leavers', '--dry-run')
    expect(dry.stdout).toContain('1 person left more than 365 days ago and would be erased')
    expect((await office.person('p2')).sub).toBe(sub)
    const { stdout } = await office.vestibule('people', 'purge-leavers')
    expect(stdout).toContain('1 person erased; 0 who left later are kept')
    await expect(office.person('p2')).rejects.toThrow('nobody')
    expect((await office.person('p1')).disabledAt).toBeNull()
    // Whoever is erased keeps their identifier from everybody else.
    const { report } = await office.import([header, 'E9,p2,student,A,B,0440001A', ''].join('\n'))
    expect(report).toMatchObject({ added: 0, rejected: 1 })
  })
})
