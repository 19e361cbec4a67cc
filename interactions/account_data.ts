import { copyOfData } from '../accounts/copy_of_data.ts'
import {
  type AccountPage,
  buttonOf,
  type Outcome,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import { namesOf } from './account_sessions.ts'

const FILE_NAME = 'my-data.json'

/** Sends it as a file; like every page, it is kept by no cache. */
const download = async ({ site, ctx, account, origin }: Visit): Promise<Outcome> => {
  const sessions = (await site.sessionsOf(account.sub)).map(({ signedInAt, from, clientIds }) => ({
    signedInAt,
    from,
    applications: namesOf(site, clientIds),
  }))
  const copy = await copyOfData(site.deps, account, sessions, origin, (timeMs) =>
    new Date(timeMs).toISOString(),
  )
  ctx.attachment(FILE_NAME)
  ctx.type = 'application/json'
  ctx.body = `${JSON.stringify(copy, null, 2)}\n`
  return { kind: 'answered' }
}

/** A copy of everything that is kept about a person. */
export const dataPage: AccountPage = {
  section: 'data',

  show: (visit, frame) =>
    sendAccountPage(visit, 'account_data', {
      ...frame,
      download: buttonOf(visit, 'data', 'download'),
    }),

  forms: { download },
}
