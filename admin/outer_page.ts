import type { Context } from 'koa'
import { sendPage } from '../interactions/page.ts'
import type { ConsolePageName, ConsolePages } from '../views/console/pages.ts'
import type { Console } from './console.ts'

/** A page for somebody who is not in the console: without its menu. */
export const sendOuterPage = <P extends ConsolePageName>(
  ctx: Context,
  console: Console,
  page: P,
  model: ConsolePages[P],
): void => sendPage(ctx, console.site, page, model as never)
