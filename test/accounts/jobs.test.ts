import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { claimIssue } from '../../accounts/issued_secrets.ts'
import type { Job, JobFiles, JobResult } from '../../accounts/job_ports.ts'
import {
  addJob,
  cancelJob,
  JOBS_LEASE,
  type JobKind,
  type JobRun,
  resumeJob,
  runJobs,
} from '../../accounts/jobs.ts'
import { createPace } from '../../accounts/pace.ts'
import type { ActOptions, PeopleActName } from '../../accounts/people_act.ts'
import type { JobPeople } from '../../accounts/people_job.ts'
import type { Deps } from '../../accounts/ports.ts'
import { startUndo } from '../../accounts/undo_job.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { EVERYBODY, type Role } from '../../policies/admin_rights.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import type { UserType } from '../../policies/user_type.ts'
import { jobFilesIn, peopleJobKinds } from '../../provider/job_kinds.ts'
import { LANE, type Office, openOffice } from '../cli/office.ts'

const DAY_MS = 24 * 3_600_000
const HEADER =
  'external_id,identifier,user_type,given_name,family_name,establishments,classes,children,email'

let office: Office
let deps: Deps
let files: JobFiles
let admin: string

const line = (
  name: string,
  type: UserType = 'student',
  { place = '0440001A', className = '6e A', children = '', email = '' } = {},
) => `E-${name},${name},${type},Léa,${name},${place},${className},${children},${email}`

const grant = async (
  identifier: string,
  role: Role,
  scope: { userTypes: UserType[] | null; establishments: string[] | null } | null = null,
): Promise<string> => {
  const { sub } = await office.person(identifier)
  await deps.store.roles.grant({
    sub,
    role,
    scope: scope ?? EVERYBODY,
    grantedAt: office.now(),
    grantedBy: 'test',
  })
  return sub
}

beforeEach(async () => {
  office = await openOffice()
  deps = office.core.deps
  files = jobFilesIn(deps, {
    dataFolder: office.folder,
    issuer: 'http://localhost:3000',
    locale: 'fr',
  })
  await office.import(
    [
      HEADER,
      line('admin', 'staff'),
      line('desk', 'staff'),
      line('zoé', 'teacher'),
      ...['a', 'b', 'c', 'd', 'e'].map((name) => line(name)),
      '',
    ].join('\n'),
  )
  admin = await grant('admin', 'identity_admin')
  for (const name of ['a', 'b', 'c', 'd', 'e', 'zoé']) {
    await office.setPassword(name, null)
  }
})
afterEach(() => office.close())

const runOf = (more: Partial<JobRun> = {}): JobRun => ({
  deps,
  kinds: peopleJobKinds({
    reads: office.core.opened.lists.people,
    files,
    endEverythingOf: office.core.endEverythingOf,
    isStopping: () => false,
  }),
  holder: 'here',
  isStopping: () => false,
  rest: async () => {},
  onFailure: () => {},
  ...more,
})

const add = (kind: string, params: unknown, by: string, total: number | null = null) =>
  deps.store.transact((tables) =>
    addJob(deps, tables, { kind, params: params as Job['params'], by, total }),
  )

const STUDENTS: JobPeople = { all: true, filter: { userType: 'student' } }

const ask = async (
  act: PeopleActName,
  people: JobPeople = STUDENTS,
  { by = admin, confirmed = 5, options = {} as ActOptions } = {},
): Promise<string> => add(act, { people, confirmed, options }, by)

const jobOf = async (id: string): Promise<Job> => {
  const job = await deps.store.jobs.find(id)
  if (job === null) throw new Error('no such job')
  return job
}

const done = async (...asked: Parameters<typeof ask>): Promise<Job> => {
  const id = await ask(...asked)
  await runJobs(runOf())
  return jobOf(id)
}

const resultsOf = async ({ id }: Pick<Job, 'id'>): Promise<Record<string, string>> => {
  const results = await deps.store.jobs.results(id, {}, 0, 1_000)
  const said = await Promise.all(
    results.map(async ({ subject, outcome }: JobResult) => {
      const account = await deps.store.accounts.bySub(subject)
      return [account?.identifier ?? subject, outcome] as const
    }),
  )
  return Object.fromEntries(said)
}

const some = async (...identifiers: string[]): Promise<JobPeople> => ({
  all: false,
  subs: await Promise.all(identifiers.map(async (one) => (await office.person(one)).sub)),
})

const entries = async (act: string) => (await office.audit()).filter((entry) => entry.act === act)

/** A kind that counts to `most`, one step a chunk. */
const counter = (most: number, more: Partial<JobKind> = {}): JobKind => ({
  kind: 'count',
  async chunk(_, job, commit) {
    const at = (job.cursor as number | null) ?? 0
    if (at === most) return 'over'
    const results = [{ subject: `s${at}`, outcome: 'done', detail: null }]
    await commit(async () => ({ cursor: at + 1, results }))
    return 'more'
  },
  ...more,
})

describe('work in the background', () => {
  it('is done chunk by chunk, oldest first, and says how far it has come', async () => {
    const first = await add('count', null, admin, 3)
    const second = await add('count', null, admin)
    const seen: string[] = []
    await runJobs(
      runOf({
        kinds: [counter(3)],
        rest: async () => {
          const job = await jobOf(first)
          seen.push(`${job.state} ${job.done}`)
        },
      }),
    )
    expect(seen.slice(0, 4)).toEqual(['running 1', 'running 2', 'running 3', 'done 3'])
    expect(await jobOf(second)).toMatchObject({ state: 'done', done: 3, counts: { done: 3 } })
    expect(await deps.store.jobs.unfinished()).toEqual([])
    expect((await deps.store.jobs.list({}, null, 10)).map(({ id }) => id)).toEqual([second, first])
    expect((await deps.store.jobs.list({}, second, 10)).map(({ id }) => id)).toEqual([first])
    expect(await deps.store.jobs.list({ by: 'somebody' }, null, 10)).toEqual([])
    expect(await deps.store.jobs.results(first, {}, 1, 1)).toEqual([
      { nth: 2, subject: 's1', outcome: 'done', detail: null },
    ])
  })

  it('goes on behind the last commit after its process died', async () => {
    const id = await add('count', null, admin)
    let chunks = 0
    await runJobs(runOf({ kinds: [counter(5)], isStopping: () => ++chunks > 2 }))
    expect(await jobOf(id)).toMatchObject({ state: 'running', done: 2 })
    await runJobs(runOf({ kinds: [counter(5)] }))
    expect(await jobOf(id)).toMatchObject({ state: 'done', done: 5, counts: { done: 5 } })
  })

  it('is one process’s at a time, and another one’s once that is silent', async () => {
    const id = await add('count', null, admin)
    await deps.store.leases.take(JOBS_LEASE, 'elsewhere', office.now(), 15_000)
    await runJobs(runOf({ kinds: [counter(2)] }))
    expect((await jobOf(id)).state).toBe('waiting')
    office.later(15_000)
    await runJobs(runOf({ kinds: [counter(2)] }))
    expect((await jobOf(id)).state).toBe('done')
  })

  it('does no chunk twice, even where two processes believe that it is theirs', async () => {
    const id = await add('count', null, admin)
    let committed = true
    const both: JobKind = {
      kind: 'count',
      async chunk(own, job, commit) {
        const end = await counter(1).chunk(own, job, commit)
        // Whoever read the job before that commit comes too late.
        if (job.done === 0) committed = await commit(async () => ({ cursor: 7, results: [] }))
        return end
      },
    }
    await runJobs(runOf({ kinds: [both] }))
    expect(committed).toBe(false)
    expect(await jobOf(id)).toMatchObject({ state: 'done', cursor: 1, done: 1 })
  })

  it('stops when it is cancelled: the chunk under way is done wholly or not at all', async () => {
    const id = await add('count', null, admin)
    const cancelling = counter(5)
    await runJobs(
      runOf({
        kinds: [
          {
            kind: 'count',
            async chunk(own, job, commit) {
              if (job.done === 2) await cancelJob(deps, id, admin)
              return cancelling.chunk(own, job, commit)
            },
          },
        ],
      }),
    )
    expect(await jobOf(id)).toMatchObject({ state: 'cancelled', done: 2 })
    expect(await cancelJob(deps, id, admin)).toBe(false)
    const late = { cursor: 9, results: [] }
    expect(await deps.store.jobs.advance(id, late, office.now())).toBe(false)
    expect((await jobOf(id)).cursor).toBe(2)
    expect((await entries('job_cancelled')).length).toBe(1)
  })

  it('says that all was done where a cancellation came behind the last chunk', async () => {
    const id = await add('count', null, admin)
    const kind = counter(2, { atEnd: async () => void (await cancelJob(deps, id, admin)) })
    await runJobs(runOf({ kinds: [kind] }))
    expect(await jobOf(id)).toMatchObject({ state: 'done', done: 2 })
  })

  it('is failed by a surprise, says so, and goes on when it is told to', async () => {
    const id = await add('count', null, admin)
    const told: string[] = []
    let isBroken = true
    const kind: JobKind = {
      kind: 'count',
      chunk(own, job, commit) {
        if (job.done === 1 && isBroken) throw new Error('the disk is full')
        return counter(3).chunk(own, job, commit)
      },
    }
    const run = runOf({ kinds: [kind], onFailure: (_, error) => told.push(String(error)) })
    await runJobs(run)
    expect(await jobOf(id)).toMatchObject({ state: 'failed', failure: 'the disk is full', done: 1 })
    expect(told).toEqual(['Error: the disk is full'])
    isBroken = false
    expect(await resumeJob(deps, id, admin)).toBe(true)
    expect(await resumeJob(deps, id, admin)).toBe(false)
    await runJobs(run)
    expect(await jobOf(id)).toMatchObject({ state: 'done', failure: null, done: 3 })
  })

  it('keeps its chunks short', () => {
    const pace = createPace(100, 400)
    pace.took(26)
    expect(pace.size).toBe(50)
    pace.took(20)
    expect(pace.size).toBe(50)
    for (let nth = 0; nth < 20; nth += 1) pace.took(3)
    expect(pace.size).toBe(400)
  })
})

describe('an act on many people', () => {
  it('is done to each, with what became of them', async () => {
    await deps.store.accounts.setDisabled((await office.person('e')).sub, office.now())
    await office.setPassword('b', null, { origin: 'temporary' })
    await deps.store.accounts.voidPassword((await office.person('c')).sub, office.now())
    const people = await some('a', 'b', 'c', 'e', 'admin')
    const job = await done('force_change', people)
    expect(job).toMatchObject({ state: 'done', total: 5, done: 5 })
    expect(job.counts).toEqual({ done: 1, already: 1, password_void: 1, disabled: 1, oneself: 1 })
    expect(await resultsOf(job)).toMatchObject({ a: 'done', admin: 'oneself', e: 'disabled' })
    expect((await office.person('a')).password?.mustChange).toBe(true)
    expect(
      (await entries('password_change_forced')).map(({ actor, detail }) => [actor, detail]),
    ).toEqual([[admin, { job: job.id }]])
  })

  it('reaches those whom its administrator reaches, as they are when it is done', async () => {
    await office.import(
      [
        HEADER,
        line('near', 'guardian', { place: '', className: '', children: 'E-a' }),
        line('far', 'student', { place: '0440002B' }),
        '',
      ].join('\n'),
    )
    for (const one of ['near', 'far']) await office.setPassword(one, null)
    const desk = await grant('desk', 'helpdesk', {
      userTypes: ['student', 'guardian'],
      establishments: ['0440001A'],
    })
    await grant('b', 'auditor')
    const people = await some('a', 'b', 'zoé', 'near', 'far')
    const job = await done('force_change', people, { by: desk })
    expect(await resultsOf(job)).toEqual({
      a: 'done',
      b: 'role_holder',
      zoé: 'outside_scope',
      near: 'done',
      far: 'outside_scope',
    })
    const all = await done('end_sessions', { all: true, filter: {} }, { by: desk, confirmed: 7 })
    expect(Object.keys(await resultsOf(all)).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'near'])
  })

  it('ends with the role of who asked for it', async () => {
    const id = await ask('force_change')
    await deps.store.roles.revoke(admin)
    await runJobs(runOf())
    expect(await jobOf(id)).toMatchObject({ state: 'failed', failure: 'no_right', done: 0 })
    await grant('admin', 'auditor')
    await resumeJob(deps, id, admin)
    await runJobs(runOf())
    expect(await jobOf(id)).toMatchObject({ state: 'failed', failure: 'no_right', done: 0 })
  })

  it('is refused where more people match than were confirmed', async () => {
    const job = await done('force_change', STUDENTS, { confirmed: 3 })
    expect(job).toMatchObject({ state: 'failed', failure: 'more_people', done: 0 })
    expect((await done('force_change', STUDENTS, { confirmed: 4 })).state).toBe('done') // 1 % and one
  })

  it('asks only those for a change whose password is older than the rules', async () => {
    await deps.store.policies.save(
      {
        id: 'v2',
        atMs: office.now(),
        by: 'test',
        why: 'test',
        policies: {
          ...DEFAULT_POLICIES,
          student: policySchema.parse({ passwords: { rules_version: 2 } }),
        },
      } as never,
      null as never,
    )
    await office.setPassword('a', null, { rulesVersion: 2 })
    const job = await done('force_change', STUDENTS, { options: { olderThanRules: true } })
    expect(job.counts).toEqual({ done: 4, up_to_date: 1 })
  })

  it('shuts people out, lets them in, and frees what was blocked', async () => {
    const { sub } = await office.person('a')
    const who = await some('a')
    const one = { confirmed: 1 }
    expect((await done('disable', who, one)).counts).toEqual({ done: 1 })
    expect((await office.person('a')).disabledAt).not.toBeNull()
    expect((await done('disable', who, one)).counts).toEqual({ already: 1 })
    expect((await done('enable', who, one)).counts).toEqual({ done: 1 })
    expect((await done('unblock_pin', who, one)).counts).toEqual({ no_pin: 1 })
    await deps.store.accounts.setPin(sub, {
      sealed: 'x',
      origin: 'chosen',
      setAt: office.now(),
      length: 4,
      blockedAt: office.now(),
    })
    expect((await done('unblock_pin', who, one)).counts).toEqual({ done: 1 })
    expect((await office.person('a')).pin?.blockedAt).toBeNull()
    await deps.store.devices.add({
      id: 'd1',
      sub,
      browserId: 'b1',
      name: 'Salle 201',
      browserName: 'Firefox',
      systemName: 'Linux',
      network: '192.0.2.0',
      addedAt: office.now(),
      lastSeenAt: office.now(),
      addedUnder: 'pin',
    })
    expect((await done('forget_devices', who, one)).counts).toEqual({ done: 1 })
    expect((await done('forget_devices', who, one)).counts).toEqual({ already: 1 })
    office.later(1_000)
    expect((await done('end_sessions', who, one)).counts).toEqual({ done: 1 })
    expect((await office.person('a')).validAfter).toBe(office.now())
    expect((await done('void_password', who, one)).counts).toEqual({ done: 1 })
    expect((await office.person('a')).password?.voidedAt).toBe(office.now())
    expect((await done('erase', who, one)).counts).toEqual({ done: 1 })
    expect(await deps.store.accounts.bySub(sub)).toBeNull()
    expect((await done('erase', who, one)).counts).toEqual({ gone: 1 })
  })
})

describe('a generated PIN', () => {
  const offer = (types: readonly UserType[] = ['student']) =>
    deps.store.policies.save(
      {
        id: 'pins',
        atMs: office.now(),
        by: 'test',
        why: 'test',
        policies: {
          ...DEFAULT_POLICIES,
          ...Object.fromEntries(
            types.map((type) => [type, policySchema.parse({ protections: ['pin'] })]),
          ),
        },
      } as never,
      null as never,
    )

  const sheet = async (id: string): Promise<string> => {
    const [file] = await files.list(id)
    const taken = await files.take(id, file?.name ?? '')
    if (taken === null) throw new Error('no sheet')
    const chunks: Uint8Array[] = []
    for await (const chunk of taken.content) chunks.push(chunk)
    await taken.arrived()
    return Buffer.concat(chunks).toString('utf8')
  }

  it('is on a sheet, once, and nowhere else; and is changed at first use', async () => {
    await offer()
    const job = await done('new_pin', STUDENTS, { options: { deliver: 'paper' } })
    expect(job.counts).toEqual({ done: 5 })
    const rows = (await sheet(job.id)).trim().split('\r\n')
    expect(rows).toHaveLength(6)
    const [, pin = ''] = /(\d{4})\D*$/.exec(rows[1] ?? '') ?? []
    const { pin: record, sub } = await office.person('a')
    expect(record).toMatchObject({ origin: 'generated', blockedAt: null })
    expect((await deps.hasher.verify(pin, record?.sealed ?? null, pinOwner(sub), LANE)).right).toBe(
      true,
    )
    expect(await files.list(job.id)).toEqual([])
    expect(await deps.store.jobs.secrets(job.id, null, 10)).toEqual([])
    expect(
      JSON.stringify([await office.audit(), await deps.store.jobs.results(job.id, {}, 0, 10)]),
    ).not.toContain(pin)
  })

  it('is on a sheet also where the job was cancelled in the middle', async () => {
    await offer()
    const id = await ask('new_pin', STUDENTS, { options: { deliver: 'paper' } })
    const run = runOf()
    const kinds = run.kinds.map((kind) => ({
      ...kind,
      chunk: async (...given: Parameters<JobKind['chunk']>) => {
        const end = await kind.chunk(...given)
        await cancelJob(deps, id, admin)
        return end === 'over' ? 'more' : end
      },
    }))
    await runJobs({ ...run, kinds })
    expect((await jobOf(id)).state).toBe('cancelled')
    expect((await sheet(id)).trim().split('\r\n')).toHaveLength(6)
  })

  it('is mailed once to each who has an address, and not a day after a reset by mail', async () => {
    await offer()
    await office.import(
      [
        HEADER,
        line('a', 'student', { email: 'a@school.example' }),
        line('b', 'student', { email: 'b@school.example' }),
        '',
      ].join('\n'),
    )
    const b = await office.person('b')
    await deps.store.accounts.resetPasswordByMail(b.sub, b.password?.sealed ?? '', {
      ...(b.password ?? (undefined as never)),
      setAt: office.now(),
    })
    const withMail: Deps = { ...deps, mails: true }
    const id = await ask('new_pin', STUDENTS, { options: { deliver: 'mail' } })
    await runJobs(runOf({ deps: withMail }))
    const job = await jobOf(id)
    expect(await resultsOf(job)).toEqual({
      a: 'done',
      b: 'recent_mail_reset',
      c: 'no_address',
      d: 'no_address',
      e: 'no_address',
    })
    expect((await office.person('b')).pin).toBeNull()
    expect(await files.list(id)).toEqual([])
  })

  it('and a password are not issued to one person by one helpdesk within a day', async () => {
    await offer()
    const desk = await grant('desk', 'helpdesk')
    const { sub } = await office.person('a')
    const who = await some('a')
    const password = await done('temporary_passwords', who, { by: desk, confirmed: 1 })
    expect(password.counts).toEqual({ done: 1 })
    const paper = { by: desk, confirmed: 1, options: { deliver: 'paper' as const } }
    expect((await done('new_pin', who, paper)).counts).toEqual({ other_secret_issued: 1 })
    expect((await done('new_pin', who, { ...paper, by: admin })).counts).toEqual({ done: 1 })
    office.later(DAY_MS)
    expect((await done('new_pin', who, paper)).counts).toEqual({ done: 1 })
    expect((await done('temporary_passwords', who, { by: desk, confirmed: 1 })).counts).toEqual({
      other_secret_issued: 1,
    })
    const claims = await Promise.all(
      (['pin', 'password'] as const).map((kind) =>
        deps.store.transact((tables) =>
          claimIssue(tables, { sub: 'other', role: 'helpdesk' }, sub, kind, office.now()),
        ),
      ),
    )
    expect(claims.filter(Boolean)).toHaveLength(1)
  })
})

describe('temporary passwords', () => {
  const names = async (id: string) => (await files.list(id)).map(({ name }) => name)

  it('come on cards; who keeps one of their own, or has none, is named', async () => {
    await office.setPassword('b', null, { origin: 'initial' })
    const job = await done('temporary_passwords', STUDENTS, { options: { keepPersonal: true } })
    expect(await resultsOf(job)).toEqual({
      a: 'personal_kept',
      b: 'done',
      c: 'personal_kept',
      d: 'personal_kept',
      e: 'personal_kept',
    })
    expect((await names(job.id)).map((name) => name.replace(/-[0-9a-f]{8}/, ''))).toEqual([
      'passwords-2026-09-14-0440001A.pdf',
      'passwords-2026-09-14.csv',
    ])
    expect((await office.person('b')).password).toMatchObject({ origin: 'temporary' })
  })

  it('are for those whom a filter found, also where having one is what it asked for', async () => {
    const people: JobPeople = { all: true, filter: { userType: 'student', password: 'personal' } }
    const job = await done('temporary_passwords', people)
    expect(job.counts).toEqual({ done: 5 })
  })

  it('begin anew where a process died before they were complete', async () => {
    const id = await ask('temporary_passwords')
    let died = false
    const dying: Deps = {
      ...deps,
      store: {
        ...deps.store,
        passwordBatches: {
          ...deps.store.passwordBatches,
          prepare: async (...given) => {
            await deps.store.passwordBatches.prepare(...given)
            if (!died) {
              died = true
              throw new Error('killed')
            }
          },
          // What a process that is dead does not do any more.
          abandon: async () => false,
        },
      },
    }
    await runJobs(runOf({ deps: dying }))
    expect(await jobOf(id)).toMatchObject({ state: 'failed', done: 0 })
    expect((await office.person('a')).password?.origin).toBe('personal')
    await resumeJob(deps, id, admin)
    await runJobs(runOf())
    expect(await jobOf(id)).toMatchObject({ state: 'done', counts: { done: 5 } })
    const batches = await deps.store.passwordBatches.list(10)
    expect(batches.map(({ state }) => state).sort()).toEqual(['in_force', 'taken_back'])
    expect(await names(id)).toHaveLength(2)
  })

  it('are no more than can be named, where more than type, place and class is asked for', async () => {
    const id = await ask(
      'temporary_passwords',
      { all: true, filter: { text: 'L' } },
      { confirmed: 8 },
    )
    await runJobs(runOf())
    expect(await resultsOf({ id })).toMatchObject({ a: 'done', admin: 'oneself' })
  })
})

describe('taking a job back', () => {
  const undo = async ({ id }: Job, by = admin) => {
    const started = await startUndo(deps, id, by)
    await runJobs(runOf())
    return started
  }
  const undone = async (job: Job): Promise<Job> => {
    const started = await undo(job)
    if (!started.ok) throw new Error(started.reason)
    return jobOf(started.id)
  }

  it('frees those whom it forced, unless they have another password since', async () => {
    await office.setPassword('b', null, { mustChange: true })
    const job = await done('force_change')
    office.later(1_000)
    await office.setPassword('c', null, { mustChange: true })
    const back = await undone(job)
    expect(await resultsOf(back)).toEqual({ a: 'done', c: 'changed_since', d: 'done', e: 'done' })
    expect((await office.person('a')).password?.mustChange).toBe(false)
    expect((await office.person('b')).password?.mustChange).toBe(true)
    expect((await jobOf(job.id)).undoneBy).toBe(back.id)
    expect((await entries('password_change_unforced')).length).toBe(3)
  })

  it('is done once, whoever asks at the same moment', async () => {
    const job = await done('force_change')
    const both = await Promise.all([startUndo(deps, job.id, admin), startUndo(deps, job.id, admin)])
    expect(both.map((one) => one.ok || one.reason).sort()).toEqual([true, 'undone'])
  })

  it('lets in whom it shut out, and shuts out whom it let in', async () => {
    await deps.store.accounts.setDisabled((await office.person('e')).sub, office.now())
    office.later(1_000)
    const who = await some('a', 'b', 'e')
    const shut = await done('disable', who)
    office.later(1_000)
    expect(await resultsOf(await undone(shut))).toEqual({ a: 'done', b: 'done' })
    expect((await office.person('e')).disabledAt).not.toBeNull()
    const opened = await done('enable', who)
    expect(await resultsOf(await undone(opened))).toEqual({ e: 'done' })
    expect((await office.person('e')).disabledAt).not.toBeNull()
  })

  it('gives back what cards replaced, until one of them is used', async () => {
    const before = (await office.person('a')).password
    const job = await done('temporary_passwords')
    const back = await undone(job)
    expect(back.counts).toEqual({ done: 5 })
    expect((await office.person('a')).password).toEqual(before)
    office.later(1_000)
    const again = await done('temporary_passwords')
    const batch = (await office.person('a')).password?.batchId ?? ''
    await deps.store.passwordBatches.use(batch, office.now())
    expect(await undo(again)).toEqual({ ok: false, reason: 'used' })
  })

  it('is not for what cannot be taken back, nor for a job that goes on', async () => {
    expect(await undo(await done('end_sessions'))).toEqual({ ok: false, reason: 'cannot' })
    const id = await ask('force_change')
    expect(await startUndo(deps, id, admin)).toEqual({ ok: false, reason: 'not_over' })
  })
})
