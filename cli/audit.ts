import { identifierKey } from '../accounts/account.ts'
import { AUDIT_ACTS, isAuditAct } from '../accounts/audit.ts'
import type { AuditEntry } from '../accounts/ports.ts'
import { didYouMean } from '../provider/setting_words.ts'
import {
  type Command,
  type Context,
  EXIT,
  type Exit,
  text,
  UsageError,
  type Values,
} from './command.ts'
import { table, time } from './output.ts'

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 10_000

const readLimit = (values: Values): number => {
  const written = text(values, 'limit') ?? String(LIMIT_DEFAULT)
  const limit = /^\d{1,5}$/.test(written) ? Number(written) : 0
  if (limit < 1 || limit > LIMIT_MAX) {
    throw new UsageError(`--limit is a number from 1 to ${LIMIT_MAX}`)
  }
  return limit
}

const readAct = (values: Values): string | undefined => {
  const act = text(values, 'act')
  if (act !== undefined && !isAuditAct(act)) {
    const hint = didYouMean(act, AUDIT_ACTS) || `; they are: ${AUDIT_ACTS.join(', ')}`
    throw new UsageError(`There is no act "${act}"${hint}`)
  }
  return act
}

/** Whom to list: undefined for everybody, null when the identifier is nobody's. */
const readSub = async (context: Context): Promise<string | null | undefined> => {
  const { values, out } = context
  const identifier = text(values, 'identifier')
  const sub = text(values, 'sub')
  if (identifier !== undefined && sub !== undefined) {
    throw new UsageError('--sub and --identifier exclude one another')
  }
  const { deps } = await context.core()
  if (identifier === undefined) {
    const known = sub === undefined ? null : await deps.store.accounts.bySub(sub)
    if (known !== null) {
      context.concerns(known.sub) // Not what was merely typed.
    }
    return sub
  }
  // Also whoever had it: the entries of a person outlive a change of identifier.
  const holder = await deps.store.accounts.identifierHolder(identifierKey(identifier))
  if (holder === null) {
    out.problem({ where: `identifier "${identifier}"`, message: 'nobody has or had it' })
  } else {
    context.concerns(holder)
  }
  return holder
}

const detailWords = (detail: AuditEntry['detail']): string =>
  Object.entries(detail)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')

const row = (entry: AuditEntry): string[] => [
  time(entry.atMs),
  entry.act,
  entry.outcome,
  entry.sub ?? '-',
  entry.actor === entry.sub ? 'self' : (entry.actor ?? '-'),
  entry.network ?? '-',
  entry.clientId ?? '-',
  detailWords(entry.detail),
]

const forMachines = ({ atMs, clientId, browserId, ...entry }: AuditEntry) => ({
  ...entry,
  at: new Date(atMs).toISOString(),
  client_id: clientId,
  browser_id: browserId,
})

const list = async (context: Context): Promise<Exit> => {
  const { values, out } = context
  const limit = readLimit(values)
  const act = readAct(values)
  const sub = await readSub(context)
  if (sub === null) {
    return EXIT.refused
  }
  const { deps } = await context.core()
  const filter = { ...(sub === undefined ? {} : { sub }), ...(act === undefined ? {} : { act }) }
  const entries = await deps.store.audit.list(filter, limit)
  const head = ['TIME', 'ACT', 'OUTCOME', 'WHOM', 'WHO', 'NETWORK', 'APPLICATION', 'FACTS']
  table([head, ...entries.map(row)]).forEach(out.line)
  out.data(entries.map(forMachines))
  return EXIT.ok
}

export const auditList: Command = {
  name: 'audit list',
  usage: '[--sub SUB | --identifier IDENTIFIER] [--act ACT] [--limit N]',
  summary: 'what was done, newest first',
  options: {
    sub: { type: 'string' },
    identifier: { type: 'string' },
    act: { type: 'string' },
    limit: { type: 'string' },
  },
  positionals: [0, 0],
  run: list,
}
