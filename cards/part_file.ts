import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** Cards that cannot be written; the message names the file and says why, for a person. */
export class CardFileError extends Error {
  override readonly name = 'CardFileError'
}

const REASONS: { readonly [code: string]: string } = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'this user may not fill more of the disk',
  EFBIG: 'the file may not grow any larger',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the disk cannot be written',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'there is no such folder',
  EEXIST: 'exists already, and nothing is overwritten',
}

/** Runs what touches the file or folder at `path`; what the system refuses becomes a CardFileError. */
export const onFile = async <T>(path: string, act: () => Promise<T>): Promise<T> => {
  try {
    return await act()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === undefined) {
      throw cause
    }
    throw new CardFileError(`${path}: ${REASONS[code] ?? `cannot be written (${code})`}`, { cause })
  }
}

const PART = '.part'
/** Passwords in clear: for whoever runs the command, and nobody else. */
const OWNER_ONLY = 0o600

const partOf = (path: string): string => path + PART

/** A file that has its name only once it is complete. */
export interface PartFile {
  readonly path: string
  write(bytes: Uint8Array): Promise<void>
  /** All of it is on the disk, still under the name of a part. */
  finish(): Promise<void>
  remove(): Promise<void>
}

/** Throws CardFileError, as every call does; a part that is already there is another's. */
export const openPart = async (path: string): Promise<PartFile> => {
  const part = partOf(path)
  const handle: FileHandle = await onFile(part, () => open(part, 'wx', OWNER_ONLY))
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) {
      isOpen = false
      await handle.close()
    }
  }
  return {
    path,
    write: (bytes) => onFile(path, () => handle.writeFile(bytes)),
    finish: () =>
      onFile(path, async () => {
        await handle.sync()
        await close()
      }),
    remove: async () => {
      await close()
      await rm(part, { force: true })
    },
  }
}

const syncFolder = async (folder: string): Promise<void> => {
  await using handle = await open(folder)
  await handle.sync()
}

/** Takes the names first, so that no file is ever replaced but our own empty one. */
const takeNames = async (paths: readonly string[]): Promise<void> => {
  const taken: string[] = []
  try {
    for (const path of paths) {
      const handle = await onFile(path, () => open(path, 'wx', OWNER_ONLY))
      taken.push(path)
      await handle.close()
    }
  } catch (error) {
    await Promise.all(taken.map((path) => rm(path, { force: true })))
    throw error
  }
}

/** Gives finished parts of one folder their names, all of them or none where a name is taken. */
export const nameParts = async (parts: readonly PartFile[]): Promise<string[]> => {
  const paths = parts.map(({ path }) => path)
  await takeNames(paths)
  for (const path of paths) {
    await onFile(path, () => rename(partOf(path), path))
  }
  const [first] = paths
  if (first !== undefined) {
    await onFile(first, () => syncFolder(dirname(first)))
  }
  return paths
}

/** True for a name of a file, without a way to a folder. */
export const isFileName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && basename(name) === name && !name.includes('\0')
