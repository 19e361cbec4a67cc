import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** Where a person types, and where they are asked: standard error, so that results stay clean. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream
}

const ours = (): Terminal => ({ input: process.stdin, output: process.stderr })

/** What was typed or handed over, or why nothing was. */
export type ReadInput =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string }

/** Longer than any passphrase or key. */
const SECRET_BYTES_MAX = 4_096

const TOO_LONG = `is longer than ${SECRET_BYTES_MAX} bytes`
const NOTHING = 'is empty'

/** A secret handed over is one line; its end is not part of it. */
const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, '')

const fromDescriptor = async (fd: number): Promise<ReadInput> => {
  const chunks: Buffer[] = []
  let size = 0
  try {
    const stream = createReadStream('', { fd, autoClose: false })
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > SECRET_BYTES_MAX) {
        return { ok: false, message: TOO_LONG }
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { ok: false, message: `cannot be read from file descriptor ${fd} (${code})` }
  }
  const text = withoutLineEnd(Buffer.concat(chunks).toString('utf8'))
  return text === '' ? { ok: false, message: NOTHING } : { ok: true, text }
}

/** Takes what the line editor draws, and shows none of it. */
const silent = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

/** One line, typed unseen. Null: broken off (Ctrl-C, Ctrl-D). */
const typedUnseen = (prompt: string, { input, output }: Terminal): Promise<string | null> =>
  new Promise((resolve) => {
    output.write(prompt)
    const lines = createInterface({ input, output: silent(), terminal: true, historySize: 0 })
    let typed: string | null = null
    lines.on('line', (line) => {
      typed = line
      lines.close()
    })
    lines.on('SIGINT', () => lines.close())
    lines.on('close', () => {
      output.write('\n')
      resolve(typed)
    })
  })

/**
 * Reads a secret from file descriptor `fd`, or from the terminal, where nothing of it is shown.
 * Never from arguments, which every process sees, nor from the environment, which children inherit.
 */
export const readSecret = async (
  prompt: string,
  fd: number | undefined,
  terminal: Terminal = ours(),
): Promise<ReadInput> => {
  if (fd !== undefined) {
    return fromDescriptor(fd)
  }
  if (terminal.input.isTTY !== true) {
    return { ok: false, message: 'there is no terminal to ask on: hand it over by a descriptor' }
  }
  const typed = await typedUnseen(prompt, terminal)
  if (typed === null) {
    return { ok: false, message: 'was not given' }
  }
  if (Buffer.byteLength(typed) > SECRET_BYTES_MAX) {
    return { ok: false, message: TOO_LONG }
  }
  return typed === '' ? { ok: false, message: NOTHING } : { ok: true, text: typed }
}

/**
 * Reads `count` one-time codes, spaces taken out: asked one by one on a terminal, and seen there,
 * else from standard input, one a line. Fewer where the input ends before.
 */
export const readCodes = async (
  prompt: string,
  count: number,
  { input, output }: Terminal = ours(),
): Promise<string[]> => {
  const asks = input.isTTY === true
  const lines = createInterface({ input, ...(asks ? { output } : {}), terminal: asks })
  const codes: string[] = []
  const ask = (): void => {
    if (asks && codes.length < count) {
      output.write(count === 1 ? `${prompt}: ` : `${prompt} (${codes.length + 1}/${count}): `)
    }
  }
  ask()
  for await (const line of lines) {
    const code = line.replaceAll(/\s/g, '')
    if (code !== '') {
      codes.push(code)
    }
    if (codes.length === count) {
      break
    }
    ask()
  }
  lines.close()
  return codes
}
