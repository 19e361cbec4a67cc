/** Does what waits among the imports of the premises, as a gateway does, until it is killed. */
import pino from 'pino'
import { importKinds, importsOf } from '../../provider/import_works.ts'
import { startJobWorker } from '../../provider/job_worker.ts'
import { loadSettings } from '../../provider/settings.ts'
import { openCore } from '../../provider/wire.ts'

const [config = '', folder = ''] = process.argv.slice(2)
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const { settings } = loaded
const core = await openCore(settings)
startJobWorker(core.deps, pino({ level: 'fatal' }), () => importKinds(core, importsOf(settings)))
// Its timers keep no process alive.
setInterval(() => {}, 1_000)
