import { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type Account, identifierKey } from '../../accounts/account.ts'
import type { AuditEntry } from '../../accounts/ports.ts'
import { openPremises, type Premises } from '../../bench/premises.ts'
import { loadSettings } from '../../provider/settings.ts'
import { type Core, openCore } from '../../provider/wire.ts'

/** argon2id at the least that the package takes: what is tested here is not its strength. */
export const CHEAP = { memory_kib: 1024, iterations: 1, concurrency: 2, insecure_for_tests: true }

const HEADER = 'external_id,identifier,user_type,given_name,family_name'

/** A file of `count` teachers; `password` in the column that says what becomes of it. */
export const peopleFile = (
  count: number,
  column: 'password' | 'personal_password',
  password: string,
): string => {
  const line = (_: unknown, nth: number) =>
    `X${nth},person.${nth},teacher,Camille,Moreau,${password}`
  return [`${HEADER},${column}`, ...Array.from({ length: count }, line), ''].join('\n')
}

/** Premises that go with the test. */
export const temporaryPremises = async (more: Record<string, unknown> = {}): Promise<Premises> => {
  const premises = await openPremises({ hashing: CHEAP, ...more })
  onTestFinished(() => premises.close())
  return premises
}

export const importPeople = async (premises: Premises, csv: string): Promise<void> => {
  const ran = await premises.vestibule('people', 'import', premises.file('people.csv', csv))
  if (ran.code !== 0) {
    throw new Error(ran.output)
  }
}

/** What the store holds, read from beside the gateway as the command line does. */
export const withCore = async <T>(
  { config, folder }: Premises,
  act: (core: Core) => Promise<T>,
): Promise<T> => {
  const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
  if (!loaded.ok) {
    throw new Error(JSON.stringify(loaded.problems))
  }
  const core = await openCore(loaded.settings)
  try {
    return await act(core)
  } finally {
    await core.close()
  }
}

export const accountOf = async (core: Core, identifier: string): Promise<Account> => {
  const found = await core.deps.store.accounts.byIdentifier(identifierKey(identifier))
  if (found === null) {
    throw new Error(`nobody has the identifier ${identifier}`)
  }
  return found
}

const AUDIT_MAX = 100_000

export const auditOf = (
  core: Core,
  filter: { sub?: string; act?: string },
): Promise<AuditEntry[]> => core.deps.store.audit.list(filter, AUDIT_MAX)

/** Lines of a JSON log that tell of something that went wrong. */
export const complaints = (output: string): string =>
  output
    .split('\n')
    .filter((line) => line !== '' && !/^\{"level":(10|20|30),/.test(line))
    .join('\n')

/** Runs `act` for each item, `most` at a time. */
export const fewAtATime = async <T>(
  items: readonly T[],
  most: number,
  act: (item: T) => Promise<void>,
): Promise<void> => {
  await Readable.from(items).forEach(act, { concurrency: most })
}
