import { pinOwner } from '../accounts/verify_pin.ts'
import { EVERYBODY } from '../policies/admin_rights.ts'
import { loadSettings } from '../provider/settings.ts'
import { openCore } from '../provider/wire.ts'
import { ADMINISTRATOR } from './sample_administrator.ts'

/**
 * A process of the demonstration, run at each start: gives the sample administrator a PIN where
 * there is none, and the role anew, so that the PIN will do however old the data folder is.
 */
async function setUpAdministrator(): Promise<void> {
  const loaded = loadSettings({ env: process.env, cwd: process.cwd() })
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
  const { deps, close } = await openCore(loaded.settings)
  try {
    const { identifier, pin } = ADMINISTRATOR
    const account = await deps.store.accounts.byIdentifier(identifier)
    if (account === null) throw new Error(`nobody has the identifier ${identifier}`)
    const { sub } = account
    const lane = { known: true, key: 'demo' }
    const sealed = account.pin === null ? await deps.hasher.hash(pin, pinOwner(sub), lane) : null
    const nowMs = deps.clock()
    await deps.store.transact(async ({ accounts, roles }) => {
      if (sealed !== null) {
        await accounts.setPin(sub, {
          sealed,
          origin: 'chosen',
          setAt: nowMs,
          length: pin.length,
          blockedAt: null,
        })
        await accounts.setProtection(sub, 'pin')
      }
      const role = { role: 'identity_admin', scope: EVERYBODY } as const
      await roles.grant({ sub, ...role, grantedAt: nowMs, grantedBy: 'demo' })
    })
  } finally {
    await close()
  }
}

await setUpAdministrator()
