/**
 * In a process of its own, at the premises in FOLDER: imports FILE as the console does, once as a
 * dry run and once in earnest, with the worker of the gateway. Writes what it took as one line of JSON.
 */
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import pino from 'pino'
import type { Job } from '../accounts/job_ports.ts'
import { newUploadId, startCheck, startImport, takeUpload } from '../imports/acts.ts'
import { proposeColumns } from '../imports/columns.ts'
import { importKinds, importsOf } from '../provider/import_works.ts'
import { startJobWorker } from '../provider/job_worker.ts'
import { loadSettings } from '../provider/settings.ts'
import { type Core, openCore } from '../provider/wire.ts'
import { peakMib } from './report.ts'

const BY = 'bench'

const over = async (core: Core, id: string): Promise<Job> => {
  for (;;) {
    const job = await core.deps.store.jobs.find(id)
    if (job !== null && job.endedAt !== null) return job
    await after(20)
  }
}

const seconds = (since: number): number => (performance.now() - since) / 1000

const [folder = '', source = ''] = process.argv.slice(2)
const config = `${folder}/vestibule.yaml`
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const core = await openCore(loaded.settings)
const imports = importsOf(loaded.settings)
const worker = startJobWorker(core.deps, pino({ level: 'fatal' }), () => importKinds(core, imports))

const id = newUploadId(core.deps)
await mkdir(dirname(imports.folder.pathOf(id)), { recursive: true })
await copyFile(source, imports.folder.pathOf(id))
let startedAt = performance.now()
const taken = await takeUpload(core.deps, imports.folder, { id, name: source, bytes: 0, by: BY })
if (!taken.ok) throw new Error(taken.problem.message)
const readSeconds = seconds(startedAt)
const file = await core.deps.store.importFiles.find(id)
if (file === null) throw new Error('no upload')

startedAt = performance.now()
const columns = proposeColumns(file.layout.header, new Map())
const check = (await startCheck(core.deps, file, { columns, fixed: {}, leavers: null }, BY)) ?? ''
worker.wake()
const checked = await over(core, check)
const checkSeconds = seconds(startedAt)

startedAt = performance.now()
const started = await startImport(core.deps, id, check, null, BY)
if (!started.ok) throw new Error(started.reason)
worker.wake()
const imported = await over(core, started.job)
const importSeconds = seconds(startedAt)

await worker.stop()
await core.close()
const counts = { checked: checked.counts, imported: imported.counts }
const took = { readSeconds, checkSeconds, importSeconds, counts, peakMib: peakMib() }
process.stdout.write(`${JSON.stringify(took)}\n`)
