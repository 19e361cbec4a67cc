import { DEFAULT_POLICY, type Policy } from './policy.ts'

/** Who recommends it; `us`: nobody else says anything about it. */
export const SOURCES = ['cnil', 'anssi', 'nist', 'asvs', 'us'] as const
export type Source = (typeof SOURCES)[number]

/** What is known of the people of a type; null: nobody could be asked. */
export interface Surroundings {
  /** Somebody has an OTP key in service, or one that awaits its first use. */
  readonly hasKeys: boolean | null
}

interface Recommendation {
  /** The rule that it is about. */
  readonly path: string
  readonly sources: readonly Source[]
}

/** What is recommended of each rule, and by whom. Their words are in the messages of the console. */
export const RECOMMENDATIONS = [
  { path: 'protections', sources: ['cnil'] },
  { path: 'pin.min_length', sources: ['cnil'] },
  { path: 'pin.max_length', sources: ['us'] },
  { path: 'pin.tries', sources: ['cnil'] },
  { path: 'pin.refuse_dates', sources: ['us'] },
  { path: 'pin.shuffled_keypad', sources: ['us'] },
  { path: 'pin.self_service_reset', sources: ['asvs'] },
  { path: 'devices.trust', sources: ['us'] },
  { path: 'devices.lifetime_days', sources: ['nist'] },
  { path: 'devices.most_per_person', sources: ['us'] },
  { path: 'devices.untrusted_networks', sources: ['us'] },
  { path: 'passwords.min_length', sources: ['nist', 'cnil'] },
  { path: 'passwords.min_entropy_bits', sources: ['cnil'] },
  { path: 'passwords.min_strength', sources: ['nist'] },
  { path: 'passwords.required_classes', sources: ['nist'] },
  { path: 'passwords.risk_accepted', sources: ['us'] },
  { path: 'passwords.force_change_at_expiration', sources: ['nist', 'anssi', 'asvs'] },
  { path: 'passwords.max_lifetime_days', sources: ['us'] },
  { path: 'passwords.temporary_lifetime_days', sources: ['asvs'] },
  { path: 'passwords.self_service_reset', sources: ['asvs'] },
  { path: 'otp', sources: ['anssi'] },
  { path: 'otp_keys.first_use', sources: ['us'] },
  { path: 'otp_keys.first_use_days', sources: ['us'] },
  { path: 'otp_keys.pin_length', sources: ['us'] },
  { path: 'otp_keys.apps', sources: ['us'] },
  { path: 'sessions.absolute_hours', sources: ['nist'] },
  { path: 'sessions.idle_minutes', sources: ['nist'] },
  { path: 'sessions.idle_minutes_shared', sources: ['us'] },
  { path: 'sessions.shared_networks', sources: ['us'] },
] as const satisfies readonly Recommendation[]

interface Departure {
  readonly path: string
  readonly applies: (policy: Policy, surroundings: Surroundings) => boolean
  /** It locks people out: nobody is to overlook it. */
  readonly loud?: boolean
}

const standsAlone = ({ protections }: Policy): boolean =>
  protections.some((protection) => protection !== 'pin')

/** What is allowed, and advised against. */
const DEPARTURES = {
  otp_nobody: {
    path: 'otp',
    applies: ({ otp }, { hasKeys }) => otp === 'required' && hasKeys === false,
    loud: true,
  },
  otp_without_key: {
    path: 'otp',
    applies: ({ otp }, { hasKeys }) => otp === 'required' && hasKeys !== false,
  },
  otp_off: { path: 'otp', applies: ({ otp }) => otp === 'off' },
  first_use_code: {
    path: 'otp_keys.first_use',
    applies: ({ otp, otp_keys }) => otp !== 'off' && otp_keys.first_use === 'code',
  },
  pin_abolished: {
    path: 'protections',
    applies: ({ protections }) => !protections.includes('pin'),
  },
  pin_tries: { path: 'pin.tries', applies: ({ pin }) => pin.tries > DEFAULT_POLICY.pin.tries },
  device_lifetime: {
    path: 'devices.lifetime_days',
    applies: ({ devices }) => devices.lifetime_days > DEFAULT_POLICY.devices.lifetime_days,
  },
  password_alone: {
    path: 'passwords.min_length',
    applies: (policy) => policy.passwords.min_length < 15 && standsAlone(policy),
  },
  risk_accepted: {
    path: 'passwords.risk_accepted',
    applies: ({ passwords }) => passwords.risk_accepted !== undefined,
  },
  required_classes: {
    path: 'passwords.required_classes',
    applies: ({ passwords }) => passwords.required_classes.length > 0,
  },
  expiry: {
    path: 'passwords.force_change_at_expiration',
    applies: ({ passwords }) => passwords.force_change_at_expiration,
  },
  temporary_lifetime: {
    path: 'passwords.temporary_lifetime_days',
    applies: ({ passwords }) =>
      passwords.temporary_lifetime_days > DEFAULT_POLICY.passwords.temporary_lifetime_days,
  },
  session_absolute: {
    path: 'sessions.absolute_hours',
    applies: ({ sessions }) => sessions.absolute_hours > DEFAULT_POLICY.sessions.absolute_hours,
  },
  session_idle: {
    path: 'sessions.idle_minutes',
    applies: ({ sessions }) => sessions.idle_minutes > DEFAULT_POLICY.sessions.idle_minutes,
  },
} as const satisfies Record<string, Departure>

export type WarningKey = keyof typeof DEPARTURES
export const WARNING_KEYS = Object.keys(DEPARTURES) as WarningKey[]

export interface Warning {
  readonly key: WarningKey
  readonly path: string
  readonly loud: boolean
}

/** What a policy departs from. Words for the console are by key in its messages. */
export const warningsFor = (policy: Policy, surroundings: Surroundings): Warning[] =>
  WARNING_KEYS.filter((key) => DEPARTURES[key].applies(policy, surroundings)).map((key) => {
    const { path, loud = false }: Departure = DEPARTURES[key]
    return { key, path, loud }
  })
