import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Card } from '../../accounts/temporary_passwords.ts'
import { type CardWriterOptions, createCardWriter } from '../../cards/card_writer.ts'

export const ADDRESS = 'https://connexion.college-exemple.fr/portail?de=carte'

/** 30 September, midnight in Paris: the whole of the 30th still counts. */
export const END_OF_SEPTEMBER = Date.UTC(2026, 8, 30, 22)

export const someone = (who: Partial<Card> = {}): Card => ({
  sub: 'sub-1',
  identifier: 'zoe.lefevre',
  givenName: 'Zoé',
  familyName: 'Lefèvre',
  userType: 'student',
  classes: ['6e B'],
  home: '0750001A',
  password: 'kfrt-7m3x-hn4p',
  validUntil: END_OF_SEPTEMBER,
  ...who,
})

/** An empty folder that is gone after the test. */
export const emptyFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-cards-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const writerIn = (folder: string, options: Partial<CardWriterOptions> = {}) =>
  createCardWriter({
    folder,
    name: 'rentree',
    address: ADDRESS,
    schoolName: 'Collège Jeanne-d’Arc',
    timeZone: 'Europe/Paris',
    locale: 'fr',
    formats: ['pdf', 'csv'],
    ...options,
  })

/** Writes the cards into a folder of the test; returns it. */
export const written = async (
  cards: readonly Card[],
  options: Partial<CardWriterOptions> = {},
): Promise<string> => {
  const folder = emptyFolder()
  const writer = await writerIn(folder, options)
  for (const card of cards) {
    await writer.write(card)
  }
  await writer.close()
  return folder
}
