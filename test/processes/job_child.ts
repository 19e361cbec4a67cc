/**
 * Another process that runs jobs: `job_child.ts CONFIG STOP_AT LATER_MS`. It goes on until nothing is
 * left, with a clock that is so much ahead, and says how many chunks were its own. At `before N` and
 * `behind N`, the Nth of its transactions, it says `stopped` and waits there to be killed.
 */
import { setTimeout as after } from 'node:timers/promises'
import { type JobRun, runJobs } from '../../accounts/jobs.ts'
import type { Deps } from '../../accounts/ports.ts'
import { jobFilesIn, peopleJobKinds } from '../../provider/job_kinds.ts'
import { loadSettings } from '../../provider/settings.ts'
import { openCore } from '../../provider/wire.ts'

const [config = '', stopAt = '', laterMs = '0'] = process.argv.slice(2)
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: '/' })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const { settings } = loaded
const core = await openCore(settings, { clock: () => Date.now() + Number(laterMs) })
const isOver = async (): Promise<boolean> => (await core.deps.store.jobs.unfinished()).length === 0

const stop = async (): Promise<void> => {
  process.stdout.write('stopped\n')
  await new Promise(() => setInterval(() => undefined, 1000))
}

let chunks = 0
const deps: Deps = {
  ...core.deps,
  store: {
    ...core.deps.store,
    transact: async (act) => {
      chunks += 1
      if (stopAt === `before ${chunks}`) await stop()
      const result = await core.deps.store.transact(act)
      if (stopAt === `behind ${chunks}`) await stop()
      return result
    },
  },
}

const run: JobRun = {
  deps,
  kinds: peopleJobKinds({
    reads: core.opened.lists.people,
    files: jobFilesIn(deps, { dataFolder: settings.data, issuer: settings.issuer, locale: 'fr' }),
    endEverythingOf: core.endEverythingOf,
    isStopping: () => false,
  }),
  holder: String(process.pid),
  isStopping: () => false,
  rest: async () => {
    await after(1)
  },
  onFailure: (_, error) => process.stdout.write(`${String(error)}\n`),
}
process.stdout.write('ready\n')
while (!(await isOver())) {
  await runJobs(run)
  await after(10)
}
process.stdout.write(`did ${chunks}\n`)
await core.close()
