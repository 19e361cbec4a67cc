import type { z } from 'zod'
import type { Fields } from '../interactions/form.ts'
import { type Policy, policySchema } from '../policies/policy.ts'
import { withRule } from '../policies/policy_changes.ts'
import type { ConsoleError } from '../views/console/pages.ts'
import { isRuleInput, RULE_FIELDS, RULES_VERSION, type RuleField } from './policy_fields.ts'

export type ReadPolicy =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly errors: readonly ConsoleError[] }

const WHOLE_NUMBER = /^\d{1,6}$/

const numberOf = (text: string): number => (WHOLE_NUMBER.test(text) ? Number(text) : Number.NaN)

const linesOf = (text: string): string[] =>
  text
    .split(/[\n,;]/)
    .map((line) => line.trim())
    .filter(Boolean)

/** What was typed for one rule, as its schema is to judge it. */
const typedFor = (form: Fields, field: RuleField): unknown => {
  const text = form.text(field.path).trim()
  switch (field.kind) {
    case 'number':
      return numberOf(text)
    case 'tick':
      return form.ticked(field.path)
    case 'ticks':
      return field.values.filter((value) => form.ticked(`${field.path}.${value}`))
    case 'networks':
      return linesOf(text)
    case 'text':
      return text === '' ? undefined : text
    case 'choice':
      return field.path === 'passwords.min_strength' ? numberOf(text) : text
  }
}

const RISK = 'passwords.risk_accepted'
const RISK_LENGTHS = { min: 10, max: 500 }

/** The first line of a list of networks that is none. */
const whichLine = (form: Fields, field: string, index: unknown): string =>
  typeof index === 'number' ? (linesOf(form.text(field))[index] ?? '') : ''

const limitsOf = (path: string): Readonly<Record<string, number>> => {
  const field = RULE_FIELDS.find((one) => one.path === path)
  return field?.kind === 'number' ? { min: field.min, max: field.max } : {}
}

const ERROR_OF_KIND: Readonly<Record<RuleField['kind'], string>> = {
  number: 'number',
  tick: 'choice',
  choice: 'choice',
  ticks: 'none_ticked',
  networks: 'network',
  text: 'risk_length',
}

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly params?: Readonly<Record<string, unknown>> | undefined
}

/** A refusal of the schema as the form says it, beside the input that it is about. */
export const errorOfIssue = (issue: Issue, form: Fields): ConsoleError => {
  const path = issue.path.filter((part) => typeof part === 'string').join('.')
  const field = RULE_FIELDS.find((one) => one.path === path)
  const given = issue.code === 'custom' ? issue.params?.['key'] : undefined
  const key = typeof given === 'string' ? given : ERROR_OF_KIND[field?.kind ?? 'choice']
  const first = field?.kind === 'ticks' ? `${path}.${field.values[0] ?? ''}` : path
  const params = {
    ...limitsOf(path),
    ...(path === RISK ? RISK_LENGTHS : {}),
    ...(key === 'network' ? { line: whichLine(form, path, issue.path.at(-1)) } : {}),
  }
  return { field: first, key: `console.policies.errors.${key}`, params }
}

/**
 * The policy that a form describes. What no form asks for is that of `base`: the version of the
 * rules of passwords.
 */
export const readPolicyForm = (form: Fields, base: Policy): ReadPolicy => {
  let typed = withRule({}, RULES_VERSION, base.passwords.rules_version)
  for (const field of RULE_FIELDS) {
    typed = withRule(typed, field.path, typedFor(form, field))
  }
  const parsed = policySchema.safeParse(typed)
  if (parsed.success) {
    return { ok: true, policy: parsed.data }
  }
  const issues = parsed.error.issues as (z.core.$ZodIssue & Issue)[]
  const errors = issues.map((issue) => errorOfIssue(issue, form))
  // Of one input the first is enough.
  return {
    ok: false,
    errors: errors.filter(
      ({ field }, nth) => errors.findIndex((one) => one.field === field) === nth,
    ),
  }
}

/** The fields of a policy among all that were posted. */
export const ruleFields = (form: Fields): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(form.all()).filter(([name]) => isRuleInput(name)))
