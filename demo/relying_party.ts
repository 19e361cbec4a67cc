import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'
import * as oidc from 'openid-client'

export const ACR_PIN = 'urn:vestibule:acr:pin'

export const ACR_OTP = 'urn:vestibule:acr:otp'

/** The gateway's `acr` values that contain the OTP key, and those that contain the PIN or more. */
const ACR_OTP_OR_MORE: readonly string[] = [ACR_OTP, 'https://refeds.org/profile/mfa']
const ACR_PIN_OR_MORE: readonly string[] = [ACR_PIN, ...ACR_OTP_OR_MORE]

const SCOPES_WANTED = ['openid', 'profile', 'email', 'school', 'offline_access'] as const
const LOGOUT_TOKEN_AGE_MAX_S = 120
const GATEWAY_TIMEOUT_S = 10

/** What each button asks of the gateway, beside the usual parameters (OpenID Connect Core 3.1.2.1). */
const INTENTS = {
  sign_in: {},
  again: { prompt: 'login' },
  // Voluntary: the gateway goes on with what holds where the PIN can't be had (Core 5.5.1.1).
  grade_book: { acr_values: ACR_PIN },
  confidential: { claims: essentialAcr(ACR_PIN) },
  exam_papers: { claims: essentialAcr(ACR_OTP) },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

export type Intent = keyof typeof INTENTS

/** What the answer to an intent must prove; the others take what they get. */
const INSISTS: Partial<Record<Intent, readonly string[]>> = {
  confidential: ACR_PIN_OR_MORE,
  exam_papers: ACR_OTP_OR_MORE,
}

function essentialAcr(value: string): string {
  return JSON.stringify({ id_token: { acr: { essential: true, value } } })
}

/** The intent of that name, or undefined. */
export function asIntent(name: string | null | undefined): Intent | undefined {
  return Object.keys(INTENTS).find((intent) => intent === name) as Intent | undefined
}

/** What must be remembered in the browser's session between the request and its answer. */
export interface Pending {
  readonly intent: Intent
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

export type Claims = Readonly<Record<string, unknown>>

/** Somebody signed in: what the gateway said, and the tokens, which never leave the server. */
export interface SignedIn {
  readonly sub: string
  readonly sid: string | undefined
  readonly idToken: string
  readonly refreshToken: string | undefined
  readonly idTokenClaims: Claims
  readonly userinfo: Claims
}

/** An error as a page shows it. `error` is a code of OAuth, of openid-client or of our own. */
export interface Problem {
  readonly error: string
  readonly description: string
  readonly status: number
}

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: Problem }

export interface RelyingPartySettings {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Where the workspace is reached, without a slash at the end. */
  readonly url: string
  /** Scopes to ask for; if left out, those we know among what the gateway offers. */
  readonly scope?: string
}

export type RelyingParty = Awaited<ReturnType<typeof createRelyingParty>>

/** Reads the gateway's metadata; throws when the gateway does not answer. */
export async function createRelyingParty(settings: RelyingPartySettings) {
  const config = await discover(settings)
  const redirectUri = `${settings.url}/callback`
  const metadata = config.serverMetadata()
  const supported = metadata.scopes_supported ?? ['openid']
  const scope = settings.scope ?? SCOPES_WANTED.filter((name) => supported.includes(name)).join(' ')
  const verifyLogout = createLogoutVerifier(settings, metadata.jwks_uri ?? '')

  return {
    /** The address to send the browser to, and what to keep until it comes back. */
    async begin(intent: Intent, locale: string, loginHint?: string) {
      const pending: Pending = {
        intent,
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        codeVerifier: oidc.randomPKCECodeVerifier(),
      }
      const location = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(pending.codeVerifier),
        code_challenge_method: 'S256',
        ui_locales: locale,
        ...(loginHint === undefined ? {} : { login_hint: loginHint }),
        ...INTENTS[intent],
      })
      return { location: location.href, pending }
    },

    /** Checks state, `iss` (RFC 9207), nonce and signature, and redeems the code. */
    finish(callback: URL, pending: Pending): Promise<Outcome<SignedIn>> {
      return attempt(async () => {
        const tokens = await oidc.authorizationCodeGrant(config, callback, {
          expectedState: pending.state,
          expectedNonce: pending.nonce,
          pkceCodeVerifier: pending.codeVerifier,
          idTokenExpected: true,
        })
        return signedInFrom(config, tokens, undefined)
      })
    },

    /** New tokens for old. The new refresh token replaces the one that was used. */
    refresh(before: SignedIn): Promise<Outcome<SignedIn>> {
      return attempt(async () => {
        const tokens = await oidc.refreshTokenGrant(config, before.refreshToken ?? '')
        return signedInFrom(config, tokens, before)
      })
    },

    /** Where to sign out at the gateway too (RP-Initiated Logout 1.0 §2). */
    signOutLocation(signedIn: SignedIn): string {
      return oidc.buildEndSessionUrl(config, {
        id_token_hint: signedIn.idToken,
        post_logout_redirect_uri: `${settings.url}/signed-out`,
      }).href
    },

    verifyLogout,
  }
}

async function discover(settings: RelyingPartySettings): Promise<oidc.Configuration> {
  const issuer = new URL(settings.issuer)
  const extensions = [oidc.enableNonRepudiationChecks]
  // Plain http only towards this very machine: anywhere else the tokens would travel in the open.
  if (issuer.protocol === 'http:' && isLoopback(issuer.hostname)) {
    extensions.push(oidc.allowInsecureRequests)
  }
  return oidc.discovery(
    issuer,
    settings.clientId,
    {},
    oidc.ClientSecretBasic(settings.clientSecret),
    { execute: extensions, timeout: GATEWAY_TIMEOUT_S },
  )
}

function isLoopback(hostname: string): boolean {
  return ['localhost', '[::1]'].includes(hostname) || /^127(\.\d+){3}$/.test(hostname)
}

type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers

async function signedInFrom(
  config: oidc.Configuration,
  tokens: Tokens,
  before: SignedIn | undefined,
): Promise<SignedIn> {
  const claims = tokens.claims() ?? before?.idTokenClaims
  const sub = claims?.['sub']
  // Core 12.2: a refreshed ID token speaks of the same person as the first one.
  if (typeof sub !== 'string' || (before && before.sub !== sub)) {
    throw new oidc.ClientError('the ID token names another person')
  }
  const sid = claims?.['sid']
  return {
    sub,
    sid: typeof sid === 'string' ? sid : before?.sid,
    idToken: tokens.id_token ?? before?.idToken ?? '',
    refreshToken: tokens.refresh_token ?? before?.refreshToken,
    idTokenClaims: { ...claims },
    userinfo: { ...(await oidc.fetchUserInfo(config, tokens.access_token, sub)) },
  }
}

/** Whether what was proved opens what asks for the PIN. */
export function provesPin(signedIn: SignedIn): boolean {
  return ACR_PIN_OR_MORE.includes(acrOf(signedIn))
}

/** Whether what was proved is what this intent insists on. */
export function meets(intent: Intent, signedIn: SignedIn): boolean {
  return INSISTS[intent]?.includes(acrOf(signedIn)) ?? true
}

function acrOf(signedIn: SignedIn): string {
  return String(signedIn.idTokenClaims['acr'])
}

async function attempt(work: () => Promise<SignedIn>): Promise<Outcome<SignedIn>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, problem: problemOf(error) }
  }
}

/** One readable problem out of whatever openid-client threw; what is not its own goes on up. */
function problemOf(error: unknown): Problem {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return { error: error.error, description: error.error_description ?? '', status: 400 }
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return { error: 'invalid_grant', description: error.message, status: 400 }
  }
  if (error instanceof oidc.ClientError && error.code !== 'OAUTH_TIMEOUT') {
    return { error: error.code ?? 'invalid_response', description: error.message, status: 400 }
  }
  if (error instanceof TypeError || error instanceof oidc.ClientError) {
    return { error: 'gateway_unreachable', description: '', status: 502 }
  }
  throw error
}

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Whose sessions end: those of one gateway session, or all of one person. */
export interface LogoutNotice {
  readonly sub: string | undefined
  readonly sid: string | undefined
}

/** Back-Channel Logout 1.0 §2.6, step by step; each token serves once. */
function createLogoutVerifier(settings: RelyingPartySettings, jwksUri: string) {
  const keys = createRemoteJWKSet(new URL(jwksUri))
  const seen = new Map<string, number>()
  return async (token: string): Promise<LogoutNotice | string> => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: settings.issuer,
        audience: settings.clientId,
        typ: 'logout+jwt',
        algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
        maxTokenAge: LOGOUT_TOKEN_AGE_MAX_S,
        clockTolerance: 5,
        requiredClaims: ['iat', 'exp', 'jti', 'events'],
      })
      return logoutNoticeFrom(payload, seen)
    } catch (error) {
      return error instanceof Error ? error.message : 'invalid logout token'
    }
  }
}

function logoutNoticeFrom(payload: JWTPayload, seen: Map<string, number>): LogoutNotice | string {
  const { sub, sid, nonce, events, jti = '', exp = 0 } = payload
  if (nonce !== undefined) return 'a logout token has no nonce'
  if (!hasLogoutEvent(events)) return 'not a logout event'
  const notice = { sub, sid: typeof sid === 'string' ? sid : undefined }
  if (notice.sub === undefined && notice.sid === undefined) return 'neither sub nor sid'
  if (seen.has(jti)) return 'this logout token was already used'
  const nowS = Date.now() / 1000
  for (const [old, until] of seen) if (until < nowS) seen.delete(old)
  seen.set(jti, Math.max(exp, nowS) + LOGOUT_TOKEN_AGE_MAX_S)
  return notice
}

function hasLogoutEvent(events: unknown): boolean {
  if (typeof events !== 'object' || events === null) return false
  const event = (events as Record<string, unknown>)[LOGOUT_EVENT]
  return typeof event === 'object' && event !== null
}
