import { type FileHandle, open } from 'node:fs/promises'

/** Brings a file to the disk, off the event loop. */
export interface Flush {
  /** Resolves when all that was written before the call is on the disk. */
  flushed(): Promise<void>
  /** After the last `flushed`. */
  close(): Promise<void>
}

/** Nothing was ever written. */
const ifAbsent = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error
}

/**
 * Flushes one file. While the disk is busy, whoever asks joins the next round: a hundred commits
 * cost one wait. The file is opened at the first call, and must stay the same file until `close`;
 * SQLite's write-ahead log does while a connection is open (https://sqlite.org/walformat.html §1).
 */
export const createFlush = (file: string): Flush => {
  let handle: FileHandle | undefined
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined

  const round = async (): Promise<void> => {
    handle ??= await open(file, 'r').catch(ifAbsent)
    await handle?.datasync()
  }

  return {
    flushed() {
      next ??= running
        .catch(() => {}) // Told to those who waited for it.
        .then(() => {
          next = undefined
          running = round()
          return running
        })
      return next
    },
    async close() {
      await next?.catch(() => {}) // Whoever committed last is still told.
      await running.catch(() => {})
      await handle?.close()
    },
  }
}
