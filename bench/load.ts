/**
 * `npm run load`: do people on known browsers get in while strangers flood the gateway with
 * sign-ins? Starts a gateway of its own on this machine, with the hashing that schools use.
 */
import { Agent } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openPremises, type Premises } from './premises.ts'
import { markdownTable, quantile, residentMib } from './report.ts'
import { type Answer, createVisitor, isArrived, stepOf, type Visitor } from './visitor.ts'

const PASSWORD = 'Tilleul-Papier-27'
const PIN = '8306'

/** Bounds of what may be asked for: this is a measure, not a weapon. */
const LIMITS = { people: 500, junk: 2_000, seconds: 120, signIns: 50 } as const
/** Junk that is on its way at once; what comes on top is not sent, and is counted. */
const JUNK_UNDER_WAY_MAX = 2_000
/** Pages of the login prepared beforehand: a flood need not load them again. */
const JUNK_PAGES = 100
const TRIES_MAX = 5
const RETRY_MS_MAX = 2_000

interface Wishes {
  readonly people: number
  readonly junk: number
  readonly seconds: number
  readonly signIns: number
  readonly json: boolean
}

interface Phase {
  readonly name: string
  /** Junk sign-ins a second; 0: none. */
  readonly junk: number
  /** The address of the nth junk sign-in. */
  readonly address: (nth: number) => string
}

interface Result {
  readonly phase: string
  readonly signIns: number
  readonly served: number
  readonly tries: number
  readonly stuck: readonly string[]
  readonly p50: number
  readonly p95: number
  readonly slowest: number
  readonly junkSent: number
  readonly junkRefused: number
  readonly junkBusy: number
  readonly junkOther: number
  readonly otherAnswers: readonly string[]
  readonly junkNotSent: number
  readonly rssMib: number
}

const readWishes = (): Wishes => {
  const { values } = parseArgs({
    options: {
      people: { type: 'string', default: '60' },
      junk: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '20' },
      'sign-ins': { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  })
  const within = (text: string, max: number): number =>
    Math.min(Math.max(Number(text) || 1, 1), max)
  return {
    people: within(values.people, LIMITS.people),
    junk: within(values.junk, LIMITS.junk),
    seconds: within(values.seconds, LIMITS.seconds),
    signIns: within(values['sign-ins'], LIMITS.signIns),
    json: values.json,
  }
}

const octets = (nth: number): string => `${(nth >> 8) & 255}.${nth & 255}`

const PHASES = (junk: number): Phase[] => [
  { name: 'no flood', junk: 0, address: () => '' },
  { name: 'flood from many networks', junk, address: (nth) => `10.${octets(nth)}.7` },
  { name: 'flood from one network', junk, address: () => '198.51.100.7' },
]

const seed = async (premises: Premises, people: number): Promise<void> => {
  const header = 'external_id,identifier,user_type,given_name,family_name,personal_password'
  const lines = Array.from(
    { length: people },
    (_, nth) => `X${nth},person.${nth},teacher,Camille,Moreau,${PASSWORD}`,
  )
  const file = premises.file('people.csv', [header, ...lines, ''].join('\n'))
  const { code, output } = await premises.vestibule('people', 'import', file)
  if (code !== 0) throw new Error(`the people could not be imported:\n${output}`)
}

/** First connection: a PIN, and this browser among the recognised devices. */
const firstConnection = async (visitor: Visitor, nth: number): Promise<void> => {
  let page = await visitor.start()
  page = await visitor.submit(page, { identifier: `person.${nth}`, password: PASSWORD })
  page = await visitor.submit(page, { define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
  page = await visitor.submit(page, { remember_device: 'yes', device_name: `Room ${nth}` })
  if (!isArrived(page)) throw new Error(`person ${nth} did not get in: ${page.url}`)
}

interface SignedIn {
  readonly served: boolean
  readonly tries: number
  readonly ms: number
  /** Where a person who was not served ended: status and step. */
  readonly stuck: string
}

const postLogin = async (visitor: Visitor, nth: number): Promise<[Answer, tries: number]> => {
  const page = await visitor.start()
  if (page.status !== 200) return [page, 1]
  for (let tries = 1; ; tries += 1) {
    const answer = await visitor.submit(page, { identifier: `person.${nth}`, password: PASSWORD })
    if (answer.status !== 503 || tries === TRIES_MAX) return [answer, tries]
    await after(Math.min(Number(answer.retryAfter ?? 1) * 1000, RETRY_MS_MAX))
  }
}

/** A new session on a known browser; who is asked to come back does so. */
const signInAgain = async (visitor: Visitor, nth: number): Promise<SignedIn> => {
  visitor.cookies.delete('vestibule_session')
  visitor.cookies.delete('vestibule_session.sig')
  const startedAt = performance.now()
  const took = (tries: number, stuck: string): SignedIn => ({
    served: stuck === '',
    tries,
    ms: performance.now() - startedAt,
    stuck,
  })
  try {
    const [answer, tries] = await postLogin(visitor, nth)
    return took(tries, isArrived(answer) ? '' : `${answer.status} at ${stepOf(answer)}`)
  } catch (error) {
    return took(1, error instanceof Error ? error.message : String(error))
  }
}

/** Calls `act` so many times a second, whether or not earlier calls are done; returns when all are. */
const openLoop = async (
  perSecond: number,
  seconds: number,
  act: (nth: number) => Promise<void>,
): Promise<void> => {
  const total = Math.round(perSecond * seconds)
  const startedAt = performance.now()
  const acts: Promise<void>[] = []
  while (acts.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) / 1000) * perSecond))
    while (acts.length < due) acts.push(act(acts.length))
    await after(5)
  }
  await Promise.all(acts)
}

/** Only junk identifiers, some of them of people that there are. */
const junkIdentifier = (nth: number): string =>
  nth % 10 === 0 ? `person.${nth % 50}` : `nobody.${nth}`

const createFlood = async (issuer: string, phase: Phase) => {
  const agent = new Agent({ keepAlive: true, maxSockets: JUNK_UNDER_WAY_MAX })
  const visitor = createVisitor(issuer, '203.0.113.9', agent)
  const pages: { visitor: Visitor; page: Answer }[] = []
  for (let nth = 0; phase.junk > 0 && nth < JUNK_PAGES; nth += 1) {
    const one = createVisitor(issuer, '203.0.113.9', agent)
    pages.push({ visitor: one, page: await one.start() })
  }
  const counts = { sent: 0, refused: 0, busy: 0, other: 0, notSent: 0 }
  const others = new Set<string>()
  let underWay = 0
  const outcome = ({ status, retryAfter }: Answer): 'refused' | 'busy' | 'other' => {
    if (status === 503 && retryAfter !== undefined) return 'busy'
    return status === 303 ? 'refused' : 'other'
  }
  const send = async (nth: number): Promise<void> => {
    if (underWay >= JUNK_UNDER_WAY_MAX) {
      counts.notSent += 1
      return
    }
    const { visitor: by, page } = pages[nth % pages.length] ?? { visitor, page: undefined }
    if (page === undefined) return
    underWay += 1
    counts.sent += 1
    const fields = { identifier: junkIdentifier(nth), password: `wrong-${nth}` }
    const answer = await by.post(page, fields, phase.address(nth)).catch((error: Error) => error)
    const kind = answer instanceof Error ? 'other' : outcome(answer)
    counts[kind] += 1
    if (kind === 'other') others.add(answer instanceof Error ? answer.message : `${answer.status}`)
    underWay -= 1
  }
  return { counts, others, send, close: () => agent.destroy() }
}

const runPhase = async (
  premises: Premises,
  pid: number,
  visitors: readonly Visitor[],
  phase: Phase,
  wishes: Wishes,
): Promise<Result> => {
  const flood = await createFlood(premises.issuer, phase)
  const signedIn: SignedIn[] = []
  const free = visitors.map((visitor, nth) => ({ visitor, nth }))
  let rssMib = 0
  const watch = setInterval(() => {
    rssMib = Math.max(rssMib, residentMib(pid))
  }, 250)
  await Promise.all([
    openLoop(phase.junk, wishes.seconds, flood.send),
    openLoop(wishes.signIns, wishes.seconds, async () => {
      // Nobody signs in twice at once; who comes when all are busy would only measure that.
      const person = free.shift()
      if (person === undefined) return
      signedIn.push(await signInAgain(person.visitor, person.nth))
      free.push(person)
    }),
  ])
  clearInterval(watch)
  flood.close()
  const times = signedIn.map(({ ms }) => ms)
  return {
    phase: phase.name,
    signIns: signedIn.length,
    served: signedIn.filter(({ served }) => served).length,
    tries: signedIn.reduce((sum, { tries }) => sum + tries, 0),
    stuck: [...new Set(signedIn.map(({ stuck }) => stuck))].filter((stuck) => stuck !== ''),
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    slowest: quantile(times, 1),
    junkSent: flood.counts.sent,
    junkRefused: flood.counts.refused,
    junkBusy: flood.counts.busy,
    junkOther: flood.counts.other,
    otherAnswers: [...flood.others],
    junkNotSent: flood.counts.notSent,
    rssMib,
  }
}

const markdown = (wishes: Wishes, results: readonly Result[]): string =>
  [
    `# People on known browsers during a flood`,
    '',
    `${wishes.people} people on known browsers, ${wishes.signIns} sign-ins of theirs a second; ` +
      `${wishes.junk} junk sign-ins a second; ${wishes.seconds} s each. argon2id 19 MiB, t=2. ` +
      'Those who measure share the machine with the gateway.',
    '',
    markdownTable(
      ['', ...results.map(({ phase }) => phase)],
      [
        ['people served', ...results.map((r) => `${r.served} of ${r.signIns}`)],
        ['where others were stuck', ...results.map((r) => r.stuck.join(', '))],
        ['tries they took', ...results.map((r) => `${r.tries}`)],
        [
          'sign-in p50 / p95 / slowest (ms)',
          ...results.map((r) => `${r.p50} / ${r.p95} / ${r.slowest}`),
        ],
        ['junk sent', ...results.map((r) => `${r.junkSent}`)],
        ['junk refused (303)', ...results.map((r) => `${r.junkRefused}`)],
        ['junk told to come back (503)', ...results.map((r) => `${r.junkBusy}`)],
        [
          'junk with another answer',
          ...results.map((r) => [r.junkOther, ...r.otherAnswers].join(' ')),
        ],
        ['junk that found no room to be sent', ...results.map((r) => `${r.junkNotSent}`)],
        ['memory of the gateway, most (MiB)', ...results.map((r) => `${r.rssMib}`)],
      ],
    ),
    '',
  ].join('\n')

const measure = async (premises: Premises, wishes: Wishes): Promise<Result[]> => {
  await seed(premises, wishes.people)
  const { child } = await premises.gateway()
  const agent = new Agent({ keepAlive: true, maxSockets: 100 })
  const visitors: Visitor[] = []
  for (let nth = 0; nth < wishes.people; nth += 1) {
    const visitor = createVisitor(premises.issuer, `192.0.2.${nth % 250}`, agent)
    await firstConnection(visitor, nth)
    visitors.push(visitor)
  }
  const results: Result[] = []
  for (const phase of PHASES(wishes.junk)) {
    results.push(await runPhase(premises, child.pid, visitors, phase, wishes))
  }
  agent.destroy()
  return results
}

const wishes = readWishes()
const premises = await openPremises({ log_level: 'warn' })
try {
  const results = await measure(premises, wishes)
  process.stdout.write(
    wishes.json ? `${JSON.stringify({ wishes, results })}\n` : markdown(wishes, results),
  )
} finally {
  await premises.close()
}
