import type { Consent } from './application_ports.ts'
import { auditEntry } from './audit.ts'
import type { Deps, Origin } from './ports.ts'

type Needs = Pick<Deps, 'store' | 'clock' | 'random'>

/** Somebody allows an application to learn what they were shown; it is remembered. */
export const giveConsent = (
  deps: Needs,
  { sub, clientId, learns }: Omit<Consent, 'atMs'>,
  origin: Origin,
): Promise<void> =>
  deps.store.transact(async ({ consents, audit }) => {
    await consents.save({ sub, clientId, learns, atMs: deps.clock() })
    await audit.append(
      auditEntry(deps, {
        act: 'consent_given',
        sub,
        origin,
        clientId,
        detail: { learns: learns.join(' ') },
      }),
    )
  })

/** Somebody does not: nothing they allowed before is taken back by that. */
export const refuseConsent = (
  deps: Needs,
  { sub, clientId }: Pick<Consent, 'sub' | 'clientId'>,
  origin: Origin,
): Promise<void> =>
  deps.store.audit.append(
    auditEntry(deps, { act: 'consent_refused', sub, actor: sub, origin, clientId }),
  )

/**
 * Takes back what was allowed: the application is asked about again, and `endGrants` ends what it
 * was given. False: nothing was allowed.
 */
export const takeBackConsent = async (
  deps: Needs,
  { sub, clientId }: Pick<Consent, 'sub' | 'clientId'>,
  origin: Origin,
  endGrants: (sub: string, clientId: string) => Promise<void>,
): Promise<boolean> => {
  const taken = await deps.store.transact(async ({ consents, audit }) => {
    if (!(await consents.remove(sub, clientId))) {
      return false
    }
    await audit.append(auditEntry(deps, { act: 'consent_taken_back', sub, origin, clientId }))
    return true
  })
  // Also when it was gone by now: whoever was stopped before this, finishes it by a second click.
  await endGrants(sub, clientId)
  return taken
}
