import {
  type Account,
  fullName,
  type Locale,
  localeOfAccount,
  mailAddress,
} from '../accounts/account.ts'
import { mayBeAStranger, notMeToken } from '../accounts/not_me.ts'
import type { Letter } from '../accounts/outbox.ts'
import type { Deps } from '../accounts/ports.ts'
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

const MINUTE_MS = 60_000

type CodeLetter = Extract<Letter, { minutes: number }>

const isCode = (letter: Letter): letter is CodeLetter => 'minutes' in letter

/** A code for a new password goes to the address that its owner has proved, or nowhere. */
const addressFor = ({ template, to }: Letter, account: Account): string | null =>
  template === 'password_reset_code' && to !== account.verifiedEmail
    ? null
    : (to ?? mailAddress(account))

const endOf = ({ minutes }: CodeLetter, createdAt: number): number =>
  createdAt + minutes * MINUTE_MS

const instant = (timeMs: number): string => new Date(timeMs).toISOString()

/**
 * Makes a mail of a letter, with the address, the language and the name that its person has now; a
 * code is written in the language of the page that it is typed on.
 * Every link is made of the issuer's address, whatever host somebody called it by.
 */
export const createLetters = ({ deps, renderer, issuer, defaultLocale }: LetterOptions) => {
  const linksOf = ({ sub, noticeId, atMs, code }: Extract<Letter, { template: 'notice' }>) => ({
    accountHref: `${issuer}/account/${code === 'password_expires' ? 'password' : 'protection'}`,
    ...(mayBeAStranger(code)
      ? { notMeHref: `${issuer}/not-me?token=${notMeToken(deps, { sub, noticeId, atMs })}` }
      : {}),
  })

  const wordsOf = (letter: Letter, account: Account, { createdAt }: Queued): WrittenMail => {
    const ownLocale = localeOfAccount(account) ?? defaultLocale
    const personName = fullName(account)
    if (letter.template === 'notice') {
      const { code, atMs } = letter
      const { until, ...params } = letter.params
      const times = {
        at: instant(atMs),
        until: until === undefined ? undefined : instant(Number(until)),
      }
      const model = { personName, code, params, ...times, ...linksOf(letter) }
      return renderer.render('notice', model, ownLocale)
    }
    if (letter.template === 'generated_pin') {
      return renderer.render('generated_pin', { personName, code: letter.code }, ownLocale)
    }
    const { template, code, minutes, locale } = letter
    const until = instant(endOf(letter, createdAt))
    return renderer.render(template, { personName, code, minutes, until }, locale ?? ownLocale)
  }

  return async (letter: Letter, queued: Queued): Promise<Written> => {
    if (isCode(letter) && deps.clock() >= endOf(letter, queued.createdAt)) {
      return { ok: false, why: 'too_late' } // The code serves no more: it would only confuse.
    }
    const account = await deps.store.accounts.bySub(letter.sub)
    if (account === null) {
      return { ok: false, why: 'nobody' }
    }
    const address = addressFor(letter, account)
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
