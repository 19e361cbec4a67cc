import { fullName, identifierKey } from '../accounts/account.ts'
import { type KeyPosition, resyncKey, testKey } from '../accounts/desk_codes.ts'
import {
  assignKey,
  type DeskKeyResult,
  type KeyRefusal,
  lendKey,
  reopenKey,
  reportKeyLost,
  resetKeyPin,
  unblockKey,
  withdrawKey,
} from '../accounts/desk_keys.ts'
import { limitsOf } from '../accounts/desk_limits.ts'
import { AppError } from '../accounts/errors.ts'
import { type OtpKey, type OtpKeyState, stateNow } from '../accounts/otp_key.ts'
import { hasRight, scopeOf } from '../policies/admin_rights.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { instant, type KeyHere, keyOf, keyPath } from './key_path.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'
import { forbiddenHere, personPath } from './whom.ts'

type Model = ConsolePages['console/keys_key']
type Told = NonNullable<Model['told']>

const CANDIDATES_SHOWN = 10

interface Act {
  readonly from: readonly OtpKeyState[]
  readonly asksFirst: boolean
  readonly run: (visit: Visit, serial: string) => Promise<DeskKeyResult>
}

const HANDLES = 'handle_keys'

const atKey = ({ console: { site }, by }: Visit, serial: string) =>
  [site.deps, serial, by, limitsOf(site.deps, by, HANDLES)] as const

const BOUND = ['assigned', 'activation_closed', 'in_service', 'blocked'] as const

/** What can be done with a key, in order, and in which state it is offered. */
const ACTS: Readonly<Record<string, Act>> = {
  unblock: {
    from: ['blocked'],
    asksFirst: false,
    run: (visit, serial) => unblockKey(...atKey(visit, serial)),
  },
  reopen: {
    from: ['activation_closed'],
    asksFirst: false,
    run: (visit, serial) => reopenKey(...atKey(visit, serial)),
  },
  reset_pin: {
    from: ['in_service', 'blocked'],
    asksFirst: true,
    run: (visit, serial) => resetKeyPin(...atKey(visit, serial)),
  },
  withdraw: {
    from: [...BOUND, 'lost'],
    asksFirst: true,
    run: (visit, serial) => withdrawKey(...atKey(visit, serial)),
  },
  lost: {
    from: ['in_stock', ...BOUND],
    asksFirst: true,
    run: ({ console: { site }, by }, serial) =>
      reportKeyLost(site.deps, site.endEverything, serial, by, limitsOf(site.deps, by, HANDLES)),
  },
}

/** In no hands, or in unknown ones: nobody is at the desk with it. */
const NOT_AT_DESK: readonly OtpKeyState[] = ['lost', 'withdrawn']
const GIVEN_FROM: readonly OtpKeyState[] = ['in_stock', 'withdrawn']

const MOMENTS = [
  'assignedAt',
  'firstUseBy',
  'loanUntil',
  'inServiceAt',
  'lastUsedAt',
  'addedAt',
] as const

const stateOf = (visit: Visit, key: OtpKey): OtpKeyState =>
  stateNow(key, visit.console.site.deps.clock())

/** Those whom this administrator reaches, by name or identifier. */
const candidatesFor = async (visit: Visit, text: string): Promise<Model['candidates']> => {
  if (text === '') {
    return null
  }
  const filter = { text, scope: scopeOf(visit.who) }
  const { people } = await visit.console.lists.people.page(filter, null, CANDIDATES_SHOWN)
  return people.map(({ sub, givenName, familyName, identifier, userType, hasOtpKeys }) => ({
    ...{ sub, identifier, userType, hasOtpKeys },
    name: `${givenName} ${familyName}`,
  }))
}

const noActsOf = (visit: Visit, { forbidden }: KeyHere): string | null =>
  hasRight(visit.who.role, 'handle_keys') ? forbidden : 'no_right'

const momentsOf = (key: OtpKey, state: OtpKeyState): Model['moments'] =>
  MOMENTS.flatMap((name) => {
    const isPast = name === 'firstUseBy' && state !== 'assigned'
    const at = instant(key[name])
    return at === null || isPast ? [] : [{ name, at }]
  })

const modelOf = async (
  visit: Visit,
  here: KeyHere,
  told: Told | null,
  errors: readonly ConsoleError[],
): Promise<Model> => {
  const { key, holder } = here
  const state = stateOf(visit, key)
  const noActs = noActsOf(visit, here)
  const path = keyPath(key.serial)
  const isAtDesk = noActs === null && !NOT_AT_DESK.includes(state)
  const assigns = noActs === null && key.source === 'hardware' && GIVEN_FROM.includes(state)
  const looked = (visit.query['q'] ?? '').trim().slice(0, 100)
  const acts = Object.entries(ACTS).filter(([, { from }]) => from.includes(state))
  return {
    ...{ serial: key.serial, path, state, errors, told, noActs, assigns, looked },
    ...{ source: key.source, kind: key.kind, digits: key.digits },
    scanned: '',
    holder: holder === null ? null : { name: fullName(holder), href: personPath(holder.sub) },
    moments: here.forbidden === 'outside_scope' ? [] : momentsOf(key, state),
    acts:
      noActs === null
        ? acts.map(([name, { asksFirst }]) => ({ name, asksFirst, href: `${path}/acts/${name}` }))
        : [],
    tests: isAtDesk,
    resyncs: isAtDesk,
    receiptHref: holder !== null && state !== 'lost' ? `${path}/receipt` : null,
    candidates: assigns ? await candidatesFor(visit, looked) : null,
  }
}

const sendKey = async (
  visit: Visit,
  here: KeyHere,
  {
    told = null,
    errors = [],
    status = 200,
  }: { told?: Told | null; errors?: readonly ConsoleError[]; status?: number } = {},
): Promise<void> =>
  sendConsolePage(visit, 'console/keys_key', await modelOf(visit, here, told, errors), { status })

/** `GET /admin/keys/:serial` */
export const showKey = async (visit: Visit): Promise<void> => sendKey(visit, await keyOf(visit))

/** Told of a key as of what else an administrator does not reach. */
const REACH: readonly string[] = ['outside_scope', 'role_holder', 'oneself', 'no_right']

/** The key as it is now, with what an act or a code has come to. */
const sayNow = async (visit: Visit, told: Told, status: number): Promise<void> =>
  sendKey(visit, await keyOf(visit), { told, status })

const refusalOf = (refusal: KeyRefusal): Told => {
  const reason = refusal.reason === 'forbidden' ? refusal.why : refusal.reason
  const place = REACH.includes(reason) ? 'no_acts' : 'refused'
  return { key: `console.keys.${place}.${reason}`, tone: 'error' }
}

/** Throws, or answers, where this administrator must not act on the key's holder. */
const mayHandle = async (visit: Visit, here: KeyHere): Promise<boolean> => {
  if (here.forbidden === null) {
    return true
  }
  const key = `console.keys.no_acts.${here.forbidden}`
  await sendKey(visit, here, { told: { key, tone: 'error' }, status: 403 })
  return false
}

const actNamed = (visit: Visit): { readonly name: string; readonly act: Act } => {
  const name = visit.params['act'] ?? ''
  const act = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined
  if (act === undefined) {
    throw new AppError('not_found', 'nothing of this name can be done with a key')
  }
  return { name, act }
}

/** `GET /admin/keys/:serial/acts/:act` */
export const askKeyAct = async (visit: Visit): Promise<void> => {
  const here = await keyOf(visit)
  const { name, act } = actNamed(visit)
  if (!(await mayHandle(visit, here))) {
    return
  }
  const path = keyPath(here.key.serial)
  if (!act.asksFirst) {
    await goTo(visit, path)
    return
  }
  await sendConsolePage(visit, 'console/keys_one', {
    serial: here.key.serial,
    path,
    act: name,
    action: `${path}/acts/${name}`,
    holderName: here.holder === null ? null : fullName(here.holder),
  })
}

/** `POST /admin/keys/:serial/acts/:act` */
export const doKeyAct = async (visit: Visit): Promise<void> => {
  const here = await keyOf(visit)
  const { name, act } = actNamed(visit)
  if (!(await mayHandle(visit, here))) {
    return
  }
  const { serial } = here.key
  const result = await act.run(visit, serial)
  if (!result.ok) {
    return sayNow(visit, refusalOf(result), 409)
  }
  await goTo(visit, keyPath(serial), { key: `console.keys.done.${name}`, params: { serial } })
}

/** `POST /admin/keys/:serial/assign`: to keep, or for a day. */
export const giveKey = async (visit: Visit): Promise<void> => {
  const here = await keyOf(visit)
  const { form, console, by } = visit
  const { deps } = console.site
  const { serial } = here.key
  if (!(await mayHandle(visit, here))) {
    return
  }
  const identifier = form.text('identifier')
  const account = await deps.store.accounts.byIdentifier(identifierKey(identifier))
  const why = account === null ? 'outside_scope' : await forbiddenHere(visit, account)
  if (account === null || why === 'outside_scope') {
    const error = { field: 'identifier', key: 'console.keys.errors.unknown_person' }
    return sendKey(visit, here, { errors: [error], status: 422 })
  }
  if (why !== null) {
    const error = { field: 'identifier', key: `console.keys.no_acts.${why}` }
    return sendKey(visit, here, { errors: [error], status: 422 })
  }
  const lends = form.text('how') === 'lend'
  const give = lends ? lendKey : assignKey
  const result = await give(deps, serial, account.sub, by, limitsOf(deps, by, HANDLES))
  if (!result.ok) {
    return sayNow(visit, refusalOf(result), 409)
  }
  const params = { serial, name: fullName(account) }
  const key = lends ? 'console.keys.done.lend' : 'console.keys.done.assign'
  await goTo(visit, keyPath(serial), { key, params })
}

/** Nearer than this a clock is called right: one code tells no more of it. */
const SECONDS_OUT_MIN = 1

const positionTold = (position: KeyPosition, test: boolean): Told => {
  const what = test ? 'tested' : 'resynced'
  if (position.kind === 'hotp') {
    const params = { counter: position.counter }
    return { key: `console.keys.${what}.counter`, params, tone: 'done' }
  }
  const seconds = Math.round(position.aheadMs / 1000)
  const way = seconds > 0 ? 'ahead' : 'behind'
  const word = Math.abs(seconds) < SECONDS_OUT_MIN ? 'right' : way
  const params = { seconds: Math.abs(seconds) }
  return { key: `console.keys.${what}.${word}`, params, tone: 'done' }
}

const CODE_REFUSALS: readonly string[] = ['wrong_code', 'needs_two_codes', 'not_in_a_row']

type Judged = Awaited<ReturnType<typeof testKey>> | Awaited<ReturnType<typeof resyncKey>>

const sayJudged = async (
  visit: Visit,
  result: Judged,
  { test, field }: { readonly test: boolean; readonly field: string },
): Promise<void> => {
  if (result.ok) {
    return sayNow(visit, positionTold(result.position, test), 200)
  }
  if (CODE_REFUSALS.includes(result.reason)) {
    const at = result.reason === 'not_in_a_row' ? 'second' : field
    const error = { field: at, key: `console.keys.errors.${result.reason}` }
    return sendKey(visit, await keyOf(visit), { errors: [error], status: 422 })
  }
  await sayNow(visit, refusalOf(result as KeyRefusal), 409)
}

/** `POST /admin/keys/:serial/test` */
export const testHere = async (visit: Visit): Promise<void> => {
  const here = await keyOf(visit)
  if (!(await mayHandle(visit, here))) {
    return
  }
  const { form, by } = visit
  const { deps } = visit.console.site
  const limits = limitsOf(deps, by, 'test_keys')
  const result = await testKey(deps, here.key.serial, form.digits('code'), by, limits)
  await sayJudged(visit, result, { test: true, field: 'code' })
}

/** `POST /admin/keys/:serial/resync` */
export const resyncHere = async (visit: Visit): Promise<void> => {
  const here = await keyOf(visit)
  if (!(await mayHandle(visit, here))) {
    return
  }
  const { form, by } = visit
  const { deps } = visit.console.site
  const codes = { first: form.digits('first'), second: form.digits('second') }
  const limits = limitsOf(deps, by, HANDLES)
  const result = await resyncKey(deps, here.key.serial, codes, by, limits)
  await sayJudged(visit, result, { test: false, field: 'first' })
}

/** `GET /admin/keys/:serial/receipt`: to be printed and signed by whoever got it. */
export const showReceipt = async (visit: Visit): Promise<void> => {
  const { key, holder } = await keyOf(visit)
  const { clock } = visit.console.site.deps
  if (holder === null || key.assignedAt === null) {
    throw new AppError('not_found', 'nobody whom they reach has this key')
  }
  await sendConsolePage(visit, 'console/keys_receipt', {
    serial: key.serial,
    path: keyPath(key.serial),
    personName: fullName(holder),
    identifier: holder.identifier,
    assignedAt: new Date(key.assignedAt).toISOString(),
    firstUseBy: stateOf(visit, key) === 'assigned' ? instant(key.firstUseBy) : null,
    loanUntil: instant(key.loanUntil),
    printedAt: new Date(clock()).toISOString(),
  })
}
