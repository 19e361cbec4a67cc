import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KEYS_FILE, sampleKeys } from './sample_keys.ts'
import { PEOPLE_FILE } from './sample_people.ts'

/** How a script ended: its exit code and the last lines it wrote. */
export interface Ending {
  readonly code: number | null
  readonly tail: string
}

/** Runs a script of the project, given with its arguments, to its end; `name` names its log. */
export type RunScript = (name: string, command: readonly string[]) => Promise<Ending>

/**
 * The sample people and their OTP keys, through the command line as at any school. Once for each
 * state of their files: a repeat would change little, but what somebody changed while trying
 * things out is theirs and stays so. Throws with the last words of what failed.
 */
export async function setUpSchool(dataFolder: string, run: RunScript): Promise<void> {
  const onceFor = (marker: string, file: string, work: () => Promise<unknown>) =>
    once(join(dataFolder, marker), file, work)
  await Promise.all([
    onceFor('people_imported', PEOPLE_FILE, () =>
      succeed(run, 'people_import', ['cli/main.ts', 'people', 'import', PEOPLE_FILE]),
    ),
    onceFor('keys_imported', KEYS_FILE, () =>
      succeed(run, 'keys_import', ['cli/main.ts', 'keys', 'import', KEYS_FILE]),
    ),
  ])
  await Promise.all([
    onceFor('keys_handed_out', KEYS_FILE, () => handOutKeys(run)),
    succeed(run, 'administrator_set_up', ['demo/set_up_administrator.ts']),
  ])
}

async function handOutKeys(run: RunScript): Promise<void> {
  // Refused where an interrupted start has done it already; the last step sees whose they are.
  await Promise.all(
    sampleKeys().map(({ serial, identifier }) =>
      run(`keys_assign_${serial}`, ['cli/main.ts', 'keys', 'assign', serial, identifier]),
    ),
  )
  await succeed(run, 'keys_set_up', ['demo/set_up_keys.ts'])
}

/** Does `work` unless `marker` says that it was done for this content of the file. */
async function once(marker: string, file: string, work: () => Promise<unknown>): Promise<void> {
  const version = createHash('sha256').update(readFileSync(file)).digest('hex')
  if (readIfThere(marker) === version) return
  await work()
  writeFileSync(marker, version)
}

async function succeed(run: RunScript, name: string, command: readonly string[]): Promise<void> {
  const { code, tail } = await run(name, command)
  if (code !== 0) throw new Error(`The demonstration’s ${name} failed:\n${tail}`)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
