import type { ClientMetadata } from 'oidc-provider'
import { registeredClaims } from '../accounts/registration.ts'
import { CONSOLE_CLIENT_ID, CONSOLE_RETURN_PATH } from '../admin/access.ts'
import { ACCOUNT_RETURN_PATH, PROOF_RETURN_PATH } from '../interactions/fresh_proof.ts'
import { PORTAL_RETURN_PATH } from '../interactions/portal.ts'
import type { Tile } from '../interactions/site.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { Application } from './application_settings.ts'

/** What our rules say of an application, beside its standard metadata. */
export interface ApplicationRules {
  readonly leastAcr: string | undefined
  readonly userTypes: ReadonlySet<UserType>
  readonly pkceRequired: boolean
  /** Claims it may get, also when it asks for others by name (`claims` parameter). */
  readonly claims: ReadonlySet<string>
  /** Scopes it is registered for. */
  readonly scopes: ReadonlySet<string>
  readonly pairwise: boolean
  /** It can come back while nobody is there. */
  readonly refreshes: boolean
  /** People are asked before it learns anything. */
  readonly consent: boolean
  /** Ms; what was issued to a namesake before is not of it. 0: always been there. */
  readonly registeredAt: number
}

/** The gateway's own pages as a relying party; no setting can name or change it. */
export const PORTAL_CLIENT_ID = 'vestibule-portal'

const PORTAL_RULES: ApplicationRules = {
  leastAcr: undefined,
  userTypes: new Set(USER_TYPES),
  pkceRequired: true,
  claims: new Set(),
  scopes: new Set(['openid']),
  pairwise: false,
  refreshes: false,
  consent: false,
  registeredAt: 0,
}

const portalClient = (issuer: string): ClientMetadata => ({
  client_id: PORTAL_CLIENT_ID,
  client_name: PORTAL_CLIENT_ID,
  token_endpoint_auth_method: 'none',
  redirect_uris: [PORTAL_RETURN_PATH, ACCOUNT_RETURN_PATH, PROOF_RETURN_PATH].map(
    (path) => `${issuer}${path}`,
  ),
  response_types: ['code'],
  grant_types: ['authorization_code'],
  scope: 'openid',
})

/** The console as a relying party; its host may be another than the issuer's. */
const consoleClient = (origin: string): ClientMetadata => ({
  client_id: CONSOLE_CLIENT_ID,
  client_name: CONSOLE_CLIENT_ID,
  token_endpoint_auth_method: 'none',
  redirect_uris: [`${origin}${CONSOLE_RETURN_PATH}`],
  response_types: ['code'],
  grant_types: ['authorization_code'],
  scope: 'openid',
})

/** The gateway's own pages: what people open there is no application. */
const OWN_CLIENTS: ReadonlySet<string> = new Set([PORTAL_CLIENT_ID, CONSOLE_CLIENT_ID])

export const isOwnClient = (clientId: string): boolean => OWN_CLIENTS.has(clientId)

/** The rules of the gateway's own pages, which nothing can change; null: of an application. */
export const builtInRules = (clientId: string): ApplicationRules | null =>
  isOwnClient(clientId) ? PORTAL_RULES : null

/** Settings of ours that are no client metadata. */
const OURS = ['pkce', 'least_acr', 'user_types', 'claims', 'consent']

export const metadataOf = (application: Application): ClientMetadata =>
  Object.fromEntries(
    Object.entries(application).filter(
      ([name, value]) => !OURS.includes(name) && value !== undefined,
    ),
  ) as unknown as ClientMetadata

export const clientsOf = (
  applications: readonly Application[],
  { issuer, consoleOrigin }: { readonly issuer: string; readonly consoleOrigin: string },
): ClientMetadata[] => [
  portalClient(issuer),
  consoleClient(consoleOrigin),
  ...applications.map(metadataOf),
]

/** The rules of an application; `registeredAt`: nothing issued before (ms) is of it. */
export const rulesFor = (application: Application, registeredAt: number): ApplicationRules => ({
  leastAcr: application.least_acr,
  userTypes: new Set(application.user_types),
  pkceRequired: application.pkce === 'required',
  claims: new Set(registeredClaims(application)),
  scopes: new Set(application.scope.split(' ')),
  pairwise: application.subject_type === 'pairwise',
  refreshes: application.grant_types.includes('refresh_token'),
  consent: application.consent,
  registeredAt,
})

/** What the portal shows of an application. */
export const tileOf = (application: Application): Tile => ({
  clientId: application.client_id,
  name: application.client_name,
  href: application.initiate_login_uri ?? application.client_uri ?? null,
  logoUrl: application.logo_uri,
  userTypes: new Set(application.user_types),
})
