import { createHash } from 'node:crypto'
import { deviceState } from '../policies/device_trust.ts'
import { truncateNetwork } from '../policies/network.ts'
import type { DeviceState } from '../policies/next_step.ts'
import { effectiveProtection, type Policy } from '../policies/policy.ts'
import { type Account, isProtectedAlike } from './account.ts'
import { auditEntry, randomId } from './audit.ts'
import { browserFamily } from './browser_family.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Device, Origin, Tables } from './ports.ts'

const TOKEN_BYTES = 32
const DAY_MS = 24 * 3_600_000
/** A form sent twice, by a double click or for want of an answer, adds one device. */
const SAME_ADDITION_MS = 60_000

/** What the browser keeps is random; the store keeps its SHA-256 only. */
export const tokenHash = (token: string): string =>
  createHash('sha256').update(token).digest('base64url')

const mintToken = (
  deps: Deps,
): { token: string; next: { tokenHash: string; browserId: string } } => {
  const token = Buffer.from(deps.random.bytes(TOKEN_BYTES)).toString('base64url')
  return { token, next: { tokenHash: tokenHash(token), browserId: randomId(deps.random) } }
}

const presentedHash = ({ deviceToken }: Origin): string | null =>
  deviceToken === null ? null : tokenHash(deviceToken)

/** What this person's device is on the browser that sent this cookie, as far as it may be believed. */
export const presentedDevice = async (
  { devices }: Pick<Tables, 'devices'>,
  origin: Origin,
  sub: string,
): Promise<Device | null> => {
  const hash = presentedHash(origin)
  return hash === null ? null : devices.recognised(hash, sub)
}

/** What this browser is for this person, here and now. */
export const deviceHere = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  origin: Origin,
  tables: Pick<Tables, 'devices'> = deps.store,
): Promise<DeviceState> =>
  deviceState(
    await presentedDevice(tables, origin, account.sub),
    policy,
    account.protection,
    account.pin !== null,
    origin.address,
    deps.clock(),
  )

/**
 * Follows a browser through a sign-in whose password was right: its cookie is used up and
 * replaced, and a copy of the cookie living elsewhere is found out. Returns the cookie to set;
 * null leaves the one there is, which a stale copy keeps until it is proved anew.
 */
export const followBrowser = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  origin: Origin,
  nowMs: number,
): Promise<{ cookie: string | null; browserId: string }> => {
  const { token, next } = mintToken(deps)
  const used = await tables.devices.use(presentedHash(origin), next, nowMs)
  if (used.kind === 'known') {
    const device = await presentedDevice(tables, origin, account.sub)
    if (device !== null) {
      await tables.devices.goodCopyUsed(used.browserId, account.sub)
      await tables.devices.seen(device.id, truncateNetwork(origin.address), nowMs)
    }
    return { cookie: token, browserId: used.browserId }
  }
  const device = await tables.devices.find(used.browserId, account.sub)
  if (device !== null && (await tables.devices.staleCopyUsed(used.browserId, account.sub, nowMs))) {
    await tables.devices.remove(device.id)
    await tell(deps, tables, account.sub, 'device_forgotten_copied', {
      params: { device: device.name, ...whence(origin) },
    })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'device_forgotten',
        sub: account.sub,
        origin,
        browserId: used.browserId,
        detail: { why: 'copied' },
      }),
    )
  }
  return { cookie: null, browserId: used.browserId }
}

/** Leaves room for one more device: the one not seen for longest goes. */
const makeRoom = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  policy: Policy,
  browserId: string,
  origin: Origin,
): Promise<void> => {
  const others = (await tables.devices.list(account.sub))
    .filter((device) => device.browserId !== browserId)
    .sort((a, b) => b.lastSeenAt - a.lastSeenAt)
  for (const device of others.slice(policy.devices.most_per_person - 1)) {
    await tables.devices.remove(device.id)
    await tell(deps, tables, account.sub, 'device_dropped', {
      params: { device: device.name, ...whence(origin) },
    })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'device_dropped',
        sub: account.sub,
        origin,
        browserId: device.browserId,
        detail: { why: 'most_per_person' },
      }),
    )
  }
}

/** The device as the same form, sent a moment ago, has added it. */
const justAdded = async (
  { devices }: Tables,
  { browserId, sub, addedAt, addedUnder }: Device,
): Promise<Device | null> => {
  const former = await devices.find(browserId, sub)
  const same = former?.addedUnder === addedUnder && addedAt - former.addedAt < SAME_ADDITION_MS
  return same ? former : null
}

/**
 * Adds this browser to the person's recognised devices; the caller has checked that it may be, and
 * nothing is added where that rested on what is no longer so. Returns the cookie to set, always a
 * new one, and the only one that is good for the device: whoever copied the browser's before must
 * not have it. Those before stay good for what they were, other people's devices too, which go
 * with the new one as well. Asked twice within a minute, it is one device, and both cookies are
 * good for it: nobody knows which answer the browser keeps. Null: nothing was added.
 */
export const addDevice = (
  deps: Deps,
  account: Account,
  policy: Policy,
  name: string,
  origin: Origin,
): Promise<{ cookie: string | null }> => {
  const nowMs = deps.clock()
  const { token, next } = mintToken(deps)
  const protection = effectiveProtection(policy, account.protection, account.pin !== null)
  const family = browserFamily(origin.userAgent)
  return deps.store.transact(async (tables) => {
    if (!isProtectedAlike(account, await tables.accounts.bySub(account.sub))) {
      return { cookie: null }
    }
    const browserId = await tables.devices.renew(presentedHash(origin), next, nowMs)
    const device: Device = {
      id: randomId(deps.random),
      sub: account.sub,
      browserId,
      name,
      browserName: family.browser,
      systemName: family.system,
      network: truncateNetwork(origin.address),
      addedAt: nowMs,
      lastSeenAt: nowMs,
      addedUnder: protection === 'pin' ? 'pin' : 'notification',
    }
    const same = await justAdded(tables, device)
    if (same === null) {
      await makeRoom(deps, tables, account, policy, browserId, origin)
      await tables.devices.add(device)
      await tell(deps, tables, account.sub, 'device_added', {
        params: { device: name, ...whence(origin) },
      })
      await tables.audit.append(
        auditEntry(deps, { act: 'device_added', sub: account.sub, origin, browserId }),
      )
    }
    await tables.devices.bind(same?.id ?? device.id, next.tokenHash)
    return { cookie: token }
  })
}

/** Largest lifetime that a policy may give a device: a browser keeps its cookie as long. */
export const DEVICE_LIFETIME_DAYS_MAX = 365

/** Forgets devices past the longest lifetime that any policy gives them, and cookies past use. */
export const purgeDevices = async (deps: Deps): Promise<number> => {
  const policies = Object.values(await deps.store.policies.current())
  const days = Math.max(...policies.map((policy) => policy.devices.lifetime_days))
  const nowMs = deps.clock()
  return deps.store.devices.purge({
    cookiesMs: nowMs - DEVICE_LIFETIME_DAYS_MAX * DAY_MS,
    devicesMs: nowMs - days * DAY_MS,
  })
}
