import type { WarningKey } from '../policies/policy_advice.ts'

/** What each rule means, above it in an exported file. A trailing dot closes every sentence. */
export const POLICY_COMMENTS: Readonly<Record<string, string>> = {
  protections:
    'Offered for new devices: pin, notification, none. pin alone imposes it; without pin, PINs are kept but not asked.',
  pin: 'The PIN code.',
  'pin.min_length':
    '4 to 12 digits. CNIL: 4 are enough only beside a password whose tries are limited.',
  'pin.tries': 'Wrong PINs before it is blocked, 3 to 10. CNIL recommends 3.',
  'pin.refuse_dates': 'Also refuse every DDMM and MMDD; the own birth date always is.',
  'pin.shuffled_keypad': 'Keypad in another order each time, for classrooms with a projector.',
  'pin.self_service_reset':
    'A person who forgot their PIN may define another with a mailed code. Needs smtp_url.',
  devices: 'Recognised devices.',
  'devices.trust': 'false: no device spares the PIN.',
  'devices.lifetime_days':
    '1 to 365 days after the device was added; using it does not extend them.',
  'devices.most_per_person': '1 to 50.',
  'devices.untrusted_networks':
    'Networks such as 192.0.2.0/24 where no device is recognised or added.',
  passwords: 'Passwords.',
  'passwords.min_length':
    '12 or more; NIST advises 15 where a password may stand alone. Less needs risk_accepted.',
  'passwords.min_entropy_bits':
    'Length x log2 of the alphabet used. CNIL: 50 where tries are limited. Less needs risk_accepted.',
  'passwords.min_strength':
    '2 to 4: how hard to guess by dictionaries, names, dates and keyboards. Less than 3 needs risk_accepted. Common passwords are refused at any.',
  'passwords.required_classes':
    'Each at least once: lowercase, uppercase, digit, sign. NIST advises to ask for none.',
  'passwords.risk_accepted': 'Why shorter passwords are accepted, in writing.',
  'passwords.rules_version': 'Raise it with the rules: older passwords can then be found.',
  'passwords.force_change_at_expiration':
    'Expiry after max_lifetime_days. NIST, ANSSI and OWASP ASVS advise against it.',
  'passwords.max_lifetime_days':
    '90 to 3650, where they expire. An end in the holidays waits for the first day of school.',
  'passwords.temporary_lifetime_days':
    'Initial and temporary passwords nobody used end after this.',
  'passwords.self_service_reset':
    'A person who forgot it may replace it with a code mailed to an address they have confirmed. Needs smtp_url.',
  otp: 'OTP passcode: off, allowed, required. required: whoever has no key cannot sign in.',
  otp_keys: 'OTP keys, and authenticator apps.',
  'otp_keys.first_use':
    'Asked beside the first code: code_and_password (where there is a password), or code alone.',
  'otp_keys.first_use_days':
    '1 to 90 days from being assigned; afterwards an administrator reopens the activation.',
  'otp_keys.pin_length':
    '4 to 8 digits of the PIN typed before the code. 4 are enough: the code changes each time.',
  'otp_keys.apps': 'People may enrol an authenticator app, with a PIN of its own.',
  sessions: 'How long somebody stays signed in.',
  'sessions.absolute_hours': 'From the first proof, 1 to 24; nothing extends it.',
  'sessions.idle_minutes': 'Without activity, 5 to 720.',
  'sessions.idle_minutes_shared': 'The same on shared_networks.',
}

/** What is allowed, and advised against, as the command line says it. */
export const WARNING_WORDS: Readonly<Record<WarningKey, string>> = {
  otp_nobody: 'otp: required: nobody of this type has an OTP key: nobody could sign in',
  otp_without_key: 'otp: required: whoever of this type has no OTP key cannot sign in',
  otp_off: 'otp: off: applications that want a passcode cannot be opened',
  first_use_code: 'otp_keys.first_use: code: whoever finds an assigned key can take it into use',
  pin_abolished: 'protections: without pin, whoever has a password needs nothing else',
  pin_tries: 'pin.tries: CNIL recommends that 3 wrong PINs block it',
  device_lifetime: 'devices.lifetime_days: NIST has people prove themselves anew after 30 days',
  password_alone: 'passwords.min_length: NIST advises 15 where a password may stand alone',
  risk_accepted: 'passwords.risk_accepted: passwords below the recommendations are accepted',
  required_classes: 'passwords.required_classes: NIST advises against asking for kinds of signs',
  expiry: 'passwords.force_change_at_expiration: NIST, ANSSI and OWASP ASVS advise against expiry',
  temporary_lifetime:
    'passwords.temporary_lifetime_days: OWASP ASVS has them end as soon as can be',
  session_absolute: 'sessions.absolute_hours: NIST has people sign in anew after 12 hours',
  session_idle: 'sessions.idle_minutes: NIST has people sign in anew where nobody is at work',
}
