import { isoDate } from '../policies/days.ts'
import { isEstablishmentCode } from '../policies/establishment.ts'
import { normalizePassword, PASSWORD_LENGTH_MAX } from '../policies/password_rules.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { Locale, Person } from './account.ts'
import { type ForeignHash, parseForeignHash } from './foreign_hash.ts'
import { type Why, type WhyCode, why } from './why.ts'

/** Columns of a file of people, in the order in which they are documented. */
export const PEOPLE_COLUMNS = [
  'external_id',
  'identifier',
  'user_type',
  'given_name',
  'family_name',
  'email',
  'birth_date',
  'establishments',
  'classes',
  'children',
  'locale',
  'password',
  'personal_password',
  'password_hash',
] as const

export type PeopleColumn = (typeof PEOPLE_COLUMNS)[number]

export const REQUIRED_COLUMNS = [
  'identifier',
  'user_type',
  'given_name',
  'family_name',
] as const satisfies readonly PeopleColumn[]

/** One line of a file: the columns that the file has, as written. */
export interface PeopleRow {
  /** In the file, the header being 1. */
  readonly line: number
  readonly cells: Partial<Record<PeopleColumn, string>>
}

/** A password that came with a line. `initial`: made by the directory, changed at first use. */
export type GivenPassword =
  | { readonly column: 'password'; readonly origin: 'initial'; readonly value: string }
  | { readonly column: 'personal_password'; readonly origin: 'personal'; readonly value: string }
  | {
      readonly column: 'password_hash'
      readonly origin: 'personal'
      /** As written: by it a repeat is known again. */
      readonly text: string
      readonly hash: ForeignHash
    }

type Names = Pick<Person, 'givenName' | 'familyName'>

/** What a line says of a person. A column that the file does not have leaves things as they are. */
export interface PersonLine {
  readonly line: number
  readonly externalId: string | null
  readonly identifier: string
  readonly userType: UserType
  readonly said: Names & Partial<Omit<Person, 'externalId' | 'identifier' | 'userType'>>
  readonly password: GivenPassword | null
}

export type ReadRow =
  | { readonly ok: true; readonly person: PersonLine }
  | { readonly ok: false; readonly reason: Why }

const LIST_ITEMS_MAX = 100
const SHOWN_MAX = 40
/** Control characters, and those that turn the direction of text. */
const UNPRINTABLE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u

/** The words of schools, without accents and in small letters. */
const USER_TYPE_WORDS: ReadonlyMap<string, UserType> = new Map<string, UserType>([
  ...USER_TYPES.map((type): [string, UserType] => [type, type]),
  ['enseignant', 'teacher'],
  ['enseignante', 'teacher'],
  ['personnel', 'staff'],
  ['eleve', 'student'],
  ['responsable', 'guardian'],
  ['inspecteur', 'inspector'],
  ['inspectrice', 'inspector'],
  ['maitre de stage', 'internship_counsellor'],
  ['maitresse de stage', 'internship_counsellor'],
])

/** A reason to refuse the line, thrown inside this file only. */
class Refusal extends Error {
  readonly why: Why

  constructor(reason: Why) {
    super(reason.code)
    this.why = reason
  }
}

/** The value as it may be printed: cut short, nothing that a terminal would obey. */
export const shown = (value: string): string => {
  const printable = value.replaceAll(new RegExp(UNPRINTABLE, 'gu'), '\ufffd')
  const cut = Array.from(printable)
  return `"${cut.length > SHOWN_MAX ? `${cut.slice(0, SHOWN_MAX).join('')}…` : printable}"`
}

type Params = Readonly<Record<string, string | number>>

const refuse = (column: PeopleColumn, value: string, code: WhyCode, params: Params = {}): never => {
  throw new Refusal(why(code, { column, value: shown(value), ...params }))
}

/** For what must not be shown, or is not there. */
const refuseUnshown = (column: PeopleColumn, code: WhyCode, params: Params = {}): never => {
  throw new Refusal(why(code, { column, ...params }))
}

/** `="0012345"`: a text that a spreadsheet was kept from working out, as our own exports write it. */
const KEPT_TEXT = /^="((?:[^"]|"")*)"$/

/** What a spreadsheet would work out wherever it meets it again; wide forms are typed as well. */
const FORMULA = /^[=+\-@\uff1d\uff0b\uff0d\uff20]/

const text = (column: PeopleColumn, raw: string, max: number): string => {
  const written = raw.normalize('NFC').trim()
  const kept = KEPT_TEXT.exec(written)?.[1]
  const value = kept === undefined ? written : kept.replaceAll('""', '"').trim()
  if (UNPRINTABLE.test(value)) {
    refuse(column, value, 'unprintable')
  }
  if (FORMULA.test(value)) {
    refuse(column, value, 'formula')
  }
  return Array.from(value).length > max ? refuse(column, value, 'too_long', { max }) : value
}

const required = (column: PeopleColumn, raw: string | undefined, max: number): string => {
  const value = text(column, raw ?? '', max)
  return value === '' ? refuseUnshown(column, 'empty') : value
}

const optional = (column: PeopleColumn, raw: string, max: number): string | null =>
  text(column, raw, max) || null

/** The user type that a word means, ours or one of schools; undefined: none. */
export const userTypeOf = (written: string): UserType | undefined =>
  USER_TYPE_WORDS.get(
    written.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase().trim().replaceAll(/\s+/g, ' '),
  )

const KNOWN_TYPES = { known: USER_TYPES.join(', ') }

const userType = (raw: string | undefined): UserType => {
  const value = required('user_type', raw, 50)
  return userTypeOf(value) ?? refuse('user_type', value, 'unknown_type', KNOWN_TYPES)
}

const email = (raw: string): string | null => {
  const value = optional('email', raw, 254)
  return value === null || /^[^\s@<>]+@[^\s@<>]+$/.test(value)
    ? value
    : refuse('email', value, 'not_mail')
}

const BIRTH_YEAR_MIN = 1900

/** ISO, or as French schools write it: day, month, year. */
const birthDate = (raw: string): string | null => {
  const value = optional('birth_date', raw, 50)
  if (value === null) {
    return null
  }
  const [, y = '', m = '', d = ''] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value) ?? []
  const [, day = d, month = m, year = y] = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(value) ?? []
  const date =
    Number(year) < BIRTH_YEAR_MIN ? null : isoDate(Number(year), Number(month), Number(day))
  return date ?? refuse('birth_date', value, 'not_date')
}

const list = (column: PeopleColumn, raw: string, max: number): string[] => {
  const items = raw.split('|').map((item) => text(column, item, max))
  const distinct = [...new Set(items.filter((item) => item !== ''))]
  return distinct.length > LIST_ITEMS_MAX
    ? refuse(column, raw, 'too_many', { max: LIST_ITEMS_MAX })
    : distinct
}

const establishments = (raw: string): string[] => {
  const codes = list('establishments', raw.toUpperCase(), 20)
  const odd = codes.find((code) => !isEstablishmentCode(code))
  return odd === undefined ? codes : refuse('establishments', odd, 'not_establishment')
}

/** Left empty, it stays what the person chose. */
const locale = (raw: string): { locale?: Locale } => {
  const value = optional('locale', raw, 20)
  const language = value?.toLowerCase().split(/[-_]/)[0]
  if (language === undefined) {
    return {}
  }
  return language === 'fr' || language === 'en'
    ? { locale: language }
    : refuse('locale', value ?? '', 'not_language')
}

type Reader = (raw: string) => Partial<PersonLine['said']>

/** How each column that may be missing is read. */
const OPTIONAL_COLUMNS: Partial<Record<PeopleColumn, Reader>> = {
  email: (raw) => ({ email: email(raw) }),
  birth_date: (raw) => ({ birthDate: birthDate(raw) }),
  establishments: (raw) => ({ establishments: establishments(raw) }),
  classes: (raw) => ({ classes: list('classes', raw, 100) }),
  children: (raw) => ({ children: list('children', raw, 256) }),
  locale,
}

/** Kept as written: a space may be part of it. Its value is in no message. */
const typable = (column: PeopleColumn, value: string): string => {
  if (Array.from(value).length > PASSWORD_LENGTH_MAX) {
    refuseUnshown(column, 'too_long', { max: PASSWORD_LENGTH_MAX })
  }
  return /\p{Cc}/u.test(value) ? refuseUnshown(column, 'untypable') : value
}

const passwordHash = (text: string): GivenPassword => {
  const read = parseForeignHash(text)
  if (!read.ok) {
    return refuseUnshown('password_hash', 'hash', { reason: read.reason })
  }
  return { column: 'password_hash', origin: 'personal', text, hash: read.hash }
}

/** Columns of which a line may fill one, and what each gives. */
const PASSWORD_COLUMNS = {
  password: (value) => ({
    column: 'password',
    origin: 'initial',
    value: typable('password', value),
  }),
  personal_password: (value) => ({
    column: 'personal_password',
    origin: 'personal',
    value: typable('personal_password', value),
  }),
  password_hash: (value) => passwordHash(value.trim()),
} as const satisfies Partial<Record<PeopleColumn, (value: string) => GivenPassword>>

const password = ({ cells }: PeopleRow): GivenPassword | null => {
  const columns = Object.keys(PASSWORD_COLUMNS) as (keyof typeof PASSWORD_COLUMNS)[]
  const [given, other] = columns.filter((column) => (cells[column] ?? '') !== '')
  if (given === undefined) {
    return null
  }
  if (other !== undefined) {
    return refuseUnshown(given, 'two_passwords', { other })
  }
  return PASSWORD_COLUMNS[given](normalizePassword(cells[given] ?? ''))
}

const readCells = (row: PeopleRow): PersonLine => {
  const { line, cells } = row
  let said: PersonLine['said'] = {
    givenName: required('given_name', cells.given_name, 200),
    familyName: required('family_name', cells.family_name, 200),
  }
  for (const [column, read] of Object.entries(OPTIONAL_COLUMNS)) {
    const raw = cells[column as PeopleColumn]
    said = raw === undefined ? said : { ...said, ...read(raw) }
  }
  return {
    line,
    externalId: optional('external_id', cells.external_id ?? '', 256),
    identifier: required('identifier', cells.identifier, 256),
    userType: userType(cells.user_type),
    said,
    password: password(row),
  }
}

/**
 * Reads the cells of one line into what they say of a person, or tells why they cannot be: with
 * the column and the value, never that of a password.
 */
export const readPeopleRow = (row: PeopleRow): ReadRow => {
  try {
    return { ok: true, person: readCells(row) }
  } catch (error) {
    if (error instanceof Refusal) {
      return { ok: false, reason: error.why }
    }
    throw error
  }
}
