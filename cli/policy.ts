import { applyPolicies, type PolicyChange } from '../accounts/apply_policies.ts'
import type { Deps } from '../accounts/ports.ts'
import { typesWithKeys } from '../accounts/types_with_keys.ts'
import type { PolicySet } from '../policies/policy.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { type Command, type Context, EXIT, type Exit, text } from './command.ts'
import type { Output } from './output.ts'
import { type Advice, adviceFor } from './policy_advice.ts'
import { expiredAtOnce, unversioned } from './policy_effects.ts'
import { readPolicyFile, writePolicyFile } from './policy_file.ts'

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

/**
 * Advice, each once, with the types that it concerns. `withKeys`: those that have OTP keys, null
 * where nobody can tell.
 */
const advise = (
  out: Output,
  policies: Partial<PolicySet>,
  withKeys: ReadonlySet<UserType> | null,
): Record<string, string[]> => {
  const typesOf = new Map<Advice, UserType[]>()
  for (const type of USER_TYPES) {
    const policy = policies[type]
    const hasKeys = withKeys?.has(type) ?? null
    for (const advice of policy === undefined ? [] : adviceFor(policy, { hasKeys })) {
      typesOf.set(advice, [...(typesOf.get(advice) ?? []), type])
    }
  }
  for (const [{ text: words, loud }, types] of typesOf) {
    const message = `${words} (${types.join(', ')})`
    if (loud) {
      out.problem({ where: 'WARNING', message })
    } else {
      out.line(`Note on ${message}`)
    }
  }
  return Object.fromEntries([...typesOf].map(([{ text: words }, types]) => [words, types]))
}

/** Of the types that need an OTP key to sign in, those that have any. */
const keysFor = (deps: Deps, policies: Partial<PolicySet>): Promise<Set<UserType>> =>
  typesWithKeys(
    deps,
    USER_TYPES.filter((type) => policies[type]?.otp === 'required'),
  )

/** What the change does to passwords that there are, before anybody wonders. */
const sayEffects = async (
  { out }: Context,
  deps: Deps,
  policies: Partial<PolicySet>,
  changes: readonly PolicyChange[],
): Promise<Record<string, number>> => {
  for (const type of unversioned(policies, changes)) {
    out.problem({
      where: `${type}: passwords.rules_version`,
      message:
        'stays while the rules of passwords change: those of before count as today’s. Raise it, and they can be listed and changed (passwords force-change --older-than-rules)',
    })
  }
  const expired = await expiredAtOnce(deps, policies, changes)
  for (const [type, people] of expired) {
    out.line(
      `${type}: ${people} passwords are older than that: each is to be changed at the next connection, but in holidays`,
    )
  }
  return Object.fromEntries(expired)
}

const value = (one: unknown): string => (one === undefined ? 'not set' : JSON.stringify(one))

const changeLine = ({ userType, path, from, to }: PolicyChange): string =>
  `${userType}: ${path}: ${value(from)} -> ${value(to)}`

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

const apply = async (context: Context): Promise<Exit> => {
  const { values, out, by } = context
  const policies = read(context)
  if (policies === null) {
    return EXIT.refused
  }
  const { deps } = await context.core()
  const dryRun = values['dry-run'] === true
  const why = text(values, 'why') ?? ''
  const changes = await applyPolicies(deps, policies, { by, why, dryRun })
  changes.map(changeLine).forEach(out.line)
  const advice = changes.length === 0 ? {} : advise(out, policies, await keysFor(deps, policies))
  const expired = await sayEffects(context, deps, policies, changes)
  if (changes.length === 0) {
    out.line('Nothing to do: these policies are in force already')
  } else {
    out.line(dryRun ? 'Dry run: nothing was written' : 'In force')
  }
  out.data({
    dry_run: dryRun,
    changes: changes.map(({ userType, ...rule }) => ({ user_type: userType, ...rule })),
    advice,
    expired_at_once: expired,
  })
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

export const policyApply: Command = {
  name: 'policy apply',
  usage: 'FILE.yaml [--why TEXT] [--dry-run]',
  summary: 'puts a file of policies in force',
  options: { why: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  positionals: [1, 1],
  run: apply,
}
