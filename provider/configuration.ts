import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { Deps } from '../accounts/ports.ts'
import type { OpStore } from '../adapters/oidc_sqlite.ts'
import { sendPage } from '../interactions/page.ts'
import type { Site } from '../interactions/site.ts'
import { interactionPath } from '../interactions/step.ts'
import { stepPrompts } from '../policies/prompts.ts'
import { ACR_LEVELS } from '../policies/proofs.ts'
import { claimsByScope, createFindAccount, createIsUsable } from './claims.ts'
import { clientsOf } from './clients.ts'
import { renderOpError } from './error_page.ts'
import { type Flow, sessionSeconds } from './flow.ts'
import { createFetch } from './internal_fetch.ts'
import type { Keys } from './keys.ts'
import { pairwiseIdentifier } from './pairwise.ts'
import type { Registry } from './registry.ts'
import { consoleOrigin, type Settings } from './settings.ts'

const HOUR_SECONDS = 3600

interface Parts {
  readonly settings: Settings
  readonly keys: Keys
  readonly deps: Deps
  readonly flow: Flow
  readonly adapter: OpStore['Adapter']
  readonly registry: Registry
  readonly site: () => Site
}

/** Cookie names: prefixed where https makes the prefix hold (RFC 6265bis §4.1.3). */
const cookieNames = (secure: boolean) => ({
  session: secure ? '__Host-vestibule_session' : 'vestibule_session',
  interaction: secure ? '__Secure-vestibule_interaction' : 'vestibule_interaction',
  resume: secure ? '__Secure-vestibule_resume' : 'vestibule_resume',
})

const pairwiseFor = (salt: Uint8Array) => {
  const identify = pairwiseIdentifier(salt)
  return (_ctx: unknown, sub: string, client: object): string =>
    identify((client as { sectorIdentifier?: string }).sectorIdentifier ?? '', sub)
}

/** Rotated tokens end when the first of them would have: no refreshing for ever. */
const refreshSeconds = ({ refresh_idle_hours, refresh_absolute_hours }: Settings['tokens']) => {
  const idle = refresh_idle_hours * HOUR_SECONDS
  const absolute = refresh_absolute_hours * HOUR_SECONDS
  return (_ctx: unknown, token: { iiat?: number | undefined }): number => {
    const nowSeconds = Math.floor(Date.now() / 1000)
    const left = (token.iiat ?? nowSeconds) + absolute - nowSeconds
    return Math.max(1, Math.min(idle, left))
  }
}

const logoutSource =
  (site: () => Site) =>
  async (ctx: KoaContextWithOIDC): Promise<void> => {
    const { session, client, entities } = ctx.oidc
    const hinted = entities['IdTokenHint'] as { payload?: { sub?: string } } | undefined
    sendPage(ctx, site(), 'logout', {
      action: ctx.oidc.urlFor('end_session_confirm'),
      xsrf: String((session?.state as { secret?: string } | undefined)?.secret),
      applicationName: site().applications.get(client?.clientId ?? '')?.name,
      // A valid hint of this very session stands for the confirmation (RP-Initiated Logout §2).
      auto: hinted !== undefined && (await isOwnHint(ctx, hinted.payload?.sub)),
    })
  }

const isOwnHint = async (ctx: KoaContextWithOIDC, sub: string | undefined): Promise<boolean> => {
  const { session, client, provider } = ctx.oidc
  if (sub === undefined || session?.accountId === undefined || client === undefined) {
    return false
  }
  const own = new provider.Claims({ sub: session.accountId }, { ctx })
  own.scope('openid')
  const claims = (await own.result()) as { sub?: string }
  return claims.sub === sub
}

/** oidc-provider's configuration: what schools need of the protocol, everything else off. */
export const configurationOf = (parts: Parts): Configuration => {
  const { settings, keys, deps, flow, registry, site } = parts
  const { rulesOf } = registry
  const secure = settings.issuer.startsWith('https:')
  const { tokens } = settings
  const isUsable = createIsUsable(deps, rulesOf)
  const configuration: Configuration = {
    adapter: ((model: string) =>
      model === 'Client' ? registry.adapter : parts.adapter(model)) as Configuration['adapter'],
    clients: clientsOf(settings.applications, {
      issuer: settings.issuer,
      consoleOrigin: consoleOrigin(settings),
    }),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [...keys.signing.keys] } as Configuration['jwks'],
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'RS256'],
    },
    acrValues: [...ACR_LEVELS.keys()],
    claims: claimsByScope,
    scopes: Object.keys(claimsByScope),
    responseTypes: ['code'],
    subjectTypes: ['public', 'pairwise'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    pkce: { required: (_ctx, client) => rulesOf(client.clientId).pkceRequired },
    pairwiseIdentifier: pairwiseFor(keys.pairwise),
    cookies: {
      keys: [...keys.cookies],
      names: cookieNames(secure),
      long: { signed: true, httpOnly: true, sameSite: 'lax', secure, path: '/', overwrite: true },
      // One response drops the cookie of a step and sets that of the next, on another path.
      short: { signed: true, httpOnly: true, sameSite: 'lax', secure, overwrite: false },
    },
    ttl: {
      AccessToken: tokens.access_minutes * 60,
      AuthorizationCode: tokens.code_seconds,
      IdToken: tokens.access_minutes * 60,
      Interaction: tokens.sign_in_minutes * 60,
      RefreshToken: refreshSeconds(tokens),
      Grant: tokens.refresh_absolute_hours * HOUR_SECONDS,
      Session: (_ctx, session) => sessionSeconds(session, deps.clock()),
    },
    findAccount: createFindAccount(
      deps.store.accounts,
      isUsable,
      rulesOf,
    ) as Configuration['findAccount'],
    loadExistingGrant: flow.loadGrant,
    interactions: {
      url: (_ctx, interaction) => interactionPath(interaction.uid),
      policy: stepPrompts(async (ctx) => (await flow.decide(ctx)).next),
    },
    // `offline_access` is dropped without `prompt=consent`; the registration decides instead.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: () => true,
    renderError: (ctx, out, error) => renderOpError(ctx, site(), out, error),
    fetch: createFetch(settings.internal_networks),
    features: {
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      dPoP: { enabled: true, nonceSecret: keys.dpopNonce },
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
      },
      introspection: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => {
          await registry.refresh() // Of whichever application the token is.
          const sub = (token as { accountId?: string }).accountId
          const account = sub === undefined ? null : await deps.store.accounts.bySub(sub)
          return (
            client.clientAuthMethod !== 'none' &&
            account !== null &&
            (await isUsable(account, token))
          )
        },
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: logoutSource(site),
        postLogoutSuccessSource: (ctx) =>
          sendPage(ctx, site(), 'logged_out', {
            signInHref: '/',
            applicationName: site().applications.get(ctx.oidc.client?.clientId ?? '')?.name,
          }),
      },
      backchannelLogout: { enabled: true },
    },
  }
  return configuration
}
