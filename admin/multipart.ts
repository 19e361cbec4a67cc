import { Busboy } from '@fastify/busboy'
import { AppError } from '../accounts/errors.ts'
import type { Visit } from './visit.ts'

type Parser = InstanceType<typeof Busboy>
type Limits = NonNullable<ConstructorParameters<typeof Busboy>[0]['limits']>

/** An upload that cannot be read. */
export const unreadableUpload = (cause: unknown): AppError =>
  new AppError('bad_form', 'an upload that cannot be read', { cause })

/** Reads a form with a file (RFC 7578). Throws `AppError('bad_form')` for what is none. */
export const multipartParser = ({ ctx }: Visit, limits: Limits): Parser => {
  const contentType = ctx.get('content-type')
  if (ctx.is('multipart/form-data') !== 'multipart/form-data') {
    throw new AppError('bad_form', 'not a form with a file')
  }
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits })
  } catch (error) {
    throw unreadableUpload(error) // Such as without the line that stands between its parts.
  }
}
