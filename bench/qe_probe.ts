import { importPeople } from '../accounts/import_people.ts'
import { proposeColumns } from '../imports/columns.ts'
import { rowsOf } from '../imports/people_file.ts'
import { openTable } from '../imports/table_file.ts'
import { loadSettings } from '../provider/settings.ts'
import { openCore } from '../provider/wire.ts'
const [file = '', folder = '', dry = ''] = process.argv.slice(2)
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: `${folder}/vestibule.yaml` }, cwd: folder })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const core = await openCore(loaded.settings)
const t = performance.now()
const opened = await openTable(file)
if (!opened.ok) throw new Error(opened.problem.message)
const { table } = opened
console.log('opened', performance.now() - t)
const report = await importPeople(core.deps, rowsOf(file, table, { columns: proposeColumns(table.header, new Map()), fixed: {} }), {
  dryRun: dry === 'dry', leavers: null, by: 'cli:x', source: 'x', on: () => {}, endEverything: core.endEverything })
console.log(JSON.stringify(report), (performance.now() - t) / 1000, process.cpuUsage())
await core.close()
