import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { describe, expect, it } from 'vitest'

type Layer = {
  /** Our folders that it may import besides itself. */
  folders: string[]
  /** Packages and Node modules that it may import. */
  packages: RegExp
  /** What it may import with `import type` only. */
  types?: { folders: string[]; packages: RegExp }
}

const ANY = /./
const NONE = /^$/

/** Who may know whom. A row sees only what it names, so an arrow that is not drawn is forbidden. */
const LAYERS: Record<string, Layer> = {
  policies: { folders: [], packages: /^(zod|ipaddr\.js)$/ },
  accounts: { folders: ['policies'], packages: /^(argon2|bowser|node:crypto|node:os)$/ },
  adapters: {
    folders: ['accounts', 'policies'],
    packages: /^(kysely|node:.+)$/,
    types: { folders: [], packages: /^oidc-provider$/ },
  },
  imports: {
    // Files of people, read for the command line and for the console alike.
    folders: ['accounts', 'policies'],
    packages: /^(csv-parse|node:.+)$/,
  },
  cards: {
    folders: ['policies'],
    packages: /^(pdfkit|csv-stringify\/sync|uqr|node:(fs|fs\/promises|module|path))$/,
    types: { folders: ['accounts'], packages: NONE },
  },
  views: { folders: [], packages: /^(nunjucks|node:.+)$/ },
  interactions: {
    folders: ['accounts', 'policies', 'views'],
    packages: /^(koa|@koa\/router|oidc-provider|zod|node:.+)$/,
  },
  admin: {
    // The forms, language and addresses of the other pages: one way to do each thing.
    folders: ['accounts', 'policies', 'views', 'interactions', 'cards', 'imports'],
    packages: /^(koa|@koa\/router|@fastify\/busboy|zod|csv-stringify(\/sync)?|node:.+)$/,
  },
  provider: {
    folders: [
      'policies',
      'accounts',
      'adapters',
      'views',
      'interactions',
      'admin',
      'cards',
      'imports',
    ],
    packages: ANY,
  },
  cli: {
    folders: ['policies', 'accounts', 'adapters', 'cards', 'imports', 'provider'],
    packages: ANY,
  },
  demo: { folders: ['provider', 'accounts', 'policies'], packages: ANY },
  tools: { folders: ['accounts', 'demo', 'provider', 'test'], packages: ANY },
  bench: {
    folders: ['imports', 'adapters', 'accounts', 'cards', 'demo', 'provider'],
    packages: /^(yaml|argon2|csv-stringify\/sync|pino|node:.+)$/,
  },
}

/** Single files that may import one package more than their folder, and why. */
const EXCEPTIONS: Record<string, RegExp> = {
  'policies/prompts.ts': /^oidc-provider$/, // Prompt and Check are classes of the OP itself.
  'policies/otp_window.ts': /^(otpauth|node:crypto)$/, // The codes, and their comparison; no I/O.
  // Dictionaries, loaded when a password is first judged.
  'policies/password_strength.ts': /^@zxcvbn-ts\/(core|language-(common|en|fr))$/,
  'accounts/adopted_hash.ts': /^(bcrypt|node:util)$/, // Hashes of other systems; no I/O.
  'accounts/enrol_app.ts': /^otpauth$/, // The address that authenticator apps read.
  'interactions/enrol_app.ts': /^uqr$/, // That address as a QR code, for one page.
  'accounts/pskc_xml.ts': /^@xmldom\/xmldom$/, // The one reader of XML: files of keys; no I/O.
  // The schema of registrations and its words, which settings and console share; no I/O.
  'accounts/registration.ts': /^zod$/,
  'accounts/field_words.ts': /^zod$/,
  'accounts/ics.ts': /^ical\.js$/, // The one reader of calendars; no I/O.
  'accounts/oath_csv.ts': /^csv-parse\/sync$/, // Files of keys as lines; no I/O.
  'adapters/oidc_sqlite.ts': /^oidc-provider$/, // Throws the OP's own errors, reads its context.
}

/** Words that only some files may use; comments do not count. */
const WORDS = [
  {
    rule: 'settings are read in one place',
    word: /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[|['"](?:node:)?process['"]/,
    of: /./,
    except: /^(provider\/settings\.ts$|tools\/|demo\/|test\/)/,
  },
  {
    rule: 'time and chance are parameters',
    word: /\bDate\b|\bMath\s*\.\s*random\b|\bperformance\b|\bTemporal\b/,
    of: /^(policies|accounts)\//,
    except: NONE,
  },
]

type Import = { from: string; typeOnly: boolean }

const root = join(import.meta.dirname, '..')
const QUOTED_OR_COMMENT =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
const STATEMENT = /^[ \t]*(?:import|export)\b(\s+type\b)?([^'"`;]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
const CALL = /\b(?:import|require|getBuiltinModule)\s*\(\s*['"`]([^'"`\n]+)['"`]/g

const withoutComments = (text: string): string =>
  text.replace(QUOTED_OR_COMMENT, (found) => (found.startsWith('/') ? ' ' : found))

/** Every import of a source text: static, for its effect, re-exported, called. */
function importsOf(text: string): Import[] {
  const code = withoutComments(text)
  const statements = [...code.matchAll(STATEMENT)].map(([, type, , from = '']) => ({
    from,
    typeOnly: type !== undefined,
  }))
  const calls = [...code.matchAll(CALL)].map(([, from = '']) => ({ from, typeOnly: false }))
  return [...statements, ...calls]
}

const isSource = (file: string): boolean => file.endsWith('.ts') || file.endsWith('.mjs')

/** Paths of our sources in a folder, from the root, with `/`. */
const sourcesOf = (folder: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter(isSource)
        .map((file) => join(folder, file).split(sep).join('/'))
    : []

const read = (source: string): string => readFileSync(join(root, source), 'utf8')

function mayImport(source: string, layer: Layer, { from, typeOnly }: Import): boolean {
  if (!from.startsWith('.')) {
    const asType = typeOnly && layer.types?.packages.test(from)
    return layer.packages.test(from) || asType === true || EXCEPTIONS[source]?.test(from) === true
  }
  const target = normalize(join(dirname(source), from)).split(sep)[0] ?? ''
  const folders = [...layer.folders, ...(typeOnly ? (layer.types?.folders ?? []) : [])]
  return source.startsWith(`${target}/`) || folders.includes(target)
}

const forbiddenImports = (source: string, layer: Layer, text: string): string[] =>
  importsOf(text)
    .filter((one) => !mayImport(source, layer, one))
    .map(({ from }) => from)

const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$|coverage$)/.test(entry.name))
  .map(({ name }) => name)
  .filter((name) => sourcesOf(name).length > 0)

describe('imports go one way', () => {
  for (const [folder, layer] of Object.entries(LAYERS)) {
    describe(`${folder}/`, () => {
      it('is there, and is read', () => {
        const imports = sourcesOf(folder).flatMap((source) => importsOf(read(source)))
        expect(imports.length).toBeGreaterThan(0)
      })
      it.each(sourcesOf(folder))('%s', (source) => {
        expect(forbiddenImports(source, layer, read(source))).toEqual([])
      })
    })
  }

  it('gives every folder that has sources a row, tests apart', () => {
    expect(folders.filter((name) => name !== 'test').sort()).toEqual(Object.keys(LAYERS).sort())
  })

  it('names only files that exist as exceptions', () => {
    const known = Object.keys(LAYERS).flatMap(sourcesOf)
    expect(Object.keys(EXCEPTIONS).filter((source) => !known.includes(source))).toEqual([])
  })
})

describe('some words have one home', () => {
  for (const { rule, word, of, except } of WORDS) {
    it(rule, () => {
      const sources = folders.flatMap(sourcesOf).filter((file) => of.test(file))
      expect(sources.length).toBeGreaterThan(0)
      const found = sources
        .filter((file) => !except.test(file))
        .filter((file) => word.test(withoutComments(read(file))))
      expect(found).toEqual([])
    })
  }
})

describe('the reader of imports', () => {
  const policies = LAYERS['policies'] as Layer
  const adapters = LAYERS['adapters'] as Layer
  const cases: [why: string, source: string, layer: Layer, text: string, forbidden: string[]][] = [
    ['a package', 'policies/a.ts', policies, `import { x } from 'koa'`, ['koa']],
    ['several lines', 'policies/a.ts', policies, `import {\n  x,\n} from 'koa'`, ['koa']],
    ['for its effect', 'policies/a.ts', policies, `import 'koa'`, ['koa']],
    ['a re-export', 'policies/a.ts', policies, `export * from '../cli/a.ts'`, ['../cli/a.ts']],
    ['a call', 'policies/a.ts', policies, `await import('../demo/a.ts')`, ['../demo/a.ts']],
    [
      'a type',
      'policies/a.ts',
      policies,
      `import type { X } from '../accounts/a.ts'`,
      ['../accounts/a.ts'],
    ],
    ['its own folder', 'policies/a.ts', policies, `import { x } from './b.ts'`, []],
    ['a comment', 'policies/a.ts', policies, `// import { x } from 'koa'\n`, []],
    ['one exception', 'policies/prompts.ts', policies, `import { x } from 'oidc-provider'`, []],
    [
      'for one file',
      'policies/a.ts',
      policies,
      `import { x } from 'oidc-provider'`,
      ['oidc-provider'],
    ],
    [
      'a type where types may',
      'adapters/a.ts',
      adapters,
      `import type { X } from 'oidc-provider'`,
      [],
    ],
    [
      'a value where types may',
      'adapters/a.ts',
      adapters,
      `import { X } from 'oidc-provider'`,
      ['oidc-provider'],
    ],
    [
      'a deeper file',
      'adapters/b/a.ts',
      adapters,
      `import { x } from '../../provider/a.ts'`,
      ['../../provider/a.ts'],
    ],
  ]
  it.each(cases)('understands %s', (_, source, layer, text, forbidden) => {
    expect(forbiddenImports(source, layer, text)).toEqual(forbidden)
  })
})
