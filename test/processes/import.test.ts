import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import pino from 'pino'
import { describe, expect, it } from 'vitest'
import type { Job } from '../../accounts/job_ports.ts'
import { JOBS_LEASE_MS } from '../../accounts/jobs.ts'
import type { Premises } from '../../bench/premises.ts'
import { newUploadId, startCheck, startImport, takeUpload } from '../../imports/acts.ts'
import { proposeColumns } from '../../imports/columns.ts'
import { importCursor } from '../../imports/job_params.ts'
import { importKinds, importsOf } from '../../provider/import_works.ts'
import { startJobWorker } from '../../provider/job_worker.ts'
import { loadSettings } from '../../provider/settings.ts'
import type { Core } from '../../provider/wire.ts'
import { auditOf, temporaryPremises, withCore } from './premises.ts'

const PEOPLE = 3_000
const LEAVING = 120
const HEADER = 'external_id,identifier,user_type,given_name,family_name,establishments'
const BY = 'test'
const LEAVERS = { establishment: '0440001A', userType: 'student' } as const

const line = (nth: number, name = 'Moreau'): string =>
  `X${nth},person.${nth},student,Camille,${name},0440001A`

/** Of the second half some say again what the first half said, and some are broken. */
const peopleFile = (name = 'Moreau', from = 0): string => {
  const lines = Array.from({ length: PEOPLE }, (_, nth) => line(nth + from, name))
  lines[10] = 'X10,person.10,pupil,A,B,0440001A'
  lines[PEOPLE - 5] = line(from + 3, name)
  lines[PEOPLE - 3] = line(from + 10, name)
  return [HEADER, ...lines, ''].join('\n')
}

const settingsOf = ({ config, folder }: Premises) => {
  const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.settings
}

const jobOf = async ({ deps }: Core, id: string): Promise<Job> => {
  const job = await deps.store.jobs.find(id)
  if (job === null) throw new Error('no job')
  return job
}

const until = async (core: Core, id: string, is: (job: Job) => boolean): Promise<Job> => {
  for (;;) {
    const job = await jobOf(core, id)
    if (is(job)) return job
    await nextTurn()
  }
}

const isOver = ({ endedAt }: Job): boolean => endedAt !== null

/** Does all that waits here. The clock is ahead: whoever was killed holds no lease any more. */
const work = async <T>(premises: Premises, core: Core, act: () => Promise<T>): Promise<T> => {
  const deps = { ...core.deps, clock: () => Date.now() + 2 * JOBS_LEASE_MS }
  const worker = startJobWorker(deps, pino({ level: 'fatal' }), () =>
    importKinds(core, importsOf(settingsOf(premises))),
  )
  worker.wake()
  const result = await act()
  await worker.stop()
  return result
}

/** Uploads, checks and confirms a file; the import waits. */
const confirmed = async (premises: Premises, core: Core, csv: string): Promise<string> => {
  const { deps } = core
  const { folder } = importsOf(settingsOf(premises))
  const id = newUploadId(deps)
  mkdirSync(dirname(folder.pathOf(id)), { recursive: true })
  writeFileSync(folder.pathOf(id), csv)
  const taken = await takeUpload(deps, folder, { id, name: 'people.csv', bytes: 1, by: BY })
  expect(taken.ok).toBe(true)
  const file = await deps.store.importFiles.find(id)
  if (file === null) throw new Error('no upload')
  const columns = proposeColumns(file.layout.header, new Map())
  const plan = { columns, fixed: {}, leavers: LEAVERS }
  const check = (await startCheck(deps, file, plan, BY)) ?? ''
  const checked = await work(premises, core, () => until(core, check, isOver))
  const leaving = checked.counts['left'] ?? 0
  const started = await startImport(deps, id, check, leaving, BY)
  if (!started.ok) throw new Error(started.reason)
  return started.job
}

/** Lets a process of its own do it up to there, and kills it. */
const killedWhen = async (
  premises: Premises,
  core: Core,
  job: string,
  is: (job: Job) => boolean,
): Promise<Job> => {
  const command = ['test/processes/import_child.ts', premises.config, premises.folder]
  const { child } = premises.run(command)
  await until(core, job, (now) => is(now) || isOver(now))
  child.kill()
  await child.ended
  return jobOf(core, job)
}

const linesOf = async (core: Core, job: string): Promise<string[]> =>
  (await core.deps.store.jobs.results(job, {}, 0, 100_000)).map(({ subject }) => subject)

const countPeople = async ({ deps }: Core): Promise<number> =>
  (await deps.store.people.count({})).student

describe('an import that is killed', () => {
  it('in the middle of its lines goes on right behind them, with nobody twice', async () => {
    const premises = await temporaryPremises()
    await withCore(premises, async (core) => {
      const job = await confirmed(premises, core, peopleFile())
      const half = await killedWhen(
        premises,
        core,
        job,
        (now) => (importCursor(now)?.at ?? 0) > PEOPLE / 4,
      )
      const at = importCursor(half)?.at ?? 0
      expect(half.endedAt).toBeNull()
      expect(at).toBeLessThan(PEOPLE - 10)
      // What the job says is done is done, and nothing else.
      expect([await countPeople(core), half.counts['added']]).toEqual([at - 1, at - 1])
      const done = await work(premises, core, () => until(core, job, isOver))
      // A repeated good line is rejected; one that repeats a rejected line is not.
      expect(done.counts).toMatchObject({ added: PEOPLE - 2, rejected: 2 })
      expect(done.done).toBe(PEOPLE)
      expect(await countPeople(core)).toBe(PEOPLE - 2)
      const lines = await linesOf(core, job)
      expect(new Set(lines).size).toBe(lines.length)
      const added = await auditOf(core, { act: 'person_added' })
      expect(added).toHaveLength(PEOPLE - 2)
      expect(await auditOf(core, { act: 'people_imported' })).toHaveLength(1)
    })
  })

  it('while people leave takes out exactly those who were confirmed', async () => {
    const premises = await temporaryPremises()
    await withCore(premises, async (core) => {
      const first = await confirmed(premises, core, peopleFile())
      await work(premises, core, () => until(core, first, isOver))
      // The second file lacks the first people of the first one.
      const job = await confirmed(premises, core, peopleFile('Moreau', LEAVING))
      const half = await killedWhen(premises, core, job, (now) => (now.counts['left'] ?? 0) > 0)
      const gone = half.counts['left'] ?? 0
      expect([gone > 0, half.endedAt]).toEqual([true, null])
      const done = await work(premises, core, () => until(core, job, isOver))
      const left = await auditOf(core, { act: 'person_left' })
      expect([done.state, done.counts['leavers_refused']]).toEqual(['done', undefined])
      expect(done.counts['left']).toBe(left.length)
      expect(new Set(left.map(({ sub }) => sub)).size).toBe(left.length)
      expect(left.length).toBeGreaterThan(gone)
      expect(await countPeople(core)).toBe(PEOPLE - 2 + LEAVING - left.length)
    })
  })
})
