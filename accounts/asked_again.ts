import type { Account } from './account.ts'
import { browserFamily } from './browser_family.ts'
import { presentedBrowser } from './lane.ts'
import type { AuditEntry, Deps, Device, Origin } from './ports.ts'

/** The browser before us, as far as it is known. */
interface Here {
  /** Null: its cookie is unknown. */
  readonly browserId: string | null
  readonly browser: string
  readonly system: string
}

const wasSeenAgain = ({ lastSeenAt, addedAt }: Device): boolean => lastSeenAt > addedAt

/** A device that this browser may be, but for a cookie that never came back. */
const isLookalike = ({ browserId, browser, system }: Here, device: Device): boolean =>
  device.browserId !== browserId &&
  device.browserName === browser &&
  device.systemName === system &&
  !wasSeenAgain(device)

/**
 * Whether a browser seems to lose its cookie: a device like it was added and has not been seen
 * since, and the PIN that was typed last was typed later, in a browser that was neither that device
 * nor this one, nor one that is known to keep its cookie. Whoever adds two computers one after the
 * other, or has not added this one, is told nothing.
 */
export const isAskedAgain = (
  here: Here,
  devices: readonly Device[],
  lastPin: Pick<AuditEntry, 'atMs' | 'browserId'> | undefined,
): boolean =>
  lastPin !== undefined &&
  lastPin.browserId !== here.browserId &&
  !devices.some((device) => device.browserId === lastPin.browserId && wasSeenAgain(device)) &&
  devices.some(
    (device) =>
      isLookalike(here, device) &&
      lastPin.browserId !== device.browserId &&
      lastPin.atMs > device.addedAt,
  )

/** The same of the browser of this request. */
export const askedAgain = async (
  deps: Deps,
  { sub }: Account,
  origin: Origin,
): Promise<boolean> => {
  const presented = await presentedBrowser(deps, origin)
  const { browser, system } = browserFamily(origin.userAgent)
  const browserId = presented.kind === 'unknown' ? null : presented.browserId
  const here: Here = { browserId, browser, system }
  const devices = await deps.store.devices.list(sub)
  if (!devices.some((device) => isLookalike(here, device))) {
    return false
  }
  const [lastPin] = await deps.store.audit.list({ sub, act: 'pin_right' }, 1)
  return isAskedAgain(here, devices, lastPin)
}
