import { z } from 'zod'
import { parseCidr } from './network.ts'
import { perUserType, type UserType } from './user_type.ts'

/** What a person may choose against sign-ins from a device that is not recognised, strongest first. */
export const PROTECTIONS = ['pin', 'notification', 'none'] as const
export type Protection = (typeof PROTECTIONS)[number]

export const PASSWORD_LENGTH_ADVISED = 12
/** Kinds of signs that a policy may insist on; NIST SP 800-63B-4 §3.1.1.2 advises against it. */
export const SIGN_CLASSES = ['lowercase', 'uppercase', 'digit', 'sign'] as const
export type SignClass = (typeof SIGN_CLASSES)[number]

/** Of a strength estimate, 0 to 4: below it, guessing is a matter of tries, not of years. */
export const PASSWORD_STRENGTH_ADVISED = 3

/** NIST SP 800-63B-4 §3.1.1.2 advises against expiry at all; below this we refuse. */
export const PASSWORD_LIFETIME_DAYS_MIN = 90

const days = (max: number) => z.int().min(1).max(max)
const cidrs = z.array(
  z.string().refine((text) => parseCidr(text).ok, {
    error: 'is not a network such as 192.0.2.0/24',
    params: { key: 'network' },
  }),
)

const pinSchema = z.strictObject({
  /** CNIL deliberation 2022-100, case 3: 4 digits only beside a throttled password. */
  min_length: z.int().min(4).max(12).default(4),
  max_length: z.int().min(4).max(12).default(12),
  /** Wrong PINs before it is blocked. CNIL: 3; the person is warned when more are allowed. */
  tries: z.int().min(3).max(10).default(3),
  /** Also refuse any DDMM or MMDD, not only the person's own. */
  refuse_dates: z.boolean().default(false),
  shuffled_keypad: z.boolean().default(false),
  self_service_reset: z.boolean().default(true),
})

const devicesSchema = z.strictObject({
  trust: z.boolean().default(true),
  /** Fixed end: days after the device was added, not after its last use. */
  lifetime_days: days(365).default(30),
  most_per_person: z.int().min(1).max(50).default(10),
  /** Networks (CIDR) where no device is recognised or added, such as an open classroom. */
  untrusted_networks: cidrs.default([]),
})

const passwordsSchema = z.strictObject({
  min_length: z.int().min(8).max(64).default(PASSWORD_LENGTH_ADVISED),
  /** CNIL deliberation 2022-100, case 2: 50 bits beside throttling. */
  min_entropy_bits: z.int().min(30).max(128).default(50),
  /** Least estimate by dictionaries (zxcvbn's score); common passwords are refused at any. */
  min_strength: z.int().min(2).max(4).default(PASSWORD_STRENGTH_ADVISED),
  /** Each must be there at least once; none by default. */
  required_classes: z.array(z.enum(SIGN_CLASSES)).default([]),
  /** Written reason for less than the advised length (younger pupils). */
  risk_accepted: z.string().min(10).max(500).optional(),
  /** Bumped by whoever changes the rules; kept with each password. */
  rules_version: z.int().min(1).default(1),
  force_change_at_expiration: z.boolean().default(false),
  max_lifetime_days: z.int().min(PASSWORD_LIFETIME_DAYS_MIN).max(3650).default(365),
  temporary_lifetime_days: days(90).default(30),
  /** A forgotten one is replaced with a code mailed to an address that its owner has proved. */
  self_service_reset: z.boolean().default(true),
})

const otpKeysSchema = z.strictObject({
  /** What a key's first use asks beside its code; `code_and_password`: where there is a password. */
  first_use: z.enum(['code', 'code_and_password']).default('code_and_password'),
  /** From being assigned; afterwards an administrator reopens the activation. */
  first_use_days: days(90).default(14),
  /** Digits of the PIN of a key. It comes before a code that changes, so 4 are enough. */
  pin_length: z.int().min(4).max(8).default(4),
  /** People may enrol an authenticator app. */
  apps: z.boolean().default(true),
})

const sessionsSchema = z.strictObject({
  /** From the first proof; nothing extends it. */
  absolute_hours: z.int().min(1).max(24).default(12),
  idle_minutes: z.int().min(5).max(720).default(120),
  /** Idle end on the networks below. */
  idle_minutes_shared: z.int().min(5).max(720).default(30),
  shared_networks: cidrs.default([]),
})

/** The rules that hold for one user type. Keys are those of the YAML file. */
export const policySchema = z
  .strictObject({
    /** Protections offered for new devices; `pin` alone imposes it, leaving it out abolishes it. */
    protections: z
      .array(z.enum(PROTECTIONS))
      .min(1)
      .default([...PROTECTIONS]),
    pin: pinSchema.prefault({}),
    devices: devicesSchema.prefault({}),
    passwords: passwordsSchema.prefault({}),
    otp: z.enum(['off', 'allowed', 'required']).default('allowed'),
    otp_keys: otpKeysSchema.prefault({}),
    sessions: sessionsSchema.prefault({}),
  })
  .superRefine((policy, context) => {
    for (const { key, broken, path, message } of IMPOSSIBLE) {
      if (broken(policy)) {
        context.addIssue({ code: 'custom', path, message, params: { key } })
      }
    }
  })

interface PolicyShape {
  protections: Protection[]
  pin: z.output<typeof pinSchema>
  devices: z.output<typeof devicesSchema>
  passwords: z.output<typeof passwordsSchema>
  otp: 'off' | 'allowed' | 'required'
  otp_keys: z.output<typeof otpKeysSchema>
  sessions: z.output<typeof sessionsSchema>
}

/** Combinations of valid values that cannot hold together; the console has words by `key`. */
const IMPOSSIBLE: {
  key: string
  broken: (policy: PolicyShape) => boolean
  path: string[]
  message: string
}[] = [
  {
    key: 'protection_twice',
    broken: ({ protections }) => new Set(protections).size !== protections.length,
    path: ['protections'],
    message: 'names a protection twice',
  },
  {
    key: 'pin_lengths',
    broken: ({ pin }) => pin.min_length > pin.max_length,
    path: ['pin', 'max_length'],
    message: 'must not be less than pin.min_length',
  },
  {
    key: 'short_without_risk',
    broken: ({ passwords }) =>
      passwords.min_length < PASSWORD_LENGTH_ADVISED && passwords.risk_accepted === undefined,
    path: ['passwords', 'min_length'],
    message: `below ${PASSWORD_LENGTH_ADVISED} needs passwords.risk_accepted, the reason in writing`,
  },
  {
    key: 'entropy_without_risk',
    broken: ({ passwords }) =>
      passwords.min_entropy_bits < 50 && passwords.risk_accepted === undefined,
    path: ['passwords', 'min_entropy_bits'],
    message: 'below 50 needs passwords.risk_accepted, the reason in writing',
  },
  {
    key: 'strength_without_risk',
    broken: ({ passwords }) =>
      passwords.min_strength < PASSWORD_STRENGTH_ADVISED && passwords.risk_accepted === undefined,
    path: ['passwords', 'min_strength'],
    message: `below ${PASSWORD_STRENGTH_ADVISED} needs passwords.risk_accepted, the reason in writing`,
  },
  {
    key: 'class_twice',
    broken: ({ passwords }) =>
      new Set(passwords.required_classes).size !== passwords.required_classes.length,
    path: ['passwords', 'required_classes'],
    message: 'names a class twice',
  },
  {
    key: 'idle_over_absolute',
    broken: ({ sessions }) => sessions.idle_minutes > sessions.absolute_hours * 60,
    path: ['sessions', 'idle_minutes'],
    message: 'must not be longer than sessions.absolute_hours',
  },
  {
    key: 'shared_over_idle',
    broken: ({ sessions }) => sessions.idle_minutes_shared > sessions.idle_minutes,
    path: ['sessions', 'idle_minutes_shared'],
    message: 'must not be longer than sessions.idle_minutes',
  },
]

/** Of each custom refusal, `params.key`. */
export const POLICY_REFUSALS: readonly string[] = ['network', ...IMPOSSIBLE.map(({ key }) => key)]

export type Policy = z.output<typeof policySchema>
export type PolicySet = Readonly<Record<UserType, Policy>>

/** CNIL's recommendations, the same for every type until an administrator decides otherwise. */
export const DEFAULT_POLICY: Policy = policySchema.parse({})

export const DEFAULT_POLICIES: PolicySet = Object.freeze(perUserType(() => DEFAULT_POLICY))

/** With the PIN offered, and a key to be had: what an administrator needs to protect the account. */
const forRoleHolder = (policy: Policy): Policy => ({
  ...policy,
  protections: PROTECTIONS.filter((each) => each === 'pin' || policy.protections.includes(each)),
  otp: policy.otp === 'off' ? 'allowed' : policy.otp,
  otp_keys: { ...policy.otp_keys, apps: true },
})

/**
 * The policy that holds for somebody: that of their type. Whoever holds a role may always define a
 * PIN and enrol an app, whatever their type may: the console asks for them. Nothing is imposed.
 */
export const policyFor = (
  policies: PolicySet,
  { userType, role }: { readonly userType: UserType; readonly role: unknown },
): Policy => (role === null ? policies[userType] : forRoleHolder(policies[userType]))

/**
 * The protection that holds for a person: what they chose while the policy still offers it, the
 * only one offered, or null while they have a choice to make. Whoever has a PIN keeps it where it
 * is offered: losing another choice must not let a password alone define a new one. Where the
 * policy abolished the PIN they had chosen, the strongest of the others holds without a question,
 * so that no weaker choice outlives the abolition.
 */
export const effectiveProtection = (
  policy: Policy,
  chosen: Protection | null,
  hasPin: boolean,
): Protection | null => {
  if (chosen !== null && policy.protections.includes(chosen)) {
    return chosen
  }
  if (hasPin && policy.protections.includes('pin')) {
    return 'pin'
  }
  if (chosen === 'pin') {
    return PROTECTIONS.find((each) => policy.protections.includes(each)) ?? null
  }
  const [only, ...others] = policy.protections
  return only !== undefined && others.length === 0 ? only : null
}
