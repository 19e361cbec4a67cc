import { type AuditAct, auditEntry, idsInOrder } from './audit.ts'
import type { Deps, NoticeCode, PasswordBatch, Replaced, Tables } from './ports.ts'
import { tellAll } from './tell_all.ts'

/** Ends the sessions, grants and refresh tokens of these; whoever has none costs next to nothing. */
export type EndEverythingOf = (subs: readonly string[]) => Promise<void>

/** People of one transaction: well under 50 ms, since nobody else writes meanwhile. */
const REPLACED_AT_ONCE = 100

const hadPersonal = ({ was }: Replaced): boolean => was?.origin === 'personal'

interface Step {
  readonly next: 'enterNext' | 'leaveNext'
  readonly act: AuditAct
  /** Told to those whom it gives, or takes, a password of their own. */
  readonly notice: NoticeCode
}

const ENTER: Step = {
  next: 'enterNext',
  act: 'password_replaced',
  notice: 'password_replaced',
}
const LEAVE: Step = {
  next: 'leaveNext',
  act: 'password_given_back',
  notice: 'password_given_back',
}

/** The next passwords of a batch, with all that belongs to them, or none of it. */
const stepOnce = (deps: Deps, { next, act, notice }: Step, id: string, by: string | null) =>
  deps.store.transact(async (tables: Tables): Promise<Replaced[]> => {
    const replaced = await tables.passwordBatches[next](id, deps.clock(), REPLACED_AT_ONCE)
    const nextId = idsInOrder(deps.random)
    await tables.audit.appendAll(
      replaced.map((one) =>
        auditEntry(deps, {
          id: nextId(),
          act,
          actor: by,
          sub: one.sub,
          detail: { batch: id, personal: hadPersonal(one) },
        }),
      ),
    )
    await tellAll(
      deps,
      tables,
      replaced.filter(hadPersonal).map(({ sub }) => sub),
      notice,
    )
    return replaced
  })

const isUnfinished = async (deps: Deps, id: string): Promise<boolean> =>
  (await deps.store.passwordBatches.unfinished()).some((batch) => batch.id === id)

async function* steps(
  deps: Deps,
  step: Step,
  id: string,
  by: string | null,
): AsyncGenerator<Replaced[]> {
  let replaced: Replaced[]
  do {
    replaced = await stepOnce(deps, step, id, by)
    yield replaced
    // Few may mean that others are disabled; only the state says that nobody is left.
  } while (replaced.length === REPLACED_AT_ONCE || (await isUnfinished(deps, id)))
}

/**
 * Brings a batch that is entering into force, whoever has begun it; any number of processes may do
 * so at once. Sessions end after `valid_after` has moved: those that outlive a crash are void.
 */
export const bringIntoForce = async (
  deps: Deps,
  endEverythingOf: EndEverythingOf,
  { id, by }: Pick<PasswordBatch, 'id' | 'by'>,
): Promise<void> => {
  for await (const replaced of steps(deps, ENTER, id, by)) {
    await endEverythingOf(replaced.map(({ sub }) => sub))
  }
}

/**
 * Gives back what a batch that is leaving has replaced. `by`: null where it is completed for
 * whoever began it. Returns for how many this call did it, and how many have one of their own again.
 */
export const giveBackAll = async (
  deps: Deps,
  id: string,
  by: string | null,
): Promise<{ people: number; personal: number }> => {
  let people = 0
  let personal = 0
  for await (const replaced of steps(deps, LEAVE, id, by)) {
    people += replaced.length
    personal += replaced.filter(hadPersonal).length
  }
  return { people, personal }
}
