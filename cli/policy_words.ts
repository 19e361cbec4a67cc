import {
  type EffectKey,
  effectsOf,
  type TypeEffects,
  unversioned,
} from '../accounts/policy_effects.ts'
import { typesWithKeys } from '../accounts/types_with_keys.ts'
import type { PolicySet } from '../policies/policy.ts'
import { warningsFor } from '../policies/policy_advice.ts'
import type { PolicyChange } from '../policies/policy_changes.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { Core } from './command.ts'
import { many, type Output } from './output.ts'
import { WARNING_WORDS } from './policy_advice.ts'

const EFFECT_WORDS: Readonly<Record<EffectKey, (count: number) => string>> = {
  locked_out: (count) => `${many(count, 'person', 'people')} without an OTP key could not sign in`,
  keys_shut_out: (count) =>
    `${many(count, 'person', 'people')} who come by an OTP key alone could not sign in`,
  pin_to_define: (count) => `${many(count, 'person', 'people')} would have to define a PIN`,
  pin_not_asked: (count) => `${many(count, 'PIN')} would be kept and not asked`,
  pin_asked_again: (count) => `${many(count, 'PIN')} of before would be asked again`,
  choice_lost: (count) =>
    `${many(count, 'person', 'people')} chose a protection that is no longer offered`,
  still_to_choose: (count) => `${many(count, 'person', 'people')} have not chosen yet`,
  passwords_expire: (count) =>
    `${many(count, 'password is', 'passwords are')} older than that: each is to be changed at the next connection, but in holidays`,
  temporary_end: (count) => `${many(count, 'temporary password')} would end at once`,
  devices_end: (count) => `${many(count, 'recognised device')} would end at once`,
  sessions: (count) => `${many(count, 'open session')} would end sooner`,
}

/** A version of policies as people speak of it: the beginning of its id. */
export const shortId = (id: string): string => id.slice(0, 8)

const value = (one: unknown): string => (one === undefined ? 'not set' : JSON.stringify(one))

export const changeLine = ({ userType, path, from, to }: PolicyChange): string =>
  `${userType}: ${path}: ${value(from)} -> ${value(to)}`

export const changeData = ({ userType, ...rule }: PolicyChange) => ({
  user_type: userType,
  ...rule,
})

/**
 * Advice, each once, with the types that it concerns. `withKeys`: those that have OTP keys, null
 * where nobody can tell.
 */
export const advise = (
  out: Output,
  policies: Partial<PolicySet>,
  withKeys: ReadonlySet<UserType> | null,
): Record<string, string[]> => {
  const typesOf = new Map<string, { types: UserType[]; loud: boolean }>()
  for (const type of USER_TYPES) {
    const policy = policies[type]
    const hasKeys = withKeys?.has(type) ?? null
    for (const { key, loud } of policy === undefined ? [] : warningsFor(policy, { hasKeys })) {
      const words = WARNING_WORDS[key]
      typesOf.set(words, { types: [...(typesOf.get(words)?.types ?? []), type], loud })
    }
  }
  for (const [words, { types, loud }] of typesOf) {
    const message = `${words} (${types.join(', ')})`
    if (loud) {
      out.problem({ where: 'WARNING', message })
    } else {
      out.line(`Note on ${message}`)
    }
  }
  return Object.fromEntries([...typesOf].map(([words, { types }]) => [words, types]))
}

const sayUnversioned = (out: Output, changes: readonly PolicyChange[]): void => {
  for (const type of unversioned(changes)) {
    out.problem({
      where: `${type}: passwords.rules_version`,
      message:
        'stays while the rules of passwords change: those of before count as today’s. Raise it, and they can be listed and changed (passwords force-change --older-than-rules)',
    })
  }
}

const touchedData = ({ userType, people, effects }: TypeEffects) => ({
  user_type: userType,
  people,
  ...Object.fromEntries(effects.map(({ key, count }) => [key, count])),
})

/** What a change would do to people, said and counted; to be asked before it is made. */
export const sayEffects = async (
  out: Output,
  { deps, lists }: Pick<Core, 'deps' | 'lists'>,
  before: PolicySet,
  after: PolicySet,
  changes: readonly PolicyChange[],
) => {
  sayUnversioned(out, changes)
  const touched = await effectsOf(lists.policyReach, before, after, changes, deps.clock())
  for (const { userType, people, effects } of touched) {
    out.line(`${userType}: ${many(people, 'account')}`)
    for (const { key, count } of effects) {
      out.line(`${userType}: ${EFFECT_WORDS[key](count)}`)
    }
  }
  const expired = touched.flatMap(({ userType, effects }) =>
    effects.filter(({ key }) => key === 'passwords_expire').map(({ count }) => [userType, count]),
  )
  return {
    touched: touched.map(touchedData),
    expired_at_once: Object.fromEntries(expired) as Record<string, number>,
  }
}

/** Of the types that need an OTP key to sign in, those that have any. */
export const keysFor = (
  { deps }: Pick<Core, 'deps'>,
  policies: Partial<PolicySet>,
): Promise<Set<UserType>> =>
  typesWithKeys(
    deps,
    USER_TYPES.filter((type) => policies[type]?.otp === 'required'),
  )

/** Says that commands do not change policies here; false: they do. */
export const isFileMaster = (out: Output, { policyFile }: Pick<Core, 'policyFile'>): boolean => {
  if (policyFile === null) {
    return false
  }
  out.problem({
    where: policyFile,
    message:
      'is the master of policies (setting policy_file): change that file, then start the gateway again',
  })
  out.data({ ok: false, policy_file: policyFile })
  return true
}
