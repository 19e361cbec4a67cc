import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import { assertOurForm } from './csrf.ts'
import { readForm } from './form.ts'
import { seeOther } from './page.ts'
import type { Site } from './site.ts'
import { loadInteraction, OTHER_ACCOUNT } from './step.ts'

/**
 * `POST /interaction/:uid/other_account`: on a shared computer somebody left a sign-in half done.
 * Its session goes, the application's request stays and starts again with the login. A session
 * that is open is left by signing out, not here.
 */
export const leave = async (ctx: Context, site: Site, uid: string): Promise<void> => {
  const fields = await readForm(ctx)
  const details = await loadInteraction(ctx, site, uid)
  assertOurForm(ctx, site, uid, OTHER_ACCOUNT, fields.text('csrf'))
  const session = await site.provider.Session.get(ctx as never)
  if (site.isOpen(session)) {
    throw new AppError('already_done', 'the session is open')
  }
  await session.destroy()
  // Bound to that session, the interaction could not be resumed without it.
  Object.assign(details, { session: undefined, lastSubmission: undefined, result: {} })
  await details.persist()
  seeOther(ctx, details.returnTo)
}
