import type { PolicySet } from '../policies/policy.ts'
import { type Account, identifierKey, type Person } from './account.ts'
import { auditEntry } from './audit.ts'
import { hashPassword, mayReplace, type ReadyPassword, sameAsLast } from './imported_password.ts'
import { tell } from './notices.ts'
import { type PersonLine, shown } from './person_row.ts'
import type { AuditEntry, Deps, Tables } from './ports.ts'
import { type Why, why, whyWords } from './why.ts'

/** What became of one line. */
export type LineEvent =
  | {
      readonly outcome: 'added' | 'changed' | 'unchanged'
      readonly line: number
      readonly identifier: string
      /** Columns that differ; never their values. */
      readonly columns: readonly string[]
      /** An import enables nobody: left, or shut out by an administrator. */
      readonly disabled: boolean
    }
  | {
      readonly outcome: 'rejected'
      readonly line: number
      readonly identifier: string | null
      /** In English; `why` says it in other languages. */
      readonly reason: string
      readonly why: Why
    }

export type RejectedLine = Extract<LineEvent, { outcome: 'rejected' }>

/** A line in the store: what became of it, and whose sessions are to end now that it is. */
export interface TakenLine {
  readonly event: LineEvent
  readonly endsSessionsOf: string | null
}

const NOTHING_KNOWN = {
  email: null,
  birthDate: null,
  establishments: [],
  classes: [],
  children: [],
  locale: null,
}

const COLUMN_OF = {
  externalId: 'external_id',
  identifier: 'identifier',
  userType: 'user_type',
  givenName: 'given_name',
  familyName: 'family_name',
  email: 'email',
  birthDate: 'birth_date',
  establishments: 'establishments',
  classes: 'classes',
  children: 'children',
  locale: 'locale',
} as const satisfies Record<keyof Person, string>

const PERSON_KEYS = Object.keys(COLUMN_OF) as (keyof typeof COLUMN_OF)[]

type Standing =
  | { readonly ok: true; readonly account: Account | null; readonly mark: string | null }
  | { readonly ok: false; readonly reason: Why }

/** A line with all that takes long done before its transaction. */
export interface PreparedLine {
  readonly person: PersonLine
  /** For a new account. The hash is bound to it. */
  readonly newSub: string
  /** What the password was prepared against: another state asks for another look. */
  readonly against: string
  readonly setsPassword: boolean
  readonly ready: ReadyPassword | null
}

/** What an identifier that is taken allows: the same person, or nobody. */
const byIdentifier = async (
  { accounts }: Pick<Tables, 'accounts'>,
  { externalId, identifier }: PersonLine,
  holder: string,
): Promise<Account | null> => {
  const account = await accounts.bySub(holder)
  const holdsItNow =
    account !== null && identifierKey(account.identifier) === identifierKey(identifier)
  const oneHasNone = externalId === null || account?.externalId === null
  return holdsItNow && oneHasNone ? account : null
}

/** What the store says of the lines of a chunk, looked up at once in their transaction. */
export interface Known {
  holderOf(key: string): Promise<string | null>
  byExternalId(externalId: string): Promise<Account | null>
  /** This account is written by the chunk: what was looked up of it holds no more. */
  touch(sub: string, key: string): void
}

/** One by one, as they are now. */
const asTheyAre = ({ accounts }: Pick<Tables, 'accounts'>): Known => ({
  holderOf: (key) => accounts.identifierHolder(key),
  byExternalId: (externalId) => accounts.byExternalId(externalId),
  touch: () => {},
})

/** Looks up all of these in few statements. */
export const lookUp = async (
  { accounts }: Pick<Tables, 'accounts'>,
  people: readonly PersonLine[],
): Promise<Known> => {
  const keys = new Set(people.map(({ identifier }) => identifierKey(identifier)))
  const ids = people.flatMap(({ externalId }) => (externalId === null ? [] : [externalId]))
  const { holders, byExternalId } = await accounts.lookUp([...keys], [...new Set(ids)])
  const touched = new Set<string>()
  const newHolders = new Map<string, string>()
  return {
    holderOf: async (key) => newHolders.get(key) ?? holders.get(key) ?? null,
    byExternalId: async (externalId) => {
      const account = byExternalId.get(externalId) ?? null
      return account !== null && touched.has(account.sub) ? accounts.bySub(account.sub) : account
    },
    touch: (sub, key) => {
      touched.add(sub)
      newHolders.set(key, sub)
    },
  }
}

/** Whose line this is: by external id; by identifier only where the line or the account has none. */
const stand = async (
  tables: Pick<Tables, 'accounts'>,
  person: PersonLine,
  known: Known = asTheyAre(tables),
): Promise<Standing> => {
  const { accounts } = tables
  const holder = await known.holderOf(identifierKey(person.identifier))
  const byId = person.externalId === null ? null : await known.byExternalId(person.externalId)
  const account = byId ?? (holder === null ? null : await byIdentifier(tables, person, holder))
  // One that belonged to somebody is never given to somebody else (no account taken over by name).
  if (holder !== null && holder !== account?.sub) {
    const value = shown(person.identifier)
    return { ok: false, reason: why('of_another', { column: 'identifier', value }) }
  }
  const mark =
    account === null || person.password === null ? null : await accounts.importMark(account.sub)
  return { ok: true, account, mark }
}

const stateOf = (standing: Standing): string =>
  standing.ok
    ? JSON.stringify([standing.account?.sub, standing.account?.password?.sealed, standing.mark])
    : 'rejected'

/** Looks at a line's account and hashes its password where it is to be set. */
export const prepareLine = async (
  deps: Deps,
  person: PersonLine,
  { policies, dryRun, newSub }: { policies: PolicySet; dryRun: boolean; newSub: string },
): Promise<PreparedLine> => {
  const nothing = { person, newSub, against: '', setsPassword: false, ready: null }
  if (person.password === null) {
    return nothing
  }
  const standing = await stand(deps.store, person)
  const against = stateOf(standing)
  if (!standing.ok) {
    return { ...nothing, against }
  }
  const { account, mark } = standing
  const sub = account?.sub ?? newSub
  const setsPassword =
    mayReplace(person.password.origin, account?.password ?? null, mark) &&
    !(await sameAsLast(deps, person, sub, mark))
  const ready =
    setsPassword && !dryRun
      ? await hashPassword(deps, person, sub, policies[person.userType])
      : null
  return { person, newSub, against, setsPassword, ready }
}

/** The directory's word over what is known; what it does not say stays. */
const merge = (person: PersonLine, account: Account | null): Person => {
  const known = account ?? NOTHING_KNOWN
  return {
    email: known.email,
    birthDate: known.birthDate,
    establishments: known.establishments,
    classes: known.classes,
    children: known.children,
    locale: known.locale,
    ...person.said,
    externalId: person.externalId ?? account?.externalId ?? null,
    identifier: person.identifier,
    userType: person.userType,
  }
}

/** Lists are sets here: a directory may name the same classes in another order. */
const comparable = (value: Person[keyof Person]): string =>
  typeof value === 'object' && value !== null ? JSON.stringify([...value].sort()) : String(value)

const changedColumns = (before: Person, after: Person): string[] =>
  PERSON_KEYS.filter((key) => comparable(before[key]) !== comparable(after[key])).map(
    (key) => COLUMN_OF[key],
  )

/** What a transaction writes once all of its lines are looked at, in few statements. */
export interface Later {
  /** Ids of audit entries: in order, they lie side by side. */
  readonly nextId: () => string
  readonly added: { readonly sub: string; readonly person: Person }[]
  readonly entries: AuditEntry[]
  /** What needs the people who were added. */
  readonly follow: (() => Promise<void>)[]
}

export const nothingLater = (nextId: () => string): Later => ({
  nextId,
  added: [],
  entries: [],
  follow: [],
})

/** Writes it. People who were added are looked for by nobody before: each has one line alone. */
export const writeLater = async (
  deps: Deps,
  tables: Tables,
  { added, entries, follow }: Later,
): Promise<void> => {
  if (added.length > 0) {
    await tables.accounts.insertAll(added, deps.clock())
  }
  for (const write of follow) {
    await write()
  }
  await tables.audit.appendAll(entries)
}

interface Change {
  readonly account: Account | null
  readonly sub: string
  readonly after: Person
  readonly event: Exclude<LineEvent, { outcome: 'rejected' }>
}

const changeOf = (prepared: PreparedLine, account: Account | null): Change => {
  const { person, setsPassword } = prepared
  const after = merge(person, account)
  const columns = account === null ? [] : changedColumns(account, after)
  if (setsPassword && account !== null && person.password !== null) {
    columns.push(person.password.column)
  }
  const known = columns.length === 0 ? 'unchanged' : 'changed'
  return {
    account,
    sub: account?.sub ?? prepared.newSub,
    after,
    event: {
      outcome: account === null ? 'added' : known,
      line: person.line,
      identifier: person.identifier,
      columns,
      disabled: account !== null && account.disabledAt !== null,
    },
  }
}

const writePerson = async (
  deps: Deps,
  tables: Tables,
  { account, sub, after, event }: Change,
  by: string,
  later: Later,
): Promise<void> => {
  if (event.outcome === 'unchanged') {
    return
  }
  if (account === null) {
    later.added.push({ sub, person: after })
  } else if (changedColumns(account, after).length > 0) {
    await tables.accounts.update(sub, after, deps.clock())
  }
  later.entries.push(
    auditEntry(deps, {
      id: later.nextId(),
      act: account === null ? 'person_added' : 'person_changed',
      actor: by,
      sub,
      detail: {
        line: event.line,
        user_type: after.userType,
        ...(account === null ? {} : { columns: event.columns.join(' ') }),
      },
    }),
  )
}

/** Whoever signed in with the password that was replaced is out: durable first. */
const endSessions = async (deps: Deps, tables: Tables, sub: string, by: string): Promise<void> => {
  await tables.accounts.voidBefore(sub, deps.clock())
  const detail = { why: 'password_imported' }
  await tables.audit.append(auditEntry(deps, { act: 'sessions_ended', actor: by, sub, detail }))
}

const writePassword = async (
  deps: Deps,
  tables: Tables,
  { account, sub }: Change,
  { record, mark }: ReadyPassword,
  by: string,
): Promise<void> => {
  await tables.accounts.setPassword(sub, record)
  await tables.accounts.setImportMark(sub, mark)
  const was = account?.password?.origin ?? null
  if (was === 'personal') {
    await tell(deps, tables, sub, 'password_changed')
  }
  if (was !== null) {
    await endSessions(deps, tables, sub, by)
  }
  await tables.audit.append(
    auditEntry(deps, {
      act: 'password_imported',
      actor: by,
      sub,
      detail: { origin: record.origin, was },
    }),
  )
}

/** A line that is not taken. */
export const rejectedLine = (
  { line, identifier }: { line: number; identifier: string | null },
  reason: Why,
): RejectedLine => ({
  outcome: 'rejected',
  line,
  identifier,
  reason: whyWords(reason),
  why: reason,
})

export const rejected = (person: PersonLine, reason: Why): TakenLine => ({
  event: rejectedLine(person, reason),
  endsSessionsOf: null,
})

/**
 * What one line comes to, and, unless `dryRun`, its writes. `again`: the account has changed since
 * the line was prepared.
 */
export const takeLine = async (
  deps: Deps,
  tables: Tables,
  prepared: PreparedLine,
  { by, dryRun, later, known }: { by: string; dryRun: boolean; later: Later; known: Known },
): Promise<TakenLine | 'again'> => {
  const { person, ready } = prepared
  const standing = await stand(tables, person, known)
  if (!standing.ok) {
    return rejected(person, standing.reason)
  }
  if (person.password !== null && stateOf(standing) !== prepared.against) {
    return 'again'
  }
  const change = changeOf(prepared, standing.account)
  if (!dryRun) {
    await writePerson(deps, tables, change, by, later)
    known.touch(change.sub, identifierKey(person.identifier))
    if (change.event.disabled) {
      // Whoever is named again has not left: shut out all the same, and not to be erased as gone.
      await tables.accounts.clearLeft(change.sub)
    }
  }
  if (ready !== null) {
    later.follow.push(() => writePassword(deps, tables, change, ready, by))
  }
  const had = change.account?.password ?? null
  const replaced = ready !== null && had !== null
  return { event: change.event, endsSessionsOf: replaced ? change.sub : null }
}
