/** Lengths that a generated PIN may have; a policy chooses inside them. */
export const PIN_LENGTH_MIN = 4
export const PIN_LENGTH_MAX = 12

/** More refusals in a row than chance can explain: 4-digit PINs are refused one time in eleven. */
const DRAWS_MAX = 1000

export type PinRefusal =
  | 'format'
  | 'guessable_repeat'
  | 'guessable_sequence'
  | 'guessable_pairs'
  | 'guessable_year'
  | 'guessable_date'
  | 'guessable_keypad'
  | 'guessable_birth_date'
  | 'guessable_identifier'

export type PinJudgement = { ok: true } | { ok: false; reason: PinRefusal }

/** The person whose PIN it is. */
export interface PinOwner {
  identifier: string
  /** ISO date, `2009-03-14`. */
  birthDate?: string | undefined
  /** Also refuse every DDMM and MMDD, and whole dates in longer PINs. */
  refuseDates?: boolean | undefined
}

export interface PinContext extends PinOwner {
  minLength: number
  maxLength: number
}

type Rule = { reason: PinRefusal; breaks: (pin: string, about: PinContext) => boolean }

/**
 * Read from the top, the first match is the reason shown. What concerns the person comes first,
 * then what has a name of its own (a year, a battle), then mere shapes: 1515 is Marignan before
 * it is twice 15. The families are those that hold most of what people choose, so that few
 * guesses reach many people (CNIL deliberation 2022-100, case 3, leaves 4 digits 3 tries).
 */
const RULES: readonly Rule[] = [
  { reason: 'format', breaks: isMisshapen },
  { reason: 'guessable_birth_date', breaks: isOwnDate },
  { reason: 'guessable_identifier', breaks: isInIdentifier },
  { reason: 'guessable_repeat', breaks: (pin) => distinctDigits(pin) === 1 },
  { reason: 'guessable_sequence', breaks: isSequence },
  { reason: 'guessable_year', breaks: isYears },
  { reason: 'guessable_date', breaks: isFamousDate },
  { reason: 'guessable_pairs', breaks: isRepeatedBlock },
  { reason: 'guessable_pairs', breaks: isEqualGroups },
  { reason: 'guessable_pairs', breaks: isPalindrome },
  { reason: 'guessable_sequence', breaks: isSequenceByTwos },
  { reason: 'guessable_keypad', breaks: isOnKeypad },
  { reason: 'guessable_repeat', breaks: (pin) => distinctDigits(pin) <= 2 },
  { reason: 'guessable_date', breaks: (pin, about) => about.refuseDates === true && isDate(pin) },
]

/** Whether a person may have this PIN. Pure; the same answer for the same arguments. */
export function judgePin(pin: string, about: PinContext): PinJudgement {
  const broken = RULES.find((rule) => rule.breaks(pin, about))
  return broken === undefined ? { ok: true } : { ok: false, reason: broken.reason }
}

/**
 * A PIN that `judgePin` accepts, all such PINs being equally likely.
 * @param randomInt a cryptographic source: a whole number from 0 to `below` - 1
 * @throws RangeError for a length outside 4 to 12, and for a source that is plainly not random
 */
export function generatePin(
  length: number,
  randomInt: (below: number) => number,
  about: PinOwner | PinContext,
): string {
  if (length < PIN_LENGTH_MIN || length > PIN_LENGTH_MAX) {
    throw new RangeError(`A PIN has ${PIN_LENGTH_MIN} to ${PIN_LENGTH_MAX} digits, not ${length}`)
  }
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const pin = Array.from({ length }, () => randomInt(10)).join('')
    if (judgePin(pin, { ...about, minLength: length, maxLength: length }).ok) return pin
  }
  throw new RangeError(`The random source gave ${DRAWS_MAX} guessable PINs in a row`)
}

function isMisshapen(pin: string, { minLength, maxLength }: PinContext): boolean {
  return !/^[0-9]+$/.test(pin) || pin.length < minLength || pin.length > maxLength
}

function distinctDigits(pin: string): number {
  return new Set(pin).size
}

function isPalindrome(pin: string): boolean {
  return reversed(pin) === pin
}

function reversed(text: string): string {
  return Array.from(text).reverse().join('')
}

/** ABAB, ABABAB, ABCABC, and a last block cut short: ABCABCA. */
function isRepeatedBlock(pin: string): boolean {
  return blockLengths(pin).some((block) => pin.slice(block) === pin.slice(0, -block))
}

function blockLengths(pin: string): number[] {
  return Array.from({ length: Math.floor(pin.length / 2) }, (_, index) => index + 1)
}

/** AABB, AABBCC, AAABBB: every digit as often, side by side. */
function isEqualGroups(pin: string): boolean {
  return blockLengths(pin)
    .filter((size) => size > 1 && pin.length % size === 0)
    .some((size) => chunks(pin, size).every((chunk) => distinctDigits(chunk) === 1))
}

function chunks(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  )
}

const COUNTING = '01234567890123456789012'

/** 1234, 8901 (over the 9), 1357, 9630. */
function isSequence(pin: string): boolean {
  const steps = COUNTING.includes(pin) || COUNTING.includes(reversed(pin))
  return steps || hasConstantStep(chunks(pin, 1))
}

/** 101112, 102030. Two blocks always have one step: three are needed to see a sequence. */
function isSequenceByTwos(pin: string): boolean {
  return pin.length >= 6 && pin.length % 2 === 0 && hasConstantStep(chunks(pin, 2))
}

function hasConstantStep(blocks: readonly string[]): boolean {
  const [first = 0, second = 0] = blocks.map(Number)
  const step = second - first
  return blocks.every((block, index) => Number(block) === first + index * step)
}

/** Straight lines of three keys, as on a telephone: 1 2 3 / 4 5 6 / 7 8 9 / 0. */
const LINES = withReversed(['123', '456', '789', '147', '258', '369', '159', '357'])
/** 0 lies under the lines, so people start or end on it: 1470, 1590, 0753. */
const LINES_ONLY = new RegExp(`^0?(?:${LINES.join('|')})+0?$`)
/** Once round: the outer keys, the corners, the middles of the sides. Twice, to start anywhere. */
const ROUNDS = withReversed(['1236987412369874', '13971397', '26842684'])
/** Of the outer ring, from five keys on: shorter pieces are too many to be guessed first. */
const RING_PIECE_MIN = 5

function withReversed(lines: readonly string[]): string[] {
  return [...lines, ...lines.map(reversed)]
}

function isOnKeypad(pin: string): boolean {
  if (LINES_ONLY.test(pin)) return true
  const isRing = /[24568]/.test(pin) && /[1379]/.test(pin)
  if (isRing && pin.length < RING_PIECE_MIN) return false
  return ROUNDS.some((round) => round.includes(pin))
}

/** 1900 to 2039: a birth, a child, the present, the next ten years. */
const YEAR = '(?:19\\d\\d|20[0-3]\\d)'
const YEARS_ONLY = new RegExp(`^(?:${YEAR})+$`)

function isYears(pin: string): boolean {
  return YEARS_ONLY.test(pin)
}

/** Years outside 1900 to 2039 that French and English schools teach by heart. */
const FAMOUS_YEARS: ReadonlySet<string> = new Set(
  `0476 0732 0800 0987 1066 1214 1415 1429 1453 1492 1515 1572 1588 1598 1605 1610 1643 1666 1685
   1715 1759 1776 1789 1792 1793 1799 1804 1805 1812 1815 1830 1848 1851 1852 1870 1871 1881 1882
   1889 1894`.split(/\s+/),
)

/** Days of the year that everybody knows, written DDMM. */
const FAMOUS_DAYS = [
  '0101', // New Year
  '1402', // Saint Valentine
  '1703', // Saint Patrick
  '0105', // Labour Day
  '0805', // 8 May 1945
  '0606', // D-Day
  '1806', // the appeal of 18 June
  '2106', // Fête de la musique
  '0407', // United States
  '1407', // France
  '2107', // Belgium
  '0108', // Switzerland
  '1508', // Assumption
  '1109', // 11 September
  '3110', // Hallowe'en
  '0111', // All Saints
  '1111', // Armistice
  '2412',
  '2512', // Christmas
  '3112',
] as const

/** Whole dates for longer PINs: year, month, day. */
const FAMOUS_DATES = [
  '1515-09-13',
  '1776-07-04',
  '1789-07-14',
  '1815-06-18',
  '1914-08-03',
  '1918-11-11',
  '1940-06-18',
  '1944-06-06',
  '1945-05-08',
  '1969-07-21',
  '1989-11-09',
  '1998-07-12',
  '2000-01-01',
  '2001-09-11',
  '2015-11-13',
  '2018-07-15',
] as const

/** In every order that a diary may use: 1407, 0714, 140789, 14071789, 17890714. */
const FAMOUS: ReadonlySet<string> = new Set([
  ...FAMOUS_YEARS,
  ...FAMOUS_DAYS.flatMap((day) => [day, day.slice(2) + day.slice(0, 2)]),
  ...FAMOUS_DATES.flatMap((date) => writings(date).filter((text) => text.length >= 6)),
])

function isFamousDate(pin: string): boolean {
  return FAMOUS.has(pin)
}

/**
 * Every way of writing a date with digits alone: any of its day, month and year, in any order,
 * the year with four digits or two, the day and month with or without their zero.
 */
function writings(isoDate: string): string[] {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d\d)-(\d\d)/.exec(isoDate) ?? []
  const spellings = [
    [year, year.slice(2)],
    [month, month.replace(/^0/, '')],
    [day, day.replace(/^0/, '')],
  ]
  return arranged(spellings)
}

/** All texts made of one spelling of each of some parts, in any order. */
function arranged(parts: readonly string[][]): string[] {
  return parts.flatMap((spellings, first) => {
    const tails = ['', ...arranged(parts.filter((_, index) => index !== first))]
    return spellings.flatMap((spelling) => tails.map((tail) => spelling + tail))
  })
}

/** One digit before or after a date leaves twenty guesses: it is still the date. */
const DIGITS_BESIDE_DATE_MAX = 1
/** A shorter piece of a date is found in too many PINs. */
const DATE_DIGITS_MIN = 4

function isOwnDate(pin: string, { birthDate }: PinContext): boolean {
  if (birthDate === undefined) return false
  return writings(birthDate).some(
    (text) =>
      text.length >= DATE_DIGITS_MIN &&
      pin.length - text.length <= DIGITS_BESIDE_DATE_MAX &&
      pin.includes(text),
  )
}

/** Fewer digits than this in the identifier tell nothing: a class, a homonym's number. */
const IDENTIFIER_DIGITS_MIN = 4

/** The digits of the identifier, each run of them and all together, hold the PIN or lie in it. */
function isInIdentifier(pin: string, { identifier }: PinContext): boolean {
  const runs = [...(identifier.match(/[0-9]+/g) ?? []), identifier.replace(/[^0-9]/g, '')]
  return runs
    .filter((run) => run.length >= IDENTIFIER_DIGITS_MIN)
    .some((run) => run.includes(pin) || pin.includes(run))
}

const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

/** Where the day, the month and the year stand in a PIN that is a date of any year. */
const DATE_SHAPES = [
  /^(?<day>\d\d)(?<month>\d\d)$/,
  /^(?<month>\d\d)(?<day>\d\d)$/,
  /^(?<day>\d\d)(?<month>\d\d)\d\d$/,
  /^(?<month>\d\d)(?<day>\d\d)\d\d$/,
  /^\d\d(?<month>\d\d)(?<day>\d\d)$/,
  new RegExp(`^(?<day>\\d\\d)(?<month>\\d\\d)${YEAR}$`),
  new RegExp(`^(?<month>\\d\\d)(?<day>\\d\\d)${YEAR}$`),
  new RegExp(`^${YEAR}(?<month>\\d\\d)(?<day>\\d\\d)$`),
  new RegExp(`^(?<month>\\d\\d)${YEAR}$`),
  new RegExp(`^${YEAR}(?<month>\\d\\d)$`),
] as const

function isDate(pin: string): boolean {
  return DATE_SHAPES.some((shape) => {
    const { day = '1', month = '' } = shape.exec(pin)?.groups ?? {}
    const days = MONTH_DAYS[Number(month) - 1] ?? 0
    return Number(day) >= 1 && Number(day) <= days
  })
}
