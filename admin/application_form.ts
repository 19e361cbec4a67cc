import { APPLICATION_KINDS, type ApplicationKind } from '../accounts/application_ports.ts'
import {
  CLAIM_NAMES,
  type Registration,
  type RegistrationFault,
  readRegistration,
  registeredClaims,
} from '../accounts/registration.ts'
import type { Fields } from '../interactions/form.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import { APPLICATION_ERRORS } from '../views/console/applications.ts'
import type { ConsoleError } from '../views/console/pages.ts'

/** Claims that may be given or not; `sub` always goes. */
export const CLAIMS = CLAIM_NAMES.filter((claim) => claim !== 'sub')

/** Applications may ask for every scope: which claims they get is ticked. */
const SCOPE = 'openid profile email school'

/** What each kind of application is known to do, where nobody says otherwise. */
const OF_KIND: Readonly<Record<ApplicationKind, Readonly<Record<string, string>>>> = {
  moodle: { auth_method: 'client_secret_post', rs256: 'yes', pkce_optional: 'yes' },
  nextcloud: { auth_method: 'client_secret_post', rs256: 'yes' },
  mod_auth_openidc: { auth_method: 'client_secret_basic', rs256: 'yes' },
  other: { auth_method: 'client_secret_basic' },
}

const kindOf = (text: string): ApplicationKind =>
  APPLICATION_KINDS.find((kind) => kind === text) ?? 'other'

const lines = (text: string): string[] =>
  text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter(Boolean)

/** A name for programs, made of the name for people. */
const idFrom = (name: string, token: string): string => {
  const words = name
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .replace(/^vestibule/, 'application')
    .slice(0, 40)
  return `${words === '' ? 'application' : words}-${token}`
}

const given = (name: string, text: string): Record<string, unknown> =>
  text.trim() === '' ? {} : { [name]: text.trim() }

interface Reading {
  readonly form: Fields
  /** What is registered; null: a new one. */
  readonly before: Registration | null
  /** Makes a client id unlike any other. */
  readonly token: string
}

/** What the choice "by its kind" stands for. */
const chosenMethod = (form: Fields, kind: ApplicationKind): string =>
  form.text('auth_method') === '' ? (OF_KIND[kind]['auth_method'] ?? '') : form.text('auth_method')

/** New applications take what their kind needs; later on the ticks say. */
const isTicked = (form: Fields, isNew: boolean, kind: ApplicationKind, name: string): boolean =>
  form.ticked(name) || (isNew && OF_KIND[kind][name] === 'yes')

/** Keys that were written out stay until an address for them is given. */
const keysFrom = (form: Fields, method: string, before: Registration | null): object => {
  const typed = form.text('jwks_uri').trim()
  const jwks = typed === '' && method === 'private_key_jwt' ? before?.jwks : undefined
  return jwks === undefined ? given('jwks_uri', typed) : { jwks }
}

const logoutFrom = (form: Fields, before: Registration | null): object => {
  const uri = form.text('backchannel_logout_uri').trim()
  return {
    ...given('backchannel_logout_uri', uri),
    // Those that want it told by session say so; a new one may.
    backchannel_logout_session_required:
      uri !== '' && (before?.backchannel_logout_session_required ?? true),
  }
}

const idOf = ({ form, before, token }: Reading): string => {
  const typed = form.text('client_id').trim()
  return before?.client_id ?? (typed === '' ? idFrom(form.text('client_name'), token) : typed)
}

/** Addresses that may be left out. */
const ADDRESSES = ['initiate_login_uri', 'client_uri', 'logo_uri', 'sector_identifier_uri'] as const

const registrationFrom = (reading: Reading, kind: ApplicationKind): object => {
  const { form, before } = reading
  const isNew = before === null
  const refreshes = form.ticked('refresh')
  const method = chosenMethod(form, kind)
  const age = form.text('default_max_age').trim()
  return {
    client_id: idOf(reading),
    client_name: form.text('client_name').trim(),
    token_endpoint_auth_method: method,
    redirect_uris: lines(form.text('redirect_uris')),
    post_logout_redirect_uris: lines(form.text('post_logout_redirect_uris')),
    ...Object.assign({}, ...ADDRESSES.map((name) => given(name, form.text(name)))),
    contacts: lines(form.text('contacts')),
    user_types: USER_TYPES.filter((type) => form.ticked(`type_${type}`)),
    scope: refreshes ? `${SCOPE} offline_access` : SCOPE,
    claims: CLAIMS.filter((claim) => form.ticked(`claim_${claim}`)),
    ...given('least_acr', form.text('least_acr')),
    pkce: isTicked(form, isNew, kind, 'pkce_optional') ? 'optional' : 'required',
    grant_types: ['authorization_code', ...(refreshes ? ['refresh_token'] : [])],
    id_token_signed_response_alg: isTicked(form, isNew, kind, 'rs256') ? 'RS256' : 'ES256',
    subject_type: form.ticked('pairwise') ? 'pairwise' : 'public',
    ...logoutFrom(form, before),
    ...(age === '' ? {} : { default_max_age: Number(age) }),
    require_auth_time: before?.require_auth_time ?? true,
    require_pushed_authorization_requests: form.ticked('par'),
    dpop_bound_access_tokens: form.ticked('dpop'),
    ...keysFrom(form, method, before),
    consent: form.text('owner') === 'others',
  }
}

/** Fields of the form that stand for one of a registration. */
const INPUT_OF: Readonly<Record<string, string>> = {
  user_types: `type_${USER_TYPES[0]}`,
  claims: `claim_${CLAIMS[0]}`,
  token_endpoint_auth_method: 'auth_method',
  pkce: 'pkce_optional',
  require_pushed_authorization_requests: 'par',
  grant_types: 'refresh',
}

/** Those that are folded away. */
const ADVANCED: ReadonlySet<string> = new Set([
  'client_id',
  'auth_method',
  'pkce_optional',
  'par',
  'sector_identifier_uri',
  'jwks_uri',
  'default_max_age',
  'logo_uri',
  'initiate_login_uri',
  'contacts',
])

export const isFolded = (errors: readonly ConsoleError[]): boolean =>
  errors.some(({ field }) => field !== undefined && ADVANCED.has(field))

const errorOf = ({ field, rule, nth }: RegistrationFault): ConsoleError => {
  const code = APPLICATION_ERRORS.find((one) => one === rule) ?? 'other'
  return {
    field: INPUT_OF[field] ?? field,
    key: `console.applications.errors.${code}`,
    params: { line: (nth ?? 0) + 1, field },
  }
}

type Read =
  | { readonly ok: true; readonly kind: ApplicationKind; readonly registration: Registration }
  | { readonly ok: false; readonly errors: readonly ConsoleError[] }

/** Reads the form by the rules that the settings file is read by. */
export const readApplicationForm = (reading: Reading): Read => {
  const kind = kindOf(reading.form.text('kind'))
  const read = readRegistration(registrationFrom(reading, kind))
  if (read.ok) {
    return { ok: true, kind, registration: read.registration }
  }
  // One line of several may break a rule more than once: one message beside each field will do.
  const errors = read.faults.map(errorOf)
  const first = new Map(errors.toReversed().map((error) => [error.field, error]))
  return { ok: false, errors: errors.filter((error) => first.get(error.field) === error) }
}

const ticks = (names: readonly string[], prefix: string): Record<string, string> =>
  Object.fromEntries(names.map((name) => [`${prefix}${name}`, 'yes']))

const tick = (name: string, isOn: boolean): Record<string, string> =>
  isOn ? { [name]: 'yes' } : {}

/** What the form shows of what is registered. */
export const typedFrom = (kind: ApplicationKind, registration: Registration) => ({
  kind,
  client_name: registration.client_name,
  redirect_uris: registration.redirect_uris.join('\n'),
  ...ticks(registration.user_types, 'type_'),
  ...ticks(registeredClaims(registration), 'claim_'),
  least_acr: registration.least_acr ?? '',
  ...tick('pairwise', registration.subject_type === 'pairwise'),
  ...tick('refresh', registration.grant_types.includes('refresh_token')),
  owner: registration.consent ? 'others' : 'ours',
  post_logout_redirect_uris: registration.post_logout_redirect_uris.join('\n'),
  backchannel_logout_uri: registration.backchannel_logout_uri ?? '',
  client_uri: registration.client_uri ?? '',
  initiate_login_uri: registration.initiate_login_uri ?? '',
  logo_uri: registration.logo_uri ?? '',
  contacts: registration.contacts.join('\n'),
  auth_method: registration.token_endpoint_auth_method,
  ...tick('pkce_optional', registration.pkce === 'optional'),
  ...tick('rs256', registration.id_token_signed_response_alg === 'RS256'),
  sector_identifier_uri: registration.sector_identifier_uri ?? '',
  jwks_uri: registration.jwks_uri ?? '',
  ...tick('par', registration.require_pushed_authorization_requests),
  ...tick('dpop', registration.dpop_bound_access_tokens),
  default_max_age: registration.default_max_age?.toString() ?? '',
})

/** What a new application begins with: everybody, and only who it is by name. */
export const TYPED_FIRST: Readonly<Record<string, string>> = {
  kind: 'moodle',
  owner: 'ours',
  ...ticks(USER_TYPES, 'type_'),
  ...ticks(['name', 'given_name', 'family_name'], 'claim_'),
}
