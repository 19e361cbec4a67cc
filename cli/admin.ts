import { administratorsLeft, inviteAdministrator } from '../accounts/administrators.ts'
import { type Command, type Context, EXIT, type Exit } from './command.ts'

/**
 * A code for the first administrator. Whoever runs this has the machine, and with it everything;
 * where there are administrators already, it is said so, and wanted nevertheless.
 */
const invite = async ({ values, out, by, core }: Context): Promise<Exit> => {
  const { deps, consoleOrigin } = await core()
  const administrators = await administratorsLeft(deps.store)
  if (administrators > 0 && values['recover'] !== true) {
    const message = `there are identity administrators already (${administrators}): one of them can give the role to somebody. If none of them can come in, run this again with --recover`
    out.problem({ where: 'admin invite', message })
    out.data({ ok: false, administrators })
    return EXIT.refused
  }
  const { code, expiresAt } = await inviteAdministrator(deps, by)
  const address = `${consoleOrigin}/admin/invite`
  const until = new Date(expiresAt).toISOString()
  out.line(`Code: ${code}`)
  out.line(`To be typed within 15 minutes at ${address}`)
  out.data({ ok: true, code, address, expires_at: until })
  return EXIT.ok
}

export const adminInvite: Command = {
  name: 'admin invite',
  usage: '[--recover]',
  summary: 'prints a one-time code that makes an identity administrator',
  options: { recover: { type: 'boolean' } },
  positionals: [0, 0],
  run: invite,
}
