/**
 * `npm run bench -- --cards`: how long the cards of temporary passwords take, and the most memory
 * that a process which writes them occupies. Each row is a process of its own.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Card } from '../accounts/temporary_passwords.ts'
import { type CardFormat, createCardWriter } from '../cards/card_writer.ts'
import { markdownTable } from './report.ts'

interface Job {
  readonly cards: number
  readonly homes: number
  readonly formats: readonly CardFormat[]
}

const JOBS: readonly Job[] = [
  { cards: 1_000, homes: 1, formats: ['pdf', 'csv'] },
  { cards: 100_000, homes: 20, formats: ['pdf', 'csv'] },
  { cards: 100_000, homes: 1, formats: ['pdf', 'csv'] },
  { cards: 100_000, homes: 20, formats: ['csv'] },
]

const CLASS_SIZE = 27
const SYLLABLES = 'ba be ci do fé ga la lé mi na no pé ra ri sé ta to va'.split(' ')
const LETTERS = 'cdfhjkmnprtvwxy3479'

/** A fixed sequence, so that two measurements write the same. */
const createDice = () => {
  let state = 20_260_901
  return (faces: number): number => {
    state = (state * 48_271) % 2_147_483_647
    return state % faces
  }
}

const repeat = (count: number, part: () => string): string =>
  Array.from({ length: count }, part).join('')

function* cardsOf({ cards, homes }: Job): Iterable<Card> {
  const dice = createDice()
  const word = (count: number): string => {
    const text = repeat(count, () => SYLLABLES[dice(SYLLABLES.length)] ?? '')
    return text.charAt(0).toUpperCase() + text.slice(1)
  }
  const letters = (): string => repeat(4, () => LETTERS.charAt(dice(LETTERS.length)))
  for (let nth = 0; nth < cards; nth += 1) {
    const atHome = nth % Math.ceil(cards / homes)
    yield {
      sub: `sub-${nth}`,
      identifier: `${word(2).toLowerCase()}.${word(3).toLowerCase()}.${nth}`,
      givenName: word(2),
      familyName: word(4),
      userType: 'student',
      classes: [`${1 + Math.floor(atHome / CLASS_SIZE)} B`],
      home: `07500${10 + Math.floor(nth / Math.ceil(cards / homes))}A`,
      password: [letters(), letters(), letters()].join('-'),
      validUntil: Date.UTC(2026, 9, 1),
    }
  }
}

interface Result {
  readonly seconds: number
  readonly peakMib: number
  readonly bytes: number
}

/** proc(5): `VmHWM`, the most that was resident, in kB. */
const peakMib = (): number => {
  const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

const run = async (job: Job): Promise<Result> => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-cards-'))
  try {
    const startedAt = performance.now()
    const writer = await createCardWriter({
      folder,
      name: 'cards',
      address: 'https://login.school.example',
      schoolName: 'Collège Jeanne-d’Arc',
      timeZone: 'Europe/Paris',
      locale: 'fr',
      formats: job.formats,
    })
    for (const card of cardsOf(job)) await writer.write(card)
    const { files } = await writer.close()
    const seconds = (performance.now() - startedAt) / 1000
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
    return { seconds, peakMib: peakMib(), bytes }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const CHILD = '--one'
/**
 * As the command runs. What is alive is some 20 MiB; V8 lets the short-lived rest grow far beyond
 * it where nobody says how far.
 */
const NODE_FLAGS = ['--max-semi-space-size=16']

const inOwnProcess = (job: Job): Result => {
  const args = [...NODE_FLAGS, import.meta.filename, CHILD, JSON.stringify(job)]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Result
}

/** The report, as Markdown or as JSON. */
export const measureCards = (json: boolean): string => {
  const results = JOBS.map((job) => ({ job, ...inOwnProcess(job) }))
  if (json) return JSON.stringify(results)
  const rows = results.map(({ job, seconds, peakMib: peak, bytes }) => [
    `${job.cards} cards, ${job.formats.join(' and ')}, ${job.homes} establishment(s)`,
    seconds.toFixed(1),
    String(Math.round(job.cards / seconds)),
    String(peak),
    String(Math.round(bytes / 1_000_000)),
  ])
  return [
    '# Cards of temporary passwords\n',
    markdownTable(['', 's', 'cards/s', 'peak MiB', 'MB written'], rows),
  ].join('\n')
}

const [flag, job] = process.argv.slice(2)
if (import.meta.main && flag === CHILD) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(job ?? '') as Job)))
}
