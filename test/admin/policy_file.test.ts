import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signInToConsole } from '../support/console.ts'
import { fieldsOf } from '../support/policy_form.ts'
import { type School, startSchool } from '../support/school.ts'

let folder: string
let file: string
let school: School | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-master-'))
  file = join(folder, 'policies.yaml')
})
afterEach(async () => {
  await school?.stop()
  school = null
  rmSync(folder, { recursive: true })
})

const start = async (text: string): Promise<School> => {
  writeFileSync(file, text)
  school = await startSchool({ policy_file: file })
  return school
}
const storeOf = ({ gateway }: School) => gateway.core.deps.store
const entries = (of: School) => storeOf(of).audit.list({ act: 'policy_applied' }, 10)

describe('a file that is the master of policies', () => {
  it('is put in force at the start, by the file, once; and again when it has changed', async () => {
    const here = await start('policies: { student: { pin: { tries: 5 } } }')
    expect((await storeOf(here).policies.current()).student.pin.tries).toBe(5)
    expect(await entries(here)).toMatchObject([
      { actor: 'file', detail: { user_types: 'student' } },
    ])
    await here.restart()
    expect(await entries(here)).toHaveLength(1)
    writeFileSync(file, 'policies: { teacher: { pin: { tries: 4 } } }')
    await here.restart()
    const { student, teacher } = await storeOf(here).policies.current()
    expect([student.pin.tries, teacher.pin.tries]).toEqual([3, 4])
    expect(await storeOf(here).policies.newest()).toMatchObject({ by: 'file' })
  })

  it('keeps the gateway from starting while something is wrong in it, and says all of it', async () => {
    writeFileSync(file, 'policies:\n  student:\n    pin:\n      tries: 99\n  techer: {}\n')
    await expect(startSchool({ policy_file: file })).rejects.toThrow(
      /policies\.yaml:4: .*tries.*\n.*policies\.yaml:5: .*techer/,
    )
    await expect(startSchool({ policy_file: join(folder, 'none.yaml') })).rejects.toThrow(
      'none.yaml',
    )
  })

  it('makes the console read-only, with a sentence that says where to change it', async () => {
    const here = await start('policies: { student: { pin: { tries: 5 } } }')
    const admin = await signInToConsole(here)
    const view = await admin.open('/admin/policies/student')
    expect(view.text).toContain(`the file ${file} on the server, which is their master`)
    expect(view.html.querySelector('.policy-buttons')).toBeNull()
    expect(view.html.querySelector('fieldset.policy-all')?.hasAttribute('disabled')).toBe(true)
    const fields: Record<string, string> = { ...fieldsOf(view), 'pin.tries': '4', why: 'by hand' }
    expect((await admin.post('/admin/policies/student', fields)).status).toBe(403)
    expect((await admin.post('/admin/policies/student/save', fields)).status).toBe(403)
    const id = (await storeOf(here).policies.newest())?.id
    expect((await admin.open(`/admin/policies/versions/${id}`)).text).not.toContain('/undo')
    const csrf = fields['csrf'] ?? ''
    const undo = await admin.post(`/admin/policies/versions/${id}/undo`, { csrf, why: 'by hand' })
    expect(undo.status).toBe(403)
    expect((await admin.open('/admin/policies/versions')).text).toContain('File of the settings')
    expect((await storeOf(here).policies.current()).student.pin.tries).toBe(5)
  })
})
