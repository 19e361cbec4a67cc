import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PEOPLE_ACTS } from '../../accounts/people_act.ts'
import { ACTS_OFFERED } from '../../admin/people_list.ts'
import type { Browser, View } from '../support/browser.ts'
import { type AdministratorWishes, administrator, enterConsole } from '../support/console.ts'
import { PIN, type School, startSchool } from '../support/school.ts'

const [COLLEGE, LYCEE] = ['0440001A', '0440002B']

let school: School

beforeAll(async () => {
  school = await startSchool()
  await school.person({
    identifier: 'elodie.lefevre',
    givenName: 'Élodie',
    familyName: 'Lefèvre',
    userType: 'student',
    classes: ['6e A'],
    externalId: 'P1',
    password: null,
  })
  await school.person({
    identifier: 'sean.obrien',
    givenName: 'Sean',
    familyName: 'O’Brien',
    userType: 'teacher',
    establishments: [LYCEE],
    mustChange: true,
    pin: PIN,
  })
  await school.person({
    identifier: '=cmd|calc',
    givenName: '+Formula',
    familyName: '=1+1',
    userType: 'staff',
    establishments: [LYCEE],
  })
  await school.person({
    identifier: 'mother.lefevre',
    givenName: 'Anne',
    familyName: 'Lefèvre',
    userType: 'guardian',
    establishments: [],
    children: ['P1'],
  })
  const gone = await school.person({ identifier: 'gone', givenName: 'Gone', familyName: 'Zed' })
  await school.gateway.core.deps.store.accounts.setDisabled(
    gone.sub,
    school.gateway.core.deps.clock(),
  )
})

afterAll(() => school.stop())

const enter = async (wishes: AdministratorWishes = {}): Promise<Browser> =>
  enterConsole(school.browser(), await administrator(school, wishes), '/admin/people')

const namesIn = ({ html }: View): string[] =>
  html.querySelectorAll('#people tbody th a').map(({ text }) => text)

const list = (browser: Browser, query = ''): Promise<View> => browser.open(`/admin/people${query}`)

const valuesOf = ({ html }: View, selector: string): (string | undefined)[] =>
  html.querySelectorAll(selector).map((one) => one.getAttribute('value'))

describe('an administrator looks for people', () => {
  it('by what is typed, accents and signs apart, with the button alone', async () => {
    const browser = await enter()
    await list(browser)
    const found = await list(browser, '?q=lefevre')
    expect(namesIn(found)).toEqual(['Lefèvre Anne', 'Lefèvre Élodie'])
    expect(found.text).toContain('2 people')
    expect(valuesOf(found, '#q')).toEqual(['lefevre'])
    expect(namesIn(await list(browser, '?q=O%27brien'))).toEqual(['O’Brien Sean'])
    expect(namesIn(await list(browser, '?q=6e%20a'))).toEqual(['Lefèvre Élodie'])
    const nobody = await list(browser, '?q=nobodyatall')
    expect(namesIn(nobody)).toEqual([])
    expect(nobody.text).toContain('Nobody matches')
  })

  it('by filters, whose state each row shows', async () => {
    const browser = await enter()
    const due = await list(browser, '?password=must_change')
    expect(namesIn(due)).toEqual(['O’Brien Sean'])
    const cell = due.html.querySelector('#people .due')
    expect(cell?.text).toContain('Must be changed')
    expect(cell?.querySelector('svg')?.getAttribute('aria-hidden')).toBe('true')
    expect(namesIn(await list(browser, '?password=none&type=student'))).toEqual(['Lefèvre Élodie'])
    expect(namesIn(await list(browser, `?establishment=${LYCEE}`))).toEqual(
      ['=1+1 +Formula', 'O’Brien Sean'].sort(),
    )
    expect(namesIn(await list(browser, `?establishment=${COLLEGE}&class=6e+A`))).toEqual([
      'Lefèvre Anne',
      'Lefèvre Élodie',
    ])
    expect(namesIn(await list(browser, '?disabled=only'))).toEqual(['Zed Gone'])
    expect(namesIn(await list(browser, '?q=zed'))).toEqual([])
    const roles = await list(browser, '?role=identity_admin&pin=in_use')
    expect(namesIn(roles).every((name) => name.startsWith('Admin'))).toBe(true)
    expect(namesIn(roles).length).toBeGreaterThan(0)
  })

  it('without being led astray by what an address says', async () => {
    const browser = await enter()
    const all = namesIn(await list(browser))
    for (const query of ['?type=pirate', '?after=%00', '?after=WzEsMl0', '?password=constructor']) {
      expect(namesIn(await list(browser, query))).toEqual(all)
    }
    const view = await list(browser, '?q=%3Cscript%3Ealert(1)%3C/script%3E')
    expect(view.status).toBe(200)
    expect(view.html.querySelectorAll('main script')).toEqual([])
  })

  it('page by page, to the end', async () => {
    for (let nth = 0; nth < 60; nth += 1) {
      const [givenName, familyName] = [`Nth${String(nth).padStart(2, '0')}`, 'Pageful']
      await school.person({ givenName, familyName, userType: 'inspector', password: null })
    }
    const browser = await enter()
    const first = await list(browser, '?q=pageful')
    expect(namesIn(first)).toHaveLength(50)
    expect(first.text).toContain('60 people')
    const next = first.html.querySelector('.pager a')?.getAttribute('href') ?? ''
    const second = await browser.open(next)
    expect(namesIn(second)).toHaveLength(10)
    expect(new Set([...namesIn(first), ...namesIn(second)]).size).toBe(60)
    const back = second.html.querySelector('.pager a')?.getAttribute('href')
    expect(back).toBe('/admin/people?q=pageful')
  })
})

describe('a selection', () => {
  it('is those who are ticked, or all who match, and is asked about before anything is done', async () => {
    const browser = await enter()
    const view = await list(browser, '?q=obrien')
    const tick = view.html.querySelector('[data-one]')?.getAttribute('name') ?? ''
    const one = await browser.submit({ [tick]: 'yes', act: 'force_change' }, { form: '#selection' })
    expect(one.step).toBe('console/jobs_act')
    expect(one.text).toContain('1 person')
    await list(browser, '?q=lefevre')
    const all = await browser.submit({ all: 'yes', act: 'end_sessions' }, { form: '#selection' })
    expect(all.step).toBe('console/jobs_act')
    expect(all.text).toContain('2 people')
  })

  it('offers every act there is', () => {
    expect([...ACTS_OFFERED].sort()).toEqual([...PEOPLE_ACTS].sort())
  })

  it('offers an auditor nothing, and a helpdesk no erasure and no file', async () => {
    const auditor = await enter({ role: 'auditor' })
    const seen = await list(auditor)
    expect(namesIn(seen).length).toBeGreaterThan(0)
    expect(valuesOf(seen, 'button[name=act]')).toEqual([])
    expect(seen.html.querySelectorAll('[data-one]')).toEqual([])
    expect(seen.text).toContain('Export as CSV')
    const helpdesk = await enter({ role: 'helpdesk' })
    const offered = valuesOf(await list(helpdesk), 'button[name=act]')
    expect(offered).toContain('force_change')
    expect(offered).not.toContain('erase')
    expect(helpdesk.view.text).not.toContain('Export as CSV')
    expect((await helpdesk.open('/admin/people/export')).status).toBe(403)
  })

  it('ends where a helpdesk’s reach ends', async () => {
    const helpdesk = await enter({
      role: 'helpdesk',
      userTypes: ['student', 'guardian'],
      establishments: [COLLEGE],
    })
    expect(namesIn(await list(helpdesk))).toEqual(['Lefèvre Anne', 'Lefèvre Élodie'])
    expect(namesIn(await list(helpdesk, '?q=obrien'))).toEqual([])
    expect(namesIn(await list(helpdesk, `?establishment=${LYCEE}`))).toEqual([])
    expect(valuesOf(helpdesk.view, '#type option')).toEqual(['', 'student', 'guardian'])
    expect(valuesOf(helpdesk.view, '#establishment option')).toEqual(['', COLLEGE])
  })
})

describe('the file of who matches', () => {
  it('has everybody, with formulas as text, and the audit says who took it', async () => {
    const browser = await enter()
    const view = await browser.open(`/admin/people/export?establishment=${LYCEE}&q=formula`)
    expect(view.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(view.headers.get('content-disposition')).toContain('attachment')
    const lines = view.text.replace('\ufeff', '').trim().split('\r\n')
    expect(lines[0]).toBe(
      'identifier;family_name;given_name;user_type;establishments;classes;protection;password;pin;otp_key;disabled_at;role',
    )
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain('"=""=1+1""";"=""+Formula""";staff;')
    const { store } = school.gateway.core.deps
    const [entry] = await store.audit.list({ act: 'people_exported' }, 1)
    expect(entry).toMatchObject({
      outcome: 'done',
      detail: { filter: `establishment=${LYCEE}`, searched: true },
    })
    expect(entry?.actor).toMatch(/^sub-/)
    const many = await browser.open('/admin/people/export?q=pageful')
    expect(many.text.trim().split('\r\n')).toHaveLength(61)
  })
})
