import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { entryOf } from '../support/audit_chain.ts'
import { signInToConsole } from '../support/console.ts'
import { DAY_MS, MINUTE_MS, PIN, type School, startSchool } from '../support/school.ts'

let school: School
beforeEach(async () => {
  school = await startSchool()
})
afterEach(() => school.stop())

const section = (html: string, id: string): string =>
  new RegExp(`<section[^>]* id="${id}"[\\s\\S]*?</section>`).exec(html)?.[0] ?? ''

/** The cells of a table's rows, as text. */
const cells = (html: string): string[][] =>
  [...html.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) =>
      cell.replaceAll(/<[^>]+>/g, '').trim(),
    ),
  )

describe('the overview', () => {
  it('counts sign-ins and refused tries by day', async () => {
    const { sub } = await school.person({ userType: 'student' })
    const { audit } = school.gateway.core.deps.store
    const old = Date.now() - 2 * DAY_MS
    await audit.appendAll([
      ...[1, 2, 3].map((nth) => entryOf(nth, { atMs: old, act: 'sign_in_completed', sub })),
      entryOf(4, { atMs: old, act: 'pin_wrong', outcome: 'refused', sub }),
      entryOf(5, { atMs: old, act: 'login_refused', outcome: 'refused', sub: null }),
    ])
    const admin = await signInToConsole(school)
    const page = await admin.open('/admin')
    const days = section(page.text, 'days')
    expect(days).toContain('role="img"')
    expect(days).toMatch(/aria-labelledby="days-svg-title days-svg-desc"/)
    const rows = cells(days).slice(1)
    expect(rows).toHaveLength(30)
    expect(rows.at(-3)?.slice(1)).toEqual(['3', '2'])
    expect(rows.at(-1)?.[1]).toBe('1') // Of the administrator.
  })

  it('counts at most once a minute, and says when', async () => {
    const admin = await signInToConsole(school)
    const blocked = async () => section((await admin.open('/admin')).text, 'blocked')
    expect(await blocked()).toContain('0 blocked PINs')
    const { sub } = await school.person({ pin: PIN })
    await school.gateway.core.deps.store.accounts.setPinBlocked(sub, Date.now())
    expect(await blocked()).toContain('0 blocked PINs')
    school.later(MINUTE_MS)
    expect(await blocked()).toContain('1 blocked PIN')
    expect(await blocked()).toContain('/admin/people?pin=blocked')
  })

  it('shows who has which PIN, by kind of user', async () => {
    await school.person({ userType: 'teacher', pin: PIN })
    await school.person({ userType: 'teacher', pin: PIN, pinOrigin: 'generated' })
    await school.person({ userType: 'teacher' })
    const { sub } = await school.person({ userType: 'teacher' })
    await school.gateway.core.deps.store.accounts.setDisabled(sub, Date.now())
    const admin = await signInToConsole(school)
    const rows = cells(section((await admin.open('/admin')).text, 'pins'))
    expect(rows[1]).toEqual(['Teachers', '3', '1', '1', '0', '1', '66 %'])
  })

  it('shows the classes where most have not chosen a password, worst first', async () => {
    const pupil = (className: string, passwordOrigin: 'personal' | 'temporary') =>
      school.person({ userType: 'student', classes: [className], passwordOrigin })
    await pupil('6A', 'personal')
    await pupil('6A', 'temporary')
    await pupil('6B', 'temporary')
    await pupil('6C', 'personal')
    await school.person({
      userType: 'student',
      classes: ['3D'],
      establishments: ['0440002B'],
      password: null,
    })
    const admin = await signInToConsole(school)
    const rows = cells(section((await admin.open('/admin')).text, 'classes')).slice(1)
    expect(rows).toEqual([
      ['6B', '1', '1'],
      ['6A', '2', '1'],
      ['6C', '1', '0'],
    ])
    const other = await admin.open('/admin?establishment=0440002B')
    expect(cells(section(other.text, 'classes')).slice(1)).toEqual([['3D', '1', '1']])
  })

  it('counts for a helpdesk only those whom they reach', async () => {
    const { audit, accounts } = school.gateway.core.deps.store
    const mine = await school.person({ userType: 'student', classes: ['6A'], pin: PIN })
    const elsewhere = await school.person({
      userType: 'student',
      classes: ['3D'],
      establishments: ['0440002B'],
      pin: PIN,
    })
    const teacher = await school.person({ userType: 'teacher', pin: PIN })
    await audit.appendAll(
      [mine, elsewhere, teacher].map(({ sub }, nth) =>
        entryOf(nth, { atMs: Date.now(), act: 'sign_in_completed', sub }),
      ),
    )
    for (const { sub } of [mine, elsewhere, teacher]) {
      await accounts.setPinBlocked(sub, Date.now())
    }
    const helpdesk = await signInToConsole(school, {
      role: 'helpdesk',
      userTypes: ['student'],
      establishments: ['0440001A'],
    })
    const { text: html } = await helpdesk.open('/admin?establishment=0440002B')
    expect(cells(section(html, 'days')).at(-1)?.[1]).toBe('1')
    expect(section(html, 'blocked')).toContain('1 blocked PIN')
    expect(cells(section(html, 'pins')).slice(1)).toEqual([
      ['Students', '1', '0', '0', '1', '0', '100 %'],
    ])
    expect(section(html, 'classes')).toContain('6A')
    expect(html).not.toContain('3D')
    expect(html).not.toContain('value="0440002B"')
  })
})
