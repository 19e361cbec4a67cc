import type { Person } from './account.ts'

/** Longer words are searched by their beginning. */
const WORD_LENGTH_MAX = 40
const SORT_NAME_LENGTH_MAX = 80
/** A teacher of many classes; what is above that is found by its class, not by the word. */
const WORDS_MAX = 60
const TOKENS_MAX = 6
/** So short, a token may be a part of the word before it: `6e A`, `O Brien`. */
const SHORT_MAX = 2

/** Letters that are not a plain letter with a mark, so that taking marks off leaves them. */
const PLAIN: Readonly<Record<string, string>> = {
  ß: 'ss',
  œ: 'oe',
  æ: 'ae',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ħ: 'h',
  ı: 'i',
}
const SPECIAL = new RegExp(`[${Object.keys(PLAIN).join('')}]`, 'gu')
const MARKS = /\p{M}+/gu
const NO_SIGN = /[^\p{L}\p{N}]+/u

/** Without accents or capitals: `Élodie` and `elodie` are one, so are `Œuvre` and `oeuvre`. */
const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(MARKS, '')
    .toLowerCase()
    .replaceAll(SPECIAL, (sign) => PLAIN[sign] ?? sign)
    .replaceAll(MARKS, '')

const partsOf = (text: string): string[] => fold(text).split(NO_SIGN).filter(Boolean)

/** A part with all that follows it: searched by beginnings, `jean` and `jeanluc` are both found. */
const wordsFrom = (text: string): string[] => {
  const parts = partsOf(text)
  return parts.map((_, index) => parts.slice(index).join('').slice(0, WORD_LENGTH_MAX))
}

const wholeOf = (text: string): string => partsOf(text).join('').slice(0, WORD_LENGTH_MAX)

type Searched = Pick<Person, 'givenName' | 'familyName' | 'identifier' | 'classes'>

/**
 * The words that somebody is found by, in order, each once: of a family name, a given name and an
 * identifier every part with what follows it, of a class the whole. A word that another one begins
 * with is left out, as whatever finds it finds the other.
 */
export const searchWords = ({ givenName, familyName, identifier, classes }: Searched): string[] => {
  const [local = ''] = identifier.split('@')
  const all = [
    ...wordsFrom(familyName),
    ...wordsFrom(givenName),
    ...wordsFrom(local),
    wholeOf(identifier),
    ...classes.map(wholeOf),
  ]
  const sorted = [...new Set(all.slice(0, WORDS_MAX))].filter(Boolean).sort()
  return sorted.filter((word, index) => sorted[index + 1]?.startsWith(word) !== true)
}

/** What lists put people in order by: family name, then given name. */
export const sortName = ({
  givenName,
  familyName,
}: Pick<Person, 'givenName' | 'familyName'>): string =>
  partsOf(`${familyName} ${givenName}`).join(' ').slice(0, SORT_NAME_LENGTH_MAX)

/**
 * What was typed, as beginnings of words: one of each group must be found. Signs within a word do
 * not count (`O’Brien`, `j.martin@`); a short token is also looked for at the end of those before
 * it, and so is one behind a short one. Empty: nothing that could be searched by was typed.
 */
export const searchTokens = (text: string): string[][] => {
  const tokens = text.split(/\s+/u).map(wholeOf).filter(Boolean).slice(0, TOKENS_MAX)
  return tokens.map((token, index) => {
    const group = [token]
    for (let from = index - 1; from >= 0; from -= 1) {
      const [before = '', after = ''] = [tokens[from], tokens[from + 1]]
      if (before.length > SHORT_MAX && after.length > SHORT_MAX) {
        break
      }
      group.push(
        tokens
          .slice(from, index + 1)
          .join('')
          .slice(0, WORD_LENGTH_MAX),
      )
    }
    return group
  })
}
