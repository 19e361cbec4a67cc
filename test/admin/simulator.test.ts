import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Browser, View } from '../support/browser.ts'
import { signInToConsole } from '../support/console.ts'
import { giveKey } from '../support/otp_key.ts'
import { changePolicy, send } from '../support/policy_form.ts'
import { PIN, type School, SECRET, startSchool } from '../support/school.ts'

let school: School
let admin: Browser

beforeEach(async () => {
  school = await startSchool({
    applications: [
      {
        client_id: 'grades',
        client_name: 'Grades',
        client_secret: SECRET,
        redirect_uris: ['http://127.0.0.1:9/callback'],
        least_acr: 'urn:vestibule:acr:pin',
        user_types: ['teacher'],
      },
    ],
  })
  admin = await signInToConsole(school)
})
afterEach(() => school.stop())

const screens = ({ html }: View): string[] =>
  html.querySelectorAll('.screen strong').map((one) => one.text)

const run = async (fields: Record<string, string>, by = admin): Promise<View> => {
  await by.open('/admin/simulator')
  return send(by, fields)
}

describe('the simulator', () => {
  it('is linked to by a person, and shows what they would see now, with the rule behind each', async () => {
    const { sub } = await school.person({ identifier: 'ada', userType: 'teacher', pin: PIN })
    const view = await admin.open(`/admin/simulator?person=${sub}`)
    expect(view.text).toContain('What Camille Moreau would see')
    expect(screens(view)).toEqual(['Identifier and password', 'PIN code'])
    expect(view.text).toContain('The device is not recognised, and a PIN protects the account.')
    expect(view.text).toContain('urn:vestibule:acr:pin')
  })

  it('takes an identifier, a device, a network and an application', async () => {
    await school.person({ identifier: 'ada', userType: 'teacher', pin: PIN })
    const person = { person: 'ADA' }
    expect(screens(await run({ ...person, device: 'recognised' }))).toEqual([
      'Identifier and password',
    ])
    const untrusted = await run({ ...person, device: 'recognised', network: 'untrusted' })
    expect(screens(untrusted)).toContain('PIN code')
    const grades = await run({ ...person, device: 'recognised', application: 'grades' })
    expect(grades.text).toContain('The application wants a PIN.')
    const shared = await run({ ...person, network: 'shared' })
    expect(shared.text).toContain('30 min without activity')
    const vault = await run({ ...person, least: 'otp' })
    expect(vault.text).toContain('They cannot get in: a page says whom to ask.')
    const wish = await run({ ...person, acr: 'otp' })
    expect(wish.text).toContain('They are in the application.')
    expect((await run({ ...person, acr: 'otp', essential: 'yes' })).text).toContain(
      'They cannot get in',
    )
  })

  it('supposes what is asked, of somebody of a type', async () => {
    const first = await run({ type: 'student', first: 'yes' })
    expect(screens(first)).toEqual([
      'Identifier and password',
      'Definition of a PIN code',
      'Offer to add this device',
    ])
    expect(screens(await run({ type: 'student', first: 'yes', choice: 'notification' }))).toEqual([
      'Identifier and password',
      'Definition of a PIN code',
      'Offer to add this device',
    ])
    expect((await run({ type: 'student', pin: 'blocked' })).text).toContain('They stop here')
    expect(screens(await run({ type: 'student', password: 'temporary' }))).toContain(
      'Change of the password',
    )
    expect((await run({ type: 'student', password: 'none' })).text).toContain('They cannot sign in')
    expect(screens(await run({ type: 'student', password: 'none', key: 'first_use' }))).toContain(
      'PIN of the key, defined',
    )
    expect((await run({ type: 'student', application: 'grades' })).text).toContain(
      'the application is not for them',
    )
  })

  it('reads the keys and the password that somebody really has', async () => {
    const { sub } = await school.person({ identifier: 'key', userType: 'staff', password: null })
    await giveKey(school, sub)
    const view = await admin.open(`/admin/simulator?person=${sub}`)
    expect(view.text).toContain('The passcode counts.')
    const lapsed = await school.person({ identifier: 'late', passwordOrigin: 'temporary' })
    school.later(40 * 24 * 3_600_000)
    admin = await signInToConsole(school)
    const late = await admin.open(`/admin/simulator?person=${lapsed.sub}`)
    expect(late.text).toContain('They cannot sign in')
  })

  it('tries the form of a policy that nobody has saved, and says what is wrong in it', async () => {
    await admin.open('/admin/policies/guardian')
    const view = await send(
      admin,
      {
        'protections.pin': undefined,
        'protections.notification': undefined,
        draft_type: 'guardian',
      },
      '/admin/simulator',
    )
    expect(view.text).toContain('Draft, not saved')
    expect(screens(view)).toEqual(['Identifier and password'])
    expect(
      (await school.gateway.core.deps.store.policies.current()).guardian.protections,
    ).toHaveLength(3)
    const kept = await send(admin, { password: 'temporary', rules: 'draft', type: 'guardian' })
    expect(kept.text).toContain('Draft, not saved')
    expect(screens(kept)).toEqual(['Identifier and password', 'Change of the password'])
    await admin.open('/admin/policies/guardian')
    const wrong = await send(
      admin,
      { 'pin.tries': '99', draft_type: 'guardian' },
      '/admin/simulator',
    )
    expect([wrong.status, wrong.step]).toEqual([422, 'console/policies_type'])
  })

  it('tries a stored version', async () => {
    await changePolicy(admin, 'guardian', {
      'protections.pin': undefined,
      'protections.notification': undefined,
    })
    const version = await school.gateway.core.deps.store.policies.newest()
    await changePolicy(admin, 'guardian', { 'protections.pin': 'yes' })
    const now = await run({ type: 'guardian', rules: '' })
    expect(screens(now)).toContain('PIN code')
    const then = await run({ type: 'guardian', rules: version?.id ?? '' })
    expect(then.text).toContain('Rules of a stored version')
    expect(screens(then)).toEqual(['Identifier and password'])
  })

  it('tells a helpdesk nothing of people out of its reach, and no versions', async () => {
    const teacher = await school.person({ identifier: 'ada', userType: 'teacher' })
    await school.person({ identifier: 'pupil', userType: 'student' })
    const desk = await signInToConsole(school, { role: 'helpdesk', userTypes: ['student'] })
    const view = await run({ person: 'ada' }, desk)
    expect([view.status, view.text.includes('You reach nobody')]).toEqual([422, true])
    expect((await desk.open(`/admin/simulator?person=${teacher.sub}`)).text).not.toContain('ada')
    const pupil = await run({ person: 'pupil' }, desk)
    expect(screens(pupil)[0]).toBe('Identifier and password')
    expect(pupil.html.querySelector('select[name=rules]')).toBeNull()
    const csrf = pupil.html.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''
    const forged = await desk.post('/admin/simulator', { csrf, draft: 'not json', rules: 'draft' })
    expect(forged.text).toContain('Rules in force')
    const broken = { csrf: '', draft: 'not json', rules: 'draft' }
    broken.csrf =
      (await admin.open('/admin/simulator')).html
        .querySelector('input[name=csrf]')
        ?.getAttribute('value') ?? ''
    expect((await admin.post('/admin/simulator', broken)).status).toBe(400)
  })
})
