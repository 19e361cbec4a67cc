/**
 * Another process on the same database: `child.ts FOLDER ACT COUNT`. Says `ready`, waits for a
 * line, then acts, and writes one line for each act that was committed.
 */
import { once } from 'node:events'
import { openStore } from '../../adapters/open.ts'
import { claimOf, NOW, record } from './record.ts'

const [folder = '', act = '', count = '0'] = process.argv.slice(2)
const opened = await openStore({ dataFolder: folder, clock: Date.now })

const say = (line: string) => process.stdout.write(`${line}\n`)

const ACTS: Record<string, (index: number) => Promise<unknown>> = {
  record: (index) => record(opened.store, `child-${index}`),
  pin: async (index) => {
    const begun = await opened.store.pinTries.begin('pupil', `child-${index}`, 3, Date.now())
    return begun.ok ? 'admitted' : begun.reason
  },
  claim: async (index) => {
    const claimed = await opened.store.otpKeys.claim(claimOf({ step: index }), Date.now())
    return claimed ? `claimed ${index}` : 'refused'
  },
  take: async () => {
    const [item] = await opened.store.outbox.take('mail', NOW, 60_000, 1)
    return item?.id ?? 'nothing'
  },
  op: (index) => opened.op.Adapter('AccessToken').upsert(`child-${index}`, { accountId: 'a' }, 60),
}

say('ready')
await once(process.stdin, 'data')
for (let index = 0; index < Number(count); index += 1) {
  const result = await ACTS[act]?.(index)
  say(typeof result === 'string' ? result : String(index))
}
await opened.close()
process.exit(0)
