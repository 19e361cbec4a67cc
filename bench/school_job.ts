/**
 * In a process of its own, at the premises in FOLDER: `school_job.ts fill FOLDER COUNT` adds so many
 * students with a password, `school_job.ts force FOLDER` has the gateway there force all of them to
 * change it, and waits for that. Writes what it took as one line of JSON.
 */

import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { Person } from '../accounts/account.ts'
import { addJob } from '../accounts/jobs.ts'
import type { Tables } from '../accounts/ports.ts'
import { loadSettings } from '../provider/settings.ts'
import { type Core, openCore } from '../provider/wire.ts'

const PEOPLE_AT_ONCE = 500
const CLASSES = 400
/** Not a hash: nobody signs in here. */
const OF_NOBODY = 'v1.bench.'
const ADMIN = 'sub-admin'
const LOOK_MS = 100

const personOf = (nth: number, userType: Person['userType']): Person => ({
  externalId: `S${nth}`,
  identifier: `eleve.${nth}`,
  userType,
  givenName: `Prénom${nth % 997}`,
  familyName: `Nom-De-Famille${nth % 9973}`,
  email: null,
  birthDate: null,
  establishments: ['0750001A'],
  classes: userType === 'student' ? [`${nth % CLASSES}`] : [],
  children: [],
  locale: null,
})

/** Random as `sub`s are: each touches a page of its own. */
const subOf = (nth: number): string =>
  `sub-${String((nth * 7_368_787) % 10_000_019).padStart(8, '0')}`

const add = async ({ accounts }: Tables, nth: number, nowMs: number): Promise<void> => {
  const sub = subOf(nth)
  await accounts.insert(sub, personOf(nth, 'student'), nowMs)
  await accounts.setPassword(sub, {
    sealed: `${OF_NOBODY}${nth}`,
    origin: 'personal',
    setAt: nowMs,
    rulesVersion: 1,
    mustChange: false,
    voidedAt: null,
    batchId: null,
  })
}

const fill = async ({ deps }: Core, count: number): Promise<object> => {
  for (let at = 0; at < count; at += PEOPLE_AT_ONCE) {
    await deps.store.transact(async (tables) => {
      for (let nth = at; nth < Math.min(at + PEOPLE_AT_ONCE, count); nth += 1) {
        await add(tables, nth, deps.clock())
      }
    })
  }
  const nowMs = deps.clock()
  await deps.store.accounts.insert(ADMIN, personOf(-1, 'staff'), nowMs)
  await deps.store.roles.grant({
    sub: ADMIN,
    role: 'identity_admin',
    scope: { userTypes: null, establishments: null },
    grantedAt: nowMs,
    grantedBy: 'bench',
  })
  return { people: count }
}

const force = async ({ deps, opened }: Core): Promise<object> => {
  const scope = { userTypes: null, establishments: null }
  const confirmed = await opened.lists.people.count({ userType: 'student', scope })
  const params = { people: { all: true, filter: { userType: 'student' } }, confirmed, options: {} }
  const startedAt = performance.now()
  const id = await deps.store.transact((tables) =>
    addJob(deps, tables, { kind: 'force_change', params, by: ADMIN, total: null }),
  )
  for (;;) {
    await after(LOOK_MS)
    const job = await deps.store.jobs.find(id)
    if (job?.endedAt !== null && job !== null) {
      const people = job.counts['done'] ?? 0
      if (job.state !== 'done' || people !== confirmed) throw new Error(JSON.stringify(job))
      return { people, seconds: (performance.now() - startedAt) / 1000 }
    }
  }
}

const [act = '', folder = '', count = '0'] = process.argv.slice(2)
const config = join(folder, 'vestibule.yaml')
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const core = await openCore(loaded.settings)
const result = await (act === 'fill' ? fill(core, Number(count)) : force(core))
process.stdout.write(`${JSON.stringify(result)}\n`)
await core.close()
