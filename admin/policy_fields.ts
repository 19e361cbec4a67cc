import {
  PASSWORD_LIFETIME_DAYS_MIN,
  type Policy,
  PROTECTIONS,
  SIGN_CLASSES,
} from '../policies/policy.ts'
import { rulesByPath } from '../policies/policy_changes.ts'

/** How a rule is asked for. Limits are those of its schema, which a test compares. */
export type FieldKind =
  | {
      readonly kind: 'number'
      readonly min: number
      readonly max: number
      readonly unit?:
        | 'digits'
        | 'days'
        | 'hours'
        | 'minutes'
        | 'signs'
        | 'bits'
        | 'tries'
        | 'devices'
    }
  | { readonly kind: 'tick' | 'networks' | 'text' }
  | { readonly kind: 'choice' | 'ticks'; readonly values: readonly string[] }

export type RuleField = { readonly path: string } & FieldKind

interface Frame {
  readonly name: string
  readonly fields: readonly RuleField[]
}

const tick = (path: string): RuleField => ({ path, kind: 'tick' })
const days = (path: string, min: number, max: number): RuleField => ({
  path,
  kind: 'number',
  min,
  max,
  unit: 'days',
})

/** Every rule of a policy that is asked for, in frames. The version of the rules is not: see the preview. */
export const POLICY_FRAMES: readonly Frame[] = [
  {
    name: 'protections',
    fields: [{ path: 'protections', kind: 'ticks', values: PROTECTIONS }],
  },
  {
    name: 'pin',
    fields: [
      { path: 'pin.min_length', kind: 'number', min: 4, max: 12, unit: 'digits' },
      { path: 'pin.max_length', kind: 'number', min: 4, max: 12, unit: 'digits' },
      { path: 'pin.tries', kind: 'number', min: 3, max: 10, unit: 'tries' },
      tick('pin.self_service_reset'),
      tick('pin.refuse_dates'),
      tick('pin.shuffled_keypad'),
    ],
  },
  {
    name: 'devices',
    fields: [
      tick('devices.trust'),
      days('devices.lifetime_days', 1, 365),
      { path: 'devices.most_per_person', kind: 'number', min: 1, max: 50, unit: 'devices' },
      { path: 'devices.untrusted_networks', kind: 'networks' },
    ],
  },
  {
    name: 'passwords',
    fields: [
      { path: 'passwords.min_length', kind: 'number', min: 8, max: 64, unit: 'signs' },
      { path: 'passwords.min_entropy_bits', kind: 'number', min: 30, max: 128, unit: 'bits' },
      { path: 'passwords.min_strength', kind: 'choice', values: ['2', '3', '4'] },
      { path: 'passwords.required_classes', kind: 'ticks', values: SIGN_CLASSES },
      { path: 'passwords.risk_accepted', kind: 'text' },
      tick('passwords.self_service_reset'),
    ],
  },
  {
    name: 'expiry',
    fields: [
      tick('passwords.force_change_at_expiration'),
      days('passwords.max_lifetime_days', PASSWORD_LIFETIME_DAYS_MIN, 3650),
    ],
  },
  { name: 'temporary', fields: [days('passwords.temporary_lifetime_days', 1, 90)] },
  {
    name: 'otp',
    fields: [{ path: 'otp', kind: 'choice', values: ['off', 'allowed', 'required'] }],
  },
  {
    name: 'keys',
    fields: [
      { path: 'otp_keys.first_use', kind: 'choice', values: ['code_and_password', 'code'] },
      days('otp_keys.first_use_days', 1, 90),
      { path: 'otp_keys.pin_length', kind: 'number', min: 4, max: 8, unit: 'digits' },
      tick('otp_keys.apps'),
    ],
  },
  {
    name: 'sessions',
    fields: [
      { path: 'sessions.absolute_hours', kind: 'number', min: 1, max: 24, unit: 'hours' },
      { path: 'sessions.idle_minutes', kind: 'number', min: 5, max: 720, unit: 'minutes' },
      { path: 'sessions.idle_minutes_shared', kind: 'number', min: 5, max: 720, unit: 'minutes' },
      { path: 'sessions.shared_networks', kind: 'networks' },
    ],
  },
]

export const RULE_FIELDS: readonly RuleField[] = POLICY_FRAMES.flatMap(({ fields }) => fields)

/** The version of the rules of passwords: raised by a tick of the preview, and never typed. */
export const RULES_VERSION = 'passwords.rules_version'

/** A path as names of messages have it. */
export const ruleId = (path: string): string => path.replaceAll('.', '_')

const listOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(String) : []

/** What the inputs of one rule hold, by their names: as a browser sends them. */
const inputsOf = (field: RuleField, value: unknown): [string, string][] => {
  switch (field.kind) {
    case 'ticks':
      return listOf(value).map((one) => [`${field.path}.${one}`, 'yes'])
    case 'tick':
      return value === true ? [[field.path, 'yes']] : []
    case 'networks':
      return [[field.path, listOf(value).join('\n')]]
    default:
      return [[field.path, value === undefined ? '' : String(value)]]
  }
}

/** A policy as the fields of its form. */
export const fieldsOfPolicy = (policy: Policy): Readonly<Record<string, string>> => {
  const rules = new Map(rulesByPath(policy))
  return Object.fromEntries(RULE_FIELDS.flatMap((field) => inputsOf(field, rules.get(field.path))))
}

/** Names that belong to the form of a policy; others pass it by. */
export const isRuleInput = (name: string): boolean =>
  RULE_FIELDS.some(
    (field) =>
      field.path === name ||
      (field.kind === 'ticks' && field.values.some((value) => `${field.path}.${value}` === name)),
  )
