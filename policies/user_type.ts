/** Every kind of person that a school signs in. A closed list: a policy exists for each. */
export const USER_TYPES = [
  'teacher',
  'staff',
  'student',
  'guardian',
  'inspector',
  'internship_counsellor',
] as const

export type UserType = (typeof USER_TYPES)[number]

/** A value for each of them. */
export function perUserType<T>(valueFor: (type: UserType) => T): Record<UserType, T> {
  return Object.fromEntries(USER_TYPES.map((type) => [type, valueFor(type)])) as Record<UserType, T>
}

const KNOWN: ReadonlySet<unknown> = new Set(USER_TYPES)

/** True for exactly the words of `USER_TYPES`; case and spaces count. */
export function isUserType(value: unknown): value is UserType {
  return KNOWN.has(value)
}
