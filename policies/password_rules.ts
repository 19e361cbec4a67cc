import type { SignClass } from './policy.ts'

/** Code points. More is refused, never cut (NIST SP 800-63B-4 §3.1.1.2 asks for at least 64). */
export const PASSWORD_LENGTH_MAX = 256

/**
 * Signs beyond ASCII count as an alphabet of 32: the 16 letters that French adds to ASCII
 * (à â æ ç é è ê ë î ï ô œ ù û ü ÿ), small and capital. Most scripts have more, so that their
 * passwords are worth at least what is computed here.
 */
const BEYOND_ASCII_SIZE = 32

/** The alphabets of a password and their sizes. Together the ASCII ones are its 95 signs. */
const ALPHABETS: readonly { uses: RegExp; size: number }[] = [
  { uses: /[a-z]/, size: 26 },
  { uses: /[A-Z]/, size: 26 },
  { uses: /[0-9]/, size: 10 },
  { uses: /[ -/:-@[-`{-~]/, size: 33 },
  { uses: /[^ -~]/u, size: BEYOND_ASCII_SIZE },
]

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

export type PasswordRefusal =
  | { reason: 'short'; min: number }
  | { reason: 'long'; max: typeof PASSWORD_LENGTH_MAX }
  | { reason: 'digits_only' }
  /** `bits`: what it has, cut to one decimal; `min`: what the policy asks. */
  | { reason: 'entropy'; bits: number; min: number }
  /** A class that the policy insists on. */
  | { reason: `needs_${SignClass}` }
  /** Too easy to guess, and what its weakest part is. */
  | { reason: `guessable_${Guessable}` }
  | { reason: 'personal' }

export type PasswordJudgement = { ok: true } | { ok: false; refusals: PasswordRefusal[] }

export interface PasswordRules {
  /** Code points. */
  minLength: number
  minEntropyBits: number
}

/** What the person, and so anybody who knows them, would think of first. */
export interface PasswordOwner {
  identifier: string
  givenName: string
  familyName: string
  /** ISO date, `2009-03-14`. */
  birthDate?: string | undefined
  schoolName?: string | undefined
}

type Check = (
  password: string,
  rules: PasswordRules,
  about: PasswordOwner,
) => PasswordRefusal | undefined

/** All that fail are told at once, in this order. */
const CHECKS: readonly Check[] = [
  (password, { minLength }) =>
    codePoints(password) < minLength ? { reason: 'short', min: minLength } : undefined,
  // The field is shared with the passcode, which is recognised by being all digits.
  (password) => (/^\s*\p{Nd}[\p{Nd}\s]*$/u.test(password) ? { reason: 'digits_only' } : undefined),
  tooFewBits,
  (password) => (isCommon(password) ? { reason: 'guessable_common' } : undefined),
  (password, _rules, about) => (isPersonal(password, about) ? { reason: 'personal' } : undefined),
]

/** The form that is judged, hashed and compared: NFC, so that é typed either way is one é. */
export function normalizePassword(password: string): string {
  return password.normalize('NFC')
}

/**
 * Whether a person may have this password. It is counted in code points of its NFC form. A
 * repeated or unchanged password is for the caller to notice.
 */
export function judgePassword(
  password: string,
  rules: PasswordRules,
  about: PasswordOwner,
): PasswordJudgement {
  const normalized = normalizePassword(password)
  // Alone and first: nothing below needs to bear a text of any size.
  if (codePoints(normalized) > PASSWORD_LENGTH_MAX) {
    return { ok: false, refusals: [{ reason: 'long', max: PASSWORD_LENGTH_MAX }] }
  }
  const refusals = CHECKS.map((check) => check(normalized, rules, about)).filter(
    (refusal) => refusal !== undefined,
  )
  return refusals.length === 0 ? { ok: true } : { ok: false, refusals }
}

/**
 * The entropy, in bits, of a random password of this length over the alphabets used: length ×
 * log2(alphabet), as the CNIL reckons (deliberation 2022-100). It measures what a policy asks,
 * not how hard this one is to guess.
 */
export function computedEntropyBits(password: string): number {
  const normalized = normalizePassword(password)
  const size = ALPHABETS.filter(({ uses }) => uses.test(normalized)).reduce(
    (sum, alphabet) => sum + alphabet.size,
    0,
  )
  return size === 0 ? 0 : codePoints(normalized) * Math.log2(size)
}

function codePoints(text: string): number {
  return Array.from(text).length
}

function tooFewBits(
  password: string,
  { minEntropyBits }: PasswordRules,
): PasswordRefusal | undefined {
  const bits = computedEntropyBits(password)
  if (bits >= minEntropyBits) return undefined
  return { reason: 'entropy', bits: Math.floor(bits * 10) / 10, min: minEntropyBits }
}

/** Letters and digits without accents, capitals or signs: what a guesser tries every variant of. */
function folded(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/œ/g, 'oe')
    .replace(/æ/g, 'ae')
    .replace(/ß/g, 'ss')
    .replace(/ø/g, 'o')
    .replace(/[^\p{L}\p{N}]/gu, '')
}

/** Read backwards too, and in pieces of at least four signs: rows, columns, counting. */
const WALKS = [
  'azertyuiopqsdfghjklmwxcvbn',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiop',
  '1234567890',
  'abcdefghijklmnopqrstuvwxyz',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol',
  '1aqw2zsx3edc4rfv5tgb6yhn7uj8ik9olm',
  'a1z2e3r4t5y6u7i8o9p0',
  'q1w2e3r4t5y6u7i8o9p0',
  '1a2z3e4r5t6y7u8i9o0p',
  '1q2w3e4r5t6y7u8i9o0p',
].flatMap((walk) => [walk, Array.from(walk).reverse().join('')])
const WALK_PIECE_MIN = 4

/** Words that lists of leaked passwords begin with, with whatever digits and signs around. */
const COMMON_WORDS: ReadonlySet<string> = new Set(
  `motdepasse monmotdepasse motdepasses password mypassword passwords passw0rd p4ssw0rd pa55word
   passe changeme changezmoi changermoi letmein welcome welcomehome bienvenue bonjour salut
   bonjourtoutlemonde azerty qwerty qwertz admin administrateur administrator administration root
   utilisateur user guest invite secret secrets topsecret master ordinateur computer internet
   soleil sunshine princesse princess doudou loulou chouchou nounours monamour jetaime jetadore
   jetaimemonamour jetaimetrop iloveyou iloveyouso iloveyoubaby loveyou love amour coucou chocolat
   licorne football footballeur basketball superman batman spiderman pokemon minecraft fortnite
   starwars harrypotter dragon dragonball naruto monkey shadow michael charlie jordan liverpool
   manchesterunited parissaintgermain marseille olympiquedemarseille allezlom paris france
   vivelafrance liberte liberteegalitefraternite nevergiveup whatever trustno1
   abracadabra correcthorsebatterystaple thisismypassword cestmonmotdepasse jenesaispas
   anniversaire vacances ecole college lycee school professeur teacher eleve student`
    .split(/\s+/)
    .map(folded),
)

/**
 * A stopgap of a few dozen words and three habits: a common word, one word over and over, a walk
 * along the keyboard. Whole values only (NIST SP 800-63B-4 §3.1.1.2), so that a long phrase may
 * hold any of them.
 */
function isCommon(password: string): boolean {
  const text = folded(password)
  const word = text.replace(/^\d+|\d+$/g, '')
  // The password itself too: one sign over and over leaves nothing once folded.
  return (
    isOver(password) || [text, word].some((it) => COMMON_WORDS.has(it) || isOver(it) || isWalk(it))
  )
}

/** `toto` three times, `ab` six times; the last may be cut short. */
function isOver(text: string): boolean {
  const sizes = Array.from({ length: Math.floor(text.length / 2) }, (_, index) => index + 1)
  return sizes.some((size) => text.slice(size) === text.slice(0, -size))
}

/** Made of pieces of walks alone, the longest taken each time. */
function isWalk(text: string): boolean {
  let rest = text
  while (rest !== '') {
    const length = walkLength(rest)
    if (length < WALK_PIECE_MIN) return false
    rest = rest.slice(length)
  }
  return text !== ''
}

function walkLength(text: string): number {
  let length = 0
  while (length < text.length && WALKS.some((walk) => walk.includes(text.slice(0, length + 1)))) {
    length += 1
  }
  return length
}

const PRODUCT_NAME = 'Vestibule'
/** Shorter words are found inside many others. */
const PERSONAL_WORD_MIN = 3
/** Letters and digits that must stand beside what is known of the person. */
const PERSONAL_REST_MIN = 6

/** The person's own words and their dates, with little else. */
function isPersonal(password: string, about: PasswordOwner): boolean {
  const text = folded(password)
  const words = [...personalWords(about)].sort((one, other) => other.length - one.length)
  const rest = words.reduce((left, word) => left.replaceAll(word, ' '), text)
  return rest !== text && rest.replace(/ /g, '').length < PERSONAL_REST_MIN
}

function personalWords(about: PasswordOwner): ReadonlySet<string> {
  const { identifier, givenName, familyName, schoolName = '', birthDate = '' } = about
  const wholes = [identifier, givenName, familyName, schoolName, PRODUCT_NAME]
  const together = [givenName + familyName, familyName + givenName]
  const parts = wholes.flatMap((whole) => whole.split(/[^\p{L}\p{M}\p{N}]+/u))
  return new Set(
    [...wholes, ...together, ...parts, ...dateWords(birthDate)]
      .map(folded)
      .filter((word) => word.length >= PERSONAL_WORD_MIN),
  )
}

function dateWords(birthDate: string): string[] {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d\d)-(\d\d)/.exec(birthDate) ?? []
  const short = year.slice(2)
  return [
    day + month + year,
    year + month + day,
    month + day + year,
    day + month + short,
    short + month + day,
    month + year,
    year + month,
    day + month,
    month + day,
    year,
  ]
}
