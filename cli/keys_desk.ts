import {
  assignKey,
  type DeskKeyResult,
  lendKey,
  reopenKey,
  reportKeyLost,
  resetKeyPin,
  unblockKey,
  withdrawKey,
} from '../accounts/desk_keys.ts'
import type { OtpKey } from '../accounts/otp_key.ts'
import { type Command, type Context, type Core, EXIT, type Exit } from './command.ts'
import { refusalWords } from './key_refusals.ts'
import { findKey, holderOf, keyFacts } from './keys.ts'
import { time } from './output.ts'
import { findPerson, WHO, WHO_OPTIONS } from './person.ts'

const deadline = ({ firstUseBy, loanUntil }: OtpKey): string =>
  loanUntil === null ? `first use by ${time(firstUseBy)}` : `until ${time(loanUntil)}`

/** Says what an act came to. */
const answer = (
  { out }: Context,
  before: OtpKey,
  result: DeskKeyResult,
  { done, holder }: { done: (key: OtpKey) => string; holder: string | null },
): Exit => {
  const where = `key "${before.serial}"`
  if (!result.ok) {
    out.problem({ where, message: refusalWords(before, result) })
    return EXIT.refused
  }
  out.line(`${where}: ${done(result.key)}`)
  out.data(keyFacts(result.key, holder))
  return EXIT.ok
}

/** An act on the key that the command line names. */
const onKey =
  (
    done: (key: OtpKey) => string,
    act: (core: Core, serial: string, by: string) => Promise<DeskKeyResult>,
  ) =>
  async (context: Context): Promise<Exit> => {
    const found = await findKey(context)
    if (found === null) {
      return EXIT.refused
    }
    const { key, core } = found
    if (key.sub !== null) {
      context.concerns(key.sub)
    }
    const result = await act(core, key.serial, context.by)
    const holder = result.ok ? await holderOf(core, result.key.sub) : null
    return answer(context, key, result, { done, holder })
  }

/** Gives the key that the command line names to the person that it names. */
const giving =
  (done: (key: OtpKey) => string, give: typeof assignKey) =>
  async (context: Context): Promise<Exit> => {
    const person = await findPerson(context, context.positionals[1])
    const found = person === null ? null : await findKey(context)
    if (person === null || found === null) {
      return EXIT.refused
    }
    const { identifier, sub } = person.account
    const result = await give(person.core.deps, found.key.serial, sub, context.by)
    return answer(context, found.key, result, {
      done: (key) => `${done(key)} "${identifier}", ${deadline(key)}`,
      holder: identifier,
    })
  }

const aboutOne = { usage: 'SERIAL', options: {}, positionals: [1, 1] } as const
const toSomebody = {
  usage: `SERIAL ${WHO}`,
  options: WHO_OPTIONS,
  positionals: [1, 2],
} as const satisfies Partial<Command>

export const keysAssign: Command = {
  ...toSomebody,
  name: 'keys assign',
  summary: 'gives an OTP key to a person, who has some days to use it',
  run: giving(() => 'assigned to', assignKey),
}

export const keysLend: Command = {
  ...toSomebody,
  name: 'keys lend',
  summary: 'lends an OTP key to a person for a day',
  run: giving(() => 'lent to', lendKey),
}

export const keysWithdraw: Command = {
  ...aboutOne,
  name: 'keys withdraw',
  summary: 'takes an OTP key back: it may be given to somebody else',
  run: onKey(
    () => 'withdrawn',
    ({ deps }, serial, by) => withdrawKey(deps, serial, by),
  ),
}

export const keysLost: Command = {
  ...aboutOne,
  name: 'keys lost',
  summary: "shuts out a lost OTP key; ends its holder's sessions if it was in use",
  run: onKey(
    () => 'reported lost: no code of it serves any more',
    ({ deps, endEverything }, serial, by) => reportKeyLost(deps, endEverything, serial, by),
  ),
}

export const keysUnblock: Command = {
  ...aboutOne,
  name: 'keys unblock',
  summary: 'lets a blocked OTP key be used again; its PIN stays',
  run: onKey(
    () => 'in service again, with the PIN it has',
    ({ deps }, serial, by) => unblockKey(deps, serial, by),
  ),
}

export const keysReopen: Command = {
  ...aboutOne,
  name: 'keys reopen',
  summary: 'sets a new deadline for a first use that was closed',
  run: onKey(
    (key) => `open again, ${deadline(key)}`,
    ({ deps }, serial, by) => reopenKey(deps, serial, by),
  ),
}

export const keysResetPin: Command = {
  ...aboutOne,
  name: 'keys reset-pin',
  summary: 'forgets the PIN of an OTP key: its first use begins again',
  run: onKey(
    (key) => `its PIN is forgotten, first use by ${time(key.firstUseBy)}`,
    ({ deps }, serial, by) => resetKeyPin(deps, serial, by),
  ),
}
