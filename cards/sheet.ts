import type { Locale } from '../accounts/account.ts'
import { printable, widthOf, write, writeAgain } from './lettering.ts'
import { TEXTS } from './texts.ts'

/** ISO 216 A4, points. */
const PAGE = { width: 595.28, height: 841.89 } as const
/** The strip that tells whoever cuts and hands out whose cards these are; it is cut off. */
const HEADING = { height: 41, y: 28, left: 23, size: 8 } as const

const COLUMNS = 2
const ROWS = 4
export const CARDS_ON_SHEET = COLUMNS * ROWS

const CARD = { width: PAGE.width / COLUMNS, height: (PAGE.height - HEADING.height) / ROWS } as const

/** The left and upper corner of a card of a sheet, in reading order from 0. */
export const cornerOf = (nth: number): { x: number; y: number } => ({
  x: (nth % COLUMNS) * CARD.width,
  y: HEADING.height + Math.floor(nth / COLUMNS) * CARD.height,
})

export interface Heading {
  readonly home: string
  readonly className: string
  readonly number: number
}

/** One cut down the middle, then one across above each row: the edges of the paper stay. */
const drawCuts = (doc: PDFKit.PDFDocument): void => {
  doc.save().lineWidth(0.5).strokeColor('#888888').dash(3, { space: 3 })
  for (let row = 0; row < ROWS; row += 1) {
    const { y } = cornerOf(row * COLUMNS)
    doc.moveTo(0, y).lineTo(PAGE.width, y)
  }
  doc.moveTo(CARD.width, HEADING.height).lineTo(CARD.width, PAGE.height)
  doc.stroke().undash().restore()
}

const SEPARATOR = ' · '

/** Begins a sheet: its heading and its cuts. */
export const beginSheet = (
  doc: PDFKit.PDFDocument,
  locale: Locale,
  { home, className, number }: Heading,
): void => {
  const { y, left, size } = HEADING
  const texts = TEXTS[locale]
  doc.addPage()
  drawCuts(doc)
  doc.fillColor('#000000')
  const who = `${home}${SEPARATOR}${printable(className)}`
  const sheet = texts.sheet(number)
  const atRight = (text: string, right: number): number => right - widthOf(doc, 'text', text) * size
  const room = PAGE.width / 2 - left
  write(doc, 'bold', Math.min(size, room / widthOf(doc, 'bold', who)), who, { x: left, y })
  const sheetAt = atRight(sheet, PAGE.width - left)
  write(doc, 'text', size, sheet, { x: sheetAt, y })
  const handOver = texts.handOver + SEPARATOR
  writeAgain(doc, 'text', size, handOver, { x: atRight(handOver, sheetAt), y })
}
