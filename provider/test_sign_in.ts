import type { RequestListener } from 'node:http'
import { type KoaContextWithOIDC, Provider } from 'oidc-provider'
import * as oidc from 'openid-client'
import { TEST_RETURN_PATH, type Tested } from '../admin/applications_part.ts'
import type { Application } from './application_settings.ts'
import { inProcess } from './own_client.ts'

const BEGAN_MAX_MS = 15 * 60_000

/** What `state` of a test says, sealed. */
interface Begun {
  readonly clientId: string
  readonly verifier: string
  readonly nonce: string
  /** The console's session that began it. */
  readonly browser: string
  readonly atMs: number
}

interface Parts {
  readonly issuer: string
  readonly consoleOrigin: string
  readonly serve: RequestListener
  readonly seal: { seal(text: string): string; open(sealed: string): string }
  readonly clock: () => number
  /** An application with its secret; null: there is none, or it does not open. */
  readonly find: (clientId: string) => Promise<Application | null>
}

export interface TestSignIn {
  begin(clientId: string, prompt: string, browser: string): Promise<string | null>
  finish(pathAndQuery: string, browser: string): Promise<Tested>
  /** Whether the request at hand is a test of this application that we began. */
  isReturn(clientId: string, redirectUri: string): boolean
}

const authOf = ({
  token_endpoint_auth_method: method,
  client_secret: secret = '',
}: Application): oidc.ClientAuth | null => {
  switch (method) {
    case 'client_secret_basic':
      return oidc.ClientSecretBasic(secret)
    case 'client_secret_post':
      return oidc.ClientSecretPost(secret)
    case 'none':
      return oidc.None()
    case 'private_key_jwt':
      return null // Its key is its own.
  }
}

const requestState = (): string => {
  const { oidc: request } = (Provider.ctx as unknown as KoaContextWithOIDC | undefined) ?? {}
  return String(request?.params?.['state'] ?? '')
}

const isRefusal = (error: unknown): error is Error =>
  error instanceof oidc.ResponseBodyError ||
  error instanceof oidc.AuthorizationResponseError ||
  error instanceof oidc.ClientError

const refusalOf = (error: Error): { error: string; why: string } => ({
  error: 'error' in error ? String(error.error) : error.name,
  why: 'error_description' in error ? String(error.error_description ?? '') : error.message,
})

/**
 * A real sign-in in the name of an application, which comes back to the console in its place. The
 * address it comes back to is one of the application's for requests alone whose `state` we sealed:
 * nobody else can have a code sent there.
 */
export const createTestSignIn = (parts: Parts): TestSignIn => {
  const { issuer, consoleOrigin, serve, seal, clock, find } = parts
  const returnTo = `${consoleOrigin}${TEST_RETURN_PATH}`

  const opened = (state: string): Begun | null => {
    try {
      const begun = JSON.parse(seal.open(state)) as Begun
      return clock() - begun.atMs < BEGAN_MAX_MS ? begun : null
    } catch {
      return null // Not sealed by us for a test.
    }
  }

  const configFor = (application: Application): oidc.Configuration => {
    const config = new oidc.Configuration(
      {
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/me`,
        revocation_endpoint: `${issuer}/token/revocation`,
        pushed_authorization_request_endpoint: `${issuer}/request`,
        authorization_response_iss_parameter_supported: true,
      },
      application.client_id,
      { id_token_signed_response_alg: application.id_token_signed_response_alg },
      authOf(application) ?? oidc.None(),
    )
    config[oidc.customFetch] = inProcess(serve)
    oidc.allowInsecureRequests(config) // On loopback the issuer may be http; nothing leaves us.
    return config
  }

  const redeem = async (application: Application, url: URL, begun: Begun): Promise<Tested> => {
    const config = configFor(application)
    const DPoP = application.dpop_bound_access_tokens
      ? { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair()) }
      : {}
    const tokens = await oidc.authorizationCodeGrant(
      config,
      url,
      {
        pkceCodeVerifier: begun.verifier,
        expectedNonce: begun.nonce,
        expectedState: url.searchParams.get('state') ?? oidc.skipStateCheck,
      },
      undefined,
      DPoP,
    )
    const idToken: Readonly<Record<string, unknown>> = { ...tokens.claims() }
    const userinfo = await oidc.fetchUserInfo(
      config,
      tokens.access_token,
      String(idToken['sub']),
      DPoP,
    )
    // They served this page alone.
    await oidc.tokenRevocation(config, tokens.refresh_token ?? tokens.access_token)
    return { how: 'tokens', clientId: application.client_id, idToken, userinfo }
  }

  const outcome = async (application: Application, url: URL, begun: Begun): Promise<Tested> => {
    const { clientId } = begun
    if (authOf(application) === null && url.searchParams.has('code')) {
      return { how: 'code', clientId }
    }
    try {
      return await redeem(application, url, begun)
    } catch (error) {
      if (isRefusal(error)) {
        return { how: 'refused', clientId, ...refusalOf(error) }
      }
      throw error
    }
  }

  return {
    begin: async (clientId, prompt, browser) => {
      const application = await find(clientId)
      if (application === null) {
        return null
      }
      const [verifier, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomNonce()]
      const begun: Begun = { clientId, verifier, nonce, browser, atMs: clock() }
      const parameters = {
        scope: application.scope.replace(/ ?\boffline_access\b/, ''),
        redirect_uri: returnTo,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        nonce,
        state: seal.seal(JSON.stringify(begun)),
        ...(prompt === '' ? {} : { prompt }),
      }
      const config = configFor(application)
      const isPushed = application.require_pushed_authorization_requests
      if (isPushed && authOf(application) === null) {
        return null // Only the application can push, with its own key.
      }
      const url = isPushed
        ? await oidc.buildAuthorizationUrlWithPAR(config, parameters)
        : oidc.buildAuthorizationUrl(config, parameters)
      return url.href
    },
    finish: async (pathAndQuery, browser) => {
      const url = new URL(`${consoleOrigin}${pathAndQuery}`)
      const begun = opened(url.searchParams.get('state') ?? '')
      const application = begun === null ? null : await find(begun.clientId)
      if (begun === null || application === null || begun.browser !== browser) {
        return { how: 'unknown' }
      }
      return outcome(application, url, begun)
    },
    isReturn: (clientId, redirectUri) =>
      redirectUri === returnTo && opened(requestState())?.clientId === clientId,
  }
}
