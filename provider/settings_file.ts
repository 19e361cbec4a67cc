import { readFileSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import type { SettingPath } from './setting_words.ts'

export interface Problem {
  /** `vestibule.yaml:12` or the name of a variable. */
  readonly where: string
  /** The setting, as `applications[0].client_id`; the file's name when it is the file itself. */
  readonly setting: string
  /** What is wrong, to follow the setting's name, with the allowed values; never a secret. */
  readonly message: string
}

export interface SettingsFile {
  /** Full path, or undefined when there is no file. */
  readonly path: string | undefined
  readonly value: Record<string, unknown>
  /** False when so much is wrong that its settings cannot be checked. */
  readonly readable: boolean
  readonly problems: Problem[]
  /** `vestibule.yaml:12` for a setting, or for the nearest one around it; undefined: no file. */
  locate(path: SettingPath): string | undefined
}

const DEFAULT_NAME = 'vestibule.yaml'
const NO_FILE: SettingsFile = {
  path: undefined,
  value: {},
  readable: true,
  problems: [],
  locate: () => undefined,
}

/** Own words for the parser's errors: its own ones may quote the text, and so a secret. */
const SYNTAX_WORDS: Record<string, string> = {
  DUPLICATE_KEY: 'is written twice in the same group: keep one',
  TAB_AS_INDENT: 'a tab stands where YAML wants spaces: indent with two spaces',
  MULTIPLE_DOCS: 'a line "---" begins a second document: only one is read',
  MISSING_CHAR: 'a closing quote, bracket or comma is missing here or above',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BAD_SCALAR_START: 'a value that begins with @ or ` must be put in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'the indentation does not fit, or a value that contains ": " needs quotes',
  MULTILINE_IMPLICIT_KEY: 'a line is not of the form "name: value"',
  BAD_DQ_ESCAPE: 'a backslash between double quotes must be doubled, or use single quotes',
  TAG_RESOLVE_FAILED: 'tags (!…) are not read here',
}
const OTHER_SYNTAX = 'is not valid YAML here'

/**
 * Reads the settings file: the one given, else `vestibule.yaml` in `cwd` if there is one.
 * Nothing of its content is checked beyond the YAML itself.
 */
export function readSettingsFile(given: string | undefined, cwd: string): SettingsFile {
  const path = resolve(cwd, given ?? DEFAULT_NAME)
  try {
    return parseSettings(readText(path), path, shownName(path, cwd))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    if (code === 'ENOENT' && given === undefined) return NO_FILE
    const message = REFUSED_READS[code] ?? `cannot be read (${code})`
    const problem = {
      where: given === undefined ? DEFAULT_NAME : 'VESTIBULE_CONFIG',
      setting: shownName(path, cwd),
      message,
    }
    return { ...NO_FILE, readable: false, problems: [problem] }
  }
}

const REFUSED_READS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder, not a file',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text: save it as UTF-8',
}

const readText = (path: string): string =>
  new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))

function shownName(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short.startsWith('..') || isAbsolute(short) ? path : short
}

function parseSettings(text: string, path: string, name: string): SettingsFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => `${name}:${Math.max(1, lines.linePos(offset).line)}`
  const syntax = [...document.errors, ...document.warnings].map(({ code, pos: [offset] }) => ({
    where: at(offset),
    setting: code === 'DUPLICATE_KEY' ? wordAt(text, offset) : name,
    message: SYNTAX_WORDS[code] ?? OTHER_SYNTAX,
  }))
  const structure = structureProblems(document, name, at)
  const readable =
    structure.length === 0 && document.errors.every(({ code }) => code === 'DUPLICATE_KEY')
  const problems = [...firstOfEachLine(syntax), ...structure]
  return {
    path,
    value: readable ? withoutEmpty(document.toJS() ?? {}) : {},
    readable,
    problems,
    locate: (setting) => at(offsetOf(document.contents, setting)),
  }
}

/** The parser goes on after an error and stumbles over its consequences. */
const firstOfEachLine = (problems: readonly Problem[]): Problem[] => [
  ...new Map(problems.toReversed().map((one) => [one.where, one])).values(),
]

const wordAt = (text: string, offset: number): string =>
  /^["']?([\w.-]{1,60})/.exec(text.slice(offset))?.[1] ?? 'a setting'

/** What YAML allows and a settings file should not hold. */
function structureProblems(
  document: Document.Parsed,
  name: string,
  at: (offset: number) => string,
): Problem[] {
  const found: Problem[] = []
  const { contents } = document
  const empty = contents === null || (isScalar(contents) && contents.value === null)
  if (!empty && !isMap(contents)) {
    const message = 'must be made of lines "name: value", not a list or a lone value'
    found.push({ where: at(offsetOf(contents, [])), setting: name, message })
  }
  visit(document, {
    Alias: (_, { range }) => {
      const message = 'aliases (*name) are not read here: write the value out, or put it in quotes'
      found.push({ where: at(range?.[0] ?? 0), setting: name, message })
    },
  })
  return found
}

/** `name:` with nothing behind it counts as not written. */
function withoutEmpty(value: unknown): Record<string, unknown> {
  return prune(value) as Record<string, unknown>
}

function prune(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(prune)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([, inner]) => inner !== null)
  return Object.fromEntries(kept.map(([key, inner]) => [key, prune(inner)]))
}

/** Where the setting stands in the text, or the nearest one around it. */
function offsetOf(contents: Node | null, path: SettingPath): number {
  let node: unknown = contents
  let offset = contents?.range?.[0] ?? 0
  for (const step of path) {
    const next = childOf(node, step)
    if (next === undefined) return offset
    offset = next.offset ?? offset
    node = next.node
  }
  return offset
}

function childOf(node: unknown, step: string | number) {
  if (isSeq(node) && typeof step === 'number') {
    const item = node.items[step]
    return isNode(item) ? { node: item, offset: item.range?.[0] } : undefined
  }
  const pair = isMap(node)
    ? node.items.findLast(({ key }) => isScalar(key) && String(key.value) === step)
    : undefined
  return pair && isNode(pair.key) ? { node: pair.value, offset: pair.key.range?.[0] } : undefined
}
