import * as client from 'openid-client'
import type { Browser, View } from './browser.ts'

export interface Tokens {
  readonly claims: client.IDToken
  readonly response: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers
}

/** A real application on openid-client. */
export interface RelyingParty {
  readonly config: client.Configuration
  /** Sends the browser to sign in; the page it meets, or the return to the application. */
  start(browser: Browser, parameters?: Record<string, string>): Promise<View>
  /** Redeems the code that the browser came back with, in the request that it was started for. */
  finish(browser: Browser): Promise<Tokens>
  /** The address of a new request, remembered for `finish`. */
  request(browser: Browser, parameters?: Record<string, string>): Promise<URL>
  userinfo(tokens: Tokens): Promise<client.UserInfoResponse>
  refresh(tokens: Tokens): Promise<Tokens['response']>
}

export const registerRelyingParty = async (
  issuer: string,
  clientId: string,
  secret: string,
  redirectUri: string,
): Promise<RelyingParty> => {
  const config = await client.discovery(new URL(issuer), clientId, secret, undefined, {
    execute: [client.allowInsecureRequests],
  })
  const pending = new WeakMap<Browser, { verifier: string; state: string; nonce: string }>()

  const request: RelyingParty['request'] = async (browser, parameters = {}) => {
    const check = {
      verifier: client.randomPKCECodeVerifier(),
      state: client.randomState(),
      nonce: client.randomNonce(),
    }
    pending.set(browser, check)
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid profile email school',
      code_challenge: await client.calculatePKCECodeChallenge(check.verifier),
      code_challenge_method: 'S256',
      state: check.state,
      nonce: check.nonce,
      ...parameters,
    })
  }

  return {
    config,
    request,
    start: async (browser, parameters) => browser.open(await request(browser, parameters)),
    finish: async (browser) => {
      const check = pending.get(browser)
      if (check === undefined || browser.view.step !== 'callback') {
        throw new Error(`the browser is at ${browser.view.url} (step ${browser.view.step})`)
      }
      const response = await client.authorizationCodeGrant(config, browser.view.url, {
        pkceCodeVerifier: check.verifier,
        expectedState: check.state,
        expectedNonce: check.nonce,
      })
      const claims = response.claims()
      if (claims === undefined) {
        throw new Error('no ID token')
      }
      return { claims, response }
    },
    userinfo: ({ response, claims }) =>
      client.fetchUserInfo(config, response.access_token, claims.sub),
    refresh: ({ response }) => client.refreshTokenGrant(config, response.refresh_token ?? ''),
  }
}
