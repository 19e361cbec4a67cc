import { truncateNetwork } from '../policies/network.ts'
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
const NOTICES_LOOKED_AT = 20

const sameFacts = (a: Notice['params'], b: Notice['params']): boolean =>
  Object.keys({ ...a, ...b }).every((key) => a[key] === b[key])

/** Whether the same was mailed a moment ago: a new connection from one place, again and again. */
const isRepeated = async (
  { notices }: Pick<Tables, 'notices'>,
  { sub, code, atMs, params }: Notice,
): Promise<boolean> => {
  if (code !== 'new_connection') {
    return false
  }
  const recent = await notices.list(sub, NOTICES_LOOKED_AT)
  return recent.some(
    (one) => one.code === code && atMs - one.atMs < SAME_PLACE_MS && sameFacts(one.params, params),
  )
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
  const repeated = await isRepeated(tables, told)
  await tables.notices.add(told)
  const account = deps.mails && !repeated ? await tables.accounts.bySub(sub) : null
  if (account === null) {
    return
  }
  for (const to of [null, ...alsoTo]) {
    const { id: noticeId, atMs } = told
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
