import type { ClientMetadata } from 'oidc-provider'
import { ACCOUNT_RETURN_PATH, PROOF_RETURN_PATH } from '../interactions/fresh_proof.ts'
import { PORTAL_RETURN_PATH } from '../interactions/portal.ts'
import type { Tile } from '../interactions/site.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { type Application, claimsOfScope } from './application_settings.ts'

/** What our rules say of an application, beside its standard metadata. */
export interface ApplicationRules {
  readonly leastAcr: string | undefined
  readonly userTypes: ReadonlySet<UserType>
  readonly pkceRequired: boolean
  /** Claims it may get, also when it asks for others by name (`claims` parameter). */
  readonly claims: ReadonlySet<string>
  readonly pairwise: boolean
}

/** The gateway's own pages as a relying party; no setting can name or change it. */
export const PORTAL_CLIENT_ID = 'vestibule-portal'

const PORTAL_RULES: ApplicationRules = {
  leastAcr: undefined,
  userTypes: new Set(USER_TYPES),
  pkceRequired: true,
  claims: new Set(),
  pairwise: false,
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

/** Settings of ours that are no client metadata. */
const OURS = ['pkce', 'least_acr', 'user_types', 'claims']

const metadataOf = (application: Application): ClientMetadata =>
  Object.fromEntries(
    Object.entries(application).filter(
      ([name, value]) => !OURS.includes(name) && value !== undefined,
    ),
  ) as unknown as ClientMetadata

export const clientsOf = (
  applications: readonly Application[],
  issuer: string,
): ClientMetadata[] => [portalClient(issuer), ...applications.map(metadataOf)]

export const rulesOfApplications = (
  applications: readonly Application[],
): ((clientId: string) => ApplicationRules) => {
  const rules = new Map<string, ApplicationRules>(
    applications.map((application) => [
      application.client_id,
      {
        leastAcr: application.least_acr,
        userTypes: new Set(application.user_types),
        pkceRequired: application.pkce === 'required',
        claims: new Set(application.claims ?? application.scope.split(' ').flatMap(claimsOfScope)),
        pairwise: application.subject_type === 'pairwise',
      },
    ]),
  )
  return (clientId) => rules.get(clientId) ?? PORTAL_RULES
}

/** What the portal shows of each application. */
export const tilesOf = (applications: readonly Application[]): ReadonlyMap<string, Tile> =>
  new Map(
    applications.map((application) => [
      application.client_id,
      {
        clientId: application.client_id,
        name: application.client_name,
        href: application.initiate_login_uri ?? application.client_uri ?? null,
        logoUrl: application.logo_uri,
        userTypes: new Set(application.user_types),
      },
    ]),
  )
