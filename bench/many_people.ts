/**
 * In a process of its own, at the premises in FOLDER: `many_people.ts fill FOLDER COUNT` adds so
 * many people straight into the database, `many_people.ts ask FOLDER` asks what the console asks
 * for its lists, again and again. Writes what it took as one line of JSON.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Person } from '../accounts/account.ts'
import type { PeopleFilter, PeoplePage, PeopleSearch } from '../accounts/people_search.ts'
import { searchWords, sortName } from '../accounts/search_words.ts'
import { loadSettings } from '../provider/settings.ts'
import { openCore } from '../provider/wire.ts'
import { quantile, residentMib } from './report.ts'

/** Of a thousand people each; the same classes are everywhere. */
const PER_ESTABLISHMENT = 1_000
const NOW_MS = Date.UTC(2026, 10, 24)
/** Not a hash: nobody signs in here. */
const OF_NOBODY = 'v1.bench.'

const GIVEN =
  'Adam Agathe Alice Amina Anaïs Arthur Baptiste Camille Chloé Clément Émile Enzo Eva Fatou Gabriel Hugo Inès Jade Jean Jean-Luc Jules Karim Léa Léo Lina Louis Louise Lucas Maël Manon Marie Marie-Lou Mathis Maxime Mehdi Mila Mohamed Nathan Nina Noah Océane Paul Pauline Raphaël Rose Salomé Sarah Théo Thomas Tom Yanis Zoé'.split(
    ' ',
  )
const FAMILY =
  'Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefebvre Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier Masson Diallo Traoré O’Brien N’Diaye Nguyen'.split(
    ' ',
  )
const SYLLABLES =
  'ba be bo da de do fa fe ga go ha jo ka ke la le li lo ma me mi mo na ne no pa pe po ra re ri ro sa se so ta te to va ve vi zo'.split(
    ' ',
  )

/** The same people at every run (a linear congruence is random enough for names). */
const dice = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

type Dice = ReturnType<typeof dice>

const oneOf = <T>(roll: Dice, values: readonly T[]): T => {
  const value = values[roll(values.length)]
  if (value === undefined) throw new Error('no values')
  return value
}

/** Half of all people share some fifty names; the others have rare ones. */
const familyName = (roll: Dice): string => {
  if (roll(2) === 0) return oneOf(roll, FAMILY)
  const rare = Array.from({ length: 2 + roll(3) }, () => oneOf(roll, SYLLABLES)).join('')
  const name = `${rare.slice(0, 1).toUpperCase()}${rare.slice(1)}`
  return roll(8) === 0 ? `${name}-${oneOf(roll, FAMILY)}` : name
}

const typeOf = (nth: number): Person['userType'] => {
  if (nth % 2_000 === 1_999) return 'inspector'
  const place = nth % 20
  if (place < 9) return 'student'
  if (place < 17) return 'guardian'
  return place < 19 ? 'teacher' : 'staff'
}

const personOf = (nth: number, roll: Dice): Person => {
  const userType = typeOf(nth)
  const [givenName, family] = [oneOf(roll, GIVEN), familyName(roll)]
  const where = Math.floor(nth / PER_ESTABLISHMENT)
  return {
    externalId: `X${nth}`,
    identifier: `${givenName}.${family}${nth % 97}-${nth}`.toLowerCase(),
    userType,
    givenName,
    familyName: family,
    email: `${nth}@familles.example`,
    birthDate: null,
    // The directory gives guardians none.
    establishments: userType === 'guardian' ? [] : [`0${75_000_00 + where}A`],
    classes:
      userType === 'student' || userType === 'teacher'
        ? [`${3 + roll(4)}e ${'ABCDEF'[roll(6)]}`]
        : [],
    children: userType === 'guardian' ? [`X${nth - (nth % 20) + roll(9)}`] : [],
    locale: null,
  }
}

const ACCOUNT = `INSERT INTO accounts (sub, external_id, identifier, identifier_key, user_type,
  given_name, family_name, email, establishments, classes, children, protection,
  password_sealed, password_origin, password_set_at, password_rules_version, password_must_change,
  password_voided_at, pin_sealed, pin_origin, pin_set_at, pin_length, pin_blocked_at, had_pin,
  password_reset_by_mail_at, valid_after, disabled_at, created_at, updated_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, 4, ?, 0, 0, 0, ?, ?, ?)`

/** A sealed hash is as long as this. */
const SEALED = `${OF_NOBODY}${'x'.repeat(150)}`

const ORIGINS = ['personal', 'personal', 'personal', 'initial', 'temporary'] as const

const passwordOf = (nth: number, roll: Dice) =>
  nth % 50 === 7 ? [null, null, null] : [SEALED, oneOf(roll, ORIGINS), NOW_MS]

const pinOf = (nth: number, roll: Dice) =>
  nth % 3 === 0 ? [SEALED, roll(10) === 0 ? 'generated' : 'chosen', NOW_MS] : [null, null, null]

const protectionOf = (nth: number, roll: Dice): string | null => {
  if (nth % 3 === 0) return 'pin'
  return roll(3) === 0 ? 'notification' : null
}

const accountOf = (sub: string, nth: number, person: Person, roll: Dice) => [
  sub,
  person.externalId,
  person.identifier,
  person.identifier,
  person.userType,
  person.givenName,
  person.familyName,
  person.email,
  JSON.stringify(person.establishments),
  JSON.stringify(person.classes),
  JSON.stringify(person.children),
  protectionOf(nth, roll),
  ...passwordOf(nth, roll),
  roll(30) === 0 ? 1 : 0,
  // Rare ones: some dozens among a million.
  nth % 30_011 === 5 ? NOW_MS : null,
  ...pinOf(nth, roll),
  nth % 1_500 === 0 ? NOW_MS : null,
  nth % 40 === 11 ? NOW_MS : null,
  NOW_MS,
  NOW_MS,
]

/** Where people are in the list, as the account store would have put them. */
const placesOf = (person: Person, pupils: ReadonlyMap<string, Person>): [string, string][] => {
  const from =
    person.userType === 'guardian'
      ? person.children.flatMap((child) => pupils.get(child) ?? [])
      : [person]
  return from.flatMap(({ establishments, classes }) =>
    establishments.flatMap((one): [string, string][] => [
      [one, ''],
      ...classes.map((name): [string, string] => [one, name]),
    ]),
  )
}

const opened = async (folder: string) => {
  const config = join(folder, 'vestibule.yaml')
  const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return openCore(loaded.settings)
}

const INDEXED = `
  INSERT INTO people_words SELECT DISTINCT w.word, w.id, 0, i.sort_name, i.words
    FROM words AS w JOIN people_index AS i ON i.id = w.id ORDER BY w.word, w.id;
  INSERT INTO people_places SELECT DISTINCT * FROM places ORDER BY 1, 2, 3, 4;
  -- The trigger works the facets out.
  UPDATE accounts SET role = NULL;
  DELETE FROM people_fill`

/** Writes people into the tables; words and places wait, to be put in in their order. */
const writer = (raw: DatabaseSync) => {
  raw.exec('CREATE TEMP TABLE words (word TEXT, id INTEGER)')
  raw.exec('CREATE TEMP TABLE places (establishment TEXT, class TEXT, name TEXT, id INTEGER)')
  const account = raw.prepare(ACCOUNT)
  const into = (table: string, columns: number) =>
    raw.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`)
  const lists = {
    establishments: into('account_establishments', 2),
    classes: into('account_classes', 2),
    children: into('account_children', 2),
  }
  const [index, word, place] = [into('people_index', 5), into('words', 2), into('places', 4)]
  const list = (sub: string, person: Person): void => {
    for (const [name, statement] of Object.entries(lists)) {
      for (const one of person[name as keyof typeof lists]) statement.run(one, sub)
    }
  }
  return (nth: number, person: Person, roll: Dice, pupils: ReadonlyMap<string, Person>): void => {
    const sub = `s${((nth * 7_368_787) % 10_000_019).toString(36).padStart(21, '0')}`
    account.run(...accountOf(sub, nth, person, roll))
    list(sub, person)
    const [words, name] = [searchWords(person), sortName(person)]
    index.run(nth + 1, sub, 0, name, words.map((one) => ` ${one}`).join(''))
    for (const one of words) word.run(one, nth + 1)
    for (const [establishment, one] of placesOf(person, pupils)) {
      place.run(establishment, one, name, nth + 1)
    }
  }
}

/** Straight into the tables: a million by an import is another matter. */
const fill = async (folder: string, count: number): Promise<object> => {
  await (await opened(folder)).close()
  const raw = new DatabaseSync(join(folder, 'data', 'vestibule.sqlite'))
  for (const pragma of ['synchronous = OFF', 'cache_size = -200000', 'temp_store = MEMORY']) {
    raw.exec(`PRAGMA ${pragma}`)
  }
  const write = writer(raw)
  const roll = dice(1)
  const pupils = new Map<string, Person>()
  raw.exec('BEGIN')
  for (let nth = 0; nth < count; nth += 1) {
    const person = personOf(nth, roll)
    if (nth % PER_ESTABLISHMENT === 0) pupils.clear()
    if (person.userType === 'student') pupils.set(`X${nth}`, person)
    write(nth, person, roll, pupils)
  }
  raw.exec(`${INDEXED}; COMMIT`)
  const row = raw.prepare('SELECT page_count AS pages FROM pragma_page_count').get()
  raw.close()
  return { people: count, fileMib: Math.round((Number(row?.['pages']) * 4096) / 2 ** 20) }
}

export interface Asked {
  readonly name: string
  readonly times: number
  readonly p50: number
  readonly p99: number
  readonly worst: number
  /** CPU time of the process, which does nothing else, ms: 99 of 100 took less. */
  readonly cpu99: number
  /** Of the last answer: people on the page, or how many were counted. */
  readonly found: number
}

const PAGE = 50
/** As jobs take them. */
const CHUNK = 500
/** As the list counts. */
const COUNTED_MOST = 501
const TIMES = 40

type Filter = Omit<PeopleFilter, 'scope'> & Partial<Pick<PeopleFilter, 'scope'>>

const FILTERS: Readonly<Record<string, Filter>> = {
  everybody: {},
  'one word': { text: 'martin' },
  'one rare word': { text: 'zovivo' },
  'two words': { text: 'dupont lé' },
  'three words': { text: 'jean luc dup' },
  'three words, one of them a class': { text: 'moreau marie 6e' },
  'one letter': { text: 'm' },
  'two letters': { text: 'ma' },
  'two letters apart': { text: 'm d' },
  'a class, as a word': { text: '6e a' },
  'two classes nobody is in': { text: '6e 5e' },
  'an identifier': { text: 'adam.martin' },
  'nobody of that name': { text: 'qxzzy' },
  'nobody of these frequent words': { text: 'martin qx' },
  'a class, and inspectors': { text: '6e', userType: 'inspector' },
  'a class, and guardians': { text: '6e', userType: 'guardian' },
  'one letter, and void': { text: 'm', password: 'void' },
  'one letter, and a change due': { text: 'm', password: 'must_change' },
  pupils: { userType: 'student' },
  inspectors: { userType: 'inspector' },
  'an establishment': { establishment: '07500123A' },
  'a class there': { establishment: '07500123A', className: '6e B' },
  'a class everywhere': { className: '6e B' },
  'a class everywhere, and inspectors': { className: '6e B', userType: 'inspector' },
  'no such establishment': { establishment: '0000000Z' },
  'a PIN chosen': { protection: 'pin' },
  'nothing chosen': { protection: 'unchosen' },
  'a change due': { password: 'must_change' },
  'password void': { password: 'void' },
  'no password': { password: 'none' },
  'PIN blocked': { pin: 'blocked' },
  'PIN generated': { pin: 'generated' },
  'never personalised': { passwordOrigin: 'initial' },
  'only disabled': { disabled: 'only' },
  'disabled, too': { disabled: 'any' },
  'who holds a role': { role: 'any' },
  'nobody of a combination': { userType: 'student', password: 'void', pin: 'blocked' },
  'a frequent combination': { userType: 'guardian', protection: 'pin', password: 'personal' },
  'an establishment, a state and a letter': {
    establishment: '07500123A',
    password: 'must_change',
    text: 'm',
  },
  'a helpdesk of three establishments': {
    scope: { userTypes: ['student'], establishments: ['07500123A', '07500124A', '07500125A'] },
  },
  'that helpdesk, one letter': {
    text: 'm',
    scope: { userTypes: ['student'], establishments: ['07500123A', '07500124A', '07500125A'] },
  },
  'a helpdesk of 300 establishments': {
    scope: {
      userTypes: null,
      establishments: Array.from({ length: 300 }, (_, nth) => `0${75_000_00 + nth}A`),
    },
  },
  'that helpdesk, a frequent word': {
    text: 'martin',
    scope: {
      userTypes: null,
      establishments: Array.from({ length: 300 }, (_, nth) => `0${75_000_00 + nth}A`),
    },
  },
  'that helpdesk, one letter and a state': {
    text: 'm',
    pin: 'generated',
    scope: {
      userTypes: null,
      establishments: Array.from({ length: 300 }, (_, nth) => `0${75_000_00 + nth}A`),
    },
  },
}

const EVERYBODY: PeopleFilter['scope'] = { userTypes: null, establishments: null }

const filterOf = (filter: Filter): PeopleFilter => ({ scope: EVERYBODY, ...filter })

interface Took {
  readonly ms: number
  readonly cpuMs: number
}

const clocked = async <T>(act: () => Promise<T>): Promise<Took & { result: T }> => {
  const [startedAt, before] = [performance.now(), process.cpuUsage()]
  const result = await act()
  const { user, system } = process.cpuUsage(before)
  return { result, ms: performance.now() - startedAt, cpuMs: (user + system) / 1000 }
}

const timesOf = (name: string, took: readonly Took[], found: number): Asked => {
  const times = took.map(({ ms }) => ms)
  return {
    name,
    times: took.length,
    p50: quantile(times, 0.5, 1),
    p99: quantile(times, 0.99, 1),
    worst: quantile(times, 1, 1),
    cpu99: quantile(
      took.map(({ cpuMs }) => cpuMs),
      0.99,
      1,
    ),
    found,
  }
}

const timed = async (name: string, act: () => Promise<number>): Promise<Asked> => {
  const took: Took[] = []
  let found = 0
  for (let nth = 0; nth < TIMES; nth += 1) {
    const { result, ...one } = await clocked(act)
    took.push(one)
    found = result
  }
  return timesOf(name, took, found)
}

/** Page after page, up to a hundred of them. */
const deep = async (people: PeopleSearch, name: string, filter: Filter): Promise<Asked> => {
  const took: Took[] = []
  let after: string | null = null
  let found = 0
  do {
    const from: string | null = after
    const { result, ...one }: Took & { readonly result: PeoplePage } = await clocked(() =>
      people.page(filterOf(filter), from, PAGE, COUNTED_MOST),
    )
    took.push(one)
    found += result.people.length
    after = result.next
  } while (after !== null && took.length < 100)
  return timesOf(name, took, found)
}

const peakMib = (): number => {
  const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

const ask = async (folder: string): Promise<object> => {
  const core = await opened(folder)
  const { people } = core.opened.lists
  const asked: Asked[] = []
  await people.page(filterOf({}), null, PAGE)
  const beforeMib = residentMib(process.pid)
  for (const [name, filter] of Object.entries(FILTERS)) {
    const page = () => people.page(filterOf(filter), null, PAGE, COUNTED_MOST)
    asked.push(await timed(name, async () => (await page()).people.length))
  }
  for (const [name, filter] of Object.entries({
    everybody: {},
    'one letter': { text: 'm' },
    'an establishment': { establishment: '07500123A' },
    'a word': { text: 'martin' },
  })) {
    asked.push(await deep(people, `${name}, page after page`, filter))
  }
  for (const [name, filter] of Object.entries({
    everybody: {},
    'one letter': { text: 'm' },
    'password void': { password: 'void' },
    'a change due': { password: 'must_change' },
  } satisfies Record<string, Filter>)) {
    const chunk = async () => (await people.walk(filterOf(filter), null, CHUNK)).subs.length
    asked.push(await timed(`${name}: the next ${CHUNK} of a job`, chunk))
  }
  for (const [name, filter] of Object.entries({
    everybody: {},
    'one word': { text: 'martin' },
    'a type': { userType: 'student' },
  } satisfies Record<string, Filter>)) {
    const count = () => people.count(filterOf(filter))
    asked.push(await timed(`${name}: all of them counted, for a job`, count))
  }
  asked.push(
    await timed('establishments', async () => (await people.establishments()).length),
    await timed('classes of one', async () => (await people.classes('07500123A')).length),
  )
  const result = { asked, beforeMib, afterMib: residentMib(process.pid), peakMib: peakMib() }
  await core.close()
  return result
}

const [act = '', folder = '', count = '0'] = process.argv.slice(2)
const result = await (act === 'fill' ? fill(folder, Number(count)) : ask(folder))
process.stdout.write(`${JSON.stringify(result)}\n`)
