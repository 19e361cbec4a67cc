import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type OpenedStore, openStore } from '../../adapters/open.ts'
import { NOW } from './record.ts'

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
