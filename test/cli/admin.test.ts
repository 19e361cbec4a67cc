import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVERYBODY } from '../../policies/admin_rights.ts'
import { type Office, openOffice } from './office.ts'

let office: Office

beforeAll(async () => {
  office = await openOffice()
  await office.import(
    [
      'external_id,identifier,user_type,given_name,family_name,establishments',
      'A1,first.admin,staff,Inès,Petit,0440001A',
      'A2,second.admin,staff,Noé,Bernard,0440001A',
    ].join('\n'),
  )
})

afterAll(() => office.close())

const CODE = /^Code: ((?:[0-9a-hjkmnp-tv-z]{4}-){2}[0-9a-hjkmnp-tv-z]{4})$/m

const makeAdministrator = async (identifier: string): Promise<void> => {
  const { sub } = await office.person(identifier)
  await office.core.deps.store.roles.grant({
    sub,
    role: 'identity_admin',
    scope: EVERYBODY,
    grantedAt: office.now(),
    grantedBy: 'test',
  })
}

describe('vestibule admin invite', () => {
  it('prints a code and where to type it, on an empty store', async () => {
    const { code, stdout, stderr } = await office.vestibule('admin', 'invite')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(CODE)
    expect(stdout).toContain('within 15 minutes at http://localhost:3000/admin/invite')
  })

  it('says the same to programs', async () => {
    const { stdout } = await office.vestibule('admin', 'invite', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      code: expect.stringMatching(/^[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}$/),
      address: 'http://localhost:3000/admin/invite',
    })
  })

  it('asks for a confirmation where there is an administrator, and makes no code before', async () => {
    await makeAdministrator('first.admin')
    const refused = await office.vestibule('admin', 'invite')
    expect(refused.code).toBe(1)
    expect(refused.stdout).not.toMatch(CODE)
    expect(refused.stderr).toContain('--recover')
    const recovered = await office.vestibule('admin', 'invite', '--recover')
    expect(recovered.code).toBe(0)
    expect(recovered.stdout).toMatch(CODE)
  })

  it('names who ran it in the audit, and never the code', async () => {
    const { stdout } = await office.vestibule('admin', 'invite', '--recover')
    const code = CODE.exec(stdout)?.[1] ?? ''
    const entries = (await office.audit()).filter(({ act }) => act === 'admin_invited')
    expect(entries.at(0)?.actor).toMatch(/^cli:/)
    expect(JSON.stringify(await office.audit())).not.toContain(code)
  })
})

describe('the last identity administrator', () => {
  it('is not disabled unasked, and with --force all the same', async () => {
    const refused = await office.vestibule('people', 'disable', 'first.admin')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('the last identity administrator')
    expect((await office.person('first.admin')).disabledAt).toBeNull()
    const forced = await office.vestibule('people', 'disable', 'first.admin', '--force')
    expect(forced.code).toBe(0)
    expect((await office.person('first.admin')).disabledAt).not.toBeNull()
  })

  it('who is disabled counts as none: a code is made without a confirmation', async () => {
    const { code, stdout } = await office.vestibule('admin', 'invite')
    expect(code).toBe(0)
    expect(stdout).toMatch(CODE)
  })

  it('is one of two no longer, and then is disabled as anybody', async () => {
    await office.vestibule('people', 'enable', 'first.admin')
    await makeAdministrator('second.admin')
    const { code } = await office.vestibule('people', 'disable', 'first.admin')
    expect(code).toBe(0)
  })

  it('is not erased', async () => {
    const { code, stderr } = await office.vestibule('people', 'erase', 'second.admin', '--yes')
    expect([code, stderr]).toEqual([1, expect.stringContaining('last identity administrator')])
  })
})
