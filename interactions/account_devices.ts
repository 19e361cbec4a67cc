import { presentedDevice } from '../accounts/devices.ts'
import type { Device } from '../accounts/ports.ts'
import { forgetDevice, forgetDevices } from '../accounts/protect_account.ts'
import { deviceEnd } from '../policies/device_trust.ts'
import type { DeviceRow } from '../views/pages.ts'
import {
  type AccountPage,
  buttonOf,
  done,
  type Outcome,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import type { Fields } from './form.ts'
import { COOKIE_HELP_PATH } from './page.ts'

const FORGET = 'forget'
const FORGET_ALL = 'forget_all'

const rowOf = (device: Device, hereId: string | undefined): DeviceRow => ({
  id: device.id,
  name: device.name,
  browser: device.browserName,
  system: device.systemName,
  addedAt: new Date(device.addedAt).toISOString(),
  lastSeenAt: new Date(device.lastSeenAt).toISOString(),
  here: device.id === hereId,
})

/** Those past their end spare nothing any more, and wait for the purge only. */
const rowsOf = async ({ site: { deps }, account, policy, origin }: Visit): Promise<DeviceRow[]> => {
  const nowMs = deps.clock()
  const devices = await deps.store.devices.list(account.sub)
  const here = await presentedDevice(deps.store, origin, account.sub)
  return devices
    .filter((device) => nowMs < deviceEnd(device, policy))
    .map((device) => rowOf(device, here?.id))
}

/** A device that was just forgotten is not offered again in the sign-in that did it. */
const answerOffer = ({ site, sessionUid, account: { sub } }: Visit): Promise<void> =>
  site.keep(sessionUid, sub, { device: { sub, atMs: site.deps.clock() } })

const forget = async (visit: Visit, fields: Fields): Promise<Outcome> => {
  await forgetDevice(visit.site.deps, visit.account, fields.text('device'), visit.origin)
  await answerOffer(visit)
  return done('devices', 'device_forgotten')
}

const forgetAll = async (visit: Visit): Promise<Outcome> => {
  await forgetDevices(visit.site.deps, visit.account, visit.origin)
  await answerOffer(visit)
  return done('devices', 'devices_forgotten')
}

/** `/account/devices`: the browsers that this person added. */
export const devicesPage: AccountPage = {
  section: 'devices',
  show: async (visit, frame) =>
    sendAccountPage(visit, 'account_devices', {
      ...frame,
      devices: await rowsOf(visit),
      forget: buttonOf(visit, 'devices', FORGET),
      forgetAll: buttonOf(visit, 'devices', FORGET_ALL),
      cookieHelpHref: COOKIE_HELP_PATH,
    }),
  forms: { [FORGET]: forget, [FORGET_ALL]: forgetAll },
}
