import type { Context, Middleware } from 'koa'
import { AppError } from '../accounts/errors.ts'
import { sendAsset } from '../interactions/assets.ts'
import { seeOther } from '../interactions/page.ts'
import { CONSOLE_PATH, CONSOLE_RETURN_PATH } from './access.ts'
import { APPLICATION_ROUTES } from './application_routes.ts'
import { showAudit } from './audit.ts'
import { exportAudit } from './audit_export.ts'
import type { Console } from './console.ts'
import { type ConsoleRoute, dispatch, matcher, visitAgain } from './dispatch.ts'
import { showHome } from './home.ts'
import { chooseColumns, showColumns } from './import_columns.ts'
import { confirmImport, exportCheck, exportResult, showCheck, showResult } from './import_report.ts'
import { uploadImport } from './import_upload.ts'
import { purgeHere, showLeavers, showNewYear } from './import_year.ts'
import {
  cancelImport,
  discardImport,
  importAgain,
  resumeImport,
  showImport,
  showImports,
} from './imports.ts'
import { showInvite, submitInvite } from './invite.ts'
import {
  cancelHere,
  exportResults,
  resumeHere,
  showJob,
  showJobs,
  takeFile,
  undoHere,
} from './jobs.ts'
import { CONFIRM_PATH, showConfirm, takeConfirmed } from './kept_form.ts'
import { showDesk } from './keys_desk.ts'
import { importHere as importKeysHere, showImport as showKeysImport } from './keys_import.ts'
import {
  askKeyAct,
  doKeyAct,
  giveKey,
  resyncHere,
  showKey,
  showReceipt,
  testHere,
} from './keys_key.ts'
import { askAct, startAct, startErase } from './people_act.ts'
import { exportPeople } from './people_export.ts'
import { showPeople } from './people_list.ts'
import {
  actHere,
  askErase,
  askFirst,
  endSessionHere,
  eraseHere,
  forgetDeviceHere,
} from './people_one.ts'
import { showPerson } from './people_person.ts'
import { POLICY_ROUTES } from './policy_routes.ts'
import { grantRoleHere, revokeRoleHere, showRoles } from './roles.ts'
import { returnToConsole, signOut } from './sign_in.ts'
import type { Visit } from './visit.ts'

/** Every address of the console, the right that it asks for, and where it stands in the menu. */
export const CONSOLE_ROUTES: readonly ConsoleRoute[] = [
  ['get', '/admin', 'see_console', 'home', showHome],
  ['get', CONFIRM_PATH, 'see_console', 'home', showConfirm],
  ['post', CONFIRM_PATH, 'see_console', 'home', (visit) => confirm(visit)],
  ['get', '/admin/people', 'see_people', 'people', showPeople],
  ['get', '/admin/people/export', 'export_people', 'people', exportPeople],
  ['post', '/admin/people/act', 'act_on_people', 'people', askAct],
  ['get', '/admin/jobs', 'see_jobs', 'jobs', showJobs],
  ['post', '/admin/jobs/start', 'act_on_people', 'people', startAct],
  ['post', '/admin/jobs/erase', 'erase_people', 'people', startErase],
  ['get', '/admin/jobs/:id', 'see_jobs', 'jobs', showJob],
  ['get', '/admin/jobs/:id/results', 'see_jobs', 'jobs', exportResults],
  ['post', '/admin/jobs/:id/cancel', 'cancel_jobs', 'jobs', cancelHere],
  ['post', '/admin/jobs/:id/resume', 'act_on_people', 'jobs', resumeHere],
  ['post', '/admin/jobs/:id/undo', 'act_on_people', 'jobs', undoHere],
  ['post', '/admin/jobs/:id/files/:name', 'act_on_people', 'jobs', takeFile],
  ...APPLICATION_ROUTES,
  ...POLICY_ROUTES,
  ['get', '/admin/audit', 'see_audit', 'audit', showAudit],
  ['post', '/admin/audit/export', 'export_audit', 'audit', exportAudit],
  ['get', '/admin/imports', 'import_people', 'imports', showImports],
  ['upload', '/admin/imports/upload', 'import_people', 'imports', uploadImport],
  ['get', '/admin/imports/new_year', 'import_people', 'imports', showNewYear],
  ['get', '/admin/imports/leavers', 'import_people', 'imports', showLeavers],
  ['post', '/admin/imports/leavers/purge', 'purge_leavers', 'imports', purgeHere],
  ['get', '/admin/imports/:id/columns', 'import_people', 'imports', showColumns],
  ['post', '/admin/imports/:id/columns', 'import_people', 'imports', chooseColumns],
  ['get', '/admin/imports/:id/check', 'import_people', 'imports', showCheck],
  ['get', '/admin/imports/:id/check.csv', 'import_people', 'imports', exportCheck],
  ['get', '/admin/imports/:id/result', 'import_people', 'imports', showResult],
  ['get', '/admin/imports/:id/result.csv', 'import_people', 'imports', exportResult],
  ['post', '/admin/imports/:id/import', 'import_people', 'imports', confirmImport],
  ['post', '/admin/imports/:id/cancel', 'import_people', 'imports', cancelImport],
  ['post', '/admin/imports/:id/resume', 'import_people', 'imports', resumeImport],
  ['post', '/admin/imports/:id/again', 'import_people', 'imports', importAgain],
  ['post', '/admin/imports/:id/discard', 'import_people', 'imports', discardImport],
  ['get', '/admin/imports/:id', 'import_people', 'imports', showImport],
  ['get', '/admin/roles', 'see_roles', 'roles', showRoles],
  ['post', '/admin/roles/grant', 'change_roles', 'roles', grantRoleHere],
  ['post', '/admin/roles/:sub/revoke', 'change_roles', 'roles', revokeRoleHere],
  ['get', '/admin/people/:sub', 'see_people', 'people', showPerson],
  ['get', '/admin/people/:sub/acts/:act', 'act_on_people', 'people', askFirst],
  ['post', '/admin/people/:sub/acts/:act', 'act_on_people', 'people', actHere],
  ['post', '/admin/people/:sub/devices/:id/forget', 'act_on_people', 'people', forgetDeviceHere],
  ['post', '/admin/people/:sub/sessions/:row/end', 'act_on_people', 'people', endSessionHere],
  ['get', '/admin/people/:sub/erase', 'erase_people', 'people', askErase],
  ['post', '/admin/people/:sub/erase', 'erase_people', 'people', eraseHere],
  ['get', '/admin/keys', 'see_keys', 'keys', showDesk],
  ['get', '/admin/keys/import', 'import_keys', 'keys', showKeysImport],
  ['upload', '/admin/keys/import', 'import_keys', 'keys', importKeysHere],
  ['get', '/admin/keys/:serial', 'see_keys', 'keys', showKey],
  ['get', '/admin/keys/:serial/receipt', 'see_keys', 'keys', showReceipt],
  ['post', '/admin/keys/:serial/assign', 'handle_keys', 'keys', giveKey],
  ['post', '/admin/keys/:serial/test', 'test_keys', 'keys', testHere],
  ['post', '/admin/keys/:serial/resync', 'handle_keys', 'keys', resyncHere],
  ['get', '/admin/keys/:serial/acts/:act', 'handle_keys', 'keys', askKeyAct],
  ['post', '/admin/keys/:serial/acts/:act', 'handle_keys', 'keys', doKeyAct],
]

/** For whoever is not in, or no longer. */
const OUTER_ROUTES: readonly (readonly [
  'GET' | 'POST',
  string,
  (ctx: Context, console: Console) => Promise<void>,
])[] = [
  ['GET', CONSOLE_RETURN_PATH, returnToConsole],
  ['GET', '/admin/invite', showInvite],
  ['POST', '/admin/invite', submitInvite],
  ['POST', '/admin/sign-out', signOut],
]

const match = matcher(CONSOLE_ROUTES)

/** Does what was kept, as its own route would: with its right, for who is here now. */
const confirm = async (visit: Visit): Promise<void> => {
  const confirmed = await takeConfirmed(visit)
  if (confirmed === null) {
    return
  }
  const matched = match(true, confirmed.path)
  if (matched === null) {
    throw new AppError('form_expired', `no form goes to ${confirmed.path} any more`)
  }
  await matched.route[4](visitAgain(visit, matched, confirmed))
}

const ASSET = /^\/assets\/[^/]+$/

/** The console; anything that it does not know is no page. */
export const consoleRoutes =
  (console: Console): Middleware =>
  async (context) => {
    const ctx = context as unknown as Context
    const method = ctx.method === 'HEAD' ? 'GET' : ctx.method
    if (method === 'GET' && ASSET.test(ctx.path)) {
      sendAsset(ctx, console.site)
      return
    }
    if (method === 'GET' && ctx.path === '/') {
      seeOther(ctx, CONSOLE_PATH) // Where the console has a host of its own.
      return
    }
    const outer = OUTER_ROUTES.find(([of, path]) => of === method && path === ctx.path)
    if (outer !== undefined) {
      await outer[2](ctx, console)
      return
    }
    if (!(await dispatch(ctx, console, match))) {
      throw new AppError('not_found', `no page of the console at ${ctx.path}`)
    }
  }
