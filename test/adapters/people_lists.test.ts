import { describe, expect, it } from 'vitest'
import type { Person } from '../../accounts/account.ts'
import type { Selection, Store } from '../../accounts/ports.ts'
import { NOW, person } from './record.ts'
import { temporaryStore } from './temporary.ts'

const [COLLEGE, LYCEE, ELSEWHERE] = ['0750001A', '0750002B', '0759999Z']

/** Two schools. */
const PEOPLE: Readonly<Record<string, Partial<Person>>> = {
  adam: { externalId: 'P1', classes: ['6e A'], establishments: [COLLEGE] },
  basma: { externalId: 'P2', classes: ['2de 1', '6e A'], establishments: [LYCEE] },
  chloé: { externalId: 'P3', classes: ['2de 1'], establishments: [LYCEE] },
  'adam.mother': {
    userType: 'guardian',
    children: ['P1', 'P2', 'gone'],
    establishments: [LYCEE, COLLEGE],
  },
  'chloé.father': { userType: 'guardian', children: ['P3'], establishments: [LYCEE] },
  'mme.diallo': {
    userType: 'teacher',
    classes: ['2de 1', '6e A'],
    establishments: [COLLEGE, LYCEE],
  },
  'm.new': { userType: 'staff' },
  'left.pupil': { externalId: 'P4', classes: ['6e A'], establishments: [COLLEGE] },
}

const open = async (): Promise<Store> => {
  const { store } = await temporaryStore()
  for (const [identifier, more] of Object.entries(PEOPLE)) {
    await store.accounts.insert(identifier, person(identifier, more), NOW)
  }
  await store.accounts.setDisabled('left.pupil', NOW)
  return store
}

const found = async ({ people }: Store, selection: Selection): Promise<string[]> =>
  (await people.page(selection, null, 100)).map(({ sub }) => sub)

const STAYS = Object.keys(PEOPLE)
  .filter((sub) => sub !== 'left.pupil')
  .sort()

describe('a selection of people', () => {
  it('finds everybody but the disabled where nothing is asked, page by page', async () => {
    const store = await open()
    expect(await found(store, {})).toEqual(STAYS)
    const pages: string[] = []
    for (let after: string | null = null; ; ) {
      const page = await store.people.page({}, after, 3)
      pages.push(...page.map(({ sub }) => sub))
      if (page.length < 3) break
      after = page.at(-1)?.sub ?? null
    }
    expect(pages).toEqual(STAYS)
  })

  it('finds by type, establishment, class and identifier, all of which must hold', async () => {
    const store = await open()
    expect(await found(store, { userType: 'guardian' })).toEqual(['adam.mother', 'chloé.father'])
    expect(await found(store, { establishment: COLLEGE })).toEqual([
      'adam',
      'adam.mother',
      'mme.diallo',
    ])
    expect(await found(store, { className: '6e A' })).toEqual([
      'adam',
      'adam.mother',
      'basma',
      'mme.diallo',
    ])
    expect(await found(store, { className: '6e A', establishment: LYCEE })).toEqual([
      'adam.mother',
      'basma',
      'mme.diallo',
    ])
    expect(await found(store, { className: '6e A', userType: 'student' })).toEqual([
      'adam',
      'basma',
    ])
    const identifiers = ['adam', 'm.new', 'left.pupil', 'nobody']
    expect(await found(store, { identifiers })).toEqual(['adam', 'm.new'])
    expect(await found(store, { identifiers, userType: 'staff' })).toEqual(['m.new'])
    expect(await found(store, { establishment: ELSEWHERE })).toEqual([])
    expect(await found(store, { className: '6E A' })).toEqual([])
  })

  it('finds guardians whom the directory gives no establishment where their children are', async () => {
    const store = await open()
    const add = (sub: string, children: string[]) =>
      store.accounts.insert(sub, person(sub, { userType: 'guardian', children }), NOW)
    await add('one.school', ['P3'])
    await add('two.schools', ['P3', 'P1'])
    await add('no.child', ['gone'])
    const guardians = async (selection: Selection) =>
      (await found(store, { ...selection, userType: 'guardian' })).filter((sub) =>
        sub.includes('.school'),
      )
    expect(await guardians({ establishment: LYCEE })).toEqual(['one.school', 'two.schools'])
    expect(await guardians({ establishment: COLLEGE })).toEqual(['two.schools'])
    // A class of that establishment, not one of the same name where another child is.
    expect(await guardians({ establishment: COLLEGE, className: '2de 1' })).toEqual([])
    expect(await guardians({ establishment: LYCEE, className: '2de 1' })).toEqual([
      'one.school',
      'two.schools',
    ])
    const at = async (home: string | null) =>
      (await store.people.atHome({ userType: 'guardian' }, home)).map(({ sub, classes }) => [
        sub,
        ...classes,
      ])
    expect(await at(COLLEGE)).toContainEqual(['two.schools', '6e A', '2de 1'])
    expect(await at(LYCEE)).toContainEqual(['one.school', '2de 1'])
    expect(await at(LYCEE)).not.toContainEqual(expect.arrayContaining(['two.schools']))
    expect(await at(null)).toEqual([['no.child']])
  })

  it('is counted by type', async () => {
    const store = await open()
    expect(await store.people.count({ className: '6e A' })).toEqual({
      student: 2,
      guardian: 1,
      teacher: 1,
      staff: 0,
      inspector: 0,
      internship_counsellor: 0,
    })
  })

  it('knows which identifiers nobody has', async () => {
    const { people } = await open()
    expect(await people.unknown(['adam', 'x', 'm.new', 'y'])).toEqual(['x', 'y'])
    expect(await people.unknown([])).toEqual([])
  })

  it('of ten thousand identifiers is one question', async () => {
    const store = await open()
    const identifiers = Array.from({ length: 9_999 }, (_, nth) => `nobody.${nth}`)
    expect(await found(store, { identifiers: [...identifiers, 'adam'] })).toEqual(['adam'])
    expect(await store.people.unknown([...identifiers, 'adam'])).toEqual(identifiers)
  })
})

describe('homes', () => {
  const namesAt = async ({ people }: Store, selection: Selection, home: string | null) =>
    (await people.atHome(selection, home)).map(({ sub }) => sub).sort()

  it('hold everybody once, whatever number of establishments they have', async () => {
    const store = await open()
    const homes = await store.people.homes({})
    expect(homes).toEqual([COLLEGE, LYCEE, null])
    const all = await Promise.all(homes.map((home) => namesAt(store, {}, home)))
    expect(all).toEqual([
      ['adam', 'adam.mother', 'mme.diallo'],
      ['basma', 'chloé', 'chloé.father'],
      ['m.new'],
    ])
    expect(all.flat().sort()).toEqual(STAYS)
  })

  it('are the one establishment that is selected', async () => {
    const store = await open()
    const selection = { establishment: LYCEE }
    expect(await store.people.homes(selection)).toEqual([LYCEE])
    expect(await namesAt(store, selection, LYCEE)).toEqual([
      'adam.mother',
      'basma',
      'chloé',
      'chloé.father',
      'mme.diallo',
    ])
  })

  it('tell the classes of each, of guardians those of their children, the selected one first', async () => {
    const store = await open()
    const classesOf = async (selection: Selection, home: string) =>
      Object.fromEntries(
        (await store.people.atHome(selection, home)).map(({ sub, classes }) => [sub, classes]),
      )
    expect(await classesOf({}, COLLEGE)).toEqual({
      adam: ['6e A'],
      'adam.mother': ['6e A', '2de 1'],
      'mme.diallo': ['2de 1', '6e A'],
    })
    expect(await classesOf({ className: '2de 1' }, COLLEGE)).toEqual({
      'adam.mother': ['2de 1', '6e A'],
      'mme.diallo': ['2de 1', '6e A'],
    })
    const [listed] = await store.people.atHome({ identifiers: ['adam'] }, COLLEGE)
    expect(listed).toEqual({
      sub: 'adam',
      userType: 'student',
      givenName: 'Léa',
      familyName: 'Martin',
      classes: ['6e A'],
    })
  })

  it('follow the directory when it moves somebody', async () => {
    const store = await open()
    const moved = person('adam', { externalId: 'P1', classes: ['5e B'], establishments: [LYCEE] })
    await store.accounts.update('adam', moved, NOW)
    expect(await found(store, { className: '5e B' })).toEqual(['adam', 'adam.mother'])
    expect(await found(store, { className: '6e A' })).toEqual([
      'adam.mother',
      'basma',
      'mme.diallo',
    ])
    expect(await namesAt(store, {}, LYCEE)).toContain('adam')
  })
})
