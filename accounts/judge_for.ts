import { judgePassword, type PasswordJudgement, rulesOf } from '../policies/password_rules.ts'
import { loadStrength } from '../policies/password_strength.ts'
import type { Policy } from '../policies/policy.ts'
import type { Account } from './account.ts'
import type { Deps } from './ports.ts'

/** Whom a password is judged for: their own words are the first that others would try. */
export type JudgedFor = Pick<Account, 'identifier' | 'givenName' | 'familyName' | 'birthDate'>

/** What a policy says of a password for somebody. Hashes nothing and keeps nothing. */
export const judgeFor = async (
  { schoolName }: Pick<Deps, 'schoolName'>,
  { identifier, givenName, familyName, birthDate }: JudgedFor,
  policy: Pick<Policy, 'passwords'>,
  password: string,
): Promise<PasswordJudgement> => {
  const born = birthDate === null ? {} : { birthDate }
  const about = { identifier, givenName, familyName, schoolName, ...born }
  return judgePassword(password, rulesOf(policy), about, await loadStrength())
}
