import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Locale } from '../accounts/account.ts'
import type { AuditKeys } from '../accounts/audit_seal.ts'
import type { Lists } from '../accounts/lists.ts'
import type { Deps } from '../accounts/ports.ts'
import type { EndEverythingOf } from '../accounts/replace_passwords.ts'
import type { Output } from './output.ts'

/** The gateway's parts that a command works with, on the same file as a running gateway. */
export interface Core {
  readonly deps: Deps
  endEverything(sub: string): Promise<void>
  /** As `endEverything`, for many. */
  readonly endEverythingOf: EndEverythingOf
  /** Reads over many people, beside the writers. */
  readonly lists: Lists
  /** The file that is the master of policies; null: commands change them. */
  readonly policyFile: string | null
  /** Where people sign in. */
  readonly issuer: string
  /** Scheme and host of the console. */
  readonly consoleOrigin: string
  readonly defaultLocale: Locale
  /** How long people who left are kept before they are erased. */
  readonly leaversKeptDays: number
  readonly dataFolder: string
  /** Of the chain that proves the audit. */
  readonly auditKeys: AuditKeys
  /** The file of its checkpoints. */
  readonly checkpoints: string
  close(): Promise<void>
}

export const EXIT = { ok: 0, refused: 1, usage: 2 } as const
export type Exit = (typeof EXIT)[keyof typeof EXIT]

/** A command line that asks for something that there is not. */
export class UsageError extends Error {}

export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Context {
  readonly values: Values
  readonly positionals: readonly string[]
  readonly out: Output
  /** For the audit: `cli:` and the system user. */
  readonly by: string
  readonly cwd: string
  /** Says whom the command is about, for the audit. */
  concerns(sub: string): void
  /** Opens settings, keys and store; the caller of the command closes them. */
  core(): Promise<Core>
}

export interface Command {
  /** `people import` */
  readonly name: string
  /** What follows the name. */
  readonly usage: string
  readonly summary: string
  readonly options: ParseArgsOptionsConfig
  /** Arguments that are no options: least and most. */
  readonly positionals: readonly [least: number, most: number]
  run(context: Context): Promise<Exit>
}

const COMMON = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig

export const text = (values: Values, name: string): string | undefined => {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** The values of an option that may be given several times. */
export const texts = (values: Values, name: string): readonly string[] => {
  const value = values[name]
  return Array.isArray(value) ? value : []
}

/** Node's first sentence says which option; the rest is advice on dashes. */
const firstSentence = (error: Error): string => error.message.split('. ')[0] ?? error.message

/** The last of two would win unseen. Throws `UsageError`. */
const refuseTwice = (names: readonly string[]): void => {
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) {
    throw new UsageError(`--${twice} is given twice`)
  }
}

/** Reads the arguments of one command. Throws `UsageError`. */
export const readArguments = (
  command: Command,
  args: readonly string[],
): { values: Values; positionals: string[] } => {
  const read = () => {
    try {
      return parseArgs({
        args: [...args],
        options: { ...command.options, ...COMMON },
        allowPositionals: true,
        tokens: true,
      })
    } catch (error) {
      throw error instanceof Error ? new UsageError(firstSentence(error), { cause: error }) : error
    }
  }
  const { values, positionals, tokens } = read()
  refuseTwice(
    tokens.flatMap((token) =>
      token.kind === 'option' && command.options[token.name]?.multiple !== true ? [token.name] : [],
    ),
  )
  const [least, most] = command.positionals
  if (!('help' in values) && (positionals.length < least || positionals.length > most)) {
    throw new UsageError(
      positionals.length < least
        ? 'An argument is missing'
        : `Unexpected argument '${positionals[most]}'`,
    )
  }
  return { values: values as Values, positionals }
}
