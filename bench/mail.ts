/**
 * `npm run bench -- --mail`: what people wait for a page that queues a mail, with a mail server
 * that takes it, one that accepts connections and never says a word, and none at all. Three
 * gateways of one machine are asked in turn, so that whatever else it does meets all three alike.
 */
import { Agent } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { freePort } from '../demo/free_port.ts'
import { startMailbox } from '../demo/mailbox.ts'
import { openPremises, type Premises } from './premises.ts'
import { markdownTable, quantile } from './report.ts'
import { type Answer, createVisitor, isArrived, stepOf, type Visitor } from './visitor.ts'

const PASSWORD = 'Tilleul-Papier-27'
const PIN = '8306'
/** Not counted: compilation and caches. */
const WARM_UP = 10
const ROUNDS = 200
/** Codes that are mailed to one person in a quarter of an hour. */
const CODES_EACH = 3

/** Staff are told of a new device, and asked nothing. */
const POLICIES = `policies:
  staff:
    protections: [notification]
    devices: { trust: false }
`

interface MailServer {
  readonly port: number
  /** Mails that it has taken. */
  taken(): number
  close(): Promise<void>
}

const HOST = '127.0.0.1'

const startTaking = async (): Promise<MailServer> => {
  const port = await freePort(0)
  const mailbox = await startMailbox(HOST, port)
  return {
    port,
    taken: () => Number(mailbox.mails()[0]?.id ?? 0), // They are numbered, the newest is first.
    close: () => mailbox.close(),
  }
}

const startHolding = async (): Promise<MailServer> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, resolve)
  })
  const close = async (): Promise<void> => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: (server.address() as AddressInfo).port, taken: () => 0, close }
}

const nobody = async (): Promise<MailServer> => ({
  port: await freePort(0),
  taken: () => 0,
  close: async () => undefined,
})

const SERVERS = { up: startTaking, held: startHolding, down: nobody } as const
type State = keyof typeof SERVERS
const STATES = Object.keys(SERVERS) as State[]

interface Place {
  readonly state: State
  readonly server: MailServer
  readonly premises: Premises
}

const openPlace = async (state: State, people: number): Promise<Place> => {
  const server = await SERVERS[state]()
  const premises = await openPremises({
    log_level: 'fatal',
    smtp_url: `smtp://${HOST}:${server.port}`,
    mail_from: 'login@school.example',
  })
  const lines = Array.from({ length: people }, (_, nth) =>
    ['teacher', 'staff'].map(
      (type) => `${type}.${nth},${type},Camille,Moreau,${type}.${nth}@home.example,${PASSWORD}`,
    ),
  )
  const header = 'identifier,user_type,given_name,family_name,email,personal_password'
  const commands = [
    ['people', 'import', premises.file('people.csv', [header, ...lines.flat(), ''].join('\n'))],
    ['policy', 'apply', premises.file('policies.yaml', POLICIES), '--why', 'measure'],
  ]
  for (const command of commands) {
    const { code, output } = await premises.vestibule(...command)
    if (code !== 0) throw new Error(`${command.join(' ')}:\n${output}`)
  }
  await premises.gateway()
  return { state, server, premises }
}

const agent = new Agent({ keepAlive: true })

/** From a network of its own each time: a place that was told of within the hour is not mailed. */
const createNewcomers = () => {
  let come = 0
  return ({ premises }: Place): Visitor => {
    come += 1
    return createVisitor(premises.issuer, `10.${come >> 8}.${come & 255}.7`, agent)
  }
}
const newcomer = createNewcomers()

const expectStep = (answer: Answer, isThere: boolean): Answer => {
  if (!isThere) throw new Error(`stuck at ${answer.url} (${answer.status}, ${stepOf(answer)})`)
  return answer
}

const login = async (visitor: Visitor, identifier: string): Promise<Answer> =>
  visitor.submit(await visitor.start(), { identifier, password: PASSWORD })

const definePin = async (place: Place, nth: number): Promise<void> => {
  const visitor = newcomer(place)
  const page = await login(visitor, `teacher.${nth}`)
  const defined = { define_pin: 'yes', new_pin: PIN, confirm_pin: PIN }
  const answer = await visitor.submit(await visitor.submit(page, defined), {})
  expectStep(answer, isArrived(answer))
}

/** The page from the form on that goes to an address with this end. */
const fromForm = (page: Answer, end: string): Answer => {
  const at = page.text.search(new RegExp(`<form[^>]*action="[^"]*${end}"`))
  expectStep(page, at >= 0)
  return { ...page, text: page.text.slice(at) }
}

const timed = async (act: () => Promise<Answer>): Promise<[ms: number, answer: Answer]> => {
  const startedAt = performance.now()
  const answer = await act()
  return [performance.now() - startedAt, answer]
}

/** What is pressed, up to the page that comes of it. Each of them queues one mail. */
const PAGES: readonly {
  readonly name: string
  readonly run: (place: Place, round: number) => Promise<number>
}[] = [
  {
    name: '*Reset my PIN code*',
    run: async (place, round) => {
      const visitor = newcomer(place)
      const page = await login(visitor, `teacher.${Math.floor(round / CODES_EACH)}`)
      const form = fromForm(page, '/pin_reset')
      const [ms, answer] = await timed(() => visitor.submit(form, {}))
      expectStep(answer, stepOf(answer) === 'pin_reset_code')
      return ms
    },
  },
  {
    name: 'sign-in that is told by mail',
    run: async (place, round) => {
      const visitor = newcomer(place)
      const page = await visitor.start()
      const fields = { identifier: `staff.${Math.floor(round / CODES_EACH)}`, password: PASSWORD }
      const [ms, answer] = await timed(() => visitor.submit(page, fields))
      expectStep(answer, isArrived(answer))
      return ms
    },
  },
]

/** Another order each round, so that none always comes after the same one. */
const rotated = <T>(items: readonly T[], by: number): T[] => [
  ...items.slice(by % items.length),
  ...items.slice(0, by % items.length),
]

const measure = async (places: readonly Place[]): Promise<Map<string, number[]>> => {
  const times = new Map<string, number[]>()
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    for (const { name, run } of PAGES) {
      for (const place of rotated(places, round)) {
        const key = `${name} ${place.state}`
        const ms = await run(place, round)
        if (round >= WARM_UP) times.set(key, [...(times.get(key) ?? []), ms])
      }
    }
  }
  return times
}

const DIGITS = 1
const ms = (value: number): string => value.toFixed(DIGITS)
const difference = (value: number): string => `${value < 0 ? '−' : '+'}${ms(Math.abs(value))}`

const rowsOf = (times: ReadonlyMap<string, readonly number[]>): string[][] =>
  PAGES.flatMap(({ name }) => {
    const of = (state: State, q: number): number =>
      quantile(times.get(`${name} ${state}`) ?? [], q, DIGITS)
    return STATES.map((state) => [
      name,
      state,
      ...[0.5, 0.99].flatMap((q) => [
        ms(of(state, q)),
        state === 'up' ? '' : difference(of(state, q) - of('up', q)),
      ]),
    ])
  })

/** The report, as Markdown or as JSON. */
export const measureMail = async (json: boolean): Promise<string> => {
  const people = Math.ceil((WARM_UP + ROUNDS) / CODES_EACH)
  const places: Place[] = []
  try {
    for (const state of STATES) places.push(await openPlace(state, people))
    for (const place of places) {
      for (let nth = 0; nth < people; nth += 1) await definePin(place, nth)
    }
    const times = await measure(places)
    const taken = Object.fromEntries(places.map(({ state, server }) => [state, server.taken()]))
    return json
      ? JSON.stringify({ times: Object.fromEntries(times), taken })
      : [
          `# Pages that queue a mail, by the state of the mail server (ms, ${ROUNDS} of each)\n`,
          markdownTable(['', 'mail server', 'p50', 'to up', 'p99', 'to up'], rowsOf(times)),
          `\nMails taken meanwhile by the server that was up: ${taken['up']}.`,
        ].join('\n')
  } finally {
    agent.destroy()
    for (const { premises, server } of places) {
      await premises.close()
      await server.close()
    }
  }
}
