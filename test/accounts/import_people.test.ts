import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pinState } from '../../accounts/account.ts'
import { PEOPLE_COLUMNS, readPeopleRow } from '../../accounts/person_row.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { whyWords } from '../../accounts/why.ts'
import { LANE, type Office, openOffice } from '../cli/office.ts'

let office: Office

beforeEach(async () => {
  office = await openOffice()
})
afterEach(() => office.close())

const HEADER = 'external_id,identifier,user_type,given_name,family_name'
const csv = (header: string, ...lines: string[]): string => [header, ...lines, ''].join('\n')
const people = (...lines: string[]): string => csv(HEADER, ...lines)

const LEA = 'E1,lea.martin,student,Léa,Martin'
const ALI = 'E2,ali.benali,student,Ali,Benali'
const NOTHING = {
  added: 0,
  changed: 0,
  unchanged: 0,
  rejected: 0,
  left: 0,
  moved: 0,
  disabled: 0,
}

const reasons = (events: { outcome: string }[]): string[] =>
  events.flatMap((event) =>
    'reason' in event && 'line' in event ? [`${event.line}: ${event.reason}`] : [],
  )

/** The person chooses a password of their own, as at a forced change. */
const choosePassword = (identifier: string, password: string): Promise<void> =>
  office.setPassword(identifier, password)

const definePin = async (identifier: string, pin: string): Promise<void> => {
  const { sub } = await office.person(identifier)
  const { store, hasher } = office.core.deps
  await store.accounts.setPin(sub, {
    sealed: await hasher.hash(pin, pinOwner(sub), LANE),
    origin: 'chosen',
    setAt: office.now(),
    length: pin.length,
    blockedAt: null,
  })
}

describe('a file of people', () => {
  it('is read as French schools write it: Latin-1, semicolons, French words and dates', async () => {
    const text = csv(
      'Identifier;family_name;given_name;user_type;birth_date;establishments;classes;locale',
      'z.lefevre;Lefèvre;Zoé;Élève;03/09/2012;0440001a|0440002B;3A | 3 LV2;fr',
      'm.noel;Noël;Maïté;maître de stage;;;;',
    )
    const { report } = await office.import(Buffer.from(text, 'latin1'))
    expect(report).toMatchObject({ ...NOTHING, added: 2 })
    expect(await office.person('Z.Lefevre')).toMatchObject({
      externalId: null,
      givenName: 'Zoé',
      familyName: 'Lefèvre',
      userType: 'student',
      birthDate: '2012-09-03',
      establishments: ['0440001A', '0440002B'],
      classes: ['3A', '3 LV2'],
      email: null,
      locale: 'fr',
      password: null,
      disabledAt: null,
    })
    expect((await office.person('m.noel')).userType).toBe('internship_counsellor')
  })

  it('changes nothing when it is imported again, even with its lists in another order', async () => {
    const header = `${HEADER},classes,password`
    await office.import(csv(header, `${LEA},3A|3B,abc-123`, `${ALI},4C,def-456`))
    const before = [await office.person('lea.martin'), await office.person('ali.benali')]
    office.later(60_000)
    const { report } = await office.import(csv(header, `${ALI},4C,def-456`, `${LEA},3B|3A,abc-123`))
    expect(report).toMatchObject({ ...NOTHING, unchanged: 2 })
    expect([await office.person('lea.martin'), await office.person('ali.benali')]).toEqual(before)
    const [newest, next] = await office.audit()
    expect([newest?.act, next?.act]).toEqual(['people_imported', 'people_imported'])
  })

  it('leaves alone what it has no column for, and clears what it has an empty cell for', async () => {
    await office.import(csv(`${HEADER},email,classes,locale`, `${LEA},lea@a.example,3A,en`))
    await office.import(people('E1,lea.martin,student,Léa,Martin-Roux'))
    expect(await office.person('lea.martin')).toMatchObject({
      familyName: 'Martin-Roux',
      email: 'lea@a.example',
      classes: ['3A'],
    })
    const { events } = await office.import(csv(`${HEADER},email,classes,locale`, `${LEA},,,`))
    expect(events).toMatchObject([
      { outcome: 'changed', columns: ['family_name', 'email', 'classes'] },
    ])
    expect(await office.person('lea.martin')).toMatchObject({
      email: null,
      classes: [],
      locale: 'en',
    })
  })

  it('tells in a dry run what it would do, and writes nothing', async () => {
    await office.import(people(LEA))
    const entries = (await office.audit()).length
    const before = await office.person('lea.martin')
    const { report } = await office.import(
      csv(
        `${HEADER},establishments,password`,
        'E1,lea.new,student,Léa,Martin,0440001A,abc-123',
        `${ALI},0440001A,def-456`,
        'E3,x,pupil,A,B,0440001A,',
      ),
      { dryRun: true, leavers: { establishment: '0440001A', userType: 'student' } },
    )
    expect(report).toMatchObject({ ...NOTHING, added: 1, changed: 1, rejected: 1 })
    expect(await office.person('lea.martin')).toEqual(before)
    await expect(office.person('ali.benali')).rejects.toThrow('nobody')
    expect((await office.audit()).length).toBe(entries)
  })

  it('is written to the audit, person by person and as a whole, without names or secrets', async () => {
    await office.import(csv(`${HEADER},password`, `${LEA},abc-123`))
    const { sub } = await office.person('lea.martin')
    const entries = await office.audit()
    expect(entries.map(({ act, sub: whom }) => [act, whom])).toEqual(
      expect.arrayContaining([
        ['person_added', sub],
        ['password_imported', sub],
        ['people_imported', null],
      ]),
    )
    expect(JSON.stringify(entries)).not.toMatch(/abc-123|Martin|lea\.martin/)
  })

  it('can be imported by two at once: each person is there once, with their password', async () => {
    const lines = Array.from({ length: 60 }, (_, i) => `E${i},p${i},student,A,B,abc-${i}`)
    const text = csv(`${HEADER},password`, ...lines)
    const [one, two] = await Promise.all([office.import(text), office.import(text)])
    expect(one.report.added + two.report.added).toBe(60)
    expect(one.report.unchanged + two.report.unchanged).toBe(60)
    for (const i of [0, 30, 59]) {
      expect(await office.isPassword(`p${i}`, `abc-${i}`)).toBe(true)
    }
  })
})

describe('a line is matched', () => {
  it('by external id: a new identifier changes, secrets and protection stay', async () => {
    await office.import(csv(`${HEADER},personal_password`, `${LEA},Tilleul-Papier-27`))
    await definePin('lea.martin', '8306')
    const before = await office.person('lea.martin')
    await office.import(people('E1,lea.roux,teacher,Léa,Roux'))
    const after = await office.person('lea.roux')
    expect(after.sub).toBe(before.sub)
    expect(after.userType).toBe('teacher')
    expect([after.password, after.pin]).toEqual([before.password, before.pin])
    expect(pinState(after.pin)).toBe('in_use')
  })

  it('by identifier only where the line or the account has no external id', async () => {
    await office.import(people(',lea.martin,student,Léa,Martin', ALI))
    const lea = await office.person('lea.martin')
    const ali = await office.person('ali.benali')
    const { report } = await office.import(people(LEA, ',ALI.benali,student,Ali,Benali-Roy'))
    expect(report).toMatchObject({ ...NOTHING, changed: 2 })
    expect(await office.person('lea.martin')).toMatchObject({ sub: lea.sub, externalId: 'E1' })
    expect(await office.person('ali.benali')).toMatchObject({
      sub: ali.sub,
      externalId: 'E2',
      familyName: 'Benali-Roy',
    })
  })

  it('never to somebody else: an identifier that belongs to another is refused', async () => {
    await office.import(people(LEA, ALI))
    const { report, events } = await office.import(
      people('E9,LEA.Martin,student,Eve,Martin', 'E2,lea.martin,student,Ali,Benali'),
    )
    expect(report).toMatchObject({ ...NOTHING, rejected: 2 })
    expect(reasons(events)).toEqual([
      '2: identifier "LEA.Martin" belongs or belonged to somebody else',
      '3: identifier "lea.martin" belongs or belonged to somebody else',
    ])
    expect((await office.person('lea.martin')).givenName).toBe('Léa')
  })

  it('to its owner, though a stranger claims the identifier on a line before', async () => {
    await office.import(people(LEA))
    const { report, events } = await office.import(
      people('E9,lea.martin,student,Eve,Martin', 'E1,lea.martin,student,Léa,Martin-Roux'),
    )
    expect(events.map(({ outcome }) => outcome)).toEqual(['rejected', 'changed'])
    expect(report).toMatchObject({ ...NOTHING, changed: 1, rejected: 1 })
  })

  it('never to somebody else: one that belonged to another once is refused too', async () => {
    await office.import(people(LEA))
    await office.import(people('E1,lea.roux,student,Léa,Roux'))
    const { report } = await office.import(
      people('E9,lea.martin,student,Léo,Martin', ',lea.martin,student,Léo,Martin'),
    )
    expect(report).toMatchObject({ added: 0, rejected: 2 })
    const { report: back } = await office.import(people(LEA))
    expect(back).toMatchObject({ changed: 1, rejected: 0 })
  })
})

describe('a line is rejected alone, with its number and the reason', () => {
  it('for each thing that may be wrong in it', async () => {
    const header = `${HEADER},email,birth_date,establishments,locale,password,personal_password,password_hash`
    const { report, events } = await office.import(
      csv(
        header,
        'A,a,teacher,A,B,,,,,,,',
        'B,b,pupil,A,B,,,,,,,',
        'C,c,teacher,,B,,,,,,,',
        'D,d,teacher,A,B,nowhere,,,,,,',
        'E,e,teacher,A,B,,31/02/2012,,,,,',
        'F,f,teacher,A,B,,2013-02-29,,,,,',
        'G,g,teacher,A,B,,,04 40,,,,',
        'H,h,teacher,A,B,,,,de,,,',
        'I,i,teacher,A,B,,,,,one-secret,two-secret,',
        `J,j,teacher,A,B,,,,,${'x'.repeat(257)},,`,
        'K,k,teacher,A',
        'A,l,teacher,A,B,,,,,,,',
        'M,A,teacher,A,B,,,,,,,',
        'N,n,teacher,A,B,,,,,,,',
        'O,o,teacher,A,B,,,,,one-secret,,$2b$10$secret',
        'P,p,teacher,A,B,,,,,,,$2b$10$secret',
        'Q,q,teacher,A,B,,,,,,,{SSHA}c2VjcmV0LXNlY3JldC1zZWNyZXQ=',
        'R,r,teacher,A,B,,,,,,,one-secret',
        `S,s,teacher,A,B,,,,,,,$2b$20$${'a'.repeat(53)}`,
      ),
    )
    expect(report).toMatchObject({ added: 2, rejected: 17 })
    expect(reasons(events)).toEqual([
      '3: user_type "pupil" is not one of teacher, staff, student, guardian, inspector, internship_counsellor',
      '4: given_name is empty',
      '5: email "nowhere" is not an address',
      '6: birth_date "31/02/2012" is not a date (YYYY-MM-DD or DD/MM/YYYY)',
      '7: birth_date "2013-02-29" is not a date (YYYY-MM-DD or DD/MM/YYYY)',
      '8: establishments "04 40" is not a UAI code',
      '9: locale "de" is not fr or en',
      '10: password and personal_password are both given: only one can hold',
      '11: password is longer than 256 characters',
      '12: has 4 cells where the header has 12',
      '13: external_id "A" is on line 2 already',
      '14: identifier "A" is on line 2 already',
      '16: password and password_hash are both given: only one can hold',
      '17: password_hash is not as a hash of its kind is written',
      '18: password_hash has 0 bytes of salt: from 4 to 64 can be taken',
      '19: password_hash is of no kind that is known here: argon2, bcrypt, PBKDF2, or salted SHA as directories write them',
      '20: password_hash has 20 (log2 of the rounds) as its cost: from 8 to 14 can be taken',
    ])
  })

  it.each([
    ['password', 'Canary-\u0007'],
    ['password', 'Canary'.repeat(50)],
    ['personal_password', 'Canary-\u0007'],
  ])('for its %s, without showing it', (column, secret) => {
    const [identifier, user_type, given_name, family_name] = ['a', 'teacher', 'A', 'B']
    const cells = { identifier, user_type, given_name, family_name, [column]: secret }
    const read = readPeopleRow({ line: 2, cells })
    expect(read.ok ? '' : whyWords(read.reason)).toMatch(new RegExp(`^${column} [^C]+$`))
  })

  it('whatever is in its cells, without a word of the password', () => {
    const cell = fc.string({ unit: 'binary', maxLength: 20 })
    const cells = fc.record(
      Object.fromEntries(PEOPLE_COLUMNS.map((name) => [name, fc.option(cell, { nil: undefined })])),
    )
    fc.assert(
      fc.property(cells, fc.boolean(), (row, personal) => {
        const secret = 'Canary-\u0007-Canary'
        const column = personal ? 'personal_password' : 'password'
        const read = readPeopleRow({ line: 2, cells: { ...row, [column]: secret } as object })
        expect(read.ok).toBe(false)
        expect(read.ok ? '' : whyWords(read.reason)).not.toMatch(/Canary/)
        expect(read.ok ? '' : whyWords(read.reason)).not.toMatch(/\p{Cc}/u)
      }),
    )
  })
})

describe('an initial password', () => {
  const initial = (line: string, password: string): string =>
    csv(`${HEADER},password`, `${line},${password}`)

  it('is hashed, changed at first use, and renewed when the directory gives another', async () => {
    await office.import(initial(LEA, ' 14032012 '))
    expect((await office.person('lea.martin')).password).toMatchObject({
      origin: 'initial',
      setAt: office.now(),
    })
    expect(await office.isPassword('lea.martin', ' 14032012 ')).toBe(true)
    office.later(1000)
    const { events } = await office.import(initial(LEA, 'fresh-1'))
    expect(events).toMatchObject([{ outcome: 'changed', columns: ['password'] }])
    expect(await office.isPassword('lea.martin', 'fresh-1')).toBe(true)
    expect((await office.person('lea.martin')).password?.setAt).toBe(office.now())
  })

  it('ends the sessions when it replaces another, and only then', async () => {
    const first = await office.import(initial(LEA, 'first-1'))
    const before = await office.person('lea.martin')
    expect([first.ended, before.validAfter]).toEqual([[], 0])
    office.later(1000)
    const dry = await office.import(initial(LEA, 'other-2'), { dryRun: true })
    const same = await office.import(initial(LEA, 'first-1'))
    expect([dry.ended, same.ended]).toEqual([[], []])
    expect((await office.person('lea.martin')).validAfter).toBe(0)
    const { ended } = await office.import(initial(LEA, 'other-2'))
    expect(ended).toEqual([before.sub])
    expect((await office.person('lea.martin')).validAfter).toBe(office.now())
    const entries = (await office.audit()).filter(({ act }) => act === 'sessions_ended')
    expect(entries).toMatchObject([
      { actor: 'cli:office', sub: before.sub, detail: { why: 'password_imported' } },
    ])
  })

  it('never replaces the one that the person chose, or that the school handed out', async () => {
    await office.import(initial(LEA, 'first-1'))
    await choosePassword('lea.martin', 'Tilleul-Papier-27')
    for (const password of ['first-1', 'other-2']) {
      const { report } = await office.import(initial(LEA, password))
      expect(report).toMatchObject({ ...NOTHING, unchanged: 1 })
    }
    expect(await office.isPassword('lea.martin', 'Tilleul-Papier-27')).toBe(true)
  })
})

describe('a personal password', () => {
  const personal = (line: string, password: string): string =>
    csv(`${HEADER},personal_password`, `${line},${password}`)

  it('is kept as it is, and not hashed anew by a repeat', async () => {
    await office.import(personal(LEA, 'Tilleul-Papier-27'))
    const before = await office.person('lea.martin')
    expect(before.password).toMatchObject({
      origin: 'personal',
      mustChange: false,
      voidedAt: null,
      rulesVersion: 1,
    })
    const { report } = await office.import(personal(LEA, 'Tilleul-Papier-27'))
    expect(report).toMatchObject({ ...NOTHING, unchanged: 1 })
    expect(await office.person('lea.martin')).toEqual(before)
  })

  it('follows the directory when that changes, and the person is told', async () => {
    await office.import(personal(LEA, 'Tilleul-Papier-27'))
    const { report } = await office.import(personal(LEA, 'Carafe-Nuage-88'))
    expect(report).toMatchObject({ ...NOTHING, changed: 1 })
    expect(await office.isPassword('lea.martin', 'Carafe-Nuage-88')).toBe(true)
    const { sub } = await office.person('lea.martin')
    const notices = await office.core.deps.store.notices.list(sub, 5)
    expect(notices.map(({ code }) => code)).toEqual(['password_changed'])
  })

  it('does not come back once the person has changed it here', async () => {
    await office.import(personal(LEA, 'Tilleul-Papier-27'))
    await choosePassword('lea.martin', 'Carafe-Nuage-88')
    const { report } = await office.import(personal(LEA, 'Tilleul-Papier-27'))
    expect(report).toMatchObject({ ...NOTHING, unchanged: 1 })
    expect(await office.isPassword('lea.martin', 'Carafe-Nuage-88')).toBe(true)
  })

  it('does not replace one that the person chose before any was imported', async () => {
    await office.import(people(LEA))
    await choosePassword('lea.martin', 'Carafe-Nuage-88')
    await office.import(personal(LEA, 'Tilleul-Papier-27'))
    expect(await office.isPassword('lea.martin', 'Carafe-Nuage-88')).toBe(true)
  })

  it('is marked as weaker than our rules where it is, and changed where it is digits only', async () => {
    await office.import(personal(LEA, 'lea1'))
    await office.import(personal(ALI, '19870412'))
    expect((await office.person('lea.martin')).password).toMatchObject({
      rulesVersion: 0,
      mustChange: false,
      voidedAt: null,
    })
    expect((await office.person('ali.benali')).password).toMatchObject({
      rulesVersion: 0,
      mustChange: true,
      voidedAt: null,
    })
  })
})

describe('people who left', () => {
  const header = `${HEADER},establishments`
  const scope = { leavers: { establishment: '0440001A', userType: 'student' } } as const

  beforeEach(async () => {
    await office.import(
      csv(
        header,
        `${LEA},0440001A`,
        `${ALI},0440001A`,
        'E3,eve,student,Eve,Roy,0440002B',
        'E4,max,teacher,Max,Roy,0440001A',
        ',no.id,student,No,Id,0440001A',
      ),
    )
    office.later(1000)
  })

  const disabled = async (): Promise<string[]> => {
    const names = ['lea.martin', 'ali.benali', 'eve', 'max', 'no.id']
    const accounts = await Promise.all(names.map((name) => office.person(name)))
    return accounts.filter(({ disabledAt }) => disabledAt !== null).map((one) => one.identifier)
  }

  it('stay while nobody asks', async () => {
    const { report } = await office.import(csv(header, `${LEA},0440001A`))
    expect(report.left).toBe(0)
    expect(await disabled()).toEqual([])
  })

  it('are disabled within the establishment and user type only, and their sessions end', async () => {
    const { report, events, ended } = await office.import(csv(header, `${LEA},0440001A`), scope)
    expect(report).toMatchObject({ ...NOTHING, unchanged: 1, left: 1, leaversRefused: null })
    expect(events.at(-1)).toMatchObject({ outcome: 'left', identifier: 'ali.benali' })
    expect(await disabled()).toEqual(['ali.benali'])
    const ali = await office.person('ali.benali')
    expect(ali.validAfter).toBe(office.now())
    expect(ended).toEqual([ali.sub])
  })

  it('are only taken out of the establishment when they are in another one too', async () => {
    await office.import(csv(header, `${ALI},0440001A|0440002B`))
    const { sub, validAfter } = await office.person('ali.benali')
    const file = csv(header, `${LEA},0440001A`)
    const dry = await office.import(file, { ...scope, dryRun: true })
    expect(dry.report).toMatchObject({ left: 0, moved: 1 })
    expect((await office.person('ali.benali')).establishments).toHaveLength(2)
    const { report, events, ended } = await office.import(file, scope)
    expect(report).toMatchObject({ ...NOTHING, unchanged: 1, moved: 1 })
    expect(events.at(-1)).toEqual({
      outcome: 'moved',
      line: null,
      identifier: 'ali.benali',
      establishments: ['0440002B'],
    })
    expect(await office.person('ali.benali')).toMatchObject({
      establishments: ['0440002B'],
      disabledAt: null,
      validAfter,
    })
    expect([ended, await disabled()]).toEqual([[], []])
    const [last] = (await office.audit()).filter((entry) => entry.sub === sub)
    expect(last).toMatchObject({
      act: 'person_changed',
      actor: 'cli:office',
      detail: { columns: 'establishments', left: '0440001A' },
    })
    // Then the other school misses them as well.
    const other = csv(header, 'E3,eve,student,Eve,Roy,0440002B')
    const { report: next } = await office.import(other, {
      leavers: { establishment: '0440002B', userType: 'student' },
    })
    expect(next).toMatchObject({ left: 1, moved: 0 })
    expect(await disabled()).toEqual(['ali.benali'])
  })

  it('are not those whose line was rejected', async () => {
    const { report } = await office.import(
      csv(header, `${LEA},0440001A`, 'E2,ali.benali,student,,Benali,0440001A'),
      scope,
    )
    expect(report).toMatchObject({ rejected: 1, left: 0 })
    expect(await disabled()).toEqual([])
  })

  it.each([
    ['names nobody within them', 'E4,max,teacher,Max,Roy,0440001A', 'names no student of 0440001A'],
    ['has a line that is about nobody', ',,student,A,B,0440001A', 'line 3 does not say'],
  ])('are not looked for when the file %s', async (_, line, why) => {
    const first = line.startsWith(',') ? [`${LEA},0440001A`] : []
    const { report } = await office.import(csv(header, ...first, line), scope)
    expect(report.leaversRefused).toContain(why)
    expect(await disabled()).toEqual([])
  })

  it('stay disabled when they are named again, and the report says so', async () => {
    await office.import(csv(header, `${LEA},0440001A`), scope)
    const { report } = await office.import(csv(header, `${LEA},0440001A`, `${ALI},0440001A`))
    expect(report).toMatchObject({ unchanged: 2, disabled: 1 })
    expect(await disabled()).toEqual(['ali.benali'])
  })
})
