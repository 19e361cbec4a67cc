/**
 * `npm run bench -- --temporary`: what it takes to give 100,000 people temporary passwords, files
 * included, and how long a gateway beside it keeps people waiting meanwhile.
 */
import { Agent } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { openPremises, type Premises } from './premises.ts'
import { markdownTable, quantile } from './report.ts'
import { createVisitor } from './visitor.ts'

const PEOPLE = 100_000
const ASK_EVERY_MS = 50

interface Took {
  readonly lines: number
  readonly seconds: number
  readonly writingSeconds: number
  readonly transactions: number
  readonly longestMs: number
  readonly peakMib: number
}

const runChild = async (premises: Premises, ...args: string[]): Promise<unknown> => {
  const { child, output } = premises.run(['bench/large_school.ts', ...args])
  const { code } = await child.ended
  if (code !== 0) throw new Error(output())
  return JSON.parse(output().trim().split('\n').at(-1) ?? '')
}

/** Opens the sign-in page, which writes, again and again. */
const visitUntil = async (premises: Premises, ended: Promise<unknown>): Promise<number[]> => {
  const agent = new Agent({ keepAlive: true })
  const waited: number[] = []
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  ended.then(over, over)
  while (!isOver) {
    const startedAt = performance.now()
    await createVisitor(premises.issuer, '192.0.2.1', agent).start()
    waited.push(performance.now() - startedAt)
    await after(ASK_EVERY_MS)
  }
  agent.destroy()
  return waited
}

const reportOf = (took: Took, quiet: readonly number[], waited: readonly number[]): string => {
  const ms = (values: readonly number[], q: number) => String(quantile(values, q, 1))
  return [
    `# ${took.lines} people get temporary passwords, with a CSV file\n`,
    markdownTable(
      ['', ''],
      [
        ['all, seconds', took.seconds.toFixed(1)],
        ['of which until the file is complete', took.writingSeconds.toFixed(1)],
        ['peak of memory (RSS), MiB', String(took.peakMib)],
        ['transactions', String(took.transactions)],
        ['the longest of them, ms', took.longestMs.toFixed(1)],
      ],
    ),
    '\nThe sign-in page of a gateway beside it (ms):\n',
    markdownTable(
      ['', 'pages', 'p50', 'p99', 'longest'],
      [
        ['before', String(quiet.length), ms(quiet, 0.5), ms(quiet, 0.99), ms(quiet, 1)],
        ['meanwhile', String(waited.length), ms(waited, 0.5), ms(waited, 0.99), ms(waited, 1)],
      ],
    ),
  ].join('\n')
}

const QUIET_MS = 5000

/** The report, as Markdown or as JSON. */
export const measureTemporary = async (json: boolean): Promise<string> => {
  // With a mail server that nobody answers at: mails are queued, and none is sent.
  const premises = await openPremises({
    log_level: 'fatal',
    smtp_url: 'smtp://127.0.0.1:9',
    mail_from: 'login@school.example',
  })
  try {
    await runChild(premises, 'fill', premises.folder, String(PEOPLE))
    await premises.gateway()
    const quiet = await visitUntil(premises, after(QUIET_MS))
    const generated = runChild(premises, 'generate', premises.folder)
    const waited = await visitUntil(premises, generated)
    const took = (await generated) as Took
    return json ? JSON.stringify({ took, quiet, waited }) : reportOf(took, quiet, waited)
  } finally {
    await premises.close()
  }
}
