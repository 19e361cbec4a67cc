import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assign, keyInStock } from '../../accounts/otp_key.ts'
import { DEFAULT_POLICIES } from '../../policies/policy.ts'
import { USER_TYPES } from '../../policies/user_type.ts'
import { type Office, openOffice } from './office.ts'

let office: Office

beforeEach(async () => {
  office = await openOffice()
})
afterEach(() => office.close())

const apply = (text: string, ...more: string[]) => {
  office.file('policies.yaml', text)
  return office.vestibule('policy', 'apply', 'policies.yaml', ...more)
}

const inForce = () => office.core.deps.store.policies.current()

describe('vestibule policy', () => {
  it('exports a file of all user types that, applied, changes nothing', async () => {
    await apply('policies: { guardian: { protections: [notification, none], otp: "off" } }')
    const { stdout } = await office.vestibule('policy', 'export')
    for (const type of USER_TYPES) {
      expect(stdout).toContain(`  ${type}:\n`)
    }
    expect(stdout).toMatch(/# .*CNIL recommends 3/)
    expect(stdout).toContain('protections: [ notification, none ]')
    const before = await inForce()
    const again = await apply(stdout)
    expect([again.code, again.stdout]).toEqual([
      0,
      'Nothing to do: these policies are in force already\n',
    ])
    expect(await inForce()).toEqual(before)
    const applied = (await office.audit()).filter(({ act }) => act === 'policy_applied')
    expect(applied).toHaveLength(1)
  })

  it('tells how many passwords expire at once, and that new rules want a new version', async () => {
    await office.import(
      'identifier,user_type,given_name,family_name\nl.old,staff,Léa,Old\nl.new,staff,Léa,New\n',
    )
    const year = 365 * 24 * 3_600_000
    await office.setPassword('l.old', null, { setAt: office.now() - year })
    await office.setPassword('l.new', null)
    const rules = (more: string) =>
      `policies: { staff: { passwords: { force_change_at_expiration: true${more} } } }`
    const first = await apply(rules(', min_length: 15'), '--dry-run')
    expect(first.stdout).toContain('staff: 1 password is older than that')
    expect(first.stderr).toContain('staff: passwords.rules_version: stays while')
    const raised = await apply(rules(', min_length: 15, rules_version: 2'))
    expect(raised.stderr).toBe('')
    const again = await apply(
      rules(', min_length: 15, rules_version: 2, temporary_lifetime_days: 20'),
    )
    expect(again.stdout).not.toContain('older than that')
  })

  it('applies what a file says, tells what changes, and leaves the types it does not name', async () => {
    const { code, stdout } = await apply(
      'policies:\n  student:\n    protections: [pin]\n    pin:\n      tries: 5\n',
      '--why',
      'Council of 12 September',
    )
    expect(code).toBe(0)
    expect(stdout).toContain('student: protections: ["pin","notification","none"] -> ["pin"]\n')
    expect(stdout).toContain('student: pin.tries: 3 -> 5\n')
    expect(stdout).toContain('CNIL recommends that 3 wrong PINs block it (student)')
    const policies = await inForce()
    expect(policies.student.pin.tries).toBe(5)
    expect({ ...policies, student: null }).toEqual({ ...DEFAULT_POLICIES, student: null })
    const entry = (await office.audit()).find(({ act }) => act === 'policy_applied')
    expect(entry).toMatchObject({
      detail: { why: 'Council of 12 September', user_types: 'student', rules: 2 },
    })
    expect(entry?.actor).toMatch(/^cli:./)
  })

  it('tells with --dry-run what would change, and changes nothing', async () => {
    const { stdout } = await apply('policies: { staff: { otp: required } }', '--dry-run')
    expect(stdout).toContain('staff: otp: "allowed" -> "required"')
    expect(await inForce()).toEqual(DEFAULT_POLICIES)
    expect((await office.audit()).map(({ act }) => act)).toEqual(['command_run'])
  })

  const REQUIRED = 'policies: { staff: { otp: required }, student: { otp: required }, teacher: {} }'

  it('warns, loudly and once, that nobody could sign in where nobody has the key required', async () => {
    const { code, stderr } = await apply(REQUIRED, '--dry-run')
    expect([code, stderr]).toEqual([
      0,
      'WARNING: otp: required: nobody of this type has an OTP key: nobody could sign in (staff, student)\n',
    ])
    const again = await apply(REQUIRED, '--dry-run', '--json')
    expect(Object.values(JSON.parse(again.stdout).advice)).toContainEqual(['staff', 'student'])
  })

  it('only notes it for a type of which somebody has a key, and where no store is at hand', async () => {
    await office.import('identifier,user_type,given_name,family_name\nzoe,staff,Zoé,Petit\n')
    const { sub } = await office.person('zoe')
    const key = keyInStock(
      {
        serial: 'K1',
        kind: 'totp',
        algorithm: 'SHA1',
        digits: 6,
        periodSeconds: 30,
        sealedSeed: 'none',
        counter: 0,
      },
      office.now(),
    )
    const firstUseBy = Number.MAX_SAFE_INTEGER
    const given = assign(key, office.now(), { sub, firstUseBy, loanUntil: null })
    await office.core.deps.store.otpKeys.add(given.ok ? given.key : key)
    const applied = await apply(REQUIRED, '--dry-run')
    expect(applied.stderr).toMatch(/nobody could sign in \(student\)\n$/)
    expect(applied.stdout).toContain('whoever of this type has no OTP key cannot sign in (staff)\n')
    const checked = await office.vestibule('policy', 'check', 'policies.yaml')
    expect(checked.stderr).toBe('')
    expect(checked.stdout).toContain('has no OTP key cannot sign in (staff, student)\n')
  })

  it('says in an exported file what a rule needs besides', async () => {
    const { stdout } = await office.vestibule('policy', 'export')
    expect(stdout).toMatch(/# .*mailed code.*smtp_url\.\n +self_service_reset:/)
  })

  const WRONG = `policies:
  teacher:
    pin:
      tries: 12
      min_lenght: 4
  techer: {}
  student:
    passwords:
      min_length: 8
  staff:
    sessions:
      idle_minutes: 60
      idle_minutes_shared: 90
  guardian:
    devices:
      untrusted_networks:
        - 192.0.2.0/24
        - everywhere
`

  it.each(['check', 'apply'])('%s names every problem of a file with its line', async (verb) => {
    office.file('wrong.yaml', WRONG)
    const { code, stderr } = await office.vestibule('policy', verb, 'wrong.yaml')
    expect(stderr.trimEnd().split('\n')).toEqual([
      'wrong.yaml:4: policies.teacher.pin.tries must be a whole number from 3 to 10',
      'wrong.yaml:5: policies.teacher.pin.min_lenght is not a setting; did you mean "min_length"?',
      'wrong.yaml:6: policies.techer is not a setting; did you mean "teacher"?',
      'wrong.yaml:9: policies.student.passwords.min_length below 12 needs passwords.risk_accepted, the reason in writing',
      'wrong.yaml:13: policies.staff.sessions.idle_minutes_shared must not be longer than sessions.idle_minutes',
      'wrong.yaml:18: policies.guardian.devices.untrusted_networks[1] is not a network such as 192.0.2.0/24',
    ])
    expect(code).toBe(1)
    expect(await inForce()).toEqual(DEFAULT_POLICIES)
  })

  it('says that a file is good, without settings, keys or database', async () => {
    office.file('good.yaml', 'policies: { student: { protections: [pin] } }')
    office.file('vestibule.yaml', 'no settings: at all')
    const { code, stdout, stderr } = await office.vestibule('policy', 'check', 'good.yaml')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Good: policies for student')
  })

  it.each([
    ['there is none', 'none.yaml', 'none.yaml: there is no such file'],
    ['it is no YAML', 'tab.yaml', 'tab.yaml:2: a tab stands where YAML wants spaces'],
    ['it says nothing', 'empty.yaml', 'empty.yaml:1: policies is missing'],
  ])('says what is wrong with a file when %s', async (_, name, message) => {
    office.file('tab.yaml', 'policies:\n\tstudent: {}\n')
    office.file('empty.yaml', '')
    const { code, stderr } = await office.vestibule('policy', 'check', name)
    expect(code).toBe(1)
    expect(stderr).toContain(message)
  })
})
