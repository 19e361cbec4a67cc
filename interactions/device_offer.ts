import { browserFamily } from '../accounts/browser_family.ts'
import { addDevice } from '../accounts/devices.ts'
import { cleanName, DEVICE_NAME_MAX, isVagueName, suggestName } from '../policies/device_name.ts'
import type { DeviceOffer, FormError } from '../views/pages.ts'
import type { Fields } from './form.ts'
import { localeOfStep, type PersonStep, setDeviceCookie } from './step.ts'

/** What the person answered to *Add this device*. */
export type DeviceAnswer =
  | { readonly kind: 'no' }
  | { readonly kind: 'yes'; readonly name: string; readonly vague: boolean }
  | { readonly kind: 'refused'; readonly error: FormError }

/** The offer as it was answered, for a page that is shown again. */
export const typedOffer = (fields: Fields): Readonly<Record<string, string>> => {
  const name = fields.text('device_name')
  return {
    ...(name === '' ? {} : { device_name: name }),
    ...(fields.ticked('remember_device') ? { remember_device: 'yes' } : {}),
  }
}

/** None where the device is recognised already, or may not be here. */
export const offerOf = (
  step: PersonStep,
  typed: Readonly<Record<string, string>> = {},
): DeviceOffer | undefined => {
  const { device } = step.situation
  if (!device.mayAdd || device.recognised) {
    return undefined
  }
  const family = browserFamily(step.origin.userAgent)
  return {
    suggestedName: suggestName(
      { browser: family.browser, os: family.system, platform: family.platform },
      localeOfStep(step),
    ),
    name: typed['device_name'],
    ticked: typed['remember_device'] === 'yes',
    vague: typed['vague_name'] === 'yes',
    lifetimeDays: step.policy.devices.lifetime_days,
  }
}

/** The tick box and the name, read before anything else is checked. */
export const readDeviceAnswer = (step: PersonStep, fields: Fields): DeviceAnswer => {
  const { device } = step.situation
  if (!fields.ticked('remember_device') || !device.mayAdd || device.recognised) {
    return { kind: 'no' }
  }
  const cleaned = cleanName(fields.text('device_name'))
  if (!cleaned.ok) {
    const code = `device_name_${cleaned.reason}` as const
    return {
      kind: 'refused',
      error: { field: 'device_name', code, params: { max: DEVICE_NAME_MAX } },
    }
  }
  return { kind: 'yes', name: cleaned.name, vague: isVagueName(cleaned.name) }
}

export const rememberDevice = async (step: PersonStep, name: string): Promise<void> => {
  const { cookie } = await addDevice(step.site.deps, step.account, step.policy, name, step.origin)
  setDeviceCookie(step, cookie)
}
