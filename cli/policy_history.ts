import { policiesBefore, undoPolicies } from '../accounts/apply_policies.ts'
import type { PolicyVersion } from '../accounts/ports.ts'
import { policyChanges } from '../policies/policy_changes.ts'
import {
  type Command,
  type Context,
  type Core,
  EXIT,
  type Exit,
  text,
  UsageError,
} from './command.ts'
import { moment, table, time } from './output.ts'
import { writePolicyFile } from './policy_file.ts'
import { changeData, changeLine, isFileMaster, sayEffects, shortId } from './policy_words.ts'

/** Versions that are looked through for the beginning of an id; a school has some dozens. */
const LOOKED_THROUGH = 500
const SHOWN_DEFAULT = 20

const versionData = ({ id, atMs, by, why }: PolicyVersion) => ({ id, at: moment(atMs), by, why })

/** The version that an id, or the beginning of one, names; null, and said, where none or several do. */
const named = async (
  { out }: Context,
  { deps }: Core,
  id: string,
): Promise<PolicyVersion | null> => {
  const { policies } = deps.store
  const exact = await policies.find(id)
  if (exact !== null) {
    return exact
  }
  const all = await policies.list(null, LOOKED_THROUGH)
  const [found, ...others] = all.filter((version) => version.id.startsWith(id))
  if (found !== undefined && others.length === 0) {
    return found
  }
  const message = found === undefined ? 'is no version: see policy history' : 'is several versions'
  out.problem({ where: id, message })
  out.data({ ok: false, reason: 'unknown_version' })
  return null
}

const countOf = (values: Context['values']): number => {
  const given = text(values, 'limit')
  if (given === undefined) {
    return SHOWN_DEFAULT
  }
  const count = Number(given)
  if (!Number.isInteger(count) || count < 1 || count > LOOKED_THROUGH) {
    throw new UsageError(`--limit must be a whole number from 1 to ${LOOKED_THROUGH}`)
  }
  return count
}

const history = async ({ values, out, core }: Context): Promise<Exit> => {
  const { policies } = (await core()).deps.store
  const versions = await policies.list(null, countOf(values))
  const rows = versions.map(({ id, atMs, by, why }) => [shortId(id), time(atMs), by, why || '-'])
  table([['version', 'saved', 'by', 'why'], ...rows]).forEach(out.line)
  if (versions.length === 0) {
    out.line('The defaults are in force: none was ever saved')
  }
  out.data(versions.map(versionData))
  return EXIT.ok
}

const show = async (context: Context): Promise<Exit> => {
  const { positionals, out } = context
  const core = await context.core()
  const version = await named(context, core, positionals[0] ?? '')
  if (version === null) {
    return EXIT.refused
  }
  const before = await policiesBefore(core.deps.store, version.id)
  const changes = policyChanges(before, version.policies)
  out.line(
    `# ${version.id}, ${time(version.atMs)}, ${version.by}: ${version.why || 'no reason given'}`,
  )
  changes.map((change) => `# ${changeLine(change)}`).forEach(out.line)
  writePolicyFile(version.policies).trimEnd().split('\n').forEach(out.line)
  out.data({
    ...versionData(version),
    changes: changes.map(changeData),
    policies: version.policies,
  })
  return EXIT.ok
}

/** The version that is named, else the newest; null, and said, where there is none. */
const toUndo = async (
  context: Context,
  core: Core,
  newest: PolicyVersion | null,
): Promise<PolicyVersion | null> => {
  const { positionals, out } = context
  const [id] = positionals
  if (id !== undefined) {
    return named(context, core, id)
  }
  if (newest === null) {
    out.problem({ where: 'policies', message: 'there is no version to undo' })
    out.data({ ok: false, reason: 'unknown_version' })
  }
  return newest
}

const undo = async (context: Context): Promise<Exit> => {
  const { values, out, by } = context
  const core = await context.core()
  const { store } = core.deps
  const dryRun = values['dry-run'] === true
  const why = text(values, 'why')?.trim() ?? ''
  if (!dryRun && why === '') {
    throw new UsageError('--why is missing: an undone version keeps its reason')
  }
  if (!dryRun && isFileMaster(out, core)) {
    return EXIT.refused
  }
  const newest = await store.policies.newest()
  const version = await toUndo(context, core, newest)
  if (version === null) {
    return EXIT.refused
  }
  const current = await store.policies.current()
  const after = await policiesBefore(store, version.id)
  const effects = await sayEffects(out, core, current, after, policyChanges(current, after))
  const madeFrom = newest?.id ?? null
  const result = await undoPolicies(core.deps, version.id, { by, why, dryRun, madeFrom })
  if (!result.ok) {
    out.problem({ where: 'policies', message: 'somebody saved others meanwhile: run it again' })
    out.data({ ok: false, reason: result.reason })
    return EXIT.refused
  }
  result.changes.map(changeLine).forEach(out.line)
  const done = dryRun ? 'Dry run: nothing was written' : `As before ${shortId(version.id)} again`
  out.line(result.changes.length === 0 ? 'Nothing to do: it is so already' : done)
  out.data({
    dry_run: dryRun,
    undone: version.id,
    version: result.version,
    changes: result.changes.map(changeData),
    ...effects,
  })
  return EXIT.ok
}

export const policyHistory: Command = {
  name: 'policy history',
  usage: '[--limit N]',
  summary: 'lists the versions of the policies: when, who, why',
  options: { limit: { type: 'string' } },
  positionals: [0, 0],
  run: history,
}

export const policyShow: Command = {
  name: 'policy show',
  usage: 'VERSION',
  summary: 'prints a version of the policies, and what it changed',
  options: {},
  positionals: [1, 1],
  run: show,
}

export const policyUndo: Command = {
  name: 'policy undo',
  usage: '[VERSION] --why TEXT [--dry-run]',
  summary: 'goes back to the policies of before a version, the newest unless one is named',
  options: { why: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  positionals: [0, 1],
  run: undo,
}
