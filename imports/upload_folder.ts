import { createWriteStream } from 'node:fs'
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Deps } from '../accounts/ports.ts'

/** An uploaded file that is not imported is gone after a day; its line in the list after a month. */
export const UPLOAD_KEPT_MS = 24 * 3_600_000
const LISTED_MS = 31 * UPLOAD_KEPT_MS

/** A million people take three times as much, and are imported from the command line. */
export const UPLOAD_BYTES_MAX = 128_000_000

export type Saved =
  | { readonly ok: true; readonly bytes: number }
  | { readonly ok: false; readonly reason: 'too_large' }

/** Where uploaded files lie: readable by their owner alone, for passwords may be in them. */
export interface UploadFolder {
  pathOf(id: string): string
  /** Writes it as it comes; memory holds one piece. Nothing is left of one that is too large. */
  save(id: string, content: Readable): Promise<Saved>
  remove(id: string): Promise<void>
  /** Ids of files that are there, and when (ms) each was last written. */
  list(): Promise<readonly { id: string; atMs: number }[]>
}

class TooLarge extends Error {}

const limited = (bytesMax: number, count: { bytes: number }): Transform =>
  new Transform({
    transform(piece: Buffer, _, done) {
      count.bytes += piece.length
      done(count.bytes > bytesMax ? new TooLarge() : null, piece)
    },
  })

export const createUploadFolder = (
  dataFolder: string,
  bytesMax: number = UPLOAD_BYTES_MAX,
): UploadFolder => {
  const folder = join(dataFolder, 'imports')
  const pathOf = (id: string): string => join(folder, `${id}.csv`)
  const remove = (id: string): Promise<void> => rm(pathOf(id), { force: true })
  return {
    pathOf,
    remove,
    async save(id, content) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await chmod(folder, 0o700)
      const count = { bytes: 0 }
      try {
        const file = createWriteStream(pathOf(id), { mode: 0o600, flags: 'wx' })
        await pipeline(content, limited(bytesMax, count), file)
        return { ok: true, bytes: count.bytes }
      } catch (error) {
        await remove(id)
        if (error instanceof TooLarge) {
          return { ok: false, reason: 'too_large' }
        }
        throw error
      }
    },
    async list() {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') {
          return [] // Nothing was ever uploaded.
        }
        throw error
      })
      const found = await Promise.all(
        names.map(async (name) => {
          const about = await stat(join(folder, name)).catch(() => null) // Removed meanwhile.
          return about === null ? [] : [{ id: name.replace(/\.csv$/, ''), atMs: about.mtimeMs }]
        }),
      )
      return found.flat()
    },
  }
}

/** Deletes the file of an upload, and says so in its line. */
export const removeUpload = async (
  deps: Pick<Deps, 'store' | 'clock'>,
  folder: UploadFolder,
  id: string,
): Promise<void> => {
  await folder.remove(id)
  await deps.store.importFiles.setRemoved(id, deps.clock())
}

/** Deletes uploads that are a day old, unless they are being worked on; and what belongs to none. */
export const forgetUploads = async (deps: Deps, folder: UploadFolder): Promise<number> => {
  const { importFiles, jobs } = deps.store
  const old = deps.clock() - UPLOAD_KEPT_MS
  let removed = 0
  for (const { id, atMs, checkJob, importJob } of await importFiles.present()) {
    const job = importJob ?? checkJob
    const running = job !== null && (await jobs.find(job))?.endedAt === null
    if (atMs <= old && !running) {
      await removeUpload(deps, folder, id)
      removed += 1
    }
  }
  const present = new Set((await importFiles.present()).map(({ id }) => id))
  for (const { id, atMs } of await folder.list()) {
    if (!present.has(id) && atMs <= old) {
      await folder.remove(id)
    }
  }
  await importFiles.forget(deps.clock() - LISTED_MS)
  return removed
}
