import { isDigitsOnly } from '../policies/password_rules.ts'
import type { Policy } from '../policies/policy.ts'
import type { PasswordRecord } from './account.ts'
import { judgeFor } from './judge_for.ts'
import type { GivenPassword, PersonLine } from './person_row.ts'
import type { Deps, HashLane } from './ports.ts'
import { passwordOwner } from './sign_in.ts'

/** A password to set, hashed, and the mark by which a repeat knows it again. */
export interface ReadyPassword {
  readonly record: PasswordRecord
  readonly mark: string
}

/** Kept, and older than any rules of ours: weak, not judged yet, or to be changed anyway. */
const OLDER_THAN_RULES = 0

const LANE: HashLane = { known: true, key: 'import' }

const initialMark = (deps: Deps, sub: string, value: string): string =>
  `initial:${deps.digest('import_mark', `${sub}:${value}`)}`

const PERSONAL_MARK = 'personal:'
const HASH_MARK = 'hash:'

/** Of the text of a hash, which is salted and says by itself nothing quicker to guess than it is. */
const hashMark = (deps: Deps, sub: string, text: string): string =>
  `${HASH_MARK}${deps.digest('import_mark', `${sub}:hash:${text}`)}`

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
  if (password.column === 'password') {
    return mark === initialMark(deps, sub, password.value)
  }
  if (password.column === 'password_hash') {
    return mark === hashMark(deps, sub, password.text)
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
  const fromDirectory = [PERSONAL_MARK, HASH_MARK].some((kind) => mark?.startsWith(kind))
  return given === 'personal' && current.origin === 'personal' && fromDirectory
}

const record = (deps: Deps, fields: Pick<PasswordRecord, 'sealed' | 'origin'>): PasswordRecord => ({
  ...fields,
  setAt: deps.clock(),
  rulesVersion: OLDER_THAN_RULES,
  mustChange: false,
  voidedAt: null,
  batchId: null,
})

/** A hash of another system's: its password is judged once its owner types it. */
const adoptPassword = async (
  deps: Deps,
  { hash, text }: Extract<GivenPassword, { column: 'password_hash' }>,
  sub: string,
): Promise<ReadyPassword> => {
  const sealed = await deps.hasher.adopt(hash, passwordOwner(sub), LANE)
  return { record: record(deps, { sealed, origin: 'personal' }), mark: hashMark(deps, sub, text) }
}

/** The password of a line as it is stored; null: the line has none. */
export const hashPassword = async (
  deps: Deps,
  { identifier, said, password }: PersonLine,
  sub: string,
  policy: Policy,
): Promise<ReadyPassword | null> => {
  if (password === null) {
    return null
  }
  if (password.column === 'password_hash') {
    return adoptPassword(deps, password, sub)
  }
  const { origin, value } = password
  const sealed = await deps.hasher.hash(value, passwordOwner(sub), LANE)
  const fields = { sealed, origin }
  if (password.column === 'password') {
    return { record: record(deps, fields), mark: initialMark(deps, sub, value) }
  }
  const about = { identifier, ...said, birthDate: said.birthDate ?? null }
  const verdict = await judgeFor(deps, about, policy, value)
  return {
    record: {
      ...record(deps, fields),
      rulesVersion: verdict.ok ? policy.passwords.rules_version : OLDER_THAN_RULES,
      mustChange: isDigitsOnly(verdict),
    },
    mark: `${PERSONAL_MARK}${sealed}`,
  }
}
