import { createRequire } from 'node:module'

const { resolve } = createRequire(import.meta.url)
const fileOf = (name: string): string => resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`)

/**
 * Each has the letters of Latin, Greek, Cyrillic and Arabic. They are named by their files wherever
 * a document is told of them: it opens a file again that it first met under another name.
 */
const FACES = {
  text: fileOf('DejaVuSans'),
  bold: fileOf('DejaVuSans-Bold'),
  mono: fileOf('DejaVuSansMono-Bold'),
} as const

export type Face = keyof typeof FACES

/** Of a document that is made with it: none of PDF's own fonts, which have Latin letters only. */
export const FIRST_FONT = FACES.text

const RIGHT_TO_LEFT =
  /(?:(?!\p{Nd})[\p{scx=Arabic}\p{scx=Hebrew}\p{scx=Nko}])+(?:[\s'’-]+(?:(?!\p{Nd})[\p{scx=Arabic}\p{scx=Hebrew}\p{scx=Nko}])+)*/gu

/**
 * The parts of a line in the order of the page, each to be shaped as a whole: pdfkit shapes word by
 * word and sets words from left to right, which turns an Arabic name around.
 */
const runsOf = (text: string): string[] => {
  const runs: string[] = []
  let done = 0
  for (const { index, 0: run } of text.matchAll(RIGHT_TO_LEFT)) {
    runs.push(text.slice(done, index), run)
    done = index + run.length
  }
  return [...runs, text.slice(done)].filter((run) => run !== '')
}

/** As it goes onto paper: one form of each letter, and nothing that steers instead of showing. */
export const printable = (text: string): string =>
  text.normalize('NFC').replace(/[\p{Cc}\p{Bidi_Control}]/gu, '')

/** Told, pdfkit does not shape a line once more to know how wide its underline would be. */
const NOT_UNDERLINED = { textWidth: 0, wordCount: 1 }

/**
 * With a list of features, even an empty one, pdfkit shapes the whole run and does not keep what
 * comes of it: it would keep it, a kilobyte a word, for as long as the document is written.
 */
const UNKEPT: PDFKit.Mixins.TextOptions = {
  ...NOT_UNDERLINED,
  lineBreak: false,
  baseline: 'alphabetic',
  features: [],
}
/** For our own words, which come back on every card. */
const KEPT: PDFKit.Mixins.TextOptions = {
  ...NOT_UNDERLINED,
  lineBreak: false,
  baseline: 'alphabetic',
}

const MEASURED_AT = 100
/** Of every letter of ASCII in `mono`: 1233 of 2048 units. */
const MONO_ADVANCE = 1233 / 2048

const shapedWidth = (doc: PDFKit.PDFDocument, face: Face, text: string): number => {
  doc.font(FACES[face], MEASURED_AT)
  const widths = runsOf(text).map((run) => doc.widthOfString(run, { features: [] }))
  return widths.reduce((sum, width) => sum + width, 0) / MEASURED_AT
}

const WIDTHS_KEPT = 1_000
/** By face and line. Shaping is most of the cost of a card, and half of its lines come back. */
const widths = new Map<string, number>()

/** Width of a line in units of its size. */
export const widthOf = (doc: PDFKit.PDFDocument, face: Face, text: string): number => {
  if (face === 'mono' && /^[ -~]*$/.test(text)) {
    return text.length * MONO_ADVANCE
  }
  const key = `${face} ${text}`
  const width = widths.get(key) ?? shapedWidth(doc, face, text)
  if (widths.size >= WIDTHS_KEPT) {
    widths.clear()
  }
  widths.set(key, width)
  return width
}

export interface Place {
  readonly x: number
  /** Of the base line. */
  readonly y: number
}

/** Writes one line of somebody's own. */
export const write = (
  doc: PDFKit.PDFDocument,
  face: Face,
  size: number,
  text: string,
  { x, y }: Place,
): void => {
  let at = x
  for (const run of runsOf(text)) {
    doc.font(FACES[face], size).text(run, at, y, UNKEPT)
    at += run === text ? 0 : widthOf(doc, face, run) * size
  }
}

/** Writes one line that stands on every card. */
export const writeAgain = (
  doc: PDFKit.PDFDocument,
  face: Face,
  size: number,
  text: string,
  { x, y }: Place,
): void => {
  doc.font(FACES[face], size).text(text, x, y, KEPT)
}

/** A letter with its marks is never cut in two. */
const lettersOf = (text: string): string[] => text.match(/\P{M}\p{M}*|\p{M}+/gu) ?? []

/** After these a line may break, in a name as in an address. */
const BREAKS: ReadonlySet<string> = new Set([' ', '-', '.', '/', '_', '@'])

/** Where to break near `aim`: where a word ends that is not too far from it, else right there. */
const breakNear = (letters: readonly string[], aim: number): number => {
  for (let off = 0; off <= aim / 2; off += 1) {
    for (const at of [aim + off, aim - off]) {
      if (at < letters.length && BREAKS.has(letters[at - 1] ?? '')) {
        return at
      }
    }
  }
  return aim
}

/** Lines of about as many letters each. */
const inLines = (text: string, lines: number): string[] => {
  if (lines <= 1) {
    return [text]
  }
  const letters = lettersOf(text)
  const at = breakNear(letters, Math.ceil(letters.length / lines))
  const [line, rest] = [letters.slice(0, at), letters.slice(at)].map((part) => part.join('').trim())
  return [line ?? '', ...inLines(rest ?? '', lines - 1)]
}

/** In units of the size: from one base line to the next, and what the letters of a line reach. */
const LINE_HEIGHT = 1.12
const ASCENT = 0.76
const DESCENT = 0.24

/** Where a text is to stand. */
export interface Room {
  readonly top: number
  readonly width: number
  readonly height: number
  /** The size of letters where there is room. */
  readonly size: number
  /** Rather one more line than smaller than this. */
  readonly least: number
  readonly lines: number
}

export interface Fitted {
  readonly size: number
  readonly lines: readonly { readonly text: string; readonly y: number }[]
}

/**
 * The text in as few lines and as large as its room allows, in the middle of the height; however
 * long it is, it does not run over. `measure` gives the width of a line in units of the size.
 */
export const fitText = (text: string, room: Room, measure: (line: string) => number): Fitted => {
  const { top, width, height, least } = room
  const high = (count: number): number => (count - 1) * LINE_HEIGHT + ASCENT + DESCENT
  let best: { texts: string[]; size: number } = { texts: [], size: 0 }
  for (let count = 1; count <= room.lines && (best.size < least || count === 1); count += 1) {
    const texts = inLines(text, count)
    const widest = Math.max(...texts.map(measure), Number.EPSILON)
    const size = Math.min(room.size, height / high(count), width / widest)
    best = size > best.size ? { texts, size } : best
  }
  const { texts, size } = best
  const first = top + (height - high(texts.length) * size) / 2 + ASCENT * size
  const lines = texts.map((line, nth) => ({ text: line, y: first + LINE_HEIGHT * size * nth }))
  return { size, lines }
}
