/**
 * `npm run bench`: the CPU time that the gateway spends on one sign-in and on one pass of single
 * sign-on, beside that of a bare argon2id. What the kernel counts of the gateway's own process, so
 * that whoever measures does not count. Instead, with `--mail` what mail costs, see `mail.ts`; with
 * `--temporary` what temporary passwords for 100,000 people cost, see `temporary.ts`; with `--cards`
 * what printing them costs, see `cards.ts`; with `--jobs` what a job on all of them costs those who
 * sign in, see `jobs.ts`.
 */
import { Agent } from 'node:http'
import { parseArgs } from 'node:util'
import { hash } from 'argon2'
import { measureCards } from './cards.ts'
import { measurePeople } from './console_people.ts'
import { measureImport } from './import.ts'
import { measureJobs } from './jobs.ts'
import { measureMail } from './mail.ts'
import { CALLBACK, CLIENT_ID, CLIENT_SECRET, openPremises, type Premises } from './premises.ts'
import { cpuMs, markdownTable } from './report.ts'
import { measureTemporary } from './temporary.ts'
import { type Answer, createVisitor, isArrived, type Visitor, verifier } from './visitor.ts'

const PASSWORD = 'Tilleul-Papier-27'
const PIN = '8306'
/** Not counted: compilation and caches. */
const WARM_UP = 20
const SIGN_INS = 100
const PASSES = 400
const HASHES = 40

/** What the gateway does by default: `hashing` in the settings. */
const ARGON2 = { type: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

interface Cost {
  readonly name: string
  readonly cpuMs: number
  readonly hashes: number
}

const redeem = async (issuer: string, { url }: Answer): Promise<void> => {
  const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')
  const response = await fetch(new URL('/token', issuer), {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: url.searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    }),
  })
  if (!response.ok) throw new Error(`the code was refused: ${await response.text()}`)
  await response.arrayBuffer()
}

const forget = ({ cookies }: Visitor, ...kinds: string[]): void => {
  for (const name of [...cookies.keys()]) {
    if (kinds.some((kind) => name.startsWith(`vestibule_${kind}`))) cookies.delete(name)
  }
}

const arrived = (answer: Answer): Answer => {
  if (!isArrived(answer)) throw new Error(`stuck at ${answer.url} (${answer.status})`)
  return answer
}

const login = async (visitor: Visitor): Promise<Answer> =>
  visitor.submit(await visitor.start(), { identifier: 'person.0', password: PASSWORD })

/** Each with its code redeemed, and how many argon2id it takes. */
const FLOWS: readonly {
  name: string
  hashes: number
  times: number
  run: (visitor: Visitor) => Promise<Answer>
}[] = [
  {
    name: 'sign-in on a recognised device (password)',
    hashes: 1,
    times: SIGN_INS,
    run: (visitor) => {
      forget(visitor, 'session')
      return login(visitor)
    },
  },
  {
    name: 'sign-in on a new device (password and PIN)',
    hashes: 2,
    times: SIGN_INS,
    run: async (visitor) => {
      forget(visitor, 'session', 'device')
      return visitor.submit(await login(visitor), { pin: PIN })
    },
  },
  {
    name: 'single sign-on (no page)',
    hashes: 0,
    times: PASSES,
    run: (visitor) => visitor.start(),
  },
]

const prepare = async (premises: Premises): Promise<Visitor> => {
  const csv = [
    'identifier,user_type,given_name,family_name,personal_password',
    `person.0,teacher,Camille,Moreau,${PASSWORD}`,
    '',
  ].join('\n')
  const file = premises.file('people.csv', csv)
  const { code, output } = await premises.vestibule('people', 'import', file)
  if (code !== 0) throw new Error(`the person could not be imported:\n${output}`)
  return createVisitor(premises.issuer, '192.0.2.1', new Agent({ keepAlive: true }))
}

const measure = async (premises: Premises): Promise<Cost[]> => {
  const visitor = await prepare(premises)
  const { child } = await premises.gateway()
  const page = await visitor.submit(await login(visitor), {
    define_pin: 'yes',
    new_pin: PIN,
    confirm_pin: PIN,
  })
  arrived(await visitor.submit(page, { remember_device: 'yes', device_name: 'Room 201' }))
  const costs: Cost[] = []
  for (const { name, hashes, times, run } of FLOWS) {
    const once = async (): Promise<void> => redeem(premises.issuer, arrived(await run(visitor)))
    for (let nth = 0; nth < WARM_UP; nth += 1) await once()
    const before = cpuMs(child.pid)
    for (let nth = 0; nth < times; nth += 1) await once()
    costs.push({ name, hashes, cpuMs: (cpuMs(child.pid) - before) / times })
  }
  return costs
}

/** In this process, one at a time, as the gateway hashes. */
const bareHash = async (): Promise<number> => {
  await hash(PASSWORD, ARGON2)
  const before = process.cpuUsage()
  for (let nth = 0; nth < HASHES; nth += 1) await hash(PASSWORD, ARGON2)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / HASHES
}

const ms = (value: number): string => value.toFixed(2)

const measureCost = async (json: boolean): Promise<string> => {
  const premises = await openPremises({ log_level: 'warn' })
  try {
    const argon2Ms = await bareHash()
    const costs = (await measure(premises)).map((cost) => ({
      ...cost,
      besideMs: cost.cpuMs - cost.hashes * argon2Ms,
    }))
    const table = markdownTable(
      ['', 'CPU ms', 'of which argon2id', 'the rest'],
      [
        ['one argon2id (19 MiB, t=2)', ms(argon2Ms), ms(argon2Ms), '0'],
        ...costs.map((cost) => [
          cost.name,
          ms(cost.cpuMs),
          ms(cost.hashes * argon2Ms),
          ms(cost.besideMs),
        ]),
      ],
    )
    return json
      ? JSON.stringify({ argon2Ms, costs })
      : `# CPU time of the gateway, tokens included\n\n${table}\n\n` +
          '`npm run bench -- --mail`: pages that queue a mail, by the state of the mail server.\n' +
          '`npm run bench -- --temporary`: temporary passwords for 100,000 people.\n' +
          '`npm run bench -- --cards`: cards for them on paper.\n' +
          '`npm run bench -- --jobs`: a forced change for 100,000 people, with sign-ins beside it.'
  } finally {
    await premises.close()
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    mail: { type: 'boolean', default: false },
    temporary: { type: 'boolean', default: false },
    cards: { type: 'boolean', default: false },
    people: { type: 'boolean', default: false },
    jobs: { type: 'boolean', default: false },
    import: { type: 'boolean', default: false },
  },
})

const measureAsked = async (): Promise<string> => {
  if (values.mail) return measureMail(values.json)
  if (values.cards) return measureCards(values.json)
  if (values.people) return measurePeople(values.json, Number(positionals[0] ?? 1_000_000))
  if (values.jobs) return measureJobs(values.json)
  if (values.import) return measureImport(values.json)
  return values.temporary ? measureTemporary(values.json) : measureCost(values.json)
}

const report = await measureAsked()
process.stdout.write(`${report}\n`)
