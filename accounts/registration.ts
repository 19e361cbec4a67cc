import { z } from 'zod'
import { ACR_LEVELS } from '../policies/proofs.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import { type Rule, setting, withRules } from './field_words.ts'
import { isHttpsAddress, isWebAddress } from './web_address.ts'

/** Which claims a scope carries (OpenID Connect Core §5.4; `school` is ours). */
export const CLAIMS_OF_SCOPE = {
  openid: ['sub'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale'],
  email: ['email'],
  school: ['user_type', 'establishments', 'classes', 'children'],
  offline_access: [],
} as const satisfies Record<string, readonly string[]>

export const SCOPES = Object.keys(CLAIMS_OF_SCOPE) as (keyof typeof CLAIMS_OF_SCOPE)[]
export const CLAIM_NAMES = Object.values(CLAIMS_OF_SCOPE).flat()

/** Client ids that the gateway keeps for its own pages and console. */
export const RESERVED_CLIENT_ID = /^vestibule/i
/** RFC 6749 appendix A.1: client identifiers and secrets are printable ASCII. */
export const PRINTABLE = /^[\x20-\x7e]+$/
/** Members that only a private or a shared key has (RFC 7518 §6). */
const PRIVATE_JWK_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

const WEB = 'an https address without fragment (plain http only on localhost, 127.0.0.0/8, [::1])'
const webAddress = z.string().max(2000).refine(isWebAddress).meta({ allowed: WEB })
const httpsAddress = z
  .string()
  .max(2000)
  .refine(isHttpsAddress)
  .meta({ allowed: 'an https address without fragment' })

const jwk = z
  .record(z.string(), z.unknown())
  .refine(
    (key) => key['kty'] !== 'oct' && PRIVATE_JWK_MEMBERS.every((member) => !(member in key)),
    { error: 'must be a public key: the private half belongs to the application alone' },
  )

const scopeText = z
  .string()
  .refine((text) => {
    const words = text.split(' ')
    return words.includes('openid') && words.every((word) => SCOPES.some((one) => one === word))
  })
  .meta({ allowed: `words among ${SCOPES.join(' ')}, openid being one` })

/** The fields of a registration; the settings add where its secret is kept. */
export const registrationFields = z.strictObject({
  client_id: setting(
    'Identifier of the application, also in its own settings.',
    z
      .string()
      .max(200)
      .regex(PRINTABLE)
      .refine((id) => !RESERVED_CLIENT_ID.test(id), {
        error: 'must not begin with "vestibule": those are kept for the gateway itself',
      }),
    { allowed: 'text of printable ASCII characters, not beginning with "vestibule"' },
  ),
  client_name: setting(
    'Name of the application as people know it.',
    z.string().trim().min(1).max(80),
  ),
  token_endpoint_auth_method: setting(
    'How the application proves itself; `none` for one that cannot keep a secret.',
    z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])
      .default('client_secret_basic'),
  ),
  redirect_uris: setting(
    'Addresses that people may be sent back to, compared letter by letter.',
    z.array(webAddress).min(1),
    { allowed: `a list of at least one; each ${WEB}` },
  ),
  post_logout_redirect_uris: setting(
    'Addresses that people may be sent to after signing out.',
    z.array(webAddress).default([]),
  ),
  initiate_login_uri: setting(
    'Where the portal starts a sign-in into the application; without it, `client_uri` is opened.',
    httpsAddress.optional(),
  ),
  client_uri: setting('Home page of the application.', webAddress.optional()),
  logo_uri: setting('Picture shown beside its name.', httpsAddress.optional()),
  contacts: setting(
    'Mail addresses of those who look after it.',
    z.array(z.email().meta({ allowed: 'a mail address' })).default([]),
  ),
  user_types: setting(
    'Who may use it. Others are told that rights are the matter.',
    z
      .array(z.enum(USER_TYPES))
      .min(1)
      .default([...USER_TYPES]),
    { shown_default: 'all' },
  ),
  scope: setting(
    'Scopes it may ask for, separated by spaces.',
    scopeText.default('openid profile'),
  ),
  claims: setting(
    'Claims it may get, when its scopes carry more than it needs. `sub` always goes.',
    z.array(z.enum(CLAIM_NAMES)).optional(),
    { shown_default: 'all of its scopes' },
  ),
  least_acr: setting(
    'What every sign-in into it must have proved at least.',
    z.enum([...ACR_LEVELS.keys()]).optional(),
    { shown_default: 'what the policy of the user type asks' },
  ),
  pkce: setting(
    '`optional` only for an old application that cannot send PKCE.',
    z.enum(['required', 'optional']).default('required'),
  ),
  grant_types: setting(
    'Grants it may use. The implicit and password grants do not exist here (RFC 9700).',
    z
      .array(z.enum(['authorization_code', 'refresh_token']))
      .refine((grants) => grants.includes('authorization_code'))
      .default(['authorization_code']),
    { allowed: 'a list: authorization_code, and refresh_token if it may refresh' },
  ),
  response_types: setting(
    'Only the code flow exists here (RFC 9700 §2.1.2).',
    z.array(z.literal('code')).length(1).default(['code']),
    { allowed: 'a list with the one word code' },
  ),
  id_token_signed_response_alg: setting(
    'Signature of its ID tokens; RS256 for applications that know nothing newer.',
    z.enum(['ES256', 'RS256']).default('ES256'),
  ),
  subject_type: setting(
    '`pairwise` gives the application identifiers (`sub`) that no other application has.',
    z.enum(['public', 'pairwise']).default('public'),
  ),
  sector_identifier_uri: setting(
    'Groups applications that share pairwise identifiers (OpenID Connect Core §8.1).',
    httpsAddress.optional(),
  ),
  backchannel_logout_uri: setting(
    'Called when a session ends. Inside the school network, see `internal_networks`.',
    webAddress.optional(),
  ),
  backchannel_logout_session_required: setting(
    'Whether logout tokens and ID tokens must name the session (`sid`).',
    z.boolean().default(false),
  ),
  require_auth_time: setting(
    'Whether ID tokens always tell when the person signed in.',
    z.boolean().default(true),
  ),
  default_max_age: setting(
    'Oldest sign-in that it accepts, in seconds, when it asks for nothing else.',
    z.int().min(0).optional(),
  ),
  require_pushed_authorization_requests: setting(
    'Whether its requests must be pushed first (RFC 9126).',
    z.boolean().default(false),
  ),
  dpop_bound_access_tokens: setting(
    'Whether its tokens are always bound to a key (RFC 9449).',
    z.boolean().default(false),
  ),
  jwks: setting(
    'Public keys of the application, for `private_key_jwt`.',
    z
      .strictObject({ keys: z.array(jwk).min(1).meta({ allowed: 'a list of public keys' }) })
      .optional(),
    { allowed: 'a JSON Web Key Set with public keys', one_value: true },
  ),
  jwks_uri: setting('Where the application publishes its keys.', httpsAddress.optional()),
  consent: setting(
    'Whether people are asked before it learns anything: for an application that is not the ' +
      "establishment's own.",
    z.boolean().default(false),
  ),
})

type Fields = z.output<typeof registrationFields>

export const usesSecret = ({
  token_endpoint_auth_method: method,
}: Pick<Fields, 'token_endpoint_auth_method'>): boolean => method.startsWith('client_secret_')

export const REGISTRATION_RULES: readonly Rule<Fields>[] = [
  {
    needs: ['token_endpoint_auth_method'],
    broken: ({ token_endpoint_auth_method: method, jwks, jwks_uri }) =>
      method === 'private_key_jwt' && jwks === undefined && jwks_uri === undefined,
    path: ['token_endpoint_auth_method'],
    name: 'keys_missing',
    message: 'private_key_jwt needs jwks or jwks_uri',
  },
  {
    needs: [],
    broken: ({ jwks, jwks_uri }) => jwks !== undefined && jwks_uri !== undefined,
    path: ['jwks_uri'],
    name: 'keys_twice',
    message: 'must not stand beside jwks: give one of the two',
  },
  {
    // Without a secret PKCE is all that binds the code to the application (RFC 9700 §2.1.1).
    needs: ['token_endpoint_auth_method', 'pkce'],
    broken: ({ pkce, token_endpoint_auth_method: method }) =>
      pkce === 'optional' && method === 'none',
    path: ['pkce'],
    name: 'pkce_needed',
    message: 'must be required where token_endpoint_auth_method is none',
  },
  {
    // RFC 9126 §2: who cannot authenticate cannot push.
    needs: ['require_pushed_authorization_requests', 'token_endpoint_auth_method'],
    broken: (one) =>
      one.require_pushed_authorization_requests && one.token_endpoint_auth_method === 'none',
    path: ['require_pushed_authorization_requests'],
    name: 'par_needs_secret',
    message: 'must be false where token_endpoint_auth_method is none',
  },
  {
    needs: ['scope', 'grant_types'],
    broken: ({ scope, grant_types }) =>
      scope.split(' ').includes('offline_access') && !grant_types.includes('refresh_token'),
    path: ['scope'],
    name: 'offline_needs_refresh',
    message: 'offline_access needs refresh_token among the grant_types',
  },
  {
    needs: ['claims', 'scope'],
    broken: ({ claims, scope }) => {
      const carried = scope.split(' ').flatMap(claimsOfScope)
      return claims?.some((claim) => !carried.includes(claim)) === true
    },
    path: ['claims'],
    name: 'claims_beyond_scopes',
    message: 'names a claim that none of its scopes carries: add the scope, or leave the claim out',
  },
  {
    // OpenID Connect Core §8.1: several hosts leave the sector undecided.
    needs: ['subject_type', 'redirect_uris', 'sector_identifier_uri'],
    broken: ({ subject_type, redirect_uris, sector_identifier_uri }) =>
      subject_type === 'pairwise' &&
      sector_identifier_uri === undefined &&
      new Set(redirect_uris.map((uri) => new URL(uri).host)).size > 1,
    path: ['sector_identifier_uri'],
    name: 'sector_missing',
    message: 'is missing: pairwise identifiers with redirect_uris on several hosts need it',
  },
  {
    needs: ['backchannel_logout_session_required'],
    broken: (one) =>
      one.backchannel_logout_session_required && one.backchannel_logout_uri === undefined,
    path: ['backchannel_logout_session_required'],
    name: 'session_without_logout',
    message: 'means nothing without backchannel_logout_uri',
  },
]

export function claimsOfScope(scope: string): readonly string[] {
  return (CLAIMS_OF_SCOPE as Record<string, readonly string[]>)[scope] ?? []
}

export const registrationSchema = withRules(registrationFields, REGISTRATION_RULES)

/**
 * What is registered of one application: metadata (OpenID Connect Dynamic Registration §2) under
 * their standard names, and `pkce`, `least_acr`, `user_types`, `claims`, `consent`, which are ours.
 */
export type Registration = Fields

/** The claims that an application may get, whatever it asks for. */
export const registeredClaims = ({ claims, scope }: Pick<Fields, 'claims' | 'scope'>): string[] => [
  ...(claims ?? scope.split(' ').flatMap(claimsOfScope)),
]

/** What is wrong with a registration: the field, and which rule of it; `nth` of a list. */
export interface RegistrationFault {
  readonly field: string
  readonly rule: string
  readonly nth?: number
}

type Read =
  | { readonly ok: true; readonly registration: Registration }
  | { readonly ok: false; readonly faults: readonly RegistrationFault[] }

const faultOf = (issue: z.core.$ZodIssue): RegistrationFault => {
  const [field, nth] = issue.path
  const rule: unknown = issue.code === 'custom' ? issue.params?.['rule'] : undefined
  return {
    field: String(field ?? ''),
    rule: typeof rule === 'string' ? rule : String(field ?? 'unknown'),
    ...(typeof nth === 'number' ? { nth } : {}),
  }
}

/** Reads a registration by the rules that the settings file is read by. */
export const readRegistration = (given: unknown): Read => {
  const parsed = registrationSchema.safeParse(given)
  return parsed.success
    ? { ok: true, registration: parsed.data }
    : { ok: false, faults: parsed.error.issues.map(faultOf) }
}
