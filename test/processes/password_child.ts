/**
 * Another process that gives everybody a temporary password, or takes a batch back, up to a point
 * where it stops for good: `password_child.ts CONFIG FOLDER STOP_AT [BATCH]`. Writes the cards as
 * lines into `cards.txt`, and `stopped BATCH` once it waits there to be killed.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deps } from '../../accounts/ports.ts'
import { type CardWriter, generatePasswords, takeBack } from '../../accounts/temporary_passwords.ts'
import { loadSettings } from '../../provider/settings.ts'
import { openCore } from '../../provider/wire.ts'

const [config = '', folder = '', stopAt = '', taken = ''] = process.argv.slice(2)
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const core = await openCore(loaded.settings)

let batch = taken
let stopped = false
const stop = async (): Promise<void> => {
  stopped = true
  process.stdout.write(`stopped ${batch}\n`)
  await new Promise(() => setInterval(() => undefined, 1000))
}

let transactions = 0
let written = 0
const deps: Deps = {
  ...core.deps,
  store: {
    ...core.deps.store,
    transact: async (act) => {
      transactions += 1
      if (stopAt === `transaction ${transactions}`) await stop()
      return core.deps.store.transact(act)
    },
  },
}

const openWriter = async (batchId: string): Promise<CardWriter> => {
  batch = batchId
  return {
    write: async ({ identifier, password }) => {
      written += 1
      if (stopAt === `card ${written}`) await stop()
      appendFileSync(join(folder, 'cards.txt'), `${identifier} ${password}\n`)
    },
    close: async () => {
      if (stopAt === 'close') await stop()
      return { files: [] }
    },
    abandon: async () => undefined,
  }
}

if (taken === '') {
  const generation = { selection: {}, keepPersonal: false, by: 'cli:test', dryRun: false }
  await generatePasswords(deps, core.endEverythingOf, generation, openWriter)
} else {
  await takeBack(deps, taken, 'cli:test')
}
if (!stopped) process.stdout.write(`done ${batch}\n`)
await core.close()
