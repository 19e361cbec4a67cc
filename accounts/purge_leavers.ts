import type { EndEverything } from './administer.ts'
import { eraseIn, erasePerson } from './erase.ts'
import type { Job, Json } from './job_ports.ts'
import type { Commit, JobKind } from './jobs.ts'
import { nextTurn } from './next_turn.ts'
import type { Deps, Tables } from './ports.ts'
import { administratorWith } from './target.ts'

const DAY_MS = 24 * 3_600_000
const AT_ONCE = 100

/** For the audit: nobody in person. */
export const PURGE_BY = 'purge'

/** Whoever left by then (ms) is to be erased. */
export const goneSince = (nowMs: number, keptDays: number): number => nowMs - keptDays * DAY_MS

/** When (ms) somebody who left is erased. */
export const erasedAt = (leftAt: number, keptDays: number): number => leftAt + keptDays * DAY_MS

/** Looked at again: an import or an administrator may have brought them back. */
const isStillDue = async (
  { accounts }: Pick<Tables, 'accounts'>,
  sub: string,
  since: number,
): Promise<boolean> => {
  const leftAt = await accounts.leftAt(sub)
  return leftAt !== null && leftAt <= since
}

/** Returns how many of them were erased. */
const eraseDue = async (
  deps: Deps,
  endEverything: EndEverything,
  subs: readonly string[],
  { since, by }: { since: number; by: string },
): Promise<number> => {
  let erased = 0
  for (const sub of subs) {
    if (await isStillDue(deps.store, sub, since)) {
      erased += (await erasePerson(deps, endEverything, sub, by)).ok ? 1 : 0
    }
    await nextTurn()
  }
  return erased
}

/**
 * Erases people who left their school so long ago, one at a time; whoever returned meanwhile is not
 * among them, nor who holds a role. Returns how many.
 */
export const purgeLeavers = async (
  deps: Deps,
  endEverything: EndEverything,
  { keptDays, by, isOver = () => false }: { keptDays: number; by: string; isOver?: () => boolean },
): Promise<number> => {
  const since = goneSince(deps.clock(), keptDays)
  let erased = 0
  while (!isOver()) {
    const due = await deps.store.accounts.goneBefore(since, AT_ONCE)
    const subs = due.map(({ sub }) => sub)
    const more = await eraseDue(deps, endEverything, subs, { since, by })
    erased += more
    if (more === 0) {
      break
    }
  }
  return erased
}

export const PURGE_KIND = 'purge_leavers'
/** Of a job: each takes dozens of statements. */
const ERASED_AT_ONCE = 5

interface PurgeParams {
  /** Whoever left by then (ms), as it was confirmed. */
  readonly since: number
}

export const purgeParams = (since: number): Json => ({ since })

const eraseSome = async (
  deps: Deps,
  job: Job,
  commit: Commit,
  subs: readonly string[],
): Promise<readonly string[]> => {
  const { since } = job.params as unknown as PurgeParams
  let erased: string[] = []
  const committed = await commit(async (tables) => {
    erased = []
    for (const account of await tables.accounts.bySubs(subs)) {
      const due = await isStillDue(tables, account.sub, since)
      if (due && (await eraseIn(deps, tables, account, job.by)).ok) {
        erased.push(account.sub)
      }
    }
    // A result would name who was to be forgotten: they are counted.
    const { length } = erased
    return { cursor: job.done + length, results: [], counts: { erased: length }, done: length }
  })
  return committed ? erased : []
}

/** Erases those due, asked for in the console. */
export const purgeJob = (endEverything: EndEverything): JobKind => ({
  kind: PURGE_KIND,
  async chunk(deps, job, commit) {
    // Whoever asked for it may have lost that right by now.
    if ((await administratorWith(deps.store, job.by, 'purge_leavers')) === null) {
      return { failed: 'no_right' }
    }
    const { since } = job.params as unknown as PurgeParams
    const due = await deps.store.accounts.goneBefore(since, ERASED_AT_ONCE)
    if (due.length === 0) {
      return 'over'
    }
    const erased = await eraseSome(
      deps,
      job,
      commit,
      due.map(({ sub }) => sub),
    )
    for (const sub of erased) {
      await endEverything(sub)
    }
    return 'more'
  },
})
