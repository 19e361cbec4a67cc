import {
  disableAct,
  enableAct,
  endSessionsAct,
  eraseAct,
  forgetDevicesAct,
  unblockPinAct,
} from './access_acts.ts'
import type { Job, JobProgress, Json } from './job_ports.ts'
import type { ChunkEnd, Commit, JobKind } from './jobs.ts'
import { createPace, type Pace } from './pace.ts'
import { forceChangeAct, voidPasswordAct } from './password_acts.ts'
import {
  type Acted,
  type ActRun,
  type PeopleAct,
  type PeopleActName,
  type Prepared,
  resultOf,
} from './people_act.ts'
import {
  askerOf,
  countPeople,
  createNextPeople,
  cursorOf,
  isTooMany,
  type JobReads,
  type NextPeople,
  paramsOf,
  sortOut,
} from './people_job.ts'
import { newPinAct } from './pin_act.ts'
import type { Deps, Tables } from './ports.ts'
import type { EndEverythingOf } from './replace_passwords.ts'

/** The acts that are done chunk by chunk, each with its result in one transaction. */
export const CHUNKED_ACTS = {
  force_change: forceChangeAct,
  void_password: voidPasswordAct,
  new_pin: newPinAct,
  unblock_pin: unblockPinAct,
  forget_devices: forgetDevicesAct,
  end_sessions: endSessionsAct,
  disable: disableAct,
  enable: enableAct,
  erase: eraseAct,
} as const satisfies Partial<Record<PeopleActName, PeopleAct>>

export interface PeopleJobNeeds {
  readonly reads: JobReads
  readonly endEverythingOf: EndEverythingOf
}

/** In the transaction: acts on those of a chunk whom they may act on. */
const actOn = async (
  run: Omit<ActRun, 'who'> & { readonly by: string; readonly name: PeopleActName },
  act: PeopleAct,
  tables: Tables,
  subs: readonly string[],
  prepared: Prepared,
): Promise<readonly Acted[]> => {
  const who = await askerOf(tables, run.by, run.name)
  if (who === null) {
    return subs.map((sub) => ({ sub, outcome: 'no_right' }))
  }
  const { accounts, refused } = await sortOut(tables, who, subs, act)
  const acted =
    accounts.length === 0 ? [] : await act.apply({ ...run, who }, tables, accounts, prepared)
  return [...acted, ...refused]
}

/** In the order of the chunk. */
const inOrder = (subs: readonly string[], acted: readonly Acted[]): Acted[] => {
  const bySub = new Map(acted.map((one) => [one.sub, one]))
  return subs.map((sub) => bySub.get(sub) ?? { sub, outcome: 'gone' })
}

const cursorAt = (next: string | null): Json =>
  next === null ? { after: null, over: true } : { after: next }

const chunkOf = async (
  name: PeopleActName,
  act: PeopleAct,
  { reads, endEverythingOf, nextPeople }: PeopleJobNeeds & { readonly nextPeople: NextPeople },
  pace: Pace,
  deps: Deps,
  job: Job,
  commit: Commit,
): Promise<ChunkEnd> => {
  const { people, confirmed, options } = paramsOf(job)
  const { by, id: jobId } = job
  const who = await askerOf(deps.store, by, name)
  if (who === null) {
    return { failed: 'no_right' }
  }
  const total = job.total === null ? await countPeople(reads, people, who) : job.total
  const cursor = cursorOf(job)
  if (cursor.over === true) {
    return 'over'
  }
  const { subs, next } = await nextPeople(people, who, cursor.after, pace.size)
  if (isTooMany(Math.max(total, job.done + subs.length), confirmed)) {
    return { failed: 'more_people' }
  }
  if (subs.length === 0) {
    return 'over'
  }
  const run = { deps, jobId, by, name, options, policies: await deps.store.policies.current() }
  const prepared =
    act.prepare === undefined
      ? new Map()
      : await act.prepare({ ...run, who }, await deps.store.accounts.bySubs(subs))
  let ends: string[] = []
  const committed = await commit(async (tables): Promise<JobProgress> => {
    const acted = inOrder(subs, await actOn(run, act, tables, subs, prepared))
    ends = acted.flatMap(({ sub, ends: doEnd }) => (doEnd === true ? [sub] : []))
    return { cursor: cursorAt(next), results: acted.map(resultOf), total }
  }, pace)
  if (!committed) {
    return 'more'
  }
  if (ends.length > 0) {
    await endEverythingOf(ends)
  }
  return next === null ? 'over' : 'more'
}

/** The kind of job of an act. */
export const peopleJob = (name: keyof typeof CHUNKED_ACTS, needs: PeopleJobNeeds): JobKind => {
  const act: PeopleAct = CHUNKED_ACTS[name]
  const [first, most] = act.sizes
  const pace = createPace(first, most)
  const own = { ...needs, nextPeople: createNextPeople(needs.reads) }
  return {
    kind: name,
    chunk: (deps, job, commit) => chunkOf(name, act, own, pace, deps, job, commit),
  }
}
