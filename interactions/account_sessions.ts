import { takeBackConsent } from '../accounts/consents.ts'
import { noteSessionsEnded } from '../accounts/own_sessions.ts'
import type { ConsentRow, SessionRow } from '../views/pages.ts'
import {
  type AccountPage,
  buttonOf,
  done,
  type Outcome,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import { learntBy } from './consent.ts'
import { seeOther } from './page.ts'
import type { OpenSession, Site } from './site.ts'

/** Names a session on its owner's page; the session's own name stays with us. */
const rowId = ({ deps }: Site, uid: string): string => deps.digest('session_row', uid)

export const namesOf = ({ applications }: Site, clientIds: readonly string[]): string[] =>
  clientIds.map((clientId) => applications.get(clientId)?.name ?? clientId)

const rowOf = ({ site, sessionUid }: Visit, session: OpenSession): SessionRow => {
  const { uid, signedInAt, clientIds, from } = session
  return {
    id: rowId(site, uid),
    browser: from?.browser ?? '',
    system: from?.system ?? '',
    network: from?.network ?? '',
    startedAt: new Date(signedInAt).toISOString(),
    here: uid === sessionUid,
    applications: namesOf(site, clientIds),
  }
}

const end = async (visit: Visit, id: string): Promise<Outcome> => {
  const { site, ctx, account, sessionUid, origin } = visit
  const sessions = await site.sessionsOf(account.sub)
  const chosen = sessions.find(({ uid }) => rowId(site, uid) === id)
  if (chosen?.uid === sessionUid) {
    // Signing out takes this browser's cookie along, and the applications it is in.
    seeOther(ctx, '/session/end')
    return { kind: 'answered' }
  }
  // Gone meanwhile, or never theirs: either way there is no such session of theirs any more.
  if (chosen !== undefined && (await site.endSession(account.sub, chosen.uid))) {
    await noteSessionsEnded(site.deps, account.sub, 1, origin)
  }
  return done('sessions', 'session_ended')
}

const endOthers = async (visit: Visit): Promise<Outcome> => {
  const { site, account, sessionUid, origin } = visit
  const ended = await site.endOtherSessions(account.sub, sessionUid)
  await noteSessionsEnded(site.deps, account.sub, ended, origin)
  return done('sessions', 'sessions_ended')
}

const consentRows = async ({ site, account }: Visit): Promise<ConsentRow[]> => {
  const consents = await site.deps.store.consents.list(account.sub)
  return consents.map(({ clientId, learns, atMs }) => ({
    clientId,
    name: site.applications.get(clientId)?.name ?? clientId,
    learns: learntBy(learns),
    at: new Date(atMs).toISOString(),
  }))
}

const takeBack = async ({ site, account, origin }: Visit, clientId: string): Promise<Outcome> => {
  await takeBackConsent(site.deps, { sub: account.sub, clientId }, origin, site.endGrants)
  return done('sessions', 'consent_taken_back')
}

/** A person's sessions, the applications opened in each, and what they allowed applications. */
export const sessionsPage: AccountPage = {
  section: 'sessions',

  show: async (visit, frame) => {
    const { site, account } = visit
    const sessions = await site.sessionsOf(account.sub)
    sendAccountPage(visit, 'account_sessions', {
      ...frame,
      sessions: sessions.map((session) => rowOf(visit, session)),
      end: buttonOf(visit, 'sessions', 'end'),
      endOthers: buttonOf(visit, 'sessions', 'end_others'),
      consents: await consentRows(visit),
      takeBack: buttonOf(visit, 'sessions', 'take_back'),
    })
  },

  forms: {
    end: (visit, fields) => end(visit, fields.text('session')),
    end_others: endOthers,
    take_back: (visit, fields) => takeBack(visit, fields.text('application')),
  },
}
