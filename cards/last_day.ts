import type { Locale } from '../accounts/account.ts'

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
  const local = new Intl.DateTimeFormat('en', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  })
  const words = new Intl.DateTimeFormat(LANGUAGES[locale], { timeZone: 'UTC', dateStyle: 'long' })
  const known = new Map<number, Day>() // One moment a type of user, as a rule.
  const dayOf = (ms: number): Day => {
    const parts = local.formatToParts(ms + 1)
    const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value)
    const day = new Date(Date.UTC(part('year'), part('month') - 1, part('day') - 1))
    const inWords = words.format(day)
    // The rules of French that dates are written by here leave out its one ordinal.
    return {
      iso: day.toISOString().slice(0, 10),
      inWords: locale === 'fr' ? inWords.replace(/^1 /, '1er ') : inWords,
    }
  }
  return (ms) => {
    const day = known.get(ms) ?? dayOf(ms)
    if (known.size < 100) {
      known.set(ms, day)
    }
    return day
  }
}
