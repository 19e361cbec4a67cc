import type { MatchExtended } from '@zxcvbn-ts/core'

/** What the weakest part of a password is found by; `short`: by trying all, as it has few signs. */
export type Guessable =
  | 'common'
  | 'word'
  | 'name'
  | 'keyboard'
  | 'repeat'
  | 'sequence'
  | 'date'
  | 'short'

export interface StrengthEstimate {
  /** As zxcvbn reckons: below 10^3, 10^6, 10^8, 10^10 guesses, or more. */
  readonly score: 0 | 1 | 2 | 3 | 4
  /** Null at the highest score. */
  readonly weakest: Guessable | null
}

/** `known`: words that whoever knows the person would try first. The text comes in NFC. */
export type Strength = (password: string, known: readonly string[]) => StrengthEstimate

/**
 * Code points that are looked at. The time grows with the square of the length and more; what
 * follows a beginning takes nothing from its strength, but for one word over and over.
 */
const READ_MAX = 32
const UTF16_UNITS_MAX = 2 * READ_MAX
/** Ways to read `4` as `a` and the like. The library's 100 take seconds for a text full of them. */
const SUBSTITUTIONS_MAX = 4

/** Digits and signs around a common password, such as a year and `!`. */
const AROUND_MAX = 8
/** Words shorter than this are found inside too much. */
const STEM_MIN = 4
/** One word as people make it a password: a year or a few digits behind it, and a sign or two. */
const DRESSED_WORD = /^[^\p{L}]?(\p{L}+)(?:\d{1,3}|(?:19|20)\d\d)?[^\p{L}\p{N}]{0,2}$/u
/** 10^4 words, 10^2 years or numbers, some signs: about 10^8 guesses, whatever is reckoned. */
const DRESSED_WORD_SCORE = 2

/** By the start of the name that the library gives a dictionary. Other dictionaries are of words. */
const DICTIONARIES: Readonly<Record<string, Guessable>> = {
  passwords: 'common',
  firstnames: 'name',
  lastnames: 'name',
  userInputs: 'name',
}

const PATTERNS: Readonly<Record<string, Guessable>> = {
  spatial: 'keyboard',
  repeat: 'repeat',
  sequence: 'sequence',
  date: 'date',
  regex: 'date', // A year of our time is the only one.
  wordSequence: 'word',
}

const guessableBy = (match: MatchExtended): Guessable | null => {
  if (match.pattern !== 'dictionary') {
    return PATTERNS[match.pattern] ?? null
  }
  const dictionary: string = 'dictionaryName' in match ? match.dictionaryName : ''
  return DICTIONARIES[dictionary.split('-')[0] ?? ''] ?? 'word'
}

/** What most of the password is; where there is nothing to name, it is just short. */
const weakestOf = (sequence: readonly MatchExtended[]): Guessable => {
  const named = sequence
    .map((match) => ({ by: guessableBy(match), length: match.token.length }))
    .filter(({ by }) => by !== null)
    .sort((one, other) => other.length - one.length)
  return named[0]?.by ?? 'short'
}

const BEYOND_ASCII = /[^ -~]/

const withoutAccents = (text: string): string =>
  BEYOND_ASCII.test(text)
    ? text.normalize('NFD').replace(/\p{M}/gu, '').replace(/œ/gi, 'oe').replace(/æ/gi, 'ae')
    : text

/** Without the digits and signs at its ends, where they are few: what somebody put them around. */
const stemOf = (text: string): string | null => {
  const stem = text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  return stem.length >= STEM_MIN && text.length - stem.length <= AROUND_MAX ? stem : null
}

/** The library's dictionaries as passwords are compared with them: without accents. */
const plainDictionaries = (
  dictionaries: Readonly<Record<string, readonly (string | number)[]>>,
): Record<string, (string | number)[]> =>
  Object.fromEntries(
    Object.entries(dictionaries).map(([name, words]) => [
      name,
      words.map((word) => (typeof word === 'string' ? withoutAccents(word) : word)),
    ]),
  )

/** Whether all its letters are one word of a dictionary, dressed up as everybody does it. */
const isDressedWord = (text: string, sequence: readonly MatchExtended[]): boolean => {
  const [, word] = DRESSED_WORD.exec(text) ?? []
  return sequence.some(({ pattern, token }) => pattern === 'dictionary' && token === word)
}

const load = async (): Promise<Strength> => {
  const [{ ZxcvbnFactory }, common, en, fr] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
    import('@zxcvbn-ts/language-fr'),
  ])
  const estimator = new ZxcvbnFactory({
    dictionary: plainDictionaries({ ...common.dictionary, ...en.dictionary, ...fr.dictionary }),
    graphs: common.adjacencyGraphs,
    l33tMaxSubstitutions: SUBSTITUTIONS_MAX,
    maxLength: UTF16_UNITS_MAX,
  })
  const commonPasswords: ReadonlySet<unknown> = new Set(common.dictionary['passwords-common'])

  return (password, known) => {
    const plain = withoutAccents(password)
    const small = plain.toLowerCase()
    if (commonPasswords.has(small) || commonPasswords.has(stemOf(small))) {
      return { score: 0, weakest: 'common' }
    }
    const text = Array.from(plain).slice(0, READ_MAX).join('')
    const { score, sequence } = estimator.check(text, known.map(withoutAccents))
    if (score > DRESSED_WORD_SCORE && isDressedWord(plain, sequence)) {
      return { score: DRESSED_WORD_SCORE, weakest: weakestOf(sequence) }
    }
    return { score, weakest: score === 4 ? null : weakestOf(sequence) }
  }
}

let loaded: Promise<Strength> | null = null

/**
 * The estimate of how hard a password is to guess, by dictionaries of passwords, words and names in
 * French and English, and by keyboards. Loading takes 350 ms and 90 MB, once.
 */
export const loadStrength = (): Promise<Strength> => {
  loaded ??= load().catch((error: unknown) => {
    loaded = null // What failed may succeed the next time.
    throw error
  })
  return loaded
}
