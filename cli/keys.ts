import { keyBatches } from '../accounts/key_batches.ts'
import {
  endLoan,
  OTP_KEY_STATES,
  type OtpKey,
  type OtpKeyState,
  serialKey,
  stateNow,
} from '../accounts/otp_key.ts'
import { aheadMs } from '../policies/otp_window.ts'
import { didYouMean } from '../provider/setting_words.ts'
import {
  type Command,
  type Context,
  type Core,
  EXIT,
  type Exit,
  text,
  UsageError,
  type Values,
} from './command.ts'
import { moment, table, words } from './output.ts'
import { findPerson, namesPerson, WHO_OPTIONS } from './person.ts'

/** A key that a command line named. */
export interface NamedKey {
  /** As of now: a deadline or loan that is over counts, written down or not. */
  readonly key: OtpKey
  readonly core: Core
}

/** A key as of now. */
const asOfNow = (key: OtpKey, nowMs: number): OtpKey => {
  const state = stateNow(key, nowMs)
  const returned = state === 'in_stock' ? endLoan(key, nowMs) : null
  return returned?.ok === true ? returned.key : { ...key, state }
}

/** The key whose serial stands first on the command line. Null when there is none, which was said. */
export const findKey = async (context: Context): Promise<NamedKey | null> => {
  const [typed = ''] = context.positionals
  const serial = serialKey(typed)
  const core = await context.core()
  const key = await core.deps.store.otpKeys.find(serial)
  if (key === null) {
    context.out.problem({ where: `key "${serial}"`, message: 'there is none of this serial' })
    return null
  }
  return { key: asOfNow(key, core.deps.clock()), core }
}

/** The identifier of a key's holder. */
export const holderOf = async ({ deps }: Core, sub: string | null): Promise<string | null> =>
  sub === null ? null : ((await deps.store.accounts.bySub(sub))?.identifier ?? null)

/** What a list says of a key, for machines. Its seed is in no answer. */
export const keyFacts = (key: OtpKey, holder: string | null) => ({
  serial: key.serial,
  source: key.source,
  kind: key.kind,
  state: key.state,
  holder,
  sub: key.sub,
  first_use_by: moment(key.firstUseBy),
  lent_until: moment(key.loanUntil),
  last_used: moment(key.lastUsedAt),
})

const allFacts = (key: OtpKey, holder: string | null) => ({
  ...keyFacts(key, holder),
  algorithm: key.algorithm,
  digits: key.digits,
  ...(key.kind === 'totp'
    ? {
        period_seconds: key.periodSeconds,
        clock_ahead_seconds: Math.round(aheadMs(key.clock) / 1000),
      }
    : { next_counter: key.next }),
  assigned: moment(key.assignedAt),
  in_service: moment(key.inServiceAt),
  wrong_pins: key.wrongPins,
  added: moment(key.addedAt),
})

const HEAD = ['SERIAL', 'KIND', 'STATE', 'HOLDER', 'FIRST USE BY', 'LENT UNTIL', 'LAST USED']

const row = (facts: ReturnType<typeof keyFacts>): string[] => [
  facts.serial,
  facts.source === 'app' ? `${facts.kind} app` : facts.kind,
  words(facts.state),
  facts.holder ?? '-',
  facts.first_use_by ?? '-',
  facts.lent_until ?? '-',
  facts.last_used ?? '-',
]

const isState = (value: string): value is OtpKeyState =>
  (OTP_KEY_STATES as readonly string[]).includes(value)

/** `in-stock` and `in stock` are the state `in_stock`. */
const readState = (values: Values): OtpKeyState | undefined => {
  const written = text(values, 'state')
  const state = written?.trim().toLowerCase().replaceAll(/[\s-]/g, '_')
  if (state === undefined || isState(state)) {
    return state
  }
  const hint = didYouMean(state, OTP_KEY_STATES) || `; they are: ${OTP_KEY_STATES.join(', ')}`
  throw new UsageError(`There is no state "${written}"${hint}`)
}

/** The keys that hold a state now, which the stored one may not tell. */
const listed = async (core: Core, sub: string | undefined, state: OtpKeyState | undefined) => {
  const nowMs = core.deps.clock()
  const facts: ReturnType<typeof keyFacts>[] = []
  for await (const batch of keyBatches(core.deps, sub === undefined ? {} : { sub })) {
    const keys = batch
      .map((key) => asOfNow(key, nowMs))
      .filter((key) => state === undefined || key.state === state)
      // A loan that is over is nobody's, though it may still be stored as theirs.
      .filter((key) => sub === undefined || key.sub === sub)
    facts.push(
      ...(await Promise.all(keys.map(async (key) => keyFacts(key, await holderOf(core, key.sub))))),
    )
  }
  return facts
}

const list = async (context: Context): Promise<Exit> => {
  const { values, out } = context
  const state = readState(values)
  const of = text(values, 'of')
  const person = namesPerson(context, of) ? await findPerson(context, of) : undefined
  if (person === null) {
    return EXIT.refused
  }
  const facts = await listed(await context.core(), person?.account.sub, state)
  if (facts.length === 0) {
    out.line('No keys')
  } else {
    table([HEAD, ...facts.map(row)]).forEach(out.line)
  }
  out.data(facts)
  return EXIT.ok
}

const show = async (context: Context): Promise<Exit> => {
  const found = await findKey(context)
  if (found === null) {
    return EXIT.refused
  }
  const { key, core } = found
  if (key.sub !== null) {
    context.concerns(key.sub)
  }
  const facts = allFacts(key, await holderOf(core, key.sub))
  const rows = Object.entries(facts).map(([name, value]) => [
    words(name),
    name === 'state' ? words(String(value)) : String(value ?? '-'),
  ])
  table(rows).forEach(context.out.line)
  context.out.data(facts)
  return EXIT.ok
}

export const keysList: Command = {
  name: 'keys list',
  usage: '[--state STATE] [--of IDENTIFIER | --sub SUB | --external-id ID]',
  summary: 'lists OTP keys: state, holder, deadlines, last use',
  options: { state: { type: 'string' }, of: { type: 'string' }, ...WHO_OPTIONS },
  positionals: [0, 0],
  run: list,
}

export const keysShow: Command = {
  name: 'keys show',
  usage: 'SERIAL',
  summary: 'what is known of an OTP key',
  options: {},
  positionals: [1, 1],
  run: show,
}
