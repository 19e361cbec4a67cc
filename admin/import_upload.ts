import type { Readable } from 'node:stream'
import { AppError } from '../accounts/errors.ts'
import { newUploadId, takeUpload, type Uploaded } from '../imports/acts.ts'
import { fileProblemOf } from '../imports/file_problem.ts'
import type { UploadFolder } from '../imports/upload_folder.ts'
import { importHref, MEGABYTES_MAX, sendList } from './imports.ts'
import { multipartParser, unreadableUpload } from './multipart.ts'
import { assertConsoleForm, goTo, type Visit } from './visit.ts'

interface Received {
  readonly name: string
  readonly bytes: number
}

/** No file was chosen, or it is too large. */
type NotReceived = 'no_file' | 'too_large'

const LIMITS = { files: 1, fields: 5, fieldSize: 1024, parts: 6 }

/** Writes the one file of a form to its place; the token comes before it. */
const receive = (
  visit: Visit,
  folder: UploadFolder,
  id: string,
): Promise<Received | NotReceived> => {
  const { req } = visit.ctx
  const parser = multipartParser(visit, LIMITS)
  return new Promise((resolve, reject) => {
    let proved = false
    let arriving: Readable | null = null
    let saving: Promise<Received | NotReceived> | null = null
    const fail = (error: unknown): void => {
      req.unpipe(parser)
      req.resume()
      reject(error)
    }
    parser.on('field', (name, value) => {
      if (name !== 'csrf') return
      try {
        assertConsoleForm(visit, value)
        proved = true
      } catch (error) {
        fail(error)
      }
    })
    parser.on('file', (_field, content, name) => {
      if (!proved) {
        content.resume()
        fail(new AppError('form_expired', 'a file before its token'))
        return
      }
      arriving = content as unknown as Readable
      saving = save(folder, id, arriving, name)
      saving.then((saved) => {
        if (saved === 'too_large') {
          req.unpipe(parser)
          req.resume()
          resolve(saved)
        }
      }, fail)
    })
    parser.on('error', (error: unknown) => fail(unreadableUpload(error)))
    parser.on('finish', () => {
      if (!proved) {
        fail(new AppError('form_expired', 'a form without its token'))
        return
      }
      ;(saving ?? Promise.resolve('no_file' as const)).then(resolve, fail)
    })
    // The parser tells nobody of a connection that broke: what it was writing would wait for ever.
    req.once('close', () => {
      if (!req.complete) {
        const broken = new Error('the connection broke')
        arriving?.destroy(broken)
        fail(unreadableUpload(broken))
      }
    })
    req.pipe(parser)
  })
}

const save = async (
  folder: UploadFolder,
  id: string,
  content: Readable,
  name: string | undefined,
): Promise<Received | NotReceived> => {
  const saved = await folder.save(id, content)
  if (!saved.ok) {
    return 'too_large'
  }
  if (saved.bytes === 0 && (name ?? '') === '') {
    await folder.remove(id)
    return 'no_file'
  }
  return { name: name ?? '', bytes: saved.bytes }
}

const PROBLEMS: Record<NotReceived, () => Uploaded | null> = {
  no_file: () => null,
  too_large: () => ({
    ok: false,
    problem: fileProblemOf('too_large', null, { max: MEGABYTES_MAX }),
  }),
}

/** `POST /admin/imports/upload` */
export const uploadImport = async (visit: Visit): Promise<void> => {
  const { console } = visit
  const { deps } = console.site
  const { folder } = console.imports
  const id = newUploadId(deps)
  const received = await receive(visit, folder, id)
  const taken =
    typeof received === 'string'
      ? PROBLEMS[received]()
      : await takeUpload(deps, folder, { id, ...received, by: visit.by })
  if (taken === null) {
    return sendList(visit, { errors: [{ field: 'file', key: 'console.imports.problems.no_file' }] })
  }
  if (!taken.ok) {
    return sendList(visit, { problem: taken.problem })
  }
  await goTo(visit, importHref(taken, '/columns'))
}
