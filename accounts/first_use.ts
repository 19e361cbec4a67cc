import { truncateNetwork } from '../policies/network.ts'
import { newKeyCounts } from '../policies/next_step.ts'
import { judgePin, type PinRefusal } from '../policies/pin_rules.ts'
import { type Policy, policyFor } from '../policies/policy.ts'
import type { Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { type Candidate, firstUseCandidates, type Match } from './code_match.ts'
import { followBrowser } from './devices.ts'
import { type FirstUseCount, type Judged, judgeTry, settleKeys, type Try } from './judge_try.ts'
import { keepPlace } from './keep_place.ts'
import { firstUseSubjectOf, laneOfPerson, presentedBrowser } from './lane.ts'
import { tell, whence } from './notices.ts'
import { type OtpKey, type OtpKeyPin, otpPinOwner, putInService, stateNow } from './otp_key.ts'
import { renewSeal } from './otp_seed.ts'
import { knownFor } from './passcode_try.ts'
import type { Deps, Origin, Place, Tables } from './ports.ts'
import { asksPassword } from './sign_in.ts'

/** Which assignment of which key a first use belongs to: another one starts again. */
export interface Activation {
  readonly serial: string
  readonly assignedAt: number | null
  readonly firstUseBy: number | null
}

export const activationOf = ({ serial, assignedAt, firstUseBy }: OtpKey): Activation => ({
  serial,
  assignedAt,
  firstUseBy,
})

const isOf = (key: OtpKey, { serial, assignedAt, firstUseBy }: Activation): boolean =>
  key.serial === serial && key.assignedAt === assignedAt && key.firstUseBy === firstUseBy

const countedAs = (passwordProved: boolean): FirstUseCount =>
  passwordProved ? 'wrong_first_use_proved' : 'wrong_first_use'

interface Attempt {
  readonly typed: string
  readonly candidates: readonly Candidate[]
  readonly against: Try['against']
  readonly counted: FirstUseCount
}

/** One counted try with one argon2id; `done` runs in the transaction that settles it. */
const attempt = async <T>(
  deps: Deps,
  account: Account,
  { counted, ...typed }: Attempt,
  origin: Origin,
  done: (tables: Tables, judged: Judged & { readonly match: Match }) => Promise<T | null>,
): Promise<T | null> => {
  const { sub } = account
  const presented = await presentedBrowser(deps, origin)
  const lane = await laneOfPerson(deps, account, origin, presented)
  const tried: Try = {
    ...typed,
    route: 'first_use',
    account,
    subject: firstUseSubjectOf(deps, sub),
    obstacle: null,
  }
  return keepPlace(deps, lane, async (place) => {
    const judged = await judgeTry(deps, tried, origin, presented, place)
    return deps.store.transact(async (tables) => {
      await settleKeys(deps, tables, tried, judged, origin, counted)
      const { match } = judged
      const result =
        judged.right && match !== null ? await done(tables, { ...judged, match }) : null
      if (result === null) {
        const detail = { why: judged.why ?? 'activation_changed' }
        await tables.audit.append(
          auditEntry(deps, { act: 'first_use_refused', outcome: 'refused', sub, origin, detail }),
        )
      }
      return result
    })
  })
}

/**
 * The first code of a key by somebody whose password was proved: a step of a sign-in. Returns the
 * key, whose code is used up; null for every refusal.
 */
export const beginFirstUse = async (
  deps: Deps,
  account: Account,
  code: string,
  origin: Origin,
): Promise<OtpKey | null> => {
  const keys = await deps.store.otpKeys.ofPerson(account.sub)
  const candidates = firstUseCandidates(code, keys, deps.clock())
  const first = { typed: code, candidates, against: () => null, counted: countedAs(true) }
  return attempt(deps, account, first, origin, async (tables, { match, place }) => {
    // Half a proof: neither a failure nor a success of this place.
    await tables.passwordTries.release(firstUseSubjectOf(deps, account.sub), place)
    const detail = { key: match.key.serial, asks_password: false }
    await tables.audit.append(
      auditEntry(deps, { act: 'first_use_begun', sub: account.sub, origin, detail }),
    )
    return match.key
  })
}

export type KeyPinResult =
  | { readonly ok: true; readonly pin: OtpKeyPin }
  | { readonly ok: false; readonly reason: PinRefusal | 'mismatch' }

/** Whether a PIN may be that of a key of this person: as strict as for the PIN of the account. */
export const judgeKeyPin = (
  { identifier, birthDate }: Account,
  policy: Policy,
  typed: { readonly pin: string; readonly confirmation: string },
): { ok: true } | { ok: false; reason: PinRefusal | 'mismatch' } =>
  typed.pin === typed.confirmation
    ? judgePin(typed.pin, {
        identifier,
        ...(birthDate === null ? {} : { birthDate }),
        minLength: policy.otp_keys.pin_length,
        maxLength: policy.otp_keys.pin_length,
        refuseDates: policy.pin.refuse_dates,
      })
    : { ok: false, reason: 'mismatch' }

/** Chooses the PIN of a key, hashed. Nothing is stored: only the first use's end puts it there. */
export const chooseKeyPin = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  serial: string,
  typed: { readonly pin: string; readonly confirmation: string },
  origin: Origin,
): Promise<KeyPinResult> => {
  const verdict = judgeKeyPin(account, policy, typed)
  if (!verdict.ok) {
    return verdict
  }
  const lane = await laneOfPerson(deps, account, origin)
  const sealed = await deps.hasher.hash(typed.pin, otpPinOwner(serial), lane)
  return { ok: true, pin: { sealed, length: typed.pin.length, setAt: deps.clock() } }
}

export type FinishResult =
  | {
      readonly ok: true
      /** Device cookie to set; null: leave the one there is. */
      readonly cookie: string | null
      /** The key is a factor already in this sign-in. */
      readonly counts: boolean
    }
  /** `changed`: the key is not awaiting this first use any more. */
  | { readonly ok: false; readonly reason: 'refused' | 'changed' }

export interface FirstUseWithPin {
  readonly activation: Activation
  readonly pin: OtpKeyPin
  readonly passwordProved: boolean
}

/**
 * Whether a first use may still come to its end: the key awaits this very one, and what the policy
 * and the account ask by now was met.
 */
export const awaitsFirstUse = async (
  { otpKeys, accounts, policies }: Pick<Tables, 'otpKeys' | 'accounts' | 'policies'>,
  sub: string,
  { activation, pin, passwordProved }: Omit<FirstUseWithPin, 'pin'> & { pin: OtpKeyPin | null },
  nowMs: number,
): Promise<OtpKey | null> => {
  const key = await otpKeys.find(activation.serial)
  const account = await accounts.bySub(sub)
  if (key === null || account === null || account.disabledAt !== null) {
    return null
  }
  const policy = policyFor(await policies.current(), account)
  const holds =
    key.sub === sub &&
    isOf(key, activation) &&
    stateNow(key, nowMs) === 'assigned' &&
    policy.otp !== 'off' &&
    (pin === null || pin.length === policy.otp_keys.pin_length) &&
    (passwordProved || !asksPassword(account, policy, nowMs))
  return holds ? key : null
}

/** PIN and code of a key whose code the person sees; of the wrong length it is a wrong try. */
const lastCandidate = (key: OtpKey, pin: OtpKeyPin, passcode: string): Candidate => {
  const fits = /^\d+$/.test(passcode) && passcode.length === pin.length + key.digits
  return {
    key,
    pin: passcode.slice(0, -key.digits),
    code: fits ? passcode.slice(-key.digits) : '',
  }
}

const serve = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  { key, pin, place }: { readonly key: OtpKey; readonly pin: OtpKeyPin; readonly place: Place },
  origin: Origin,
): Promise<FinishResult | null> => {
  const nowMs = deps.clock()
  const served = putInService(key, nowMs, pin)
  if (!served.ok) {
    return null
  }
  const { sub } = account
  await tables.otpKeys.save(served.key)
  await renewSeal(deps, tables, served.key)
  const { cookie, browserId } = await followBrowser(deps, tables, account, origin, nowMs)
  const network = truncateNetwork(origin.address)
  const subject = firstUseSubjectOf(deps, sub)
  await tables.passwordTries.succeed(subject, place, browserId, network, nowMs)
  await knownFor(deps, tables, account, browserId, origin)
  const params = { key: key.serial, ...whence(origin) }
  await tell(deps, tables, sub, 'key_in_service', { params })
  const detail = { key: key.serial }
  await tables.audit.append(
    auditEntry(deps, { act: 'key_in_service', sub, origin, browserId, detail }),
  )
  return { ok: true, cookie, counts: newKeyCounts(account, nowMs) }
}

/**
 * The end of a first use: PIN and the next code together. Its code is a later one than the first,
 * and fits the clock that the first has shown, because claiming that has moved both. All or
 * nothing: PIN and state are stored in one act.
 */
export const finishFirstUse = async (
  deps: Deps,
  account: Account,
  firstUse: FirstUseWithPin,
  passcode: string,
  origin: Origin,
): Promise<FinishResult> => {
  const { pin, passwordProved } = firstUse
  const { sub } = account
  const key = await awaitsFirstUse(deps.store, sub, firstUse, deps.clock())
  if (key === null) {
    return { ok: false, reason: 'changed' }
  }
  const last: Attempt = {
    typed: passcode,
    candidates: [lastCandidate(key, pin, passcode)],
    against: (match) => ({
      secret: match?.pin ?? passcode,
      sealed: match === null ? null : pin.sealed,
      owner: otpPinOwner(key.serial),
    }),
    counted: countedAs(passwordProved),
  }
  const finished = await attempt(deps, account, last, origin, async (tables, judged) => {
    const now = await awaitsFirstUse(tables, sub, firstUse, deps.clock())
    return now === null
      ? null
      : serve(deps, tables, account, { key: now, pin, place: judged.place }, origin)
  })
  return finished ?? { ok: false, reason: 'refused' }
}
