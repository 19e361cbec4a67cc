import { timingSafeEqual } from 'node:crypto'
import type { Adapter, ClientMetadata, Provider } from 'oidc-provider'
import type { RegisteredApplication } from '../accounts/application_ports.ts'
import { openSecret } from '../accounts/applications.ts'
import { AppError } from '../accounts/errors.ts'
import type { Deps } from '../accounts/ports.ts'
import type { Tile } from '../interactions/site.ts'
import type { Application } from './application_settings.ts'
import { type ApplicationRules, builtInRules, metadataOf, rulesFor, tileOf } from './clients.ts'

/** What is known of applications at a moment: those of the settings, then those of the console. */
interface Known {
  readonly stamp: number
  readonly rules: ReadonlyMap<string, ApplicationRules>
  readonly tiles: ReadonlyMap<string, Tile>
  readonly listening: ReadonlySet<string>
  readonly metadata: ReadonlyMap<string, ClientMetadata>
  readonly previous: ReadonlyMap<string, PreviousSecret>
}

interface PreviousSecret {
  readonly secret: string
  readonly untilMs: number
}

/** Every application, wherever it was registered; the settings file wins over the console. */
export interface Registry {
  /** Reads what the console has changed since, in whichever process: one cheap read. */
  refresh(): Promise<void>
  /** As of the last `refresh`. What is no application of ours, or no more, may nothing. */
  rulesOf(clientId: string): ApplicationRules
  tiles(): ReadonlyMap<string, Tile>
  /** Those that are called when a session ends. */
  listening(): Promise<ReadonlySet<string>>
  /** Registered in the settings file. */
  isDeclared(clientId: string): boolean
  /** Where the OP finds the applications that the settings do not name. */
  readonly adapter: Adapter
  /** The secret before the current one, while it serves. */
  previousSecret(clientId: string): string | null
}

/** What is no application may nothing: nobody's type, no claim. */
const NOTHING: ApplicationRules = {
  leastAcr: undefined,
  userTypes: new Set(),
  pkceRequired: true,
  claims: new Set(),
  scopes: new Set(),
  pairwise: false,
  refreshes: false,
  consent: false,
  registeredAt: 0,
}

type Needs = Pick<Deps, 'store' | 'secrets' | 'clock'>

/** A secret; null where it does not open here: its application is then shut, and no other. */
const opened = (deps: Needs, clientId: string, sealed: string): string | null => {
  try {
    return openSecret(deps, clientId, sealed)
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable') {
      return null
    }
    throw error
  }
}

type Entry<T> = readonly [clientId: string, value: T]

const metadataFor = (
  deps: Needs,
  { clientId, registration, secret }: RegisteredApplication,
): Entry<ClientMetadata>[] => {
  if (secret === null) {
    return [[clientId, metadataOf(registration)]]
  }
  const text = opened(deps, clientId, secret.sealed)
  return text === null ? [] : [[clientId, metadataOf({ ...registration, client_secret: text })]]
}

const previousFor = (
  deps: Needs,
  { clientId, previous }: RegisteredApplication,
): Entry<PreviousSecret>[] => {
  const secret = previous === null ? null : opened(deps, clientId, previous.sealed)
  return previous === null || secret === null
    ? []
    : [[clientId, { secret, untilMs: previous.untilMs }]]
}

const known = (
  deps: Needs,
  declared: readonly Application[],
  registered: readonly RegisteredApplication[],
  stamp: number,
): Known => {
  const names = new Set(declared.map(({ client_id: id }) => id))
  // One that the settings name by now is theirs, whatever was registered before.
  const ours = registered.filter(({ clientId }) => !names.has(clientId))
  const all = [...declared, ...ours.map(({ registration }) => registration)]
  const since = new Map(ours.map(({ clientId, createdAt }) => [clientId, createdAt]))
  return {
    stamp,
    rules: new Map(all.map((one) => [one.client_id, rulesFor(one, since.get(one.client_id) ?? 0)])),
    tiles: new Map(all.map((one) => [one.client_id, tileOf(one)])),
    listening: new Set(all.flatMap((one) => (one.backchannel_logout_uri ? [one.client_id] : []))),
    metadata: new Map(ours.flatMap((one) => metadataFor(deps, one))),
    previous: new Map(ours.flatMap((one) => previousFor(deps, one))),
  }
}

const nothingDone = async (): Promise<undefined> => undefined

export const createRegistry = (deps: Needs, declared: readonly Application[]): Registry => {
  let now = known(deps, declared, [], 0)
  const names = new Set(declared.map(({ client_id: id }) => id))
  const refresh = async (): Promise<void> => {
    const stamp = await deps.store.applications.stamp()
    if (stamp !== now.stamp) {
      // Changed once more meanwhile: this is newer than its stamp, and read again next time.
      now = known(deps, declared, await deps.store.applications.list(), stamp)
    }
  }
  return {
    refresh,
    rulesOf: (clientId) => builtInRules(clientId) ?? now.rules.get(clientId) ?? NOTHING,
    tiles: () => now.tiles,
    listening: async () => {
      await refresh()
      return now.listening
    },
    isDeclared: (clientId) => names.has(clientId),
    adapter: {
      find: async (clientId) => {
        await refresh()
        return now.metadata.get(clientId)
      },
      // Applications are registered by the console and the settings alone.
      upsert: nothingDone,
      findByUid: nothingDone,
      findByUserCode: nothingDone,
      consume: nothingDone,
      destroy: nothingDone,
      revokeByGrantId: nothingDone,
    } as Adapter,
    previousSecret: (clientId) => {
      const previous = now.previous.get(clientId)
      return previous !== undefined && deps.clock() < previous.untilMs ? previous.secret : null
    },
  }
}

interface AnyClient {
  readonly clientId: string
  compareClientSecret(actual: string): boolean | Promise<boolean>
  redirectUriAllowed(value: string): boolean
}

const isSame = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/**
 * Makes the secret before the current one serve beside it, and the address of test sign-ins a return
 * address of its application for such a sign-in alone. To be called right after `new Provider`.
 */
export const installRegistry = (
  provider: Provider,
  registry: Registry,
  isTestReturn: (clientId: string, redirectUri: string) => boolean,
): void => {
  const { prototype } = provider.Client as unknown as { prototype: AnyClient }
  const { compareClientSecret, redirectUriAllowed } = prototype
  Object.defineProperty(prototype, 'compareClientSecret', {
    value: async function (this: AnyClient, actual: string): Promise<boolean> {
      const previous = registry.previousSecret(this.clientId)
      const isPrevious = previous !== null && isSame(previous, actual)
      return (await compareClientSecret.call(this, actual)) || isPrevious
    },
  })
  Object.defineProperty(prototype, 'redirectUriAllowed', {
    value: function (this: AnyClient, value: string): boolean {
      return redirectUriAllowed.call(this, value) || isTestReturn(this.clientId, value)
    },
  })
}
