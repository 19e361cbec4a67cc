/** In code points: room for "Salle 201, poste du fond" in any script, and for one table line. */
export const DEVICE_NAME_MAX = 60

/** Words that say nothing of which device this is, folded: no accents, lower case. */
const SKIPPED = words(`
  a an the my our your this of at in on for from and i am it is s
  le la les l un une de du des d mon ma mes notre nos votre ton ta ce cet cette au aux en et sur
  chez moi me mine perso personnel personnelle personal new nouveau nouvelle old ancien vieux
  portable fixe number numero no n
`)
/** Kinds of device and places that everybody has: a small number adds nothing to them. */
const VAGUE = words(`
  pc mac ordi ordinateur ordinateurs computer computers desktop laptop notebook machine poste
  workstation tablette tablet tab phone telephone tel mobile smartphone gsm cell device appareil
  browser navigateur screen ecran web internet iphone ipad macbook chromebook
  home house maison domicile appartement famille family work travail taf job boulot
  school ecole college lycee etablissement campus classe class cours
  test tests essai toto titi tata foo bar azerty qwerty abc abcd default defaut name nom
  unknown inconnu autre other rien none nothing
`)
/** Places that a number or a letter makes one of a kind: "Room 201", "Salle B". */
const NUMBERED_PLACES = words(`
  room classroom office lab floor building hall desk
  salle bureau labo laboratoire etage batiment atelier
`)
/** A longer number beside "PC" reads as an inventory label. */
const LABEL_DIGITS_MIN = 3

/** "x", "aaaa"; a lone sign of a script without cases may be a whole word. */
const ONE_LETTER = /^(?!\p{Lo}$)(\p{L})\1*$/u

export interface BrowserDescription {
  browser?: string | undefined
  os?: string | undefined
  /** `desktop`, `mobile` or `tablet`, as user-agent readers say it. */
  platform?: string | undefined
}

type Wording = { on: string; platforms: Record<string, string>; device: string }

/** A suggestion fills a field and is then the person's own text, so it is not a message. */
const WORDINGS: Record<'fr' | 'en', Wording> = {
  en: {
    on: 'on',
    platforms: { desktop: 'Computer', mobile: 'Phone', tablet: 'Tablet' },
    device: 'Device',
  },
  fr: {
    on: 'sous',
    platforms: { desktop: 'Ordinateur', mobile: 'Téléphone', tablet: 'Tablette' },
    device: 'Appareil',
  },
}

export type CleanName = { ok: true; name: string } | { ok: false; reason: 'required' | 'too_long' }

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}

function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

/**
 * True for names that would not tell two devices apart ("School", "Mon PC", "PC 1", "x"). It is
 * a hint for the page, not a refusal.
 */
export function isVagueName(name: string): boolean {
  const parts = folded(name).match(/[\p{L}\p{N}]+/gu) ?? []
  if (!/\p{L}/u.test(name)) return true
  if (!parts.some((part) => NUMBERED_PLACES.has(part))) return !parts.some(isTelling)
  const others = parts.filter((part) => !NUMBERED_PLACES.has(part))
  return !others.some(isTelling) && !isMark(others.at(-1) ?? '')
}

/** What tells rooms of one kind apart: "3", "B". Only at the end: "salle d'école" has no mark. */
function isMark(part: string): boolean {
  return /^(\p{N}+|\p{L})$/u.test(part)
}

function isTelling(part: string): boolean {
  const [, word = part, digits = ''] = /^(\p{L}*?)(\p{N}*)$/u.exec(part) ?? []
  if (word === '' || VAGUE.has(word)) return digits.length >= LABEL_DIGITS_MIN
  if (digits !== '') return true
  return !SKIPPED.has(word) && !ONE_LETTER.test(word)
}

/**
 * A first proposal: "Chrome on Windows", "Chrome sous Windows"; with less known, "Chrome",
 * "Phone on Android", "Phone", "Device". Never empty, never longer than `DEVICE_NAME_MAX`.
 */
export function suggestName(described: BrowserDescription, locale: 'fr' | 'en'): string {
  const { on, platforms, device } = WORDINGS[locale]
  const browser = visibleText(described.browser ?? '')
  const os = visibleText(described.os ?? '')
  const kind = Object.hasOwn(platforms, described.platform ?? '')
    ? (platforms[described.platform ?? ''] ?? device)
    : device
  const subject = browser === '' ? kind : browser
  const suggestion = os === '' ? subject : `${subject} ${on} ${os}`
  // A user agent is whatever its sender likes, of any length.
  return Array.from(suggestion).slice(0, DEVICE_NAME_MAX).join('').trim()
}

// Zero-width joiners stay: emoji and Persian need them. Bidirectional controls go, since they
// let a name reorder the text beside it (Unicode UTR 36 §2.5).
const INVISIBLE =
  /[\p{Cc}\p{Cs}\p{Bidi_Control}\u00ad\u200b\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu
const SOMETHING_TO_SEE = /[^\s\p{M}\p{Default_Ignorable_Code_Point}]/u

function visibleText(raw: string): string {
  return raw
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(INVISIBLE, '')
    .replace(/ +/g, ' ')
    .trim()
}

/** The name as it is stored: one line, NFC, 1 to `DEVICE_NAME_MAX` code points. */
export function cleanName(raw: string): CleanName {
  const name = visibleText(raw)
  if (!SOMETHING_TO_SEE.test(name)) return { ok: false, reason: 'required' }
  if (Array.from(name).length > DEVICE_NAME_MAX) return { ok: false, reason: 'too_long' }
  return { ok: true, name }
}
