import { type KeyPosition, resyncKey, testKey } from '../accounts/desk_codes.ts'
import { type Command, type Context, EXIT, type Exit } from './command.ts'
import { refusalWords } from './key_refusals.ts'
import { findKey, type NamedKey } from './keys.ts'
import { readCodes } from './secret_input.ts'

/** Nearer than this a clock is called right: one code tells no more of it. */
const SECONDS_OUT_MIN = 1

const positionWords = (position: KeyPosition): string => {
  if (position.kind === 'hotp') {
    return `it is at counter ${position.counter}`
  }
  const seconds = Math.round(position.aheadMs / 1000)
  if (Math.abs(seconds) < SECONDS_OUT_MIN) {
    return 'its clock is right'
  }
  return `its clock is about ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} ours`
}

const positionFacts = (position: KeyPosition) =>
  position.kind === 'hotp'
    ? { counter: position.counter }
    : { clock_ahead_seconds: Math.round(position.aheadMs / 1000) }

const REJECTED = {
  needs_two_codes: 'right, but far out: type the next two codes with "keys resync"',
  wrong_code: 'not a code that it shows now, or used already: wait for the next one',
  not_in_a_row:
    'the second code does not follow the first: type two codes that come one after the other',
} as const

type Judged = Awaited<ReturnType<typeof testKey>> | Awaited<ReturnType<typeof resyncKey>>

const messageOf = ({ key }: NamedKey, result: Extract<Judged, { ok: false }>): string => {
  const { reason } = result
  return reason === 'needs_two_codes' || reason === 'wrong_code' || reason === 'not_in_a_row'
    ? REJECTED[reason]
    : refusalWords(key, result as Parameters<typeof refusalWords>[1])
}

/** Reads codes of the key that the command line names, never from its arguments, and judges them. */
const withCodes =
  (
    prompt: string,
    count: number,
    good: string,
    judge: (named: NamedKey, codes: readonly string[], by: string) => Promise<Judged>,
  ) =>
  async (context: Context): Promise<Exit> => {
    const found = await findKey(context)
    if (found === null) {
      return EXIT.refused
    }
    const { serial, sub } = found.key
    if (sub !== null) {
      context.concerns(sub)
    }
    const where = `key "${serial}"`
    const codes = await readCodes(prompt, count)
    if (codes.length < count) {
      context.out.problem({
        where,
        message: count === 1 ? 'no code was typed' : 'it takes two codes',
      })
      return EXIT.refused
    }
    const result = await judge(found, codes, context.by)
    if (!result.ok) {
      context.out.problem({ where, message: messageOf(found, result) })
      context.out.data({ serial, ok: false, reason: result.reason })
      return EXIT.refused
    }
    context.out.line(`${where}: ${good}: ${positionWords(result.position)}`)
    context.out.data({ serial, ok: true, ...positionFacts(result.position) })
    return EXIT.ok
  }

const aboutOne = { usage: 'SERIAL', options: {}, positionals: [1, 1] } as const

export const keysTest: Command = {
  ...aboutOne,
  name: 'keys test',
  summary: 'says whether a code of an OTP key, typed, is right',
  run: withCodes('Code that the key shows', 1, 'good', ({ key, core }, [code = ''], by) =>
    testKey(core.deps, key.serial, code, by),
  ),
}

export const keysResync: Command = {
  ...aboutOne,
  name: 'keys resync',
  summary: 'puts an OTP key right by two codes in a row, typed',
  run: withCodes(
    'Two codes in a row',
    2,
    'right again',
    ({ key, core }, [first = '', second = ''], by) =>
      resyncKey(core.deps, key.serial, { first, second }, by),
  ),
}
