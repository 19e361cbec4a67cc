import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { inviteAdministrator, revokeRole } from '../../accounts/administrators.ts'
import type { Browser, View } from '../support/browser.ts'
import { administrator, enterConsole } from '../support/console.ts'
import { DAY_MS, MINUTE_MS, PIN, type School, startSchool } from '../support/school.ts'

let school: School

beforeAll(async () => {
  school = await startSchool()
})

afterAll(() => school.stop())

const INVITE = '/admin/invite'
const ANEW = {
  given_name: 'Inès',
  family_name: 'Petit',
  new_password: 'Marronnier-Encre-58',
  confirm_password: 'Marronnier-Encre-58',
}

const invited = async (): Promise<string> =>
  (await inviteAdministrator(school.gateway.core.deps, 'cli:root')).code

/** Types a code, and who comes with it, into the form. */
const type = async (
  browser: Browser,
  code: string,
  identifier: string,
  more: Record<string, string> = {},
): Promise<View> => {
  await browser.open(INVITE)
  return browser.submit({ code, identifier, ...ANEW, ...more })
}

const errorsOn = ({ html }: View): string[] =>
  html.querySelectorAll('.notice-error li').map(({ text }) => text.trim())

const WRONG = 'This code is wrong, or no longer good. Have a new one made on the server.'

const roleOf = async (identifier: string): Promise<string | undefined> => {
  const { sub } = await school.account(identifier)
  return (await school.gateway.core.deps.store.roles.find(sub))?.role
}

describe('a code from the server', () => {
  it('makes an account where there is none, which comes in with a PIN defined on the way', async () => {
    const browser = school.browser()
    const view = await type(browser, await invited(), 'ines.petit')
    expect(view.step).toBe('login')
    expect(await roleOf('ines.petit')).toBe('identity_admin')
    await browser.submit({ identifier: 'ines.petit', password: ANEW.new_password })
    expect(browser.view.step).toBe('define_pin')
    await browser.submit({ protection: 'pin', new_pin: '7391', confirm_pin: '7391' })
    while (browser.view.step === 'device') {
      await browser.submit({})
    }
    expect(browser.view.step).toBe('console/home')
  })

  it('can be typed as it was read out: without hyphens, in capitals, O for 0 and L for 1', async () => {
    const code = (await invited()).toUpperCase().replaceAll('-', ' ')
    const spoken = code.replaceAll('0', 'O').replaceAll('1', 'L')
    await type(school.browser(), spoken, 'read.out')
    expect(await roleOf('read.out')).toBe('identity_admin')
  })

  it('gives the role to whoever is signed in, and asks them for nothing else', async () => {
    const { identifier } = await school.person({ pin: PIN, userType: 'student' })
    const browser = school.browser()
    await browser.open(INVITE)
    await browser.open(
      browser.view.html.querySelector('a[href*="sign_in"]')?.getAttribute('href') ?? '',
    )
    await enterConsole(browser, identifier, null)
    expect(browser.view.step).toBe('console/invite')
    expect(browser.view.html.querySelector('[name=new_password]')).toBeNull()
    await browser.submit({ code: await invited() })
    await enterConsole(browser, identifier, null)
    expect(browser.view.step).toBe('console/home')
  })

  it('brings an administrator back in who lost the key: the PIN will do for a week again', async () => {
    const identifier = await administrator(school)
    school.later(30 * DAY_MS)
    const browser = school.browser()
    await browser.open(`${INVITE}?sign_in=yes`)
    await enterConsole(browser, identifier, null)
    expect(browser.view.html.querySelector('[name=new_password]')).toBeNull()
    await browser.submit({ code: await invited() })
    await enterConsole(browser, identifier, null)
    expect(browser.view.step).toBe('console/home')
  })

  it('is written down by whom it was made and who used it', async () => {
    await type(school.browser(), await invited(), 'written.down')
    const { audit } = school.gateway.core.deps.store
    const { sub } = await school.account('written.down')
    expect((await audit.list({ act: 'admin_invited' }, 1))[0]).toMatchObject({ actor: 'cli:root' })
    expect(await audit.list({ sub, act: 'role_granted' }, 5)).toMatchObject([
      { actor: sub, detail: { role: 'identity_admin', by: 'invite' } },
    ])
  })

  it('is stored as a hash alone', async () => {
    const code = await invited()
    const { audit } = school.gateway.core.deps.store
    const entries = await audit.list({ act: 'admin_invited' }, 1)
    expect(JSON.stringify(entries)).not.toContain(code)
  })
})

describe('a code is refused', () => {
  it('when it is wrong, five times at most: then the right one is no longer good', async () => {
    const code = await invited()
    const browser = school.browser()
    for (let tried = 0; tried < 5; tried += 1) {
      const view = await type(browser, 'xxxx-xxxx-xxxx', 'guessing')
      expect([view.status, errorsOn(view)]).toEqual([422, [WRONG]])
    }
    expect(errorsOn(await type(browser, code, 'guessing'))).toEqual([WRONG])
    await expect(school.account('guessing')).rejects.toThrow('nobody')
  })

  it('not after four wrong ones', async () => {
    const code = await invited()
    const browser = school.browser()
    for (let tried = 0; tried < 4; tried += 1) {
      await type(browser, 'xxxx-xxxx-xxxx', 'four.wrong')
    }
    await type(browser, code, 'four.wrong')
    expect(await roleOf('four.wrong')).toBe('identity_admin')
  })

  it('after a quarter of an hour', async () => {
    const code = await invited()
    school.later(15 * MINUTE_MS)
    expect(errorsOn(await type(school.browser(), code, 'too.late'))).toEqual([WRONG])
  })

  it('not a moment before', async () => {
    const code = await invited()
    school.later(15 * MINUTE_MS - 1_000)
    await type(school.browser(), code, 'just.in.time')
    expect(await roleOf('just.in.time')).toBe('identity_admin')
  })

  it('once it was used', async () => {
    const code = await invited()
    await type(school.browser(), code, 'first.one')
    expect(errorsOn(await type(school.browser(), code, 'second.one'))).toEqual([WRONG])
  })

  it('to one of two who type it at the same moment', async () => {
    const code = await invited()
    await Promise.all([
      type(school.browser(), code, 'at.once.1'),
      type(school.browser(), code, 'at.once.2'),
    ])
    const { accounts } = school.gateway.core.deps.store
    const made = await Promise.all(
      ['at.once.1', 'at.once.2'].map((identifier) => accounts.byIdentifier(identifier)),
    )
    expect(made.filter((account) => account !== null)).toHaveLength(1)
  })

  it('once another one was made', async () => {
    const [first, second] = [await invited(), await invited()]
    expect(errorsOn(await type(school.browser(), first, 'older.code'))).toEqual([WRONG])
    await type(school.browser(), second, 'newer.code')
    expect(await roleOf('newer.code')).toBe('identity_admin')
  })

  it('where nobody made one', async () => {
    expect(errorsOn(await type(school.browser(), 'abcd-efgh-jkmn', 'no.code'))).toEqual([WRONG])
  })

  it('from the form of another site', async () => {
    const code = await invited()
    const fields = { code, identifier: 'other.site', ...ANEW }
    const headers = { 'sec-fetch-site': 'cross-site' }
    expect((await school.browser().post(INVITE, fields, headers)).status).toBe(403)
    await expect(school.account('other.site')).rejects.toThrow('nobody')
  })
})

describe('a form that cannot be taken leaves the code good', () => {
  let code: string
  let browser: Browser

  beforeEach(async () => {
    school.later(MINUTE_MS)
    code = await invited()
    browser = school.browser()
  })

  afterEach(async () => {
    const identifier = `good.${code}`
    await type(browser, code, identifier)
    expect(await roleOf(identifier)).toBe('identity_admin')
  })

  it('where the identifier is taken', async () => {
    const { identifier } = await school.person({})
    const view = await type(browser, code, identifier.toUpperCase())
    expect(errorsOn(view)).toEqual([
      'This identifier belongs, or belonged, to somebody else. Choose another one.',
    ])
    expect(view.html.querySelector('[name=given_name]')?.getAttribute('value')).toBe('Inès')
    expect(await roleOf(identifier)).toBeUndefined()
  })

  it('where the password is easy to guess', async () => {
    const view = await type(browser, code, 'easy.password', {
      new_password: 'motdepasse1234',
      confirm_password: 'motdepasse1234',
    })
    expect(view.status).toBe(422)
    expect(view.text).not.toContain('motdepasse1234')
  })

  it('where the passwords differ', async () => {
    const view = await type(browser, code, 'differing', { confirm_password: 'Autre-Chose-77' })
    expect(errorsOn(view)).toHaveLength(1)
  })

  it('where something is missing, each with its name', async () => {
    const view = await type(browser, '', '', { given_name: ' ', family_name: '' })
    expect(errorsOn(view)).toHaveLength(4)
  })
})

describe('the role of an administrator', () => {
  it('is not taken from the last one, nor by oneself', async () => {
    const alone = await startAlone()
    const { deps } = alone.school.gateway.core
    expect(await revokeRole(deps, alone.sub, 'cli:root')).toEqual({
      ok: false,
      reason: 'last_administrator',
    })
    const browser = await enterConsole(alone.school.browser(), alone.identifier)
    const { html } = await browser.open('/admin/roles')
    const csrf = html.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
    const view = await browser.post(`/admin/roles/${alone.sub}/revoke`, { csrf })
    expect(view.status).toBe(422)
    const demoted = await browser.post('/admin/roles/grant', {
      csrf,
      identifier: alone.identifier,
      role: 'auditor',
    })
    expect(demoted.status).toBe(422)
    expect((await deps.store.roles.find(alone.sub))?.role).toBe('identity_admin')
    await alone.school.gateway.stop()
  })
})

const startAlone = async () => {
  const own = await startSchool()
  const identifier = await administrator(own)
  const { sub } = await own.account(identifier)
  return { school: own, identifier, sub }
}

describe('roles given in the console', () => {
  it('reach whom was ticked and typed, and are shown so', async () => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    const somebody = await school.person({ givenName: 'Zoé', familyName: 'Leroy' })
    await browser.open('/admin/roles')
    const view = await browser.submit(
      {
        identifier: somebody.identifier,
        role: 'helpdesk',
        type_student: 'yes',
        type_guardian: 'yes',
        establishments: '0440001a',
      },
      { form: 'form[action="/admin/roles/grant"]' },
    )
    expect(view.text).toContain('Zoé Leroy is in the helpdesk now.')
    expect(await school.gateway.core.deps.store.roles.find(somebody.sub)).toMatchObject({
      role: 'helpdesk',
      scope: { userTypes: ['student', 'guardian'], establishments: ['0440001A'] },
    })
    await browser.submit({}, { form: `form[action="/admin/roles/${somebody.sub}/revoke"]` })
    expect(browser.view.text).toContain('The role was taken away.')
    expect(await school.gateway.core.deps.store.roles.find(somebody.sub)).toBeNull()
  })

  it.each([
    ['nobody', { identifier: 'nobody.at.all', role: 'auditor' }],
    ['oneself', { role: 'auditor' }],
    ['no role', { identifier: 'x' }],
    ['a helpdesk for nobody', { identifier: 'x', role: 'helpdesk' }],
    [
      'an establishment that is none',
      { identifier: 'x', role: 'helpdesk', type_staff: 'yes', establishments: 'X' },
    ],
  ])('are refused to %s, with what was typed kept', async (_name, fields) => {
    const identifier = await administrator(school)
    const browser = await enterConsole(school.browser(), identifier)
    await browser.open('/admin/roles')
    const view = await browser.submit(
      { identifier, ...fields },
      { form: 'form[action="/admin/roles/grant"]' },
    )
    expect([view.status, errorsOn(view).length]).toEqual([422, 1])
    expect(await roleOf(identifier)).toBe('identity_admin')
  })
})
