import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PasswordRecord, Person } from '../../accounts/account.ts'
import type { PeopleFilter, PeopleSearch } from '../../accounts/people_search.ts'
import type { Store } from '../../accounts/ports.ts'
import { MIGRATIONS, migrate } from '../../adapters/migrate.ts'
import { DATABASE_FILE, type OpenedStore, openStore } from '../../adapters/open.ts'
import { createPeopleSearch } from '../../adapters/people_search.ts'
import { openSqlite } from '../../adapters/sqlite.ts'
import { createSqliteReader } from '../../adapters/sqlite_reader.ts'
import { EVERYBODY } from '../../policies/admin_rights.ts'
import { NOW, otpKey, person } from './record.ts'
import { temporaryFolder, temporaryStore } from './temporary.ts'

const [COLLEGE, LYCEE] = ['0750001A', '0750002B']

const add = async (
  { accounts }: Pick<Store, 'accounts'>,
  people: Readonly<Record<string, Partial<Person>>>,
): Promise<void> => {
  for (const [sub, more] of Object.entries(people)) {
    await accounts.insert(sub, person(sub, more), NOW)
  }
}

const open = async (people: Readonly<Record<string, Partial<Person>>>): Promise<OpenedStore> => {
  const opened = await temporaryStore()
  await add(opened.store, people)
  return opened
}

type Filter = Omit<PeopleFilter, 'scope'> & Partial<Pick<PeopleFilter, 'scope'>>

const filterOf = (filter: Filter): PeopleFilter => ({ scope: EVERYBODY, ...filter })

/** Everybody of a filter, in the order of their pages. */
const allOf = async (
  people: PeopleSearch,
  filter: Filter,
  limit: number,
  between: () => Promise<void> = async () => {},
): Promise<string[]> => {
  const found: string[] = []
  let after: string | null = null
  do {
    const page = await people.page(filterOf(filter), after, limit)
    found.push(...page.people.map(({ sub }) => sub))
    after = page.next
    await between()
  } while (after !== null)
  return found
}

/** As jobs take them: by `sub`. */
const chunksOf = async (people: PeopleSearch, filter: Filter): Promise<string[]> => {
  const subs: string[] = []
  for (let after: string | null = null; ; ) {
    const chunk = await people.subs(filterOf(filter), after, 9)
    subs.push(...chunk)
    after = chunk.at(-1) ?? null
    if (chunk.length < 9) return subs
  }
}

/** As jobs take them: in the order in which people came. */
const walkOf = async (people: PeopleSearch, filter: Filter): Promise<string[]> => {
  const subs: string[] = []
  let after: string | null = null
  do {
    const chunk = await people.walk(filterOf(filter), after, 9)
    subs.push(...chunk.subs)
    after = chunk.next
  } while (after !== null)
  return subs
}

const found = (opened: OpenedStore, filter: Filter): Promise<string[]> =>
  allOf(opened.lists.people, filter, 50)

const password = (more: Partial<PasswordRecord> = {}): PasswordRecord => ({
  sealed: 'v1.k1.password',
  origin: 'personal',
  setAt: NOW,
  rulesVersion: 1,
  mustChange: false,
  voidedAt: null,
  batchId: null,
  ...more,
})

describe('people are found as one types', () => {
  const NAMES: Readonly<Record<string, Partial<Person>>> = {
    obrien: { givenName: 'Sean', familyName: 'O’Brien' },
    jeanluc: { givenName: 'Jean-Luc', familyName: 'Lefèvre' },
    elodie: { givenName: 'Élodie', familyName: 'Bœuf' },
    weiss: { givenName: 'François', familyName: 'Weiß-Müller' },
    tour: { givenName: 'Anne', familyName: 'de La Tour' },
    's.benali@ent.example': { givenName: 'Sara', familyName: 'Ben Ali', classes: ['6e A'] },
    'nguyen.t': { givenName: 'Thi', familyName: 'Nguyễn', classes: ['Terminale S 2'] },
    martin: { givenName: 'Martin', familyName: 'Martin' },
  }
  const CASES: readonly [typed: string, subs: string[]][] = [
    ['O’Brien', ['obrien']],
    ["o'brien", ['obrien']],
    ['obrien', ['obrien']],
    ['o brien', ['obrien']],
    ['BRIEN sean', ['obrien']],
    ['jean', ['jeanluc']],
    ['luc', ['jeanluc']],
    ['jeanluc', ['jeanluc']],
    ['Jean-Luc', ['jeanluc']],
    ['jean luc lefevre', ['jeanluc']],
    ['elodie', ['elodie']],
    ['boeuf', ['elodie']],
    ['bœuf', ['elodie']],
    ['weiss', ['weiss']],
    ['weiß', ['weiss']],
    ['muller', ['weiss']],
    ['francois', ['weiss']],
    ['delatour', ['tour']],
    ['de la tour', ['tour']],
    ['tour an', ['tour']],
    ['6e a', ['s.benali@ent.example']],
    ['6eA', ['s.benali@ent.example']],
    ['benali', ['s.benali@ent.example']],
    ['s.benali@ent', ['s.benali@ent.example']],
    ['terminale s 2', ['nguyen.t']],
    ['nguyen', ['nguyen.t']],
    ['t nguyen', ['nguyen.t']],
    ['mart', ['martin']],
    ['martin martin', ['martin']],
    [
      '  ',
      [
        's.benali@ent.example',
        'elodie',
        'tour',
        'jeanluc',
        'martin',
        'nguyen.t',
        'obrien',
        'weiss',
      ],
    ],
    ['artin', []],
    ['jean brien', []],
    ['%', []],
    ['m_rtin', []],
    ['"*"', []],
  ]
  it.each(CASES)('“%s”', async (text, subs) => {
    const opened = await open(NAMES)
    expect(await found(opened, { text })).toEqual(subs)
    expect(await opened.lists.people.count(filterOf({ text }))).toBe(subs.length)
  })

  it('by what they are called now, and no longer by what they were', async () => {
    const opened = await open({ lea: { familyName: 'Petit', classes: ['6e A'] } })
    const married = person('lea.grand', { familyName: 'Grand', classes: ['5e B'] })
    await opened.store.accounts.update('lea', married, NOW + 1)
    expect(await found(opened, { text: 'petit' })).toEqual([])
    expect(await found(opened, { text: '6ea' })).toEqual([])
    expect(await found(opened, { text: 'grand 5eb' })).toEqual(['lea'])
    expect(await found(opened, { className: '6e A' })).toEqual([])
    expect(await found(opened, { className: '5e B' })).toEqual(['lea'])
  })
})

describe('a list of people', () => {
  it('says of each what the console shows', async () => {
    const opened = await open({
      lea: { establishments: [LYCEE, COLLEGE], classes: ['6e B', '6e A'] },
    })
    const { accounts, otpKeys, roles } = opened.store
    await accounts.setPassword('lea', password({ mustChange: true }))
    await accounts.setPin('lea', {
      sealed: 'v1.k1.pin',
      origin: 'generated',
      setAt: NOW,
      length: 4,
      blockedAt: null,
    })
    await accounts.setProtection('lea', 'pin')
    await otpKeys.add(otpKey({ sub: 'lea' }))
    await roles.grant({
      sub: 'lea',
      role: 'auditor',
      scope: EVERYBODY,
      grantedAt: NOW,
      grantedBy: 'cli:test',
    })
    const { people, next } = await opened.lists.people.page(filterOf({}), null, 10)
    expect(next).toBeNull()
    expect(people).toEqual([
      {
        sub: 'lea',
        identifier: 'lea',
        givenName: 'Léa',
        familyName: 'Martin',
        userType: 'student',
        establishments: [COLLEGE, LYCEE],
        classes: ['6e A', '6e B'],
        protection: 'pin',
        password: 'must_change',
        pin: 'generated',
        hasOtpKeys: true,
        disabledAt: null,
        role: 'auditor',
      },
    ])
  })

  const STATES: readonly [string, Filter, (store: Store) => Promise<unknown>][] = [
    ['no password', { password: 'none' }, async () => {}],
    [
      'an own one',
      { password: 'personal' },
      ({ accounts }) => accounts.setPassword('lea', password()),
    ],
    [
      'a temporary one, whose change is due anyway',
      { password: 'temporary', passwordOrigin: 'temporary' },
      ({ accounts }) =>
        accounts.setPassword('lea', password({ origin: 'temporary', mustChange: true })),
    ],
    [
      'an initial one',
      { password: 'temporary', passwordOrigin: 'initial' },
      ({ accounts }) => accounts.setPassword('lea', password({ origin: 'initial' })),
    ],
    [
      'a change due',
      { password: 'must_change' },
      async ({ accounts, passwordLists }) => {
        await accounts.setPassword('lea', password())
        await passwordLists.forceChange(['lea'])
      },
    ],
    [
      'void',
      { password: 'void' },
      async ({ accounts }) => {
        await accounts.setPassword('lea', password())
        await accounts.voidPassword('lea', NOW)
      },
    ],
    [
      'a blocked PIN',
      { pin: 'blocked' },
      async ({ accounts }) => {
        const pin = {
          sealed: 'p',
          origin: 'chosen',
          setAt: NOW,
          length: 4,
          blockedAt: null,
        } as const
        await accounts.setPin('lea', pin)
        await accounts.setPinBlocked('lea', NOW)
      },
    ],
    [
      'a PIN in use, chosen',
      { pin: 'in_use', protection: 'pin' },
      async ({ accounts }) => {
        const pin = {
          sealed: 'p',
          origin: 'chosen',
          setAt: NOW,
          length: 4,
          blockedAt: null,
        } as const
        await accounts.setPin('lea', pin)
        await accounts.setProtection('lea', 'pin')
      },
    ],
    ['nothing chosen', { protection: 'unchosen' }, async () => {}],
    ['disabled', { disabled: 'only' }, ({ accounts }) => accounts.setDisabled('lea', NOW)],
    [
      'who holds a role',
      { role: 'helpdesk' },
      ({ roles }) =>
        roles.grant({
          sub: 'lea',
          role: 'helpdesk',
          scope: EVERYBODY,
          grantedAt: NOW,
          grantedBy: 'cli:test',
        }),
    ],
  ]
  it.each(STATES)('is filtered by state: %s', async (_, filter, become) => {
    const opened = await open({ lea: {} })
    await opened.store.accounts.setPassword('lea', password({ sealed: 'other', origin: 'initial' }))
    if (filter.password === 'none') {
      await opened.store.accounts.insert('new', person('new'), NOW)
      expect(await found(opened, filter)).toEqual(['new'])
      return
    }
    const isBefore = filter.protection === 'unchosen'
    expect(await found(opened, { ...filter })).toEqual(
      isBefore || filter.passwordOrigin === 'initial' ? ['lea'] : [],
    )
    await become(opened.store)
    expect(await found(opened, filter)).toEqual(['lea'])
    await add(opened.store, { other: { userType: 'inspector' } })
    const byWord: Filter = { ...filter, userType: 'student', text: 'martin' }
    expect(await found(opened, byWord)).toEqual(['lea'])
    if (filter.disabled === 'only') {
      const student = { userType: 'student' } as const
      expect(await found(opened, student)).toEqual([])
      expect(await found(opened, { ...student, disabled: 'any' })).toEqual(['lea'])
    }
    if (filter.role !== undefined) {
      expect(await found(opened, { role: 'any' })).toEqual(['lea'])
      expect(await found(opened, { role: 'auditor' })).toEqual([])
    }
  })

  const SCHOOLS: Readonly<Record<string, Partial<Person>>> = {
    adam: { externalId: 'P1', classes: ['6e A'], establishments: [COLLEGE] },
    basma: { externalId: 'P2', classes: ['2de 1'], establishments: [LYCEE] },
    father: { userType: 'guardian', children: ['P1'] },
    mother: { userType: 'guardian', children: ['P1', 'P2'] },
    teacher: { userType: 'teacher', classes: ['6e A', '2de 1'], establishments: [COLLEGE, LYCEE] },
    nowhere: { userType: 'staff' },
  }

  it('finds guardians where their children are, also after those have moved', async () => {
    const opened = await open(SCHOOLS)
    expect(await found(opened, { establishment: COLLEGE })).toEqual([
      'adam',
      'father',
      'mother',
      'teacher',
    ])
    expect(await found(opened, { establishment: LYCEE, userType: 'guardian' })).toEqual(['mother'])
    expect(await found(opened, { establishment: LYCEE, className: '2de 1' })).toEqual([
      'basma',
      'mother',
      'teacher',
    ])
    expect(await found(opened, { className: '6e A', userType: 'guardian' })).toEqual([
      'father',
      'mother',
    ])
    const moved = person('adam', { externalId: 'P1', classes: ['2de 1'], establishments: [LYCEE] })
    await opened.store.accounts.update('adam', moved, NOW + 1)
    expect(await found(opened, { establishment: COLLEGE })).toEqual(['teacher'])
    expect(await found(opened, { establishment: LYCEE, userType: 'guardian' })).toEqual([
      'father',
      'mother',
    ])
    await opened.store.accounts.insert(
      'late',
      person('late', { externalId: 'P9', establishments: [COLLEGE] }),
      NOW,
    )
    const before = await opened.store.accounts.bySub('father')
    await opened.store.accounts.update(
      'father',
      { ...person('father', { userType: 'guardian' }), ...before, children: ['P9'] },
      NOW + 2,
    )
    expect(await found(opened, { establishment: COLLEGE })).toEqual(['father', 'teacher', 'late'])
  })

  it('finds guardians who came before their children', async () => {
    const opened = await open({ father: { userType: 'guardian', children: ['P1'] } })
    expect(await found(opened, { establishment: COLLEGE })).toEqual([])
    await add(opened.store, { adam: { externalId: 'P1', establishments: [COLLEGE] } })
    expect(await found(opened, { establishment: COLLEGE, userType: 'guardian' })).toEqual([
      'father',
    ])
  })

  it('ends where the reach of an administrator ends', async () => {
    const opened = await open(SCHOOLS)
    const scope = { userTypes: ['student', 'guardian'], establishments: [COLLEGE] } as const
    expect(await found(opened, { scope })).toEqual(['adam', 'father', 'mother'])
    expect(await found(opened, { scope, establishment: LYCEE })).toEqual([])
    expect(await found(opened, { scope, userType: 'teacher' })).toEqual([])
    expect(await found(opened, { scope, text: 'basma' })).toEqual([])
    expect(await found(opened, { scope, className: '6e A' })).toEqual(['adam', 'father', 'mother'])
    expect(await found(opened, { scope: { userTypes: null, establishments: [] } })).toEqual([])
    expect(await found(opened, { scope: { userTypes: [], establishments: null } })).toEqual([])
    const both = { userTypes: null, establishments: [COLLEGE, LYCEE] }
    expect(await found(opened, { scope: both })).toEqual([
      'adam',
      'basma',
      'father',
      'mother',
      'teacher',
    ])
    expect(await opened.lists.people.count(filterOf({ scope: both }))).toBe(5)
    expect(await opened.lists.people.subs(filterOf({ scope: both }), null, 10)).toHaveLength(5)
  })

  it('names the establishments and their classes, each once and in order', async () => {
    const opened = await open(SCHOOLS)
    expect(await opened.lists.people.establishments()).toEqual([COLLEGE, LYCEE])
    expect(await opened.lists.people.classes(LYCEE)).toEqual(['2de 1', '6e A'])
    expect(await opened.lists.people.classes('0759999Z')).toEqual([])
  })

  it('forgets who was erased', async () => {
    const opened = await temporaryStore({ identifierHash: (key) => `hash of ${key}` })
    await add(opened.store, SCHOOLS)
    await opened.store.accounts.erase('adam', [], NOW)
    expect(await found(opened, { text: 'adam' })).toEqual([])
    expect(await found(opened, { establishment: COLLEGE, disabled: 'any' })).toEqual(['teacher'])
    expect(await found(opened, {})).toHaveLength(5)
  })
})

describe('pages', () => {
  const MANY = Object.fromEntries(
    Array.from({ length: 120 }, (_, nth) => [
      `p${String(nth).padStart(3, '0')}`,
      {
        givenName: ['Marie', 'Marc', 'Zoé'][nth % 3] ?? '',
        familyName: ['Martin', 'Mars', 'Adam'][nth % 5 < 3 ? nth % 5 : 0] ?? '',
        userType: nth % 4 === 0 ? 'teacher' : 'student',
        establishments: [nth % 2 === 0 ? COLLEGE : LYCEE],
        classes: nth % 7 === 0 ? ['6e A'] : [],
      } as const,
    ]),
  )
  const FILTERS: readonly [string, Filter][] = [
    ['everybody', {}],
    ['a word', { text: 'mar' }],
    ['two words', { text: 'mar ma' }],
    ['a type', { userType: 'teacher' }],
    ['a word and a type', { text: 'm', userType: 'student' }],
    ['an establishment', { establishment: LYCEE }],
    ['a class', { className: '6e A' }],
    ['a reach', { scope: { userTypes: null, establishments: [COLLEGE, LYCEE] } }],
    [
      'a reach and a word',
      { text: 'zoe', scope: { userTypes: ['student'], establishments: [LYCEE] } },
    ],
  ]

  /** What a school of a million people is read by: few are read as many. */
  const asStream = (folder: string): PeopleSearch => {
    const reader = createSqliteReader(join(folder, DATABASE_FILE))
    onTestFinished(() => reader.close())
    return createPeopleSearch(reader.db, 0)
  }

  it.each(FILTERS)('have nobody twice, and nobody is left out: %s', async (_, filter) => {
    const dataFolder = temporaryFolder()
    const opened = await temporaryStore({ dataFolder })
    await add(opened.store, MANY)
    const all = await found(opened, filter)
    expect(all.length).toBeGreaterThan(10)
    for (const people of [opened.lists.people, asStream(dataFolder)]) {
      const paged = await allOf(people, filter, 7)
      expect(new Set(paged).size).toBe(paged.length)
      expect([...paged].sort()).toEqual([...all].sort())
      expect(await people.count(filterOf(filter))).toBe(all.length)
      expect(await people.count(filterOf(filter), 4)).toBe(4)
      const first = await people.page(filterOf(filter), null, 7, 1_000)
      expect(first.count).toBe(all.length)
      expect((await people.page(filterOf(filter), first.next, 7, 1_000)).count).toBe(all.length)
      expect((await people.page(filterOf(filter), first.next, 7, 9)).count).toBe(9)
      expect((await people.page(filterOf(filter), null, 7)).count).toBeUndefined()
      expect(await chunksOf(people, filter)).toEqual([...all].sort())
      expect((await walkOf(people, filter)).sort()).toEqual([...all].sort())
    }
  })

  it('go on where they are when by then there are too few, or too many, for their order', async () => {
    const dataFolder = temporaryFolder()
    const opened = await temporaryStore({ dataFolder })
    await add(opened.store, MANY)
    const [few, many] = [opened.lists.people, asStream(dataFolder)]
    const filter = filterOf({ text: 'mar' })
    for (const [begun, other] of [
      [few, many],
      [many, few],
    ] as const) {
      const all = await allOf(begun, filter, 50)
      const first = await begun.page(filter, null, 10)
      const second = await other.page(filter, first.next, 10)
      expect(second.people.map(({ sub }) => sub)).toEqual(all.slice(10, 20))
    }
  })

  it('stay whole while people are added', async () => {
    const opened = await open(MANY)
    const before = await found(opened, {})
    let nth = 0
    const paged = await allOf(opened.lists.people, {}, 7, async () => {
      nth += 1
      const names = { givenName: 'Aa', familyName: nth % 2 === 0 ? 'Aaa' : 'Zzz' }
      await add(opened.store, { [`new${nth}`]: names })
    })
    expect(paged.filter((sub) => !sub.startsWith('new'))).toEqual(before)
    expect(new Set(paged).size).toBe(paged.length)
  })

  it('begin at the first one where the address was changed', async () => {
    const opened = await open(MANY)
    const { people } = opened.lists
    const first = await people.page(filterOf({}), null, 3)
    for (const after of ['', 'x', '%', 'bnVsbA', 'WzEsMiwzXQ', 'WyJuYW1lIiwiYSIsMS41XQ']) {
      expect((await people.page(filterOf({}), after, 3)).people).toEqual(first.people)
    }
  })

  it('count no further than asked', async () => {
    const { lists } = await open(MANY)
    expect(await lists.people.count(filterOf({}), 50)).toBe(50)
    expect(await lists.people.count(filterOf({ text: 'mar' }), 5)).toBe(5)
  })
})

describe('people who were there before they could be searched', () => {
  it('are found once they are brought in, guardians at the place of their children', async () => {
    const folder = temporaryFolder()
    const before = MIGRATIONS.findIndex(({ name }) => name === 'people_search')
    const sqlite = await openSqlite(join(folder, DATABASE_FILE))
    await migrate(
      { db: sqlite.db, atomically: sqlite.transaction },
      () => NOW,
      MIGRATIONS.slice(0, before),
    )
    await sqlite.close()
    const raw = new DatabaseSync(join(folder, DATABASE_FILE))
    const account = raw.prepare(
      `INSERT INTO accounts (sub, external_id, identifier, identifier_key, user_type, given_name,
        family_name, establishments, classes, children, had_pin, password_reset_by_mail_at,
        valid_after, created_at, updated_at) VALUES (?, ?, ?, ?, ?, 'Léa', 'Petit', ?, '[]', ?, 0, 0, 0, 0, 0)`,
    )
    raw.exec('BEGIN')
    for (let nth = 0; nth < 130; nth += 1) {
      account.run(`s${nth}`, `P${nth}`, `s${nth}`, `s${nth}`, 'student', `["${COLLEGE}"]`, '[]')
    }
    account.run('father', null, 'father', 'father', 'guardian', '[]', '["P1"]')
    raw.exec(`INSERT INTO account_children VALUES ('P1', 'father'); COMMIT`)
    raw.close()
    const opened = await openStore({ dataFolder: folder, clock: () => NOW })
    onTestFinished(() => opened.close())
    expect(await opened.lists.people.count(filterOf({}))).toBe(0)
    // Whoever is changed meanwhile is none of those that are missing later.
    await opened.store.accounts.update('s3', person('s3', { familyName: 'Grand' }), NOW)
    await add(opened.store, { aaa: { familyName: 'Nouveau' } })
    expect(await found(opened, { text: 'nouveau' })).toEqual(['aaa'])
    await opened.fillSearch()
    expect(await opened.lists.people.count(filterOf({}))).toBe(132)
    expect(await found(opened, { text: 'grand' })).toEqual(['s3'])
    expect(await found(opened, { establishment: COLLEGE, userType: 'guardian' })).toEqual([
      'father',
    ])
    await opened.fillSearch()
    expect(await opened.lists.people.count(filterOf({}))).toBe(132)
  })
})

describe('the thread that reads', () => {
  it('sees what was committed, and writes nothing', async () => {
    const folder = temporaryFolder()
    const opened = await openStore({ dataFolder: folder, clock: () => NOW })
    onTestFinished(() => opened.close())
    const reader = createSqliteReader(join(folder, DATABASE_FILE))
    onTestFinished(() => reader.close())
    await add(opened.store, { lea: {} })
    expect(await reader.db.selectFrom('accounts').select('sub').execute()).toEqual([{ sub: 'lea' }])
    await expect(reader.db.deleteFrom('accounts').execute()).rejects.toThrow('readonly')
    await expect(
      reader.db
        .selectFrom('no_such_table' as 'accounts')
        .select('sub')
        .execute(),
    ).rejects.toThrow('no such table')
    expect(await reader.db.selectFrom('accounts').select('sub').execute()).toHaveLength(1)
  })

  it('is started anew after it has died, and only whoever waited is told', async () => {
    const folder = temporaryFolder()
    const opened = await openStore({ dataFolder: folder, clock: () => NOW })
    onTestFinished(() => opened.close())
    await add(opened.store, { lea: {} })
    const script = new URL('./dying_reader.ts', import.meta.url)
    const reader = createSqliteReader(join(folder, DATABASE_FILE), script)
    onTestFinished(() => reader.close())
    const subs = () => reader.db.selectFrom('accounts').select('sub').execute()
    expect(await subs()).toEqual([{ sub: 'lea' }])
    const [end, waited] = await Promise.allSettled([
      sql`SELECT 'the end'`.execute(reader.db),
      subs(),
    ])
    expect(end).toMatchObject({ reason: { code: 'unavailable' } })
    expect(waited).toMatchObject({ reason: { code: 'unavailable' } })
    expect(await subs()).toEqual([{ sub: 'lea' }])
    await reader.close()
    await expect(subs()).rejects.toMatchObject({ code: 'unavailable' })
  })
})
