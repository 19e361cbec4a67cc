import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PasswordRecord } from '../../accounts/account.ts'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { type Office, openOffice } from './office.ts'

const HEADER =
  'external_id,identifier,user_type,given_name,family_name,establishments,classes,children'
const PEOPLE = [
  'E1,lea.martin,student,Léa,Martin,0440001A,6e A,',
  'E2,ali.benali,student,Ali,Benali,0440001A,6e B,',
  'E3,zoe.petit,student,Zoé,Petit,0440002B,6e A,',
  'G1,g.martin,guardian,Anne,Martin,0440001A,,E1',
  'T1,c.moreau,teacher,Camille,Moreau,0440001A|0440002B,6e A|6e B,',
]
const OWN = 'Tilleul-Papier-27'

let office: Office

beforeEach(async () => {
  office = await openOffice()
  await office.import([HEADER, ...PEOPLE, ''].join('\n'))
  mkdirSync(join(office.folder, 'out'))
})
afterEach(() => office.close())

const setPassword = (identifier: string, more: Partial<PasswordRecord> = {}) =>
  office.setPassword(identifier, OWN, more)

const passwords = (...args: string[]) => office.vestibule('passwords', ...args)
const isAsked = async (identifier: string) => (await office.person(identifier)).password?.mustChange
const acts = async () => (await office.audit()).map(({ act }) => act)
const written = () => readdirSync(join(office.folder, 'out')).sort()

/** Temporary passwords as the file says them, by identifier. */
const printed = (): Map<string, string> => {
  const [csv = ''] = written().filter((name) => name.endsWith('.csv'))
  const rows: string[][] = parse(readFileSync(join(office.folder, 'out', csv)), {
    bom: true,
    delimiter: ';',
    from_line: 2,
    relax_column_count: true,
  })
  const [head = []]: string[][] = parse(readFileSync(join(office.folder, 'out', csv)), {
    bom: true,
    delimiter: ';',
    to_line: 1,
  })
  const identifier = head.findIndex((name) => /ident/i.test(name))
  const password = head.findIndex((name) => /mot de passe|password/i.test(name))
  return new Map(rows.map((row) => [row[identifier] ?? '', row[password] ?? '']))
}

describe('whom a command about passwords is for', () => {
  it.each([
    [['--user-type', 'student'], ['ali.benali', 'lea.martin', 'zoe.petit'], 'student'],
    [['--class', '6e A'], ['c.moreau', 'g.martin', 'lea.martin', 'zoe.petit'], 'class 6e A'],
    [['--establishment', '0440002b'], ['c.moreau', 'zoe.petit'], 'establishment 0440002B'],
    [
      ['--class', '6e A', '--establishment', '0440001A', '--user-type', 'student'],
      ['lea.martin'],
      'student, establishment 0440001A, class 6e A',
    ],
    [['--user-type', 'Élève', '--class', '6e B'], ['ali.benali'], 'student, class 6e B'],
    [['--all'], ['ali.benali', 'c.moreau', 'g.martin', 'lea.martin', 'zoe.petit'], 'all'],
  ])('is said by %j, each narrowing the others', async (args, identifiers, words) => {
    const { code, stdout } = await passwords('state', ...args, '--list', '--json')
    const { selection, people } = JSON.parse(stdout)
    expect([code, selection]).toEqual([0, words])
    expect(people.map(({ identifier }: { identifier: string }) => identifier).sort()).toEqual(
      identifiers,
    )
  })

  it('may be a file of identifiers, one a line; whoever is unknown is named with the line', async () => {
    await setPassword('lea.martin')
    await setPassword('ali.benali')
    office.file('names.txt', '\ufeffLEA.martin\r\n\r\nnobody.here\r\n ali.benali \r\nlea.martin')
    const { code, stdout, stderr } = await passwords('force-change', '--identifiers', 'names.txt')
    expect(stderr).toBe('names.txt:3: nobody has "nobody.here"\n')
    expect(stdout).toBe('2 are asked for a new password at the next connection (3 identifiers)\n')
    expect(code).toBe(1)
    expect([await isAsked('lea.martin'), await isAsked('ali.benali')]).toEqual([true, true])
  })

  it('may be a file that Windows has written, in its own encoding', async () => {
    await office.import([HEADER, 'E9,zoé.léger,student,Zoé,Léger,0440001A,6e A,', ''].join('\n'))
    office.file('names.txt', Buffer.from('zoé.léger\r\n', 'latin1'))
    const { code, stdout } = await passwords('state', '--identifiers', 'names.txt', '--json')
    expect([code, JSON.parse(stdout).selection]).toEqual([0, '1 identifier'])
  })

  it('leaves out of a file who is disabled, or not of those asked for, and says how many', async () => {
    await setPassword('ali.benali')
    const { sub } = await office.person('lea.martin')
    await office.core.deps.store.accounts.setDisabled(sub, office.now())
    office.file('names.txt', 'lea.martin\nali.benali\nc.moreau\n')
    const { code, stdout } = await passwords(
      ...['force-change', '--identifiers', 'names.txt', '--user-type', 'student'],
    )
    expect(code).toBe(0)
    expect(stdout).toContain(
      '2 of the identifiers left out: disabled, or not of those asked for\n1 is asked',
    )
  })

  it.each([
    ['nothing', '\n\r\n', 'names.txt: holds no identifier'],
    [
      '10,001 identifiers',
      Array.from({ length: 10_001 }, (_, i) => `p${i}`).join('\n'),
      'names.txt: holds 10001 identifiers: at most 10000',
    ],
    [
      'no text',
      Buffer.from('léa', 'utf16le'),
      'names.txt: is not text in UTF-8 or Latin-1 (Windows)',
    ],
    ['strangers alone', 'x.y\n', 'names.txt:1: nobody has "x.y"\n1 identifier: nobody is found'],
  ])('is refused for a file with %s', async (_, content, message) => {
    office.file('names.txt', content)
    const { code, stdout, stderr } = await passwords('force-change', '--identifiers', 'names.txt')
    expect([code, stdout, stderr]).toEqual([1, '', `${message}\n`])
  })

  it('says so when nobody is found, with what was asked', async () => {
    const { code, stdout, stderr } = await passwords('force-change', '--class', '3e Z')
    expect([code, stdout, stderr]).toEqual([1, '', 'class 3e Z: nobody is found\n'])
  })

  it.each([
    [['force-change'], 'Say for whom: --user-type, --class'],
    [['temporary', '--out', 'out'], 'Say for whom: --user-type, --class'],
    [['force-change', '--user-type', 'students'], '; did you mean "student"?'],
    [['force-change', '--all', '--class', '6e A'], '--all goes alone'],
    [['force-change', '--class', '6e A', '--class', '6e B'], '--class is given twice'],
    [['force-change', '--all', '--all'], '--all is given twice'],
    [['force-change', '--class', ' '], '--class is empty'],
    [['force-change', '--establishment', '044 1a'], '--establishment "044 1A" is not a UAI code'],
    [['force-change', '--establishment', ''], '--establishment is empty'],
    [['cards', '--all'], 'Say where the files shall be: --out FOLDER'],
    [['take-back'], 'An argument is missing'],
  ])('does not understand %j, and does nothing', async (args, message) => {
    await setPassword('lea.martin')
    const { code, stderr } = await passwords(...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain(`Usage: vestibule passwords ${args[0]}`)
    expect(await isAsked('lea.martin')).toBe(false)
  })
})

describe('vestibule passwords state', () => {
  beforeEach(async () => {
    await setPassword('lea.martin', { mustChange: true })
    await setPassword('ali.benali')
    await setPassword('c.moreau', { voidedAt: office.now() })
  })

  it('counts everybody by user type and state', async () => {
    const { code, stdout } = await passwords('state')
    expect(code).toBe(0)
    expect(stdout.split('\n')[0]).toMatch(
      /^USER TYPE +NONE +INITIAL +TEMPORARY +LAPSED +PERSONAL +MUST CHANGE +EXPIRED +VOID +OLDER +ALL$/,
    )
    expect(stdout).toMatch(/^student +1 +0 +0 +0 +1 +1 +0 +0 +0 +3$/m)
    expect(stdout).toMatch(/^teacher +0 +0 +0 +0 +0 +0 +0 +1 +0 +1$/m)
    expect(stdout).not.toContain('inspector')
  })

  it('lists each with their state and since when, without any password', async () => {
    const { stdout } = await passwords('state', '--user-type', 'student', '--list')
    expect(stdout).toMatch(/^lea\.martin +student +must_change +- +2026-09-14T07:00:00Z$/m)
    expect(stdout).toMatch(/^ali\.benali +student +personal +2026-09-14T07:00:00Z +2026-09-14/m)
    expect(stdout).toMatch(/^zoe\.petit +student +none +- +-$/m)
    expect(stdout).not.toContain('c.moreau')
  })

  it('is shown of one person by people show too', async () => {
    const lea = await office.vestibule('people', 'show', 'lea.martin')
    expect(lea.stdout).toMatch(/^password +must_change$/m)
    expect(lea.stdout).toMatch(/^must change +yes$/m)
    const ali = await office.vestibule('people', 'show', 'ali.benali', '--json')
    expect(JSON.parse(ali.stdout)).toMatchObject({
      password: 'personal',
      password_since: '2026-09-14T07:00:00Z',
      must_change: false,
    })
  })
})

describe('vestibule passwords force-change', () => {
  beforeEach(async () => {
    await setPassword('lea.martin')
    await setPassword('ali.benali', { rulesVersion: 2 })
    await setPassword('c.moreau', { origin: 'temporary' })
  })

  it('asks for a change, says whom it left out, and is in the audit for each', async () => {
    const dry = await passwords('force-change', '--all', '--dry-run')
    expect(dry.stdout).toBe(
      '2 would be asked for a new password at the next connection (all)\n' +
        '1 must change it anyway: temporary, initial, or asked before\n' +
        '2 left out: no password here, they come by a key or from elsewhere, or have not had a card yet\n' +
        'Dry run: nothing was written\n',
    )
    expect(await isAsked('lea.martin')).toBe(false)
    const { code, stdout } = await passwords('force-change', '--all')
    expect([code, stdout.split('\n')[0]]).toEqual([
      0,
      '2 are asked for a new password at the next connection (all)',
    ])
    expect(await isAsked('lea.martin')).toBe(true)
    expect((await acts()).filter((act) => act === 'password_change_forced')).toHaveLength(2)
    expect((await acts()).filter((act) => act === 'command_run')).toHaveLength(2)
  })

  it('asks those alone whose password is older than the rules', async () => {
    const student = policySchema.parse({ passwords: { rules_version: 2 } })
    await office.core.deps.store.policies.save(
      {
        id: 'v2',
        atMs: office.now(),
        by: 'test',
        why: 'test',
        policies: { ...DEFAULT_POLICIES, student },
      },
      null,
    )
    const { stdout } = await passwords(
      ...['force-change', '--user-type', 'student', '--older-than-rules', '--json'],
    )
    expect(JSON.parse(stdout)).toEqual({
      dry_run: false,
      selection: 'student',
      forced: 1,
      already_due: 0,
      without_password: 1,
      void: 0,
      up_to_date: 1,
    })
    expect([await isAsked('lea.martin'), await isAsked('ali.benali')]).toEqual([true, false])
  })
})

describe('vestibule passwords temporary and cards', () => {
  beforeEach(async () => {
    await setPassword('lea.martin')
    await setPassword('ali.benali', { origin: 'initial' })
  })

  it('replace passwords, written to files that only their owner reads, and never printed', async () => {
    const { code, stdout, stderr } = await passwords('temporary', '--all', '--out', 'out')
    expect([code, stderr]).toEqual([0, ''])
    const [file = '', ...more] = written()
    expect(more).toEqual([])
    const day = new Date().toISOString().slice(0, 10)
    expect(file).toMatch(new RegExp(`^passwords-${day.slice(0, 8)}\\d\\d-[0-9a-f]{8}\\.csv$`))
    expect(statSync(join(office.folder, 'out', file)).mode & 0o777).toBe(0o600)
    const given = printed()
    expect([...given.keys()].sort()).toEqual([
      'ali.benali',
      'c.moreau',
      'g.martin',
      'lea.martin',
      'zoe.petit',
    ])
    for (const [identifier, password] of given) {
      expect(await office.isPassword(identifier, password)).toBe(true)
      expect(stdout).not.toContain(password)
    }
    expect(await office.isPassword('lea.martin', OWN)).toBe(false)
    const batch = file.slice(-12, -4)
    expect(stdout).toBe(
      '5 temporary passwords (all): 1 teacher, 3 students, 1 guardian\n' +
        '  in 0440001A: 4\n  in 0440002B: 1\n' +
        "1 of them in the place of a password of the person's own\n" +
        'They are in force, and shown only in these files:\n' +
        `  ${join(office.folder, 'out', file)}\n` +
        `Until one of them is used: passwords take-back ${batch}\n`,
    )
    expect(await acts()).toContain('passwords_generated')
  })

  it('leave passwords of people’s own to them where that is asked, and count in a dry run', async () => {
    const args = ['temporary', '--user-type', 'student', '--keep-personal'] as const
    const dry = await passwords(...args, '--dry-run')
    expect(dry.stdout).toBe(
      '2 temporary passwords (student): 2 students\n' +
        '  in 0440001A: 1\n  in 0440002B: 1\n' +
        '1 left out: they keep a password of their own\n' +
        'Dry run: nothing was written\n',
    )
    expect(written()).toEqual([])
    expect((await office.person('ali.benali')).password?.origin).toBe('initial')
    const done = await passwords(...args, '--out', 'out', '--json')
    expect(JSON.parse(done.stdout)).toMatchObject({
      dry_run: false,
      selection: 'student',
      homes: [
        { home: '0440001A', passwords: 1 },
        { home: '0440002B', passwords: 1 },
      ],
      personal: 0,
      left_out: { personal_kept: 1, no_local_password: 0 },
    })
    expect(await office.isPassword('lea.martin', OWN)).toBe(true)
    expect([...printed().keys()].sort()).toEqual(['ali.benali', 'zoe.petit'])
  })

  it('print a PDF for each establishment beside the list', async () => {
    const { code, stdout } = await passwords('cards', '--class', '6e A', '--out', 'out')
    expect(code).toBe(0)
    const names = written().map((name) => name.replace(/^passwords-[\d-]+-[0-9a-f]{8}/, ''))
    expect(names).toEqual(['-0440001A.pdf', '-0440002B.pdf', '.csv'])
    for (const name of written()) {
      expect(stdout).toContain(`  ${join(office.folder, 'out', name)}\n`)
      const head = readFileSync(join(office.folder, 'out', name))
        .subarray(0, 5)
        .toString('latin1')
      expect(head === '%PDF-').toBe(name.endsWith('.pdf'))
    }
  })

  it('say of a class in which establishments it is, and of one card that it is one', async () => {
    const { stdout } = await passwords('cards', '--class', '6e B', '--dry-run')
    expect(stdout).toBe(
      '2 temporary passwords (class 6e B): 1 teacher, 1 student\n' +
        '  in 0440001A: 2\n' +
        'Dry run: nothing was written\n',
    )
    await office.import([HEADER, 'E8,new.comer,student,New,Comer,,,', ''].join('\n'))
    office.file('names.txt', 'new.comer\nlea.martin\nnobody.here\n')
    const some = await passwords('temporary', '--identifiers', 'names.txt', '--dry-run')
    expect([some.code, some.stderr]).toEqual([1, 'names.txt:3: nobody has "nobody.here"\n'])
    expect(some.stdout).toContain('  without an establishment: 1\n')
    expect(some.stdout).toMatch(/unknown identifiers are passed over and the others served\n$/)
    const one = await passwords(
      ...['temporary', '--identifiers', 'names.txt', '--establishment', '0440001A', '--dry-run'],
    )
    expect(one.stdout).toContain(
      '\n1 temporary password (establishment 0440001A, 3 identifiers): 1 student\n1 of',
    )
  })

  it('say in a dry run that the folder is not there, or is a file', async () => {
    office.file('list.csv', '')
    for (const folder of ['nowhere', 'list.csv']) {
      const dry = await passwords('cards', '--all', '--dry-run', '--out', folder)
      expect(dry.code).toBe(1)
      expect(dry.stdout).toContain('5 temporary passwords (all)')
      expect(dry.stderr).toMatch(
        new RegExp(`^no password would be replaced: .*${folder}: there is no such folder\n$`),
      )
    }
    expect((await passwords('cards', '--all', '--dry-run', '--out', 'out')).code).toBe(0)
    expect(written()).toEqual([])
  })

  it('replace nothing when the files cannot be written', async () => {
    const { code, stdout, stderr } = await passwords('cards', '--all', '--out', 'nowhere')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^no password was replaced: .*nowhere: there is no such folder\n$/)
    expect(await office.isPassword('lea.martin', OWN)).toBe(true)
    expect((await office.person('zoe.petit')).password).toBeNull()
  })

  it('say so where nobody of those asked for gets one', async () => {
    office.file('names.txt', 'lea.martin\n')
    const { code, stderr } = await passwords(
      ...['temporary', '--identifiers', 'names.txt', '--keep-personal', '--out', 'out'],
    )
    expect([code, stderr]).toEqual([1, '1 identifier: nobody of them gets a temporary password\n'])
    expect(written()).toEqual([])
  })

  it('are taken back until one of them is used', async () => {
    await passwords('temporary', '--all', '--out', 'out')
    const given = printed()
    const list = await passwords('batches', '--json')
    const [batch] = JSON.parse(list.stdout)
    expect(batch).toMatchObject({ selection: 'all', passwords: 5, state: 'in_force' })
    const shown = await passwords('batches')
    expect(shown.stdout).toMatch(
      /^BATCH +MADE +BY +FOR +PASSWORDS +STATE +FIRST USED\n[0-9a-f]{8} /,
    )
    const back = await passwords('take-back', batch.batch.slice(0, 8))
    expect(back.stdout).toBe(
      'Taken back: 5 people have what they had before, 1 of them a password of their own\n' +
        'The cards serve nobody any more: destroy them.\n',
    )
    expect(await office.isPassword('lea.martin', OWN)).toBe(true)
    expect(await office.isPassword('ali.benali', given.get('ali.benali') ?? '')).toBe(false)
    const again = await passwords('take-back', batch.batch)
    expect([again.code, again.stderr]).toEqual([
      1,
      `batch "${batch.batch.slice(0, 8)}": is not in force: taken back\n`,
    ])
    expect(await acts()).toContain('passwords_taken_back')
  })

  it('stay once one of them was used, and there is no batch of another name', async () => {
    await passwords('temporary', '--user-type', 'student', '--out', 'out')
    const [{ id } = { id: '' }] = await office.core.deps.store.passwordBatches.list(1)
    expect(await office.core.deps.store.passwordBatches.use(id, office.now())).toBe(true)
    const used = await passwords('take-back', id)
    expect(used.code).toBe(1)
    expect(used.stderr).toMatch(
      /^batch "[0-9a-f]{8}": somebody signed in with a password of it at 2026-09-14T07:00:00Z: it stays in force\n$/,
    )
    expect(await office.isPassword('lea.martin', printed().get('lea.martin') ?? '')).toBe(true)
    const none = await passwords('take-back', 'zzzz')
    expect([none.code, none.stderr]).toEqual([1, 'batch "zzzz": there is none of this id\n'])
  })

  it.each([
    [['force-change', '--user-type', 'teacher']],
    [['temporary', '--user-type', 'teacher', '--out', 'out']],
    [['take-back', 'nothing']],
  ])(
    'are completed by %j where a command was broken off, not by what only reads or tries',
    async (args) => {
      const { passwordBatches } = office.core.deps.store
      const { sub } = await office.person('zoe.petit')
      const batch = { id: 'abcdef0123', atMs: office.now(), by: 'cli:other', selection: 'student' }
      await passwordBatches.begin(batch)
      const sealed = office.core.deps.hasher.keep('some-card', passwordOwner(sub))
      await passwordBatches.prepare(batch.id, [{ sub, sealed }])
      await passwordBatches.enter(batch.id, office.now())
      const isCard = () => office.isPassword('zoe.petit', 'some-card')
      await passwords('batches')
      await passwords('state', '--list')
      await passwords('force-change', '--all', '--dry-run')
      await passwords('cards', '--all', '--out', 'out', '--dry-run')
      expect([await isCard(), written()]).toEqual([false, []])
      await passwords(...args)
      expect(await isCard()).toBe(true)
    },
  )
})
