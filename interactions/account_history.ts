import type { AuditEntry } from '../accounts/ports.ts'
import { HISTORY_ACTS, type HistoryAct, type HistoryRow } from '../views/pages.ts'
import { type AccountPage, sendAccountPage } from './account_page.ts'
import { noticeRows } from './notice_row.ts'
import type { Site } from './site.ts'

const NOTICES_SHOWN = 20
const ENTRIES_SHOWN = 50
/** Entries read to find those that a person understands: a sign-in leaves a handful of others. */
const ENTRIES_READ = 500

const isShown = (act: string): act is HistoryAct =>
  (HISTORY_ACTS as readonly string[]).includes(act)

const rowsOf = ({ applications }: Site, entry: AuditEntry): HistoryRow[] => {
  const { act, atMs, network, clientId } = entry
  return isShown(act)
    ? [
        {
          act,
          at: new Date(atMs).toISOString(),
          network: network ?? undefined,
          application: applications.get(clientId ?? '')?.name,
        },
      ]
    : []
}

/** Sign-ins, and what the person was told. */
export const historyPage: AccountPage = {
  section: 'history',

  show: async (visit, frame) => {
    const { site, account } = visit
    const { store } = site.deps
    const [notices, entries] = await Promise.all([
      store.notices.list(account.sub, NOTICES_SHOWN),
      store.audit.list({ sub: account.sub }, ENTRIES_READ),
    ])
    sendAccountPage(visit, 'account_history', {
      ...frame,
      notices: await noticeRows(site, account.sub, notices),
      entries: entries.flatMap((entry) => rowsOf(site, entry)).slice(0, ENTRIES_SHOWN),
    })
  },

  forms: {},
}
