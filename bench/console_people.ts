/**
 * `npm run bench -- --people [COUNT]`: how long the console's searches and lists take in a school of
 * a million people, and how long the sign-in page takes meanwhile.
 */
import { setTimeout as after } from 'node:timers/promises'
import { runChild, visitUntil } from './beside.ts'
import type { Asked } from './many_people.ts'
import { openPremises } from './premises.ts'
import { markdownTable, quantile } from './report.ts'

const PEOPLE = 1_000_000
const QUIET_MS = 5_000
/** What every search and list is to keep to, at the server. */
const LIMIT_MS = 100

interface Took {
  readonly asked: readonly Asked[]
  readonly beforeMib: number
  readonly afterMib: number
  readonly peakMib: number
}

const reportOf = (
  people: number,
  { asked, beforeMib, afterMib, peakMib }: Took,
  quiet: readonly number[],
  waited: readonly number[],
): string => {
  const ms = (values: readonly number[], q: number) => String(quantile(values, q, 1))
  const late = asked.filter(({ p99 }) => p99 > LIMIT_MS).map(({ name }) => name)
  return [
    `# Searches and lists of the console, ${people} people (ms)\n`,
    markdownTable(
      ['', 'p50', 'p99', 'longest', 'CPU p99', 'found'],
      asked.map(({ name, p50, p99, worst, cpu99, found }) => [
        name,
        String(p50),
        String(p99),
        String(worst),
        String(cpu99),
        String(found),
      ]),
    ),
    late.length === 0 ? '\nAll of them under 100 ms.' : `\nLonger: ${late.join('; ')}.`,
    `\nMemory (RSS, MiB): ${beforeMib} before, ${afterMib} after, ${peakMib} at most.`,
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

/** The report, as Markdown or as JSON. */
export const measurePeople = async (json: boolean, people = PEOPLE): Promise<string> => {
  const premises = await openPremises({ log_level: 'fatal' })
  try {
    await runChild(premises, 'bench/many_people.ts', 'fill', premises.folder, String(people))
    await premises.gateway()
    const quiet = await visitUntil(premises, after(QUIET_MS))
    const asking = runChild(premises, 'bench/many_people.ts', 'ask', premises.folder)
    const waited = await visitUntil(premises, asking)
    const took = (await asking) as Took
    return json ? JSON.stringify({ took, quiet, waited }) : reportOf(people, took, quiet, waited)
  } finally {
    await premises.close()
  }
}
