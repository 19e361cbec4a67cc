import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Person } from '../../accounts/account.ts'
import { type OpenedStore, openStore } from '../../adapters/open.ts'

/** A Tuesday in November. */
export const NOW = Date.UTC(2026, 10, 24, 8, 0, 0)

/** A folder that goes with the test. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-adapters-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A clock that stands still until told. */
export const standingClock = (startMs = NOW) => {
  let nowMs = startMs
  return {
    clock: () => nowMs,
    pass: (ms: number) => {
      nowMs += ms
      return nowMs
    },
  }
}

/** A store on a file of its own, closed with the test. */
export const temporaryStore = async (
  options: Partial<Parameters<typeof openStore>[0]> = {},
): Promise<OpenedStore> => {
  const opened = await openStore({ dataFolder: temporaryFolder(), clock: () => NOW, ...options })
  onTestFinished(() => opened.close())
  return opened
}

export const person = (identifier: string, more: Partial<Person> = {}): Person => ({
  externalId: null,
  identifier,
  userType: 'student',
  givenName: 'Léa',
  familyName: 'Martin',
  email: null,
  birthDate: null,
  establishments: [],
  classes: [],
  children: [],
  locale: null,
  ...more,
})
