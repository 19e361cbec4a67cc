import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditEntry } from '../../accounts/audit.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { type Office, openOffice } from './office.ts'

let office: Office

beforeEach(async () => {
  office = await openOffice()
})
afterEach(() => office.close())

const PEOPLE =
  'external_id,identifier,user_type,given_name,family_name\n' +
  'E1,lea.martin,student,Léa,Martin\nE2,ali.benali,student,Ali,Benali\n'

describe('vestibule', () => {
  it.each([[[]], [['help']], [['--help']]])('tells with %j what there is', async (args) => {
    const { code, stdout } = await office.vestibule(...args)
    expect(code).toBe(0)
    for (const name of ['people import', 'people reset-pin', 'policy apply', 'audit list']) {
      expect(stdout).toContain(`  ${name} `)
    }
  })

  it('tells how a command is written', async () => {
    const { code, stdout } = await office.vestibule('policy', 'apply', '--help')
    expect([code, stdout]).toEqual([
      0,
      'puts a file of policies in force\n' +
        'Usage: vestibule policy apply FILE.yaml [--why TEXT] [--dry-run]\n',
    ])
  })

  it.each([
    [['people', 'imprt'], 'There is no command "people imprt"; did you mean "people import"?'],
    [['policy'], 'there are: policy export, policy check, policy diff, policy apply'],
    [['accounts', 'list'], 'There is no command "accounts list"; see: vestibule help'],
    [['audit', 'list', '--act', 'pin_genrated'], 'did you mean "pin_generated"?'],
    [['audit', 'list', '--limit', '0'], '--limit is a number from 1 to 10000'],
    [['audit', 'list', '--sub', 'x', '--identifier', 'y'], 'exclude one another'],
    [['audit', 'list', '--since', 'x'], "Unknown option '--since'"],
  ])('does not understand %j, and says what it would', async (args, message) => {
    const { code, stdout, stderr } = await office.vestibule(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })

  it('says which setting is wrong, and where', async () => {
    office.file('vestibule.yaml', 'isuer: http://localhost:3000\n')
    const { code, stderr } = await office.vestibule('audit', 'list')
    expect(code).toBe(1)
    expect(stderr).toMatch(/vestibule\.yaml:1: isuer .*did you mean "issuer"/)
  })

  it('lists the audit, newest first, of everybody or of one person', async () => {
    await office.import(PEOPLE)
    office.later(1000)
    await office.import('identifier,user_type,given_name,family_name\nlea.martin,staff,L,M\n')
    office.later(1000)
    await office.import(
      'external_id,identifier,user_type,given_name,family_name\nE1,lea,staff,L,M\n',
    )
    const { sub } = await office.person('lea')
    const listed = await office.vestibule('audit', 'list', '--identifier', 'lea.martin', '--json')
    const entries: { act: string; sub: string; at: string }[] = JSON.parse(listed.stdout)
    expect(entries.map(({ act }) => act)).toEqual([
      'person_changed',
      'person_changed',
      'person_added',
    ])
    expect(entries.every((entry) => entry.sub === sub)).toBe(true)
    expect(entries[0]?.at).toBe('2026-09-14T07:00:02.000Z')
    const some = await office.vestibule('audit', 'list', '--act', 'people_imported', '--limit', '2')
    expect(some.stdout.trimEnd().split('\n')).toHaveLength(3)
    expect(some.stdout).toMatch(
      /people_imported +done +- +cli:office +- +- +source=people\.csv added=0/,
    )
    const nobody = await office.vestibule('audit', 'list', '--identifier', 'max')
    expect([nobody.code, nobody.stderr]).toEqual([1, 'identifier "max": nobody has or had it\n'])
  })

  it('shows in the audit where somebody signed in and into which application', async () => {
    await office.import(PEOPLE)
    const { sub } = await office.person('lea.martin')
    const { deps } = office.core
    const origin = { address: '203.0.113.9', userAgent: '', deviceToken: null, clientId: 'ent' }
    await deps.store.audit.append(auditEntry(deps, { act: 'application_opened', sub, origin }))
    const { stdout } = await office.vestibule('audit', 'list', '--act', 'application_opened')
    const [head, entry, ...more] = stdout.trimEnd().split('\n')
    expect(head?.split(/ +/)).toEqual([
      'TIME',
      'ACT',
      'OUTCOME',
      'WHOM',
      'WHO',
      'NETWORK',
      'APPLICATION',
      'FACTS',
    ])
    expect(entry?.split(/ +/).slice(1)).toEqual([
      'application_opened',
      'done',
      sub,
      'self',
      '203.0.113.0/24',
      'ent',
    ])
    expect(more).toEqual([])
  })

  type Use = [args: string[], whom: string | null, exit: number]

  const expectRecorded = async (used: readonly Use[]): Promise<void> => {
    for (const [args, , exit] of used) {
      expect((await office.vestibule(...args)).code, args.join(' ')).toBe(exit)
    }
    const runs = (await office.audit()).filter(({ act }) => act === 'command_run').reverse()
    expect(runs.map(({ detail, sub, outcome }) => [detail, sub, outcome])).toEqual(
      used.map(([[group, verb], whom, exit]) => [
        { command: `${group} ${verb}`, exit },
        whom,
        exit === 0 ? 'done' : 'refused',
      ]),
    )
    expect(runs.every(({ actor }) => /^cli:./.test(actor ?? ''))).toBe(true)
  }

  it('writes to the audit that it was used to read, by whom and about whom', async () => {
    await office.import(PEOPLE)
    const { sub } = await office.person('lea.martin')
    await expectRecorded([
      [['people', 'show', 'lea.martin'], sub, 0],
      [['people', 'devices', '--external-id', 'E1', '--json'], sub, 0],
      [['policy', 'export'], null, 0],
      [['audit', 'list', '--identifier', 'lea.martin'], sub, 0],
      [['audit', 'list', '--sub', 'typed-by-hand'], null, 0],
    ])
  })

  it('writes to the audit that it was used to try, or in vain', async () => {
    await office.import(PEOPLE)
    const { sub } = await office.person('lea.martin')
    const policies = office.file('policies.yaml', 'policies: {}')
    await expectRecorded([
      [['people', 'unblock', 'lea.martin'], sub, 1],
      [['people', 'show', 'nobody.such'], null, 1],
      [['people', 'import', office.file('again.csv', PEOPLE), '--dry-run'], null, 0],
      [['policy', 'apply', policies], null, 0],
    ])
  })

  it('writes nothing when it is only asked for help, checks a file, or is not understood', async () => {
    office.file('good.yaml', 'policies: {}')
    for (const args of [['help'], ['people', 'show', '--help'], ['policy', 'check', 'good.yaml']]) {
      expect((await office.vestibule(...args)).code).toBe(0)
    }
    expect((await office.vestibule('people', 'show')).code).toBe(2)
    expect(await office.audit()).toEqual([])
  })

  it('still reads while another process keeps the database, and says what is missing', async () => {
    await office.import(PEOPLE)
    const other = new DatabaseSync(join(office.folder, 'data', DATABASE_FILE))
    other.exec('BEGIN IMMEDIATE')
    const { code, stdout, stderr } = await office.vestibule('people', 'show', 'lea.martin')
    other.exec('ROLLBACK')
    other.close()
    expect(stdout).toMatch(/^name +Léa Martin$/m)
    expect([code, stderr]).toEqual([
      0,
      'vestibule: this run is not in the audit: another process keeps the database locked\n',
    ])
  })
})
