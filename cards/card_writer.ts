import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Locale } from '../accounts/account.ts'
import type { CardWriter } from '../accounts/temporary_passwords.ts'
import { isEstablishmentCode } from '../policies/establishment.ts'
import { type CsvFile, openCsv } from './csv_file.ts'
import { createLastDay } from './last_day.ts'
import { CardFileError, isFileName, nameParts, onFile, type PartFile } from './part_file.ts'
import type { PdfFile } from './pdf_file.ts'

export type CardFormat = 'pdf' | 'csv'

export interface CardWriterOptions {
  /** Where the files come to lie; it exists. */
  readonly folder: string
  /** What their names begin with. */
  readonly name: string
  /** Where people sign in. */
  readonly address: string
  readonly schoolName: string
  /** IANA. */
  readonly timeZone: string
  readonly locale: Locale
  readonly formats: readonly CardFormat[]
}

const WITHOUT_HOME = 'without-establishment'

const isOf = (name: string, file: string): boolean => {
  const rest = file.startsWith(name) ? file.slice(name.length) : ''
  const whole = rest.replace(/\.part$/, '')
  const [, home] = /^-(.+)\.pdf$/.exec(whole) ?? []
  return whole === '.csv' || home === WITHOUT_HOME || isEstablishmentCode(home ?? '')
}

/** Whether the folder takes these files is known before the first password is made. */
const assertFree = async (folder: string, name: string): Promise<void> => {
  if (!isFileName(name)) {
    throw new CardFileError(`"${name}" is no name for a file`)
  }
  const files = await onFile(folder, async () => {
    const names = await readdir(folder)
    await access(folder, constants.W_OK | constants.X_OK)
    return names
  })
  const taken = files.filter((file) => isOf(name, file)).sort()
  if (taken.length > 0) {
    const paths = taken.map((file) => join(folder, file)).join(', ')
    const partly = taken.some((file) => file.endsWith('.part'))
    const hint = partly ? '; a .part is of a generation that runs, or that was broken off' : ''
    throw new CardFileError(`${paths}: exists already, and nothing is overwritten${hint}`)
  }
}

const pdfNameOf = (home: string | null): string => {
  if (home !== null && !isEstablishmentCode(home)) {
    throw new CardFileError(`"${home}" is no code of an establishment`)
  }
  return home ?? WITHOUT_HOME
}

/**
 * Writes the cards of one generation: one CSV, and a PDF for each establishment. At most one PDF is
 * held, and of it the sheet that is being filled and the people of no class. Throws CardFileError
 * where a file cannot be written or is already there.
 */
export const createCardWriter = async (options: CardWriterOptions): Promise<CardWriter> => {
  const { folder, name, address, schoolName, timeZone, locale, formats } = options
  await assertFree(folder, name)
  const lastDay = createLastDay(timeZone, locale)
  const parts: PartFile[] = []
  let csv: CsvFile | null = null
  let pdf: { readonly file: PdfFile; readonly home: string | null } | null = null
  // Only who prints pays for loading fonts and PDF.
  const pdfModule = formats.includes('pdf') ? await import('./pdf_file.ts') : null

  const abandon = async (): Promise<void> => {
    await Promise.all(parts.splice(0).map((part) => part.remove()))
  }
  const orNothing = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act()
    } catch (error) {
      await abandon()
      throw error
    }
  }

  const openCsvFile = async (): Promise<CsvFile> => {
    const file = await openCsv({ path: join(folder, `${name}.csv`), address, locale, lastDay })
    parts.push(file.part)
    return file
  }
  const pdfOf = async (home: string | null): Promise<PdfFile | null> => {
    if (pdfModule === null || pdf?.home === home) {
      return pdf?.file ?? null
    }
    await pdf?.file.finish()
    const path = join(folder, `${name}-${pdfNameOf(home)}.pdf`)
    const file = await pdfModule.openPdf(path, home, { address, schoolName, locale, lastDay })
    parts.push(file.part)
    pdf = { file, home }
    return file
  }

  if (formats.includes('csv')) {
    csv = await openCsvFile()
  }
  return {
    write: (card) =>
      orNothing(async () => {
        await csv?.write(card)
        await (await pdfOf(card.home))?.write(card)
      }),
    close: () =>
      orNothing(async () => {
        await pdf?.file.finish()
        await csv?.finish()
        const files = await nameParts(parts)
        parts.length = 0
        return { files }
      }),
    abandon,
  }
}
