import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import type { FormError } from '../views/pages.ts'

/** How much a form may say, and one field of it: bytes, and UTF-16 units. */
interface FormLimits {
  readonly bytes: number
  readonly field: number
}

const LIMITS: FormLimits = { bytes: 16_384, field: 2_048 }

/** The fields of a posted form, each at most once. */
export interface Fields {
  /** Empty when absent. */
  text(name: string): string
  /** A PIN or a code as people type it, without its spaces. */
  digits(name: string): string
  ticked(name: string): boolean
  /** All of them, to be kept until later. */
  all(): Readonly<Record<string, string>>
}

/** The fields of a form that was kept. */
export const keptFields = (kept: Readonly<Record<string, string>>): Fields =>
  fieldsOf(new Map(Object.entries(kept)))

const fieldsOf = (fields: ReadonlyMap<string, string>): Fields => ({
  text: (name) => fields.get(name) ?? '',
  digits: (name) => (fields.get(name) ?? '').replaceAll(/\s/g, ''),
  ticked: (name) => fields.has(name),
  all: () => Object.fromEntries(fields),
})

const readBody = async (ctx: Context, bytesMax: number): Promise<string> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bytesMax) {
      // The server lets the rest pass: a cut connection brings nobody the page that says why.
      throw new AppError('bad_form', `form larger than ${bytesMax} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads an urlencoded form. Throws `AppError('bad_form')` for anything else, or what is too large. */
export const readForm = async (ctx: Context, limits: FormLimits = LIMITS): Promise<Fields> => {
  if (ctx.is('application/x-www-form-urlencoded') === false) {
    throw new AppError('bad_form', 'not a form')
  }
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(await readBody(ctx, limits.bytes))) {
    if (fields.has(name) || value.length > limits.field) {
      throw new AppError('bad_form', 'a field is repeated or too long')
    }
    fields.set(name, value)
  }
  return fieldsOf(fields)
}

/** An error beside each of these inputs that was left empty. */
export const missingFields = (inputs: Readonly<Record<string, string>>): FormError[] =>
  Object.entries(inputs)
    .filter(([, value]) => value === '')
    .map(([field]) => ({ field, code: 'field_required' }))
