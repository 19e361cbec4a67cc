/** Appends and seals without end: `audit_child.ts FOLDER NTH`. One line for each round. */
import { openArchive } from '../support/audit_chain.ts'

const [folder = '', nth = '0'] = process.argv.slice(2)
const archive = await openArchive(folder)
const first = Number(nth) * 1_000_000
for (let round = 0; ; round += 1) {
  await archive.append(first + round * 20, first + round * 20 + 19)
  archive.now += 60_000
  await archive.seal()
  process.stdout.write(`${round}\n`)
}
