import type { Guessable, Strength } from './password_strength.ts'
import { type Policy, SIGN_CLASSES, type SignClass } from './policy.ts'

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
  /** Least score of the estimate. */
  minStrength: number
  requiredClasses: readonly SignClass[]
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

/** What a policy asks of a password. */
export const rulesOf = ({ passwords }: Pick<Policy, 'passwords'>): PasswordRules => ({
  minLength: passwords.min_length,
  minEntropyBits: passwords.min_entropy_bits,
  minStrength: passwords.min_strength,
  requiredClasses: passwords.required_classes,
})

interface Judged {
  readonly password: string
  readonly rules: PasswordRules
  /** Known of the person, as somebody would write it. */
  readonly words: readonly string[]
  readonly strength: Strength
}

type Check = (judged: Judged) => PasswordRefusal | readonly PasswordRefusal[] | undefined

/** All that fail are told at once, in this order. */
const CHECKS: readonly Check[] = [
  ({ password, rules: { minLength } }) =>
    codePoints(password) < minLength ? { reason: 'short', min: minLength } : undefined,
  // The field is shared with the passcode, which is recognised by being all digits.
  ({ password }) =>
    /^\s*\p{Nd}[\p{Nd}\s]*$/u.test(password) ? { reason: 'digits_only' } : undefined,
  tooFewBits,
  missingClasses,
  tooGuessable,
  ({ password, words }) => (isPersonal(password, words) ? { reason: 'personal' } : undefined),
]

/** What makes each class; a sign is whatever is no letter, no digit and no space. */
const CLASSES: Readonly<Record<SignClass, RegExp>> = {
  lowercase: /\p{Ll}/u,
  uppercase: /\p{Lu}/u,
  digit: /\p{Nd}/u,
  sign: /[^\p{L}\p{M}\p{N}\s]/u,
}

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
  strength: Strength,
): PasswordJudgement {
  const normalized = normalizePassword(password)
  // Alone and first: nothing below needs to bear a text of any size.
  if (codePoints(normalized) > PASSWORD_LENGTH_MAX) {
    return { ok: false, refusals: [{ reason: 'long', max: PASSWORD_LENGTH_MAX }] }
  }
  const judged = { password: normalized, rules, words: wordsAbout(about), strength }
  const refusals = CHECKS.flatMap((check) => check(judged) ?? [])
  return refusals.length === 0 ? { ok: true } : { ok: false, refusals }
}

/** Digits alone are for passcodes: the two share one field. */
export function isDigitsOnly(judgement: PasswordJudgement): boolean {
  return !judgement.ok && judgement.refusals.some(({ reason }) => reason === 'digits_only')
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

function tooFewBits({ password, rules: { minEntropyBits } }: Judged): PasswordRefusal | undefined {
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

function missingClasses({ password, rules }: Judged): PasswordRefusal[] {
  return SIGN_CLASSES.filter(
    (name) => rules.requiredClasses.includes(name) && !CLASSES[name].test(password),
  ).map((name): PasswordRefusal => ({ reason: `needs_${name}` }))
}

/** By dictionaries and keyboards, the person's own words among them; or one word over and over. */
function tooGuessable({ password, rules, words, strength }: Judged): PasswordRefusal | undefined {
  if ([password, folded(password)].some(isOver)) return { reason: 'guessable_repeat' }
  const { score, weakest } = strength(password, knownWords(words))
  if (score >= rules.minStrength) return undefined
  const by: Guessable = weakest ?? 'short'
  // Said already, and better: by how much.
  const isSaid = by === 'short' && codePoints(password) < rules.minLength
  return isSaid ? undefined : { reason: `guessable_${by}` }
}

/** `toto` three times, `ab` six times; the last may be cut short. */
function isOver(text: string): boolean {
  const sizes = Array.from({ length: Math.floor(text.length / 2) }, (_, index) => index + 1)
  return sizes.some((size) => text.slice(size) === text.slice(0, -size))
}

const PRODUCT_NAME = 'Vestibule'
/** Shorter words are found inside many others. */
const PERSONAL_WORD_MIN = 3
/** Letters and digits that must stand beside what is known of the person. */
const PERSONAL_REST_MIN = 6

/** The person's own words and their dates, with little else. */
function isPersonal(password: string, words: readonly string[]): boolean {
  const text = folded(password)
  const longestFirst = [...personalWords(words)].sort((one, other) => other.length - one.length)
  const rest = longestFirst.reduce((left, word) => left.replaceAll(word, ' '), text)
  return rest !== text && rest.replace(/ /g, '').length < PERSONAL_REST_MIN
}

function personalWords(words: readonly string[]): ReadonlySet<string> {
  return new Set(words.map(folded).filter((word) => word.length >= PERSONAL_WORD_MIN))
}

/** As somebody would write them, and folded. */
function knownWords(words: readonly string[]): string[] {
  const long = words.filter((word) => codePoints(word) >= PERSONAL_WORD_MIN)
  return [...new Set([...long, ...long.map(folded)])]
}

function wordsAbout(about: PasswordOwner): string[] {
  const { identifier, givenName, familyName, schoolName = '', birthDate = '' } = about
  const wholes = [identifier, givenName, familyName, schoolName, PRODUCT_NAME]
  const together = [givenName + familyName, familyName + givenName]
  const parts = wholes.flatMap((whole) => whole.split(/[^\p{L}\p{M}\p{N}]+/u))
  return [...wholes, ...together, ...parts, ...dateWords(birthDate)]
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
