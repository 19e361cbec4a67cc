import { type Account, isBlockedPin } from './account.ts'
import type { EndEverything } from './administer.ts'
import {
  doubtedSince,
  dropDoubtedAddresses,
  loseDoubtedKeys,
  NOT_ME_MS,
  undoubtedAddress,
} from './doubted.ts'
import { AppError } from './errors.ts'
import type { Deps, Notice, NoticeCode, Origin, Tables } from './ports.ts'
import { secureDurably } from './secure_account.ts'

/** What a link names: one notice of one person. */
interface NotMe {
  readonly sub: string
  readonly noticeId: string
  /** When the notice was given (ms). */
  readonly atMs: number
}

/** What may be a stranger's doing: these offer *This wasn't me*. */
const MAYBE_A_STRANGER: ReadonlySet<NoticeCode> = new Set<NoticeCode>([
  'new_connection',
  'device_added',
  'device_forgotten_copied',
  'devices_forgotten',
  'pin_defined',
  'pin_changed',
  'pin_reset_by_mail',
  'password_reset_by_mail',
  'pin_wrong',
  'pin_blocked',
  'password_changed',
  'protection_chosen',
  'protection_changed',
  'key_in_service',
  'key_blocked',
  'address_changed',
  'sessions_ended_by_owner',
  'data_copied',
])

export const mayBeAStranger = (code: NoticeCode): boolean => MAYBE_A_STRANGER.has(code)

/** Beside the keys of the outbox: a letter is bound to an id of it, never to this. */
const SEAL_OWNER = 'not_me'

/** The token of the link *This wasn't me*: sealed, and of characters that an address may hold. */
export const notMeToken = (
  deps: Pick<Deps, 'letters' | 'random'>,
  { sub, noticeId, atMs }: NotMe,
): string => deps.letters.seal(JSON.stringify({ sub, noticeId, atMs }), SEAL_OWNER, deps.random)

const open = (deps: Pick<Deps, 'letters'>, token: string): NotMe | null => {
  try {
    return JSON.parse(deps.letters.open(token, SEAL_OWNER).toString('utf8')) as NotMe
  } catch (error) {
    if (error instanceof AppError) {
      return null // Anybody may type anything into an address.
    }
    throw error
  }
}

/** What a link names; null: not one of ours, or older than seven days. */
export const readNotMeToken = (
  deps: Pick<Deps, 'letters' | 'clock'>,
  token: string,
): NotMe | null => {
  const read = open(deps, token)
  return read !== null && deps.clock() - read.atMs < NOT_ME_MS ? read : null
}

/** Nobody is back in: no new password, no PIN that is open again, no key used since. */
const isStillShut = async (
  { otpKeys }: Pick<Tables, 'otpKeys'>,
  { sub, password, pin }: Account,
  shutAt: number,
): Promise<boolean> => {
  if (password !== null) {
    return password.voidedAt !== null
  }
  if (pin !== null) {
    return isBlockedPin(pin)
  }
  const keys = await otpKeys.ofPerson(sub)
  return keys.every(({ lastUsedAt }) => lastUsedAt === null || lastUsedAt <= shutAt)
}

/** When an account was last secured in this way (ms); 0: never. */
const securedAt = async (
  { audit }: Pick<Tables, 'audit'>,
  sub: string,
  act: 'not_me' | 'password_voided',
): Promise<number> => (await audit.list({ sub, act }, 1))[0]?.atMs ?? 0

/** When an account was last shut (ms); 0: never. */
const lastShutAt = async (tables: Pick<Tables, 'audit'>, sub: string): Promise<number> =>
  Math.max(await securedAt(tables, sub, 'not_me'), await securedAt(tables, sub, 'password_voided'))

/**
 * The ids of those notices of a person who is in that *This wasn't me* can be said to: not those
 * from before the account was last shut, which its person has come back from.
 */
export const answerableNotices = async (
  { clock, store }: Pick<Deps, 'clock' | 'store'>,
  sub: string,
  notices: readonly Notice[],
): Promise<ReadonlySet<string>> => {
  const open = notices.filter(
    ({ code, atMs, answeredAt }) =>
      mayBeAStranger(code) && answeredAt === null && clock() - atMs < NOT_ME_MS,
  )
  const shutAt = open.length === 0 ? 0 : await lastShutAt(store, sub)
  return new Set(open.filter(({ atMs }) => atMs > shutAt).map(({ id }) => id))
}

/** Where a link leads. */
export type NotMeState =
  | { readonly step: 'ask'; readonly account: Account; readonly notice: Notice }
  /** It was answered, or another was since, and the ways back in are what its person needs. */
  | { readonly step: 'done'; readonly account: Account }
  /** Not one of ours, too old, or from before its person came back in. */
  | { readonly step: 'over' }

const OVER: NotMeState = { step: 'over' }

const stateOf = async (tables: Tables, { noticeId, sub }: NotMe): Promise<NotMeState> => {
  const notice = await tables.notices.find(noticeId, sub)
  const account = await tables.accounts.bySub(sub)
  if (notice === null || account === null) {
    return OVER
  }
  const saidAt = await securedAt(tables, sub, 'not_me')
  const shutAt = await lastShutAt(tables, sub)
  const isSaid = notice.answeredAt !== null || notice.atMs <= saidAt
  // From before the account was shut: whoever is back in must not lose it again by an old mail.
  if ((isSaid || notice.atMs <= shutAt) && !(await isStillShut(tables, account, shutAt))) {
    return OVER
  }
  // What the school has shut is still to be searched for what a stranger left.
  return isSaid ? { step: 'done', account } : { step: 'ask', account, notice }
}

/** Reads only: mail scanners follow links. */
export const notMeState = async (deps: Deps, token: string): Promise<NotMeState> => {
  const named = readNotMeToken(deps, token)
  return named === null ? OVER : stateOf(deps.store, named)
}

const secure = async (
  deps: Deps,
  tables: Tables,
  before: Account,
  noticeId: string,
  origin: Origin,
): Promise<void> => {
  const { sub } = before
  const sinceMs = await doubtedSince(tables, sub, deps.clock())
  // First: what is told from here on must not go to a stranger.
  await dropDoubtedAddresses(deps, tables, before, sinceMs, { by: sub, origin })
  await loseDoubtedKeys(deps, tables, sub, sinceMs, origin)
  const undoubted = undoubtedAddress(before, sinceMs)
  const asked = {
    why: 'not_me',
    by: sub,
    origin,
    detail: { notice: noticeId },
    alsoTo: undoubted === null ? [] : [undoubted],
  } as const
  await secureDurably(deps, tables, (await tables.accounts.bySub(sub)) ?? before, asked)
}

/**
 * *This wasn't me*, said to one notice: the account is secured, once. Keys and an address that came
 * to it while a notice could be answered are not trusted either, whichever notice it was. Said
 * again, or to an older one, it ends once more what may be left of the sessions, should the first
 * time have been cut short. False, and nothing is changed: its person is back in, or it is too old.
 */
export const sayNotMe = async (
  deps: Deps,
  endEverything: EndEverything,
  token: string,
  origin: Origin,
): Promise<boolean> => {
  const named = readNotMeToken(deps, token)
  if (named === null) {
    return false
  }
  const { sub, noticeId } = named
  const isShut = await deps.store.transact(async (tables) => {
    const state = await stateOf(tables, named)
    if (state.step === 'ask' && (await tables.notices.answer(noticeId, sub, deps.clock()))) {
      await secure(deps, tables, state.account, noticeId, origin)
    }
    return state.step !== 'over'
  })
  if (isShut) {
    await endEverything(sub)
  }
  return isShut
}
