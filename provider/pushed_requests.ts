import { errors, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { OpStore } from '../adapters/oidc_sqlite.ts'

const PUSHED = 'urn:ietf:params:oauth:request_uri'

interface Pushed {
  readonly jti: string
  readonly exp?: number
}

interface Model {
  find(id: string, options?: object): Promise<Pushed | undefined>
  readonly prototype: { save(ttl?: number): Promise<string> }
}

const current = (): KoaContextWithOIDC['oidc'] | undefined =>
  (Provider.ctx as unknown as KoaContextWithOIDC | undefined)?.oidc

/**
 * Pushed requests (RFC 9126) as we take them. Only from applications that authenticate (§2): from
 * the others anybody could push, and each is a row. And each `request_uri` opens one sign-in (§4):
 * the OP marks it used only once somebody has signed in, so that it opens any number until then.
 * To be called right after `new Provider`.
 */
export const restrictPushedRequests = (
  provider: Provider,
  claim: OpStore['replayUnique'],
): void => {
  const model = provider.PushedAuthorizationRequest as unknown as Model
  const find = model.find.bind(model)
  const { save } = model.prototype

  Object.defineProperty(model, 'find', {
    value: async (id: string, options?: object): Promise<Pushed | undefined> => {
      const pushed = await find(id, options)
      if (pushed === undefined || current()?.route !== 'authorization') {
        return pushed // At its end a sign-in looks at its request once more.
      }
      return (await claim(PUSHED, pushed.jti, pushed.exp ?? 0)) ? pushed : undefined
    },
  })
  Object.defineProperty(model.prototype, 'save', {
    value: function (this: object, ttl?: number): Promise<string> {
      if (current()?.client?.clientAuthMethod === 'none') {
        throw new errors.UnauthorizedClient('only applications that authenticate may push requests')
      }
      return save.call(this, ttl)
    },
  })
}
