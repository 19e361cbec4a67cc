import { type ForcedChanges, forceChange } from '../accounts/force_change.ts'
import {
  PASSWORD_STATES,
  passwordStates,
  type StandingOf,
  type StateCounts,
} from '../accounts/password_states.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { type Command, type Context, EXIT, type Exit } from './command.ts'
import { moment, table, time, words } from './output.ts'
import { changingCore, sayDryRun } from './passwords_core.ts'
import { namesAnybody, readSelection, SELECTION, SELECTION_OPTIONS } from './selection.ts'

const WIDTHS = { identifier: 28, userType: 22, state: 12, since: 21, set: 21 } as const

/** Lines as they come: a list of everybody is not kept for the sake of its columns. */
const listLine = (cells: Record<keyof typeof WIDTHS | 'older', string>): string =>
  [
    cells.identifier.padEnd(WIDTHS.identifier),
    cells.userType.padEnd(WIDTHS.userType),
    cells.state.padEnd(WIDTHS.state),
    cells.since.padEnd(WIDTHS.since),
    cells.set.padEnd(WIDTHS.set),
    cells.older,
  ]
    .join(' ')
    .trimEnd()

const HEAD = {
  identifier: 'IDENTIFIER',
  userType: 'USER TYPE',
  state: 'PASSWORD',
  since: 'SINCE',
  set: 'SET',
  older: 'RULES',
} as const

const cellsOf = ({ account, state, since, older }: StandingOf) => ({
  identifier: account.identifier,
  userType: words(account.userType),
  state,
  since: time(since),
  set: time(account.password?.setAt ?? null),
  older: older ? 'older' : '',
})

const factsOf = ({ account, state, since, older }: StandingOf) => ({
  identifier: account.identifier,
  sub: account.sub,
  user_type: account.userType,
  state,
  since: moment(since),
  set: moment(account.password?.setAt ?? null),
  older_than_rules: older,
})

/** Says each as it comes; machines get all of them with the counts. */
const listener = ({ out }: Context, isAsked: boolean) => {
  const people: ReturnType<typeof factsOf>[] = []
  if (isAsked) {
    out.line(listLine(HEAD))
  }
  return {
    people,
    on: (one: StandingOf): void => {
      if (isAsked && out.json) {
        people.push(factsOf(one))
      } else if (isAsked) {
        out.line(listLine(cellsOf(one)))
      }
    },
  }
}

const sumUp = (context: Context, counts: Record<UserType, StateCounts>): void => {
  const types = USER_TYPES.filter((type) => counts[type].all > 0)
  const columns = [...PASSWORD_STATES, 'older', 'all'] as const
  table([
    ['USER TYPE', ...columns.map((one) => words(one).toUpperCase())],
    ...types.map((type) => [words(type), ...columns.map((one) => String(counts[type][one]))]),
  ]).forEach(context.out.line)
}

const state = async (context: Context): Promise<Exit> => {
  const { values, out } = context
  const selected = namesAnybody(values)
    ? await readSelection(context)
    : { selection: {}, words: 'all', isWhole: true }
  if (selected === null) {
    return EXIT.refused
  }
  const core = await context.core()
  const isList = values['list'] === true
  const { people, on } = listener(context, isList)
  const counts = await passwordStates(core.deps, selected.selection, on)
  if (isList) {
    out.line('')
  }
  sumUp(context, counts)
  out.data({ selection: selected.words, counts, ...(isList ? { people } : {}) })
  return selected.isWhole ? EXIT.ok : EXIT.refused
}

/** What is said of each count, where it is not 0. */
const FORCED: Readonly<Record<Exclude<keyof ForcedChanges, 'forced'>, string>> = {
  alreadyDue: 'must change it anyway: temporary, initial, or asked before',
  withoutPassword:
    'left out: no password here, they come by a key or from elsewhere, or have not had a card yet',
  void: 'left out: the password is void already',
  upToDate: "left out: as today's rules want it",
}

const forcedWords = (count: number, dryRun: boolean): string => {
  const verb = count < 2 ? 'is' : 'are'
  return `${count === 0 ? 'Nobody' : count} ${dryRun ? 'would be' : verb}`
}

const force = async (context: Context): Promise<Exit> => {
  const { values, out, by } = context
  const olderThanRules = values['older-than-rules'] === true
  const dryRun = values['dry-run'] === true
  const selected = await readSelection(context)
  if (selected === null) {
    return EXIT.refused
  }
  const { deps } = await changingCore(context)
  const counts = await forceChange(deps, selected.selection, { olderThanRules, dryRun, by })
  out.line(
    `${forcedWords(counts.forced, dryRun)} asked for a new password at the next connection (${selected.words})`,
  )
  for (const [name, said] of Object.entries(FORCED) as [keyof typeof FORCED, string][]) {
    if (counts[name] > 0) {
      out.line(`${counts[name]} ${said}`)
    }
  }
  if (dryRun) {
    sayDryRun(context, selected)
  }
  out.data({
    dry_run: dryRun,
    selection: selected.words,
    forced: counts.forced,
    already_due: counts.alreadyDue,
    without_password: counts.withoutPassword,
    void: counts.void,
    up_to_date: counts.upToDate,
  })
  return selected.isWhole ? EXIT.ok : EXIT.refused
}

export const passwordsState: Command = {
  name: 'passwords state',
  usage: `${SELECTION} [--list]`,
  summary: 'counts passwords by user type and state; lists whose they are',
  options: { ...SELECTION_OPTIONS, list: { type: 'boolean' } },
  positionals: [0, 0],
  run: state,
}

export const passwordsForceChange: Command = {
  name: 'passwords force-change',
  usage: `${SELECTION} [--older-than-rules] [--dry-run]`,
  summary: 'asks for a new password at the next connection',
  options: {
    ...SELECTION_OPTIONS,
    'older-than-rules': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  },
  positionals: [0, 0],
  run: force,
}
