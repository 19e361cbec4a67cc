/**
 * Of signs that are taken for one another the first is in the alphabet, and the others are read as
 * it when they are typed: nobody else's password is meant. In no class, and so without others:
 * c d f h j k p r t x and 7 8. Left out for good: vowels (y too) and what is read as one (0 1 3 4 l),
 * so that no word comes out; and w, since nobody tells it from vv in a hurry.
 */
const ALIKE = ['2z', 'b6', 'gq9', 's5', 'vu'] as const

const LETTERS = 'bcdfghjkmnprstvx'
const SIGNS = `${LETTERS}278`
const GROUPS = 3
const GROUP_LENGTH = 4
const LENGTH = GROUPS * GROUP_LENGTH

/** Consonants that pupils write to one another, in French or English, and rn and vv for m and w. */
const NEVER = /pd|tg|ss|sx|xx|kk|rn|vv|fdp|fck|ntm|ptn|cnt|nsfw|bdsm/

/** Whoever copies it loses count. */
const THREE_ALIKE = /(.)\1\1/

/** A source that is not broken gives a good one within very few draws. */
const DRAWS_MAX = 200

const grouped = (signs: string): string =>
  (signs.match(new RegExp(`.{1,${GROUP_LENGTH}}`, 'g')) ?? []).join('-')

const draw = (below: (below: number) => number): string =>
  Array.from({ length: LENGTH }, (_, nth) => {
    const signs = nth === 0 ? LETTERS : SIGNS
    return signs.charAt(below(signs.length))
  }).join('')

/**
 * A password for a card, such as `kd7m-2hxr-p8cf`: one of 2^50.39, all equally likely. It
 * begins with a letter, so that no spreadsheet takes it for a formula or a number, and has no sign
 * three times in a row, the hyphen not counted.
 * @param below a cryptographic source: a whole number from 0 to `below` - 1
 * @throws RangeError for a source that is plainly not random
 */
export const generateTemporaryPassword = (below: (below: number) => number): string => {
  for (let drawn = 0; drawn < DRAWS_MAX; drawn += 1) {
    const signs = draw(below)
    const password = grouped(signs)
    if (!NEVER.test(password) && !THREE_ALIKE.test(signs)) {
      return password
    }
  }
  throw new RangeError(`The random source gave ${DRAWS_MAX} passwords in a row that nobody may get`)
}

const READ_AS: ReadonlyMap<string, string> = new Map(
  ALIKE.flatMap(([first = '', ...others]) => others.map((other) => [other, first] as const)),
)

/**
 * What somebody means who types a password from a card: capitals of a phone's keyboard, hyphens
 * left out or of another kind, spaces, and signs that look alike are forgiven. Different passwords
 * stay different, so nothing is easier to guess.
 */
export const readFromCard = (typed: string): string =>
  grouped(
    typed
      .toLowerCase()
      .replace(/[\s\p{Dash_Punctuation}]/gu, '')
      .replace(/./gu, (sign) => READ_AS.get(sign) ?? sign),
  )
