import type { PolicyChange } from '../accounts/apply_policies.ts'
import type { Deps } from '../accounts/ports.ts'
import type { PolicySet } from '../policies/policy.ts'
import type { UserType } from '../policies/user_type.ts'

/** What a new password has to be: a change of these is a new version of the rules. */
const RULES_OF_PASSWORDS: ReadonlySet<string> = new Set([
  'passwords.min_length',
  'passwords.min_entropy_bits',
  'passwords.min_strength',
  'passwords.required_classes',
])
const EXPIRY: ReadonlySet<string> = new Set([
  'passwords.force_change_at_expiration',
  'passwords.max_lifetime_days',
])
const DAY_MS = 24 * 3_600_000

const typesWith = (changes: readonly PolicyChange[], paths: ReadonlySet<string>): UserType[] => [
  ...new Set(changes.filter(({ path }) => paths.has(path)).map(({ userType }) => userType)),
]

/** Types whose rules of passwords change under a version that passwords of before have too. */
export const unversioned = (
  policies: Partial<PolicySet>,
  changes: readonly PolicyChange[],
): UserType[] => {
  const isRaised = (type: UserType) =>
    changes.some(
      ({ userType, path, from, to }) =>
        userType === type && path === 'passwords.rules_version' && Number(to) > Number(from),
    )
  return typesWith(changes, RULES_OF_PASSWORDS).filter(
    (type) => policies[type] !== undefined && !isRaised(type),
  )
}

/** People whose password is past its last moment as soon as the policies are in force, by type. */
export const expiredAtOnce = async (
  { store, clock }: Pick<Deps, 'store' | 'clock'>,
  policies: Partial<PolicySet>,
  changes: readonly PolicyChange[],
): Promise<[UserType, number][]> => {
  const found: [UserType, number][] = []
  for (const userType of typesWith(changes, EXPIRY)) {
    const rules = policies[userType]?.passwords
    if (rules?.force_change_at_expiration === true) {
      const setBeforeMs = clock() - rules.max_lifetime_days * DAY_MS
      found.push([userType, await store.passwordLists.countOlder(userType, setBeforeMs)])
    }
  }
  return found.filter(([, people]) => people > 0)
}
