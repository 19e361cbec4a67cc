import type { Policy, PolicySet } from '../policies/policy.ts'
import type { PolicyChange } from '../policies/policy_changes.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { PeopleOfType, PolicyReach } from './policy_reach.ts'

/** What a change of policies does to people and to what they have. */
export const EFFECTS = [
  /** Cannot sign in any more: a passcode is required, and they have no key. */
  'locked_out',
  /** Cannot sign in any more: they come by a key alone, and passcodes are off. */
  'keys_shut_out',
  /** Have no PIN, and define one at their next sign-in. */
  'pin_to_define',
  /** Have a PIN, which is kept and not asked. */
  'pin_not_asked',
  /** Have a PIN of before, which is asked again. */
  'pin_asked_again',
  /** Chose a protection that is no longer offered. */
  'choice_lost',
  /** Have not chosen yet: they see what is offered now. */
  'still_to_choose',
  /** Passwords that are past their last moment: changed at the next sign-in. */
  'passwords_expire',
  /** Temporary passwords that nobody used, and that end now. */
  'temporary_end',
  /** Recognised devices that end now. */
  'devices_end',
  /** Open sessions, for which the new ends hold. */
  'sessions',
] as const
export type EffectKey = (typeof EFFECTS)[number]

/** These keep people out: whoever saves says that they mean it. */
export const SHUTS_OUT: ReadonlySet<EffectKey> = new Set(['locked_out', 'keys_shut_out'])

export interface Effect {
  readonly key: EffectKey
  readonly userType: UserType
  /** People, devices or sessions; never 0. */
  readonly count: number
}

const DAY_MS = 24 * 3_600_000

interface Compared {
  readonly reach: PolicyReach
  readonly userType: UserType
  readonly of: PeopleOfType
  readonly before: Policy
  readonly after: Policy
  readonly nowMs: number
}

type Count = (compared: Compared) => Promise<number> | number

const withPin = ({ of: { pin } }: Compared): number => pin.in_use + pin.generated + pin.blocked
const offersPin = ({ protections }: Policy): boolean => protections.includes('pin')
const imposesPin = ({ protections }: Policy): boolean =>
  protections.length === 1 && protections[0] === 'pin'

const sameProtections = ({ before, after }: Compared): boolean =>
  [...before.protections].sort().join() === [...after.protections].sort().join()

/** The latest time (ms) at which a password can have been set and be past its last moment now. */
const expiredUntil = ({ passwords }: Policy, nowMs: number): number | null =>
  passwords.force_change_at_expiration ? nowMs - passwords.max_lifetime_days * DAY_MS : null

const lapsedUntil = ({ passwords }: Policy, nowMs: number): number =>
  nowMs - passwords.temporary_lifetime_days * DAY_MS

/** Devices added until then are past their end; all of them where none is trusted. */
const endedUntil = ({ devices }: Policy, nowMs: number): number =>
  devices.trust ? nowMs - devices.lifetime_days * DAY_MS : nowMs

const isShorter = (before: Policy['sessions'], after: Policy['sessions']): boolean =>
  after.absolute_hours < before.absolute_hours ||
  after.idle_minutes < before.idle_minutes ||
  after.idle_minutes_shared < before.idle_minutes_shared

const COUNTS: Readonly<Record<EffectKey, Count>> = {
  locked_out: async ({ reach, userType, of, before, after, nowMs }) =>
    after.otp !== 'required' || before.otp === 'required'
      ? 0
      : of.people - (await reach.keyHolders(userType, nowMs)).all,
  keys_shut_out: async ({ reach, userType, before, after, nowMs }) =>
    after.otp !== 'off' || before.otp === 'off'
      ? 0
      : (await reach.keyHolders(userType, nowMs)).passwordless,
  pin_to_define: (compared) =>
    imposesPin(compared.after) && !imposesPin(compared.before)
      ? compared.of.people - withPin(compared)
      : 0,
  pin_not_asked: (compared) =>
    offersPin(compared.before) && !offersPin(compared.after) ? withPin(compared) : 0,
  pin_asked_again: (compared) =>
    !offersPin(compared.before) && offersPin(compared.after) ? withPin(compared) : 0,
  choice_lost: ({ of: { protection }, before, after }) =>
    (['notification', 'none'] as const)
      .filter((each) => before.protections.includes(each) && !after.protections.includes(each))
      .reduce((sum, each) => sum + protection[each], 0),
  still_to_choose: (compared) =>
    sameProtections(compared) || imposesPin(compared.after) ? 0 : compared.of.protection.unchosen,
  passwords_expire: ({ reach, userType, before, after, nowMs }) => {
    const [was, is] = [expiredUntil(before, nowMs), expiredUntil(after, nowMs)]
    return is === null || (was !== null && was >= is)
      ? 0
      : reach.passwordsSet(userType, 'personal', [was, is])
  },
  temporary_end: ({ reach, userType, before, after, nowMs }) => {
    const [was, is] = [lapsedUntil(before, nowMs), lapsedUntil(after, nowMs)]
    return was >= is ? 0 : reach.passwordsSet(userType, 'handed_out', [was, is])
  },
  devices_end: ({ reach, userType, before, after, nowMs }) => {
    const [was, is] = [endedUntil(before, nowMs), endedUntil(after, nowMs)]
    return was >= is ? 0 : reach.devicesAdded(userType, [was, is])
  },
  sessions: ({ reach, userType, before, after, nowMs }) =>
    isShorter(before.sessions, after.sessions) ? reach.sessions(userType, nowMs) : 0,
}

export interface TypeEffects {
  readonly userType: UserType
  /** Of this type, not disabled. */
  readonly people: number
  /** With a password of their own, should the rules of passwords change. */
  readonly personalPasswords: number
  readonly effects: readonly Effect[]
}

/** What a change does, for each type that it changes. In numbers of now. */
export const effectsOf = async (
  reach: PolicyReach,
  before: PolicySet,
  after: PolicySet,
  changes: readonly PolicyChange[],
  nowMs: number,
): Promise<TypeEffects[]> => {
  const changed = USER_TYPES.filter((type) => changes.some(({ userType }) => userType === type))
  if (changed.length === 0) {
    return []
  }
  const people = await reach.people()
  const found: TypeEffects[] = []
  for (const userType of changed) {
    const of = people[userType]
    const compared = {
      reach,
      userType,
      of,
      before: before[userType],
      after: after[userType],
      nowMs,
    }
    const effects: Effect[] = []
    for (const key of EFFECTS) {
      const count = await COUNTS[key](compared)
      if (count > 0) {
        effects.push({ key, userType, count })
      }
    }
    found.push({ userType, people: of.people, personalPasswords: of.personalPasswords, effects })
  }
  return found
}

/** What a new password has to be: a change of these is a new version of the rules. */
const RULES_OF_PASSWORDS: ReadonlySet<string> = new Set([
  'passwords.min_length',
  'passwords.min_entropy_bits',
  'passwords.min_strength',
  'passwords.required_classes',
])

/** Types whose rules of passwords change under a version that passwords of before have too. */
export const unversioned = (changes: readonly PolicyChange[]): UserType[] =>
  USER_TYPES.filter((type) => {
    const own = changes.filter(({ userType }) => userType === type)
    const isRaised = own.some(
      ({ path, from, to }) => path === 'passwords.rules_version' && Number(to) > Number(from),
    )
    return !isRaised && own.some(({ path }) => RULES_OF_PASSWORDS.has(path))
  })
