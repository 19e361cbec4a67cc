import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Office, openOffice } from './office.ts'

const HEADER = 'external_id,identifier,user_type,given_name,family_name,establishments'
const UAI = ['--establishment', '0440001a']

const ICS = [
  'BEGIN:VCALENDAR',
  'VERSION:2.0',
  'BEGIN:VEVENT',
  'UID:1',
  'DTSTART;VALUE=DATE:20261219',
  'DTEND;VALUE=DATE:20270104',
  'SUMMARY:Vacances de Noël\u001b[31m',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'UID:2',
  'DTSTART;VALUE=DATE:20270507',
  'SUMMARY:Pont de l’Ascension',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'UID:3',
  'STATUS:CANCELLED',
  'DTSTART;VALUE=DATE:20270508',
  'END:VEVENT',
  'END:VCALENDAR',
  '',
].join('\r\n')

const KEPT = [
  ['2026-12-19', '2027-01-03'],
  ['2027-05-07', '2027-05-07'],
]

let office: Office

beforeEach(async () => {
  office = await openOffice()
  await office.import(`${HEADER}\nE1,lea,student,Léa,Martin,0440001A\n`)
})
afterEach(() => office.close())

const calendars = () => office.core.deps.store.calendars.list()

const importFile = (content: string | Uint8Array, ...args: string[]) => {
  office.file('holidays', content)
  return office.vestibule('calendar', 'import', 'holidays', ...args)
}

describe('vestibule calendar import', () => {
  it('sets the holidays of an establishment from an ICS file, and prints them to be checked', async () => {
    const { code, stdout, stderr } = await importFile(ICS, ...UAI)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      '  2026-12-19  2027-01-03  Vacances de Noël\\u001b[31m\n' +
        '  2027-05-07              Pont de l’Ascension\n' +
        '1 left out: called off, or over before a day of school\n' +
        '2 holidays are the calendar of 0440001A now\n',
    )
    const [calendar] = await calendars()
    expect(calendar).toMatchObject({ establishment: '0440001A', days: KEPT })
    expect(calendar?.by).toMatch(/^cli:./)
    const entry = (await office.audit()).find(({ act }) => act === 'calendar_saved')
    expect(entry).toMatchObject({
      actor: calendar?.by,
      detail: { establishment: '0440001A', holidays: 2, first: '2026-12-19', last: '2027-05-07' },
    })
  })

  it('replaces it from a list of dates, also one that Windows has written', async () => {
    await importFile(ICS, ...UAI)
    const list = Buffer.from('début;fin;nom\r\n06/02/2027;21/02/2027;Été\r\n', 'latin1')
    const { code, stdout } = await importFile(list, ...UAI)
    expect([code, stdout]).toEqual([
      0,
      '  2027-02-06  2027-02-21  Été\n1 holiday is the calendar of 0440001A now\n',
    ])
    expect((await calendars()).map(({ days }) => days)).toEqual([[['2027-02-06', '2027-02-21']]])
  })

  it('takes nothing of a file in which a line is wrong, and names each', async () => {
    const { code, stdout, stderr } = await importFile(
      '2026-12-19 2027-01-03\n2027-02-30\nsoon\n',
      ...UAI,
    )
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      'holidays:2: "2027-02-30" is not a date (YYYY-MM-DD or DD/MM/YYYY)\n' +
        'holidays:3: "soon" is not a date (YYYY-MM-DD or DD/MM/YYYY)\n',
    )
    expect(await calendars()).toEqual([])
  })

  it.each([
    ['a large file', 'x'.repeat(1_000_001), 'holidays: has more than 1 MB'],
    ['nothing', '', 'holidays: holds no holiday'],
    ['half a calendar', 'BEGIN:VCALENDAR\nBEGIN:VEVENT\n', 'holidays: is not a calendar that can'],
  ])('refuses %s', async (_, content, message) => {
    const { code, stderr } = await importFile(content, ...UAI)
    expect(code).toBe(1)
    expect(stderr).toContain(message)
    expect(await calendars()).toEqual([])
  })

  it('says of a file of something else what it is not, and stops after ten lines', async () => {
    const people = Array.from({ length: 30 }, (_, i) => `E${i},lea.${i},student,${'x'.repeat(90)}`)
    const { code, stderr } = await importFile(`${HEADER}\n${people.join('\n')}\n`, ...UAI)
    const lines = stderr.trimEnd().split('\n')
    expect(code).toBe(1)
    expect(lines).toHaveLength(11)
    expect(lines[0]).toBe('holidays: is neither a calendar (ICS) nor a list of dates')
    expect(lines[10]).toBe('holidays: and 21 more')
    expect(stderr).not.toContain('x'.repeat(40))
  })

  it('warns of days that may not have been meant, and keeps them', async () => {
    const { code, stderr } = await importFile('2027-07-03 Début des vacances d’été', ...UAI)
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^WARNING: 2027-07-03 "Début des vacances d’été" tells when .* Give the days as a list, /,
    )
    expect(await calendars()).toHaveLength(1)
  })

  it('keeps nothing in a dry run, and tells machines what it read', async () => {
    const { code, stdout } = await importFile(ICS, ...UAI, '--dry-run', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      dry_run: true,
      establishment: '0440001A',
      file: 'holidays',
      skipped: 1,
      holidays: [
        { first: '2026-12-19', last: '2027-01-03', name: 'Vacances de Noël\u001b[31m' },
        { first: '2027-05-07', last: '2027-05-07', name: 'Pont de l’Ascension' },
      ],
    })
    expect(await calendars()).toEqual([])
    expect((await office.audit()).map(({ act }) => act)).not.toContain('calendar_saved')
  })

  it('warns where nobody is in that establishment, and keeps it', async () => {
    const { code, stderr } = await importFile(ICS, '--establishment', '0750009Z')
    expect([code, stderr]).toEqual([
      0,
      'WARNING: nobody is in the establishment 0750009Z: is the code right?\n',
    ])
    expect(await calendars()).toHaveLength(1)
  })

  it.each([
    [[], 'Say whose calendar it is: --establishment UAI'],
    [['--establishment', 'a b'], '--establishment "A B" is not a UAI code'],
  ])('does not understand %j', async (args, message) => {
    const { code, stderr } = await importFile(ICS, ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('Usage: vestibule calendar import FILE --establishment UAI')
  })
})

describe('vestibule calendar', () => {
  it('shows the calendars there are, and removes one', async () => {
    expect((await office.vestibule('calendar', 'show')).stdout).toBe('No calendars\n')
    await importFile(ICS, ...UAI)
    await importFile('2027-07-14', '--establishment', '0750009Z')
    const all = await office.vestibule('calendar', 'show')
    expect(all.stdout).toMatch(
      /^0440001A, of \S+Z by cli:\S+\n {2}2026-12-19 {2}2027-01-03\n {2}2027-05-07\n0750009Z, of/,
    )
    const one = await office.vestibule('calendar', 'show', '--establishment', '0750009z', '--json')
    expect(JSON.parse(one.stdout)).toMatchObject([
      { establishment: '0750009Z', holidays: [{ first: '2027-07-14', last: '2027-07-14' }] },
    ])
    const removed = await office.vestibule('calendar', 'remove', ...UAI)
    expect([removed.code, removed.stdout]).toEqual([0, '0440001A has no calendar any more\n'])
    const again = await office.vestibule('calendar', 'remove', ...UAI)
    expect([again.code, again.stderr]).toEqual([1, '0440001A: has no calendar\n'])
    const shown = await office.vestibule('calendar', 'show', ...UAI)
    expect([shown.code, shown.stderr]).toEqual([1, '0440001A: has no calendar\n'])
    expect((await office.audit()).map(({ act }) => act)).toContain('calendar_removed')
  })
})
