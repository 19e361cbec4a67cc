import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { addJob, JOBS_LEASE_MS } from '../../accounts/jobs.ts'
import type { ActOptions, PeopleActName } from '../../accounts/people_act.ts'
import type { Premises, ProcessOf } from '../../bench/premises.ts'
import { auditOf, temporaryPremises, withCore } from './premises.ts'

const PEOPLE = 1_500
const ADMIN = 'sub-admin'

const school = async (): Promise<Premises> => {
  const premises = await temporaryPremises()
  const { child, output } = premises.run([
    'bench/school_job.ts',
    'fill',
    premises.folder,
    String(PEOPLE),
  ])
  const { code } = await child.ended
  expect(code, output()).toBe(0)
  return premises
}

const ask = (premises: Premises, act: PeopleActName, options: ActOptions = {}): Promise<string> =>
  withCore(premises, ({ deps }) => {
    const people = { all: true, filter: { userType: 'student' } }
    const params = { people, confirmed: PEOPLE, options: { ...options } }
    return deps.store.transact((tables) =>
      addJob(deps, tables, { kind: act, params, by: ADMIN, total: null }),
    )
  })

const start = ({ run, config }: Premises, stopAt = '', laterMs = 0): ProcessOf =>
  run(['test/processes/job_child.ts', config, stopAt, String(laterMs)])

const killedAt = async (premises: Premises, stopAt: string): Promise<void> => {
  const { child, output } = start(premises, stopAt)
  let ended = false
  void child.ended.then(() => {
    ended = true
  })
  while (!output().includes('stopped') && !ended) await nextTurn()
  child.kill()
  await child.ended
  expect(output()).toContain('stopped')
}

const chunksOf = async ({ child, output }: ProcessOf): Promise<number> => {
  await child.ended
  const [, did = ''] = /did (\d+)/.exec(output()) ?? []
  expect(did, output()).not.toBe('')
  return Number(did)
}

/** Each has what was done to them, in the results and in the audit, exactly once. */
const expectOnce = (premises: Premises, id: string, act: string): Promise<void> =>
  withCore(premises, async (core) => {
    const { jobs } = core.deps.store
    const job = await jobs.find(id)
    expect(job).toMatchObject({ state: 'done', done: PEOPLE, counts: { done: PEOPLE } })
    const results = await jobs.results(id, {}, 0, 2 * PEOPLE)
    expect(new Set(results.map(({ subject }) => subject)).size).toBe(PEOPLE)
    expect(results).toHaveLength(PEOPLE)
    const entries = await auditOf(core, { act })
    expect(entries).toHaveLength(PEOPLE)
    expect(new Set(entries.map(({ sub }) => sub)).size).toBe(PEOPLE)
  })

describe('a job whose process is killed', () => {
  it.each(['before 2', 'behind 2', 'behind 4'])(
    'goes on elsewhere, nobody twice (%s)',
    async (at) => {
      const premises = await school()
      const id = await ask(premises, 'disable')
      await killedAt(premises, at)
      await withCore(premises, async ({ deps }) => {
        const job = await deps.store.jobs.find(id)
        expect(job?.state).toBe('running')
        expect(job?.done).toBeGreaterThan(0)
        expect(job?.done).toBeLessThan(PEOPLE)
      })
      await chunksOf(start(premises, '', JOBS_LEASE_MS))
      await expectOnce(premises, id, 'account_disabled')
    },
  )

  it('goes on in the same gateway after kill -9', async () => {
    const premises = await school()
    const { child } = await premises.gateway()
    const id = await ask(premises, 'force_change')
    await withCore(premises, async ({ deps }) => {
      while (((await deps.store.jobs.find(id))?.done ?? 0) === 0) await nextTurn()
    })
    child.kill()
    await child.ended
    await premises.gateway()
    await withCore(premises, async ({ deps }) => {
      while ((await deps.store.jobs.find(id))?.endedAt === null) await nextTurn()
    })
    await expectOnce(premises, id, 'password_change_forced')
  })
})

describe('two processes on the same data', () => {
  it('run a job in one of them', async () => {
    const premises = await school()
    const id = await ask(premises, 'force_change')
    const both = [start(premises), start(premises)]
    const chunks = await Promise.all(both.map(chunksOf))
    expect(chunks.filter((did) => did > 0)).toHaveLength(1)
    await expectOnce(premises, id, 'password_change_forced')
  })
})
