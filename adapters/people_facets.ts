import type { PasswordOrigin } from '../accounts/account.ts'
import type { ListedPassword, PeopleFilter } from '../accounts/people_search.ts'
import { type AdminScope, ROLES, type Role } from '../policies/admin_rights.ts'
import type { PinState } from '../policies/next_step.ts'
import { PROTECTIONS, type Protection } from '../policies/policy.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'

/**
 * A facet says in one number all that people are filtered by and that has few values, a decimal
 * digit each. Of the thousands that could be, a school has some dozens: a filter is those of them
 * that fit, and each is one stretch of an index, in the order of names.
 */
interface Facet {
  readonly userType: UserType
  readonly protection: Protection | null
  readonly password: ListedPassword
  readonly passwordOrigin: PasswordOrigin | null
  readonly pin: PinState
  readonly disabled: boolean
  readonly role: Role | null
}

/** Each digit counts from 0 in one of these; they only ever grow at their end. */
const TYPES = USER_TYPES
const CHOSEN = [null, ...PROTECTIONS] as const
const PASSWORDS = ['none', 'personal', 'temporary', 'must_change', 'void'] as const
const ORIGINS = [null, 'personal', 'initial', 'temporary'] as const
const PINS = ['none', 'in_use', 'generated', 'blocked'] as const
const HELD = [null, ...ROLES] as const

const digit = (facet: number, place: number): number => Math.floor(facet / 10 ** place) % 10

export const readFacet = (facet: number): Facet => ({
  userType: TYPES[digit(facet, 6)] ?? 'student',
  protection: CHOSEN[digit(facet, 5)] ?? null,
  password: PASSWORDS[digit(facet, 4)] ?? 'none',
  passwordOrigin: ORIGINS[digit(facet, 3)] ?? null,
  pin: PINS[digit(facet, 2)] ?? 'none',
  disabled: digit(facet, 1) === 1,
  role: HELD[digit(facet, 0)] ?? null,
})

const same = <T>(asked: T | undefined, found: T): boolean => asked === undefined || asked === found

const DISABLED: Readonly<Record<NonNullable<PeopleFilter['disabled']>, (is: boolean) => boolean>> =
  {
    no: (is) => !is,
    only: (is) => is,
    any: () => true,
  }

const inScope = ({ userTypes }: AdminScope, userType: UserType): boolean =>
  userTypes === null || userTypes.includes(userType)

/** Whether somebody of a facet is within a filter, as far as facets go. */
export const fitsFacet = (filter: PeopleFilter, number: number): boolean => {
  const facet = readFacet(number)
  const chosen = filter.protection === 'unchosen' ? null : filter.protection
  return (
    inScope(filter.scope, facet.userType) &&
    same(filter.userType, facet.userType) &&
    same(chosen, facet.protection) &&
    same(filter.password, facet.password) &&
    same(filter.passwordOrigin, facet.passwordOrigin) &&
    same(filter.pin, facet.pin) &&
    DISABLED[filter.disabled ?? 'no'](facet.disabled) &&
    (filter.role === 'any' ? facet.role !== null : same(filter.role, facet.role))
  )
}

const numbered = (column: string, words: readonly (string | null)[]): string =>
  `CASE ${column} ${words.flatMap((word, nth) => (word === null ? [] : [`WHEN '${word}' THEN ${nth}`])).join(' ')} ELSE 0 END`

/** Columns of an account that its facet is worked out from. */
export const FACET_COLUMNS = [
  'user_type',
  'protection',
  'password_sealed',
  'password_origin',
  'password_must_change',
  'password_voided_at',
  'pin_sealed',
  'pin_origin',
  'pin_blocked_at',
  'disabled_at',
  'role',
]

/** The facet in SQL, of a row of `accounts` that goes by that name. */
export const facetOf = (row: string): string =>
  [
    `${numbered(`${row}.user_type`, TYPES)} * 1000000`,
    `${numbered(`${row}.protection`, CHOSEN)} * 100000`,
    `CASE WHEN ${row}.password_sealed IS NULL OR ${row}.password_origin IS NULL THEN 0
      WHEN ${row}.password_voided_at IS NOT NULL THEN 4
      WHEN ${row}.password_origin <> 'personal' THEN 2
      WHEN ${row}.password_must_change = 1 THEN 3
      ELSE 1 END * 10000`,
    `CASE WHEN ${row}.password_sealed IS NULL THEN 0
      ELSE ${numbered(`${row}.password_origin`, ORIGINS)} END * 1000`,
    `CASE WHEN ${row}.pin_sealed IS NULL OR ${row}.pin_origin IS NULL THEN 0
      WHEN ${row}.pin_blocked_at IS NOT NULL THEN 3
      WHEN ${row}.pin_origin = 'generated' THEN 2
      ELSE 1 END * 100`,
    `CASE WHEN ${row}.disabled_at IS NULL THEN 0 ELSE 1 END * 10`,
    numbered(`${row}.role`, HELD),
  ].join(' + ')
