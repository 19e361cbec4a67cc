/**
 * `npm run bench -- --jobs`: a forced change of password for 100,000 people as a job of the gateway,
 * and how long people who sign in meanwhile wait for the page behind their password.
 */
import { Agent } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { runChild } from './beside.ts'
import { openPremises, type Premises } from './premises.ts'
import { markdownTable, quantile } from './report.ts'
import { createVisitor, stepOf } from './visitor.ts'

const PEOPLE = 100_000
const PASSWORD = 'Tilleul-Papier-27'
/** Who signs in; none of them is forced. */
const TEACHERS = 20
const AT_ONCE = 2
/** Between two sign-ins of one of them: together some ten in a second, a full school in the morning. */
const PAUSE_MS = 150
const QUIET_MS = 20_000
const WARM_UP = 10

interface Forced {
  readonly people: number
  readonly seconds: number
}

const addTeachers = async (premises: Premises): Promise<void> => {
  const lines = Array.from(
    { length: TEACHERS },
    (_, nth) => `teacher.${nth},teacher,Camille,Moreau,${PASSWORD}`,
  )
  const csv = ['identifier,user_type,given_name,family_name,personal_password', ...lines, '']
  const file = premises.file('people.csv', csv.join('\n'))
  const { code, output } = await premises.vestibule('people', 'import', file)
  if (code !== 0) throw new Error(output)
}

/** Signs in on a browser that nobody knows: both pages, one hash. Returns how long that took. */
const signIn = async (premises: Premises, agent: Agent, nth: number): Promise<number> => {
  const visitor = createVisitor(premises.issuer, `192.0.2.${1 + (nth % TEACHERS)}`, agent)
  const startedAt = performance.now()
  const page = await visitor.start()
  const answer = await visitor.submit(page, {
    identifier: `teacher.${nth % TEACHERS}`,
    password: PASSWORD,
  })
  const took = performance.now() - startedAt
  if (stepOf(answer) === 'login' || answer.status >= 400) {
    throw new Error(`no sign-in: ${answer.status} ${stepOf(answer)}`)
  }
  return took
}

/** Some at a time, one after the other, until then. */
const signInUntil = async (premises: Premises, ended: Promise<unknown>): Promise<number[]> => {
  const agent = new Agent({ keepAlive: true })
  const took: number[] = []
  let isOver = false
  let nth = 0
  const over = (): void => {
    isOver = true
  }
  ended.then(over, over)
  const person = async (): Promise<void> => {
    while (!isOver) {
      nth += 1
      took.push(await signIn(premises, agent, nth))
      await after(PAUSE_MS)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, person))
  agent.destroy()
  return took
}

const reportOf = (
  forced: Forced,
  quiet: readonly number[],
  meanwhile: readonly number[],
): string => {
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    String(values.length),
    ...[0.5, 0.99, 1].map((q) => String(quantile(values, q, 1))),
  ]
  return [
    `# ${forced.people} people are forced to change their password, as a job: ${forced.seconds.toFixed(1)} s\n`,
    `Sign-ins up to the page behind the password, ${AT_ONCE} at a time (ms):\n`,
    markdownTable(
      ['', 'sign-ins', 'p50', 'p99', 'longest'],
      [row('before', quiet), row('meanwhile', meanwhile)],
    ),
  ].join('\n')
}

/** The report, as Markdown or as JSON. */
export const measureJobs = async (json: boolean): Promise<string> => {
  const premises = await openPremises({ log_level: 'error' })
  try {
    await addTeachers(premises)
    await runChild(premises, 'bench/school_job.ts', 'fill', premises.folder, String(PEOPLE))
    await premises.gateway()
    const agent = new Agent({ keepAlive: true })
    for (let nth = 0; nth < WARM_UP; nth += 1) await signIn(premises, agent, nth)
    agent.destroy()
    const quiet = await signInUntil(premises, after(QUIET_MS))
    const job = runChild(premises, 'bench/school_job.ts', 'force', premises.folder)
    const meanwhile = await signInUntil(premises, job)
    const forced = (await job) as Forced
    return json ? JSON.stringify({ forced, quiet, meanwhile }) : reportOf(forced, quiet, meanwhile)
  } finally {
    await premises.close()
  }
}
