import { dayAt } from '../policies/days.ts'
import type {
  ApplicationChange,
  ApplicationKind,
  RegisteredApplication,
} from './application_ports.ts'
import { AUDIT_KEPT_MS, type AuditAct, auditEntry } from './audit.ts'
import { AppError } from './errors.ts'
import { nextTurn } from './next_turn.ts'
import type { Deps } from './ports.ts'
import { type Registration, usesSecret } from './registration.ts'

/** 256 bits, base64url: no application has trouble with these letters. */
const SECRET_BYTES = 32
/** Consents that one statement removes: few ms. */
const CONSENTS_AT_ONCE = 500

export const DEFAULT_OVERLAP_DAYS = 7
export const OVERLAP_DAYS_MAX = 90
const DAY_MS = 24 * 3_600_000

/** What a secret is sealed for: it opens for its application alone. */
const ownerOf = (clientId: string): string => `application secret ${clientId}`

type Needs = Pick<Deps, 'store' | 'secrets' | 'random' | 'clock'>

const newSecret = ({ random }: Pick<Deps, 'random'>): string =>
  Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')

const sealedFor = (deps: Needs, clientId: string, secret: string): string =>
  deps.secrets.seal(secret, ownerOf(clientId), deps.random)

/** A secret as the application knows it. Throws `AppError('unavailable')` where it does not open. */
export const openSecret = (
  { secrets }: Pick<Deps, 'secrets'>,
  clientId: string,
  sealed: string,
): string => secrets.open(sealed, ownerOf(clientId)).toString('utf8')

type ApplicationAct = Extract<AuditAct, `application_${string}`>

interface Noted {
  readonly act: ApplicationAct
  readonly clientId: string
  readonly version: number
  readonly by: string
}

const noted = (deps: Needs, { act, clientId, version, by }: Noted) =>
  auditEntry(deps, { act, actor: by, clientId, detail: { version } })

/** What was refused, as a value: shown on the page it came from. */
export type Refusal = 'taken' | 'changed_meanwhile' | 'gone' | 'no_secret' | 'nothing_to_end'
export type Done<T extends object = object> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly reason: Refusal }

const refused = (reason: Refusal): { ok: false; reason: Refusal } => ({ ok: false, reason })

interface Registering {
  readonly kind: ApplicationKind
  readonly registration: Registration
  readonly by: string
  /** Whether a client id is kept for something else: the settings file, the gateway itself. */
  readonly isTaken: (clientId: string) => boolean
}

/** Registers an application. Its secret is told here and never again; null: it needs none. */
export const registerApplication = async (
  deps: Needs,
  { kind, registration, by, isTaken }: Registering,
): Promise<Done<{ secret: string | null }>> => {
  const clientId = registration.client_id
  const nowMs = deps.clock()
  const secret = usesSecret(registration) ? newSecret(deps) : null
  const application: RegisteredApplication = {
    clientId,
    kind,
    version: 1,
    registration,
    createdAt: nowMs,
    atMs: nowMs,
    by,
    secret: secret === null ? null : { sealed: sealedFor(deps, clientId, secret), atMs: nowMs },
    previous: null,
  }
  const added =
    !isTaken(clientId) &&
    (await deps.store.transact(async ({ applications, audit }) => {
      if (!(await applications.add(application))) {
        return false
      }
      await audit.append(noted(deps, { act: 'application_registered', clientId, version: 1, by }))
      return true
    }))
  return added ? { ok: true, secret } : refused('taken')
}

interface Changing {
  readonly clientId: string
  /** The one that the form was made from. */
  readonly version: number
  readonly by: string
}

type Changed<T extends object> =
  | { readonly next: RegisteredApplication; readonly told: T }
  | { readonly reason: Refusal }

/** Reads, changes and saves in one transaction. */
const change = <T extends object>(
  deps: Needs,
  { clientId, version, by }: Changing,
  { kept, act }: { readonly kept: ApplicationChange; readonly act: ApplicationAct },
  how: (now: RegisteredApplication, atMs: number) => Changed<T>,
): Promise<Done<T>> => {
  const nowMs = deps.clock()
  return deps.store.transact(async ({ applications, audit }) => {
    const now = await applications.find(clientId)
    if (now === null) {
      return refused('gone')
    }
    if (now.version !== version) {
      return refused('changed_meanwhile')
    }
    const changed = how(now, nowMs)
    if ('reason' in changed) {
      return refused(changed.reason)
    }
    const next = { ...changed.next, version: version + 1, atMs: nowMs, by }
    if (!(await applications.save(next, kept))) {
      return refused('changed_meanwhile')
    }
    await audit.append(noted(deps, { act, clientId, version: next.version, by }))
    return { ok: true, ...changed.told }
  })
}

/**
 * Changes what is registered. One that proves itself by a secret from now on gets one, told here
 * and never again; one that does no more loses it.
 */
export const changeApplication = (
  deps: Needs,
  changing: Changing,
  { kind, registration }: Pick<RegisteredApplication, 'kind' | 'registration'>,
): Promise<Done<{ secret: string | null }>> => {
  const { clientId } = changing
  const how = (now: RegisteredApplication, atMs: number): Changed<{ secret: string | null }> => {
    const next = { ...now, kind, registration: { ...registration, client_id: clientId } }
    if (!usesSecret(registration)) {
      return { next: { ...next, secret: null, previous: null }, told: { secret: null } }
    }
    if (now.secret !== null) {
      return { next, told: { secret: null } }
    }
    const secret = newSecret(deps)
    const sealed = sealedFor(deps, clientId, secret)
    return { next: { ...next, secret: { sealed, atMs } }, told: { secret } }
  }
  return change(deps, changing, { kept: 'changed', act: 'application_changed' }, how)
}

/**
 * Gives an application a new secret, told here and never again. The one before serves beside it for
 * some days, so that nobody is shut out meanwhile; 0: no longer. An older one ends.
 */
export const rotateSecret = (
  deps: Needs,
  changing: Changing,
  overlapDays: number,
): Promise<Done<{ secret: string }>> =>
  change(
    deps,
    changing,
    { kept: 'secret_rotated', act: 'application_secret_rotated' },
    (now, atMs): Changed<{ secret: string }> => {
      if (now.secret === null) {
        return { reason: 'no_secret' }
      }
      const secret = newSecret(deps)
      const previous =
        overlapDays === 0
          ? null
          : { sealed: now.secret.sealed, untilMs: atMs + overlapDays * DAY_MS }
      const sealed = sealedFor(deps, changing.clientId, secret)
      return { next: { ...now, secret: { sealed, atMs }, previous }, told: { secret } }
    },
  )

/** Ends the secret before at once. */
export const endPreviousSecret = (deps: Needs, changing: Changing): Promise<Done> =>
  change(deps, changing, { kept: 'secret_ended', act: 'application_secret_ended' }, (now) =>
    now.previous === null
      ? { reason: 'nothing_to_end' }
      : { next: { ...now, previous: null }, told: {} },
  )

/**
 * Removes an application: nobody can sign in to it from now on, and what was issued to it is refused
 * (RFC 6749 §5.2: no client, no tokens). What people allowed it goes along, some at a time.
 */
export const removeApplication = async (
  deps: Needs,
  { clientId, version, by }: Changing,
): Promise<Done> => {
  const removed = await deps.store.transact(async ({ applications, audit }) => {
    if (!(await applications.remove(clientId, version, by, deps.clock()))) {
      return false
    }
    await audit.append(
      noted(deps, { act: 'application_removed', clientId, version: version + 1, by }),
    )
    return true
  })
  if (!removed) {
    return refused('changed_meanwhile')
  }
  while ((await deps.store.consents.removeSomeOf(clientId, CONSENTS_AT_ONCE)) > 0) {
    await nextTurn()
  }
  return { ok: true }
}

/** Notes that an administrator saw what an application would learn of somebody. */
export const notePreview = (
  deps: Needs,
  { clientId, sub, by }: { readonly clientId: string; readonly sub: string; readonly by: string },
): Promise<void> =>
  deps.store.audit.append(auditEntry(deps, { act: 'claims_previewed', actor: by, sub, clientId }))

/** Notes that an administrator tried a sign-in; `how`: as it ended. */
export const noteTest = (
  deps: Needs,
  { clientId, by, how }: { readonly clientId: string; readonly by: string; readonly how: string },
): Promise<void> =>
  deps.store.audit.append(
    auditEntry(deps, { act: 'application_tested', actor: by, clientId, detail: { result: how } }),
  )

/** Counts are kept as long as the audit is. */
export const forgetLaunches = ({
  store,
  clock,
  timeZone,
}: Pick<Deps, 'store' | 'clock' | 'timeZone'>): Promise<number> =>
  store.launches.purge(dayAt(timeZone, clock() - AUDIT_KEPT_MS).date)

/** A sealed secret under the current key; null where it is, or does not open here. */
const resealed = (deps: Needs, clientId: string, sealed: string): string | null => {
  if (deps.secrets.isCurrent(sealed)) {
    return null
  }
  try {
    return sealedFor(deps, clientId, openSecret(deps, clientId, sealed))
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable') {
      return null // The key it was sealed under is not here; its application says so when it is used.
    }
    throw error
  }
}

/**
 * Seals the secrets of applications anew that are not sealed under the current sealing key. Returns
 * how many applications had one.
 */
export const renewSecretSeals = async (deps: Needs): Promise<number> => {
  let renewed = 0
  for (const { clientId, version, secret, previous } of await deps.store.applications.list()) {
    const [one, two] = [secret, previous].map((each) =>
      each === null ? null : resealed(deps, clientId, each.sealed),
    )
    if (one || two) {
      await deps.store.applications.reseal(clientId, version, {
        secret: one ?? secret?.sealed ?? null,
        previous: two ?? previous?.sealed ?? null,
      })
      renewed += 1
    }
  }
  return renewed
}
