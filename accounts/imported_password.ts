import { judgePassword } from '../policies/password_rules.ts'
import type { Policy } from '../policies/policy.ts'
import type { PasswordRecord } from './account.ts'
import type { PersonLine } from './person_row.ts'
import type { Deps, HashLane } from './ports.ts'
import { passwordOwner } from './sign_in.ts'

/** A password to set, hashed, and the mark by which a repeat knows it again. */
export interface ReadyPassword {
  readonly record: PasswordRecord
  readonly mark: string
}

const LANE: HashLane = { known: true, key: 'import' }

const initialMark = (deps: Deps, sub: string, value: string): string =>
  `initial:${deps.digest('import_mark', `${sub}:${value}`)}`

const PERSONAL_MARK = 'personal:'

/**
 * Whether the file gives what the last import gave. An initial password is remembered by a keyed
 * digest. A personal one lives on, so it gets no form that is quicker to guess than its argon2id:
 * comparing costs one hash.
 */
export const sameAsLast = async (
  deps: Deps,
  { password }: PersonLine,
  sub: string,
  mark: string | null,
): Promise<boolean> => {
  if (mark === null || password === null) {
    return false
  }
  if (password.origin === 'initial') {
    return mark === initialMark(deps, sub, password.value)
  }
  if (!mark.startsWith(PERSONAL_MARK)) {
    return false
  }
  const sealed = mark.slice(PERSONAL_MARK.length)
  return (await deps.hasher.verify(password.value, sealed, passwordOwner(sub), LANE)).right
}

/**
 * Whether a password that differs from the last import's may be set. A person's own one gives way
 * only to a personal one of a directory that set it before; one handed out by us, to none.
 */
export const mayReplace = (
  given: 'initial' | 'personal',
  current: PasswordRecord | null,
  mark: string | null,
): boolean => {
  if (current === null || current.origin === 'initial') {
    return true
  }
  const fromDirectory = mark?.startsWith(PERSONAL_MARK) === true
  return given === 'personal' && current.origin === 'personal' && fromDirectory
}

export const hashPassword = async (
  deps: Deps,
  person: PersonLine,
  sub: string,
  policy: Policy,
): Promise<ReadyPassword | null> => {
  if (person.password === null) {
    return null
  }
  const { origin, value } = person.password
  const sealed = await deps.hasher.hash(value, passwordOwner(sub), LANE)
  const { min_length, min_entropy_bits, rules_version } = policy.passwords
  const verdict = judgePassword(
    value,
    { minLength: min_length, minEntropyBits: min_entropy_bits },
    {
      identifier: person.identifier,
      givenName: person.said.givenName,
      familyName: person.said.familyName,
      birthDate: person.said.birthDate ?? undefined,
      schoolName: deps.schoolName,
    },
  )
  return {
    record: {
      sealed,
      origin,
      setAt: deps.clock(),
      // 0: kept, but older than any rules of ours.
      rulesVersion: verdict.ok ? rules_version : 0,
      // Digits alone are for passcodes: the two share one field.
      mustChange: origin === 'personal' && /^\d+$/.test(value),
      voidedAt: null,
      batchId: null,
    },
    mark: origin === 'initial' ? initialMark(deps, sub, value) : `${PERSONAL_MARK}${sealed}`,
  }
}
