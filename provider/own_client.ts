import type { RequestListener } from 'node:http'
import inject from 'light-my-request'
import * as oidc from 'openid-client'
import type { OwnClient } from '../interactions/site.ts'

/** A sign-in that began longer ago than this is over, whatever it was for. */
const BEGAN_MAX_MS = 30 * 60_000

/** What `state` says, sealed: the answer alone is enough to go on, in whatever tab it arrives. */
interface Begun {
  readonly path: string
  readonly verifier: string
  readonly nonce: string
  readonly carry: string
  readonly atMs: number
}

interface Parts {
  readonly issuer: string
  readonly clientId: string
  /** Scheme and host of its own pages, which may be others than the gateway's. */
  readonly origin: string
  /** The session that an access token was issued in. */
  readonly sessionOf: (accessToken: string) => Promise<string | undefined>
  /** The gateway's own request handler: its token endpoint is asked without a network. */
  readonly serve: RequestListener
  readonly seal: { seal(text: string): string; open(sealed: string): string }
  readonly clock: () => number
}

/** Requests of our own client reach the gateway's handler in this process. */
export const inProcess =
  (serve: RequestListener): oidc.CustomFetch =>
  async (url, { method, headers, body }) => {
    const { pathname, search } = new URL(url)
    const answer = await inject(serve, {
      method: method === 'POST' ? 'POST' : 'GET',
      url: `${pathname}${search}`,
      headers,
      ...(body === undefined || body === null ? {} : { payload: String(body) }),
    })
    const kept = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    )
    return new Response(answer.payload, { status: answer.statusCode, headers: kept })
  }

/**
 * The gateway's own pages as a relying party of it (OpenID Connect Core §3.1): code flow with PKCE,
 * state and nonce, no secret. Its verifier and nonce travel sealed in `state`, so that nothing is
 * kept for a sign-in that is never finished.
 */
export const createOwnClient = ({
  issuer,
  clientId,
  origin,
  sessionOf,
  serve,
  seal,
  clock,
}: Parts): OwnClient => {
  const config = new oidc.Configuration(
    {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      authorization_response_iss_parameter_supported: true,
    },
    clientId,
    { id_token_signed_response_alg: 'ES256' },
    oidc.None(),
  )
  config[oidc.customFetch] = inProcess(serve)
  oidc.allowInsecureRequests(config) // On loopback the issuer may be http; nothing leaves us.

  const opened = (state: string | null): Begun | null => {
    try {
      const begun = JSON.parse(seal.open(state ?? '')) as Begun
      return clock() - begun.atMs < BEGAN_MAX_MS ? begun : null
    } catch {
      return null // Not sealed by us: anybody can open this address.
    }
  }

  return {
    begin: async (path, carry, parameters) => {
      const [verifier, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomNonce()]
      const begun: Begun = { path, verifier, nonce, carry, atMs: clock() }
      const url = oidc.buildAuthorizationUrl(config, {
        scope: 'openid',
        redirect_uri: `${origin}${path}`,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        nonce,
        state: seal.seal(JSON.stringify(begun)),
        ...parameters,
      })
      return origin === issuer ? `${url.pathname}${url.search}` : url.href
    },
    finish: async (pathAndQuery) => {
      const url = new URL(`${origin}${pathAndQuery}`)
      const state = url.searchParams.get('state')
      const begun = opened(state)
      if (begun === null || begun.path !== url.pathname) {
        return null
      }
      try {
        const tokens = await oidc.authorizationCodeGrant(config, url, {
          pkceCodeVerifier: begun.verifier,
          expectedNonce: begun.nonce,
          expectedState: state ?? oidc.skipStateCheck,
        })
        const sub = tokens.claims()?.sub
        const sessionUid = await sessionOf(tokens.access_token)
        return sub === undefined ? null : { sub, carry: begun.carry, sessionUid }
      } catch (error) {
        const isRefused =
          error instanceof oidc.ResponseBodyError ||
          error instanceof oidc.AuthorizationResponseError ||
          error instanceof oidc.ClientError
        if (isRefused) {
          return null // A code that was used, or is too old; an answer that is none.
        }
        throw error
      }
    },
  }
}
