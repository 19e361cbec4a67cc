import { randomBytes } from 'node:crypto'
import { link, mkdir, open, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../accounts/errors.ts'

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const READABLE_BY_OTHERS = 0o077
const WRITABLE_BY_OTHERS = 0o022

/**
 * The text of a secret file, which `make` gives where there is none yet. Of several starters at
 * once one writes it and all get the same. Throws `AppError('unavailable')`, with the command that
 * puts it right, where others on this machine could read the file or put another in its place.
 */
export async function readOrCreatePrivateFile(
  folder: string,
  name: string,
  make: () => Promise<string>,
): Promise<string> {
  await assertPrivateFolder(folder)
  const file = join(folder, name)
  const text = await readPrivate(file)
  if (text !== undefined) return text
  await createOnce(folder, file, await make())
  // Not what was just made: another starter may have been first.
  const created = await readPrivate(file)
  if (created === undefined) throw refusal(`${file} was removed as soon as it was made`)
  return created
}

const refusal = (message: string): AppError => new AppError('unavailable', message)

async function assertPrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  const { mode } = await stat(folder)
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    const why = 'others on this machine could put files of theirs in it'
    throw refusal(`${folder} has mode ${octal(mode)}: ${why}. Run: chmod 700 '${folder}'`)
  }
}

/** The file's text; undefined: there is none. Mode and text are of one and the same file. */
async function readPrivate(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r').catch(ifAbsent)
  if (handle === undefined) return undefined
  try {
    const { mode } = await handle.stat()
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      const fix = `Run: chmod 600 '${file}', and take new keys if somebody may have read it`
      throw refusal(`${file} has mode ${octal(mode)}: others could read the keys. ${fix}`)
    }
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(3, '0')

/** Writes the whole file or none, and never over one that is there: `link` refuses an existing name. */
async function createOnce(folder: string, file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(8).toString('hex')}`
  try {
    await writeDurably(draft, text)
    await link(draft, file)
    await syncFolder(folder)
  } catch (error) {
    if (!isExisting(error)) throw error
  } finally {
    await unlink(draft).catch(ifAbsent)
  }
}

const isExisting = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST'

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A new name in a folder is durable once the folder itself is written. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
