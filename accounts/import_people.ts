import type { PolicySet } from '../policies/policy.ts'
import type { EndEverything } from './administer.ts'
import { auditEntry } from './audit.ts'
import { type LineEvent, type PreparedLine, prepareLine, takeLine } from './import_line.ts'
import { disableLeaver, isInScope, type LeaversScope, whoLeft } from './leavers.ts'
import { duplicateOf, type NamedPeople, nameLine, nobodyNamed } from './named_people.ts'
import { type PeopleRow, type PersonLine, readPeopleRow } from './person_row.ts'
import type { Deps, Tables } from './ports.ts'

/** A line that is no row: too few or too many cells. */
export interface BrokenRow {
  readonly line: number
  readonly problem: string
}

/** What became of one line, or of one person whom the file no longer names. */
export type ImportEvent =
  | LineEvent
  | { readonly outcome: 'left'; readonly line: null; readonly identifier: string }

export interface ImportOptions {
  /** Reads and reports all, writes nothing. */
  readonly dryRun: boolean
  /** Null: nobody leaves. */
  readonly leavers: LeaversScope | null
  /** For the audit: who imports, and from what. */
  readonly by: string
  readonly source: string
  readonly on: (event: ImportEvent) => void
  readonly endEverything: EndEverything
}

export interface ImportReport {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly rejected: number
  readonly left: number
  /** Of the lines above, those whose account is disabled and stays so. */
  readonly disabled: number
  /** Why nobody was looked for who left, though it was asked. */
  readonly leaversRefused: string | null
}

/** The gateway waits while a transaction runs; half of the 50 ms that it may take. */
const TRANSACTION_MS_AIM = 25
const LINES_FIRST = 50
const LINES_MAX = 200
const HASHES_AT_ONCE = 4
/** Times a line is looked at again because its account changed in between. */
const ROUNDS_MAX = 5

const takeLines = async (
  deps: Deps,
  tables: Tables,
  lines: readonly PreparedLine[],
  options: ImportOptions,
): Promise<(LineEvent | 'again')[]> => {
  const outcomes: (LineEvent | 'again')[] = []
  for (const line of lines) {
    outcomes.push(await takeLine(deps, tables, line, options))
  }
  return outcomes
}

/** Runs `work` over `items`, a few at a time, results in order. */
const fewAtATime = async <T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> => {
  const results: R[] = new Array(items.length)
  const rest = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) {
      results[index] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: HASHES_AT_ONCE }, worker))
  return results
}

/** Lines a transaction, kept such that none holds the gateway up for long. */
interface Pace {
  lines: number
}

const adjust = (pace: Pace, tookMs: number): void => {
  pace.lines =
    tookMs > TRANSACTION_MS_AIM
      ? Math.max(1, Math.floor(pace.lines / 2))
      : Math.min(LINES_MAX, pace.lines + 10)
}

const meanwhile = ({ line, identifier }: PersonLine): ImportEvent => ({
  outcome: 'rejected',
  line,
  identifier,
  reason: 'the account kept changing while it was imported: import the file again',
})

/** Prepares lines outside a transaction, then takes them in one: person and password together. */
const takeChunk = async (
  deps: Deps,
  people: readonly PersonLine[],
  policies: PolicySet,
  options: ImportOptions,
  pace: Pace,
): Promise<ImportEvent[]> => {
  const events: ImportEvent[] = []
  let pending = people
  for (let round = 0; pending.length > 0 && round < ROUNDS_MAX; round += 1) {
    const prepared = await fewAtATime(pending, (person) =>
      prepareLine(deps, person, policies, options.dryRun),
    )
    const startedAt = deps.clock()
    const outcomes = options.dryRun
      ? await takeLines(deps, deps.store, prepared, options)
      : await deps.store.transact((tables) => takeLines(deps, tables, prepared, options))
    adjust(pace, deps.clock() - startedAt)
    events.push(...outcomes.filter((outcome) => outcome !== 'again'))
    pending = pending.filter((_, index) => outcomes[index] === 'again')
  }
  return [...events, ...pending.map(meanwhile)].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

const nameRejected = (named: NamedPeople, row: PeopleRow | BrokenRow): string | null => {
  const cells = 'cells' in row ? row.cells : {}
  const externalId = (cells.external_id ?? '').normalize('NFC').trim()
  const identifier = (cells.identifier ?? '').trim()
  if (externalId === '' && identifier === '') {
    named.unreadable ??= row.line
  }
  nameLine(named, { externalId, identifier }, 0)
  return identifier || null
}

/** Reads a row: a person to import, or the event of its rejection. */
const readRow = (
  named: NamedPeople,
  row: PeopleRow | BrokenRow,
  scope: LeaversScope | null,
): PersonLine | ImportEvent => {
  const read = 'cells' in row ? readPeopleRow(row) : ({ ok: false, reason: row.problem } as const)
  const reason = read.ok ? duplicateOf(named, read.person) : read.reason
  if (read.ok && reason === null) {
    const { externalId, identifier } = read.person
    nameLine(named, { externalId: externalId ?? '', identifier }, row.line)
    named.inScope ||= scope !== null && isInScope(read.person, scope)
    return read.person
  }
  const identifier = nameRejected(named, row)
  return { outcome: 'rejected', line: row.line, identifier, reason: reason ?? '' }
}

/** Disables who left, where that is asked; returns why it was refused. */
const takeLeavers = async (
  deps: Deps,
  named: NamedPeople,
  options: ImportOptions,
): Promise<string | null> => {
  const { leavers, dryRun, by, on, endEverything } = options
  if (leavers === null) {
    return null
  }
  const found = await whoLeft(deps, named, leavers)
  if (!found.ok) {
    return found.reason
  }
  for (const leaver of found.left) {
    if (!dryRun) {
      await disableLeaver(deps, leaver, leavers, by)
      await endEverything(leaver.sub)
    }
    on({ outcome: 'left', line: null, identifier: leaver.identifier })
  }
  return null
}

type Counts = Record<ImportEvent['outcome'] | 'disabled', number>

const noCounts = (): Counts => ({
  added: 0,
  changed: 0,
  unchanged: 0,
  rejected: 0,
  left: 0,
  disabled: 0,
})

/** Takes the rows in chunks; memory holds one chunk, and the keys of those named. */
const takeRows = async (
  deps: Deps,
  rows: AsyncIterable<PeopleRow | BrokenRow>,
  options: ImportOptions,
  named: NamedPeople,
): Promise<void> => {
  const policies = await deps.store.policies.current()
  const pace: Pace = { lines: LINES_FIRST }
  let chunk: PersonLine[] = []
  const flush = async (): Promise<void> => {
    const events = await takeChunk(deps, chunk, policies, options, pace)
    chunk = []
    events.forEach(options.on)
  }
  for await (const row of rows) {
    const read = readRow(named, row, options.leavers)
    if ('outcome' in read) {
      options.on(read)
      continue
    }
    chunk.push(read)
    if (chunk.length >= pace.lines) {
      await flush()
    }
  }
  await flush()
}

/**
 * Imports people from the rows of a file: added, changed or left as they are, each with its
 * password in one transaction; a line that cannot be taken is rejected alone. A repeat changes
 * nothing. Whoever is stopped in the middle imports the same file again.
 */
export const importPeople = async (
  deps: Deps,
  rows: AsyncIterable<PeopleRow | BrokenRow>,
  options: ImportOptions,
): Promise<ImportReport> => {
  const counts = noCounts()
  const counting: ImportOptions = {
    ...options,
    on: (event) => {
      counts[event.outcome] += 1
      counts.disabled += 'disabled' in event && event.disabled ? 1 : 0
      options.on(event)
    },
  }
  const named = nobodyNamed()
  await takeRows(deps, rows, counting, named)
  const leaversRefused = await takeLeavers(deps, named, counting)
  if (!options.dryRun) {
    const detail = { source: options.source, ...counts }
    await deps.store.audit.append(
      auditEntry(deps, { act: 'people_imported', actor: options.by, detail }),
    )
  }
  return { ...counts, leaversRefused }
}
