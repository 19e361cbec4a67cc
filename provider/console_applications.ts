import { errors, type Provider } from 'oidc-provider'
import { openSecret } from '../accounts/applications.ts'
import type { Deps } from '../accounts/ports.ts'
import type { Registration } from '../accounts/registration.ts'
import type { ConsoleApplications } from '../admin/applications_part.ts'
import type { Application } from './application_settings.ts'
import { claimsFor } from './claims.ts'
import { metadataOf } from './clients.ts'
import { pairwiseIdentifier } from './pairwise.ts'
import type { Registry } from './registry.ts'
import type { TestSignIn } from './test_sign_in.ts'

interface Parts {
  readonly deps: Deps
  readonly provider: Provider
  readonly registry: Registry
  readonly declared: readonly Application[]
  readonly issuer: string
  readonly pairwiseSalt: Uint8Array
  readonly test: TestSignIn
}

/** Without its secret, which no page shows. */
const withoutSecret = ({ client_secret: _secret, ...registration }: Application): Registration =>
  registration

/** A secret of the right kind, for a check that keeps nothing. */
const PLACEHOLDER = 'only-to-see-whether-it-would-be-taken'

/** An application as it proves itself: from the settings, else from the console's own. */
export const findApplication =
  (deps: Deps, registry: Registry, declared: readonly Application[]) =>
  async (clientId: string): Promise<Application | null> => {
    if (registry.isDeclared(clientId)) {
      return declared.find(({ client_id: id }) => id === clientId) ?? null
    }
    const found = await deps.store.applications.find(clientId)
    if (found === null) {
      return null
    }
    const { registration, secret } = found
    return secret === null
      ? registration
      : { ...registration, client_secret: openSecret(deps, clientId, secret.sealed) }
  }

const sectorOf = async (provider: Provider, clientId: string): Promise<string | null> => {
  const client = (await provider.Client.find(clientId)) as unknown as
    | { readonly subjectType: string; readonly sectorIdentifier: string | undefined }
    | undefined
  return client?.subjectType === 'pairwise' ? (client.sectorIdentifier ?? '') : null
}

/** What the console's pages of applications ask of the provider. */
export const createConsoleApplications = (parts: Parts): ConsoleApplications => {
  const { deps, provider, registry, declared, issuer, pairwiseSalt, test } = parts
  const pairwise = pairwiseIdentifier(pairwiseSalt)
  return {
    declared: declared.map(withoutSecret),
    issuer,
    fault: async (registration) => {
      const isSecret = registration.token_endpoint_auth_method.startsWith('client_secret_')
      const metadata = metadataOf({
        ...registration,
        ...(isSecret ? { client_secret: PLACEHOLDER } : {}),
      })
      try {
        await provider.Client.validate(metadata)
        return null
      } catch (error) {
        if (error instanceof errors.InvalidClientMetadata) {
          return error.error_description ?? error.message
        }
        throw error
      }
    },
    preview: async (clientId, account) => {
      await registry.refresh()
      const sector = await sectorOf(provider, clientId)
      const claims = await claimsFor(account, deps.store.accounts, registry.rulesOf(clientId))
      return { ...claims, sub: sector === null ? account.sub : pairwise(sector, account.sub) }
    },
    sectorOf: (clientId) => sectorOf(provider, clientId),
    pairwise,
    beginTest: test.begin,
    finishTest: test.finish,
  }
}
