import type { ConsoleFrame, ConsolePages } from './console/pages.ts'

/**
 * What each page is given. The views decide how it looks and nothing else: every text comes from
 * `messages/`, every value from the model. Keys ending in `Key` name a message.
 */
export type Locale = 'fr' | 'en'

/** The school as people see it, from the settings. */
export interface School {
  readonly name: string
  /** Address of an image served by this gateway or over https; none: the name alone. */
  readonly logoUrl?: string | undefined
  readonly support: {
    readonly url?: string | undefined
    readonly mail?: string | undefined
    readonly phone?: string | undefined
    readonly hours?: string | undefined
  }
}

/** Every form error that has words, below `errors.` in the messages, with the values it may carry. */
export const FORM_ERROR_CODES = [
  'login_refused',
  'password_refused', // the password alone was asked: wrong, or delayed
  'field_required',
  'try_again', // another try of the same person is being checked at this moment
  'pin_wrong', // left?
  'pin_format', // min, max
  'pin_mismatch',
  'pin_guessable_repeat',
  'pin_guessable_sequence',
  'pin_guessable_pairs',
  'pin_guessable_year',
  'pin_guessable_date',
  'pin_guessable_keypad',
  'pin_guessable_birth_date',
  'pin_guessable_identifier',
  'pin_guessable_same', // the one being replaced
  'passcode_refused', // wrong code, wrong PIN or a code used before: never said which
  'mailed_code_refused', // wrong, too old, used, tried too often: never said which
  'mails_too_many', // codes mailed in a row: no more of them for a while
  'pin_current_wrong', // the PIN in use, typed to change it
  'address_invalid',
  'first_use_changed', // the key cannot be put in service by what was begun
  'app_code_refused', // the code typed while an app is being enrolled
  'protection_required',
  'device_name_required',
  'device_name_too_long', // max
  'mails_too_many_here', // codes asked for from this network: no more of them for a while
  'password_short', // min
  'password_long', // max
  'password_digits_only',
  'password_entropy', // bits, min
  'password_needs_lowercase',
  'password_needs_uppercase',
  'password_needs_digit',
  'password_needs_sign',
  // Too easy to guess, and by what its weakest part is found:
  'password_guessable_common', // among those that everybody tries first
  'password_guessable_word',
  'password_guessable_name',
  'password_guessable_keyboard',
  'password_guessable_repeat',
  'password_guessable_sequence',
  'password_guessable_date',
  'password_guessable_short', // for what it is made of: longer would do
  'password_personal',
  'password_same',
  'password_mismatch',
] as const
export type FormErrorCode = (typeof FORM_ERROR_CODES)[number]

/** One error: `field` is the input's name, or none when it concerns the whole form. */
export interface FormError {
  readonly field?: string | undefined
  readonly code: FormErrorCode
  readonly params?: Readonly<Record<string, string | number>> | undefined
}

/** What every page gets besides its own model; the renderer adds the school and the static files. */
export interface Frame {
  readonly locale: Locale
  /** This page in each language, without scripts: a plain link each. May be empty. */
  readonly languages: readonly { locale: Locale; href: string; current: boolean }[]
  /** Around the pages of the console alone. */
  readonly console?: ConsoleFrame | undefined
}

/**
 * What a new password has to be, told before it is typed and judged while it is: `judge` takes
 * `new_password` and `csrf`, and answers `JudgedPassword` as JSON.
 */
export interface PasswordRules {
  readonly minLength: number
  readonly classes: readonly ('lowercase' | 'uppercase' | 'digit' | 'sign')[]
  readonly judge: Button
}

/** Every refusal in the person's language, none when it will do. */
export interface JudgedPassword {
  readonly ok: boolean
  readonly refusals: readonly string[]
}

/** A form that posts to us. */
export interface Form {
  readonly action: string
  readonly csrf: string
  readonly errors: readonly FormError[]
}

/** Who is signing in, and the way out where it is somebody else's unfinished sign-in. */
export interface Person {
  readonly personName: string
  /** Posts to leave this sign-in and begin another; none in a session that is open. */
  readonly otherAccount?: { readonly action: string; readonly csrf: string } | undefined
}

/** The tick box and the name under a PIN, or on the device page. None where the policy or network forbids it. */
export interface DeviceOffer {
  readonly suggestedName: string
  /** What was typed before, kept across an error. */
  readonly name?: string | undefined
  readonly ticked: boolean
  /** The name is too vague to be recognised later ("School"): ask once for a specific one. */
  readonly vague: boolean
  readonly lifetimeDays: number
}

export interface PinShape {
  readonly minLength: number
  readonly maxLength: number
  /** The establishment shuffles the keypad (projector-safe). Order of the ten digits to draw, else undefined. */
  readonly shuffled?: readonly number[] | undefined
}

/** What to type of an OTP key, and when its code changes. */
export interface PasscodeHint {
  /** Digits of the key's code; undefined where the person has several keys. */
  readonly codeLength?: number | undefined
  /**
   * Where codes change with the time: how long one lasts, and what is left of the one shown now, by
   * the key's own clock as far as it is known. A script counts on from it.
   */
  readonly gauge?: { readonly periodSeconds: number; readonly leftSeconds: number } | undefined
}

/** First use, halfway: a form of its own takes the person back to the digits of the key. */
export interface FirstUse {
  readonly personName: string
  readonly startAgain: { readonly action: string; readonly csrf: string }
  readonly helpHref: string
}

/** The sections of a person's account, in the order of the menu. */
export const ACCOUNT_SECTIONS = [
  'protection',
  'devices',
  'sessions',
  'history',
  'keys',
  'password',
  'address',
  'language',
  'data',
] as const
export type AccountSection = (typeof ACCOUNT_SECTIONS)[number]

/** What was just done, told once on top of an account page. */
export const ACCOUNT_DONE_CODES = [
  'pin_defined',
  'pin_changed',
  'pin_disabled',
  'protection_changed',
  'device_forgotten',
  'devices_forgotten',
  'session_ended',
  'sessions_ended',
  'consent_taken_back',
  'password_changed',
  'address_changed',
  'address_removed',
  'language_changed',
  'app_enrolled',
  'enrolment_expired', // nothing was changed: it took too long
  'enrolment_refused', // nothing was changed: too many wrong codes
] as const
export type AccountDone = (typeof ACCOUNT_DONE_CODES)[number]

/** What every page of the account has around it. */
export interface AccountFrame {
  readonly personName: string
  readonly section: AccountSection
  readonly sections: readonly { readonly name: AccountSection; readonly href: string }[]
  readonly portalHref: string
  readonly signOutHref: string
  readonly done?: AccountDone | undefined
  /**
   * Proved again in between: what was typed before is kept, sealed. The page then shows, in the
   * place of its forms, one that asks to confirm it or to drop it: posts `kept`, `yes` or `no`.
   */
  readonly kept?: KeptForm | undefined
}

/** What an application may learn of somebody, as people are asked for it; in this order. */
export const LEARNT = [
  'name',
  'identifier',
  'language',
  'email',
  'user_type',
  'establishments',
  'classes',
  'children',
  'while_away',
] as const
export type Learnt = (typeof LEARNT)[number]

/** An application that the person allowed to learn things. */
export interface ConsentRow {
  readonly clientId: string
  readonly name: string
  readonly learns: readonly Learnt[]
  readonly at: string
}

/** A button that does one thing. */
export interface Button {
  readonly action: string
  readonly csrf: string
}

/** A form that was kept; `what`: its page and name, below `account.kept_what.` in the messages. */
export interface KeptForm extends Button {
  readonly what: string
}

export interface DeviceRow {
  readonly id: string
  readonly name: string
  /** Families: "Firefox", "Windows". */
  readonly browser: string
  readonly system: string
  readonly addedAt: string
  readonly lastSeenAt: string
  readonly here: boolean
}

export interface SessionRow {
  readonly id: string
  readonly browser: string
  readonly system: string
  readonly network: string
  readonly startedAt: string
  readonly here: boolean
  /** Names of the applications opened in it. */
  readonly applications: readonly string[]
}

/** One line of a person's sign-in history. */
export interface HistoryRow {
  readonly act: HistoryAct
  readonly at: string
  readonly network?: string | undefined
  readonly application?: string | undefined
}

/** Acts of the audit that a person is shown, below `history.` in the messages. */
export const HISTORY_ACTS = [
  'sign_in_completed',
  'login_refused',
  'pin_wrong',
  'passcode_wrong',
  'application_opened',
  'logout',
] as const
export type HistoryAct = (typeof HISTORY_ACTS)[number]

/** An OTP key as its holder sees it. Times are ISO 8601 instants. */
export interface KeyRow {
  readonly serial: string
  readonly source: 'hardware' | 'app'
  readonly state: 'assigned' | 'activation_closed' | 'in_service' | 'blocked' | 'lost'
  /** First use not later than this. */
  readonly firstUseBy?: string | undefined
  readonly lentUntil?: string | undefined
  readonly inServiceAt?: string | undefined
  readonly lastUsedAt?: string | undefined
}

/** Security notices that have words; another code (written by a newer version) reads generally. */
export const NOTICE_CODES = [
  'device_added',
  'device_dropped', // one more was added than the policy allows
  'device_forgotten_copied', // a copy of this device's cookie was in use elsewhere
  'pin_defined',
  'pin_reset',
  'pin_wrong', // the first of a day, on a device that is not one of theirs
  'pin_blocked',
  'new_connection',
  'password_changed',
  'protection_chosen', // at the first connection: something else than a PIN
  // Of an OTP key; its number is the parameter `key`.
  'key_assigned',
  'key_lent',
  'key_in_service',
  'key_activation_closed', // too many wrong tries, or its deadline has passed
  'key_activation_reopened',
  'key_blocked', // too many wrong PINs beside a right code
  'key_unblocked',
  'key_pin_reset',
  'key_lost',
  'key_withdrawn',
  'pin_changed', // by its owner, in the account
  'pin_reset_by_mail',
  'protection_changed', // by its owner, in the account
  'devices_forgotten', // by their owner, in the account
  'address_changed', // where mail about the account goes: parameter `address`
  'account_secured', // after *This wasn't me*
  'password_voided', // by the school
  'sessions_ended_by_owner', // in the account, others than the one it was done in
  'data_copied', // downloaded in the account
  'password_reset_by_mail', // a forgotten one, by its owner
  'password_replaced', // by a temporary one of the school
  'password_given_back', // that was taken back: the one before is in force again
  'password_expires', // to be changed not later than `until`
] as const

/** Something the person should know. Times are ISO 8601 instants. */
export interface Notice {
  readonly code: string
  readonly at: string
  /**
   * Of a key: its first use not later than this; of one that is lent (`key_lent`): its return; of a
   * password: its last moment.
   */
  readonly until?: string | undefined
  /** Shown where present: `key`, `device`, `browser`, `system`, `network`, `place`, `address`. */
  readonly params: Readonly<Record<string, string>>
  /** *This wasn't me*, where it may be somebody else's doing and can still be said. */
  readonly notMeHref?: string | undefined
}

export const ERROR_PAGE_CODES = [
  'session_not_found', // expired or unknown sign-in, back button after the end
  'cookies_blocked',
  'foreign_interaction', // this page belongs to another browser or tab's sign-in
  'already_done', // double submit, or a step that is behind us
  'form_expired', // CSRF token or Origin do not fit
  'bad_form', // what was posted to us cannot be read
  'bad_request', // the application's request is wrong
  'not_found',
  'busy', // 503, try again in a moment
  'unavailable', // 500
  'not_allowed', // by the role of an administrator
  'access_denied',
] as const
export type ErrorPageCode = (typeof ERROR_PAGE_CODES)[number]

/** The pages of people, and those of the console. */
export interface Pages extends ConsolePages {
  /** `<main data-step="login">` */
  login: Form & {
    identifier: string
    applicationName?: string | undefined
    /** They had begun before: it took too long, or the password was changed meanwhile. */
    over?: boolean
    /** A forgotten password was just replaced: sign in with the new one. */
    passwordReset?: boolean
    /** *Forgotten password*, where codes can be mailed and some policy allows it. */
    forgotten?: Button | undefined
    helpHref: string
  }
  /** `<main data-step="pin">` */
  pin: Form &
    Person & {
      shape: PinShape
      device?: DeviceOffer | undefined
      /** `new_device`: this browser is not recognised; `application`: the application asked for it. */
      reason: 'new_device' | 'application'
      applicationName?: string | undefined
      /** *Reset my PIN code*, where the policy lets people do it by mail. */
      reset?: Button | undefined
      /** The PIN was asked again on a device that they had added: why, and what to do, is on this page. */
      cookieHelpHref: string
      /** Asked before although this device was added: show that help openly. */
      askedAgain: boolean
      helpHref: string
    }
  /** `<main data-step="pin">` too: the PIN is blocked, no form but the way back. */
  pin_blocked: Person & { reset?: Button | undefined; helpHref: string }
  /** `<main data-step="define_pin">`. Choices: what else the policy offers; empty when the PIN is imposed. */
  define_pin: Form &
    Person & {
      shape: PinShape
      /** `first`: first connection; `imposed`; `application` asks for one; `replace`: the one in use was generated by the school. */
      reason: 'first' | 'imposed' | 'application' | 'replace'
      /** Whether *Define a PIN code* is ticked (first display: true). */
      definePin: boolean
      /** false: the policy offers no PIN, only the choice is shown. */
      pinOffered: boolean
      choices: readonly ('notification' | 'none')[]
    }
  /** `<main data-step="device">` */
  device: Form &
    Person & {
      offer: DeviceOffer
      protection: 'pin' | 'notification' | 'none'
      cookieHelpHref: string
    }
  /** `<main data-step="otp">`: the passcode (PIN of the key, then its code), in the field `passcode`. */
  otp: Form &
    Person & {
      hint: PasscodeHint
      /** `policy`: always asked of this user type; `application`: the application asked for it. */
      reason: 'policy' | 'application'
      applicationName?: string | undefined
      helpHref: string
    }
  /**
   * `<main data-step="first_use_code">`: the password was proved and the key was never used. The
   * digits that it shows, in the field `code`.
   */
  first_use_code: Form &
    Person & {
      codeLength?: number | undefined
      reason: 'policy' | 'application'
      applicationName?: string | undefined
      helpHref: string
    }
  /** `<main data-step="first_use_password">`: the digits were right, now the password (`password`). */
  first_use_password: Form & FirstUse
  /** `<main data-step="first_use_pin">`: the key's PIN, in `new_pin` and `confirm_pin`. */
  first_use_pin: Form & FirstUse & { shape: PinShape }
  /** `<main data-step="first_use_passcode">`: wait for the next code, then PIN and code (`passcode`). */
  first_use_passcode: Form &
    FirstUse & {
      hint: PasscodeHint
      /** The code shown now is the one that was typed before, as far as the key's clock is known. */
      mustWait: boolean
    }
  /**
   * `<main data-step="first_use_done">`: the PIN is defined, the key in service; one button leads on.
   * `counts` false: the key counts from the next sign-in only.
   */
  first_use_done: Form & {
    personName: string
    counts: boolean
    applicationName?: string | undefined
  }
  /** `<main data-step="account_keys">`: the person's OTP keys. `enrol` posts to begin with an app. */
  account_keys: AccountFrame & {
    keys: readonly KeyRow[]
    enrol?: Button | undefined
    helpHref: string
  }
  /**
   * `<main data-step="account_protection">`: what protects the account on new devices, and what the
   * policy leaves to choose. `choose` posts `protection`; `pinHref` leads to the page of the PIN.
   */
  account_protection: AccountFrame &
    Form & {
      /** In force; null: nothing chosen yet. */
      current: 'pin' | 'notification' | 'none' | null
      /** Offered by the policy, strongest first; one alone is imposed. */
      choices: readonly ('pin' | 'notification' | 'none')[]
      pin: 'none' | 'in_use' | 'generated' | 'blocked'
      /** None where the policy has no PIN, or it is blocked and nothing stands in for it. */
      pinHref?: string | undefined
      /** It is blocked, and can be reset by mail where it is asked for at a sign-in. */
      resettable: boolean
    }
  /** `<main data-step="account_pin">`: fields `current_pin` (where one is in use), `new_pin`, `confirm_pin`. */
  account_pin: AccountFrame &
    Form & {
      mode: 'define' | 'change'
      /** The present PIN is asked; not where a passcode stands in for it. */
      asksCurrent: boolean
      shape: PinShape
    }
  /** `<main data-step="account_devices">`: `forget` posts `device`, one id; `forgetAll` nothing more. */
  account_devices: AccountFrame & {
    devices: readonly DeviceRow[]
    forget: Button
    forgetAll: Button
    cookieHelpHref: string
  }
  /**
   * `<main data-step="account_sessions">`: `end` posts `session`, one id; `endOthers` nothing more;
   * `takeBack` posts `application`.
   */
  account_sessions: AccountFrame & {
    sessions: readonly SessionRow[]
    end: Button
    endOthers: Button
    consents: readonly ConsentRow[]
    takeBack: Button
  }
  /** `<main data-step="account_history">`, newest first. */
  account_history: AccountFrame & {
    notices: readonly Notice[]
    entries: readonly HistoryRow[]
  }
  /**
   * `<main data-step="account_password">`: fields `current_password` (unless `stoodIn`: a passcode
   * was given instead), `new_password`, `confirm_password`, ticks `end_sessions`, `forget_devices`.
   * No form where the account has no password of its own here (`hasPassword` false).
   */
  account_password: AccountFrame &
    Form & {
      hasPassword: boolean
      stoodIn: boolean
      identifier: string
      rules: PasswordRules
      /** Ticked before, kept across an error; never ticked beforehand. */
      endSessions?: boolean | undefined
      forgetDevices?: boolean | undefined
    }
  /**
   * `<main data-step="account_address">`: where mail goes. First the field `email`; once a code was
   * sent to `pending`, the field `code`, in a form of its own beside the first, with the same
   * address. `remove` forgets the proved address.
   */
  account_address: AccountFrame &
    Form & {
      /** Given by the school. */
      imported?: string | undefined
      /** Proved by the person; comes first. */
      verified?: string | undefined
      pending?: string | undefined
      /** Typed before, kept across an error. */
      email?: string | undefined
      remove?: Button | undefined
      /** Mail can be sent here at all. */
      mails: boolean
    }
  /** `<main data-step="account_language">`: field `locale`, `fr`, `en` or empty (as the browser asks). */
  account_language: AccountFrame & Form & { locale: Locale | '' }
  /** `<main data-step="account_data">`: a button that downloads a copy of one's data. */
  account_data: AccountFrame & { download: Button }
  /** `<main data-step="not_me">`: from a mail, a page with one button; posts `token`. */
  not_me: Form & {
    token: string
    personName: string
    /** There is a PIN to block, a password to void. */
    hasPin: boolean
    hasPassword: boolean
    notice: Notice
  }
  /** `<main data-step="not_me_done">`: what was done, and the ways back in. */
  not_me_done: {
    personName: string
    hasPin: boolean
    hasPassword: boolean
    hasKey: boolean
    /** A new password can be set with a code mailed to the confirmed address. */
    mailedCode: boolean
    helpHref: string
  }
  /** `<main data-step="not_me_over">`: the link is too old, or was used. */
  not_me_over: { helpHref: string; signInHref: string }
  /**
   * `<main data-step="pin_reset_code">`: a code was mailed to `address` (masked); field `code`, and a
   * button that sends another (`again`), until `left` mails are used up.
   */
  pin_reset_code: Form &
    Person & {
      address: string
      minutes: number
      again?: Button | undefined
      back: Button
      helpHref: string
    }
  /** `<main data-step="pin_reset_define">`: `new_pin` and `confirm_pin`. */
  pin_reset_define: Form & Person & { shape: PinShape; back: Button }
  /**
   * `<main data-step="pin_reset_refused">`: no code can be sent. `no_address`; `too_many`: mails in a
   * row, `too_many_today`: in a day; `mailed_password`: a password was reset by mail within a day.
   */
  pin_reset_refused: Person & {
    reason: 'no_address' | 'too_many' | 'too_many_today' | 'mailed_password'
    back: Button
    helpHref: string
  }
  /**
   * `<main data-step="enrol_app">`: QR code and text of a new app's secret, then the fields
   * `new_pin`, `confirm_pin` (the PIN chosen for it) and `code` (what the app shows).
   */
  enrol_app: Form & {
    personName: string
    /** Side of the code in modules (margin included), and the path of its dark ones in that grid. */
    qr: { readonly size: number; readonly path: string }
    /** The same for an app on this very device: an `otpauth:` address (Key URI format). */
    uri: string
    /** Base32, in groups of four. */
    secretGroups: readonly string[]
    /** How the app will call the account. */
    issuer: string
    accountName: string
    shape: PinShape
    codeLength: number
    /** How long the secret is kept, and how long one is not asked again who one is. */
    minutes: number
    proofMinutes: number
    cancel: { readonly action: string; readonly csrf: string }
  }
  /** `<main data-step="change_password">` */
  change_password: Form &
    Person & {
      identifier: string
      /** Why: it is temporary, has expired, or must be another one: the school's wish, or voided. */
      reason: 'temporary' | 'expired' | 'required'
      rules: PasswordRules
    }
  /**
   * `<main data-step="password_reset">`: a forgotten password; whose, in the field `identifier`.
   * `back` leads to the login page.
   */
  password_reset: Form & { identifier: string; back: Button; helpHref: string }
  /**
   * `<main data-step="password_reset_code">`: a code was mailed, if there is somebody by that
   * identifier with an address that they have confirmed: the page is the same if not. Field `code`;
   * `again` posts for another code.
   */
  password_reset_code: Form & {
    identifier: string
    minutes: number
    again: Button
    back: Button
    helpHref: string
  }
  /** `<main data-step="password_reset_define">`: `new_password` and `confirm_password`. */
  password_reset_define: Form & {
    personName: string
    identifier: string
    rules: PasswordRules
    back: Button
  }
  /** `<main data-step="unmet">`: a proof is wanted that this person cannot give. One button: back to it. */
  unmet: Form & {
    reason: 'no_pin' | 'pin_blocked' | 'no_otp_key' | 'unsupported'
    /** The policy of the school wants it, whatever the application asks. */
    byPolicy: boolean
    applicationName: string
    helpHref: string
  }
  /** `<main data-step="refused">`: the sign-in worked, the application is not for this type of user. */
  /** `<main data-step="consent">`: posts `answer`, `allow` or `refuse`, and `learns` as shown. */
  consent: Form &
    Person & {
      applicationName: string
      reason: 'first_time' | 'learns_more' | 'asked_again'
      learns: readonly Learnt[]
    }
  refused: Form & { applicationName: string; portalHref: string }
  /** `<main data-step="portal">` */
  portal: {
    personName: string
    /** The person's own account: what protects it. */
    accountHref: string
    applications: readonly { name: string; href: string; logoUrl?: string | undefined }[]
    /** Of whoever administers; null: nobody who does. */
    consoleHref: string | null
    signOutHref: string
    notices: readonly Notice[]
  }
  /** `<main data-step="logout">`: confirmation. `csrf` is the OP's own `xsrf` value, posted as `xsrf`. */
  logout: {
    action: string
    xsrf: string
    applicationName?: string | undefined
    /** Confirmed by the application's valid `id_token_hint`: a script sends the form at once. */
    auto: boolean
  }
  /** `<main data-step="continue">`: sent at once by a script, with a button where there is none. */
  continue: { action: string; xsrf: string; reason: 'other_account' | 'signed_out' }
  /** `<main data-step="logged_out">` */
  logged_out: { signInHref: string; applicationName?: string | undefined }
  /** `<main data-step="error">` */
  error: {
    code: ErrorPageCode
    /** Where a click goes on; labelled by `error.<code>.action`. */
    actionHref?: string | undefined
    retryAfterSeconds?: number | undefined
    /** A short opaque code to give to the support; never an internal message. */
    reference?: string | undefined
    /** For `bad_request`: the OAuth error and its description, for the application's developer. */
    technical?: string | undefined
    helpHref: string
    cookieHelpHref: string
  }
  /** `<main data-step="help">`: lost identifier, password, PIN, key; contacts. */
  help: { backHref?: string | undefined }
  /** `<main data-step="help_cookies">`: `address` is the exact host to allow. */
  help_cookies: { address: string; backHref?: string | undefined }
}

export type PageName = keyof Pages
