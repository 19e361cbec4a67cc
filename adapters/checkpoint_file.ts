import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AuditCheckpoint } from '../accounts/audit_chain.ts'

const FILE_MODE = 0o600
const VERSION = 1
/** More than any line of ours. */
const LINE_LENGTH_MAX = 4_096
const READ_BYTES = 64 * 1024

export const checkpointLine = (checkpoint: AuditCheckpoint): string =>
  `${JSON.stringify({
    v: VERSION,
    at: new Date(checkpoint.atMs).toISOString(),
    batch: checkpoint.batch,
    last_seq: checkpoint.lastSeq,
    entries: checkpoint.total,
    mac: checkpoint.mac,
    signature: checkpoint.signature,
  })}\n`

/** A line of the file; null: it is none of ours. */
const readLine = (line: string): AuditCheckpoint | null => {
  try {
    const { v, at, batch, last_seq: lastSeq, entries: total, mac, signature } = JSON.parse(line)
    const atMs = Date.parse(at)
    const isOurs =
      v === VERSION &&
      [batch, lastSeq, total, atMs].every((one) => Number.isSafeInteger(one)) &&
      typeof mac === 'string' &&
      typeof signature === 'string'
    return isOurs ? { batch, lastSeq, total, mac, atMs, signature } : null
  } catch {
    return null
  }
}

/** The file that checkpoints are copied from to elsewhere: only ever added to. */
export const openCheckpointFile = (path: string) => ({
  /** Adds one, on the disk, unless it is the last one there. */
  append: async (checkpoint: AuditCheckpoint): Promise<void> => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(path, 'a+', FILE_MODE)
    try {
      const { size } = await file.stat()
      const start = Math.max(0, size - LINE_LENGTH_MAX)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(LINE_LENGTH_MAX), 0, null, start)
      const end = buffer.toString('latin1', 0, bytesRead)
      const line = checkpointLine(checkpoint)
      // A line that a crash cut off must not take the next one with it.
      const torn = end !== '' && !end.endsWith('\n')
      if (!end.endsWith(line)) {
        await file.appendFile(`${torn ? '\n' : ''}${line}`)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  },
})

export interface CheckpointLine {
  readonly line: number
  /** Null: not to be read. */
  readonly checkpoint: AuditCheckpoint | null
}

const textLines = function* (descriptor: number): Iterable<string> {
  const buffer = Buffer.alloc(READ_BYTES)
  let rest = ''
  for (let size = -1; size !== 0; ) {
    size = readSync(descriptor, buffer)
    const lines = `${rest}${buffer.toString('latin1', 0, size)}`.split('\n')
    rest = (lines.pop() ?? '').slice(0, LINE_LENGTH_MAX)
    yield* lines
  }
  if (rest !== '') {
    yield rest
  }
}

/** The checkpoints of a file, line by line; null: there is no such file. */
export const readCheckpointFile = (path: string): Iterable<CheckpointLine> | null => {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
    fstatSync(descriptor)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return null
    }
    throw error
  }
  return (function* () {
    try {
      let line = 0
      for (const text of textLines(descriptor)) {
        line += 1
        if (text.trim() !== '') {
          yield { line, checkpoint: readLine(text) }
        }
      }
    } finally {
      closeSync(descriptor)
    }
  })()
}
