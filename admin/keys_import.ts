import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { AppError } from '../accounts/errors.ts'
import { importKeys, type KeyEvent } from '../accounts/import_keys.ts'
import type { FileSecret, KeyEntry, KeyFile } from '../accounts/key_entry.ts'
import { KEY_FILE_BYTES_MAX, keyFromText, openKeyFile } from '../accounts/key_file.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { KEYS_PATH } from './key_path.ts'
import { multipartParser, unreadableUpload } from './multipart.ts'
import { assertConsoleForm, goTo, proveNow, sendConsolePage, type Visit } from './visit.ts'

type Model = ConsolePages['console/keys_import']

const IMPORT_PATH = `${KEYS_PATH}/import`
const FIELD_BYTES_MAX = 2_048
const LINES_SHOWN = 200
const FILE_NAME_LENGTH_MAX = 100

/** What was sent: the file whole in memory, at most `KEY_FILE_BYTES_MAX`, and on no disk. */
interface Sent {
  readonly fields: ReadonlyMap<string, string>
  readonly name: string
  readonly bytes: Buffer
  readonly tooLarge: boolean
}

const LIMITS = { files: 1, fileSize: KEY_FILE_BYTES_MAX, fields: 8, fieldSize: FIELD_BYTES_MAX }

/**
 * Reads the form. The token is its first field, and is checked before anything of the file is kept.
 * Throws `AppError('bad_form')`.
 */
const readUpload = (visit: Visit): Promise<Sent> =>
  new Promise((resolve, reject) => {
    const { req } = visit.ctx
    const busboy = multipartParser(visit, LIMITS)
    const fields = new Map<string, string>()
    const chunks: Buffer[] = []
    let name = ''
    let tooLarge = false
    const stop = (error: unknown): void => {
      req.unpipe(busboy)
      req.resume() // A cut connection brings nobody the page that says why.
      reject(error)
    }
    busboy.on('field', (field: string, value: string) => {
      fields.set(field, value)
    })
    busboy.on('file', (_field: string, stream: Readable, filename: string) => {
      try {
        assertConsoleForm(visit, fields.get('csrf') ?? '')
      } catch (error) {
        stream.resume()
        stop(error)
        return
      }
      name = basename(filename).slice(0, FILE_NAME_LENGTH_MAX)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('limit', () => {
        tooLarge = true
        chunks.length = 0
      })
    })
    busboy.on('error', (error: unknown) => stop(unreadableUpload(error)))
    busboy.on('finish', () => resolve({ fields, name, bytes: Buffer.concat(chunks), tooLarge }))
    req.on('aborted', () => reject(new AppError('bad_form', 'the upload was cut off')))
    req.pipe(busboy)
  })

type SecretKind = Model['secret']

const isSecretKind = (text: string): text is SecretKind =>
  ['none', 'passphrase', 'key'].includes(text)

const secretOf = (fields: Sent['fields']): SecretKind => {
  const kind = fields.get('secret_kind') ?? 'none'
  return isSecretKind(kind) ? kind : 'none'
}

type Opened<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ConsoleError }

const fail = (field: string, why: string, params: ConsoleError['params'] = {}) =>
  ({ ok: false, error: { field, key: `console.keys.errors.${why}`, params } }) as const

/** What was typed to open the file with, as the file wants it. */
const secretFor = ({ needs }: KeyFile, { fields }: Sent): Opened<FileSecret | null> => {
  const kind = secretOf(fields)
  const typed = fields.get('secret') ?? ''
  if (needs === null) {
    return { ok: true, value: null }
  }
  if (kind !== needs.secret || typed === '') {
    return fail('secret', `needs_${needs.secret}`)
  }
  if (kind === 'passphrase') {
    return { ok: true, value: { kind, text: typed } }
  }
  const bytes = keyFromText(typed)
  return bytes === null ? fail('secret', 'no_key') : { ok: true, value: { kind: 'key', bytes } }
}

interface Read {
  readonly entries: readonly KeyEntry[]
  readonly notes: readonly string[]
  readonly sha256: string
}

const readKeys = async (sent: Sent): Promise<Opened<Read>> => {
  if (sent.tooLarge) {
    return fail('file', 'too_large', { mb: KEY_FILE_BYTES_MAX / 1_000_000 })
  }
  if (sent.bytes.length === 0) {
    return fail('file', 'no_file')
  }
  const sha256 = createHash('sha256').update(sent.bytes).digest('hex')
  const tried = sent.fields.get('sha256') ?? ''
  if (tried !== '' && tried !== sha256) {
    return fail('file', 'other_file')
  }
  const opened = openKeyFile(sent.bytes)
  if (!opened.ok) {
    const { line, message } = opened.problem
    return fail('file', 'file', { line: line ?? '–', message })
  }
  const secret = secretFor(opened.file, sent)
  if (!secret.ok) {
    return secret
  }
  const read = await opened.file.keys(secret.value)
  if (!read.ok) {
    const { line, message } = read.problem
    return fail('file', 'file', { line: line ?? '–', message })
  }
  return { ok: true, value: { entries: read.entries, notes: read.notes, sha256 } }
}

const send = (visit: Visit, model: Omit<Model, 'action' | 'mbMax'>, status = 200): Promise<void> =>
  sendConsolePage(
    visit,
    'console/keys_import',
    { ...model, action: IMPORT_PATH, mbMax: KEY_FILE_BYTES_MAX / 1_000_000 },
    { status },
  )

/** `GET /admin/keys/import` */
export const showImport = async (visit: Visit): Promise<void> => {
  if (!visit.fresh) {
    return proveNow(visit, IMPORT_PATH)
  }
  await send(visit, { report: null, secret: 'none', errors: [] })
}

const rejectedOf = (events: readonly KeyEvent[]) =>
  events.flatMap((event) =>
    event.outcome === 'rejected'
      ? [{ line: event.line, serial: event.serial ?? '', reason: event.reason }]
      : [],
  )

/**
 * `POST /admin/keys/import`: the first time a dry run. What is imported then is sent once more, and has
 * to be the file that was tried: so neither its seeds nor what opens them wait anywhere in between.
 */
export const importHere = async (visit: Visit): Promise<void> => {
  const sent = await readUpload(visit)
  assertConsoleForm(visit, sent.fields.get('csrf') ?? '')
  const secret = secretOf(sent.fields)
  const read = await readKeys(sent)
  if (!read.ok) {
    return send(visit, { report: null, secret, errors: [read.error] }, 422)
  }
  const { entries, notes, sha256 } = read.value
  const dryRun = (sent.fields.get('sha256') ?? '') === ''
  const events: KeyEvent[] = []
  const { deps } = visit.console.site
  const report = await importKeys(deps, entries, {
    ...{ dryRun, by: visit.by, source: sent.name, sha256 },
    on: (event) => events.push(event),
  })
  const { added, unchanged, rejected, imported } = report
  if (imported) {
    const params = { count: added }
    return goTo(visit, `${KEYS_PATH}?state=in_stock`, { key: 'console.keys.done.imported', params })
  }
  const lines = rejectedOf(events)
  await send(visit, {
    secret,
    errors: [],
    report: {
      ...{ file: sent.name, added, unchanged, rejected, imported, notes },
      lines: lines.slice(0, LINES_SHOWN),
      more: lines.length > LINES_SHOWN,
      sha256: rejected === 0 && added > 0 ? sha256 : null,
    },
  })
}
