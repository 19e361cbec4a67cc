import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { importKeys, type KeyEvent, type KeysReport } from '../accounts/import_keys.ts'
import type { FileSecret, KeyEntry, KeyFile } from '../accounts/key_entry.ts'
import { KEY_FILE_BYTES_MAX, keyFromText, openKeyFile } from '../accounts/key_file.ts'
import { readBounded } from './bounded_file.ts'
import { type Command, type Context, EXIT, text, UsageError, type Values } from './command.ts'
import { fileProblem, type Output } from './output.ts'
import { readSecret } from './secret_input.ts'

const HEX_SHA256 = /^[0-9a-f]{64}$/

interface Wishes {
  readonly dryRun: boolean
  /** The hash that the file has to have. */
  readonly sha256: string | null
  /** Where the secret comes from; null: from the terminal. */
  readonly handed: { readonly secret: FileSecret['kind']; readonly fd: number } | null
}

const descriptor = (values: Values, name: string): number | null => {
  const value = text(values, name)
  if (value === undefined) {
    return null
  }
  if (!/^\d{1,6}$/.test(value)) {
    throw new UsageError(`--${name} takes the number of an open file descriptor`)
  }
  return Number(value)
}

const handedOver = (values: Values): Wishes['handed'] => {
  const passphrase = descriptor(values, 'passphrase-fd')
  const key = descriptor(values, 'key-fd')
  if (passphrase !== null && key !== null) {
    throw new UsageError('--passphrase-fd and --key-fd exclude each other')
  }
  if (passphrase !== null) {
    return { secret: 'passphrase', fd: passphrase }
  }
  return key === null ? null : { secret: 'key', fd: key }
}

const wishesOf = (values: Values): Wishes => {
  const sha256 = text(values, 'sha256')?.toLowerCase() ?? null
  if (sha256 !== null && !HEX_SHA256.test(sha256)) {
    throw new UsageError('--sha256 takes the 64 hexadecimal digits that the dry run printed')
  }
  return { dryRun: values['dry-run'] === true, sha256, handed: handedOver(values) }
}

const WORDS = { passphrase: 'passphrase', key: 'pre-shared key' } as const
const OPTION = { passphrase: '--passphrase-fd', key: '--key-fd' } as const

/** Something that ends the command, told as a problem of the file. */
class Refused extends Error {
  readonly line: number | null

  constructor(message: string, line: number | null = null) {
    super(message)
    this.line = line
  }
}

const secretFor = async ({ needs }: KeyFile, { handed }: Wishes): Promise<FileSecret | null> => {
  if (needs === null) {
    if (handed !== null) {
      throw new Refused(`is not encrypted, though ${OPTION[handed.secret]} is given`)
    }
    return null
  }
  const what = WORDS[needs.secret]
  if (handed !== null && handed.secret !== needs.secret) {
    throw new Refused(`is protected by a ${what}: give ${OPTION[needs.secret]}`)
  }
  const name = needs.name === null || needs.name === '' ? '' : ` "${needs.name}"`
  const read = await readSecret(`The ${what}${name} of the file: `, handed?.fd)
  if (!read.ok) {
    throw new Refused(`is protected by a ${what}, which ${read.message}`)
  }
  if (needs.secret === 'passphrase') {
    return { kind: 'passphrase', text: read.text }
  }
  const bytes = keyFromText(read.text)
  if (bytes === null) {
    throw new Refused('the pre-shared key is 16, 24 or 32 bytes in hexadecimal or base64')
  }
  return { kind: 'key', bytes }
}

interface Read {
  readonly entries: readonly KeyEntry[]
  readonly notes: readonly string[]
  readonly sha256: string
  readonly format: KeyFile['format']
}

const readFile = async (path: string, wishes: Wishes): Promise<Read> => {
  const content = await readBounded(path, KEY_FILE_BYTES_MAX)
  if (!content.ok) {
    throw new Refused(content.message)
  }
  const sha256 = createHash('sha256').update(content.bytes).digest('hex')
  if (wishes.sha256 !== null && wishes.sha256 !== sha256) {
    throw new Refused(`is not the file that was tried: its SHA-256 is ${sha256}`)
  }
  const opened = openKeyFile(content.bytes)
  if (!opened.ok) {
    throw new Refused(opened.problem.message, opened.problem.line)
  }
  const { file } = opened
  const read = await file.keys(await secretFor(file, wishes))
  if (!read.ok) {
    throw new Refused(read.problem.message, read.problem.line)
  }
  return { entries: read.entries, notes: read.notes, sha256, format: file.format }
}

const eventLine = (event: KeyEvent): string => {
  const who = event.serial === null ? '' : `, "${event.serial}"`
  const why = event.outcome === 'rejected' ? `: ${event.reason}` : ''
  return `line ${event.line}${who}: ${event.outcome}${why}`
}

const summarise = (out: Output, report: KeysReport, wishes: Wishes, sha256: string): void => {
  const { added, unchanged, rejected } = report
  out.line(`${added} added, ${unchanged} unchanged, ${rejected} rejected`)
  if (rejected > 0) {
    out.line('Nothing was imported: a file is imported whole or not at all')
  }
  if (wishes.dryRun) {
    out.line('Dry run: nothing was written')
    out.line(`SHA-256 of the file: ${sha256}`)
  }
}

const run = async (context: Context): Promise<0 | 1> => {
  const { values, positionals, out, by, cwd } = context
  const [path = ''] = positionals
  const wishes = wishesOf(values)
  let read: Read
  try {
    read = await readFile(resolve(cwd, path), wishes)
  } catch (error) {
    if (error instanceof Refused) {
      out.problem(fileProblem(path, error))
      return EXIT.refused
    }
    throw error
  }
  const { entries, notes, sha256, format } = read
  for (const note of notes) {
    out.problem({ where: path, message: `warning: ${note}` })
  }
  const { deps } = await context.core()
  const { dryRun } = wishes
  const events: KeyEvent[] = []
  const on = (event: KeyEvent): void => {
    if (values['details'] === true || event.outcome === 'rejected') {
      events.push(event)
      out.line(eventLine(event))
    }
  }
  const source = basename(path)
  const report = await importKeys(deps, entries, { dryRun, by, source, sha256, on })
  summarise(out, report, wishes, sha256)
  const told = { file: path, format, sha256, dry_run: dryRun, ...report }
  out.data({ ...told, warnings: notes, lines: events })
  return report.rejected > 0 ? EXIT.refused : EXIT.ok
}

export const keysImport: Command = {
  name: 'keys import',
  usage: 'FILE [--dry-run] [--details] [--sha256 HEX] [--passphrase-fd N | --key-fd N]',
  summary: 'adds OTP keys from a PSKC or CSV file to the stock',
  options: {
    'dry-run': { type: 'boolean' },
    details: { type: 'boolean' },
    sha256: { type: 'string' },
    'passphrase-fd': { type: 'string' },
    'key-fd': { type: 'string' },
  },
  positionals: [1, 1],
  run,
}
