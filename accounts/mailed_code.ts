import { timingSafeEqual } from 'node:crypto'
import type { Account, Locale } from './account.ts'
import { randomId } from './audit.ts'
import { type Letter, queueLetter } from './outbox.ts'
import type { Deps, MailedCodePurpose, MailedCodes, Tables } from './ports.ts'

const DIGITS = 6
/** NIST SP 800-63B-4 §4.2.1.2: no longer than ten minutes. */
export const MAILED_CODE_MINUTES = 10
const LIFETIME_MS = MAILED_CODE_MINUTES * 60_000
/** Of one code. */
const MAILED_CODE_TRIES_MAX = 5
const QUARTER_HOUR_MS = 15 * 60_000
const DAY_MS = 24 * 3_600_000
const LIMIT_IN_A_ROW = { most: 3, withinMs: QUARTER_HOUR_MS }
const LIMIT_OF_A_DAY = { most: 10, withinMs: DAY_MS }
/** Of one account and purpose: a mailbox is not flooded, nor a code guessed by asking for many. */
const LIMITS: Parameters<MailedCodes['add']>[1] = [LIMIT_IN_A_ROW, LIMIT_OF_A_DAY]

/**
 * What people do who have proved nothing, from one network: a school in which many forgot their
 * password on the same Monday gets through; whoever asks for everybody on a list does not, nor who
 * tries a few codes of each.
 */
const NETWORK_LIMITS = {
  password_reset_network: [{ most: 100, withinMs: QUARTER_HOUR_MS }],
  password_reset_tries: [
    { most: 150, withinMs: QUARTER_HOUR_MS },
    { most: 600, withinMs: DAY_MS },
  ],
} as const satisfies Partial<Record<MailedCodePurpose, Parameters<MailedCodes['add']>[1]>>

/** `too_many`: wait a quarter of an hour; `too_many_today`: wait until tomorrow. */
export type TooManyMails = 'too_many' | 'too_many_today'

/** What a code is for, and the one flow (and with it the browser) that may use it. */
export interface CodeFlow {
  readonly purpose: MailedCodePurpose
  readonly boundTo: string
}

/** Whose code it is, or a name that stands in for somebody. */
type Addressee = Pick<Account, 'sub' | 'email' | 'verifiedEmail'>

const codeHash = ({ digest }: Pick<Deps, 'digest'>, id: string, code: string): string =>
  digest('mailed_code', `${id}:${code}`)

/**
 * Mails six digits to `to` (null: to the account's address as it is when the mail is sent), in the
 * caller's transaction, in the language of the page that asks. Codes that were sent before in this
 * flow end. `too_many`: 3 in 15 minutes, `too_many_today`: 10 in a day, counted per account and
 * purpose; nothing is sent then, and a code that was sent before stays good.
 */
export const sendCode = async (
  deps: Pick<Deps, 'clock' | 'random' | 'letters' | 'mails' | 'digest'>,
  tables: Pick<Tables, 'mailedCodes' | 'outbox'>,
  account: Addressee,
  {
    id = randomId(deps.random),
    purpose,
    boundTo,
    to,
    template,
    locale,
  }: CodeFlow & {
    /** Of the code, and never the same again; else a random one. */
    readonly id?: string
    readonly to: string | null
    /** Null: the account's. */
    readonly locale: Locale | null
    readonly template: Extract<Letter, { code: string; minutes: number }>['template']
  },
): Promise<
  { readonly ok: true; readonly id: string } | { readonly ok: false; reason: TooManyMails }
> => {
  const { sub } = account
  const code = String(deps.random.below(10 ** DIGITS)).padStart(DIGITS, '0')
  const atMs = deps.clock()
  const added = await tables.mailedCodes.add(
    {
      id,
      sub,
      purpose,
      boundTo,
      codeHash: codeHash(deps, id, code),
      atMs,
      expiresAt: atMs + LIFETIME_MS,
    },
    LIMITS,
  )
  if (!added) {
    const today = await tables.mailedCodes.isFull(sub, purpose, [LIMIT_OF_A_DAY], atMs)
    return { ok: false, reason: today ? 'too_many_today' : 'too_many' }
  }
  await queueLetter(deps, tables, account, {
    template,
    sub,
    to,
    code,
    minutes: MAILED_CODE_MINUTES,
    locale,
  })
  return { ok: true, id }
}

/**
 * Whether this is the code that was mailed; true for exactly one caller, however often it is sent.
 * Wrong, too old, tried too often, used, replaced by a newer one, of another flow: false, all alike.
 * What cannot be a code uses up no try.
 */
export const checkCode = async (
  deps: Pick<Deps, 'clock' | 'digest'> & { readonly store: Pick<Deps['store'], 'mailedCodes'> },
  { id, boundTo, typed }: { readonly id: string; readonly boundTo: string; readonly typed: string },
): Promise<boolean> => {
  if (!/^\d{6}$/.test(typed)) {
    return false
  }
  const { mailedCodes } = deps.store
  // Counted before it is compared: tries in parallel share the five.
  const kept = await mailedCodes.tryOnce(id, boundTo, MAILED_CODE_TRIES_MAX, deps.clock())
  if (kept === null) {
    return false
  }
  const [right, given] = [Buffer.from(kept), Buffer.from(codeHash(deps, id, typed))]
  return right.length === given.length && timingSafeEqual(right, given) && mailedCodes.end(id)
}

/**
 * Counts something from a network that anybody can do, whoever it is for. False: there was too much
 * of it (`NETWORK_LIMITS`), and this time is not counted.
 */
export const countFromNetwork = (
  deps: Pick<Deps, 'clock' | 'random' | 'digest'>,
  { mailedCodes }: Pick<Tables, 'mailedCodes'>,
  purpose: keyof typeof NETWORK_LIMITS,
  network: string,
): Promise<boolean> => {
  const id = randomId(deps.random)
  const atMs = deps.clock()
  return mailedCodes.add(
    {
      id,
      sub: deps.digest(purpose, network),
      purpose,
      boundTo: id,
      codeHash: '', // There is none, and it is over at once.
      atMs,
      expiresAt: atMs,
    },
    NETWORK_LIMITS[purpose],
  )
}

/** The code of this flow that can still be typed, and when it was sent (ms); null: none. */
export const liveCode = (
  deps: Pick<Deps, 'clock'>,
  { mailedCodes }: Pick<Tables, 'mailedCodes'>,
  { sub }: Pick<Account, 'sub'>,
  { purpose, boundTo }: CodeFlow,
): ReturnType<MailedCodes['live']> =>
  mailedCodes.live({ sub, purpose, boundTo }, MAILED_CODE_TRIES_MAX, deps.clock())

/** Whether `sendCode` would send one more now. */
export const mayMailAnother = async (
  deps: Pick<Deps, 'clock'> & { readonly store: Pick<Deps['store'], 'mailedCodes'> },
  { sub }: Pick<Account, 'sub'>,
  purpose: MailedCodePurpose,
): Promise<boolean> => !(await deps.store.mailedCodes.isFull(sub, purpose, LIMITS, deps.clock()))
