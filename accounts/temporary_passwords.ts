import { lapsesAt } from '../policies/password_age.ts'
import type { PolicySet } from '../policies/policy.ts'
import { generateTemporaryPassword } from '../policies/temporary_password.ts'
import { perUserType, type UserType } from '../policies/user_type.ts'
import type { Account } from './account.ts'
import { auditEntry, randomId } from './audit.ts'
import { listForCards, type Placed } from './card_list.ts'
import type { Deps, Selection, Tables } from './ports.ts'
import { bringIntoForce, type EndEverythingOf, giveBackAll } from './replace_passwords.ts'
import { selectionWords } from './selection_words.ts'
import { passwordOwner } from './sign_in.ts'

/** What is handed out to one person. Shown nowhere else, and never again. */
export interface Card {
  readonly sub: string
  readonly identifier: string
  readonly givenName: string
  readonly familyName: string
  readonly userType: UserType
  /** Of a pupil; of a guardian their children's. Nobody else's card is handed out by class. */
  readonly classes: readonly string[]
  /** UAI code of the establishment whose list they are on; null: none. */
  readonly home: string | null
  readonly password: string
  /** Ms since 1970. */
  readonly validUntil: number
}

/**
 * Files of cards. They come in order: home by home, class by class, by name; each call is awaited
 * before the next. What cannot be written throws, and leaves nothing.
 */
export interface CardWriter {
  write(card: Card): Promise<void>
  /** Resolves to their paths once every file is complete, on the disk, and has its name. */
  close(): Promise<{ readonly files: readonly string[] }>
  /** Leaves nothing behind; called at most once, and never after `close` was successful. */
  abandon(): Promise<void>
}

/** Who of a selection gets no password: has none and comes by a key; has one of their own. */
export type LeftOut = 'no_local_password' | 'personal_kept'

export interface GenerationCounts {
  /** Passwords, by who gets them. */
  readonly passwords: Readonly<Record<UserType, number>>
  /** The same by establishment (UAI code), in order; null: of none. */
  readonly homes: readonly { readonly home: string | null; readonly passwords: number }[]
  /** Of those, how many replace a personal one. */
  readonly personal: number
  readonly leftOut: Readonly<Record<LeftOut, number>>
}

export interface Generation {
  readonly selection: Selection
  /** Leaves out those who have a password of their own that serves. */
  readonly keepPersonal: boolean
  /** Such as `cli:<system user>`. */
  readonly by: string
  /** Counts, writes nothing and opens no file. */
  readonly dryRun: boolean
  /** Whom of the selection it is for; default: all. */
  readonly isFor?: (account: Account) => boolean
  /** Of the new batch; default: a random one. */
  readonly batchId?: string
  /** Asked in the transaction that says it comes into force; false: it does not, `overtaken`. */
  readonly stillMay?: (tables: Tables) => Promise<boolean>
}

export type Generated =
  | {
      readonly ok: true
      /** Null after a dry run. */
      readonly batchId: string | null
      readonly counts: GenerationCounts
      readonly files: readonly string[]
    }
  /**
   * `nobody`: none of the selection gets one. `dropped`: writing took over an hour, and the batch
   * is forgotten; `overtaken`: meanwhile another batch gave some of the same people theirs. What
   * stands in `files` then serves nobody.
   */
  | {
      readonly ok: false
      readonly reason: 'nobody' | 'dropped' | 'overtaken'
      readonly counts: GenerationCounts
      readonly files: readonly string[]
    }

export type TakenBack =
  | {
      readonly ok: true
      /** How many got back what they had, and how many of them a password of their own. */
      readonly people: number
      readonly personal: number
    }
  | { readonly ok: false; readonly reason: 'unknown' | 'used' | 'not_in_force' | 'forgotten' }

type Tally = {
  passwords: Record<UserType, number>
  homes: { home: string | null; passwords: number }[]
  personal: number
  leftOut: Record<LeftOut, number>
}

const newTally = (): Tally => ({
  passwords: perUserType(() => 0),
  homes: [],
  personal: 0,
  leftOut: { no_local_password: 0, personal_kept: 0 },
})

/** Why somebody gets none; null: they get one. */
export const whyLeftOut = (
  { password, hasOtpKeys }: Account,
  { keepPersonal }: Pick<Generation, 'keepPersonal'>,
): LeftOut | null => {
  if (password === null) {
    return hasOtpKeys ? 'no_local_password' : null
  }
  const serves = password.origin === 'personal' && password.voidedAt === null
  return keepPersonal && serves ? 'personal_kept' : null
}

/** People come home by home. */
const countAt = ({ homes }: Tally, home: string | null): void => {
  const last = homes.at(-1)
  if (last?.home === home) {
    last.passwords += 1
  } else {
    homes.push({ home, passwords: 1 })
  }
}

/** Those who get a password; everybody is counted. */
const counted = (people: readonly Placed[], generation: Generation, tally: Tally): Placed[] =>
  people.filter(({ account, home }) => {
    if (generation.isFor?.(account) === false) {
      return false
    }
    const why = whyLeftOut(account, generation)
    if (why !== null) {
      tally.leftOut[why] += 1
      return false
    }
    tally.passwords[account.userType] += 1
    countAt(tally, home)
    tally.personal += account.password?.origin === 'personal' ? 1 : 0
    return true
  })

const cardOf = (deps: Deps, policies: PolicySet, { account, home, classes }: Placed): Card => {
  const { sub, identifier, givenName, familyName, userType } = account
  return {
    ...{ sub, identifier, givenName, familyName, userType, classes, home },
    password: generateTemporaryPassword(deps.random.below),
    validUntil: lapsesAt(deps.clock(), policies[userType]),
  }
}

interface Entry {
  readonly sub: string
  readonly sealed: string
}

/** Writes the cards of these; returns what is kept of their passwords. */
const makeCards = async (
  deps: Deps,
  policies: PolicySet,
  people: readonly Placed[],
  writer: CardWriter,
): Promise<Entry[]> => {
  const entries: Entry[] = []
  for (const placed of people) {
    const card = cardOf(deps, policies, placed)
    await writer.write(card)
    const { sub, password } = card
    entries.push({ sub, sealed: deps.hasher.keep(password, passwordOwner(sub)) })
  }
  return entries
}

/** Kept until they can be sorted: some 5 MB. */
const ENTRIES_SORTED_MAX = 20_000
const ENTRIES_AT_ONCE = 250

/** By `sub`, as their index is: in the order of the cards, each would touch a page of its own. */
const prepare = async (deps: Deps, batchId: string, entries: Entry[]): Promise<void> => {
  entries.sort((a, b) => (a.sub < b.sub ? -1 : 1))
  for (let at = 0; at < entries.length; at += ENTRIES_AT_ONCE) {
    const some = entries.slice(at, at + ENTRIES_AT_ONCE)
    await deps.store.passwordBatches.prepare(batchId, some)
  }
  entries.length = 0
}

type OpenWriter = (batchId: string) => Promise<CardWriter>

/** Everybody's password in a batch and its card in the files; null: nobody gets one. */
const writeCards = async (
  deps: Deps,
  batchId: string,
  generation: Generation,
  openWriter: OpenWriter,
  tally: Tally,
): Promise<{ readonly files: readonly string[] } | null> => {
  const { selection, by } = generation
  const policies = await deps.store.policies.current()
  let writer: CardWriter | null = null
  const entries: Entry[] = []
  try {
    for await (const people of listForCards(deps.store, selection)) {
      const given = counted(people, generation, tally)
      if (given.length > 0) {
        if (writer === null) {
          writer = await openWriter(batchId)
          await begin(deps, batchId, { selection, by })
        }
        entries.push(...(await makeCards(deps, policies, given, writer)))
      }
      if (entries.length >= ENTRIES_SORTED_MAX) {
        await prepare(deps, batchId, entries)
      }
    }
    await prepare(deps, batchId, entries)
    return writer === null ? null : await writer.close()
  } catch (error) {
    await writer?.abandon()
    throw error
  }
}

const begin = async (
  deps: Deps,
  batchId: string,
  { selection, by }: Pick<Generation, 'selection' | 'by'>,
): Promise<void> => {
  const batch = { id: batchId, atMs: deps.clock(), by, selection: selectionWords(selection) }
  await deps.store.passwordBatches.begin(batch)
}

const auditDetail = ({ selection, keepPersonal }: Generation, batchId: string, tally: Tally) => ({
  batch: batchId,
  selection: selectionWords(selection),
  keep_personal: keepPersonal,
  people: Object.values(tally.passwords).reduce((sum, each) => sum + each, 0),
  personal: tally.personal,
  ...tally.leftOut,
})

/** The files are complete: from here on the batch is finished, whatever happens to this process. */
const enter = (deps: Deps, generation: Generation, batchId: string, tally: Tally) =>
  deps.store.transact(async (tables) => {
    if ((await generation.stillMay?.(tables)) === false) {
      await tables.passwordBatches.abandon(batchId, deps.clock())
      return 'overtaken'
    }
    const entered = await tables.passwordBatches.enter(batchId, deps.clock())
    if (entered === 'ok') {
      const detail = auditDetail(generation, batchId, tally)
      await tables.audit.append(
        auditEntry(deps, { act: 'passwords_generated', actor: generation.by, detail }),
      )
    }
    return entered
  })

const countOnly = async (deps: Deps, generation: Generation): Promise<Generated> => {
  const counts = newTally()
  for await (const people of listForCards(deps.store, generation.selection)) {
    counted(people, generation, counts)
  }
  return { ok: true, batchId: null, counts, files: [] }
}

/**
 * Gives everybody of a selection a temporary password, in force once all files are complete.
 * `openWriter` is called once, with the id of the batch, before anything is written; not in a dry
 * run, nor where nobody gets one. Throws what the writer throws: then nothing is in force, and what
 * was prepared is forgotten within the hour.
 */
export const generatePasswords = async (
  deps: Deps,
  endEverythingOf: EndEverythingOf,
  generation: Generation,
  openWriter: OpenWriter,
): Promise<Generated> => {
  if (generation.dryRun) {
    return countOnly(deps, generation)
  }
  const counts = newTally()
  const { batchId = randomId(deps.random) } = generation
  const written = await writeCards(deps, batchId, generation, openWriter, counts)
  if (written === null) {
    return { ok: false, reason: 'nobody', counts, files: [] }
  }
  const { files } = written
  const entered = await enter(deps, generation, batchId, counts)
  if (entered !== 'ok') {
    return { ok: false, reason: entered, counts, files }
  }
  await bringIntoForce(deps, endEverythingOf, { id: batchId, by: generation.by })
  return { ok: true, batchId, counts, files }
}

/** Gives back what a batch has replaced, unless one of its passwords was used; says why not. */
export const takeBack = async (deps: Deps, batchId: string, by: string): Promise<TakenBack> => {
  const left = await deps.store.transact(async (tables) => {
    const result = await tables.passwordBatches.leave(batchId, deps.clock())
    if (result === 'ok') {
      const detail = { batch: batchId }
      await tables.audit.append(
        auditEntry(deps, { act: 'passwords_taken_back', actor: by, detail }),
      )
    }
    return result
  })
  return left === 'ok'
    ? { ok: true, ...(await giveBackAll(deps, batchId, by)) }
    : { ok: false, reason: left }
}

/**
 * Completes batches that are entering or leaving: whoever began them may have died. Returns how
 * many.
 */
export const finishBatches = async (
  deps: Deps,
  endEverythingOf: EndEverythingOf,
): Promise<number> => {
  const batches = await deps.store.passwordBatches.unfinished()
  for (const batch of batches) {
    if (batch.state === 'entering') {
      await bringIntoForce(deps, endEverythingOf, batch)
    } else {
      await giveBackAll(deps, batch.id, null)
    }
  }
  return batches.length
}

/** Far longer than a hundred thousand cards take. */
const PREPARED_KEPT_MS = 3_600_000
const REPLACED_KEPT_MS = 90 * 24 * 3_600_000

/** Forgets what was never completed, and replaced passwords that nobody can get back any more. */
export const forgetBatches = (deps: Deps): Promise<number> => {
  const nowMs = deps.clock()
  return deps.store.passwordBatches.purge({
    preparedMs: nowMs - PREPARED_KEPT_MS,
    oldMs: nowMs - REPLACED_KEPT_MS,
  })
}
