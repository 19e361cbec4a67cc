import type { Locale } from '../accounts/account.ts'
import { dayAfter, dayAt } from '../policies/days.ts'

export interface Day {
  /** 2026-10-13: a spreadsheet takes it for a date in every language. */
  readonly iso: string
  /** 13 octobre 2026 */
  readonly inWords: string
}

const LANGUAGES: { readonly [locale in Locale]: string } = { fr: 'fr-FR', en: 'en-GB' }

/**
 * The last day on which a password that lapses at `ms` works from morning to midnight, in a time
 * zone (IANA). Whoever reads *until Friday* comes on Friday evening, so a day that ends in the
 * middle is not promised.
 */
export const createLastDay = (timeZone: string, locale: Locale): ((ms: number) => Day) => {
  const words = new Intl.DateTimeFormat(LANGUAGES[locale], { timeZone: 'UTC', dateStyle: 'long' })
  const known = new Map<number, Day>() // One moment a type of user, as a rule.
  const dayOf = (ms: number): Day => {
    const iso = dayAfter(dayAt(timeZone, ms + 1).date, -1)
    const inWords = words.format(new Date(iso))
    // The rules of French that dates are written by here leave out its one ordinal.
    return { iso, inWords: locale === 'fr' ? inWords.replace(/^1 /, '1er ') : inWords }
  }
  return (ms) => {
    const day = known.get(ms) ?? dayOf(ms)
    if (known.size < 100) {
      known.set(ms, day)
    }
    return day
  }
}
