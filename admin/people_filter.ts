import type { PasswordOrigin } from '../accounts/account.ts'
import type { ListedPassword, PeopleFilter } from '../accounts/people_search.ts'
import { type AdminScope, ROLES } from '../policies/admin_rights.ts'
import type { PinState } from '../policies/next_step.ts'
import { PROTECTIONS } from '../policies/policy.ts'
import { USER_TYPES } from '../policies/user_type.ts'

export const LISTED_PASSWORDS = [
  'none',
  'personal',
  'temporary',
  'must_change',
  'void',
] as const satisfies readonly ListedPassword[]
export const PIN_STATES = [
  'none',
  'in_use',
  'generated',
  'blocked',
] as const satisfies readonly PinState[]
const PASSWORD_ORIGINS = [
  'personal',
  'initial',
  'temporary',
] as const satisfies readonly PasswordOrigin[]

/** What a filter may say where only some words have a meaning; the names are those of the form. */
export const CHOICES = {
  type: USER_TYPES,
  protection: [...PROTECTIONS, 'unchosen'],
  password: LISTED_PASSWORDS,
  origin: PASSWORD_ORIGINS,
  pin: PIN_STATES,
  disabled: ['no', 'only', 'any'],
  role: ['any', ...ROLES],
} as const

const TEXT_LENGTH_MAX = 100

type Choice = keyof typeof CHOICES

/** Names of the fields of the list's form. */
export const FILTER_FIELDS = [
  'q',
  'type',
  'establishment',
  'class',
  'protection',
  'password',
  'origin',
  'pin',
  'disabled',
  'role',
] as const
export type FilterField = (typeof FILTER_FIELDS)[number]

export type FilterQuery = Readonly<Partial<Record<FilterField, string>>>

type Query = Readonly<Record<string, unknown>>

const textOf = (query: Query, name: string): string | undefined => {
  const value = query[name]
  const text = typeof value === 'string' ? value.trim().slice(0, TEXT_LENGTH_MAX) : ''
  return text === '' ? undefined : text
}

const choiceOf = <C extends Choice>(
  query: Query,
  name: C,
): (typeof CHOICES)[C][number] | undefined => {
  const words: readonly (typeof CHOICES)[C][number][] = CHOICES[name]
  return words.find((word) => word === query[name])
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without what was not given. */
const given = <T extends object>(fields: T): Partial<Given<T>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<
    Given<T>
  >

/** The filter of a list's address; a word that means nothing is as if it were not there. */
export const readPeopleFilter = (query: Query, scope: AdminScope): PeopleFilter => ({
  ...given({
    text: textOf(query, 'q'),
    userType: choiceOf(query, 'type'),
    establishment: textOf(query, 'establishment'),
    className: textOf(query, 'class'),
    protection: choiceOf(query, 'protection'),
    password: choiceOf(query, 'password'),
    passwordOrigin: choiceOf(query, 'origin'),
    pin: choiceOf(query, 'pin'),
    disabled: choiceOf(query, 'disabled'),
    role: choiceOf(query, 'role'),
  }),
  scope,
})

/** As `readPeopleFilter`, of the text that a form sent as `filter`. */
export const readFilterText = (filter: string, scope: AdminScope): PeopleFilter =>
  readPeopleFilter(Object.fromEntries(new URLSearchParams(filter)), scope)

/** What of a query is a filter, as the form shows it again. */
export const filterQuery = (query: Query): FilterQuery =>
  Object.fromEntries(
    FILTER_FIELDS.flatMap((name) => {
      const text = textOf(query, name)
      return text === undefined ? [] : [[name, text]]
    }),
  )

/** The query string of a filter, without `?`; empty: everybody who is not disabled. */
export const filterText = (query: FilterQuery): string =>
  new URLSearchParams(Object.entries(query)).toString()
