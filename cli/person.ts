import { type Account, identifierKey } from '../accounts/account.ts'
import { type Context, type Core, text, UsageError, type Values } from './command.ts'

export const WHO = 'IDENTIFIER | --sub SUB | --external-id ID'
export const WHO_OPTIONS = { sub: { type: 'string' }, 'external-id': { type: 'string' } } as const

/** Somebody that a command line named. */
export interface Person {
  readonly account: Account
  readonly core: Core
}

interface Finder {
  readonly word: string
  readonly named: (values: Values, identifier: string | undefined) => string | undefined
  readonly find: (core: Core, value: string) => Promise<Account | null>
}

/** How a person can be named on the command line. */
const FINDERS: readonly Finder[] = [
  {
    word: 'identifier',
    named: (_, identifier) => identifier,
    find: ({ deps }, value) => deps.store.accounts.byIdentifier(identifierKey(value)),
  },
  {
    word: 'sub',
    named: (values) => text(values, 'sub'),
    find: ({ deps }, value) => deps.store.accounts.bySub(value),
  },
  {
    word: 'external id',
    named: (values) => text(values, 'external-id'),
    find: ({ deps }, value) => deps.store.accounts.byExternalId(value),
  },
]

/** Whether the command line names anybody, by `identifier` or by an option of `WHO_OPTIONS`. */
export const namesPerson = ({ values }: Context, identifier: string | undefined): boolean =>
  FINDERS.some(({ named }) => named(values, identifier) !== undefined)

/**
 * The person whom the command line names, by `identifier` or by an option of `WHO_OPTIONS`. Null
 * when there is nobody, which was said. Throws `UsageError` unless it names one person.
 */
export const findPerson = async (
  context: Context,
  identifier: string | undefined,
): Promise<Person | null> => {
  const { values, out } = context
  const given = FINDERS.flatMap(({ named, find, word }) => {
    const value = named(values, identifier)
    return value === undefined ? [] : [{ value, find, word }]
  })
  const [only, ...others] = given
  if (only === undefined || others.length > 0) {
    throw new UsageError('Name one person: by identifier, --sub or --external-id')
  }
  const core = await context.core()
  const account = await only.find(core, only.value)
  if (account === null) {
    out.problem({ where: `${only.word} "${only.value}"`, message: 'nobody has it' })
    return null
  }
  context.concerns(account.sub)
  return { account, core }
}
