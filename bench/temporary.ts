/**
 * `npm run bench -- --temporary`: what it takes to give 100,000 people temporary passwords, files
 * included, and how long a gateway beside it keeps people waiting meanwhile.
 */
import { setTimeout as after } from 'node:timers/promises'
import { runChild, visitUntil } from './beside.ts'
import { openPremises } from './premises.ts'
import { markdownTable, quantile } from './report.ts'

const PEOPLE = 100_000

interface Took {
  readonly lines: number
  readonly seconds: number
  readonly writingSeconds: number
  readonly transactions: number
  readonly longestMs: number
  readonly peakMib: number
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
    await runChild(premises, 'bench/large_school.ts', 'fill', premises.folder, String(PEOPLE))
    await premises.gateway()
    const quiet = await visitUntil(premises, after(QUIET_MS))
    const generated = runChild(premises, 'bench/large_school.ts', 'generate', premises.folder)
    const waited = await visitUntil(premises, generated)
    const took = (await generated) as Took
    return json ? JSON.stringify({ took, quiet, waited }) : reportOf(took, quiet, waited)
  } finally {
    await premises.close()
  }
}
