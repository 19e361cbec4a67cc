import type { EndEverything } from './administer.ts'
import { auditEntry } from './audit.ts'
import { type CommitChunk, firstPace, type ImportRun, takeChunk } from './import_chunk.ts'
import { type LineEvent, type RejectedLine, rejectedLine } from './import_line.ts'
import { type LeaversScope, leave, type WentAway, whoLeft } from './leavers.ts'
import { type NamedPeople, nameLine, nobodyNamed } from './named_people.ts'
import { type PeopleRow, type PersonLine, readPeopleRow } from './person_row.ts'
import type { Deps } from './ports.ts'
import { type Why, why, whyWords } from './why.ts'

/** A line that is no row: too few or too many cells. */
export interface BrokenRow {
  readonly line: number
  readonly problem: Why
}

/** What became of one line, or of one person whom the file no longer names. */
export type ImportEvent = LineEvent | WentAway

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
  /** Disabled: no longer in any establishment. */
  readonly left: number
  /** Taken out of the establishment; they go on in others. */
  readonly moved: number
  /** Of the lines above, those whose account is disabled and stays so. */
  readonly disabled: number
  /** Why nobody was looked for who left, though it was asked. */
  readonly leaversRefused: string | null
}

/** Too few or too many cells: nobody knows which is which. */
export const brokenRow = (line: number, cells: number, columns: number): BrokenRow => ({
  line,
  problem: why('cells', { cells, columns }),
})

/** Reads a row: a person to import, or the event of its rejection. */
export const readRow = (
  named: NamedPeople,
  row: PeopleRow | BrokenRow,
): PersonLine | RejectedLine => {
  const read = 'cells' in row ? readPeopleRow(row) : ({ ok: false, reason: row.problem } as const)
  if (read.ok) {
    return read.person
  }
  const cells = 'cells' in row ? row.cells : {}
  const externalId = (cells.external_id ?? '').normalize('NFC').trim()
  const identifier = (cells.identifier ?? '').trim()
  if (externalId === '' && identifier === '') {
    named.unreadable ??= row.line
  }
  nameLine(named, { externalId, identifier }, 0)
  return rejectedLine({ line: row.line, identifier: identifier || null }, read.reason)
}

/** Takes out who left, where that is asked; returns why it was refused. */
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
    return whyWords(found.reason)
  }
  for (const leaver of found.left) {
    const event = await leave(deps, leaver, leavers, { by, dryRun })
    if (event === null) {
      continue
    }
    if (event.outcome === 'left' && !dryRun) {
      await endEverything(leaver.sub)
    }
    on(event)
  }
  return null
}

/** Facts for the audit, and for whoever asks what is done of a new school year. */
export const auditOfLeavers = (leavers: LeaversScope | null): Record<string, string> =>
  leavers === null ? {} : { establishment: leavers.establishment, user_type: leavers.userType }

type Counts = Record<ImportEvent['outcome'] | 'disabled', number>

const noCounts = (): Counts => ({
  added: 0,
  changed: 0,
  unchanged: 0,
  rejected: 0,
  left: 0,
  moved: 0,
  disabled: 0,
})

/** Takes the rows in chunks; memory holds one chunk, and the keys of those named. */
const takeRows = async (
  run: ImportRun,
  rows: AsyncIterable<PeopleRow | BrokenRow>,
  on: ImportOptions['on'],
): Promise<void> => {
  const { deps, dryRun } = run
  const commit: CommitChunk = (work) => (dryRun ? work(deps.store) : deps.store.transact(work))
  let people: PersonLine[] = []
  let refused: LineEvent[] = []
  const flush = async (): Promise<void> => {
    const events = await takeChunk(run, people, refused, commit)
    people = []
    refused = []
    events?.forEach(on)
  }
  for await (const row of rows) {
    const read = readRow(run.named, row)
    if ('outcome' in read) {
      refused.push(read)
    } else {
      people.push(read)
    }
    if (people.length + refused.length >= run.pace.lines) {
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
  const { dryRun, by, leavers, endEverything } = options
  const named = nobodyNamed()
  const policies = await deps.store.policies.current()
  const run = { deps, policies, dryRun, by, leavers, named, pace: firstPace(), endEverything }
  await takeRows(run, rows, counting.on)
  const leaversRefused = await takeLeavers(deps, named, counting)
  if (!options.dryRun) {
    const detail = { source: options.source, ...counts, ...auditOfLeavers(leavers) }
    await deps.store.audit.append(
      auditEntry(deps, { act: 'people_imported', actor: options.by, detail }),
    )
  }
  return { ...counts, leaversRefused }
}
