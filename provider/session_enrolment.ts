import type { Provider } from 'oidc-provider'
import type { KeptEnrolment } from '../interactions/site.ts'

/** Kept in the session record. Of two writers, the one with the higher revision has seen more. */
interface EnrolmentRecord {
  readonly sub: string
  readonly revision: number
  readonly kept: KeptEnrolment
}

interface EnrollingSession {
  accountId?: string
  enrolment?: EnrolmentRecord
}

const NONE: KeptEnrolment = { step: 'none' }

const recordOf = (session: unknown): EnrolmentRecord | undefined => {
  const { accountId, enrolment } = session as EnrollingSession
  return enrolment?.sub === accountId ? enrolment : undefined
}

/** The enrolment that a session keeps, if it is that of the account signed in. */
export const enrolmentIn = (session: unknown): KeptEnrolment => recordOf(session)?.kept ?? NONE

/** Changes what the session keeps, from what it keeps by now. */
export const changeEnrolment = async (
  provider: Provider,
  sessionUid: string,
  sub: string,
  change: (kept: KeptEnrolment) => KeptEnrolment,
): Promise<void> => {
  const session = await provider.Session.findByUid(sessionUid)
  if (session?.accountId !== sub) {
    return
  }
  const before = recordOf(session)
  const kept = change(before?.kept ?? NONE)
  if (kept !== before?.kept) {
    const revision = (before?.revision ?? 0) + 1
    ;(session as EnrollingSession).enrolment = { sub, revision, kept }
    await session.persist()
  }
}

/** Of two writers of one session: an enrolment is neither lost to a late one nor brought back. */
export const newestEnrolment = (
  stored: unknown,
  incoming: unknown,
): { enrolment?: EnrolmentRecord } => {
  const [before, after] = [recordOf(stored), recordOf(incoming)]
  const newest = (after?.revision ?? 0) >= (before?.revision ?? 0) ? after : before
  return newest === undefined ? {} : { enrolment: newest }
}
