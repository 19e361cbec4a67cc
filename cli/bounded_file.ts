import { open } from 'node:fs/promises'
import { utf8Text } from '../accounts/utf8.ts'

export type BoundedFile =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly message: string }

const UNREADABLE: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder, not a file',
}

const tooLarge = (bytesMax: number): BoundedFile => ({
  ok: false,
  message: `has more than ${bytesMax / 1_000_000} MB`,
})

export const NOT_TEXT = 'is not text in UTF-8 or Latin-1 (Windows)'

/**
 * The text of bytes in UTF-8, else in the Western European encoding of Windows, which contains
 * Latin-1. Null: neither; UTF-16 has bytes of 0, as what is no text mostly has.
 */
export const decodedText = (bytes: Uint8Array): string | null =>
  bytes.includes(0) ? null : (utf8Text(bytes) ?? new TextDecoder('windows-1252').decode(bytes))

/**
 * Reads a whole file that has at most `bytesMax` bytes. A larger one is refused unread; a pipe,
 * whose size nobody knows, once it has delivered more.
 */
export const readBounded = async (path: string, bytesMax: number): Promise<BoundedFile> => {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    if (size > bytesMax) {
      return tooLarge(bytesMax)
    }
    const chunks: Buffer[] = []
    let read = 0
    for await (const chunk of file.createReadStream({
      autoClose: false,
    }) as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      read += chunk.length
      if (read > bytesMax) {
        return tooLarge(bytesMax)
      }
    }
    return { ok: true, bytes: Buffer.concat(chunks) }
  } catch (error) {
    const message = UNREADABLE[(error as NodeJS.ErrnoException).code ?? '']
    if (message === undefined) {
      throw error
    }
    return { ok: false, message }
  }
}
