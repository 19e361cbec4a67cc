import { applyPolicies } from '../accounts/apply_policies.ts'
import type { PolicySet } from '../policies/policy.ts'
import { policyChanges } from '../policies/policy_changes.ts'
import { readPolicyFile } from '../provider/policy_file.ts'
import { type Command, type Context, EXIT, type Exit, text } from './command.ts'
import { writePolicyFile } from './policy_file.ts'
import {
  advise,
  changeData,
  changeLine,
  isFileMaster,
  keysFor,
  sayEffects,
} from './policy_words.ts'

/** The policies of a file, or null when its problems have been said. */
const read = ({ positionals, out, cwd }: Context): Partial<PolicySet> | null => {
  const [path = ''] = positionals
  const result = readPolicyFile(path, cwd)
  if (result.ok) {
    return result.policies
  }
  result.problems.forEach(out.problem)
  out.data({ ok: false, problems: result.problems })
  return null
}

const exportAll = async (context: Context): Promise<Exit> => {
  const { deps } = await context.core()
  const policies = await deps.store.policies.current()
  writePolicyFile(policies).trimEnd().split('\n').forEach(context.out.line)
  context.out.data({ policies })
  return EXIT.ok
}

const check = async (context: Context): Promise<Exit> => {
  const policies = read(context)
  if (policies === null) {
    return EXIT.refused
  }
  const advice = advise(context.out, policies, null)
  const types = Object.keys(policies)
  context.out.line(`Good: policies for ${types.join(', ') || 'nobody'}`)
  context.out.data({ ok: true, user_types: types, advice })
  return EXIT.ok
}

/** What a file would change, and whom, said before anything is done. */
const compare = async (context: Context, policies: Partial<PolicySet>) => {
  const { out } = context
  const core = await context.core()
  const newest = await core.deps.store.policies.newest()
  const before = await core.deps.store.policies.current()
  const after = { ...before, ...policies }
  const changes = policyChanges(before, after)
  changes.map(changeLine).forEach(out.line)
  const advice = changes.length === 0 ? {} : advise(out, policies, await keysFor(core, policies))
  const effects = await sayEffects(out, core, before, after, changes)
  return {
    core,
    madeFrom: newest?.id ?? null,
    changes,
    data: { changes: changes.map(changeData), advice, ...effects },
  }
}

const NOTHING = 'Nothing to do: these policies are in force already'

const diff = async (context: Context): Promise<Exit> => {
  const policies = read(context)
  if (policies === null) {
    return EXIT.refused
  }
  const { changes, data } = await compare(context, policies)
  if (changes.length === 0) {
    context.out.line(NOTHING)
  }
  context.out.data(data)
  return EXIT.ok
}

const apply = async (context: Context): Promise<Exit> => {
  const { values, out, by } = context
  const policies = read(context)
  if (policies === null) {
    return EXIT.refused
  }
  const dryRun = values['dry-run'] === true
  if (!dryRun && isFileMaster(out, await context.core())) {
    return EXIT.refused
  }
  const { core, madeFrom, changes, data } = await compare(context, policies)
  const why = text(values, 'why') ?? ''
  const result = await applyPolicies(core.deps, policies, { by, why, dryRun, madeFrom })
  if (!result.ok) {
    out.problem({ where: 'policies', message: 'somebody saved others meanwhile: run it again' })
    out.data({ ok: false, reason: result.reason })
    return EXIT.refused
  }
  if (changes.length === 0) {
    out.line(NOTHING)
  } else {
    out.line(dryRun ? 'Dry run: nothing was written' : 'In force')
  }
  out.data({ dry_run: dryRun, version: result.version, ...data })
  return EXIT.ok
}

export const policyExport: Command = {
  name: 'policy export',
  usage: '',
  summary: 'prints the policies in force, as a file',
  options: {},
  positionals: [0, 0],
  run: exportAll,
}

export const policyCheck: Command = {
  name: 'policy check',
  usage: 'FILE.yaml',
  summary: 'says what is wrong with a file of policies',
  options: {},
  positionals: [1, 1],
  run: check,
}

export const policyDiff: Command = {
  name: 'policy diff',
  usage: 'FILE.yaml',
  summary: 'says what a file of policies would change, and whom it touches',
  options: {},
  positionals: [1, 1],
  run: diff,
}

export const policyApply: Command = {
  name: 'policy apply',
  usage: 'FILE.yaml [--why TEXT] [--dry-run]',
  summary: 'puts a file of policies in force',
  options: { why: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  positionals: [1, 1],
  run: apply,
}
