import { inNetworks } from './network.ts'
import type { DeviceState } from './next_step.ts'
import { effectiveProtection, type Policy, type Protection } from './policy.ts'

const DAY_MS = 24 * 3_600_000

interface DeviceFacts {
  readonly addedAt: number
  /** What was proved when it was added. `notification` spares the notice, never a PIN. */
  readonly addedUnder: 'pin' | 'notification'
}

/** The fixed end of a device (ms): counted from its addition, whatever its use. */
export const deviceEnd = (device: Pick<DeviceFacts, 'addedAt'>, policy: Policy): number =>
  device.addedAt + policy.devices.lifetime_days * DAY_MS

/** What one browser is for one person, here and now. */
export const deviceState = (
  device: DeviceFacts | null,
  policy: Policy,
  chosen: Protection | null,
  hasPin: boolean,
  address: string,
  nowMs: number,
): DeviceState => {
  const mayAdd = policy.devices.trust && !inNetworks(address, policy.devices.untrusted_networks)
  const spares =
    device !== null &&
    (device.addedUnder === 'pin' || effectiveProtection(policy, chosen, hasPin) !== 'pin')
  return { recognised: mayAdd && spares && nowMs < deviceEnd(device, policy), mayAdd }
}
