import { otpPinOwner, putInService } from '../accounts/otp_key.ts'
import type { Deps } from '../accounts/ports.ts'
import { loadSettings } from '../provider/settings.ts'
import { openCore } from '../provider/wire.ts'
import { type SampleKey, sampleKeys } from './sample_keys.ts'

/**
 * A process of the demonstration, run once after the keys were imported and assigned: puts those in
 * service that are said to be so, since nobody waits for two codes of each at a start. What was
 * done with a key meanwhile stays. Throws when one is not where it belongs.
 */
async function setUpKeys(): Promise<void> {
  const loaded = loadSettings({ env: process.env, cwd: process.cwd() })
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
  const core = await openCore(loaded.settings)
  try {
    for (const sample of sampleKeys()) await setUpKey(core.deps, sample)
  } finally {
    await core.close()
  }
}

async function setUpKey(deps: Deps, sample: SampleKey): Promise<void> {
  const { serial, identifier, pin } = sample
  const holder = await deps.store.accounts.byIdentifier(identifier)
  const key = await deps.store.otpKeys.find(serial)
  if (holder === null || key === null || key.sub !== holder.sub) {
    throw new Error(
      `the key ${serial} does not belong to ${identifier}: begin afresh, without the data folder`,
    )
  }
  // Used before: what has become of it since, by its holder or an administrator, stays.
  if (pin === null || key.state !== 'assigned' || key.lastUsedAt !== null) return
  const lane = { known: true, key: 'demo' }
  const sealed = await deps.hasher.hash(pin, otpPinOwner(serial), lane)
  const nowMs = deps.clock()
  const changed = putInService(key, nowMs, { sealed, length: pin.length, setAt: nowMs })
  if (!changed.ok) throw new Error(`the key ${serial} is ${changed.state}`)
  await deps.store.transact(async ({ otpKeys, accounts }) => {
    await otpKeys.save(changed.key)
    // The key is all that its holder wants: else the first sign-in would offer a PIN beside it.
    if (holder.protection === null) await accounts.setProtection(holder.sub, 'none')
  })
}

await setUpKeys()
