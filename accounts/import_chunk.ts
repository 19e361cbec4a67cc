import type { PolicySet } from '../policies/policy.ts'
import type { EndEverything } from './administer.ts'
import { idsInOrder } from './audit.ts'
import {
  type LineEvent,
  lookUp,
  nothingLater,
  type PreparedLine,
  prepareLine,
  rejected,
  type TakenLine,
  takeLine,
  writeLater,
} from './import_line.ts'
import { isInScope, type LeaversScope } from './leavers.ts'
import { addNamed, duplicateOf, type NamedPeople, nameLine, nobodyNamed } from './named_people.ts'
import type { PersonLine } from './person_row.ts'
import type { Deps, Tables } from './ports.ts'
import { why } from './why.ts'

/** The gateway waits while a transaction runs; half of the 50 ms that it may take. */
const TRANSACTION_MS_AIM = 25
const LINES_FIRST = 50
const LINES_MAX = 300
const HASHES_AT_ONCE = 4
/** Times a line is looked at again because its account changed in between. */
const ROUNDS_MAX = 5

/** Does a chunk in one transaction; what it returns is null where the chunk was not done. */
export type CommitChunk = (
  work: (tables: Tables) => Promise<LineEvent[]>,
) => Promise<LineEvent[] | null>

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

/** A line's account changed between its preparation and its transaction. */
class Again extends Error {}

interface Taken {
  readonly lines: readonly TakenLine[]
  /** Whom they name, to be added once it holds. */
  readonly here: NamedPeople
}

/** Lines in order; an earlier good one makes a later one of the same person a duplicate. */
const takeLines = async (
  run: ImportRun,
  tables: Tables,
  lines: readonly PreparedLine[],
  isLastRound: boolean,
): Promise<Taken> => {
  const here = nobodyNamed()
  const taken: TakenLine[] = []
  const later = nothingLater(idsInOrder(run.deps.random))
  const known = await lookUp(
    tables,
    lines.map(({ person }) => person),
  )
  const options = { by: run.by, dryRun: run.dryRun, later, known }
  for (const prepared of lines) {
    const { person } = prepared
    const reason = duplicateOf(run.named, person) ?? duplicateOf(here, person)
    const outcome =
      reason === null
        ? await takeLine(run.deps, tables, prepared, options)
        : rejected(person, reason)
    if (outcome === 'again' && !isLastRound) {
      throw new Again()
    }
    const done = outcome === 'again' ? rejected(person, why('meanwhile')) : outcome
    nameTaken(here, person, done, run.leavers)
    taken.push(done)
  }
  if (!run.dryRun) {
    await writeLater(run.deps, tables, later)
  }
  return { lines: taken, here }
}

const nameTaken = (
  here: NamedPeople,
  person: PersonLine,
  { event }: TakenLine,
  leavers: LeaversScope | null,
): void => {
  const good = event.outcome !== 'rejected'
  nameLine(here, person, good ? person.line : 0)
  here.inScope ||= good && leavers !== null && isInScope(person, leavers)
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

const byLine = (a: LineEvent, b: LineEvent): number => a.line - b.line

/** Once; null: something has changed between preparation and transaction. */
const takeOnce = async (
  run: ImportRun,
  people: readonly PersonLine[],
  refused: readonly LineEvent[],
  commit: CommitChunk,
  isLastRound: boolean,
): Promise<{ taken: Taken; done: LineEvent[] | null } | null> => {
  const { deps, policies, dryRun, pace } = run
  // Those who were added together lie together in every index; nobody else can tell a `sub`.
  const newSubs = idsInOrder(deps.random)
  const prepared = await fewAtATime(people, (person) =>
    prepareLine(deps, person, { policies, dryRun, newSub: newSubs() }),
  )
  let taken: Taken = { lines: [], here: nobodyNamed() }
  try {
    const done = await commit(async (tables) => {
      const startedAt = deps.clock()
      taken = await takeLines(run, tables, prepared, isLastRound)
      adjust(pace, deps.clock() - startedAt)
      return [...refused, ...taken.lines.map(({ event }) => event)].sort(byLine)
    })
    return { taken, done }
  } catch (error) {
    if (error instanceof Again) {
      return null
    }
    throw error
  }
}

/**
 * Prepares lines outside a transaction, then takes all of them in one: person and password together,
 * and whatever `commit` adds. Ends the sessions of those whose password was replaced. Returns what
 * became of each, in order, those `refused` before among them; null: it was not done.
 */
export const takeChunk = async (
  run: ImportRun,
  people: readonly PersonLine[],
  refused: readonly LineEvent[],
  commit: CommitChunk,
): Promise<LineEvent[] | null> => {
  for (let round = 1; ; round += 1) {
    const once = await takeOnce(run, people, refused, commit, round >= ROUNDS_MAX)
    if (once === null) {
      continue
    }
    const { taken, done } = once
    if (done !== null) {
      addNamed(run.named, taken.here)
      for (const { endsSessionsOf } of taken.lines) {
        if (endsSessionsOf !== null) {
          await run.endEverything(endsSessionsOf)
        }
      }
    }
    return done
  }
}
