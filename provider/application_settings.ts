import { z } from 'zod'
import { type Rule, setting, withRules } from '../accounts/field_words.ts'
import {
  PRINTABLE,
  REGISTRATION_RULES,
  type Registration,
  registrationFields,
  usesSecret,
} from '../accounts/registration.ts'

/** 128 bits in base64url are 22 characters; RFC 6749 §10.10 asks for that much. */
export const CLIENT_SECRET_LENGTH_MIN = 24
/** A prefix of their own, so that no setting can point at another variable of the machine. */
export const SECRET_VARIABLE = /^VESTIBULE_SECRET_[A-Z0-9_]+$/

const { client_id, client_name, ...others } = registrationFields.shape

const fields = z.strictObject({
  client_id,
  client_name,
  client_secret: setting(
    'Secret shared with the application. Better kept out of this file: see the next two.',
    z.string().min(CLIENT_SECRET_LENGTH_MIN).max(500).regex(PRINTABLE).optional(),
    { allowed: `printable ASCII, at least ${CLIENT_SECRET_LENGTH_MIN} characters` },
  ),
  client_secret_file: setting(
    'File that holds the secret; a relative path starts at the folder of the settings file.',
    z.string().min(1).optional(),
    { allowed: 'the path of a file' },
  ),
  client_secret_env: setting(
    'Name of the variable that holds the secret.',
    z.string().regex(SECRET_VARIABLE).optional(),
    { allowed: 'the name of a variable VESTIBULE_SECRET_… (capitals, digits, _)' },
  ),
  ...others,
})

type Fields = z.output<typeof fields>

const secretIsGiven = (one: Fields): boolean =>
  one.client_secret !== undefined ||
  one.client_secret_file !== undefined ||
  one.client_secret_env !== undefined

const RULES: readonly Rule<Fields>[] = [
  {
    needs: ['token_endpoint_auth_method'],
    broken: (one) => usesSecret(one) && !secretIsGiven(one),
    path: ['client_secret'],
    message:
      'is missing: give client_secret_file, client_secret_env or client_secret, ' +
      'or set token_endpoint_auth_method to private_key_jwt or none',
  },
  {
    needs: ['token_endpoint_auth_method'],
    broken: (one) => !usesSecret(one) && secretIsGiven(one),
    path: ['token_endpoint_auth_method'],
    message: 'must be client_secret_basic or client_secret_post where a secret is given',
  },
]

const applicationSchema = withRules(fields, [...RULES, ...REGISTRATION_RULES])

/** The list of applications; a client id given twice is told even while others are wrong. */
export const applicationsSchema = z.array(applicationSchema).superRefine(
  (list: readonly unknown[], context) => {
    const seen = new Set<unknown>()
    for (const [index, one] of Array.isArray(list) ? list.entries() : []) {
      const id = (one as { client_id?: unknown } | undefined)?.client_id
      if (id !== undefined && seen.has(id)) {
        context.addIssue({
          code: 'custom',
          path: [index, 'client_id'],
          message: 'is used by two applications: each needs its own',
        })
      }
      seen.add(id)
    }
  },
  { when: () => true },
)

/** One declared application; the secret is in `client_secret`, wherever it was kept. */
export type Application = Registration & Pick<Fields, 'client_secret'>
