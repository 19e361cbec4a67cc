import type { Account, Locale } from './account.ts'
import { mailAddress } from './account.ts'
import { randomId } from './audit.ts'
import type { Deps, Notice, NoticeCode, OutboxItem, Tables } from './ports.ts'

/**
 * A mail to be written and sent. Words are found when it is sent, and so is the language, but for
 * codes: those go with a page that somebody has before them.
 */
export type Letter =
  | {
      readonly template: 'notice'
      readonly sub: string
      /** Null: to the account's address as it is then. */
      readonly to: string | null
      readonly noticeId: string
      readonly code: NoticeCode
      readonly atMs: number
      readonly params: Notice['params']
    }
  | {
      readonly template: 'pin_reset_code' | 'address_code' | 'password_reset_code'
      readonly sub: string
      readonly to: string | null
      /** Six digits. */
      readonly code: string
      readonly minutes: number
      /** Of the page that asked for it; null: the account's. */
      readonly locale: Locale | null
    }

/** An application to be told that somebody's session is over (Back-Channel Logout 1.0 §2.5). */
export interface LogoutCall {
  readonly sub: string
  readonly clientId: string
  readonly sid: string
}

/** What goes first, of each kind: somebody waits for a code, and it serves for minutes only. */
const PRIORITIES: Readonly<Record<Letter['template'] | 'logout', number>> = {
  pin_reset_code: 0,
  address_code: 0,
  password_reset_code: 0,
  notice: 1,
  logout: 0,
}

const sealOwner = (id: string): string => `outbox:${id}`

const add = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters'>,
  { outbox }: Pick<Tables, 'outbox'>,
  { kind, priority }: Pick<OutboxItem, 'kind'> & { readonly priority: number },
  content: Letter | LogoutCall,
): Promise<void> => {
  const id = randomId(deps.random)
  const sealed = deps.letters.seal(JSON.stringify(content), sealOwner(id), deps.random)
  await outbox.add({ id, kind, sealed, createdAt: deps.clock() }, priority)
}

/**
 * Queues a mail, in the transaction of what it tells. Where there is no mail server, or nobody to
 * write to, nothing is queued.
 */
export const queueLetter = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters' | 'mails'>,
  tables: Pick<Tables, 'outbox'>,
  account: Account,
  letter: Letter,
): Promise<void> => {
  if (deps.mails && (letter.to ?? mailAddress(account)) !== null) {
    await add(deps, tables, { kind: 'mail', priority: PRIORITIES[letter.template] }, letter)
  }
}

export const queueLogout = (
  deps: Pick<Deps, 'clock' | 'random' | 'letters'>,
  tables: Pick<Tables, 'outbox'>,
  call: LogoutCall,
): Promise<void> => add(deps, tables, { kind: 'logout', priority: PRIORITIES.logout }, call)

const contentOf = (deps: Pick<Deps, 'letters'>, { id, sealed }: OutboxItem): unknown =>
  JSON.parse(deps.letters.open(sealed, sealOwner(id)).toString('utf8'))

export const openLetter = (deps: Pick<Deps, 'letters'>, item: OutboxItem): Letter =>
  contentOf(deps, item) as Letter

export const openLogoutCall = (deps: Pick<Deps, 'letters'>, item: OutboxItem): LogoutCall =>
  contentOf(deps, item) as LogoutCall
