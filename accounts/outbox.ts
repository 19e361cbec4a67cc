import type { Account } from './account.ts'
import { mailAddress } from './account.ts'
import { randomId } from './audit.ts'
import type { Deps, Notice, NoticeCode, OutboxItem, Tables } from './ports.ts'

/** A mail to be written and sent. Words and language are found when it is sent. */
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
      readonly template: 'pin_reset_code' | 'address_code'
      readonly sub: string
      readonly to: string | null
      /** Six digits. */
      readonly code: string
      readonly minutes: number
    }

/** An application to be told that somebody's session is over (Back-Channel Logout 1.0 §2.5). */
export interface LogoutCall {
  readonly sub: string
  readonly clientId: string
  readonly sid: string
}

const sealOwner = (id: string): string => `outbox:${id}`

const add = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters'>,
  { outbox }: Pick<Tables, 'outbox'>,
  kind: OutboxItem['kind'],
  content: Letter | LogoutCall,
): Promise<void> => {
  const id = randomId(deps.random)
  const sealed = deps.letters.seal(JSON.stringify(content), sealOwner(id), deps.random)
  await outbox.add({ id, kind, sealed, createdAt: deps.clock() })
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
    await add(deps, tables, 'mail', letter)
  }
}

export const queueLogout = (
  deps: Pick<Deps, 'clock' | 'random' | 'letters'>,
  tables: Pick<Tables, 'outbox'>,
  call: LogoutCall,
): Promise<void> => add(deps, tables, 'logout', call)

const contentOf = (deps: Pick<Deps, 'letters'>, { id, sealed }: OutboxItem): unknown =>
  JSON.parse(deps.letters.open(sealed, sealOwner(id)).toString('utf8'))

export const openLetter = (deps: Pick<Deps, 'letters'>, item: OutboxItem): Letter =>
  contentOf(deps, item) as Letter

export const openLogoutCall = (deps: Pick<Deps, 'letters'>, item: OutboxItem): LogoutCall =>
  contentOf(deps, item) as LogoutCall
