import { userInfo } from 'node:os'
import { AppError } from '../accounts/errors.ts'
import { didYouMean } from '../provider/setting_words.ts'
import {
  checkpointsPath,
  consoleOrigin,
  loadSettings,
  processEnvironment,
} from '../provider/settings.ts'
import { adminInvite } from './admin.ts'
import { auditList } from './audit.ts'
import { auditVerify } from './audit_verify.ts'
import { calendarImport, calendarRemove, calendarShow } from './calendar.ts'
import { type Command, type Core, EXIT, type Exit, readArguments, UsageError } from './command.ts'
import { type CommandRun, recordRun } from './command_run.ts'
import { keysList, keysShow } from './keys.ts'
import { keysResync, keysTest } from './keys_codes.ts'
import {
  keysAssign,
  keysLend,
  keysLost,
  keysReopen,
  keysResetPin,
  keysUnblock,
  keysWithdraw,
} from './keys_desk.ts'
import { keysImport } from './keys_import.ts'
import { createOutput, type Output, printable, table } from './output.ts'
import {
  passwordsBatches,
  passwordsCards,
  passwordsTakeBack,
  passwordsTemporary,
} from './passwords.ts'
import { passwordsForceChange, passwordsState } from './passwords_state.ts'
import {
  peopleDevices,
  peopleDisable,
  peopleEnable,
  peopleResetPin,
  peopleShow,
  peopleUnblock,
  peopleVoidPassword,
} from './people.ts'
import { peopleErase } from './people_erase.ts'
import { peopleImport } from './people_import.ts'
import { peoplePurgeLeavers } from './people_purge.ts'
import { policyApply, policyCheck, policyDiff, policyExport } from './policy.ts'
import { policyHistory, policyShow, policyUndo } from './policy_history.ts'

const COMMANDS: readonly Command[] = [
  peopleImport,
  peopleShow,
  peopleDevices,
  peopleUnblock,
  peopleResetPin,
  peopleVoidPassword,
  peopleDisable,
  peopleEnable,
  peopleErase,
  peoplePurgeLeavers,
  passwordsState,
  passwordsTemporary,
  passwordsCards,
  passwordsBatches,
  passwordsTakeBack,
  passwordsForceChange,
  calendarImport,
  calendarShow,
  calendarRemove,
  keysImport,
  keysList,
  keysShow,
  keysAssign,
  keysLend,
  keysWithdraw,
  keysLost,
  keysUnblock,
  keysReopen,
  keysResetPin,
  keysTest,
  keysResync,
  policyExport,
  policyCheck,
  policyDiff,
  policyApply,
  policyHistory,
  policyShow,
  policyUndo,
  auditList,
  auditVerify,
  adminInvite,
]

/** Settings or keys that nothing can be done with; what is wrong was said. */
class Unusable extends Error {}

const help = (): string =>
  [
    'vestibule: the gateway from the command line',
    '',
    ...table(COMMANDS.map(({ name, summary }) => [`  ${name}`, summary])),
    '',
    'Each takes --help, and --json for machines. Settings are those of the gateway:',
    'vestibule.yaml or VESTIBULE_CONFIG, and VESTIBULE_* variables.',
    'Exit codes: 0 done, 1 refused or problems found, 2 not understood.',
  ].join('\n')

const usage = ({ name, usage: rest }: Command): string =>
  `Usage: vestibule ${name} ${rest}`.trimEnd()

const commandHelp = (command: Command): string => `${command.summary}\n${usage(command)}`

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** The command that the first two words name. */
const findCommand = (argv: readonly string[]): { command: Command; args: readonly string[] } => {
  const [group = '', verb = ''] = argv
  const name = `${group} ${verb}`.trim()
  const command = COMMANDS.find((one) => one.name === name)
  if (command !== undefined) {
    return { command, args: argv.slice(2) }
  }
  const names = COMMANDS.map((one) => one.name)
  const inGroup = names.filter((one) => one.startsWith(`${group} `))
  const hint = didYouMean(name, names)
  const known = inGroup.length === 0 ? 'see: vestibule help' : `there are: ${inGroup.join(', ')}`
  throw new UsageError(`There is no command "${name}"${hint || `; ${known}`}`)
}

const systemUser = (): string => {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}` // A container's user may have no name.
  }
}

const openOurCore = async (out: Output): Promise<Core> => {
  const loaded = loadSettings({
    env: processEnvironment(),
    cwd: process.cwd(),
    serving: false,
  })
  if (!loaded.ok) {
    for (const { where, setting, message } of loaded.problems) {
      out.problem({ where, message: `${setting} ${message}` })
    }
    throw new Unusable()
  }
  // Loaded here only: help and checks of files need neither keys nor the database.
  const { openCore } = await import('../provider/wire.ts')
  const { issuer, default_locale: defaultLocale } = loaded.settings
  const core = await openCore(loaded.settings)
  return {
    ...core,
    lists: core.opened.lists,
    policyFile: loaded.settings.policy_file ?? null,
    issuer,
    consoleOrigin: consoleOrigin(loaded.settings),
    leaversKeptDays: loaded.settings.leavers_kept_days,
    defaultLocale,
    dataFolder: loaded.settings.data,
    checkpoints: checkpointsPath(loaded.settings),
  }
}

const runCommand = async (command: Command, args: readonly string[]): Promise<Exit> => {
  const { values, positionals } = readArguments(command, args)
  if (values['help'] === true) {
    say(commandHelp(command))
    return EXIT.ok
  }
  const out = createOutput(values['json'] === true, process.stdout, process.stderr)
  const by = `cli:${systemUser()}`
  let opened: Promise<Core> | null = null
  let sub: string | null = null
  let exit: Exit = EXIT.refused
  try {
    exit = await command.run({
      values,
      positionals,
      out,
      by,
      cwd: process.cwd(),
      concerns: (whom) => {
        sub = whom
      },
      core: () => {
        opened ??= openOurCore(out)
        return opened
      },
    })
  } finally {
    await closeCore(opened, { command: command.name, by, sub, exit })
  }
  return exit
}

/** What the command did with the data is written down before they are closed. */
const closeCore = async (opened: Promise<Core> | null, run: CommandRun): Promise<void> => {
  const core = await opened?.catch(() => null) // It failed to open, and that was said.
  if (core === null || core === undefined) {
    return
  }
  try {
    const unrecorded = await recordRun(core.deps, run)
    if (unrecorded !== null) {
      complain(unrecorded)
    }
  } finally {
    await core.close()
  }
}

/** What goes wrong, in one line; unforeseen errors with where they came from. */
const failure = (error: unknown): readonly string[] => {
  if (error instanceof AppError) {
    return [error.message]
  }
  return (error instanceof Error ? (error.stack ?? error.message) : String(error)).split('\n')
}

const complain = (...lines: readonly string[]): void => {
  process.stderr.write(`vestibule: ${lines.map(printable).join('\n')}\n`)
}

const main = async (argv: readonly string[]): Promise<Exit> => {
  const [first = 'help'] = argv
  if (['help', '--help', '-h'].includes(first)) {
    say(help())
    return EXIT.ok
  }
  let found: Command | undefined
  try {
    const { command, args } = findCommand(argv)
    found = command
    return await runCommand(command, args)
  } catch (error) {
    if (error instanceof UsageError) {
      complain(error.message)
      complain(found === undefined ? 'See: vestibule help' : usage(found))
      return EXIT.usage
    }
    if (!(error instanceof Unusable)) {
      complain(...failure(error))
    }
    return EXIT.refused
  }
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error // EPIPE: whoever reads has enough, as with `| head`.
  }
})
process.exitCode = await main(process.argv.slice(2))
