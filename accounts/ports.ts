import type { RefusedTry } from '../policies/lockout.ts'
import type { KeyClock } from '../policies/otp_window.ts'
import type { PolicySet, Protection } from '../policies/policy.ts'
import type { UserType } from '../policies/user_type.ts'
import type { Account, ChosenLocale, PasswordRecord, Person, PinRecord } from './account.ts'
import type { ConsoleSessions, InviteStore, Leases, RoleStore } from './admin_ports.ts'
import type { ApplicationStore, ConsentStore, LaunchStore } from './application_ports.ts'
import type { ForeignHash } from './foreign_hash.ts'
import type { ImportFiles, ImportMappings } from './import_ports.ts'
import type { IssuedSecrets, JobStore } from './job_ports.ts'
import type { OtpKey, OtpKeyState } from './otp_key.ts'
import type { Sealer } from './seal.ts'

/** Milliseconds since 1970. */
export type Clock = () => number

export interface Random {
  /** `size` bytes from a cryptographic generator. */
  bytes(size: number): Uint8Array
  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number
}

/** One account in the store. Times are ms since 1970 everywhere. */
export interface AccountStore {
  bySub(sub: string): Promise<Account | null>
  /** `key` as `identifierKey` gives it. */
  byIdentifier(key: string): Promise<Account | null>
  byExternalId(externalId: string): Promise<Account | null>
  /** Who has, or ever had, this identifier; null: nobody. It is never given to somebody else. */
  identifierHolder(key: string): Promise<string | null>
  /** Every identifier that somebody has or had, as keys. */
  identifiersOf(sub: string): Promise<string[]>
  /**
   * Removes an account with all that is kept under its `sub` but its OTP keys, its letters and the
   * audit, and the counted tries of `subjects`. Of its identifiers keyed hashes stay: they are never
   * given to anybody again. In the caller's transaction.
   */
  erase(sub: string, subjects: readonly string[], nowMs: number): Promise<void>
  /** Who answers for a pupil, by the pupil's key in the directory; at most `limit`. */
  guardiansOf(externalId: string, limit: number): Promise<Account[]>
  /** As `identifierHolder` and `byExternalId`, for many (at most 1,000 of each). */
  lookUp(
    keys: readonly string[],
    externalIds: readonly string[],
  ): Promise<{
    /** By key: the `sub` of who has or had it. */
    readonly holders: ReadonlyMap<string, string>
    readonly byExternalId: ReadonlyMap<string, Account>
  }>
  /** Those of these (at most 1,000) that there are, in no order. */
  bySubs(subs: readonly string[]): Promise<Account[]>
  insert(sub: string, person: Person, nowMs: number): Promise<void>
  /** As `insert`, for many (at most 1,000), none of whom is there and whose identifiers nobody has. */
  insertAll(
    people: readonly { readonly sub: string; readonly person: Person }[],
    nowMs: number,
  ): Promise<void>
  /** Replaces what the directory knows; secrets and protection stay. */
  update(sub: string, person: Person, nowMs: number): Promise<void>
  setProtection(sub: string, protection: Protection): Promise<void>
  /** Moves `valid_after` forward, never back. */
  voidBefore(sub: string, timeMs: number): Promise<void>
  setDisabled(sub: string, atMs: number | null): Promise<void>
  setPassword(sub: string, password: PasswordRecord): Promise<void>
  /**
   * Replaces a password only while `expectedSealed` is still the one stored: of two parallel
   * changes one is true, the other false.
   */
  replacePassword(sub: string, expectedSealed: string, password: PasswordRecord): Promise<boolean>
  /** As `replacePassword`; it is remembered that this was done with a mailed code, when it was set. */
  resetPasswordByMail(
    sub: string,
    expectedSealed: string,
    password: PasswordRecord,
  ): Promise<boolean>
  /** Stores a PIN and marks that the account had one. */
  setPin(sub: string, pin: PinRecord): Promise<void>
  /** Stores a PIN only while the account's is `expectedSealed` (null: has none). */
  replacePin(sub: string, expectedSealed: string | null, pin: PinRecord): Promise<boolean>
  setPinBlocked(sub: string, atMs: number | null): Promise<void>
  /** The PIN goes; that the account had one stays known. */
  removePin(sub: string): Promise<void>
  /** The password serves no more, as it is; true unless there is none, or it was void before. */
  voidPassword(sub: string, atMs: number): Promise<boolean>
  /** `changed`: when (ms), and what to go back to. Without it, this is an address nobody doubts. */
  setVerifiedEmail(
    sub: string,
    email: string | null,
    changed?: { readonly atMs: number; readonly previous: string | null },
  ): Promise<void>
  /** What the person chose; what the directory says stays beside it. */
  setLocale(sub: string, chosen: ChosenLocale | null): Promise<void>
  /**
   * What the last import set as the password, in a form of the importer's own (no secret can be
   * read from it); null: never any. A repeated import compares with it. Column `import_mark`.
   */
  importMark(sub: string): Promise<string | null>
  setImportMark(sub: string, mark: string): Promise<void>
  /** People of one type in one establishment that have an external id, for leavers. */
  listActive(
    establishment: string,
    userType: UserType,
  ): Promise<
    {
      sub: string
      externalId: string
      identifier: string
      /** Given and family name. */
      name: string
      holdsRole: boolean
    }[]
  >
  /** Disabled, and since when (ms) gone: erased after a while. `setDisabled(sub, null)` undoes both. */
  setLeft(sub: string, atMs: number): Promise<void>
  /** Since when they are gone; null: they are not. */
  leftAt(sub: string): Promise<number | null>
  /** Not gone any more; stays disabled. */
  clearLeft(sub: string): Promise<void>
  /** Gone at or before then, the longest gone first; nobody who holds a role. */
  goneBefore(timeMs: number, limit: number): Promise<{ sub: string; leftAt: number }[]>
  /** How many are gone, how many of them since then or before, and since when the first one. */
  gone(timeMs: number): Promise<{ all: number; due: number; firstLeftAt: number | null }>
}

/** People to act upon: those whom all that is given holds for. Disabled ones are never among them. */
export interface Selection {
  readonly userType?: UserType | undefined
  /** UAI code. A guardian without one is where their children are. */
  readonly establishment?: string | undefined
  /** Of a pupil or teacher; of a guardian: of a child of theirs. As written in the directory. */
  readonly className?: string | undefined
  /** As `identifierKey` gives them; at most `SELECTED_IDENTIFIERS_MAX`. */
  readonly identifiers?: readonly string[] | undefined
}

export const SELECTED_IDENTIFIERS_MAX = 10_000

/** Somebody of a selection, with what puts them in order on paper. */
export interface Listed {
  readonly sub: string
  readonly userType: UserType
  readonly givenName: string
  readonly familyName: string
  /** Their own; of a guardian: their children's. First the one that was selected by. */
  readonly classes: readonly string[]
}

/** Lists of people. Reads only, in SQL that any index serves. */
export interface PeopleLists {
  /** By `sub`, from after `after`. */
  page(selection: Selection, after: string | null, limit: number): Promise<Account[]>
  count(selection: Selection): Promise<Record<UserType, number>>
  /**
   * Where those of a selection belong for a list on paper, in order; null: in no establishment.
   * Somebody of several belongs to the one that is selected, else to the first; a guardian who has
   * none, where their children do.
   */
  homes(selection: Selection): Promise<(string | null)[]>
  /** Those of a selection who belong there, in no order. */
  atHome(selection: Selection, home: string | null): Promise<Listed[]>
  /** Those of these identifiers (keys) that nobody has. */
  unknown(identifiers: readonly string[]): Promise<string[]>
}

/**
 * One generation of temporary passwords. `prepared`: being written to its files, in force for
 * nobody; `entering`: complete, and coming into force; `leaving`: being taken back.
 */
export interface PasswordBatch {
  readonly id: string
  readonly atMs: number
  readonly by: string
  /** Whom it was for, in words. */
  readonly selection: string
  readonly state: 'prepared' | 'entering' | 'in_force' | 'leaving' | 'taken_back'
  /** Somebody signed in with a password of it then (ms); null: nobody has. */
  readonly firstUsedAt: number | null
  /** How many passwords. */
  readonly size: number
}

/** Somebody whose password a batch has replaced, or given back. */
export interface Replaced {
  readonly sub: string
  /** What they had; null: none. */
  readonly was: PasswordRecord | null
}

/** Temporary passwords by generation. Each of these is one atomic act. */
export interface PasswordBatches {
  /** A new batch, `prepared`. */
  begin(batch: Pick<PasswordBatch, 'id' | 'atMs' | 'by' | 'selection'>): Promise<void>
  /** Adds passwords to one that is prepared: at most 1,000 at once. */
  prepare(id: string, entries: readonly { sub: string; sealed: string }[]): Promise<void>
  /**
   * Its files are complete: from `prepared` to `entering`. `dropped`: it is in another state.
   * `overtaken`: another batch for some of the same people came into force since it was begun, and
   * it is given up.
   */
  enter(id: string, nowMs: number): Promise<'ok' | 'dropped' | 'overtaken'>
  /**
   * Puts the next passwords of a batch that is entering in force, set now, and keeps what they
   * replace: in the caller's transaction. Whoever is disabled or gone by then is left out, and who
   * has another password since the batch was begun keeps it. None left: it is in force.
   */
  enterNext(id: string, nowMs: number, limit: number): Promise<Replaced[]>
  /**
   * A password of this batch was right: notes the first time. False: the batch is being taken
   * back, and its passwords serve nobody.
   */
  use(id: string, nowMs: number): Promise<boolean>
  /** To `leaving`, unless a password of it was used; says why not. */
  leave(
    id: string,
    nowMs: number,
  ): Promise<'ok' | 'unknown' | 'used' | 'not_in_force' | 'forgotten'>
  /** As `enterNext`: gives back what those have replaced that are in force still. */
  leaveNext(id: string, nowMs: number, limit: number): Promise<Replaced[]>
  find(id: string): Promise<PasswordBatch | null>
  /** Gives up one that is prepared; false: it is in another state. */
  abandon(id: string, nowMs: number): Promise<boolean>
  /** Those of a batch, by `sub`, from after `after`; `given`: they were given its password. */
  entries(
    id: string,
    after: string | null,
    limit: number,
  ): Promise<{ readonly sub: string; readonly given: boolean }[]>
  /** Those of these who are in it. */
  among(id: string, subs: readonly string[]): Promise<string[]>
  /** Batches that are entering or leaving. */
  unfinished(): Promise<PasswordBatch[]>
  /** Newest first. */
  list(limit: number): Promise<PasswordBatch[]>
  /**
   * Forgets batches that were prepared before `preparedMs` and never completed, and of those that
   * were used, or are from before `oldMs`, the passwords that they replaced. Returns how many rows.
   */
  purge(before: { readonly preparedMs: number; readonly oldMs: number }): Promise<number>
}

/** Whose password is to be changed, or expires. */
export interface PasswordLists {
  /**
   * Asks these (at most 1,000) for a change at the next connection; only those whose password is
   * their own, and was not to be changed already. Returns them. One of their own that a batch has
   * replaced is to be changed should it come back.
   */
  forceChange(subs: readonly string[]): Promise<string[]>
  /**
   * Takes that back for these: those whose password is their own, is to be changed, and was set not
   * later than then. Returns them.
   */
  unforceChange(subs: readonly string[], setBeforeMs: number): Promise<string[]>
  /**
   * People of a type with a password of their own that was set not later than `setBeforeMs`, and
   * for which fewer than `sent` reminders were sent. By `sub`, from after `after`.
   */
  toRemind(
    query: { readonly userType: UserType; readonly setBeforeMs: number; readonly sent: number },
    after: string | null,
    limit: number,
  ): Promise<Account[]>
  /** People of a type with a password of their own that serves and was set not later than then. */
  countOlder(userType: UserType, setBeforeMs: number): Promise<number>
  /** Notes reminders of the password that was set then; true for exactly one caller. */
  remind(sub: string, setAt: number, sent: number): Promise<boolean>
}

/** First and last day of a time without school, ISO dates: `['2026-12-19', '2027-01-03']`. */
export type HolidayDays = readonly [first: string, last: string]

export interface SchoolCalendar {
  /** UAI code. */
  readonly establishment: string
  readonly atMs: number
  readonly by: string
  readonly days: readonly HolidayDays[]
}

/** Holidays by establishment. */
export interface CalendarStore {
  find(establishments: readonly string[]): Promise<SchoolCalendar[]>
  list(): Promise<SchoolCalendar[]>
  /** Replaces that of its establishment. */
  save(calendar: SchoolCalendar): Promise<void>
  /** False: there was none. */
  remove(establishment: string): Promise<boolean>
}

/** Where a try comes from: a browser the person succeeded on before, else the network. */
export interface Place {
  readonly kind: 'browser' | 'network'
  readonly key: string
}

export type Admission =
  | { readonly admitted: true; readonly place: Place }
  | { readonly admitted: false; readonly place: Place; readonly why: RefusedTry }

/**
 * Password tries, counted per subject (keyed hash of what was typed, so that unknown identifiers
 * cost and count the same) and place. The rules are those of `policies/lockout.ts`.
 */
export interface PasswordTries {
  /**
   * Admits a try and counts it as a failure in advance, in one atomic act: of parallel tries no
   * more are admitted than the rules allow, and a crash takes nothing back. A refused try is not
   * counted. `browser` counts as the place only if this subject succeeded on it before.
   */
  begin(subject: string, browser: string | null, network: string, nowMs: number): Promise<Admission>
  /** Whether this subject ever succeeded on this browser. Reads only. */
  isKnown(subject: string, browser: string): Promise<boolean>
  /** Gives a counted try back unjudged: the hashing queue was full, or it is only half of one. */
  release(subject: string, place: Place): Promise<void>
  /** The try was right: clears what its place caused, and remembers browser and network. */
  succeed(
    subject: string,
    place: Place,
    browser: string,
    network: string,
    nowMs: number,
  ): Promise<void>
  /** Remembers browser and network as places of this subject; counts stay as they are. */
  remember(subject: string, browser: string, network: string, nowMs: number): Promise<void>
}

/** PIN tries, counted per account for all processes. */
export interface PinTries {
  /**
   * Reserves one try before anything is hashed, atomically. `blocked`: no more tries until it is
   * reset; `busy`: tries in flight might use up the limit, ask again. A reservation that nobody
   * settled within a minute (a crash) counts as wrong. `blockedNow`: this very act blocked the PIN,
   * because of such reservations or of a limit that is lower than it was.
   */
  begin(
    sub: string,
    browser: string,
    limit: number,
    nowMs: number,
  ): Promise<
    | { ok: true; tryId: string }
    | { ok: false; reason: 'blocked'; blockedNow: boolean }
    | { ok: false; reason: 'busy' }
  >
  /** The reserved try was wrong. Blocks the account's PIN when it was the last one. */
  wrong(
    sub: string,
    tryId: string,
    limit: number,
    nowMs: number,
  ): Promise<{ blocked: boolean; left: number }>
  /** The reserved try was right: clears what this browser caused. The rest fades in 24 h. */
  right(sub: string, tryId: string, browser: string): Promise<void>
  /** A reservation given back untried: the hashing queue was full. */
  release(tryId: string): Promise<void>
  /** Unblocked or reset by an administrator: all counts go. */
  clear(sub: string): Promise<void>
}

/** A code about to be used: see `OtpKeyStore.claim`. */
export interface CodeClaim {
  readonly serial: string
  /** Whose key it has to be; empty: nobody's. */
  readonly sub: string
  /** The state that the key was read in, and has to be in still. */
  readonly state: OtpKeyState
  readonly step: number
  /** `first_of_two`: noted, and never accepted; but where the key stands does not change. */
  readonly as: 'good' | 'first_of_two'
  readonly clock: KeyClock
  /** Counts a wrong PIN in advance; `settle` takes it back when the PIN is right. */
  readonly countsPin: boolean
}

/** What became of a try, for `OtpKeyStore.settle`. */
export type CodeOutcome =
  | 'right'
  | 'wrong_pin'
  | 'unjudged'
  | 'wrong_first_use'
  | 'wrong_first_use_proved'

/** Keys by state, and those that are lent. */
export type KeyCounts = Readonly<Record<OtpKeyState | 'lent', number>>

export interface OtpKeyFilter {
  /** As stored; what a deadline or the end of a loan has changed since is the caller's to see. */
  readonly state?: OtpKeyState
  readonly sub?: string
  /** Only those that are lent. */
  readonly lent?: boolean
}

/** OTP keys: their seeds sealed, their PINs hashed. */
export interface OtpKeyStore {
  /** `serial` as `serialKey` gives it. */
  find(serial: string): Promise<OtpKey | null>
  /** Every key that is this person's, whatever its state, first assigned first. */
  ofPerson(sub: string): Promise<OtpKey[]>
  /** False when the serial is there already; that key stays as it is. */
  add(key: OtpKey): Promise<boolean>
  /** Replaces the key of this serial. To be called in the transaction that has read it. */
  save(key: OtpKey): Promise<void>
  /**
   * Uses up a code, in one atomic act: of parallel claims of one step exactly one is true, and no
   * step or counter below one that was claimed ever is again, nor one that was claimed as
   * `first_of_two`. False, too, when the key is no longer this person's, no longer in this state, or has no PIN tries left. Null claims nothing, for the
   * same work.
   */
  claim(claim: CodeClaim | null, nowMs: number): Promise<boolean>
  /**
   * Writes down what became of a try, with one statement whatever it was and for however many keys.
   * `right`: no wrong PINs any more. `wrong_pin`: stays counted. `unjudged`: takes the count back.
   * `wrong_first_use`, `wrong_first_use_proved`: counts it. Returns the keys as they are now, those
   * that are still this person's.
   */
  settle(
    sub: string,
    serials: readonly string[],
    outcome: CodeOutcome,
    nowMs: number,
  ): Promise<OtpKey[]>
  /** An app's key whose person is gone. */
  remove(serial: string): Promise<void>
  /** How many in each state, as stored; `lent`: of those in somebody's hands. */
  count(): Promise<KeyCounts>
  /** By serial, from after `after`. */
  list(filter: OtpKeyFilter, after: string | null, limit: number): Promise<OtpKey[]>
  /** Keys whose deadline or loan ended by now, without that being written down. */
  overdue(nowMs: number, limit: number): Promise<OtpKey[]>
}

/** Something to be told outside, whatever happens to this process meanwhile. */
export interface OutboxItem {
  readonly id: string
  readonly kind: 'mail' | 'logout'
  /** What to send, sealed and bound to the id: it may hold a code. */
  readonly sealed: string
  readonly createdAt: number
  /** Tries so far, with the one that it was taken for. */
  readonly attempts: number
}

/** To be put in; `sub`: whom it is for, by which it is found when they are erased. */
export type NewOutboxItem = Omit<OutboxItem, 'attempts'> & { readonly sub?: string }

/** Which take of which item: whoever takes it next has one more attempt. */
type Taken = Pick<OutboxItem, 'id' | 'attempts'>

export interface Outbox {
  /** In the transaction of what it tells. Due at once. `priority`: lower goes first, of its kind. */
  add(item: NewOutboxItem, priority: number): Promise<void>
  /** As `add`, for many (at most 1,000). */
  addAll(items: readonly NewOutboxItem[], priority: number): Promise<void>
  /**
   * Takes what is due of one kind, by priority and then oldest first: nobody else gets it for
   * `leaseMs`, and everybody after that, so that a worker that dies loses nothing.
   */
  take(
    kind: OutboxItem['kind'],
    nowMs: number,
    leaseMs: number,
    limit: number,
  ): Promise<OutboxItem[]>
  /** Drops the mails to this person that wait. Applications are told of ended sessions all the same. */
  forget(sub: string): Promise<void>
  /** Over, for good: sent, or given up. False: the lease had ended, and it is another's now. */
  remove(item: Taken): Promise<boolean>
  /** Not yet: to be taken again from then on. False as for `remove`. */
  postpone(item: Taken, dueAtMs: number): Promise<boolean>
}

/** The last two are kept to be counted, by network; nobody is mailed any. */
export type MailedCodePurpose =
  | 'pin_reset'
  | 'address'
  | 'password_reset'
  | 'password_reset_network'
  | 'password_reset_tries'

/** Codes sent by mail, as keyed hashes. */
export interface MailedCodes {
  /**
   * Keeps a new code, in the transaction that queues its mail; codes of the same flow end. False,
   * and nothing is kept, where this account has had too many for this purpose (`limits`).
   */
  add(
    code: {
      readonly id: string
      readonly sub: string
      readonly purpose: MailedCodePurpose
      /** The flow, and with it the browser, that alone may use it. */
      readonly boundTo: string
      readonly codeHash: string
      readonly atMs: number
      readonly expiresAt: number
    },
    limits: readonly { readonly most: number; readonly withinMs: number }[],
  ): Promise<boolean>
  /**
   * Counts a try, and only then gives the hash to compare with: of parallel tries no more than
   * `triesMax` ever get it. Null: unknown, of another flow, over, or used up.
   */
  tryOnce(id: string, boundTo: string, triesMax: number, nowMs: number): Promise<string | null>
  /** Ends a code that was right; true for exactly one caller. */
  end(id: string): Promise<boolean>
  /** The code of a flow that can still be tried, and when it was sent (ms); null: none. */
  live(
    flow: { readonly sub: string; readonly purpose: MailedCodePurpose; readonly boundTo: string },
    triesMax: number,
    nowMs: number,
  ): Promise<{ readonly id: string; readonly atMs: number } | null>
  /** Whether `add` would refuse one more now. */
  isFull(
    sub: string,
    purpose: MailedCodePurpose,
    limits: readonly { readonly most: number; readonly withinMs: number }[],
    nowMs: number,
  ): Promise<boolean>
}

/** A browser that one person added. */
export interface Device {
  readonly id: string
  readonly sub: string
  readonly browserId: string
  readonly name: string
  /** Families such as "Firefox" and "Windows"; no fingerprint. */
  readonly browserName: string
  readonly systemName: string
  readonly network: string
  readonly addedAt: number
  readonly lastSeenAt: number
  readonly addedUnder: 'pin' | 'notification'
}

/** What a browser's cookie says. `stale`: a copy that the browser itself has since replaced. */
export type Presented =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'known'; readonly browserId: string }
  | { readonly kind: 'stale'; readonly browserId: string }

export interface DeviceStore {
  /** Reads a cookie (its SHA-256) without using it up. */
  present(tokenHash: string): Promise<Presented>
  /**
   * Uses a cookie at a sign-in whose password was right, and mints its successor in one atomic
   * act. The presented value stays good until a successor has itself been presented; then it is
   * stale, with every other successor. A successor is good for the devices that the presented
   * value is good for. `next` is ignored when the presented one is stale. An unknown cookie makes
   * a new browser.
   */
  use(
    tokenHash: string | null,
    next: { tokenHash: string; browserId: string },
    nowMs: number,
  ): Promise<Presented & { kind: 'known' | 'stale' }>
  /**
   * Before a device is added, which is then bound to `next` alone: as `use`, but a stale cookie
   * makes a new browser too. Returns the browser.
   */
  renew(
    tokenHash: string | null,
    next: { tokenHash: string; browserId: string },
    nowMs: number,
  ): Promise<string>
  find(browserId: string, sub: string): Promise<Device | null>
  /**
   * This person's device that a cookie is good for: it was bound to this value, or to one that this
   * one was minted from. Null for a stale one.
   */
  recognised(tokenHash: string, sub: string): Promise<Device | null>
  /** Makes a value of its browser's cookie, and what is minted from it, good for a device. */
  bind(id: string, tokenHash: string): Promise<void>
  list(sub: string): Promise<Device[]>
  /** Adds, or replaces the one of the same browser and person. No cookie is good for it yet. */
  add(device: Device): Promise<void>
  seen(id: string, network: string, nowMs: number): Promise<void>
  remove(id: string): Promise<void>
  removeAll(sub: string, addedUnder?: 'pin' | 'notification'): Promise<number>
  /**
   * A stale copy of the cookie was used by this person. True once both copies turn out to be in
   * use: the stale one again, after the good one in between. The device is then to be forgotten.
   */
  staleCopyUsed(browserId: string, sub: string, nowMs: number): Promise<boolean>
  /** The good copy was used by this person. */
  goodCopyUsed(browserId: string, sub: string): Promise<void>
  /**
   * Forgets cookies last used, and devices added, before these times (ms). Returns how many
   * devices went.
   */
  purge(before: { readonly cookiesMs: number; readonly devicesMs: number }): Promise<number>
}

export type NoticeCode =
  | 'new_connection'
  | 'device_added'
  | 'device_dropped'
  | 'device_forgotten_copied'
  | 'pin_defined'
  | 'pin_reset'
  | 'pin_wrong'
  | 'pin_blocked'
  | 'password_changed'
  | 'protection_chosen'
  | 'key_assigned'
  | 'key_lent'
  | 'key_in_service'
  | 'key_activation_closed'
  | 'key_activation_reopened'
  | 'key_blocked'
  | 'key_unblocked'
  | 'key_pin_reset'
  | 'key_lost'
  | 'key_withdrawn'
  | 'pin_changed'
  | 'pin_reset_by_mail'
  | 'protection_changed'
  | 'devices_forgotten'
  | 'address_changed'
  | 'account_secured'
  | 'password_voided'
  | 'sessions_ended_by_owner'
  | 'data_copied'
  | 'password_reset_by_mail'
  | 'password_replaced'
  | 'password_given_back'
  | 'password_expires'

/** Something that the person is told, in the account and, later, by mail. */
export interface Notice {
  readonly id: string
  readonly sub: string
  readonly code: NoticeCode
  readonly atMs: number
  readonly params: Readonly<Record<string, string>>
  /** When *This wasn't me* was said to it (ms); null: not. */
  readonly answeredAt: number | null
}

/** Something to tell. */
export type NewNotice = Omit<Notice, 'answeredAt'>

export interface NoticeStore {
  add(notice: NewNotice): Promise<void>
  /** As `add`, for many (at most 1,000). */
  addAll(notices: readonly NewNotice[]): Promise<void>
  /** Newest first. */
  list(sub: string, limit: number): Promise<Notice[]>
  /** This one, if it is this person's. */
  find(id: string, sub: string): Promise<Notice | null>
  /** When the newest of this code was added; null: never. */
  newest(sub: string, code: NoticeCode): Promise<number | null>
  /** *This wasn't me* was said to this one; true for exactly one caller. */
  answer(id: string, sub: string, atMs: number): Promise<boolean>
}

export interface AuditEntry {
  readonly id: string
  readonly atMs: number
  /** Such as `login_right`; the closed list is in `audit.ts`. */
  readonly act: string
  readonly outcome: 'done' | 'refused'
  /** Who acted: a `sub`, or `cli:<system user>`; null: nobody known. */
  readonly actor: string | null
  /** Whom it concerns. */
  readonly sub: string | null
  readonly clientId: string | null
  readonly network: string | null
  readonly browserId: string | null
  /** Facts of the act. Never a secret. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

export interface AuditLog {
  /** An entry whose id is there already is not written again. */
  append(entry: AuditEntry): Promise<void>
  /** As `append`, for many (at most 1,000). */
  appendAll(entries: readonly AuditEntry[]): Promise<void>
  /**
   * Somebody is erased: what their entries say of them goes. That there was an entry, when and of
   * what act, stays, and so does what proves it.
   */
  forgetPerson(sub: string): Promise<void>
  /** Newest first. */
  list(filter: { sub?: string; act?: string }, limit: number): Promise<AuditEntry[]>
}

export interface PolicyVersion {
  readonly id: string
  readonly atMs: number
  /** A `sub`, `cli:<system user>`, or `file`: that of the settings. */
  readonly by: string
  readonly why: string
  readonly policies: PolicySet
}

export interface PolicyStore {
  /** The policies in force; the defaults where none was ever applied. Cached until changed. */
  current(): Promise<PolicySet>
  /** The version in force; null: none was ever saved. */
  newest(): Promise<PolicyVersion | null>
  find(id: string): Promise<PolicyVersion | null>
  /** Newest first; `before`: those that came before this one. */
  list(before: string | null, limit: number): Promise<PolicyVersion[]>
  /**
   * Saves a version that was made from `expectedId` (null: from the defaults). False, and nothing
   * is saved, where that is not the newest any more.
   */
  save(version: PolicyVersion, expectedId: string | null): Promise<boolean>
}

/** Everything durable, as one act sees it. */
export interface Tables {
  readonly accounts: AccountStore
  readonly passwordTries: PasswordTries
  readonly pinTries: PinTries
  readonly otpKeys: OtpKeyStore
  readonly outbox: Outbox
  readonly mailedCodes: MailedCodes
  readonly devices: DeviceStore
  readonly people: PeopleLists
  readonly passwordBatches: PasswordBatches
  readonly passwordLists: PasswordLists
  readonly calendars: CalendarStore
  readonly notices: NoticeStore
  readonly audit: AuditLog
  readonly policies: PolicyStore
  readonly roles: RoleStore
  readonly applications: ApplicationStore
  readonly launches: LaunchStore
  readonly consents: ConsentStore
  readonly invites: InviteStore
  readonly consoleSessions: ConsoleSessions
  readonly leases: Leases
  readonly jobs: JobStore
  readonly importFiles: ImportFiles
  readonly importMappings: ImportMappings
  readonly issuedSecrets: IssuedSecrets
}

export interface Store extends Tables {
  /**
   * Runs `act` in one serialisable transaction: all of it or nothing. `act` may run again after a
   * conflict, awaits nothing but its `tables`, and never touches the store itself.
   */
  transact<T>(act: (tables: Tables) => Promise<T>): Promise<T>
}

/** Who asks, for the fair hashing queue: people on browsers of theirs have a lane of their own. */
export interface HashLane {
  readonly known: boolean
  /** Person or network; tries of one key wait behind one another. */
  readonly key: string
}

/** A place kept in the queue for one hash, used up by it. */
export interface HashPlace extends HashLane {
  /** Gives it back unused; nothing happens once it is used. */
  leave(): void
}

/** Hashes secrets. Throws `AppError('busy')` when the queue is full. */
export interface Hasher {
  /**
   * Keeps a place for one hash, before anything is counted or read for it. Throws
   * `AppError('busy')` while this lane is full.
   */
  reserve(lane: HashLane): HashPlace
  /** argon2id, sealed under the current pepper and bound to `owner`. */
  hash(secret: string, owner: string, lane: HashLane): Promise<string>
  /**
   * A keyed hash (HMAC under the pepper), sealed and bound to `owner`: at once, and only for what
   * was generated with 50 bits or more and soon ends.
   */
  keep(generated: string, owner: string): string
  /** Seals a hash that another system made, as `parseForeignHash` reads it; SSHA costs one argon2id. */
  adopt(hash: ForeignHash, owner: string, lane: HashLane): Promise<string>
  /**
   * Constant work: one argon2id whether `sealed` is a hash of ours, a keyed one or null (then a
   * dummy, and false for null). One adopted costs what its maker chose, until it is replaced.
   * `stale`: parameters or pepper have changed since, or it was adopted.
   */
  verify(
    secret: string,
    sealed: string | null,
    owner: string,
    lane: HashLane,
  ): Promise<{ right: boolean; stale: boolean }>
}

/** What every act is given. */
export interface Deps {
  readonly store: Store
  readonly hasher: Hasher
  readonly clock: Clock
  readonly random: Random
  /** Keyed hash of `text` for `purpose`, base64url: subjects of tries, never readable from a leak. */
  readonly digest: (purpose: string, text: string) => string
  /** Seals the seeds of OTP keys. */
  readonly seeds: Sealer
  /** Seals the secrets of applications. */
  readonly secrets: Sealer
  /** Seals what the outbox keeps. */
  readonly letters: Sealer
  /** Mail can be sent here. */
  readonly mails: boolean
  readonly schoolName: string
  /** IANA name of the school's time zone: whose days holidays are. */
  readonly timeZone: string
}

/** From where a request comes. */
export interface Origin {
  /** Client address behind the trusted proxies. */
  readonly address: string
  readonly userAgent: string
  /** Value of the device cookie, as sent. */
  readonly deviceToken: string | null
  readonly clientId: string | null
}
