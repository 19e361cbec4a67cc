import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RULE_FIELDS, ruleId } from '../../admin/policy_fields.ts'
import { errorOfIssue, readPolicyForm } from '../../admin/policy_form.ts'
import { keptFields } from '../../interactions/form.ts'
import { DEFAULT_POLICY, POLICY_REFUSALS, policySchema } from '../../policies/policy.ts'
import { RECOMMENDATIONS, WARNING_KEYS } from '../../policies/policy_advice.ts'
import { rulesByPath, withRule } from '../../policies/policy_changes.ts'
import { LOCALES, readMessages } from '../../views/i18n.ts'
import type { Browser } from '../support/browser.ts'
import { administrator, enterConsole, signInToConsole } from '../support/console.ts'
import { changePolicy, fieldsOf, send } from '../support/policy_form.ts'
import { DAY_MS, MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'

describe('what the form asks for', () => {
  it('is every rule of a policy, but for the version of the rules of passwords', () => {
    const paths = rulesByPath({
      ...DEFAULT_POLICY,
      passwords: { ...DEFAULT_POLICY.passwords, risk_accepted: 'some reason' },
    }).map(([path]) => path)
    const asked = RULE_FIELDS.map(({ path }) => path)
    expect([...asked, 'passwords.rules_version'].sort()).toEqual(paths.sort())
  })

  it.each(RULE_FIELDS.filter((field) => field.kind === 'number'))(
    'has the limits of the schema: $path',
    (field) => {
      const refusedAt = (value: number): boolean => {
        const tried = policySchema.safeParse(withRule(DEFAULT_POLICY, field.path, value))
        return (tried.error?.issues ?? []).some(
          ({ path, code }) => path.join('.') === field.path && code !== 'custom',
        )
      }
      const { min, max } = field as { min: number; max: number }
      expect([min - 1, min, max, max + 1].map(refusedAt)).toEqual([true, false, false, true])
    },
  )

  const NAMES = {
    cnil: /CNIL/,
    anssi: /ANSSI/,
    nist: /NIST/,
    asvs: /ASVS/,
    us: /Our advice|Notre conseil/,
  }

  it.each(RECOMMENDATIONS)('is recommended by somebody, in both languages: $path', (one) => {
    for (const locale of LOCALES) {
      const words = readMessages(locale).get(`console.policies.advice.${ruleId(one.path)}`)
      for (const source of one.sources) expect(words).toMatch(NAMES[source])
    }
  })

  it('has a recommendation, and a warning for every departure from one', () => {
    expect(RECOMMENDATIONS.map(({ path }) => path).sort()).toEqual(
      RULE_FIELDS.map(({ path }) => path).sort(),
    )
    const warnings = LOCALES.flatMap((locale) =>
      WARNING_KEYS.map((key) => readMessages(locale).get(`console.policies.warnings.${key}`)),
    )
    expect(warnings).not.toContain(undefined)
  })

  it('has words for every refusal of the schema, in both languages, beside its field', () => {
    const WRONG: Record<string, [string, unknown][]> = {
      protection_twice: [['protections', ['pin', 'pin']]],
      network: [['devices.untrusted_networks', ['192.0.2.0/24', 'everywhere']]],
      pin_lengths: [
        ['pin.min_length', 8],
        ['pin.max_length', 6],
      ],
      short_without_risk: [['passwords.min_length', 8]],
      entropy_without_risk: [['passwords.min_entropy_bits', 40]],
      strength_without_risk: [['passwords.min_strength', 2]],
      class_twice: [['passwords.required_classes', ['digit', 'digit']]],
      idle_over_absolute: [['sessions.absolute_hours', 1]],
      shared_over_idle: [['sessions.idle_minutes_shared', 200]],
    }
    expect(Object.keys(WRONG).sort()).toEqual([...POLICY_REFUSALS].sort())
    for (const [key, rules] of Object.entries(WRONG)) {
      const policy = rules.reduce<object>(
        (set, [path, value]) => withRule(set as never, path, value),
        DEFAULT_POLICY,
      )
      const [issue] = policySchema.safeParse(policy).error?.issues ?? []
      const typed = keptFields({ 'devices.untrusted_networks': '192.0.2.0/24\neverywhere' })
      const error = errorOfIssue(issue as never, typed)
      expect(error.key).toBe(`console.policies.errors.${key}`)
      for (const locale of LOCALES) expect(readMessages(locale).has(error.key)).toBe(true)
    }
  })

  it('names a network that is none, and every input once', () => {
    const typed = keptFields({ 'devices.untrusted_networks': '192.0.2.0/24\neverywhere' })
    const read = readPolicyForm(typed, DEFAULT_POLICY)
    const errors = read.ok ? [] : read.errors
    expect(errors).toContainEqual({
      field: 'devices.untrusted_networks',
      key: 'console.policies.errors.network',
      params: { line: 'everywhere' },
    })
    expect(errors).toContainEqual(expect.objectContaining({ field: 'protections.pin' }))
    expect(new Set(errors.map(({ field }) => field)).size).toBe(errors.length)
  })
})

describe('the page of policies', () => {
  let school: School
  let admin: Browser

  beforeEach(async () => {
    school = await startSchool()
    admin = await signInToConsole(school)
  })
  afterEach(() => school.stop())

  const store = () => school.gateway.core.deps.store
  const inForce = () => store().policies.current()
  const acts = async () => (await store().audit.list({ act: 'policy_applied' }, 10)).length

  it('shows user types, and the policy of one with what is recommended', async () => {
    const view = await admin.open('/admin/policies')
    expect(view.step).toBe('console/policies_type')
    expect(view.url.pathname).toBe('/admin/policies/teacher')
    expect(view.html.querySelectorAll('.policy-types a')).toHaveLength(6)
    expect(view.text).toContain('CNIL: 3.')
    const fields = fieldsOf(view)
    expect(fields['protections.pin']).toBe('yes')
    expect(fields['passwords.min_length']).toBe('12')
  })

  it('imposes the PIN for teachers and staff together, once it is said why, and counts whom', async () => {
    await school.person({ identifier: 'without', userType: 'teacher' })
    await school.person({ identifier: 'with', userType: 'teacher', pin: '8306' })
    await admin.open('/admin/policies/teacher')
    const preview = await send(admin, {
      'protections.notification': undefined,
      'protections.none': undefined,
      also: 'yes',
    })
    expect(preview.step).toBe('console/policies_preview')
    expect(preview.text).toContain('2 accounts of this type.')
    expect(preview.text).toContain('1 person has no PIN, and defines one at the next sign-in.')
    expect((await inForce()).teacher.protections).toHaveLength(3)
    const silent = await send(admin, { why: ' ' })
    expect([silent.status, silent.step]).toEqual([422, 'console/policies_preview'])
    expect(await acts()).toBe(0)
    const saved = await send(admin, { why: 'Council of 12 September' })
    expect(saved.text).toContain('2 rules were changed, and are in force.')
    const { teacher, staff, student } = await inForce()
    expect([teacher.protections, staff.protections]).toEqual([['pin'], ['pin']])
    expect(student.protections).toHaveLength(3)
    const [entry] = await store().audit.list({ act: 'policy_applied' }, 1)
    const newest = await store().policies.newest()
    expect(entry?.actor).toBe(newest?.by)
    expect(entry?.detail).toMatchObject({
      why: 'Council of 12 September',
      user_types: 'teacher staff',
    })
  })

  it('shows what is wrong beside each field, and keeps everything typed', async () => {
    await admin.open('/admin/policies/student')
    const view = await send(admin, {
      'pin.tries': '99',
      'passwords.min_length': '8',
      'devices.untrusted_networks': 'everywhere',
    })
    expect([view.status, view.step]).toEqual([422, 'console/policies_type'])
    const fields = fieldsOf(view)
    expect([fields['pin.tries'], fields['devices.untrusted_networks']]).toEqual([
      '99',
      'everywhere',
    ])
    expect(view.html.getElementById('pin.tries-error')?.text).toContain('from 3 to 10')
    expect(view.text).toContain('needs a reason in writing')
    expect(view.text).toContain('“everywhere” is no network')
    expect(await inForce()).toMatchObject({ student: { pin: { tries: 3 } } })
  })

  it('goes back from the preview to the form as it was left', async () => {
    await admin.open('/admin/policies/student')
    await send(admin, { 'pin.tries': '5', 'pin.refuse_dates': 'yes' })
    const view = await send(admin, {}, '/admin/policies/student/edit')
    expect(view.step).toBe('console/policies_type')
    expect(fieldsOf(view)).toMatchObject({ 'pin.tries': '5', 'pin.refuse_dates': 'yes' })
  })

  it('raises the version of the rules of passwords where they change, unless it is unticked', async () => {
    await changePolicy(admin, 'student', { 'passwords.min_length': '15' })
    expect((await inForce()).student.passwords).toMatchObject({ min_length: 15, rules_version: 2 })
    await changePolicy(
      admin,
      'student',
      { 'passwords.min_length': '16' },
      { raise_rules: undefined },
    )
    expect((await inForce()).student.passwords).toMatchObject({ min_length: 16, rules_version: 2 })
    const policy = await changePolicy(admin, 'student', { 'pin.tries': '4' })
    expect(policy.text).toContain('Version 2 of the rules')
  })

  it('lets nobody be shut out unseen: it is loud, and to be ticked', async () => {
    await school.person({ identifier: 'keyless', userType: 'inspector' })
    await admin.open('/admin/policies/inspector')
    const preview = await send(admin, { otp: 'required' })
    expect(preview.text).toContain('1 person has no OTP key')
    const refused = await send(admin, { why: 'all have keys' })
    expect([refused.status, refused.step]).toEqual([422, 'console/policies_preview'])
    expect((await inForce()).inspector.otp).toBe('allowed')
    await send(admin, { why: 'all have keys', accept_lockout: 'yes' })
    expect((await inForce()).inspector.otp).toBe('required')
  })

  it('counts passwords that expire at once, and devices that end', async () => {
    await school.person({ identifier: 'old', userType: 'guardian' })
    school.later(100 * DAY_MS)
    admin = await signInToConsole(school)
    await admin.open('/admin/policies/guardian')
    const view = await send(admin, {
      'passwords.force_change_at_expiration': 'yes',
      'passwords.max_lifetime_days': '90',
    })
    expect(view.text).toContain('1 password is too old')
    expect(view.text).toContain('NIST, ANSSI and OWASP ASVS advise against passwords that expire')
  })

  it('says so where nothing changes', async () => {
    await admin.open('/admin/policies/guardian')
    expect((await send(admin, {})).text).toContain('Nothing changes')
  })

  it('loses nothing when two administrators save: both changes are shown, and can both hold', async () => {
    const other = await signInToConsole(school)
    await admin.open('/admin/policies/student')
    await send(admin, { 'pin.tries': '5', 'devices.lifetime_days': '20' })
    await changePolicy(other, 'student', { 'pin.tries': '4', 'pin.refuse_dates': 'yes' })
    const conflict = await send(admin, { why: 'mine' })
    expect([conflict.status, conflict.step]).toEqual([409, 'console/policies_conflict'])
    expect(conflict.text).toContain('changed by both')
    expect(conflict.html.querySelectorAll('#theirs tbody tr')).toHaveLength(2)
    expect(conflict.html.querySelectorAll('#mine tbody tr')).toHaveLength(2)
    expect((await inForce()).student.pin.tries).toBe(4)
    const again = await send(admin, {})
    expect(again.step).toBe('console/policies_preview')
    await send(admin, { why: 'mine, on top' })
    expect((await inForce()).student).toMatchObject({
      pin: { tries: 5, refuse_dates: true },
      devices: { lifetime_days: 20 },
    })
    const late = await signInToConsole(school)
    await late.open('/admin/policies/student')
    await changePolicy(other, 'student', { 'pin.tries': '6' })
    expect((await send(late, { 'pin.tries': '7' })).step).toBe('console/policies_conflict')
  })

  it('keeps a history: who, when, why and what; two are compared, one is undone with a reason', async () => {
    await changePolicy(admin, 'student', { 'pin.tries': '5' })
    school.later(MINUTE_MS)
    await changePolicy(admin, 'teacher', { 'pin.tries': '6' })
    const view = await admin.open('/admin/policies/versions')
    expect(view.html.querySelectorAll('tbody tr')).toHaveLength(2)
    expect(view.text).toContain('Council of 12 September')
    expect(view.text).toMatch(/Alix Admin\d+/)
    const [newest, first] = await store().policies.list(null, 2)
    const compared = await admin.open(
      `/admin/policies/versions/compare?from=${first?.id}&to=${newest?.id}`,
    )
    expect(compared.html.querySelectorAll('#changes tbody tr')).toHaveLength(1)
    expect((await admin.open(`/admin/policies/versions/${first?.id}`)).text).toContain('5 tries')
    const ask = await admin.open(`/admin/policies/versions/${first?.id}/undo`)
    expect(ask.text).toContain('1 version was saved since, and is undone with it.')
    expect((await send(admin, {})).status).toBe(422)
    const done = await send(admin, { why: 'a mistake' })
    expect(done.text).toContain('2 rules are as before again.')
    const { student, teacher } = await inForce()
    expect([student.pin.tries, teacher.pin.tries]).toEqual([3, 3])
    expect(await store().policies.newest()).toMatchObject({ why: 'a mistake' })
    const [entry] = await store().audit.list({ act: 'policy_undone' }, 1)
    expect(entry?.detail).toMatchObject({ undone: first?.id, why: 'a mistake' })
    expect((await admin.open('/admin/policies/versions/none')).status).toBe(404)
  })

  it('undoes nothing that was saved after the page was opened', async () => {
    await changePolicy(admin, 'student', { 'pin.tries': '5' })
    const id = (await store().policies.newest())?.id
    await admin.open(`/admin/policies/versions/${id}/undo`)
    const other = await signInToConsole(school)
    await changePolicy(other, 'student', { 'pin.refuse_dates': 'yes' })
    const view = await send(admin, { why: 'a mistake' })
    expect(view.text).toContain('Somebody else saved meanwhile')
    expect((await inForce()).student.pin).toMatchObject({ tries: 5, refuse_dates: true })
  })

  it('is read by an auditor, who can change nothing', async () => {
    const auditor = await signInToConsole(school, { role: 'auditor' })
    const view = await auditor.open('/admin/policies/student')
    expect(view.text).toContain('Your role lets you look at this')
    const fields = { ...fieldsOf(view), why: 'me' }
    expect((await auditor.post('/admin/policies/student/save', fields)).status).toBe(403)
  })

  it('asks for a fresh proof before it saves, and then for a word more', async () => {
    const identifier = await administrator(school)
    admin = await enterConsole(school.browser(), identifier)
    await admin.open('/admin/policies/student')
    await send(admin, { 'pin.tries': '5' })
    school.later(6 * MINUTE_MS)
    expect((await send(admin, { why: 'later' })).step).toBe('login')
    await admin.submit({ identifier, password: PASSWORD })
    const view = await admin.submit({ pin: PIN })
    expect(view.step).toBe('console/confirm')
    expect((await inForce()).student.pin.tries).toBe(3)
    await admin.submit({ answer: 'yes' }, { form: 'form[action="/admin/confirm"]' })
    expect((await inForce()).student.pin.tries).toBe(5)
  })
})
