import { noteSessionsEnded } from '../accounts/own_sessions.ts'
import type { SessionRow } from '../views/pages.ts'
import {
  type AccountPage,
  buttonOf,
  done,
  type Outcome,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
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

/** A person's sessions and the applications opened in each. */
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
    })
  },

  forms: {
    end: (visit, fields) => end(visit, fields.text('session')),
    end_others: endOthers,
  },
}
