import { dayAt } from '../policies/days.ts'
import type { Situation } from '../policies/next_step.ts'
import { effectiveProtection } from '../policies/policy.ts'
import { acrOf, amrOf } from '../policies/proofs.ts'
import type { Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin } from './ports.ts'

/** With *notification only*, a sign-in from a device that was not recognised when it began is told. */
const isTold = (account: Account, { policy, proofs, device }: Situation): boolean =>
  effectiveProtection(policy, account.protection, account.pin !== null) === 'notification' &&
  (!device.recognised || proofs.deviceOffered !== undefined)

/** What was proved, for the audit. */
const provedBy = ({ proofs }: Situation) => ({
  acr: acrOf([], proofs, 0) ?? null,
  amr: amrOf(proofs, 0).join(' '),
})

/** A factor was added to a sign-in that was brought to its end before. */
export const completeStepUp = (
  deps: Deps,
  { sub }: Account,
  situation: Situation,
  origin: Origin,
): Promise<void> =>
  deps.store.transact(({ audit }) =>
    audit.append(
      auditEntry(deps, { act: 'step_up_completed', sub, origin, detail: provedBy(situation) }),
    ),
  )

/**
 * An application was opened for the first time in a session, and is counted for that day. `opening`
 * tells session and application apart from all others: of two tabs that open it at once, one is told.
 */
export const openApplication = (
  deps: Deps,
  sub: string,
  origin: Origin,
  opening: string,
): Promise<void> =>
  deps.store.transact(async ({ audit, launches }) => {
    const entry = { ...auditEntry(deps, { act: 'application_opened', sub, origin }), id: opening }
    if (origin.clientId !== null) {
      const { date } = dayAt(deps.timeZone, entry.atMs)
      await launches.count(origin.clientId, date, opening)
    }
    await audit.append(entry)
  })

/** Once per sign-in, when nothing more is due: the audit, and the notice where one is due. */
export const completeSignIn = (
  deps: Deps,
  account: Account,
  situation: Situation,
  origin: Origin,
): Promise<void> => {
  const { sub } = account
  return deps.store.transact(async (tables) => {
    await tables.audit.append(
      auditEntry(deps, {
        act: 'sign_in_completed',
        sub,
        origin,
        detail: { ...provedBy(situation), recognised: situation.device.recognised },
      }),
    )
    if (isTold(account, situation)) {
      await tell(deps, tables, sub, 'new_connection', { params: whence(origin) })
    }
  })
}
