import { truncateNetwork } from '../policies/network.ts'
import type { Account } from './account.ts'
import { randomId } from './audit.ts'
import { browserFamily } from './browser_family.ts'
import { queueLetter } from './outbox.ts'
import type { Deps, Notice, NoticeCode, Origin, Tables } from './ports.ts'

/** From where something was done, as far as its owner may want to know it again. */
export const whence = ({ address, userAgent }: Origin): Notice['params'] => {
  const { browser, system } = browserFamily(userAgent)
  return { browser, system, network: truncateNetwork(address) }
}

/** Sign-ins from one new place are mailed once in so long; each is told in the account. */
const SAME_PLACE_MS = 3_600_000
const NOTICES_LOOKED_AT = 50
/** Of a notice that is not mailed: when the same last was (ms). No words, for no page. */
const MAILED_AT = 'mailed_at'

const sameFacts = (a: Notice['params'], b: Notice['params']): boolean =>
  Object.keys({ ...a, ...b }).every((key) => key === MAILED_AT || a[key] === b[key])

/**
 * When the same was last mailed, within the hour; null: it is to be mailed. The newest one like it
 * says so, however many there were in between. What was void since (`validAfter`) does not count:
 * somebody is back in after *This wasn't me*.
 */
const mailedBefore = async (
  { notices }: Pick<Tables, 'notices'>,
  { sub, code, atMs, params }: Notice,
  { validAfter }: Account,
): Promise<number | null> => {
  if (code !== 'new_connection') {
    return null
  }
  const recent = await notices.list(sub, NOTICES_LOOKED_AT)
  const like = recent.find((one) => one.code === code && sameFacts(one.params, params))
  if (like === undefined || like.atMs <= validAfter) {
    return null
  }
  const mailedAt = Number(like.params[MAILED_AT] ?? like.atMs)
  return atMs - mailedAt < SAME_PLACE_MS ? mailedAt : null
}

/**
 * Tells a person something that happens now: in their account, and by mail where there is an
 * address. `params` end up on pages and in mails: names and places, no secrets. `alsoTo`: further
 * addresses, such as the one that was just replaced.
 */
export const tell = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters' | 'mails'>,
  tables: Pick<Tables, 'notices' | 'outbox' | 'accounts'>,
  sub: string,
  code: NoticeCode,
  { params = {}, alsoTo = [] }: { params?: Notice['params']; alsoTo?: readonly string[] } = {},
): Promise<void> => {
  const told: Notice = { id: randomId(deps.random), sub, code, atMs: deps.clock(), params }
  const account = deps.mails ? await tables.accounts.bySub(sub) : null
  const mailedAt = account === null ? null : await mailedBefore(tables, told, account)
  const noted = mailedAt === null ? params : { ...params, [MAILED_AT]: String(mailedAt) }
  await tables.notices.add({ ...told, params: noted })
  if (account === null || mailedAt !== null) {
    return
  }
  const { id: noticeId, atMs } = told
  for (const to of [null, ...alsoTo]) {
    await queueLetter(deps, tables, account, {
      template: 'notice',
      sub,
      to,
      noticeId,
      code,
      atMs,
      params,
    })
  }
}
