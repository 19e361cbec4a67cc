import type { PolicySet } from '../policies/policy.ts'
import type { EndEverything } from './administer.ts'
import {
  type LineEvent,
  type PreparedLine,
  prepareLine,
  rejected,
  type TakenLine,
  takeLine,
} from './import_line.ts'
import { isInScope, type LeaversScope } from './leavers.ts'
import { addNamed, duplicateOf, type NamedPeople, nameLine, nobodyNamed } from './named_people.ts'
import type { PersonLine } from './person_row.ts'
import type { Deps, Tables } from './ports.ts'

/** The gateway waits while a transaction runs; half of the 50 ms that it may take. */
const TRANSACTION_MS_AIM = 25
const LINES_FIRST = 50
const LINES_MAX = 200
const HASHES_AT_ONCE = 4
/** Times a line is looked at again because its account changed in between. */
const ROUNDS_MAX = 5

/** One run of the import: what its chunks share. */
export interface ImportRun {
  readonly deps: Deps
  readonly policies: PolicySet
  readonly dryRun: boolean
  readonly by: string
  readonly leavers: LeaversScope | null
  /** Whom the file has named so far. */
  readonly named: NamedPeople
  readonly pace: Pace
  readonly endEverything: EndEverything
}

/** Lines a transaction, kept such that none holds the gateway up for long. */
interface Pace {
  lines: number
}

export const firstPace = (): Pace => ({ lines: LINES_FIRST })

/** Lines in order; an earlier good one makes a later one of the same person a duplicate. */
const takeLines = async (
  run: ImportRun,
  tables: Tables,
  lines: readonly PreparedLine[],
): Promise<{ outcomes: (TakenLine | 'again')[]; here: NamedPeople }> => {
  const here = nobodyNamed()
  const outcomes: (TakenLine | 'again')[] = []
  for (const prepared of lines) {
    const { person } = prepared
    const reason = duplicateOf(run.named, person) ?? duplicateOf(here, person)
    const outcome =
      reason === null ? await takeLine(run.deps, tables, prepared, run) : rejected(person, reason)
    const good = outcome !== 'again' && outcome.event.outcome !== 'rejected'
    nameLine(here, person, good ? person.line : 0)
    here.inScope ||= good && run.leavers !== null && isInScope(person, run.leavers)
    outcomes.push(outcome)
  }
  return { outcomes, here }
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

const adjust = (pace: Pace, tookMs: number): void => {
  pace.lines =
    tookMs > TRANSACTION_MS_AIM
      ? Math.max(1, Math.floor(pace.lines / 2))
      : Math.min(LINES_MAX, pace.lines + 10)
}

const MEANWHILE = 'the account kept changing while it was imported: import the file again'

/**
 * Prepares lines outside a transaction, then takes them in one: person and password together.
 * Ends the sessions of those whose password was replaced. Returns what became of each, in order.
 */
export const takeChunk = async (
  run: ImportRun,
  people: readonly PersonLine[],
): Promise<LineEvent[]> => {
  const { deps, policies, dryRun, named, pace, endEverything } = run
  const taken: TakenLine[] = []
  let pending = people
  for (let round = 0; pending.length > 0 && round < ROUNDS_MAX; round += 1) {
    const prepared = await fewAtATime(pending, (person) =>
      prepareLine(deps, person, policies, dryRun),
    )
    const startedAt = deps.clock()
    const { outcomes, here } = dryRun
      ? await takeLines(run, deps.store, prepared)
      : await deps.store.transact((tables) => takeLines(run, tables, prepared))
    adjust(pace, deps.clock() - startedAt)
    addNamed(named, here)
    taken.push(...outcomes.filter((outcome) => outcome !== 'again'))
    pending = pending.filter((_, index) => outcomes[index] === 'again')
  }
  for (const { endsSessionsOf } of taken) {
    if (endsSessionsOf !== null) {
      await endEverything(endsSessionsOf)
    }
  }
  taken.push(...pending.map((person) => rejected(person, MEANWHILE)))
  return taken.map(({ event }) => event).sort((a, b) => a.line - b.line)
}
