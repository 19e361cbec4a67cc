import { type Account, isBlockedPin } from './account.ts'
import type { EndEverything } from './administer.ts'
import { auditEntry } from './audit.ts'
import { AppError } from './errors.ts'
import { tell } from './notices.ts'
import { reportLost } from './otp_key.ts'
import type { Deps, Notice, Origin, Tables } from './ports.ts'
import { secureDurably } from './secure_account.ts'

/** What the link of a mail names: one notice of one person. */
export interface NotMe {
  readonly sub: string
  readonly noticeId: string
  /** When the notice was given (ms). */
  readonly atMs: number
}

const DAY_MS = 24 * 3_600_000
/** How long a notice can be answered. */
export const NOT_ME_MS = 7 * DAY_MS

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

/** More than the answers that one person can have given while their links last. */
const ANSWERS_LOOKED_AT = 1_000
const NOTICES_LOOKED_AT = 200

/** Whether an answer to this notice was acted on. */
const isAnswered = async ({ store }: Deps, { sub, noticeId }: NotMe): Promise<boolean> => {
  const answers = await store.audit.list({ sub, act: 'not_me' }, ANSWERS_LOOKED_AT)
  return answers.some(({ detail }) => detail['notice'] === noticeId)
}

/** What the notice told; generally, where so many came after it that it is not looked for. */
const noticeOf = async ({ store }: Deps, { sub, noticeId, atMs }: NotMe): Promise<Notice> => {
  const notices = await store.notices.list(sub, NOTICES_LOOKED_AT)
  return (
    notices.find(({ id }) => id === noticeId) ?? {
      id: noticeId,
      sub,
      code: 'new_connection',
      atMs,
      params: {},
    }
  )
}

/** Nobody is back in by what was shut: no new password, no PIN that is open again. */
const isStillShut = ({ password, pin }: Account): boolean =>
  password === null ? pin === null || isBlockedPin(pin) : password.voidedAt !== null

/** Where a link leads. */
export type NotMeState =
  | { readonly step: 'ask'; readonly account: Account; readonly notice: Notice }
  /** It was answered, and the ways back in are what its person needs. */
  | { readonly step: 'done'; readonly account: Account }
  /** Not one of ours, too old, or answered so long ago that its person is back in. */
  | { readonly step: 'over' }

/** Reads only: mail scanners follow links. */
export const notMeState = async (deps: Deps, token: string): Promise<NotMeState> => {
  const named = readNotMeToken(deps, token)
  const account = named === null ? null : await deps.store.accounts.bySub(named.sub)
  if (named === null || account === null) {
    return { step: 'over' }
  }
  if (!(await isAnswered(deps, named))) {
    return { step: 'ask', account, notice: await noticeOf(deps, named) }
  }
  return isStillShut(account) ? { step: 'done', account } : { step: 'over' }
}

/** A key that was put in service since is in unknown hands: its passcode would open the account. */
const loseKeysSince = async (
  deps: Deps,
  tables: Tables,
  { sub, atMs }: NotMe,
  origin: Origin,
): Promise<void> => {
  const keys = await tables.otpKeys.ofPerson(sub)
  for (const key of keys.filter(({ inServiceAt }) => inServiceAt !== null && inServiceAt >= atMs)) {
    const lost = reportLost(key, deps.clock())
    if (lost.ok) {
      const { serial } = key
      await tables.otpKeys.save(lost.key)
      await tell(deps, tables, sub, 'key_lost', { params: { key: serial } })
      await tables.audit.append(
        auditEntry(deps, { act: 'key_lost', sub, origin, detail: { key: serial, why: 'not_me' } }),
      )
    }
  }
}

/** An address that was proved since may be a stranger's: a code mailed there would let them in. */
const dropAddressSince = async (
  { accounts, notices }: Tables,
  { sub, atMs }: NotMe,
): Promise<void> => {
  const changedAt = await notices.newest(sub, 'address_changed')
  if (changedAt !== null && changedAt >= atMs) {
    await accounts.setVerifiedEmail(sub, null)
  }
}

/**
 * *This wasn't me*, said to one notice: once, and the account is secured. Keys and an
 * address that came to it since then are not trusted either. Said again, or to an old
 * mail after its person is back in, it changes nothing (false).
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
  const said = await deps.store.transact(async (tables) => {
    if (!(await tables.notices.answer(noticeId, sub, deps.clock()))) {
      return false
    }
    await loseKeysSince(deps, tables, named, origin)
    await dropAddressSince(tables, named)
    const account = await tables.accounts.bySub(sub)
    if (account === null) {
      return false
    }
    const detail = { notice: noticeId }
    await secureDurably(deps, tables, account, { why: 'not_me', by: sub, origin, detail })
    return true
  })
  if (said) {
    await endEverything(sub)
  }
  return said
}
