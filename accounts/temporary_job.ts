import { type Administrator, EVERYBODY, scopeOf } from '../policies/admin_rights.ts'
import { type Account, identifierKey } from './account.ts'
import { randomId } from './audit.ts'
import { claimIssue } from './issued_secrets.ts'
import type { Job, JobFiles, JobResult } from './job_ports.ts'
import type { ChunkEnd, Commit, JobKind } from './jobs.ts'
import { nextTurn } from './next_turn.ts'
import type { PersonOutcome } from './people_act.ts'
import {
  askerOf,
  countPeople,
  createNextPeople,
  isTooMany,
  type JobPeople,
  type JobReads,
  type JobStretch,
  type PeopleJobParams,
  paramsOf,
  sortOut,
} from './people_job.ts'
import { type Deps, SELECTED_IDENTIFIERS_MAX, type Selection, type Tables } from './ports.ts'
import { bringIntoForce, type EndEverythingOf } from './replace_passwords.ts'
import { whyForbidden } from './target.ts'
import {
  type CardWriter,
  generatePasswords,
  type LeftOut,
  whyLeftOut,
} from './temporary_passwords.ts'

export interface TemporaryJobNeeds {
  readonly reads: JobReads
  readonly files: JobFiles
  readonly endEverythingOf: EndEverythingOf
  /** The process ends: what is written so far is given up, and begun anew. */
  readonly isStopping: () => boolean
}

/**
 * `write`: cards are made, in force for nobody; `given`: they are in force, and it is noted for
 * whom; `rest`: and why not for the others. JSON.
 */
type Cursor =
  | { readonly phase: 'write' | 'over'; readonly batch: string }
  | { readonly phase: 'given' | 'rest'; readonly batch: string; readonly after: string | null }

const cursorOf = ({ cursor }: Job): Cursor | null => cursor as unknown as Cursor | null

const PEOPLE_AT_ONCE = 200
const CARDS_BETWEEN_TURNS = 10
const CARDS_BETWEEN_LOOKS = 500

/** The job is cancelled, or this process ends, in the middle of the cards. */
class BrokenOff extends Error {
  override readonly name = 'BrokenOff'
}

/** Lets others have their turn, and stops when it is to. */
const watched = (
  { isStopping }: TemporaryJobNeeds,
  deps: Deps,
  { id }: Job,
  writer: CardWriter,
): CardWriter => {
  let cards = 0
  return {
    async write(card) {
      await writer.write(card)
      cards += 1
      if (cards % CARDS_BETWEEN_TURNS === 0) {
        await nextTurn()
      }
      const asks = cards % CARDS_BETWEEN_LOOKS === 0
      if (isStopping() || (asks && (await deps.store.jobs.find(id))?.state === 'cancelling')) {
        await writer.abandon()
        throw new BrokenOff()
      }
    },
    close: () => writer.close(),
    abandon: () => writer.abandon(),
  }
}

/** What lists on paper can be made of without naming everybody; null: they are to be named. */
const plainSelection = (people: JobPeople, who: Administrator): Selection | null => {
  if (!people.all || scopeOf(who) !== EVERYBODY) {
    return null
  }
  const { userType, establishment, className, ...more } = people.filter
  const isPlain = Object.entries(more).every(
    ([name, value]) => value === undefined || (name === 'disabled' && value === 'no'),
  )
  return isPlain ? { userType, establishment, className } : null
}

/** As they are in one transaction: those who may have one from this administrator. */
const claimFor = async (
  tables: Tables,
  who: Administrator,
  subs: readonly string[],
  keepPersonal: boolean,
  nowMs: number,
): Promise<Account[]> => {
  const { accounts } = await sortOut(tables, who, subs, { onDisabled: false })
  const claimed: Account[] = []
  for (const account of accounts) {
    const isMeant = whyLeftOut(account, { keepPersonal }) === null
    if (isMeant && (await claimIssue(tables, who, account.sub, 'password', nowMs))) {
      claimed.push(account)
    }
  }
  return claimed
}

/** Everybody by name: a selection that only lists can describe. Null: more than can be named. */
const namedSelection = async (
  deps: Deps,
  reads: JobReads,
  { people, options }: PeopleJobParams,
  who: Administrator,
): Promise<{ selection: Selection; subs: ReadonlySet<string> } | null> => {
  const identifiers: string[] = []
  const all = new Set<string>()
  const nextPeople = createNextPeople(reads)
  for (let after: string | null = null; ; await nextTurn()) {
    const stretch: JobStretch = await nextPeople(people, who, after, PEOPLE_AT_ONCE)
    const claimed = await deps.store.transact((tables) =>
      claimFor(tables, who, stretch.subs, options.keepPersonal === true, deps.clock()),
    )
    for (const { sub, identifier } of claimed) {
      all.add(sub)
      identifiers.push(identifierKey(identifier))
    }
    if (identifiers.length > SELECTED_IDENTIFIERS_MAX) {
      return null
    }
    if (stretch.next === null) {
      return { selection: { identifiers }, subs: all }
    }
    after = stretch.next
  }
}

const selectionOf = async (
  deps: Deps,
  reads: JobReads,
  params: PeopleJobParams,
  who: Administrator,
): Promise<{ selection: Selection; isFor: (account: Account) => boolean } | null> => {
  const plain = plainSelection(params.people, who)
  if (plain !== null) {
    return { selection: plain, isFor: ({ sub }) => sub !== who.sub }
  }
  const named = await namedSelection(deps, reads, params, who)
  return named === null
    ? null
    : { selection: named.selection, isFor: ({ sub }) => named.subs.has(sub) }
}

/** The first try, or a new one in place of one that nothing came of. */
const begin = async (deps: Deps, commit: Commit): Promise<ChunkEnd> => {
  const batch = randomId(deps.random)
  const cursor = { phase: 'write', batch } satisfies Cursor
  await commit(async () => ({ cursor, results: [] }))
  return 'more'
}

const tell = async (batch: string, total: number, commit: Commit): Promise<ChunkEnd> => {
  const cursor = { phase: 'given', batch, after: null } satisfies Cursor
  await commit(async () => ({ cursor, results: [], total }))
  return 'more'
}

/**
 * Writing cards takes a while: who asked may hold no role by now, and a helpdesk's batch may hold a
 * card of somebody who was given one meanwhile.
 */
const isStillTheirs = async (tables: Tables, job: Job, batch: string): Promise<boolean> => {
  const who = await askerOf(tables, job.by, 'temporary_passwords')
  if (who?.role !== 'helpdesk') {
    return who !== null
  }
  const holders = (await tables.roles.list()).map(({ sub }) => sub)
  return holders.length === 0 || (await tables.passwordBatches.among(batch, holders)).length === 0
}

/** Makes the cards and puts their passwords in force. */
const write = async (
  needs: TemporaryJobNeeds,
  deps: Deps,
  job: Job,
  batch: string,
  commit: Commit,
): Promise<ChunkEnd> => {
  const { reads, files, endEverythingOf } = needs
  const params = paramsOf(job)
  const who = await askerOf(deps.store, job.by, 'temporary_passwords')
  if (who === null) {
    return { failed: 'no_right' }
  }
  const total = await countPeople(reads, params.people, who)
  if (isTooMany(total, params.confirmed)) {
    return { failed: 'more_people' }
  }
  const selected = await selectionOf(deps, reads, params, who)
  if (selected === null) {
    return { failed: 'too_many_to_name' }
  }
  const generation = {
    ...selected,
    keepPersonal: params.options.keepPersonal === true,
    by: job.by,
    dryRun: false,
    batchId: batch,
    stillMay: (tables: Tables) => isStillTheirs(tables, job, batch),
  }
  try {
    const generated = await generatePasswords(deps, endEverythingOf, generation, async (id) =>
      watched(needs, deps, job, await files.openCards(job.id, id)),
    )
    if (generated.ok || generated.reason === 'nobody') {
      return tell(batch, total, commit)
    }
    await files.remove(job.id)
    return { failed: generated.reason }
  } catch (error) {
    await deps.store.passwordBatches.abandon(batch, deps.clock())
    await files.remove(job.id)
    if (error instanceof BrokenOff) {
      return 'more'
    }
    throw error
  }
}

/** Goes on with a batch that was begun, here or by a process that died. */
const goOn = async (
  needs: TemporaryJobNeeds,
  deps: Deps,
  job: Job,
  batch: string,
  commit: Commit,
): Promise<ChunkEnd> => {
  const there = await deps.store.passwordBatches.find(batch)
  if (there === null) {
    return write(needs, deps, job, batch, commit)
  }
  if (there.state === 'entering' || there.state === 'in_force') {
    await bringIntoForce(deps, needs.endEverythingOf, there)
    return tell(batch, there.size, commit)
  }
  // Whoever was writing it, if anybody still is, can no longer bring it into force.
  await deps.store.passwordBatches.abandon(batch, deps.clock())
  await needs.files.remove(job.id)
  return begin(deps, commit)
}

const LEFT_OUT: Readonly<Record<LeftOut, PersonOutcome>> = {
  no_local_password: 'no_password',
  personal_kept: 'personal_kept',
}

/** Why somebody of the selection is not in the batch. */
const whyNot = async (
  tables: Tables,
  who: Administrator,
  account: Account | undefined,
  keepPersonal: boolean,
): Promise<PersonOutcome> => {
  if (account === undefined) {
    return 'gone'
  }
  const forbidden = await whyForbidden(tables, who, account)
  if (forbidden !== null) {
    return forbidden
  }
  if (account.disabledAt !== null) {
    return 'disabled'
  }
  const leftOut = whyLeftOut(account, { keepPersonal })
  return leftOut === null ? 'other_secret_issued' : LEFT_OUT[leftOut]
}

/** Those of the batch first: what the selection asked for may no longer hold for them. */
const noteGiven = async (
  deps: Deps,
  { batch, after }: Extract<Cursor, { phase: 'given' | 'rest' }>,
  commit: Commit,
): Promise<ChunkEnd> => {
  const entries = await deps.store.passwordBatches.entries(batch, after, PEOPLE_AT_ONCE)
  const last = entries.at(-1)
  const cursor: Cursor =
    last === undefined
      ? { phase: 'rest', batch, after: null }
      : { phase: 'given', batch, after: last.sub }
  const results = entries.map(({ sub, given }) => ({
    subject: sub,
    outcome: given ? 'done' : 'changed_meanwhile',
    detail: null,
  }))
  await commit(async () => ({ cursor, results }))
  return 'more'
}

const restOf = async (
  tables: Tables,
  batch: string,
  subs: readonly string[],
  who: Administrator,
  keepPersonal: boolean,
): Promise<JobResult[]> => {
  const among = new Set(await tables.passwordBatches.among(batch, subs))
  const accounts = new Map((await tables.accounts.bySubs(subs)).map((one) => [one.sub, one]))
  const told: JobResult[] = []
  for (const sub of subs.filter((one) => !among.has(one))) {
    const outcome = await whyNot(tables, who, accounts.get(sub), keepPersonal)
    told.push({ subject: sub, outcome, detail: null })
  }
  return told
}

const noteRest = async (
  { reads }: TemporaryJobNeeds,
  deps: Deps,
  job: Job,
  { batch, after }: Extract<Cursor, { phase: 'given' | 'rest' }>,
  commit: Commit,
): Promise<ChunkEnd> => {
  const { people, options } = paramsOf(job)
  const who = await askerOf(deps.store, job.by, 'temporary_passwords')
  if (who === null) {
    return { failed: 'no_right' }
  }
  const { subs, next } = await createNextPeople(reads)(people, who, after, PEOPLE_AT_ONCE)
  const cursor: Cursor =
    next === null ? { phase: 'over', batch } : { phase: 'rest', batch, after: next }
  await commit(async (tables) => ({
    cursor,
    results: await restOf(tables, batch, subs, who, options.keepPersonal === true),
  }))
  return 'more'
}

/** The batch of a job, by which its passwords are taken back; null: none was begun. */
export const batchOf = (job: Job): string | null => cursorOf(job)?.batch ?? null

/**
 * Temporary passwords on cards for everybody of a selection. The files come first, then all of it
 * comes into force; a process that dies before that leaves nothing in force, and another one begins
 * anew.
 */
export const temporaryJob = (needs: TemporaryJobNeeds): JobKind => ({
  kind: 'temporary_passwords',
  async chunk(deps, job, commit) {
    const cursor = cursorOf(job)
    switch (cursor?.phase) {
      case undefined:
        return begin(deps, commit)
      case 'write':
        return goOn(needs, deps, job, cursor.batch, commit)
      case 'given':
        return noteGiven(deps, cursor, commit)
      case 'rest':
        return noteRest(needs, deps, job, cursor, commit)
      case 'over':
        return 'over'
    }
  },
})
