import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { DEFAULT_POLICIES } from '../../policies/policy.ts'
import { type Office, openOffice } from './office.ts'

let office: Office
beforeEach(async () => {
  office = await openOffice()
})
afterEach(() => office.close())

const PEOPLE = `identifier,user_type,given_name,family_name
t.one,teacher,Ada,One
t.two,teacher,Bea,Two
s.one,staff,Cyd,Three
`

const apply = (text: string, why = 'Council') => {
  office.file('policies.yaml', text)
  return office.vestibule('policy', 'apply', 'policies.yaml', '--why', why)
}
const inForce = () => office.core.deps.store.policies.current()
const tries = (number: number) => `policies: { teacher: { pin: { tries: ${number} } } }`

describe('vestibule policy diff', () => {
  it('says what applying would change and whom it touches, and changes nothing', async () => {
    await office.import(PEOPLE)
    office.file('policies.yaml', 'policies: { teacher: { protections: [pin], otp: required } }')
    const { code, stdout, stderr } = await office.vestibule('policy', 'diff', 'policies.yaml')
    expect(code).toBe(0)
    expect(stdout).toContain('teacher: protections: ["pin","notification","none"] -> ["pin"]\n')
    expect(stdout).toContain('teacher: 2 accounts\n')
    expect(stdout).toContain('teacher: 2 people would have to define a PIN\n')
    expect(stdout).toContain('teacher: 2 people without an OTP key could not sign in\n')
    expect(stderr).toContain('WARNING')
    const machine = await office.vestibule('policy', 'diff', 'policies.yaml', '--json')
    expect(JSON.parse(machine.stdout)).toMatchObject({
      touched: [{ user_type: 'teacher', people: 2, pin_to_define: 2, locked_out: 2 }],
    })
    expect(await inForce()).toEqual(DEFAULT_POLICIES)
  })

  it('says so where nothing would change', async () => {
    office.file('policies.yaml', 'policies: { teacher: {} }')
    const { stdout } = await office.vestibule('policy', 'diff', 'policies.yaml')
    expect(stdout).toBe('Nothing to do: these policies are in force already\n')
  })
})

describe('vestibule policy history, show and undo', () => {
  it('lists versions newest first, shows one, and goes back with a reason', async () => {
    expect((await office.vestibule('policy', 'history')).stdout).toContain(
      'The defaults are in force',
    )
    await apply(tries(5), 'First council')
    await apply(tries(6), 'Second council')
    const { stdout } = await office.vestibule('policy', 'history', '--json')
    const [second, first] = JSON.parse(stdout)
    expect([second.why, first.why]).toEqual(['Second council', 'First council'])
    expect(second.by).toMatch(/^cli:./)
    const shown = await office.vestibule('policy', 'show', second.id.slice(0, 8))
    expect(shown.stdout).toContain('# teacher: pin.tries: 5 -> 6\n')
    expect(shown.stdout).toContain('tries: 6')

    expect((await office.vestibule('policy', 'undo')).code).toBe(2)
    const dry = await office.vestibule('policy', 'undo', '--dry-run')
    expect(dry.stdout).toContain('teacher: pin.tries: 6 -> 5\nDry run: nothing was written\n')
    expect((await inForce()).teacher.pin.tries).toBe(6)
    const undone = await office.vestibule('policy', 'undo', '--why', 'A mistake')
    expect([undone.code, (await inForce()).teacher.pin.tries]).toEqual([0, 5])
    const back = await office.vestibule('policy', 'undo', first.id, '--why', 'All of it')
    expect(back.stdout).toContain('teacher: pin.tries: 5 -> 3\n')
    expect(await inForce()).toEqual(DEFAULT_POLICIES)
    const entry = (await office.audit()).find(({ act }) => act === 'policy_undone')
    expect(entry?.detail).toMatchObject({ why: 'All of it', undone: first.id, rules: 1 })
    const again = await office.vestibule('policy', 'undo', first.id, '--why', 'All of it')
    expect(again.stdout).toContain('Nothing to do')
  })

  it('knows no version of another name, and nothing to undo before the first', async () => {
    const nothing = await office.vestibule('policy', 'undo', '--why', 'x')
    expect([nothing.code, nothing.stderr]).toEqual([1, 'policies: there is no version to undo\n'])
    const unknown = await office.vestibule('policy', 'show', 'nonsense')
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      'nonsense: is no version: see policy history\n',
    ])
    expect((await office.vestibule('policy', 'history', '--limit', '0')).code).toBe(2)
  })
})

describe('where a file is the master', () => {
  it('neither applies nor undoes, and still compares', async () => {
    await apply(tries(5))
    const file = join(office.folder, 'vestibule.yaml')
    const settings = parse(readFileSync(file, 'utf8'))
    writeFileSync(file, stringify({ ...settings, policy_file: 'master.yaml' }))
    office.file('master.yaml', tries(4))
    const applied = await apply(tries(6))
    expect(applied.code).toBe(1)
    expect(applied.stderr).toContain('master.yaml: is the master of policies')
    const undone = await office.vestibule('policy', 'undo', '--why', 'x')
    expect([undone.code, undone.stderr]).toEqual([1, expect.stringContaining('is the master')])
    expect((await inForce()).teacher.pin.tries).toBe(5)
    const compared = await office.vestibule('policy', 'diff', 'master.yaml')
    expect(compared.stdout).toContain('teacher: pin.tries: 5 -> 4\n')
  })
})
