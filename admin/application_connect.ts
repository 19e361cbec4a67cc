import type { ApplicationKind } from '../accounts/application_ports.ts'
import {
  CLAIMS_OF_SCOPE,
  type Registration,
  registeredClaims,
  usesSecret,
} from '../accounts/registration.ts'
import type { ConsolePages } from '../views/console/pages.ts'

/** The scopes that carry what it may have. */
const scopesFor = (registration: Registration): string => {
  const claims = new Set(registeredClaims(registration))
  const allowed = registration.scope.split(' ')
  return Object.entries(CLAIMS_OF_SCOPE)
    .filter(([scope, carried]) => {
      const isNeeded = scope === 'openid' || carried.some((claim) => claims.has(claim))
      return allowed.includes(scope) && isNeeded
    })
    .map(([scope]) => scope)
    .join(' ')
}

/** The application's own configuration file, with its values; where the secret goes is said in it. */
const fileFor = (
  kind: ApplicationKind,
  { client_id: id, redirect_uris: [redirect = ''], ...registration }: Registration,
  discovery: string,
  scopes: string,
): string | null => {
  if (kind !== 'mod_auth_openidc') {
    return null
  }
  return [
    `OIDCProviderMetadataURL ${discovery}`,
    `OIDCClientID ${id}`,
    ...(usesSecret(registration) ? ['OIDCClientSecret "…"'] : []),
    `OIDCRedirectURI ${redirect}`,
    `OIDCScope "${scopes}"`,
    'OIDCPKCEMethod S256',
    `OIDCProviderTokenEndpointAuth ${registration.token_endpoint_auth_method}`,
    `OIDCIDTokenSignedResponseAlg ${registration.id_token_signed_response_alg}`,
    'OIDCRemoteUserClaim sub',
    'OIDCCryptoPassphrase "…"',
    '',
    '<Location />',
    '  AuthType openid-connect',
    '  Require valid-user',
    '</Location>',
  ].join('\n')
}

/** What to copy into an application, with the values that are registered. */
export const connectModel = (
  kind: ApplicationKind,
  registration: Registration,
  issuer: string,
): Omit<ConsolePages['console/applications_connect'], 'head' | 'rotateHref'> => {
  const discovery = `${issuer}/.well-known/openid-configuration`
  const scopes = scopesFor(registration)
  const [redirect = ''] = registration.redirect_uris
  return {
    kind,
    issuer,
    discovery,
    scopes,
    redirectUris: registration.redirect_uris,
    base: URL.parse(redirect)?.origin ?? '',
    usesSecret: usesSecret(registration),
    pkce: registration.pkce === 'required',
    authMethod: registration.token_endpoint_auth_method,
    algorithm: registration.id_token_signed_response_alg,
    file: fileFor(kind, registration, discovery, scopes),
  }
}
