import type { Locale } from '../accounts/account.ts'
import type { Card } from '../accounts/temporary_passwords.ts'
import type { Day } from './last_day.ts'
import {
  type Face,
  fitText,
  type Place,
  printable,
  type Room,
  widthOf,
  write,
  writeAgain,
} from './lettering.ts'
import { qrCode } from './qr.ts'
import { TEXTS } from './texts.ts'

/** What is the same on all cards of a generation. */
export interface Look {
  readonly address: string
  readonly schoolName: string
  readonly locale: Locale
  readonly lastDay: (ms: number) => Day
}

const BLACK = '#000000'
const GREY = '#555555'
const PALE = '#f1f1f1'

/** Points, from the left and upper corner of a card; what a printer may not reach is left free. */
const LEFT = 23
const WIDTH = 251
const FRAME = { top: 54, height: 65, around: 5, radius: 3 } as const
const QR = { x: LEFT + WIDTH - 62, y: 122, side: 65 } as const
const STEPS = { top: 123, height: 62, pitch: 9.2, indent: 9 } as const
const LABEL = { size: 7, identifier: 64, password: 93 } as const

const SCHOOL = { top: 13, width: WIDTH, height: 9, size: 7.5, least: 0, lines: 1 }
const NAME = { top: 22.5, width: WIDTH, height: 20, size: 12.5, least: 9, lines: 3 }
const CLASSES = { top: 42.5, width: WIDTH, height: 10, size: 8, least: 5, lines: 2 }
const IDENTIFIER = { top: 66, width: WIDTH, height: 19, size: 14, least: 7.5, lines: 2 }
const PASSWORD = { top: 95, width: WIDTH, height: 22, size: 17, least: 8, lines: 2 }
const STEP = { width: QR.x - LEFT - STEPS.indent - 3, height: 18, size: 7, least: 7, lines: 2 }
const ADDRESS = { width: STEP.width, height: 27, size: 8, least: 6.5, lines: 3 }

interface Line {
  readonly face: Face
  readonly size: number
  readonly text: string
  readonly at: Place
}

const linesIn = (doc: PDFKit.PDFDocument, face: Face, text: string, room: Room): Line[] => {
  const { size, lines } = fitText(printable(text), room, (line) => widthOf(doc, face, line))
  return lines.map((line) => ({ face, size, text: line.text, at: { x: LEFT, y: line.y } }))
}

/** The steps, numbered, with the address under the first. */
const stepsOf = (doc: PDFKit.PDFDocument, { address, locale }: Look): Line[] => {
  const rows = TEXTS[locale].steps.flatMap((step, nth) => {
    const lines = linesIn(doc, 'text', step, { top: 0, ...STEP })
    const numbered = lines.map((line, at) => ({ ...line, number: at === 0 ? `${nth + 1}.` : '' }))
    const where = nth === 0 ? linesIn(doc, 'bold', address, { top: 0, ...ADDRESS }) : []
    return [...numbered, ...where.map((line) => ({ ...line, number: '' }))]
  })
  const pitch = Math.min(STEPS.pitch, STEPS.height / rows.length)
  const first = STEPS.top + (STEPS.height - pitch * rows.length) / 2 + STEP.size
  return rows.flatMap(({ number, ...line }, nth) => {
    const y = first + pitch * nth
    const text = { ...line, at: { x: LEFT + STEPS.indent, y } }
    const before: Line = { face: 'bold', size: STEP.size, text: number, at: { x: LEFT, y } }
    return number === '' ? [text] : [before, text]
  })
}

/**
 * What is drawn on the page that is open, as an object that any page may show (ISO 32000-1 §8.10:
 * form XObjects).
 */
const formOf = (doc: PDFKit.PDFDocument, draw: () => void): PDFKit.PDFKitReference => {
  const { page } = doc
  const { write: writeOnPage } = page
  const operators: string[] = []
  page.write = (operator: string) => operators.push(operator)
  draw()
  page.write = writeOnPage
  const form = doc.ref({
    Type: 'XObject',
    Subtype: 'Form',
    BBox: [0, 0, page.width, page.height],
    Resources: { Font: { ...page.fonts } },
  })
  form.end(operators.join('\n'))
  return form
}

/** The steps and the code of the address: most of a card, and the same on each. Drawn once. */
const drawHowTo = (doc: PDFKit.PDFDocument, look: Look) => {
  const steps = stepsOf(doc, look)
  const { size, operators } = qrCode(look.address)
  const draw = (): void => {
    for (const step of steps) {
      writeAgain(doc, step.face, step.size, step.text, step.at)
    }
    const scale = QR.side / size
    doc.addContent(`q ${scale} 0 0 ${scale} ${QR.x} ${QR.y} cm ${operators} Q`)
  }
  let form: PDFKit.PDFKitReference | null = null
  return (x: number, y: number): void => {
    form ??= formOf(doc, draw)
    doc.page.xobjects.HowTo ??= form
    doc.addContent(`q 1 0 0 1 ${x} ${y} cm /HowTo Do Q`)
  }
}

/** Paints cards into a document; `x` and `y` are the left and upper corner of one. */
export const createCardPainter = (
  doc: PDFKit.PDFDocument,
  look: Look,
): ((card: Card, x: number, y: number) => void) => {
  const texts = TEXTS[look.locale]
  const showHowTo = drawHowTo(doc, look)
  const school = linesIn(doc, 'text', look.schoolName, SCHOOL)
  const label = (text: string, y: number, x = LEFT): Line => {
    return { face: 'text', size: LABEL.size, text, at: { x, y } }
  }
  const identifierLabel = label(texts.identifier, LABEL.identifier)
  const passwordLabel = label(texts.password, LABEL.password)
  const untilLabel = (ms: number): Line => {
    const text = texts.validUntil(look.lastDay(ms).inWords)
    const width = widthOf(doc, 'text', text) * LABEL.size
    return label(text, LABEL.password, LEFT + WIDTH - width)
  }

  return (card, x, y) => {
    const again = ({ face, size, text, at }: Line): void =>
      writeAgain(doc, face, size, text, { x: x + at.x, y: y + at.y })
    const own = (face: Face, text: string, room: Room): void => {
      for (const { size, text: line, at } of linesIn(doc, face, text, room)) {
        write(doc, face, size, line, { x: x + at.x, y: y + at.y })
      }
    }
    const kind = [texts.userTypes[card.userType], card.classes.join(', ')]

    const { top, height, around, radius } = FRAME
    doc.roundedRect(x + LEFT - around, y + top, WIDTH + 2 * around, height, radius).fill(PALE)
    doc.fillColor(GREY)
    school.forEach(again)
    doc.fillColor(BLACK)
    own('bold', `${card.givenName} ${card.familyName}`, NAME)
    own('text', kind.filter(Boolean).join(' · '), CLASSES)
    again(identifierLabel)
    own('mono', card.identifier, IDENTIFIER)
    again(passwordLabel)
    again(untilLabel(card.validUntil))
    own('mono', card.password, PASSWORD)
    showHowTo(x, y)
  }
}
