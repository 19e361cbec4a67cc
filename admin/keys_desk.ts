import { fullName } from '../accounts/account.ts'
import { OTP_KEY_STATES, type OtpKey, type OtpKeyState, stateNow } from '../accounts/otp_key.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { findKey, instant, KEYS_PATH, keyHere, keyPath } from './key_path.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'
import { personPath } from './whom.ts'

type Desk = ConsolePages['console/keys_desk']
type Listed = OtpKeyState | 'lent'

const KEYS_SHOWN = 50

/** In the order of the desk: what can be given out comes first. */
const LISTS: readonly Listed[] = [
  'in_stock',
  'assigned',
  'in_service',
  'blocked',
  'activation_closed',
  'lent',
  'lost',
  'withdrawn',
]

const isListed = (text: string | undefined): text is Listed =>
  (LISTS as readonly (string | undefined)[]).includes(text)

const isState = (listed: Listed): listed is OtpKeyState =>
  (OTP_KEY_STATES as readonly string[]).includes(listed)

const rowOf = async (visit: Visit, key: OtpKey): Promise<Desk['keys'][number]> => {
  const { holder, forbidden } = await keyHere(visit, key)
  return {
    serial: key.serial,
    href: keyPath(key.serial),
    source: key.source,
    state: stateNow(key, visit.console.site.deps.clock()),
    holder: holder === null ? null : { name: fullName(holder), href: personPath(holder.sub) },
    outOfReach: forbidden === 'outside_scope',
    until: instant(key.loanUntil ?? key.firstUseBy),
    lastUsedAt: instant(key.lastUsedAt),
  }
}

const listHref = (state: Listed, after?: string): string =>
  `${KEYS_PATH}?${new URLSearchParams({ state, ...(after === undefined ? {} : { after }) })}`

const sendDesk = async (visit: Visit, errors: readonly ConsoleError[] = []): Promise<void> => {
  const { otpKeys } = visit.console.site.deps.store
  const { state: asked, after = null, serial = '' } = visit.query
  const state = isListed(asked) ? asked : 'in_stock'
  const filter = isState(state) ? { state } : { lent: true }
  const [counts, found] = await Promise.all([
    otpKeys.count(),
    otpKeys.list(filter, after, KEYS_SHOWN + 1),
  ])
  const keys = found.slice(0, KEYS_SHOWN)
  const last = keys.at(-1)
  const model: Desk = {
    scanned: errors.length > 0 ? serial : '',
    errors,
    tabs: LISTS.map((one) => ({
      state: one,
      count: counts[one],
      href: listHref(one),
      current: one === state,
    })),
    state,
    keys: await Promise.all(keys.map((key) => rowOf(visit, key))),
    firstHref: after === null ? null : listHref(state),
    nextHref: found.length > KEYS_SHOWN && last !== undefined ? listHref(state, last.serial) : null,
  }
  await sendConsolePage(visit, 'console/keys_desk', model, {
    status: errors.length > 0 ? 404 : 200,
  })
}

/** `GET /admin/keys`; with `serial`, as a scanner sends it: on to that key. */
export const showDesk = async (visit: Visit): Promise<void> => {
  const { serial } = visit.query
  if (serial === undefined) {
    return sendDesk(visit)
  }
  const key = await findKey(visit, serial)
  if (key !== null) {
    return goTo(visit, keyPath(key.serial))
  }
  const which = serial.trim() === '' ? 'no_serial' : 'unknown_serial'
  await sendDesk(visit, [{ field: 'serial', key: `console.keys.errors.${which}` }])
}
