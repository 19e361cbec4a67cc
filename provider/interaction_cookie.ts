import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { interactionPath } from '../interactions/step.ts'

/**
 * The OP leaves the cookie of each step behind until it lapses. One for every page of a sign-in
 * adds up: browsers keep a limited number per host, and the device cookie is the oldest of them.
 */
export const dropInteractionCookies = (provider: Provider): void => {
  const drop = (ctx: KoaContextWithOIDC): void => {
    const { Interaction } = ctx.oidc.entities
    if (Interaction !== undefined) {
      ctx.cookies.set(provider.cookieName('interaction'), null, {
        path: interactionPath(Interaction.uid),
        signed: true,
        httpOnly: true,
        sameSite: 'lax',
      })
    }
  }
  provider.on('interaction.ended', drop)
  provider.on('authorization.error', drop)
}
