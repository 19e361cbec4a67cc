import {
  type Account,
  fullName,
  type Locale,
  localeOfAccount,
  mailAddress,
} from '../accounts/account.ts'
import { notMeToken } from '../accounts/not_me.ts'
import type { Letter } from '../accounts/outbox.ts'
import type { Deps, NoticeCode } from '../accounts/ports.ts'
import type { MailRenderer, WrittenMail } from '../views/mails.ts'
import type { Mail } from './mailer.ts'

/** What a letter becomes when it is sent; or why it goes to nobody any more. */
export type Written =
  | { readonly ok: true; readonly mail: Mail }
  | { readonly ok: false; readonly why: 'nobody' | 'no_address' | 'too_late' }

/** Which of the outbox it is, and since when (ms). */
interface Queued {
  readonly id: string
  readonly createdAt: number
}

export interface LetterOptions {
  readonly deps: Pick<Deps, 'store' | 'clock' | 'random' | 'letters'>
  readonly renderer: MailRenderer
  readonly issuer: string
  readonly defaultLocale: Locale
}

/** What may be a stranger's doing: these offer *This wasn't me*. */
const MAYBE_A_STRANGER: ReadonlySet<NoticeCode> = new Set<NoticeCode>([
  'new_connection',
  'device_added',
  'device_forgotten_copied',
  'pin_defined',
  'pin_changed',
  'pin_reset_by_mail',
  'pin_wrong',
  'password_changed',
  'protection_chosen',
  'protection_changed',
  'key_in_service',
  'address_changed',
])

const MINUTE_MS = 60_000

type CodeLetter = Exclude<Letter, { template: 'notice' }>

const endOf = ({ minutes }: CodeLetter, createdAt: number): number =>
  createdAt + minutes * MINUTE_MS

/**
 * Makes a mail of a letter, with the address, the language and the name that its person has now.
 * Every link is made of the issuer's address, whatever host somebody called it by.
 */
export const createLetters = ({ deps, renderer, issuer, defaultLocale }: LetterOptions) => {
  const linksOf = ({ sub, noticeId, atMs, code }: Extract<Letter, { template: 'notice' }>) => ({
    accountHref: `${issuer}/account/protection`,
    ...(MAYBE_A_STRANGER.has(code)
      ? { notMeHref: `${issuer}/not-me?token=${notMeToken(deps, { sub, noticeId, atMs })}` }
      : {}),
  })

  const wordsOf = (letter: Letter, account: Account, { createdAt }: Queued): WrittenMail => {
    const locale = localeOfAccount(account) ?? defaultLocale
    const personName = fullName(account)
    if (letter.template === 'notice') {
      const { code, atMs, params } = letter
      const at = new Date(atMs).toISOString()
      return renderer.render('notice', { personName, code, at, params, ...linksOf(letter) }, locale)
    }
    const { template, code, minutes } = letter
    const until = new Date(endOf(letter, createdAt)).toISOString()
    return renderer.render(template, { personName, code, minutes, until }, locale)
  }

  return async (letter: Letter, queued: Queued): Promise<Written> => {
    if (letter.template !== 'notice' && deps.clock() >= endOf(letter, queued.createdAt)) {
      return { ok: false, why: 'too_late' } // The code serves no more: it would only confuse.
    }
    const account = await deps.store.accounts.bySub(letter.sub)
    if (account === null) {
      return { ok: false, why: 'nobody' }
    }
    const address = letter.to ?? mailAddress(account)
    if (address === null) {
      return { ok: false, why: 'no_address' }
    }
    const mail: Mail = {
      to: { name: fullName(account), address },
      ...wordsOf(letter, account, queued),
      messageId: `${queued.id}@${new URL(issuer).hostname}`,
    }
    return { ok: true, mail }
  }
}
