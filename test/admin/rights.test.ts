import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { type ConsoleRoute, matcher } from '../../admin/dispatch.ts'
import { CONSOLE_ROUTES } from '../../admin/routes.ts'
import { SECTIONS } from '../../admin/sections.ts'
import { hasRight, RIGHTS, ROLES, type Role } from '../../policies/admin_rights.ts'
import type { Browser } from '../support/browser.ts'
import { enterConsole, signInToConsole } from '../support/console.ts'
import { giveKey } from '../support/otp_key.ts'
import { type School, startSchool } from '../support/school.ts'

/** The page that the table of rights sends. */
const REFUSED_BY_RIGHT = 'You may not do this'
const NO_ROLE = 'data-step="console/no_role"'
/** What goes on whether anybody asks for it or not: sessions, seals of the audit, leases, search. */
const UNRELATED =
  /^(sqlite_|op_|console_sessions$|leases$|audit_(batches|anchor|checkpoints)$|people_(index|words|places|fill)$)/

let school: School
let params: Readonly<Record<string, string>>
const people: { role: Role | 'nobody' | 'none'; cookie: string; csrf: string }[] = []

const whoIs = async (role: Role | 'none', browser: Browser): Promise<void> => {
  const { html } = browser.view
  const csrf = html.querySelector('[name=csrf]')?.getAttribute('value') ?? ''
  people.push({ role, cookie: await browser.jar.getCookieString(school.issuer), csrf })
}

beforeAll(async () => {
  school = await startSchool()
  for (const role of ROLES) {
    await whoIs(role, await signInToConsole(school, { role }))
  }
  const { identifier } = await school.person({ protection: 'none' })
  await whoIs('none', await enterConsole(school.browser(), identifier))
  people.push({ role: 'nobody', cookie: '', csrf: '' })
  const pupil = await school.person({ userType: 'student' })
  const { serial } = await giveKey(school, pupil.sub, { state: 'in_stock' })
  params = { sub: pupil.sub, serial, act: 'unblock', client_id: 'ent' }
})

afterAll(() => school.stop())

const someoneWith = (role: (typeof people)[number]['role']) => {
  const found = people.find((each) => each.role === role)
  if (found === undefined) {
    throw new Error(`nobody is ${role}`)
  }
  return found
}

const addressOf = (path: string): string =>
  path.replaceAll(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params[name] ?? 'none'))

const bodyOf = (method: ConsoleRoute[0], csrf: string): FormData | URLSearchParams => {
  if (method === 'post') {
    return new URLSearchParams({ csrf })
  }
  const form = new FormData()
  form.append('csrf', csrf)
  form.append('file', new Blob(['identifier;x\n']), 'people.csv')
  return form
}

interface Answer {
  readonly status: number
  readonly location: string
  readonly text: string
}

/** One request as somebody, with a form that is right where it is one. Redirects are not followed. */
const ask = async (
  [method, path]: ConsoleRoute,
  { cookie, csrf }: (typeof people)[number],
): Promise<Answer> => {
  const answer = await fetch(`${school.issuer}${addressOf(path)}`, {
    method: method === 'get' ? 'GET' : 'POST',
    headers: { cookie, accept: 'text/html', 'accept-language': 'en' },
    redirect: 'manual',
    ...(method === 'get' ? {} : { body: bodyOf(method, csrf) }),
  })
  const location = answer.headers.get('location') ?? ''
  return { status: answer.status, location, text: await answer.text() }
}

const observed = ({ status, location, text }: Answer): string => {
  if (location.startsWith('/auth?')) {
    return 'sent to sign in'
  }
  if (status >= 500) {
    return `broken (${status})`
  }
  if (status !== 403) {
    return 'let in'
  }
  if (text.includes(NO_ROLE)) {
    return 'told that this is for administrators'
  }
  return text.includes(REFUSED_BY_RIGHT) ? 'refused' : 'let in'
}

/** The sealer writes into the entries of the audit too. */
const readingOf = (table: string): string =>
  table === 'audit_log' ? 'SELECT count(*) AS entries FROM audit_log' : `SELECT * FROM "${table}"`

/** All that is stored by table, but for what goes on by itself. */
const stored = (): ReadonlyMap<string, string> => {
  const db = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !UNRELATED.test(name))
  const rows = new Map(
    tables.map((name) => [name, JSON.stringify(db.prepare(readingOf(name)).all())]),
  )
  db.close()
  return rows
}

const changedSince = (before: ReadonlyMap<string, string>): string[] =>
  [...stored()].filter(([name, rows]) => before.get(name) !== rows).map(([name]) => name)

const routes = CONSOLE_ROUTES.map((route) => [`${route[0]} ${route[1]}`, route] as const)

describe.each(routes)('%s', (_name, route) => {
  const right = route[2]

  it.each(ROLES.filter((role) => !hasRight(role, right)).map((role) => [role]))(
    'is refused to the role %s, and changes nothing',
    async (role) => {
      const before = stored()
      expect(observed(await ask(route, someoneWith(role)))).toBe('refused')
      expect(changedSince(before)).toEqual([])
    },
  )

  it('tells whoever has no role that this is for administrators, and changes nothing', async () => {
    const before = stored()
    const answer = await ask(route, someoneWith('none'))
    expect(observed(answer)).toBe('told that this is for administrators')
    expect(changedSince(before)).toEqual([])
  })

  it('sends nobody but to the sign-in, and changes nothing', async () => {
    const before = stored()
    expect(observed(await ask(route, someoneWith('nobody')))).toBe('sent to sign in')
    expect(changedSince(before)).toEqual([])
  })
})

// What is done here goes on in the background: after all that must change nothing.
describe.each(routes)('%s', (_name, route) => {
  it.each(ROLES.filter((role) => hasRight(role, route[2])).map((role) => [role]))(
    'lets the role %s in',
    async (role) => {
      expect(observed(await ask(route, someoneWith(role)))).toBe('let in')
    },
  )
})

describe('the routes of the console', () => {
  const match = matcher(CONSOLE_ROUTES)

  it('are reached each by its own address: none stands before another one', () => {
    const hidden = CONSOLE_ROUTES.filter((route) => {
      const path = route[1].replaceAll(/:\w+/g, 'zz')
      return match(route[0] !== 'get', path)?.route !== route
    })
    expect(hidden.map(([method, path]) => `${method} ${path}`)).toEqual([])
  })

  it('are all below /admin, where the console of every host is', () => {
    expect(CONSOLE_ROUTES.filter(([, path]) => !/^\/admin(\/|$)/.test(path))).toEqual([])
  })

  it('leave no right without a page, and no section of the menu without one of its right', () => {
    const asked = new Set(CONSOLE_ROUTES.map(([, , right]) => right))
    expect(Object.keys(RIGHTS).filter((right) => !asked.has(right as keyof typeof RIGHTS))).toEqual(
      [],
    )
    const entries = SECTIONS.map(({ href, right }) => {
      const found = match(false, href)
      return [href, found?.route[2] === right]
    })
    expect(entries.filter(([, fits]) => !fits)).toEqual([])
  })
})
