import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AUDIT_ACTS } from '../../accounts/audit.ts'

const ROOT = join(import.meta.dirname, '../..')
const PRODUCT = '{accounts,adapters,admin,cli,imports,interactions,provider}/**/*.ts'

const literalsIn = (expression: string): string[] =>
  [...expression.matchAll(/'(\w+)'/g)].map(([, literal = '']) => literal)

/** What a constant of this source text may be; nothing for a name that is none. */
const constantIn = (source: string, name: string): string[] =>
  literalsIn(new RegExp(`\\bconst ${name} = ([^\\n]*)`).exec(source)?.[1] ?? '')

/** What stands behind `act:` in a source text, as it is or by the name of a constant. */
const actsWrittenIn = (source: string): string[] =>
  [...source.matchAll(/\bact: ([^,}\n]+)/g)].flatMap(([, expression = '']) => {
    const names = expression.replaceAll(/'\w+'/g, '').match(/\b[a-z]\w*\b/gi) ?? []
    return [...literalsIn(expression), ...names.flatMap((name) => constantIn(source, name))]
  })

const written = new Set(
  globSync(PRODUCT, { cwd: ROOT }).flatMap((file) =>
    actsWrittenIn(readFileSync(join(ROOT, file), 'utf8')),
  ),
)

describe('the list of acts that the audit may hold', () => {
  it.each(AUDIT_ACTS)('promises %s, which some act of ours writes', (act) => {
    expect(written).toContain(act)
  })
})
