import { createReadStream } from 'node:fs'
import type { FileLayout } from '../accounts/import_ports.ts'
import { BadFile } from './file_problem.ts'

/** One row of people is far below; more is a quote that was never closed. */
export const ROW_CHARACTERS_MAX = 64_000
/** UTF-8 takes at most four bytes a character. */
const LINE_BYTES_MAX = 4 * ROW_CHARACTERS_MAX
/** A million people take a third. */
export const FILE_BYTES_MAX = 512_000_000

type Encoding = FileLayout['encoding']

const UTF8_MARK = [0xef, 0xbb, 0xbf]

/** First bytes of files that are often sent for a CSV: xlsx and ods, xls, PDF. */
const OTHER_FILES = [
  [0x50, 0x4b, 0x03, 0x04],
  [0xd0, 0xcf, 0x11, 0xe0],
  [0x25, 0x50, 0x44, 0x46],
]
const UTF16_MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
]

const beginsWith = (bytes: Buffer, mark: readonly number[]): boolean =>
  mark.every((byte, index) => bytes[index] === byte)

const LF = 0x0a
const CR = 0x0d
/** Lead byte of é, è, à, ç … in UTF-8; in Latin-1 an Ã, which no sign follows in any language. */
const LEAD = 0xc3
/** Bytes that Windows-1252 leaves without a meaning (WHATWG Encoding, index windows-1252). */
const MEANINGLESS = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d])

/** What the bytes of a file say, one after the other. */
class Bytes {
  line = 1
  total = 0
  /** First line with two bytes that are an accented letter in UTF-8. */
  letterOn: number | null = null
  meaninglessOn: number | null = null
  #sinceBreak = 0
  #last = 0

  /** Throws `BadFile` for what makes it no text, before more of it is read. */
  take(bytes: Buffer): void {
    this.total += bytes.length
    if (this.total > FILE_BYTES_MAX) {
      throw new BadFile('too_large', null, { max: FILE_BYTES_MAX / 1_000_000 })
    }
    for (const byte of bytes) {
      if (byte === LF || byte === CR) {
        this.#breakLine(byte)
      } else {
        this.#sinceBreak += 1
        if (byte === 0 || byte >= 0x80) {
          this.#look(byte)
        }
      }
      this.#last = byte
    }
    if (this.#sinceBreak > LINE_BYTES_MAX) {
      throw new BadFile('line_too_long', this.line)
    }
  }

  #breakLine(byte: number): void {
    if (this.#sinceBreak > LINE_BYTES_MAX) {
      throw new BadFile('line_too_long', this.line)
    }
    this.#sinceBreak = 0
    this.line += byte === LF && this.#last === CR ? 0 : 1
  }

  #look(byte: number): void {
    if (byte === 0) {
      throw new BadFile('nul', this.line)
    }
    if (this.#last === LEAD && byte <= 0xbf) {
      this.letterOn ??= this.line
    }
    if (MEANINGLESS.has(byte)) {
      this.meaninglessOn ??= this.line
    }
  }
}

/** Without bytes: whether the text ends with a whole character. */
const decodes = (decoder: InstanceType<typeof TextDecoder>, bytes?: Buffer): boolean => {
  try {
    decoder.decode(bytes, { stream: bytes !== undefined })
    return true
  } catch {
    return false // Not UTF-8 here: that is the answer.
  }
}

const refuseOtherFiles = (first: Buffer): void => {
  if (OTHER_FILES.some((mark) => beginsWith(first, mark))) {
    throw new BadFile('no_csv')
  }
  if (UTF16_MARKS.some((mark) => beginsWith(first, mark))) {
    throw new BadFile('utf16')
  }
}

/** Windows-1252, unless the bytes speak against that as well: a wrong guess would be in every name. */
const notUtf8 = (bytes: Bytes, marked: boolean, brokenOn: number): Encoding => {
  if (marked) {
    throw new BadFile('not_utf8', brokenOn)
  }
  if (bytes.letterOn !== null) {
    throw new BadFile('mixed', brokenOn)
  }
  if (bytes.meaninglessOn !== null) {
    throw new BadFile('no_encoding', bytes.meaninglessOn)
  }
  return 'windows-1252'
}

/**
 * Reads a file through and says how it is written: UTF-8 throughout, else the Western European
 * encoding of Windows, which contains Latin-1. Throws `BadFile` for what is no such text, a line
 * without an end before all of it is read. Memory holds one piece of the file.
 */
export const detectEncoding = async (path: string): Promise<Encoding> => {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const bytes = new Bytes()
  let marked = false
  /** Line up to which the text was UTF-8. */
  let brokenOn: number | null = null
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    if (bytes.total === 0) {
      refuseOtherFiles(piece)
      marked = beginsWith(piece, UTF8_MARK)
    }
    const { line } = bytes
    bytes.take(piece)
    if (brokenOn === null && !decodes(decoder, piece)) {
      brokenOn = line + brokenLine(piece)
    }
  }
  if (brokenOn === null && !decodes(decoder)) {
    brokenOn = bytes.line
  }
  return brokenOn === null ? 'utf-8' : notUtf8(bytes, marked, brokenOn)
}

/** How many lines of a piece that is not UTF-8 come before the one that is not. */
const brokenLine = (piece: Buffer): number => {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let from = 0
  for (let line = 0; ; line += 1) {
    const end = piece.indexOf(LF, from)
    // The first line may begin in the middle of a character, of which nothing can be said.
    if (end === -1 || (line > 0 && !decodes(decoder, piece.subarray(from, end)))) {
      return line
    }
    from = end + 1
  }
}

/** The text of the file; a byte order mark is taken off by the decoder. */
export async function* textOf(path: string, encoding: Encoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding)
  for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
    const text = decoder.decode(bytes, { stream: true })
    if (text !== '') {
      yield text
    }
  }
}
