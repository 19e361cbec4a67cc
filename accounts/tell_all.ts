import { mailAddress } from './account.ts'
import { idsInOrder } from './audit.ts'
import { MAILED_AT } from './notices.ts'
import { queueLetters } from './outbox.ts'
import type { Deps, NewNotice, NoticeCode, Tables } from './ports.ts'

type Needs = Pick<Deps, 'clock' | 'random' | 'letters' | 'mails'>
type Told = Pick<Tables, 'notices' | 'outbox' | 'accounts'>

/** However many there are, their statements are of few lengths, of which each is kept compiled. */
const TOLD_AT_ONCE = 50

const tellSome = async (
  deps: Needs,
  tables: Told,
  subs: readonly string[],
  code: NoticeCode,
): Promise<void> => {
  const atMs = deps.clock()
  const accounts = deps.mails ? await tables.accounts.bySubs(subs) : []
  const addresses = new Map(accounts.map((account) => [account.sub, mailAddress(account)]))
  const nextId = idsInOrder(deps.random)
  const told = subs.map((sub): { to: string | null; notice: NewNotice } => {
    const to = addresses.get(sub) ?? null
    const params: NewNotice['params'] = to === null ? { [MAILED_AT]: '0' } : {}
    return { to, notice: { id: nextId(), sub, code, atMs, params } }
  })
  await tables.notices.addAll(told.map(({ notice }) => notice))
  const letters = told.flatMap(({ to, notice: { id: noticeId, sub, params } }) =>
    to === null ? [] : [{ template: 'notice', sub, to, noticeId, code, atMs, params } as const],
  )
  await queueLetters(deps, tables, letters)
}

/**
 * As `tell`, to many people, of one act of the school's that concerns them all. Not limited by the
 * hour: it is nobody's way to bury another warning, and its mails wait behind those.
 */
export const tellAll = async (
  deps: Needs,
  tables: Told,
  subs: readonly string[],
  code: NoticeCode,
): Promise<void> => {
  for (let at = 0; at < subs.length; at += TOLD_AT_ONCE) {
    await tellSome(deps, tables, subs.slice(at, at + TOLD_AT_ONCE), code)
  }
}
