import { fullName } from '../accounts/account.ts'
import type { TypeEffects } from '../accounts/policy_effects.ts'
import { SHUTS_OUT } from '../accounts/policy_effects.ts'
import type { PolicyVersion } from '../accounts/ports.ts'
import type { Policy } from '../policies/policy.ts'
import { type Surroundings, warningsFor } from '../policies/policy_advice.ts'
import type { PolicyChange } from '../policies/policy_changes.ts'
import type { ConsoleMessage } from '../views/console/pages.ts'
import type {
  PolicyField,
  PolicyFrame,
  RuleChange,
  RuleValue,
  TouchedType,
} from '../views/console/policies.ts'
import { POLICY_FRAMES, RULE_FIELDS, type RuleField, ruleId } from './policy_fields.ts'
import type { Visit } from './visit.ts'

const message = (key: string, params?: ConsoleMessage['params']): ConsoleMessage => ({
  key: `console.policies.${key}`,
  ...(params === undefined ? {} : { params }),
})

const plain = (text: string): ConsoleMessage => message('value.text', { text })

const listWords = (field: RuleField | undefined, list: readonly unknown[]): RuleValue => {
  const words = list.map((one) =>
    field?.kind === 'ticks' ? message(`choices.${ruleId(field.path)}.${one}`) : plain(String(one)),
  )
  return words.length === 0 ? [message('value.none')] : words
}

const oneWord = (field: RuleField | undefined, value: unknown): ConsoleMessage => {
  if (value === undefined) {
    return message('value.none')
  }
  if (typeof value === 'boolean') {
    return message(value ? 'value.yes' : 'value.no')
  }
  if (field?.kind === 'number' && field.unit !== undefined) {
    return message(`counted.${field.unit}`, { count: Number(value) })
  }
  return field?.kind === 'choice'
    ? message(`choices.${ruleId(field.path)}.${value}`)
    : plain(String(value))
}

/** One rule's value in words. */
export const valueWords = (path: string, value: unknown): RuleValue => {
  const field = RULE_FIELDS.find((one) => one.path === path)
  return Array.isArray(value) ? listWords(field, value) : [oneWord(field, value)]
}

export const changeWords = ({ userType, path, from, to }: PolicyChange): RuleChange => ({
  userType,
  id: ruleId(path),
  from: valueWords(path, from),
  to: valueWords(path, to),
})

const fieldModel = (
  field: RuleField,
  typed: Readonly<Record<string, string>>,
  warnings: readonly string[],
): PolicyField => ({
  name: field.path,
  id: ruleId(field.path),
  kind: field.kind,
  text: typed[field.path] ?? '',
  ticked: typed[field.path] !== undefined,
  options:
    field.kind === 'choice' || field.kind === 'ticks'
      ? field.values.map((value) => ({
          value,
          ticked:
            field.kind === 'choice'
              ? typed[field.path] === value
              : typed[`${field.path}.${value}`] !== undefined,
        }))
      : [],
  min: field.kind === 'number' ? field.min : 0,
  max: field.kind === 'number' ? field.max : 0,
  unit: field.kind === 'number' ? (field.unit ?? '') : '',
  warnings,
})

/** The form of a policy, filled with what was typed, and warned by what is in force. */
export const framesOf = (
  typed: Readonly<Record<string, string>>,
  policy: Policy,
  surroundings: Surroundings,
): PolicyFrame[] => {
  const warnings = warningsFor(policy, surroundings)
  const warningsAt = (path: string): string[] =>
    warnings.filter((one) => one.path === path).map(({ key }) => key)
  return POLICY_FRAMES.map(({ name, fields }) => ({
    name,
    fields: fields.map((field) => fieldModel(field, typed, warningsAt(field.path))),
  }))
}

export const touchedWords = ({ userType, people, effects }: TypeEffects): TouchedType => ({
  userType,
  people,
  effects: effects.map(({ key, count }) => ({ key, count, loud: SHUTS_OUT.has(key) })),
})

export const countShutOut = (touched: readonly TypeEffects[]): number =>
  touched
    .flatMap(({ effects }) => effects)
    .reduce((sum, { key, count }) => sum + (SHUTS_OUT.has(key) ? count : 0), 0)

const CLI = /^cli:(.*)$/

/** Who saved versions, in words; people by their names, which are read once for all. */
export const authorsOf = async (
  { console }: Pick<Visit, 'console'>,
  versions: readonly Pick<PolicyVersion, 'by'>[],
): Promise<(by: string) => ConsoleMessage> => {
  const subs = [...new Set(versions.map(({ by }) => by))]
  const { accounts } = console.site.deps.store
  const found = subs.length === 0 ? [] : await accounts.bySubs(subs)
  const names = new Map(found.map((account) => [account.sub, fullName(account)]))
  return (by) => {
    const [, user] = CLI.exec(by) ?? []
    if (user !== undefined) {
      return message('by.command_line', { user })
    }
    return by === 'file' ? message('by.file') : message('by.person', { name: names.get(by) ?? by })
  }
}
