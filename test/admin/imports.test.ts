import { existsSync, readdirSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identifierKey } from '../../accounts/account.ts'
import type { Job } from '../../accounts/job_ports.ts'
import { createUploadFolder, forgetUploads, UPLOAD_KEPT_MS } from '../../imports/upload_folder.ts'
import type { Browser } from '../support/browser.ts'
import { signInToConsole } from '../support/console.ts'
import { DAY_MS, type School, startSchool } from '../support/school.ts'

let school: School
let admin: Browser

beforeEach(async () => {
  school = await startSchool()
  admin = await signInToConsole(school)
})
afterEach(() => school.stop())

const deps = () => school.gateway.core.deps
const store = () => deps().store

const HEADER = 'Nom;Prénom;Login ENT;INE;Profil;Classe;UAI'
const LEA = 'Martin;Léa;lea.martin;E1;élève;6A;0440001A'
const ALI = 'Benali;Ali;ali.benali;E2;élève;6B;0440001A'
const EVE = 'Roy;Ève;eve.roy;E3;élève;6B;0440001A'

const csv = (...lines: string[]): string => [HEADER, ...lines, ''].join('\r\n')

const idOf = ({ view }: Browser): string =>
  /\/admin\/imports\/([0-9a-f]{32})/.exec(view.url.pathname)?.[1] ?? ''

const fileOf = async (browser: Browser) => {
  const file = await store().importFiles.find(idOf(browser))
  if (file === null) throw new Error(`no import at ${browser.view.url.pathname}`)
  return file
}

/** Until the job of the page is over. */
const over = async (browser: Browser): Promise<Job> => {
  for (;;) {
    const { importJob, checkJob } = await fileOf(browser)
    const job = await store().jobs.find(importJob ?? checkJob ?? '')
    if (job !== null && job.endedAt !== null) {
      await browser.open(browser.view.url.pathname)
      return job
    }
    await nextTurn()
  }
}

const send = async (content: string | Uint8Array, name = 'eleves.csv') => {
  await admin.open('/admin/imports')
  return admin.upload({ name, content })
}

const COLUMNS = { form: '#columns' }
const CONFIRM = { form: '#confirm' }
const LEAVERS = {
  leavers: 'yes',
  leavers_establishment: '0440001a',
  leavers_type: 'student',
}

const check = async (content: string, fields: Record<string, string> = {}): Promise<Job> => {
  await send(content)
  await admin.submit(fields, COLUMNS)
  return over(admin)
}

const importNow = async (fields: Record<string, string> = {}): Promise<Job> => {
  await admin.submit(fields, CONFIRM)
  return over(admin)
}

const person = (identifier: string) => store().accounts.byIdentifier(identifierKey(identifier))

const uploads = (): string[] => {
  const folder = join(school.dataFolder, 'imports')
  return existsSync(folder) ? readdirSync(folder) : []
}

describe('a file that an administrator sends', () => {
  it('is checked first, and imported at a button, from headers as their directory writes them', async () => {
    const view = await send(csv(LEA, ALI))
    expect(view.step).toBe('console/imports_columns')
    const chosen = view.html
      .querySelectorAll('#columns table option[selected]')
      .map((option) => option.getAttribute('value'))
    expect(chosen).toEqual([
      'family_name',
      'given_name',
      'identifier',
      'external_id',
      'user_type',
      'classes',
      'establishments',
    ])
    await admin.submit({}, COLUMNS)
    const checked = await over(admin)
    expect(checked.counts).toEqual({ added: 2 })
    expect(await person('lea.martin')).toBeNull()
    const done = await importNow()
    expect([done.state, done.counts]).toEqual(['done', { added: 2 }])
    expect(await person('lea.martin')).toMatchObject({
      givenName: 'Léa',
      externalId: 'E1',
      userType: 'student',
      establishments: ['0440001A'],
      classes: ['6A'],
    })
    expect(admin.view.step).toBe('console/imports_report')
    expect(uploads()).toEqual([])
  })

  it('lies where its owner alone can read it, and goes after a day', async () => {
    await send(csv(LEA))
    const [name = ''] = uploads()
    expect(statSync(join(school.dataFolder, 'imports', name)).mode & 0o777).toBe(0o600)
    expect(statSync(join(school.dataFolder, 'imports')).mode & 0o777).toBe(0o700)
    const later = { ...deps(), clock: () => deps().clock() + UPLOAD_KEPT_MS + 1 }
    expect(await forgetUploads(later, createUploadFolder(school.dataFolder))).toBe(1)
    expect(uploads()).toEqual([])
    expect((await admin.open('/admin/imports')).text).toContain('Deleted, not imported')
  })

  it('is refused as a whole where it is none, with what to do about it', async () => {
    const nul = await send(`${csv(LEA)}\0`)
    expect([nul.status, nul.step]).toEqual([422, 'console/imports_list'])
    expect(nul.text).toContain('Line 3:')
    const xlsx = await send(Buffer.from('PK\u0003\u0004 rest'), 'eleves.xlsx')
    expect(xlsx.text).toContain('It is not a CSV file')
    expect((await send('')).status).toBe(422)
    expect((await send(`${HEADER}\n`)).text).toContain('nobody below it')
    expect(uploads()).toEqual([])
    expect(await store().importFiles.list(10)).toEqual([])
  })

  it('needs a file, and the token of the form', async () => {
    await admin.open('/admin/imports')
    const none = await admin.upload({ name: '', content: '' })
    expect(none.text).toContain('Choose a file first')
    const form = new FormData()
    form.append('csrf', 'wrong')
    form.append('file', new Blob([csv(LEA)]), 'eleves.csv')
    const headers = { cookie: await admin.jar.getCookieString(school.settings.issuer) }
    const sent = { method: 'POST', body: form, headers }
    const answer = await fetch(new URL('/admin/imports/upload', school.address), sent)
    expect(answer.status).toBe(403)
    expect(uploads()).toEqual([])
  })

  it('leaves nothing behind when the connection breaks in the middle of it', async () => {
    const view = await admin.open('/admin/imports')
    const csrf = view.html.querySelector('#upload input[name=csrf]')?.getAttribute('value') ?? ''
    const sent = request(new URL('/admin/imports/upload', school.address), {
      method: 'POST',
      headers: {
        cookie: await admin.jar.getCookieString(school.settings.issuer),
        'content-type': 'multipart/form-data; boundary=xx',
        'content-length': 1_000_000,
      },
    })
    sent.on('error', () => {})
    const part = (head: string, body: string): string =>
      `--xx\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`
    sent.write(part('name="csrf"', csrf))
    sent.write(part('name="file"; filename="a.csv"', `${HEADER}\r\n${LEA}`).slice(0, -2))
    while (uploads().length === 0) await nextTurn()
    sent.destroy()
    while (uploads().length > 0) await nextTurn()
    expect(await store().importFiles.list(10)).toEqual([])
  })

  it('shows three values of each column, none of a password', async () => {
    const lines = ['a', 'b', 'c', 'd'].map((x) => `Martin;Léa;${x};Secret-${x}`)
    const { text } = await send(['Nom;Prénom;Login;Mot de passe', ...lines].join('\n'))
    expect(text).toContain('a<br>b<br>c')
    expect(text).not.toContain('Secret-')
    expect(text).toContain('••••••')
  })

  it('has rejected lines in its report, by line and reason, in a file without formulas too', async () => {
    const job = await check(csv(LEA, '=1+1;Ali;ali;E2;élève;6B;0440001A', LEA))
    expect(job.counts).toEqual({ added: 1, rejected: 2 })
    expect(admin.view.text).toContain('looks like a formula')
    expect(admin.view.text).toContain('is on line 2 already')
    const report = await admin.open(`/admin/imports/${idOf(admin)}/check.csv`)
    expect(report.headers.get('content-type')).toContain('text/csv')
    expect(report.text).toContain('3;ali;')
    expect(report.text).not.toMatch(/[;\n]=1/)
  })

  it('can be deleted before it is imported', async () => {
    await check(csv(LEA))
    await admin.open(`/admin/imports/${idOf(admin)}/columns`)
    await admin.submit({}, { form: 'form[action$="/discard"]' })
    expect(uploads()).toEqual([])
    expect(await person('lea.martin')).toBeNull()
  })
})

describe('what a column is', () => {
  it('is remembered, what is not used as well', async () => {
    const text = 'Nom;Prénom;Login;Truc;Profil\nMartin;Léa;lea;x;élève\n'
    await send(text)
    await admin.submit({ column_3: 'external_id', column_2: 'identifier' }, COLUMNS)
    await over(admin)
    const view = await send(text)
    const selects = view.html.querySelectorAll('#columns table select')
    const chosen = selects.map(
      (select) => select.querySelector('option[selected]')?.getAttribute('value') ?? '',
    )
    expect(chosen).toEqual(['family_name', 'given_name', 'identifier', 'external_id', 'user_type'])
    expect(view.text).toContain('As you chose the last time')
  })

  it('is told beside the field where something is missing, twice there or said twice', async () => {
    await send(csv(LEA))
    const fields = { column_0: 'given_name', fixed_user_type: 'teacher' }
    const view = await admin.submit(fields, COLUMNS)
    expect(view.status).toBe(422)
    expect(view.text).toContain('Say which column is “Last name”')
    expect(view.text).toContain('Another column is this already')
    expect(view.text).toContain('A column of the file says so already')
  })

  it('may be one value for the whole file', async () => {
    const fields = { fixed_user_type: 'student', fixed_establishments: '0440001a' }
    const job = await check('Nom;Prénom;Login\nMartin;Léa;lea\n', fields)
    expect(job.counts).toEqual({ added: 1 })
    await importNow()
    expect(await person('lea')).toMatchObject({
      userType: 'student',
      establishments: ['0440001A'],
    })
  })
})

describe('people who left', () => {
  beforeEach(async () => {
    await check(csv(LEA, ALI, EVE))
    await importNow()
  })

  it('are named in the check, and go only when their number is typed', async () => {
    const job = await check(csv(LEA), LEAVERS)
    expect(job.counts).toMatchObject({ unchanged: 1, left: 2, leavers_of: 3 })
    expect(admin.view.text).toContain('2 of 3 are not in the file')
    expect(admin.view.text).toContain('More than half would leave')
    expect(admin.view.text).toContain('Ali Benali')
    const wrong = await admin.submit({ leaving: '3' }, CONFIRM)
    expect([wrong.status, wrong.step]).toEqual([422, 'console/imports_report'])
    const done = await importNow({ leaving: '2' })
    expect(done.counts).toMatchObject({ unchanged: 1, left: 2 })
    const ali = await person('ali.benali')
    expect([ali?.disabledAt !== null, ali?.validAfter]).toEqual([true, deps().clock()])
    expect((await person('lea.martin'))?.disabledAt).toBeNull()
  })

  it('stay all of them when it is another number by then, and nothing of the file is taken', async () => {
    await check(csv(LEA.replace('Martin', 'Martin-Roux')), LEAVERS)
    const page = admin.view.url.pathname
    const { sub } = (await person('eve.roy')) ?? { sub: '' }
    await store().accounts.setDisabled(sub, deps().clock())
    const done = await importNow({ leaving: '2' })
    expect([done.state, done.failure]).toEqual(['failed', 'leavers_differ'])
    expect((await person('lea.martin'))?.familyName).toBe('Martin')
    expect((await person('ali.benali'))?.disabledAt).toBeNull()
    expect(admin.view.text).toContain('Nothing was imported')
    await admin.submit({}, { form: 'form[action$="/again"]' })
    expect(admin.view.step).toBe('console/imports_columns')
    expect(page).toContain('/check')
    await admin.submit({}, COLUMNS)
    expect((await over(admin)).counts).toMatchObject({ left: 1, changed: 1 })
  })

  it('are not looked for where the file names nobody of them', async () => {
    await check(csv('Roux;Max;max;T1;enseignant;;0440001A'), LEAVERS)
    expect(admin.view.text).toContain('Nobody is taken to have left')
    const done = await importNow()
    expect(done.state).toBe('failed')
    expect((await person('ali.benali'))?.disabledAt).toBeNull()
  })

  it('are never those who hold a role', async () => {
    const { sub } = (await person('ali.benali')) ?? { sub: '' }
    const scope = { userTypes: null, establishments: null }
    const grantedAt = deps().clock()
    await store().roles.grant({ sub, role: 'auditor', scope, grantedAt, grantedBy: 'test' })
    const job = await check(csv(LEA), LEAVERS)
    expect(job.counts).toMatchObject({ left: 1, leavers_kept: 1 })
    await importNow({ leaving: '1' })
    expect((await person('ali.benali'))?.disabledAt).toBeNull()
    expect((await person('eve.roy'))?.disabledAt).not.toBeNull()
  })

  it('are erased after a year, unless a file names them again', async () => {
    await check(csv(LEA), LEAVERS)
    await importNow({ leaving: '2' })
    await check(csv(ALI))
    await importNow()
    school.later(366 * DAY_MS)
    admin = await signInToConsole(school)
    const page = await admin.open('/admin/imports/leavers')
    expect(page.text).toContain('1 person left longer ago than that')
    await admin.submit({}, { form: 'form[action$="/purge"]' })
    while ((await person('eve.roy')) !== null) await nextTurn()
    expect((await person('ali.benali'))?.disabledAt).not.toBeNull()
  })
})

describe('the new school year', () => {
  it('says for each establishment what is done of it', async () => {
    await check(csv(LEA, ALI), LEAVERS)
    await importNow()
    await store().calendars.save({
      establishment: '0440001A',
      atMs: deps().clock(),
      by: 'test',
      days: [['2027-02-06', '2027-02-21']],
    })
    const view = await admin.open('/admin/imports/new_year')
    expect(view.text).toContain('School year 2026–2027')
    expect(view.text).toContain('Saved for 1 of 1 establishments')
    expect(view.text).toContain('Imported with leavers for 1 of 1 establishments')
  })
})
