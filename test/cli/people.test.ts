import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { LANE, type Office, openOffice } from './office.ts'

const HEADER = 'external_id,identifier,user_type,given_name,family_name,establishments,password'
const LEA = 'E1,lea.martin,student,Léa,Martin,0440001A,secret-of-lea'
const ALI = 'E2,ali.benali,student,Ali,Benali,0440001A,secret-of-ali'
const SECRETS = /secret-of/

let office: Office

beforeEach(async () => {
  office = await openOffice()
})
afterEach(() => office.close())

const file = (...lines: string[]): string =>
  office.file('school.csv', [HEADER, ...lines, ''].join('\n'))

const many = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `E${i},p${i},student,A,B,0440001A,secret-of-${i}`)

describe('vestibule people import', () => {
  it('adds people, lists rejected lines with the reason, and says in its exit code that some were', async () => {
    const path = file(LEA, 'E2,ali,student,Ali,,0440001A,secret-of-ali')
    const { code, stdout, stderr } = await office.vestibule('people', 'import', path)
    expect(stderr).toBe('')
    expect(stdout).toBe(
      'line 3, "ali": rejected: family_name is empty\n' +
        '1 added, 0 changed, 0 unchanged, 1 rejected, 0 left\n',
    )
    expect(code).toBe(1)
    expect(await office.isPassword('lea.martin', 'secret-of-lea')).toBe(true)
    expect((await office.audit())[0]?.actor).toMatch(/^cli:./)
  })

  it('changes nothing the second time', async () => {
    const path = file(LEA, ALI)
    expect((await office.vestibule('people', 'import', path)).code).toBe(0)
    const before = await office.person('lea.martin')
    const { code, stdout } = await office.vestibule('people', 'import', path)
    expect([code, stdout]).toEqual([0, '0 added, 0 changed, 2 unchanged, 0 rejected, 0 left\n'])
    expect(await office.person('lea.martin')).toEqual(before)
  })

  it('shows with --dry-run what would be done, for people and for machines', async () => {
    const path = file(LEA)
    const { stdout } = await office.vestibule('people', 'import', path, '--dry-run', '--details')
    expect(stdout).toContain('line 2, "lea.martin": added\n')
    expect(stdout).toContain('Dry run: nothing was written')
    const told = await office.vestibule('people', 'import', path, '--dry-run', '--json')
    expect(JSON.parse(told.stdout)).toMatchObject({
      dry_run: true,
      added: 1,
      rejected: 0,
      lines: [],
    })
    await expect(office.person('lea.martin')).rejects.toThrow('nobody')
  })

  it('disables who left only when asked, within the establishment and type named', async () => {
    await office.vestibule('people', 'import', file(LEA, ALI))
    const path = file(LEA)
    const leavers = ['--leavers', '--establishment', '0440001A', '--user-type']
    await office.vestibule('people', 'import', path)
    await office.vestibule('people', 'import', path, ...leavers, 'teacher')
    expect((await office.person('ali.benali')).disabledAt).toBeNull()
    const { stdout } = await office.vestibule('people', 'import', path, ...leavers, 'student')
    expect(stdout).toContain('"ali.benali": left, disabled\n')
    expect((await office.person('ali.benali')).disabledAt).not.toBeNull()
    expect((await office.person('lea.martin')).disabledAt).toBeNull()
  })

  it.each([
    [['--leavers'], '--leavers needs --establishment and --user-type'],
    [
      ['--leavers', '--establishment', '044 1A', '--user-type', 'student'],
      '--establishment "044 1A" is not a UAI code',
    ],
    [['--leavers', '--establishment', ''], '--establishment is empty'],
    [['--user-type', 'student'], '--establishment and --user-type go with --leavers'],
    [['--dry'], "Unknown option '--dry'"],
    [['more.csv'], "Unexpected argument 'more.csv'"],
  ])('does not understand %j', async (args, message) => {
    const { code, stderr } = await office.vestibule('people', 'import', file(LEA), ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('Usage: vestibule people import FILE.csv')
    await expect(office.person('lea.martin')).rejects.toThrow('nobody')
  })

  it.each([
    [
      'an unknown column',
      'identifer,user_type',
      'school.csv:1: unknown column "identifer"; did you mean "identifier"?',
    ],
    [
      'a missing column',
      'identifier,user_type',
      'school.csv:1: missing column given_name, family_name',
    ],
    ['a column twice', `${HEADER},Password`, 'school.csv:1: column password is there twice'],
    [
      'a quote never closed',
      `${HEADER}\n${LEA}\nE2,"ali,student,A,B,,\n`,
      'school.csv:3: a quote is opened and never closed',
    ],
    ['nothing in it', '', 'school.csv: is empty'],
  ])('imports nothing of a file with %s, and says where', async (_, content, message) => {
    office.file('school.csv', content)
    const { code, stderr } = await office.vestibule('people', 'import', 'school.csv')
    expect(stderr).toContain(message)
    expect(code).toBe(1)
    // The console may have been asked what the columns are: that alone is written down.
    const acts = (await office.audit()).filter(({ act }) => act !== 'command_run')
    expect(acts).toEqual([])
  })

  it('prints nothing of a file that a terminal would obey or take for a line of ours', async () => {
    const identifier = 'eve\nline 9, "root": added\u001b[2K\u009b31m\u2028\u202e\u2066'
    const path = file(`E9,"${identifier.replaceAll('"', '""')}",student,,Roy,,`)
    const UNSAFE = /[^\P{Cc}\n]|[\u2028-\u202e\u2066-\u2069]/u
    const { stdout } = await office.vestibule('people', 'import', path)
    expect(stdout).not.toMatch(UNSAFE)
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(stdout).toContain(
      'line 2, "eve\\u000aline 9, "root": added\\u001b[2K\\u009b31m\\u2028\\u202e\\u2066": rejected',
    )
    const json = await office.vestibule('people', 'import', path, '--json')
    expect(json.stdout).not.toMatch(UNSAFE)
    expect(JSON.parse(json.stdout).lines[0].identifier).toBe(identifier)
    const typed = await office.vestibule('people', 'show', identifier)
    expect(typed.stderr).not.toMatch(UNSAFE)
    expect(typed.stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it('says who left one establishment and stays in another', async () => {
    await office.vestibule('people', 'import', file(LEA, `${ALI.replace('A,s', 'A|0440002B,s')}`))
    const { stdout } = await office.vestibule(
      ...['people', 'import', file(LEA), '--leavers'],
      ...['--establishment', '0440001A', '--user-type', 'student'],
    )
    expect(stdout).toBe(
      '"ali.benali": left, not disabled, still in 0440002B\n' +
        '0 added, 0 changed, 1 unchanged, 0 rejected, 0 left\n' +
        '1 left this establishment and stay in others\n',
    )
    expect((await office.person('ali.benali')).disabledAt).toBeNull()
  })

  it('never prints a password', async () => {
    const path = file(LEA, ALI, 'E3,eve,pupil,Eve,Roy,,secret-of-eve', 'E4,max,x,secret-of-max')
    for (const more of [['--details'], ['--json', '--details'], ['--dry-run']]) {
      const { stdout, stderr } = await office.vestibule('people', 'import', path, ...more)
      expect(stdout + stderr).not.toMatch(SECRETS)
      expect(stdout).toMatch(/rejected/)
    }
  })

  it('writes beside a running gateway without an error on either side', async () => {
    const importing = office.vestibule('people', 'import', file(...many(400)))
    let done = false
    const ended = importing.finally(() => {
      done = true
    })
    let written = 0
    while (!done) {
      await office.import(`identifier,user_type,given_name,family_name\nq${written},staff,A,B\n`)
      written += 1
    }
    const { code, stderr } = await ended
    expect([code, stderr]).toEqual([0, ''])
    expect(written).toBeGreaterThan(5)
    expect((await office.person('p399')).password?.origin).toBe('initial')
    expect((await office.person(`q${written - 1}`)).userType).toBe('staff')
  })

  it('leaves nobody half-written when it is killed, and goes on where it was', async () => {
    const path = file(...many(1500))
    const main = join(import.meta.dirname, '../../cli/main.ts')
    const child = spawn(process.execPath, [main, 'people', 'import', path], {
      env: office.environment,
      cwd: office.folder,
      stdio: 'ignore',
    })
    const exit = once(child, 'exit')
    const { accounts } = office.core.deps.store
    await vi.waitUntil(() => accounts.byIdentifier('p60'), { timeout: 20_000, interval: 5 })
    child.kill('SIGKILL')
    await exit
    const found = await Promise.all(many(1500).map((_, i) => accounts.byIdentifier(`p${i}`)))
    const there = found.filter((account) => account !== null)
    expect(there.length).toBeGreaterThan(60)
    expect(there.length).toBeLessThan(1500)
    expect(there.filter(({ password }) => password === null)).toEqual([])
    const { stdout } = await office.vestibule('people', 'import', path)
    const [left, same] = [1500 - there.length, there.length]
    expect(stdout).toContain(`${left} added, 0 changed, ${same} unchanged, 0 rejected`)
  })
})

describe('vestibule people', () => {
  beforeEach(async () => {
    await office.import([HEADER, LEA, ''].join('\n'))
    const { sub } = await office.person('lea.martin')
    const { store, hasher } = office.core.deps
    await store.accounts.setPin(sub, {
      sealed: await hasher.hash('8306', pinOwner(sub), LANE),
      origin: 'chosen',
      setAt: office.now(),
      length: 4,
      blockedAt: office.now(),
    })
    await store.devices.add({
      id: 'd1',
      sub,
      browserId: 'b1',
      name: 'Salle 201\u001b[31m',
      browserName: 'Firefox',
      systemName: 'Windows',
      network: '192.0.2.0/24',
      addedAt: office.now(),
      lastSeenAt: office.now(),
      addedUnder: 'pin',
    })
  })

  it('shows a person by identifier, sub or external id', async () => {
    const { sub } = await office.person('lea.martin')
    const shown = await office.vestibule('people', 'show', 'LEA.martin')
    expect(shown.stdout).toMatch(/^name +Léa Martin$/m)
    expect(shown.stdout).toMatch(/^pin +blocked$/m)
    expect(shown.stdout).toMatch(/^protection +pin$/m)
    for (const who of [
      ['--sub', sub],
      ['--external-id', 'E1'],
    ]) {
      const { stdout } = await office.vestibule('people', 'show', ...who, '--json')
      expect(JSON.parse(stdout)).toMatchObject({ sub, devices: 1, disabled: null })
    }
  })

  it('lists recognised devices, obeying nothing in their names', async () => {
    const { stdout } = await office.vestibule('people', 'devices', 'lea.martin')
    expect(stdout).toContain('Salle 201\\u001b[31m  Firefox, Windows  192.0.2.0/24')
    expect(stdout).not.toContain('\u001b')
  })

  it('unblocks a PIN, then resets it: shown once, devices forgotten', async () => {
    const unblocked = await office.vestibule('people', 'unblock', 'lea.martin')
    expect(unblocked.stdout).toBe('"lea.martin": PIN unblocked\n')
    const again = await office.vestibule('people', 'unblock', 'lea.martin')
    expect(again.stdout).toContain('was not blocked')
    const { stdout } = await office.vestibule('people', 'reset-pin', 'lea.martin', '--json')
    const { pin, devices_forgotten } = JSON.parse(stdout)
    expect(devices_forgotten).toBe(1)
    const { sub, pin: record } = await office.person('lea.martin')
    expect(record?.origin).toBe('generated')
    const { hasher } = office.core.deps
    const checked = await hasher.verify(pin, record?.sealed ?? null, pinOwner(sub), LANE)
    expect(checked.right).toBe(true)
  })

  it('disables and enables an account; a repeat says so', async () => {
    const says = async (verb: string): Promise<string> =>
      (await office.vestibule('people', verb, 'lea.martin')).stdout
    expect(await says('disable')).toBe('"lea.martin": disabled\n')
    expect(await says('disable')).toBe('"lea.martin": disabled already\n')
    expect((await office.person('lea.martin')).disabledAt).not.toBeNull()
    expect(await says('enable')).toBe('"lea.martin": enabled\n')
    expect((await office.person('lea.martin')).disabledAt).toBeNull()
  })

  it('says that nobody has an identifier, or that nobody was named', async () => {
    const nobody = await office.vestibule('people', 'disable', 'lea')
    expect([nobody.code, nobody.stderr]).toEqual([1, 'identifier "lea": nobody has it\n'])
    const unnamed = await office.vestibule('people', 'disable')
    expect(unnamed.code).toBe(2)
    expect(unnamed.stderr).toContain('Name one person')
  })
})
