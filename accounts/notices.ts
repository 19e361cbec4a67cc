import { truncateNetwork } from '../policies/network.ts'
import { type Account, mailAddress } from './account.ts'
import { randomId } from './audit.ts'
import { browserFamily } from './browser_family.ts'
import { queueLetter } from './outbox.ts'
import type { Deps, NewNotice, Notice, NoticeCode, Origin, Tables } from './ports.ts'

/** From where something was done, as far as its owner may want to know it again. */
export const whence = ({ address, userAgent }: Origin): Notice['params'] => {
  const { browser, system } = browserFamily(userAgent)
  return { browser, system, network: truncateNetwork(address) }
}

/** Sign-ins from one new place are mailed once in so long; each is told in the account. */
const SAME_PLACE_MS = 3_600_000
/**
 * Mails about one kind of thing in an hour: somebody who changes it back and forth, or a thief who
 * means to bury the one warning that matters, fills no mailbox. Each is told in the account.
 */
const MAILS_OF_ONE_KIND_MAX = 5
const HOUR_MS = 3_600_000
const NOTICES_LOOKED_AT = 50
/** Of a notice that is not mailed: when the same last was (ms; 0: never). No words, for no page. */
export const MAILED_AT = 'mailed_at'

const sameFacts = (a: Notice['params'], b: Notice['params']): boolean =>
  Object.keys({ ...a, ...b }).every((key) => key === MAILED_AT || a[key] === b[key])

const mailedAtOf = ({ atMs, params }: Notice): number => Number(params[MAILED_AT] ?? atMs)

/** When the same was last mailed, within the hour; null: it is to be mailed. */
const samePlaceMailed = (recent: readonly Notice[], told: NewNotice): number | null => {
  // The newest one like it says so, however many there were in between.
  const like = recent.find((one) => sameFacts(one.params, told.params))
  const mailedAt = like === undefined ? 0 : mailedAtOf(like)
  return told.atMs - mailedAt < SAME_PLACE_MS ? mailedAt : null
}

/** When this kind was last mailed, if that was too often within the hour; null: it is to be mailed. */
const tooManyMailed = (recent: readonly Notice[], { atMs }: NewNotice): number | null => {
  const [newest] = recent
  const mailed = recent.filter((one) => one.params[MAILED_AT] === undefined)
  const within = mailed.filter((one) => atMs - one.atMs < HOUR_MS)
  const held = newest?.params[MAILED_AT] !== undefined && mailedAtOf(newest) > 0
  const last = newest === undefined ? 0 : mailedAtOf(newest)
  const tooMany = within.length >= MAILS_OF_ONE_KIND_MAX || held
  return tooMany && atMs - last < HOUR_MS ? last : null
}

/**
 * When the same was last mailed, where it is not to be mailed again now. What was void since
 * (`validAfter`) does not count: somebody is back in after *This wasn't me*.
 */
const mailedBefore = async (
  { notices }: Pick<Tables, 'notices'>,
  told: NewNotice,
  { validAfter }: Account,
): Promise<number | null> => {
  const all = await notices.list(told.sub, NOTICES_LOOKED_AT)
  const recent = all.filter(({ code, atMs }) => code === told.code && atMs > validAfter)
  return told.code === 'new_connection'
    ? samePlaceMailed(recent, told)
    : tooManyMailed(recent, told)
}

/**
 * Tells a person something that happens now: in their account, and by mail where there is an
 * address. `params` end up on pages and in mails: names and places, no secrets. `alsoTo`: further
 * addresses, such as the one that was just replaced. The address is that of now: whoever changes it
 * while the mail waits does not get the warning.
 */
export const tell = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters' | 'mails'>,
  tables: Pick<Tables, 'notices' | 'outbox' | 'accounts'>,
  sub: string,
  code: NoticeCode,
  { params = {}, alsoTo = [] }: { params?: Notice['params']; alsoTo?: readonly string[] } = {},
): Promise<void> => {
  const told: NewNotice = { id: randomId(deps.random), sub, code, atMs: deps.clock(), params }
  const account = deps.mails ? await tables.accounts.bySub(sub) : null
  const addresses = account === null ? [] : [mailAddress(account), ...alsoTo]
  const to = [...new Set(addresses)].filter((each) => each !== null)
  if (account === null || to.length === 0) {
    await tables.notices.add({ ...told, params: { ...params, [MAILED_AT]: '0' } })
    return
  }
  const mailedAt = await mailedBefore(tables, told, account)
  const noted = mailedAt === null ? params : { ...params, [MAILED_AT]: String(mailedAt) }
  await tables.notices.add({ ...told, params: noted })
  for (const address of mailedAt === null ? to : []) {
    const { id: noticeId, atMs } = told
    const letter = { template: 'notice', sub, to: address, noticeId, code, atMs, params } as const
    await queueLetter(deps, tables, account, letter)
  }
}
