import { type Finding, type FindingKind, verifyAudit } from '../accounts/audit_verify.ts'
import { openChainReader } from '../adapters/chain_reader.ts'
import { readCheckpointFile } from '../adapters/checkpoint_file.ts'
import { type Command, type Context, EXIT, type Exit, text, UsageError } from './command.ts'
import { many, moment, time } from './output.ts'

const FINDINGS: Readonly<Record<FindingKind, string>> = {
  altered: 'is not what was sealed: altered, moved, or its seal was taken away',
  emptied: 'what it said of somebody was removed, and not by the gateway',
  removed: 'was removed',
  slipped_in: 'was never sealed, and stands where all is',
  seal_altered: 'the seal over it was altered',
  seal_missing: 'the seal over it is missing',
  cut_off: 'is sealed, but the end of the chain was cut off',
  beginning: 'the beginning of the chain was cut off',
  checkpoint_ahead: 'was cut off: a checkpoint vouches for it',
  checkpoint_differs: 'is not what a checkpoint vouches for',
  checkpoint_forged: 'has a checkpoint that this gateway did not sign',
}

/** A whole table that was tampered with is not told entry by entry. */
const TOLD_MAX = 1_000

const whereOf = ({ first, last }: Finding): string =>
  first === last ? `entry ${first}` : `entries ${first} to ${last}`

const wordsOf = (finding: Finding): string => {
  const { kind, atMs, line } = finding
  const when = atMs === null ? '' : ` (${time(atMs)})`
  const from = line === null || line === 0 ? '' : `, line ${line} of the checkpoints`
  return `${FINDINGS[kind]}${when}${from}`
}

const forMachines = ({ atMs, ...finding }: Finding) => ({ ...finding, at: moment(atMs) })

const verify = async (context: Context): Promise<Exit> => {
  const { values, out } = context
  const core = await context.core()
  const given = text(values, 'checkpoints')
  const path = given ?? core.checkpoints
  const lines = readCheckpointFile(path)
  if (lines === null && given !== undefined) {
    throw new UsageError(`There is no file ${given}`)
  }
  const told: Finding[] = []
  const chain = openChainReader(core.dataFolder)
  try {
    const result = verifyAudit({
      chain,
      keys: core.auditKeys,
      lines: lines ?? [],
      found: (finding) => {
        if (told.length < TOLD_MAX) {
          told.push(finding)
          out.problem({ where: whereOf(finding), message: wordsOf(finding) })
        }
      },
      progress: () => {},
    })
    tell(context, result, lines === null ? null : path)
    const { lastCheckpoint, end, unsealedSinceMs, ...counts } = result
    out.data({
      ...counts,
      sealed_to: end.lastSeq,
      unsealed_since: moment(unsealedSinceMs),
      last_checkpoint: moment(lastCheckpoint?.atMs ?? null),
      checkpoint_key: core.auditKeys.publicKey,
      found: told.map(forMachines),
    })
    return result.findings === 0 ? EXIT.ok : EXIT.refused
  } finally {
    chain.close()
  }
}

const tell = (
  { out }: Context,
  result: ReturnType<typeof verifyAudit>,
  path: string | null,
): void => {
  const { entries, erased, purged, end, unsealed, unsealedSinceMs, findings } = result
  out.line(`sealed entries checked: ${entries}, up to entry ${end.lastSeq}`)
  if (erased > 0) {
    out.line(`of these without what they said of somebody who was erased: ${erased}`)
  }
  if (purged > 0) {
    out.line(`purged after their time: ${purged}`)
  }
  out.line(
    unsealed === 0
      ? 'not sealed yet: 0'
      : `not sealed yet: ${unsealed}, since ${time(unsealedSinceMs)}`,
  )
  out.line(`checkpoints checked: ${result.checkpoints}`)
  if (path === null) {
    out.line('no file of checkpoints: what was cut off with its seals does not show')
  }
  if (result.unreadable > 0) {
    out.line(`lines of the file of checkpoints that cannot be read: ${result.unreadable}`)
  }
  if (result.lastCheckpoint !== null) {
    const { atMs, lastSeq } = result.lastCheckpoint
    out.line(`last checkpoint: ${time(atMs)}, up to entry ${lastSeq}`)
  }
  if (findings > TOLD_MAX) {
    out.line(`only the first ${TOLD_MAX} findings are shown`)
  }
  out.line(findings === 0 ? 'nothing was tampered with' : many(findings, 'finding'))
}

export const auditVerify: Command = {
  name: 'audit verify',
  usage: '[--checkpoints FILE]',
  summary: 'whether an entry of the audit was removed, altered or cut off',
  options: { checkpoints: { type: 'string' } },
  positionals: [0, 0],
  run: verify,
}
