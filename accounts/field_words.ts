import type { z } from 'zod'

/** What the schema says of one setting: JSON Schema, with our own annotations. */
export interface Described {
  readonly type?: string
  readonly description?: string
  /** The allowed values in words, where type and limits do not tell them. */
  readonly allowed?: string
  /** The default in words, where it is computed. */
  readonly shown_default?: string
  /** Written as one value although it is read into a group: `host:port`. */
  readonly one_value?: boolean
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Described>>
  readonly required?: readonly string[]
  readonly items?: Described
}

/** Attaches its meaning to a setting; it reaches `docs/settings.md` and error messages. */
export const setting = <T extends z.ZodType>(
  meaning: string,
  schema: T,
  more: Pick<Described, 'allowed' | 'shown_default' | 'one_value'> = {},
): T => schema.meta({ description: meaning, ...more })

/** A condition between settings: tested when what it `needs` is valid by itself. */
export interface Rule<T> {
  readonly needs: readonly (keyof T & string)[]
  readonly broken: (value: T) => boolean
  readonly path: readonly string[]
  readonly message: string
  /** Names the rule, for words of its own elsewhere; those of registrations have one. */
  readonly name?: string
}

/** Adds rules that run even while unrelated settings are wrong: all problems in one go. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  const runnable = (needs: readonly PropertyKey[], issues: readonly z.core.$ZodRawIssue[]) =>
    issues.every(({ path: [first] = [], code }) =>
      first === undefined ? code === 'unrecognized_keys' : !needs.includes(first),
    )
  return rules.reduce(
    (all, { needs, broken, path, message, name }) =>
      all.refine((value) => !broken(value), {
        path: [...path],
        error: message,
        params: { rule: name },
        when: ({ issues }) => runnable(needs, issues),
      }),
    schema,
  )
}
