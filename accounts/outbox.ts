import type { Account, Locale } from './account.ts'
import { mailAddress } from './account.ts'
import { idsInOrder, randomId } from './audit.ts'
import type { Deps, NewOutboxItem, Notice, NoticeCode, OutboxItem, Tables } from './ports.ts'

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
      /** A PIN of the school's, told once: whoever reads it changes it at first use. */
      readonly template: 'generated_pin'
      readonly sub: string
      readonly to: string | null
      readonly code: string
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
  generated_pin: 1,
  logout: 0,
}

const sealOwner = (id: string): string => `outbox:${id}`

/** Mails to many of one thing wait behind those that tell one person something. */
const PRIORITY_OF_MANY = 2

const itemOf = (
  deps: Pick<Deps, 'clock' | 'random' | 'letters'>,
  kind: OutboxItem['kind'],
  content: Letter | LogoutCall,
  id = randomId(deps.random),
): NewOutboxItem => {
  const sealed = deps.letters.seal(JSON.stringify(content), sealOwner(id), deps.random)
  return { id, kind, sealed, createdAt: deps.clock(), sub: content.sub }
}

/**
 * Queues a mail, in the transaction of what it tells. Where there is no mail server, or nobody to
 * write to, nothing is queued.
 */
export const queueLetter = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters' | 'mails'>,
  { outbox }: Pick<Tables, 'outbox'>,
  account: Pick<Account, 'email' | 'verifiedEmail'>,
  letter: Letter,
): Promise<void> => {
  if (deps.mails && (letter.to ?? mailAddress(account)) !== null) {
    await outbox.add(itemOf(deps, 'mail', letter), PRIORITIES[letter.template])
  }
}

/** As `queueLetter`, for many (at most 1,000), each with its address. */
export const queueLetters = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters' | 'mails'>,
  { outbox }: Pick<Tables, 'outbox'>,
  letters: readonly (Letter & { readonly to: string })[],
): Promise<void> => {
  if (deps.mails) {
    const nextId = idsInOrder(deps.random)
    const items = letters.map((letter) => itemOf(deps, 'mail', letter, nextId()))
    await outbox.addAll(items, PRIORITY_OF_MANY)
  }
}

export const queueLogout = (
  deps: Pick<Deps, 'clock' | 'random' | 'letters'>,
  { outbox }: Pick<Tables, 'outbox'>,
  call: LogoutCall,
): Promise<void> => outbox.add(itemOf(deps, 'logout', call), PRIORITIES.logout)

const contentOf = (deps: Pick<Deps, 'letters'>, { id, sealed }: OutboxItem): unknown =>
  JSON.parse(deps.letters.open(sealed, sealOwner(id)).toString('utf8'))

export const openLetter = (deps: Pick<Deps, 'letters'>, item: OutboxItem): Letter =>
  contentOf(deps, item) as Letter

export const openLogoutCall = (deps: Pick<Deps, 'letters'>, item: OutboxItem): LogoutCall =>
  contentOf(deps, item) as LogoutCall
