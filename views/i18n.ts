import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locale } from './pages.ts'

export const LOCALES = ['fr', 'en'] as const satisfies readonly Locale[]

export type MessageParams = Readonly<Record<string, string | number>>
export type Translate = (key: string, params?: MessageParams) => string

/** One text, or one text per plural category chosen by the parameter named in `by`. */
export type Message = string | Plural
interface Plural {
  readonly by: string
  readonly other: string
  readonly [category: string]: string
}
type Tree = { readonly [key: string]: Message | Tree }

const PLACEHOLDER = /\{(\w+)\}/g

/**
 * The messages of one language by their full key (`login.title`), in file order. Those of the console
 * are in files by area: `console/people.en.json` holds what is below `console.people.`.
 */
export function readMessages(locale: Locale): ReadonlyMap<string, Message> {
  const folder = join(import.meta.dirname, 'messages')
  const read = (file: string): Tree => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Tree
  const ending = `.${locale}.json`
  const areas = readdirSync(join(folder, 'console')).filter((file) => file.endsWith(ending))
  return new Map([
    ...flatten(read(`${locale}.json`), ''),
    ...areas.flatMap((file) => [
      ...flatten(read(join('console', file)), `console.${file.slice(0, -ending.length)}.`),
    ]),
  ])
}

/** The placeholders of a message, sorted, without duplicates. */
export function placeholdersOf(message: Message): string[] {
  const { by = [], ...texts } = isPlural(message) ? message : { other: message }
  const names = Object.values(texts).flatMap((text) =>
    [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name),
  )
  return [...new Set(names.concat(by))].sort()
}

/**
 * Texts of one language. An unknown key or a missing parameter throws: a page with a hole in it
 * must never be sent, and the gallery test renders every page in every language.
 */
export function createTranslator(locale: Locale): Translate {
  const messages = readMessages(locale)
  const plurals = new Intl.PluralRules(locale)
  return (key, params = {}) => {
    const message = messages.get(key)
    if (message === undefined) throw new Error(`no ${locale} message for ${key}`)
    const text = isPlural(message) ? pluralText(message, params, plurals) : message
    return text.replace(PLACEHOLDER, (_, name: string) => parameter(name, params, key))
  }
}

function pluralText(message: Plural, params: MessageParams, plurals: Intl.PluralRules): string {
  const category = plurals.select(Number(params[message.by]))
  return message[category] ?? message.other
}

function parameter(name: string, params: MessageParams, key: string): string {
  const value = params[name]
  if (value === undefined) throw new Error(`message ${key} needs the parameter ${name}`)
  return String(value)
}

function* flatten(tree: Tree, prefix: string): Iterable<[string, Message]> {
  for (const [name, value] of Object.entries(tree)) {
    if (isMessage(value)) yield [prefix + name, value]
    else yield* flatten(value, `${prefix}${name}.`)
  }
}

function isMessage(value: Message | Tree): value is Message {
  return typeof value === 'string' || typeof value['by'] === 'string'
}

function isPlural(message: Message): message is Plural {
  return typeof message !== 'string'
}
