import {
  type Account,
  fullName,
  mailAddress,
  type PasswordRecord,
  pinState,
} from '../accounts/account.ts'
import { type OtpKey, stateNow } from '../accounts/otp_key.ts'
import { holidaysOf } from '../accounts/password_due.ts'
import { type PasswordStanding, passwordStanding } from '../accounts/password_states.ts'
import { whyNoPin } from '../accounts/pin_act.ts'
import type { Device } from '../accounts/ports.ts'
import { noticeRow } from '../interactions/notice_row.ts'
import type { OpenSession } from '../interactions/site.ts'
import { hasRight } from '../policies/admin_rights.ts'
import { deviceEnd } from '../policies/device_trust.ts'
import { lapsesAt, lastMoment } from '../policies/password_age.ts'
import { effectiveProtection, type Policy, type PolicySet, policyFor } from '../policies/policy.ts'
import type { ConsoleMessage, ConsolePages } from '../views/console/pages.ts'
import type { PersonAct } from '../views/console/person.ts'
import { sendConsolePage, type Visit } from './visit.ts'
import { forbiddenHere, isWithinReach, personOf, personPath, whom } from './whom.ts'

type Model = ConsolePages['console/people_person']

const NOTICES_SHOWN = 10
const ENTRIES_SHOWN = 15
const RELATIVES_SHOWN = 20

const instant = (timeMs: number | null): string | null =>
  timeMs === null ? null : new Date(timeMs).toISOString()

/** Everything that is read of somebody for their page. */
interface Read {
  readonly account: Account
  readonly policies: PolicySet
  readonly policy: Policy
  readonly standing: PasswordStanding
  readonly passwordEnds: number | null
  readonly devices: readonly Device[]
  readonly sessions: readonly OpenSession[]
  readonly keys: readonly OtpKey[]
  readonly nowMs: number
}

/** When a password ends by itself; null: never, or it has already. */
const endOf = async (
  { console }: Visit,
  account: Account,
  policy: Policy,
  { state }: PasswordStanding,
): Promise<number | null> => {
  const password: PasswordRecord | null = account.password
  if (password === null || state === 'void' || state === 'lapsed' || state === 'expired') {
    return null
  }
  return password.origin === 'personal'
    ? lastMoment(password, policy, await holidaysOf(console.site.deps, account))
    : lapsesAt(password.setAt, policy)
}

const read = async (visit: Visit, account: Account): Promise<Read> => {
  const { site } = visit.console
  const { store, clock } = site.deps
  const policies = await store.policies.current()
  const policy = policyFor(policies, account)
  const standing = await passwordStanding(site.deps, account, policy)
  const [devices, sessions, keys, passwordEnds] = await Promise.all([
    store.devices.list(account.sub),
    site.sessionsOf(account.sub),
    store.otpKeys.ofPerson(account.sub),
    endOf(visit, account, policy, standing),
  ])
  const nowMs = clock()
  const trusted = devices.filter((device) => nowMs < deviceEnd(device, policy))
  return {
    ...{ account, policies, policy, standing, passwordEnds, sessions, nowMs },
    devices: trusted,
    keys: keys.filter((key) => stateNow(key, nowMs) !== 'in_stock'),
  }
}

const protectionOf = ({ account, policy }: Read) =>
  effectiveProtection(policy, account.protection, account.pin !== null) ?? 'unchosen'

const USABLE_KEYS: readonly string[] = ['in_service', 'assigned']

/** Why somebody cannot sign in, or not everywhere. */
const WHY_NOT: readonly (readonly [code: string, holds: (read: Read) => boolean])[] = [
  ['disabled', ({ account }) => account.disabledAt !== null],
  [
    'no_way_in',
    ({ account, keys, nowMs }) =>
      account.password === null && !keys.some((key) => USABLE_KEYS.includes(stateNow(key, nowMs))),
  ],
  ['password_void', ({ standing }) => standing.state === 'void'],
  ['password_lapsed', ({ standing }) => standing.state === 'lapsed'],
  ['pin_blocked', (one) => pinState(one.account.pin) === 'blocked' && protectionOf(one) === 'pin'],
  ['key_blocked', ({ keys, nowMs }) => keys.some((key) => stateNow(key, nowMs) === 'blocked')],
]

interface Offer {
  readonly name: string
  readonly asksFirst: boolean
  readonly isOffered: (read: Read, visit: Visit) => boolean
}

const serves = ({ account }: Read): boolean =>
  account.password !== null && account.password.voidedAt === null

/** What can be done to one person, in order; each where it would change something. */
const OFFERS: readonly Offer[] = [
  {
    name: 'unblock_pin',
    asksFirst: false,
    isOffered: ({ account }) => account.disabledAt === null && pinState(account.pin) === 'blocked',
  },
  {
    name: 'new_pin',
    asksFirst: true,
    isOffered: ({ account, policies }, { console }) =>
      whyNoPin(account, { deps: console.site.deps, policies, options: {} }) === null,
  },
  {
    name: 'force_change',
    asksFirst: false,
    isOffered: (one) =>
      serves(one) &&
      one.account.disabledAt === null &&
      one.account.password?.origin === 'personal' &&
      !one.account.password.mustChange,
  },
  {
    name: 'temporary_password',
    asksFirst: true,
    isOffered: ({ account }) =>
      account.disabledAt === null && (account.password !== null || !account.hasOtpKeys),
  },
  { name: 'forget_devices', asksFirst: true, isOffered: ({ devices }) => devices.length > 0 },
  { name: 'end_sessions', asksFirst: true, isOffered: ({ sessions }) => sessions.length > 0 },
  { name: 'void_password', asksFirst: true, isOffered: serves },
  { name: 'disable', asksFirst: true, isOffered: ({ account }) => account.disabledAt === null },
  { name: 'enable', asksFirst: false, isOffered: ({ account }) => account.disabledAt !== null },
]

const actsFor = (visit: Visit, one: Read, noActs: string | null): PersonAct[] => {
  const { sub } = one.account
  if (noActs !== null) {
    return []
  }
  const acts = OFFERS.filter(({ isOffered }) => isOffered(one, visit)).map(
    ({ name, asksFirst }) => ({ name, asksFirst, href: `${personPath(sub)}/acts/${name}` }),
  )
  const erase = { name: 'erase', asksFirst: true, href: `${personPath(sub)}/erase` }
  return hasRight(visit.who.role, 'erase_people') ? [...acts, erase] : acts
}

/** Whom a guardian answers for, or who answers for a pupil: those whom this administrator reaches. */
const linksTo = async (visit: Visit, accounts: readonly (Account | null)[]) => {
  const links: { name: string; href: string }[] = []
  for (const account of accounts) {
    if (account !== null && (await isWithinReach(visit, account))) {
      links.push({ name: fullName(account), href: personPath(account.sub) })
    }
  }
  return links
}

const relativesOf = async (visit: Visit, { children, externalId }: Account) => {
  const { accounts } = visit.console.site.deps.store
  const some = children.slice(0, RELATIVES_SHOWN)
  const found = await Promise.all(some.map((child) => accounts.byExternalId(child)))
  const guardians =
    externalId === null ? [] : await accounts.guardiansOf(externalId, RELATIVES_SHOWN)
  return { children: await linksTo(visit, found), guardians: await linksTo(visit, guardians) }
}

/** Names a session on its owner's page; the session's own name stays with us. */
export const sessionRow = ({ console }: Visit, uid: string): string =>
  console.site.deps.digest('console session row', uid)

const toldOf = async (visit: Visit, sub: string) => {
  const { store } = visit.console.site.deps
  const notices = await store.notices.list(sub, NOTICES_SHOWN)
  const mayRead = hasRight(visit.who.role, 'see_audit')
  const entries = mayRead ? await store.audit.list({ sub }, ENTRIES_SHOWN) : null
  return {
    notices: notices.map(noticeRow),
    history:
      entries?.map(({ atMs, act, outcome }) => ({
        at: new Date(atMs).toISOString(),
        act,
        refused: outcome === 'refused',
      })) ?? null,
  }
}

const rowsOf = (visit: Visit, one: Read) => {
  const { account, devices, sessions, keys, nowMs } = one
  const path = personPath(account.sub)
  const { applications } = visit.console.site
  return {
    devices: devices.map(({ id, name, browserName, systemName, lastSeenAt }) => ({
      ...{ name, browser: browserName, system: systemName },
      lastSeenAt: new Date(lastSeenAt).toISOString(),
      forget: `${path}/devices/${encodeURIComponent(id)}/forget`,
    })),
    sessions: sessions.map(({ uid, signedInAt, clientIds, from }) => ({
      browser: from?.browser ?? '',
      system: from?.system ?? '',
      network: from?.network ?? '',
      startedAt: new Date(signedInAt).toISOString(),
      applications: clientIds.map((id) => applications.get(id)?.name ?? id),
      end: `${path}/sessions/${sessionRow(visit, uid)}/end`,
    })),
    keys: keys.map((key) => ({
      serial: key.serial,
      source: key.source,
      state: stateNow(key, nowMs),
      href: `/admin/keys/${encodeURIComponent(key.serial)}`,
    })),
  }
}

/** States in which the next sign-in asks for a new password. */
const TO_CHANGE: readonly string[] = ['initial', 'temporary', 'must_change', 'expired']

const modelOf = async (
  visit: Visit,
  account: Account,
  refused: ConsoleMessage | null,
): Promise<Model> => {
  const one = await read(visit, account)
  const { standing, passwordEnds } = one
  const forbidden = await forbiddenHere(visit, account)
  const noActs = hasRight(visit.who.role, 'act_on_people') ? forbidden : 'no_right'
  return {
    ...whom(account),
    ...rowsOf(visit, one),
    ...(await relativesOf(visit, account)),
    ...(await toldOf(visit, account.sub)),
    externalId: account.externalId,
    userType: account.userType,
    establishments: account.establishments,
    classes: account.classes,
    address: mailAddress(account),
    role: account.role,
    disabledAt: instant(account.disabledAt),
    cannot: WHY_NOT.flatMap(([code, holds]) => (holds(one) ? [code] : [])),
    protection: protectionOf(one),
    pin: pinState(account.pin),
    password: {
      state: standing.state,
      since: instant(standing.since),
      until: instant(passwordEnds),
      toChange: TO_CHANGE.includes(standing.state),
    },
    historyHref: `/admin/audit?person=${encodeURIComponent(account.identifier)}`,
    simulatorHref: `/admin/simulator?person=${encodeURIComponent(account.sub)}`,
    acts: actsFor(visit, one, noActs),
    noActs,
    refused,
  }
}

export const sendPerson = async (
  visit: Visit,
  account: Account,
  { refused = null, status = 200 }: { refused?: ConsoleMessage | null; status?: number } = {},
): Promise<void> => {
  const model = await modelOf(visit, account, refused)
  await sendConsolePage(visit, 'console/people_person', model, { status })
}

/** `GET /admin/people/:sub` */
export const showPerson = async (visit: Visit): Promise<void> =>
  sendPerson(visit, await personOf(visit))
