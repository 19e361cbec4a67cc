import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forgetJobFiles } from '../../accounts/forget_job_files.ts'
import type { Job } from '../../accounts/job_ports.ts'
import type { UserType } from '../../policies/user_type.ts'
import { jobFilesIn } from '../../provider/job_kinds.ts'
import type { Browser } from '../support/browser.ts'
import { signInToConsole } from '../support/console.ts'
import { DAY_MS, type School, startSchool } from '../support/school.ts'

let school: School
let admin: Browser

beforeEach(async () => {
  school = await startSchool()
  for (const name of ['ada', 'bea', 'cyd']) {
    await school.person({ identifier: name, userType: 'student', familyName: name })
  }
  await school.person({ identifier: 'zoe', userType: 'teacher', password: null })
  admin = await signInToConsole(school)
})
afterEach(() => school.stop())

const store = () => school.gateway.core.deps.store

const jobIn = async (browser: Browser): Promise<Job> => {
  const [, id = ''] = /\/admin\/jobs\/([0-9a-f]{32})/.exec(browser.view.url.pathname) ?? []
  const job = await store().jobs.find(id)
  if (job === null) throw new Error(`no job at ${browser.view.url.pathname}`)
  return job
}

/** Until the job of the page is over; the clock of the test stands still. */
const over = async (browser: Browser): Promise<Job> => {
  while ((await jobIn(browser)).endedAt === null) await nextTurn()
  await browser.open(browser.view.url.pathname)
  return jobIn(browser)
}

const csrfOf = ({ view }: Browser): string =>
  view.html.querySelector('input[name=csrf]')?.getAttribute('value') ?? ''

/** As the list of people posts it. */
const ask = (browser: Browser, fields: Record<string, string>) =>
  browser.post('/admin/people/act', { csrf: csrfOf(browser), ...fields })

const STUDENTS = { all: 'yes', filter: 'type=student' }
const FORM = { form: 'form[action^="/admin/jobs/"]' }

const start = async (browser: Browser, act: string, fields: Record<string, string> = {}) => {
  await ask(browser, { act, ...STUDENTS })
  return browser.submit(fields, FORM)
}

const helpdesk = (userTypes: UserType[] = ['student']) =>
  signInToConsole(school, { role: 'helpdesk', userTypes })

describe('an act on a selection', () => {
  it('says how many people, who is left out, and does nothing before its button', async () => {
    await store().accounts.voidPassword((await school.account('cyd')).sub, Date.now())
    const view = await ask(admin, { act: 'force_change', ...STUDENTS })
    expect(view.step).toBe('console/jobs_act')
    expect(view.text).toContain('3 people are concerned')
    expect(view.text).toMatch(/Students: 3/)
    expect(view.text).toMatch(/Password invalid[^:]*: give a temporary one: 1/)
    expect(view.html.querySelector('form[action="/admin/jobs/start"] button')?.text).toBe(
      'Force the change for 3 people',
    )
    expect(await store().jobs.list({}, null, 10)).toEqual([])
    expect((await school.account('ada')).password?.mustChange).toBe(false)
  })

  it('is done in the background, and each result is shown and exported', async () => {
    await start(admin, 'force_change')
    expect(admin.view.step).toBe('console/jobs_job')
    const job = await over(admin)
    expect(job).toMatchObject({ state: 'done', counts: { done: 3 }, total: 3 })
    expect((await school.account('ada')).password?.mustChange).toBe(true)
    expect(admin.view.text).toContain('Camille ada')
    const csv = await admin.open(`/admin/jobs/${job.id}/results`)
    expect(csv.text).toContain('ada;ada;Camille;done')
    await admin.open('/admin/jobs')
    expect(admin.view.text).toContain('Force a password change')
    expect(admin.view.text).toContain('Alix Admin')
  })

  it('is for those who are ticked', async () => {
    const { sub } = await school.account('ada')
    await ask(admin, { act: 'disable', [`sub_${sub}`]: 'yes' })
    expect(admin.view.text).toContain('1 person is concerned')
    await admin.submit({}, FORM)
    expect((await over(admin)).counts).toEqual({ done: 1 })
    expect((await school.account('bea')).disabledAt).toBeNull()
  })

  it('for nobody goes back to the list', async () => {
    await ask(admin, { act: 'disable' })
    expect(await store().jobs.list({}, null, 10)).toEqual([])
    expect(admin.view.url.pathname).toBe('/admin/people')
  })

  it('is asked again where there are more people than were confirmed', async () => {
    await ask(admin, { act: 'force_change', ...STUDENTS })
    for (const name of ['dan', 'eli']) {
      await school.person({ identifier: name, userType: 'student' })
    }
    const view = await admin.submit({}, FORM)
    expect([view.status, view.step]).toEqual([422, 'console/jobs_act'])
    expect(view.text).toContain('5 instead of 3')
    expect(await store().jobs.list({}, null, 10)).toEqual([])
    await admin.submit({}, FORM)
    expect((await over(admin)).counts).toEqual({ done: 5 })
  })

  it('erases people for an identity administrator who types the number', async () => {
    await ask(admin, { act: 'erase', ...STUDENTS })
    expect((await admin.submit({ number: '2' }, FORM)).status).toBe(422)
    await admin.submit({ number: '3' }, FORM)
    expect((await over(admin)).counts).toEqual({ done: 3 })
    const desk = await helpdesk()
    await desk.open('/admin/jobs')
    expect((await ask(desk, { act: 'erase', ...STUDENTS })).status).toBe(403)
  })
})

describe('a job', () => {
  it('is stopped, gone on with, and undone', async () => {
    await start(admin, 'force_change')
    const job = await over(admin)
    await admin.submit({}, { form: 'form[action$="/undo"]' })
    const undo = await over(admin)
    expect(undo).toMatchObject({ kind: 'undo', state: 'done', counts: { done: 3 } })
    expect((await school.account('ada')).password?.mustChange).toBe(false)
    await admin.open(`/admin/jobs/${job.id}`)
    expect(admin.view.html.querySelector('form[action$="/undo"]')).toBeNull()
    expect(admin.view.text).toContain('This job was undone')
    await admin.post(`/admin/jobs/${job.id}/cancel`, { csrf: csrfOf(admin) })
    expect(admin.view.text).toContain('The job had ended in between')
    await store().jobs.add({
      id: 'f'.repeat(32),
      kind: 'force_change',
      by: job.by,
      atMs: Date.now(),
      params: job.params,
      total: null,
    })
    await store().jobs.finish('f'.repeat(32), { state: 'failed', failure: 'EIO /var' }, Date.now())
    await admin.open(`/admin/jobs/${'f'.repeat(32)}`)
    expect(admin.view.text).toContain('Something went wrong on the server')
    expect(admin.view.text).not.toContain('EIO')
    await admin.submit({}, { form: 'form[action$="/resume"]' })
    expect((await over(admin)).state).toBe('done')
  })

  it('is shown to who started it, and to those who see all', async () => {
    const desk = await helpdesk()
    await desk.open('/admin/jobs')
    await start(desk, 'force_change')
    const { id } = await over(desk)
    await admin.open(`/admin/jobs/${id}`)
    expect(admin.view.status).toBe(200)
    const other = await helpdesk()
    expect((await other.open(`/admin/jobs/${id}`)).status).toBe(404)
    await other.open('/admin/jobs')
    expect(other.view.text).not.toContain('Force a password change')
    expect((await other.post(`/admin/jobs/${id}/undo`, { csrf: csrfOf(other) })).status).toBe(404)
    const auditor = await signInToConsole(school, { role: 'auditor' })
    expect((await auditor.open(`/admin/jobs/${id}`)).status).toBe(200)
    expect(auditor.view.html.querySelector('form[action$="/undo"]')).toBeNull()
    expect((await auditor.post(`/admin/jobs/${id}/undo`, { csrf: csrfOf(auditor) })).status).toBe(
      403,
    )
  })

  it('of a helpdesk never reaches people of others', async () => {
    await school.person({ identifier: 'tea', userType: 'teacher' })
    const { sub } = await school.account('tea')
    const desk = await helpdesk()
    await desk.open('/admin/jobs')
    await ask(desk, { act: 'end_sessions', all: 'yes', filter: 'type=teacher' })
    expect(desk.view.url.pathname).toBe('/admin/people')
    await desk.open('/admin/jobs')
    await ask(desk, { act: 'disable', [`sub_${sub}`]: 'yes' })
    expect(desk.view.text).toContain('Not one of yours: 1')
    await desk.submit({}, FORM)
    expect((await over(desk)).counts).toEqual({ outside_scope: 1 })
    expect((await school.account('tea')).disabledAt).toBeNull()
  })
})

describe('files of a job', () => {
  it('are downloaded once, by who started it, and work at a sign-in', async () => {
    await start(admin, 'temporary_passwords')
    const job = await over(admin)
    const forms = admin.view.html.querySelectorAll('form[action*="/files/"]')
    expect(forms).toHaveLength(2)
    const action =
      forms.map((form) => form.getAttribute('action') ?? '').find((one) => one.endsWith('.csv')) ??
      ''
    const csrf = csrfOf(admin)
    const other = await signInToConsole(school)
    expect((await other.post(action, { csrf: csrfOf(other) })).status).toBe(422)
    const file = await admin.post(action, { csrf })
    const [, password = ''] = /;ada;Camille;ada;([^;]+);/.exec(file.text) ?? []
    expect(password).not.toBe('')
    expect((await admin.post(action, { csrf })).status).toBe(422)
    const ada = school.browser()
    await ada.open('/')
    await ada.submit({ identifier: 'ada', password })
    expect(ada.view.step).toBe('change_password')
    const audit = await store().audit.list({ act: 'cards_taken' }, 10)
    expect(audit.map(({ detail }) => detail['job'])).toEqual([job.id])
    expect(JSON.stringify(await store().audit.list({}, 1_000))).not.toContain(password)
  })

  it('are gone after a day', async () => {
    await start(admin, 'temporary_passwords')
    const { id } = await over(admin)
    const { deps } = school.gateway.core
    const files = jobFilesIn(deps, {
      dataFolder: school.dataFolder,
      issuer: school.issuer,
      locale: 'fr',
    })
    school.later(DAY_MS - 1)
    expect(await forgetJobFiles(deps, files)).toBe(0)
    school.later(1)
    expect(await forgetJobFiles(deps, files)).toBe(1)
    expect(await files.list(id)).toEqual([])
  })
})
