import PDFDocument from 'pdfkit'
import type { Card } from '../accounts/temporary_passwords.ts'
import { FIRST_FONT, printable } from './lettering.ts'
import { createCardPainter, type Look } from './paint_card.ts'
import { openPart, type PartFile } from './part_file.ts'
import { beginSheet, CARDS_ON_SHEET, cornerOf } from './sheet.ts'
import { TEXTS } from './texts.ts'

export interface PdfFile {
  readonly part: PartFile
  write(card: Card): Promise<void>
  finish(): Promise<void>
}

const documentOf = (home: string, { locale, schoolName }: Look): PDFKit.PDFDocument =>
  new PDFDocument({
    size: 'A4',
    margin: 0,
    pdfVersion: '1.7',
    autoFirstPage: false,
    bufferPages: false,
    font: FIRST_FONT,
    lang: locale,
    displayTitle: true,
    info: {
      Title: TEXTS[locale].title(home),
      Author: schoolName,
      Creator: 'Vestibule',
    },
  })

/**
 * The cards of one establishment (null: of none), on sheets of A4. A class begins a sheet of its
 * own, so that a pile goes to whoever hands out to that class, and none of its cards strays into
 * another's; so do teachers, staff and others who have none, who come kind by kind. A bookmark leads to it, so that it can be printed alone.
 */
export const openPdf = async (path: string, home: string | null, look: Look): Promise<PdfFile> => {
  const part = await openPart(path)
  const texts = TEXTS[look.locale]
  const title = home ?? texts.withoutHome
  const doc = documentOf(title, look)
  const paint = createCardPainter(doc, look)
  let className: string | null = null
  let sheets = 0
  let onSheet = 0

  /** pdfkit keeps what nobody reads: whatever is complete goes to the disk before more is made. */
  const flush = async (): Promise<void> => {
    const bytes: Buffer | null = doc.read()
    if (bytes !== null) {
      await part.write(bytes)
    }
  }

  return {
    part,
    write: async (card) => {
      const next = card.classes[0] ?? texts.piles[card.userType]
      if (next !== className || onSheet === CARDS_ON_SHEET) {
        sheets += 1
        onSheet = 0
        beginSheet(doc, look.locale, { home: title, className: next, number: sheets })
        if (next !== className) {
          doc.outline.addItem(printable(next))
          className = next
        }
        await flush()
      }
      const { x, y } = cornerOf(onSheet)
      paint(card, x, y)
      onSheet += 1
    },
    finish: async () => {
      doc.end()
      await flush()
      await part.finish()
    },
  }
}
